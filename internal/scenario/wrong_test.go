package scenario

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wrong puts a file among the good ones: an estate_ takes the place of the estate, and
// replace_NAME that of NAME; the others come beside them.
func wrong(t *testing.T, files Sources, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(path)
	if strings.HasPrefix(name, "estate_") && name != "estate_second.yaml" {
		delete(files, "estate.yaml")
	}
	if replaced, ok := strings.CutPrefix(name, "replace_"); ok {
		delete(files, replaced)
	}
	files[name] = data
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/scenario -run Wrong -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("mistakes differ from %s\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestWrongFiles(t *testing.T) {
	paths, _ := filepath.Glob("testdata/wrong/*.yaml")
	if len(paths) < 45 {
		t.Fatalf("only %d wrong files", len(paths))
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			files := base(t)
			wrong(t, files, path)
			b, mistakes := LoadSources(catalog(), files)
			if b != nil || len(mistakes) == 0 {
				t.Fatal("the file was accepted")
			}
			if !slices.ContainsFunc(mistakes, func(m Mistake) bool { return m.File == name }) {
				t.Errorf("no mistake names %s", name)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".golden", mistakes.Error()+"\n")
		})
	}
}

// Whoever has many mistakes hears of all of them at once. Only one estate can be there,
// so all others stand beside the good one.
func TestAllWrongFilesAtOnce(t *testing.T) {
	files := base(t)
	paths, _ := filepath.Glob("testdata/wrong/*.yaml")
	for _, path := range paths {
		if name := filepath.Base(path); !strings.HasPrefix(name, "estate_") || name == "estate_second.yaml" {
			wrong(t, files, path)
		}
	}
	_, mistakes := LoadSources(catalog(), files)
	for name := range files {
		if _, err := os.Stat("testdata/base/" + name); err == nil {
			continue
		}
		if !slices.ContainsFunc(mistakes, func(m Mistake) bool { return m.File == name }) {
			t.Errorf("no mistake names %s", name)
		}
	}
	golden(t, "testdata/wrong/all.golden", mistakes.Error()+"\n")
}
