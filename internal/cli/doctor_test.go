package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/app"
)

// Doctor tells what is wrong once, too, with all that it concerns.
func TestDoctorTellsOneCauseOnce(t *testing.T) {
	out := &bytes.Buffer{}
	c := &command{Stdio: Stdio{Out: out, Err: out}, lang: "en"}
	c.printChecks([]app.Check{
		{Title: "data directory", Result: app.Bad, Found: "permission denied: /srv/muster", WayOut: "chown it"},
		{Title: "token", Result: app.Bad, Found: "permission denied: /srv/muster", WayOut: "chown it"},
		{Title: "engine", Result: app.Bad, Found: "permission denied: /srv/muster", WayOut: "then start it again"},
		{Title: "clock", Result: app.Good, Found: "in step"},
		{Title: "plans", Result: app.Good, Found: "in step"},
	})
	said := out.String()
	for want, times := range map[string]int{"permission denied": 1, "data directory, token, engine": 1, "chown it": 1, "then start it again": 1, "in step": 2, "1 thing(s) to mend": 1} {
		if n := strings.Count(said, want); n != times {
			t.Errorf("%q is told %d times, want %d:\n%s", want, n, times, said)
		}
	}
}

// A time that people read is the organisation's, wherever this machine is.
func TestDoctorTellsTheOrganisationsTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plans")
	if code, _, talk := muster(t, "init", dir); code != 0 {
		t.Fatalf("init: exit %d: %s", code, talk)
	}
	file := filepath.Join(dir, "estate.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, regexp.MustCompile(`(?m)^zone: \S+`).ReplaceAll(b, []byte("zone: Asia/Tokyo")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, talk := muster(t, "doctor", "--plans", dir, "--data", t.TempDir())
	if !regexp.MustCompile(`clock: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d JST`).MatchString(out) {
		t.Errorf("the clock is not told in the estate's zone:\n%s%s", out, talk)
	}
}
