package scenario

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Files calls each for every plan file of a folder, by its path in it and in order, and what can't be
// looked at with why. Names that begin with a dot, testdata and muster's own settings hold no plans.
func Files(root *os.Root, each func(path string, err error) error) error {
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return each(path, err)
		}
		if Skips(path, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := filepath.Ext(d.Name()); d.IsDir() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		return each(path, nil)
	})
}
