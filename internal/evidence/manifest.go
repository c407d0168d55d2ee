package evidence

import (
	"encoding/json"
	"fmt"
)

// Whole makes sure that the files of one sealed part are those of its manifest.
func Whole(files map[string][]byte) error {
	var m Manifest
	if err := json.Unmarshal(files[FileManifest], &m); err != nil {
		return fmt.Errorf("%s: %w", FileManifest, err)
	}
	for _, f := range m.Files {
		if b, ok := files[f.Path]; !ok || Sum(b) != f.SHA256 {
			return fmt.Errorf("%s is not what was sealed", f.Path)
		}
	}
	return nil
}
