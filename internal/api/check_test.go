package api_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// A check that was made while the clock was ahead, and was set right since, holds up the next for no longer than
// another; two servers whose clocks drift don't check in turns.
func TestAClockThatIsSetBackHoldsUpNoCheck(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	s := &api.Server{Store: store, Plans: files{}, Now: func() time.Time { return now }}
	checked := func(id, scenario string, at time.Time) {
		t.Helper()
		e := run.Event{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: run.Engine, Data: run.Encode(run.Started{Kind: run.Readiness, Scenario: scenario})}
		if err := store.Append(t.Context(), []run.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	due := func(want ...string) {
		t.Helper()
		if got, err := s.DueChecks(t.Context(), 24*time.Hour); err != nil || !slices.Equal(got, want) {
			t.Errorf("due at %s: %q, %v, want %q", now, got, err, want)
		}
	}
	due("tokyo-loss", "tokyo-fire")
	checked("check-1", "tokyo-fire", now.Add(5*time.Minute)) // another server's clock
	checked("check-2", "tokyo-loss", now.Add(400*24*time.Hour))
	due("tokyo-loss")
	checked("check-3", "tokyo-loss", now)
	due()
	now = now.Add(25 * time.Hour)
	due("tokyo-loss", "tokyo-fire")
}
