package proof_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// A scenario is proven by the newest run that met everything with this very plan, not too long ago; the
// real thing proves the drill, and the plan of a run whose record was removed is another one.
func TestAScenarioIsProven(t *testing.T) {
	p := aPlan()
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	real := p
	real.Scenario.Depth = run.Real
	if err := real.Seal(); err != nil {
		t.Fatal(err)
	}
	other := p
	other.Scenario.Hold = run.Duration(time.Minute)
	if err := other.Seal(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		verdict run.Verdict
		depth   run.Depth
		hash    string
		days    int
		proven  bool
	}{
		"met":                        {run.Met, run.Live, p.Hash, 10, true},
		"met for real":               {run.Met, run.Real, real.Hash, 10, true},
		"missed":                     {run.Missed, run.Live, p.Hash, 10, false},
		"too old":                    {run.Met, run.Live, p.Hash, 101, false},
		"talked through":             {run.Met, run.Tabletop, p.Hash, 10, false},
		"by another plan":            {run.Met, run.Live, other.Hash, 10, false},
		"by a plan that was removed": {run.Met, run.Live, "0a1b2c", 10, false},
	} {
		s := newShelf(t)
		for _, kept := range []plan.Plan{p, real, other} {
			if err := s.store.PutPlan(t.Context(), kept); err != nil {
				t.Fatal(err)
			}
		}
		o := outcome.Outcome{Version: outcome.Version, Run: "r1", Kind: run.Drill, Depth: c.depth, Scenario: "loss", PlanHash: c.hash, State: run.Recovered, Verdict: c.verdict, EndedAt: now.AddDate(0, 0, -c.days)}
		if err := outcome.Put(t.Context(), s.store, o); err != nil {
			t.Fatal(err)
		}
		got, err := proof.Of(t.Context(), s.store, p, now, 0)
		if err != nil || got.Proven != c.proven || len(got.Reasons) == 0 != c.proven {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.proven)
		}
	}
}
