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

// A ground of the plan in both languages stays apart: each reader has it in their own.
func TestTheGroundOfThePlanStaysApart(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		inPlace(p, 4*time.Hour)
		p.Systems[0].InPlaceGround = plan.Text{EN: "the maintenance contract (no. 7)", JA: "保守契約（7号）"}.Both()
	}))
	want := plan.Text{EN: "the plan: the maintenance contract (no. 7)", JA: "計画の見積もり：保守契約（7号）"}
	if got := plan.Apart(asked(t, w).InPlaceGround); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// How likely a way meets the RTO counts what is used of it already; without past runs nothing is said.
func TestTheDecisionKnowsItsChances(t *testing.T) {
	even := make([]float64, 101) // any time up to 100 minutes is as likely as another
	for i := range even {
		even[i] = 60 * float64(i)
	}
	rto := d(50 * time.Minute)
	for _, c := range []struct {
		name    string
		chances []plan.Chance
		want    float64 // -1 is none
	}{
		{"drawn", []plan.Chance{{System: "orders", Runbook: "orders-failover", PercentS: even, AtBest: true}}, 0.5},
		{"another runbook", []plan.Chance{{System: "orders", Runbook: "orders-in-place", PercentS: even}}, -1},
		{"no ground", nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.chances = c.chances
			w.run(drill(t, func(p *plan.Plan) {
				step(p, "orders-failover", "fence").Budget = d(5 * time.Second)
				p.Systems[0].Objective.RTO = &rto
			}))
			ask := asked(t, w)
			switch {
			case c.want < 0 && ask.AlternateMet != nil:
				t.Errorf("met in %v, want nothing said", *ask.AlternateMet)
			case c.want < 0:
			case ask.AlternateMet == nil || !ask.AlternateAtBest:
				t.Errorf("met in %v, at best %v", ask.AlternateMet, ask.AlternateAtBest)
			default:
				left := (*ask.ObjectiveS - ask.UsedS) / 6000
				if got := *ask.AlternateMet; got < left-0.001 || got > left+0.001 || got > c.want {
					t.Errorf("met in %v with %v s used of %v, want %v", got, ask.UsedS, *ask.ObjectiveS, left)
				}
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
		told = told || e.Decode(&m) == nil && strings.Contains(m.Text, "Begin your workarounds") && strings.Contains(m.Text, "missed by 20 min")
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

// While the run is held before its recovery, the decision may still be revised, and who approved the one way has not
// approved the other: not what moves nothing either.
func TestADecisionThatIsRevisedWhileHeldIsApprovedAnew(t *testing.T) {
	for name, first := range map[string]run.Choice{"the other way": run.Alternate, "from standing down": run.StandDown} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := real(t, w, func(p *plan.Plan) { inPlace(p, time.Hour) })
			w.onEvent = nil
			crew(w)
			revised, asked := false, 0
			w.on(run.DecisionAsked, run.RecoveryDecision, func(run.Event) {
				w.update(theRun, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait for the network team"}, nil)
				w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: first, Reason: "as it looks"}, nil)
				w.env.RegisterDelayedCallback(func() {
					revised = true
					w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.InPlace, Reason: "the power is back"}, nil)
				}, time.Hour)
				w.env.RegisterDelayedCallback(func() { w.update(theRun, workflows.UpdateResume, workflows.Control{By: "sato"}, nil) }, 2*time.Hour)
				w.env.RegisterDelayedCallback(func() {
					if n := len(w.find(run.RecoveryOrdered)); n != 0 {
						t.Errorf("%d recoveries are ordered that nobody has approved", n)
					}
					w.approve("yamada", nil)
				}, 3*time.Hour)
			})
			w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
				if asked++; !revised {
					w.approve("yamada", nil)
				}
			})
			w.run(in)
			if want := map[run.Choice]int{run.Alternate: 2, run.StandDown: 1}[first]; asked != want {
				t.Errorf("approval was asked %d times, want %d", asked, want)
			}
			if e := w.find(run.RecoveryOrdered); len(e) != 1 || e[0].Runbook != "orders-in-place" {
				t.Errorf("ordered %+v, want the recovery in place", e)
			}
		})
	}
}

// decided are the recovery decisions by system.
func decided(t *testing.T, w *world) map[string]run.Decision {
	t.Helper()
	out := map[string]run.Decision{}
	for _, e := range w.find(run.DecisionMade) {
		var x run.Decision
		if err := e.Decode(&x); err != nil {
			t.Fatal(err)
		}
		if x.Question == "recovery" {
			out[e.System] = x
		}
	}
	return out
}

// Without an alternate site recovery is in place, whatever is lost and however long it
// takes; without any way the record says so (requirement B-DEC-04).
func TestWithoutAnAlternateSite(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		inPlace(p, time.Hour)
		p.Scenario.SitesLost = []string{"tokyo"}
		p.Systems[0].Alternate, p.Systems[0].Failover, p.Systems[0].Failback = "", "", ""
	}))
	ask := asked(t, w)
	if ask.Proposed != run.InPlace || ask.MissS == nil || ask.AlternateS != nil || decided(t, w)["orders"].Answer != run.InPlace {
		t.Errorf("asked %+v, decided %+v; want in place, with the miss that is expected", ask, decided(t, w))
	}
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered where it stood", got)
	}

	w = newWorld(t)
	w.run(drill(t, func(p *plan.Plan) { p.Systems[0].Failover, p.Systems[0].Failback = "", "" }))
	if got := w.state(); decided(t, w)["orders"].Answer != run.NotPossible || got != run.NotResumable {
		t.Errorf("decided %+v, state %s; want not resumable", decided(t, w), got)
	}
}

// A switch while the main site is whole is a precaution: the record says so, no time is
// used when it is asked, and nobody is told of a miss (requirement B-DEC-05).
func TestAPrecautionarySwitch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Plan)
		want   bool
	}{
		"a threat":              {func(p *plan.Plan) { p.Scenario.Injects, p.Scenario.SitesLost = nil, nil }, true},
		"the service is down":   {func(p *plan.Plan) { p.Scenario.SitesLost = nil }, false},
		"the home site is lost": {func(p *plan.Plan) { p.Scenario.Injects = nil }, false},
	} {
		w := newWorld(t)
		w.past = []plan.Timing{{Runbook: "orders-failover", Step: "fence", Action: "world.fence", MedianS: 3600, Drills: 1}} // beyond the RTO
		w.run(drill(t, c.change))
		ask := asked(t, w)
		if got := decided(t, w)["orders"]; got.Answer != run.Alternate || got.Precaution != c.want || ask.Intact != c.want {
			t.Errorf("%s: decided %+v, intact %v; want the alternate site, a precaution: %v", name, got, ask.Intact, c.want)
		}
		if c.want && (ask.UsedS != 0 || ask.MissS != nil || !strings.Contains(ask.Ground, "precaution")) {
			t.Errorf("%s: asked %+v; a precaution uses no time and misses nothing", name, ask)
		}
		if !c.want && ask.MissS == nil {
			t.Errorf("%s: asked %+v; the miss is expected", name, ask)
		}
	}
}

// Each system is decided by itself, in the order of priority: a part may be switched and
// the rest left where it is (requirement B-DEC-06).
func TestAPartIsSwitched(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		shop := plan.System{Name: "shop", Home: "tokyo", Alternate: "osaka", Drillable: []run.Depth{run.Live}, Failover: "shop-failover"}
		p.Systems = append(p.Systems, shop)
		p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "shop-failover", System: "shop",
			Steps: []plan.Step{{ID: "shop-check", Uses: "world.check", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(time.Second)}}})
	})
	var mistyped, which error
	w.atEvent(run.DecisionAsked, "", func() {
		w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{System: "ordres", By: "sato", Choice: run.Alternate, Reason: "Tokyo is dark"}, &mistyped)
		w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{System: "shop", By: "sato", Choice: run.StandDown, Reason: "it can wait"}, nil)
		w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.Alternate, Reason: "Tokyo is dark"}, nil)
		w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.NotPossible, Reason: "Osaka too"}, &which)
	})
	w.run(in)
	// Both were told that no decision is being asked for, the first while it was.
	if !said(mistyped, `"ordres" is no system of this run; there are: orders, shop`) {
		t.Errorf("a mistyped system: %v", mistyped)
	}
	if !said(which, "--system") || !said(which, "orders") || !said(which, "shop") {
		t.Errorf("a revision that names none of two systems: %v", which)
	}
	var order []string
	for _, e := range w.find(run.DecisionAsked) {
		if e.Phase == run.RecoveryDecision {
			order = append(order, e.System)
		}
	}
	if len(order) != 2 || order[0] != "orders" {
		t.Errorf("asked in the order %v, want that of the plan's priorities", order)
	}
	got := decided(t, w)
	if got["orders"].Answer != run.Alternate || got["shop"].Answer != run.StandDown {
		t.Errorf("decided %+v", got)
	}
	if ordered := w.find(run.RecoveryOrdered); len(ordered) != 1 || ordered[0].System != "orders" {
		t.Errorf("ordered %+v, want orders alone", ordered)
	}
}
