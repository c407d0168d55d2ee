package app

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// heldPlan is a live drill whose first step waits for the file goOn.
func heldPlan(begun, goOn, second, third string) map[string]string {
	files := map[string]string{"estate.yaml": strings.Replace(estate, "runbooks: {failover: orders-failover}", "runbooks: {failover: held}", 1)}
	files["estate.yaml"] = strings.Replace(files["estate.yaml"], "    functions:\n      - {name: port, title: Port, probe: {uses: probe.tcp, at: osaka, with: {address: \"127.0.0.1:1\"}}}\n", "", 1)
	files["runbook.yaml"] = fmt.Sprintf(`kind: Runbook
name: held
system: orders
steps:
  - {id: first, uses: exec.run, with: {argv: [sh, -c, "touch %[1]s; until [ -e %[2]s ]; do sleep 0.05; done"]}}
  - {id: second, uses: exec.run, with: {argv: [touch, %[3]s]}}
  - {id: third, uses: exec.run, with: {argv: [touch, %[4]s]}}
`, begun, goOn, second, third)
	files["scenario.yaml"] = strings.Replace(strings.Replace(tabletop, "tabletop", "live", 1), "hazard: disaster", "hazard: disaster\nphases: [activation, recovery_decision, recovery, verification, closing]\napprovals: 0\nverify_wait: 1s\nhold: 500ms", 1)
	files["scenario.yaml"] = strings.Replace(files["scenario.yaml"], "rule: wait", "rule: alternate-site-when-rto-at-risk", 1)
	files["scenario.yaml"] = strings.Replace(files["scenario.yaml"], "within: 1m", "within: 1s", 1)
	return files
}

func there(path string) func() string {
	return func() string {
		if _, err := os.Stat(path); err != nil {
			return err.Error()
		}
		return ""
	}
}

// While another process holds the journal a run stands still, begins nothing, and the log
// says once why; then it goes on by itself, and nothing is missing.
func TestAJournalThatIsHeldHoldsTheRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	o, _ := options(t, plansDir(t, heldPlan(at("begun"), at("go"), at("second"), at("third"))))
	said := &talk{}
	o.Log = slog.New(slog.NewTextHandler(said, nil))
	o.Config.Store = "sqlite:" + at("journal.db")
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 2*time.Minute, there(at("begun")))
	other, err := sql.Open("sqlite", at("journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	for _, s := range []string{"PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"} {
		if _, err := other.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	save(t, at("go"), "")
	const held = "the journal can't be written"
	pgtest.Eventually(t, 60*time.Second, func() string {
		if !strings.Contains(said.String(), held) {
			return "the log does not say that runs stand still: " + said.String()
		}
		return ""
	})
	if there(at("third"))() == "" {
		t.Error("a step was begun while its forerunners were not in the journal")
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	nothingOpen(t, u, started.Run, "orders")
	r := readReport(t, u, started.Run)
	for _, id := range []string{"first", "second", "third"} {
		if s := step(r, id); s.Outcome != run.Passed {
			t.Errorf("step %s: %s (%s)", id, s.Outcome, s.Reason)
		}
	}
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 {
			t.Errorf("%d events of %s are missing", w.Missing, w.Name)
		}
	}
	if n := strings.Count(said.String(), held); n != 1 || !strings.Contains(said.String(), "runs go on") || !strings.Contains(said.String(), at("journal.db")) {
		t.Errorf("the log says it %d times, want once, with the place, and that they go on:\n%s", n, said)
	}
}
