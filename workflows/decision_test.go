package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// asked is the aid that stood beside the recovery decision.
func asked(t *testing.T, w *world) run.DecisionAsk {
	t.Helper()
	e := w.find(run.DecisionAsked)
	if len(e) == 0 {
		t.Fatal("no decision was asked")
	}
	var ask run.DecisionAsk
	if err := e[0].Decode(&ask); err != nil {
		t.Fatal(err)
	}
	return ask
}

// inPlace gives the plan a runbook for recovery at the stricken site.
func inPlace(p *plan.Plan, estimate time.Duration) {
	p.Scenario.SitesLost = nil
	p.Systems[0].InPlace, p.Systems[0].InPlaceEstimate, p.Systems[0].InPlaceGround = "orders-in-place", d(estimate), "the maintainer's word"
	p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-in-place", System: "orders", Steps: []plan.Step{effect("start", "world.start")}})
}

// The estimates rest on what past runs took, then on what the plan declares, and say so;
// without either there is none (requirement B-DEC-02).
func TestTheForecastSaysWhatItRestsOn(t *testing.T) {
	timing := func(step, uses string, median, p95 float64, drills int) plan.Timing {
		return plan.Timing{Runbook: "orders-failover", Step: step, Action: uses, MedianS: median, P95S: p95, Drills: drills}
	}
	for _, c := range []struct {
		name     string
		past     []plan.Timing
		budget   time.Duration // of the step fence
		expected float64       // 0 is none
		p95      float64       // 0 is none
		ground   string
	}{
		{"never run, nothing declared", nil, 0, 0, 0, "none"},
		{"budgets", nil, 5 * time.Second, 5, 0, "has not been run before"},
		{"past runs", []plan.Timing{timing("fence", "world.fence", 2, 4, 3), timing("promote", "world.promote", 3, 9, 3)}, 5 * time.Second, 5, 13, "3 drills"},
		{"partly", []plan.Timing{timing("promote", "world.promote", 3, 9, 3)}, 5 * time.Second, 8, 0, "1 steps, budgets for 1, nothing for 0"},
		{"the action was another then", []plan.Timing{timing("promote", "world.start", 3, 9, 3)}, 5 * time.Second, 5, 0, "has not been run before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.past = c.past
			w.run(drill(t, func(p *plan.Plan) { step(p, "orders-failover", "fence").Budget = d(c.budget) }))
			ask := asked(t, w)
			figure := func(v *float64) float64 {
				if v == nil {
					return 0
				}
				return *v
			}
			if figure(ask.AlternateS) != c.expected || figure(ask.AlternateP95S) != c.p95 || !strings.Contains(ask.AlternateGround, c.ground) {
				t.Errorf("%v s, p95 %v s, on %q; want %v, %v, %q", figure(ask.AlternateS), figure(ask.AlternateP95S), ask.AlternateGround, c.expected, c.p95, c.ground)
			}
		})
	}
}

// When neither way meets the RTO the faster is proposed, and everybody is told of the
// miss at once (requirement B-DEC-03).
func TestAnExpectedMissIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.past = []plan.Timing{{Runbook: "orders-failover", Step: "fence", Action: "world.fence", MedianS: 3600, P95S: 7200, Drills: 1}}
	w.run(drill(t, func(p *plan.Plan) { inPlace(p, 30*time.Minute) }))
	ask := asked(t, w)
	if ask.Proposed != run.InPlace || ask.MissS == nil || *ask.MissS < 20*60 || *ask.MissS > 21*60 {
		t.Errorf("proposed %s, expected miss %v; want in place, 20 min and what was used", ask.Proposed, ask.MissS)
	}
	if !strings.Contains(ask.InPlaceGround, "the maintainer's word") {
		t.Errorf("in place rests on %q", ask.InPlaceGround)
	}
	told := false
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		told = told || e.Decode(&m) == nil && strings.Contains(m.Text, "Begin your workarounds")
	}
	if !told {
		t.Error("nobody was told to begin their workarounds")
	}
}

// A threat is recorded as one: nobody waits for damage, none of the RTO is used up, and the
// move is proposed while the home site is still intact (requirements B-DEC-05, B-CLK-03).
func TestAThreatMovesBeforeAnythingStops(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		inPlace(p, time.Second)
		p.Scenario.Trigger, p.Scenario.Injects = plan.TriggerThreat, nil
	}))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered", got)
	}
	var o run.Occurrence
	if e := w.find(run.EventOccurred); len(e) != 1 || e[0].Decode(&o) != nil || o.Source != run.SourceThreat {
		t.Errorf("occurred: %+v; want one threat", e)
	}
	ask := asked(t, w)
	if ask.UsedS != 0 || ask.Proposed != run.Alternate || !strings.Contains(ask.Ground, "precaution") {
		t.Errorf("%v s used, proposed %s on %q; want none, the alternate site, as a precaution", ask.UsedS, ask.Proposed, ask.Ground)
	}
}

// A decision is revised until the recovery begins; each is kept, and who approved the one
// way has not approved the other (requirement B-DEC-10).
func TestADecisionIsRevised(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Scenario.Approvals = 2
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "yamada", Roles: []string{"commander"}})
		inPlace(p, time.Hour)
	})
	people(w)
	var same, late error
	id := "default-test-workflow-id"
	approve := func(by string) { w.update(id, workflows.UpdateApprove, workflows.Approve{By: by}, nil) }
	w.atEvent(run.ApprovalAsked, "", func() { approve("sato") })
	previous := w.onEvent
	w.onEvent = func(e run.Event) {
		previous(e)
		if e.Kind == run.ApprovalAsked && strings.Contains(e.Reason, "revised") {
			w.env.RegisterDelayedCallback(func() { approve("sato"); approve("yamada") }, time.Second)
		}
	}
	w.atEvent(run.ApprovalGiven, "", func() {
		w.update(id, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.Alternate, Reason: "again"}, &same)
		w.update(id, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.InPlace, Reason: "the power is back"}, nil)
	})
	w.atEvent(run.RecoveryOrdered, "", func() {
		w.update(id, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.Alternate, Reason: "too late"}, &late)
	})
	w.run(in)
	if same == nil || late == nil {
		t.Errorf("the same again: %v; after the recovery began: %v; both must be refused", same, late)
	}
	var answers []run.Decision
	for _, e := range w.find(run.DecisionMade) {
		var x run.Decision
		if e.Decode(&x) == nil && x.Question == "recovery" {
			answers = append(answers, x)
		}
	}
	if len(answers) != 2 || answers[0].Answer != run.Alternate || answers[1].Answer != run.InPlace || answers[1].Instead != run.Alternate {
		t.Errorf("decisions %+v; want alternate, then in place instead of it", answers)
	}
	if n := len(w.find(run.ApprovalAsked)); n != 2 {
		t.Errorf("approval was asked %d times, want again after the revision", n)
	}
	if e := w.find(run.RecoveryOrdered); len(e) != 1 || e[0].Runbook != "orders-in-place" {
		t.Errorf("ordered %+v, want the recovery in place", e)
	}
}
