package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// The clock of the machine is set in the middle of a drill: its report says so in both
// languages, by how much and what it does to the figures; what has ended already says nothing.
func TestAClockThatIsSetIsInTheReport(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Store = "sqlite:" + filepath.Join(t.TempDir(), "journal.db")
	u := begin(t, o)
	start := func() string {
		t.Helper()
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		return started.Run
	}
	ended := start()
	untilEnded(t, u, ended)
	open := start()
	store, err := journal.Open(t.Context(), o.Config.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	log := slog.New(slog.DiscardHandler)
	enterClockStep(t.Context(), store, log, time.Hour, time.Now())
	enterClockStep(t.Context(), store, log, -10*time.Minute, time.Now())
	untilEnded(t, u, open)
	r := readReport(t, u, open)
	readsIn(t, u, r, map[string][]string{"en": {"set forward by 1h0m0s", "set back by 10m0s", "too long by as much", "too short by as much"},
		"ja": {"時計が 1h0m0s 進められた", "時計が 10m0s 戻された"}})
	for _, f := range readReport(t, u, ended).Findings {
		if f.Kind == run.FindingClock {
			t.Errorf("a run that had ended says %+v", f)
		}
	}
	if page, err := u.Report(t.Context(), ended, "markdown", "en"); err != nil || strings.Contains(string(page), "set forward") {
		t.Errorf("the page of a run that had ended: %v", err)
	}
}
