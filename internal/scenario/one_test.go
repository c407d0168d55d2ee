package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// Somebody else's slip does not keep a response from starting; one that the plan may come
// from does.
func TestAMistakeElsewhereDoesNotStopAResponse(t *testing.T) {
	const broken = "kind: Scenario\nname: another\nhazrd: flood\n"
	for _, c := range []struct {
		name, file, text string
		depth            run.Depth
		starts           bool
	}{
		{"another scenario", "another.yaml", broken, run.Real, true},
		{"another scenario, and a drill", "another.yaml", broken, run.Live, true},
		{"another system's runbook", "another.yaml", "kind: Runbook\nname: another\nsystem: catalogue\nstpes: []\n", run.Real, true},
		{"another system's runbook, and a drill", "another.yaml", "kind: Runbook\nname: another\nsystem: catalogue\nstpes: []\n", run.Live, false},
		{"a scenario of the same name", "another.yaml", strings.Replace(broken, "another", "tokyo-loss", 1), run.Real, false},
		{"a file of no kind", "another.yaml", "hazard: flood\n", run.Real, false},
		{"no mistake", "another.yaml", "", run.Real, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("testdata/base")); err != nil {
				t.Fatal(err)
			}
			if c.text != "" {
				if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p, elsewhere, err := CompileOne(dir, catalog(), "tokyo-loss", c.depth)
			if c.starts != (err == nil) || c.starts && (p.Hash == "" || (len(elsewhere) > 0) != (c.text != "")) {
				t.Errorf("plan %q, elsewhere %v, error %v", p.Hash, elsewhere, err)
			}
			if err != nil && !strings.Contains(err.Error(), "another.yaml") {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
}
