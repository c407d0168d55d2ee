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
	other.Scenario.Hold = run.Duration(time.Hour)
	if err := other.Seal(); err != nil {
		t.Fatal(err)
	}
	named := p // what people call a role came into plans later, and changes nothing of what is done
	named.Estate.Roles = []plan.Role{{Name: "commander", Title: plan.Text{JA: "統括責任者"}}}
	if err := named.Seal(); err != nil {
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
		"by one that names roles":    {run.Met, run.Live, named.Hash, 10, true},
		"by another plan":            {run.Met, run.Live, other.Hash, 10, false},
		"by a plan that was removed": {run.Met, run.Live, "0a1b2c", 10, false},
	} {
		s := newShelf(t)
		for _, kept := range []plan.Plan{p, real, other, named} {
			if err := s.store.PutPlan(t.Context(), kept); err != nil {
				t.Fatal(err)
			}
		}
		o := outcome.Outcome{Version: outcome.Version, Run: "r1", Kind: run.Drill, Depth: c.depth, Scenario: "loss", PlanHash: c.hash, State: run.Recovered, Verdict: c.verdict, EndedAt: now.AddDate(0, 0, -c.days)}
		if err := outcome.Put(t.Context(), s.store, o); err != nil {
			t.Fatal(err)
		}
		got, err := proof.Of(t.Context(), s.store, p, now, 0)
		if c.verdict == run.Missed && got.MissedIn != "r1" {
			t.Errorf("%s: %+v", name, got)
		}
		if err != nil || got.Proven != c.proven || len(got.Reasons) == 0 != c.proven {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.proven)
		}
	}
}

// A scenario that a newer run missed is not proven by an older one.
func TestAScenarioThatWasMissedSinceIsNotProven(t *testing.T) {
	p := aPlan()
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	s := newShelf(t)
	put := func(id string, days int, v run.Verdict, simulated bool) proof.Proof {
		t.Helper()
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "loss", PlanHash: p.Hash, State: run.Recovered, Verdict: v, EndedAt: now.AddDate(0, 0, -days),
			People: outcome.People{Simulated: simulated}}
		if err := outcome.Put(t.Context(), s.store, o); err != nil {
			t.Fatal(err)
		}
		got, err := proof.Of(t.Context(), s.store, p, now, 0)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := put("r1", 9, run.Met, true); !got.Proven || len(got.Simulated) != 1 {
		t.Errorf("by simulated people: %+v", got)
	}
	if got := put("r2", 8, run.Missed, false); got.Proven || got.Run != "r1" || got.MissedIn != "r2" || len(got.Reasons) != 1 {
		t.Errorf("missed since: %+v", got)
	}
	if got := put("r3", 7, run.Met, true); got.Proven || got.MissedIn != "r2" {
		t.Errorf("met again by simulated people: %+v", got)
	}
	if got := put("r4", 6, run.Met, false); !got.Proven || got.Run != "r4" || got.Simulated != nil || got.MissedIn != "" {
		t.Errorf("met again: %+v", got)
	}
	if got := put("r5", 5, run.Met, true); !got.Proven || got.Run != "r4" || got.Simulated != nil {
		t.Errorf("and by simulated people after it: %+v", got)
	}
}
