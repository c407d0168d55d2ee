package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// What no plan holds any more no run can pass: a person closes it, with a reason and a word of its own. What a run can
// still pass stays a run's to close.
func TestAFindingWhosePlaceIsGoneIsClosedByAPerson(t *testing.T) {
	l := newLessons(t)
	hour := run.Duration(time.Hour)
	plans := &proofFiles{now: proof.Files{Systems: []plan.System{{Name: "orders", Objective: plan.Objective{RTO: &hour}}}, Compile: files{}.Compile}}
	plans.now.Compile = func(scenario string, depth run.Depth) (plan.Plan, error) {
		p, err := files{}.Compile(scenario, depth)
		p.Scenario.Quorum = []plan.RoleCount{{Role: "commander", Count: 1}}
		p.Systems[0].Probes = []plan.Probe{{Name: "orders/write"}}
		return p, err
	}
	l.server.Plans, l.server.Channels = plans, func() map[string]string { return map[string]string{"mail": "ok"} }
	inForce := l.server.Estate
	l.server.Estate = func(ctx context.Context) (plan.Estate, error) {
		e, err := inForce(ctx)
		e.Parties = []plan.Party{{Name: "vendor"}}
		return e, err
	}
	seen := outcome.Outcome{Version: outcome.Version, Run: "r1", Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Missed, StartedAt: l.now.AddDate(0, 0, -31), EndedAt: l.now.AddDate(0, 0, -30),
		Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: run.Missed}}}}
	for place, gone := range map[string]bool{
		"budget/orders/orders-failover/announce": false, "budget/orders/orders-failover/promote": true, "step/orders/failover/announce": true, "undo/stock/orders-failover/announce": true,
		"objective/orders/rto": false, "objective/orders/rpo": true, "objective/orders/rlo-50": true, "objective/stock/rto": true, "worker/osaka": false,
		"worker/nagoya": true, "clock/site/tokyo": false, "clock/site/nagoya": true, "clock/event/orders": false, "clock/event/stock": true, "clock/engine": false,
		"party/vendor": false, "party/former": true, "channel/mail": false, "channel/pager": true, "people/decision/orders": false, "people/decision/stock": true, "people/decision/-": false,
		"people/answer/operator": false, "people/answer/guard": true, "people/deputy/guard": true, "people/quorum/commander": false, "people/quorum/guard": true, "people/reach": false,
		"record/probe/orders.write": false, "record/probe/orders.read": true, "record/events": false,
	} {
		seen.Findings = []outcome.Finding{{Place: place, Kind: run.FindingStep, System: "orders", Title: plan.Text{EN: place, JA: place}, Verdict: run.Missed}}
		seen.Run = "r-" + finding.IDOf(place)
		if err := outcome.Put(t.Context(), l.store, seen); err != nil {
			t.Fatal(err)
		}
		f := l.find(place)
		if _, err := l.client.OnFinding(l.as("sato"), f.ID, "confirm", api.FindingRequest{Run: "r1", Reason: "fine"}); problem(t, err).Status != 409 {
			t.Errorf("%s: closed by somebody's word on a run: %v", place, err)
		}
		got, err := l.client.OnFinding(l.as("sato"), f.ID, "confirm", api.FindingRequest{Gone: true, Reason: "it was retired"})
		if !gone {
			if problem(t, err).Status != 409 {
				t.Errorf("%s: %v, want it refused", place, err)
			}
			continue
		}
		if err != nil || got.State != finding.Closed || got.History[len(got.History)-1].What != finding.WasGone || got.History[len(got.History)-1].Reason != "it was retired" {
			t.Errorf("%s: %+v, %v, want it closed as gone", place, got, err)
		}
	}
	// A scenario that was retired can't be met any more either, unless another one is as hard.
	seen.Scenario, seen.Run, seen.EndedAt = "kanto-loss", "r9", l.now.AddDate(0, 0, -20)
	seen.Findings = []outcome.Finding{{Place: "objective/orders/failback", Kind: run.FindingObjective, System: "orders", Title: plan.Text{EN: "failback"}, Verdict: run.Missed}}
	plans.now.Systems[0].Failback = "orders-failback"
	if err := outcome.Put(t.Context(), l.store, seen); err != nil {
		t.Fatal(err)
	}
	if got, err := l.client.OnFinding(l.as("sato"), l.find("objective/orders/failback").ID, "confirm", api.FindingRequest{Gone: true, Reason: "the scenario was retired"}); err != nil || got.State != finding.Closed {
		t.Errorf("of a scenario that is gone: %+v, %v", got, err)
	}
}
