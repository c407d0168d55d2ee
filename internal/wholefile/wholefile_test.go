package wholefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// A file is replaced whole, with its mode; what a link in its place or beside it leads to stays as it is.
func TestAFileIsPutInItsPlaceAndNothingElseIsTouched(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "passwd")
	if err := os.WriteFile(other, []byte("root"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "key.pem")
	if err := os.Symlink(other, path+".new"); err != nil { // a trap by the name that is guessed first
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := wholefile.Write(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		info, serr := os.Stat(path)
		if err != nil || serr != nil || string(b) != text || info.Mode().Perm() != 0o640 {
			t.Errorf("%q, mode %v, %v, %v", b, info.Mode(), err, serr)
		}
	}
	link := filepath.Join(dir, "link.pem")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{link, dir} {
		if err := wholefile.Write(place, []byte("mine"), 0o600); err == nil || !strings.Contains(plan.SaidBy(err).JA, "変更していません") {
			t.Errorf("in place of %s: %v", place, err)
		}
	}
	b, err := os.ReadFile(other)
	if info, serr := os.Stat(other); err != nil || serr != nil || string(b) != "root" || info.Mode().Perm() != 0o644 {
		t.Errorf("the file that a link leads to is %q, mode %v, %v, %v", b, info.Mode(), err, serr)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new"))
	if err != nil || len(left) != 1 {
		t.Errorf("left beside: %v, %v", left, err)
	}
	if err := wholefile.Write(filepath.Join(dir, "none", "key.pem"), nil, 0o600); err == nil {
		t.Error("a folder that is not there is no error")
	}
}
