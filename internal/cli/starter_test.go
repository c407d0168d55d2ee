package cli

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the starter's comments name as actions can be used as they stand there.
func TestStarterNamesActionsThatAreThere(t *testing.T) {
	var families, ids []string
	for _, a := range registry().Actions() {
		family, _, _ := strings.Cut(a.ID, ".")
		families, ids = append(families, family), append(ids, a.ID)
	}
	name, seen := regexp.MustCompile(`\b([a-z]+)\.[a-z_]+\b`), 0
	err := fs.WalkDir(starter, "starter", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := starter.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			_, comment, _ := strings.Cut(line, "#")
			for _, m := range name.FindAllStringSubmatch(comment, -1) {
				if !slices.Contains(families, m[1]) {
					continue
				}
				if seen++; !slices.Contains(ids, m[0]) {
					t.Errorf("%s names %s, which is no action: %s", path, m[0], strings.TrimSpace(line))
				}
			}
		}
		return nil
	})
	if err != nil || seen < 6 {
		t.Fatalf("%d names of actions, %v", seen, err)
	}
}
