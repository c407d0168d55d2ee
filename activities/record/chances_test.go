package record

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Chances rest on what is kept of past runs, and never on the run that asks.
func TestChancesReadOutcomes(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "lost", Hazard: run.Disaster, Depth: run.Live},
		Systems:  []plan.System{{Name: "orders", Failover: "failover"}},
		Runbooks: []plan.Runbook{{Name: "failover", System: "orders", Steps: []plan.Step{{ID: "promote", Uses: "db.promote"}}}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	ended := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	keep := func(id string, took float64) {
		t.Helper()
		ended = ended.Add(time.Hour)
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "lost", State: run.Recovered, StartedAt: ended.Add(-time.Minute), EndedAt: ended,
			Steps: []outcome.Step{{System: "orders", Runbook: "failover", Step: "promote", Action: "db.promote", ElapsedS: &took, Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult}}}
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() []plan.Chance {
		t.Helper()
		got, err := Deps{Store: store}.Chances(t.Context(), plan.ChancesRequest{Run: "asks", Plan: p.Hash})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	keep("asks", 9000)
	if got := ask(); len(got) != 0 {
		t.Errorf("without any past run: %+v", got)
	}
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		keep(id, 60)
	}
	got := ask()
	if len(got) != 1 || got[0].System != "orders" || got[0].Runbook != "failover" || got[0].Runs != 6 || len(got[0].PercentS) != 101 || !got[0].AtBest {
		t.Fatalf("%+v", got)
	}
	if half := got[0].PercentS[50]; half < 50 || half > 72 {
		t.Errorf("half take at most %v s, want about 60", half)
	}
}
