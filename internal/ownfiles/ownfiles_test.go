package ownfiles_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/ownfiles"
)

var at = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func looks(t *testing.T, w *ownfiles.Watch, now time.Time) []ownfiles.Difference {
	t.Helper()
	out, err := w.Look(now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A file that is replaced while the process runs is told once, unless that is an upgrade, whose
// process ends within a moment, or it is put back.
func TestAFileIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "muster.yaml")
	write(t, file, "lang: en\n")
	w, err := ownfiles.Begin("1.0.0", map[string]string{ownfiles.Settings: file, ownfiles.Policy: ""}, at)
	if err != nil {
		t.Fatal(err)
	}
	if d := looks(t, w, at.Add(time.Minute)); len(d) != 0 {
		t.Fatalf("nothing was changed: %+v", d)
	}
	write(t, file, "lang: ja # and more\n")
	if d := looks(t, w, at.Add(2*time.Minute)); len(d) != 0 {
		t.Errorf("at once: %+v", d)
	}
	write(t, file, "lang: en\n")
	if d := looks(t, w, at.Add(8*time.Minute)); len(d) != 0 {
		t.Errorf("put back: %+v", d)
	}
	write(t, file, "console: true\n")
	_ = looks(t, w, at.Add(9*time.Minute))
	d := looks(t, w, at.Add(15*time.Minute))
	if len(d) != 1 || d[0].Name != ownfiles.Settings || d[0].Was != w.Set().Files[ownfiles.Settings] || d[0].Is == d[0].Was || d[0].Upgrade {
		t.Fatalf("%+v", d)
	}
	if d := looks(t, w, at.Add(60*time.Minute)); len(d) != 0 {
		t.Errorf("told again: %+v", d)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if d := looks(t, w, at.Add(61*time.Minute)); len(d) != 1 || d[0].Is != "" {
		t.Errorf("taken away: %+v", d)
	}
}

// What is changed so that size and time stay the same is found within a day.
func TestAFileIsReadDaily(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, "allow: [a]\n")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ownfiles.Begin("1.0.0", map[string]string{ownfiles.Policy: file}, at)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, "allow: [b]\n")
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if d := looks(t, w, at.Add(time.Hour)); len(d) != 0 {
		t.Fatalf("the file system tells: %+v", d)
	}
	_ = looks(t, w, at.Add(25*time.Hour))
	if d := looks(t, w, at.Add(25*time.Hour+10*time.Minute)); len(d) != 1 {
		t.Errorf("after a day: %+v", d)
	}
}

// The program is what runs, whatever lies at its path by now.
func TestTheProgramIsTheOneThatRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "muster")
	write(t, file, "another program\n")
	w, err := ownfiles.Begin("1.0.0", map[string]string{ownfiles.Program: file}, at)
	if err != nil {
		t.Fatal(err)
	}
	_ = looks(t, w, at)
	if d := looks(t, w, at.Add(10*time.Minute)); len(d) != 1 || d[0].Name != ownfiles.Program {
		t.Errorf("the file is not what runs: %+v", d)
	}
}

// Between two starts a change is an alarm under the same version and expected under another one.
func TestAgainstTheLastStart(t *testing.T) {
	before := ownfiles.Set{Version: "1.0.0", Files: map[string]string{ownfiles.Program: "a", ownfiles.Settings: "x"}}
	for _, c := range []struct {
		now  ownfiles.Set
		want []ownfiles.Difference
	}{
		{before, nil},
		{ownfiles.Set{Version: "1.0.0", Files: map[string]string{ownfiles.Program: "b", ownfiles.Settings: "x"}}, []ownfiles.Difference{{ownfiles.Program, "a", "b", false}}},
		{ownfiles.Set{Version: "1.1.0", Files: map[string]string{ownfiles.Program: "b", ownfiles.Settings: "x"}}, []ownfiles.Difference{{ownfiles.Program, "a", "b", true}}},
		{ownfiles.Set{Version: "1.0.0", Files: map[string]string{ownfiles.Program: "a", ownfiles.Policy: "p"}}, []ownfiles.Difference{{ownfiles.Policy, "", "p", false}, {ownfiles.Settings, "x", "", false}}},
	} {
		got := c.now.Against(before)
		if len(got) != len(c.want) {
			t.Errorf("%+v: %+v", c.now, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%+v: %+v, want %+v", c.now, got[i], c.want[i])
			}
		}
	}
}
