package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/scenario"
)

// The files are read once for many questions, and again as soon as anything of them is another one,
// whatever its time says.
func TestPlanFilesAreReadAnewWhenTheyChanged(t *testing.T) {
	dir := plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop})
	p := plans{dir: dir, catalog: all.Registry(all.Options{}), kept: &keptPlans{}}
	title := func() string {
		t.Helper()
		list, err := p.Scenarios()
		if err != nil || len(list) == 0 {
			t.Fatalf("%v, %v", list, err)
		}
		return list[0].Title.EN
	}
	again := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "tokyo.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := title(); got != want {
			t.Errorf("it says %q, the file says %q", got, want)
		}
	}
	// Of the same length, one directly after the other.
	again(strings.Replace(tabletop, "Loss of Tokyo", "Loss of Osaka", 1), "Loss of Osaka")
	again(tabletop, "Loss of Tokyo")

	// Left alone for a while, it is kept.
	eventually(t, time.Minute, "the files are kept", func() bool { title(); return p.kept.bundle != nil })
	first := p.kept.bundle
	if title(); p.kept.bundle != first {
		t.Error("unchanged files were read again")
	}
	// What lies beside them and is no plan changes nothing: the records, a repository, a link to elsewhere.
	for _, name := range []string{".muster/journal.db-wal", ".git/index", "README.md", "testdata/old.yaml", scenario.Settings} {
		beside := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(beside), 0o700), os.WriteFile(beside, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if title(); p.kept.bundle != first {
			t.Errorf("plan files were read again because of %s", name)
		}
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if title(); p.kept.bundle != first {
		t.Error("plan files were read again because of a link that leads out of their folder")
	}
	// A change whose file has its old time and length again.
	file := filepath.Join(dir, "tokyo.yaml")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(tabletop, "Loss of Tokyo", "Loss of Kyoto", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := title(); got != "Loss of Kyoto" {
		t.Errorf("it says %q after a change with the old time", got)
	}

	// A mistake is told, and told again, and what was right before is not served instead.
	if err := os.WriteFile(file, []byte("kind: Scenario\nnaem: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if list, err := p.Scenarios(); err == nil {
			t.Errorf("files with a mistake give %v", list)
		}
	}
	if _, err := p.Programme(); err == nil {
		t.Error("the programme of files with a mistake is no mistake")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if list, err := p.Scenarios(); err != nil || len(list) != 0 {
		t.Errorf("after the file is gone: %v, %v", list, err)
	}
}
