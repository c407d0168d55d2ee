package archtest_test

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Words that promise something for later, or name the place where this was written. They
// are put together here from parts, so that this file passes its own test.
var (
	promises = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}, "|") + `)\b|` +
		`(?i)\bnot (yet )?` + `implemented\b|(?i)\bcoming ` + `soon\b|(?i)\bplace` + `holder (implementation|code|value)\b`)
	places = regexp.MustCompile(`(^|[\s"'=(:])/(work|root|home/[a-z]+)/[a-z.]|` + "proxy" + `\.golang\.org|` + "registry" + `\.npmjs`)
)

func TestNoPromisesAndNoPlaces(t *testing.T) {
	files := 0
	err := filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch rel {
			case ".git", ".cache", "bin", ".muster-demo":
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".md", ".yaml", ".yml", ".json", ".sh", ".html", ".css", ".js", ".sql", ".txtar", ".mod", "":
		default:
			return nil
		}
		if strings.Contains(rel, "testdata/histories/") || rel == "LICENSE" {
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(b, 0) >= 0 {
			return err
		}
		files++
		lines := bufio.NewScanner(bytes.NewReader(b))
		lines.Buffer(nil, len(b)+1)
		for n := 1; lines.Scan(); n++ {
			if w := promises.FindString(lines.Text()); w != "" {
				t.Errorf("%s:%d: %q: do it, or file an issue and leave the words out", rel, n, w)
			}
			if w := places.FindString(lines.Text()); w != "" {
				t.Errorf("%s:%d: %q names one machine or one registry", rel, n, strings.TrimSpace(w))
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files looked at below %s", files, source)
	}
}
