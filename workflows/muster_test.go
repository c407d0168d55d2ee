package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (w *world) moves() []string {
	var out []string
	for _, e := range w.find(run.MusterMoved) {
		var m run.MusterMove
		if err := e.Decode(&m); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, m.From+" > "+m.To+" by "+e.By)
	}
	return out
}

func ranked(p *plan.Plan) {
	p.Estate.Muster = &plan.Muster{Ranks: []plan.PlaceRank{{Places: []string{"hall", "annex", "online"}}, {Role: "operator", Places: []string{"tokyo-room", "annex"}}},
		Kit: []plan.Text{{EN: "helmet", JA: "ヘルメット"}}}
	p.Estate.Places = []plan.Place{{Name: "annex", Site: "kobe"}, {Name: "hall", Title: plan.Text{EN: "Hall B", JA: "B会議室"}, Site: "osaka"},
		{Name: "online", Online: true}, {Name: "tokyo-room", Site: "tokyo"}}
	p.Estate.Sites = append(p.Estate.Sites, plan.Site{Name: "kobe"})
}

func TestMusterPlacesByRankAndRole(t *testing.T) {
	w := newWorld(t)
	w.run(called(t, ranked))
	places := map[string]string{}
	for _, e := range w.find(run.PersonCalled) {
		var c run.Call
		if err := e.Decode(&c); err != nil {
			t.Fatal(err)
		}
		places[e.Person] = c.Place
	}
	// tokyo is lost in the scenario, so operators come to the next of their places.
	if places["sato"] != "hall" || places["tanaka"] != "annex" {
		t.Errorf("called to %v", places)
	}
	var m run.Message
	if err := w.find(run.MessageSent)[0].Decode(&m); err != nil || !strings.Contains(m.Text, "helmet") || !strings.Contains(m.Text, "B会議室") {
		t.Errorf("told %q, %v; want the place and the kit", m.Text, err)
	}
}

func TestAnUnsafePlaceMovesTheMuster(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.PersonCalled, "", func() {
		w.update(runID, workflows.UpdateInspect, workflows.Inspect{Site: "osaka", By: "tanaka", Note: "cracks"}, nil)
	})
	w.run(called(t, ranked))
	if got := w.moves(); !slices.Equal(got, []string{"hall > annex by engine"}) {
		t.Errorf("moves: %v", got)
	}
	told := false
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		if err := e.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Text, "Go to annex") {
			told = true
			if !slices.Contains(m.To, "sato") || slices.Contains(m.To, "tanaka") {
				t.Errorf("told %v; tanaka's place is as it was", m.To)
			}
		}
	}
	if !told {
		t.Error("nobody was told")
	}
}

// The place that people move to is inspected as well, before anybody works there.
func TestTheNextPlaceIsInspectedToo(t *testing.T) {
	for name, c := range map[string]struct {
		kobe    *bool
		outcome run.Outcome
		place   string
	}{
		"and is good":        {new(true), run.Passed, "annex"},
		"and is unsafe too":  {new(false), run.Passed, "online"},
		"and nobody does it": {nil, run.Unknown, "annex"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.atEvent(run.PersonCalled, "", func() { w.say(true, safe("sato"), safe("tanaka"), here("sato"), here("tanaka")) })
			w.onEvent = wrapped(w.onEvent, func(e run.Event) {
				switch {
				case e.Kind == run.PhaseStarted && e.Phase == run.SiteInspection:
					w.env.RegisterDelayedCallback(func() {
						w.update(runID, workflows.UpdateInspect, workflows.Inspect{Site: "osaka", By: "tanaka", Note: "cracks"}, nil)
					}, time.Second)
				case e.Kind == run.SiteInspected && e.Site == "osaka" && c.kobe != nil:
					w.env.RegisterDelayedCallback(func() {
						w.update(runID, workflows.UpdateInspect, workflows.Inspect{Site: "kobe", By: "tanaka", Usable: *c.kobe}, nil)
					}, time.Second)
				}
			})
			w.run(called(t, func(p *plan.Plan) {
				ranked(p)
				p.Scenario.Phases = []run.Phase{run.Activation, run.SafetyCheck, run.Muster, run.SiteInspection, run.Closing}
			}))
			for _, e := range w.find(run.PhaseEnded) {
				if e.Phase == run.SiteInspection && e.Outcome != c.outcome {
					t.Errorf("ended %s: %s; want %s", e.Outcome, e.Reason, c.outcome)
				}
			}
			var m run.MusterMove
			moves := w.find(run.MusterMoved)
			if len(moves) == 0 || moves[len(moves)-1].Decode(&m) != nil || m.To != c.place {
				t.Errorf("moves: %v; want to end at %s", w.moves(), c.place)
			}
		})
	}
}

func TestTheLeadNamesAnotherPlace(t *testing.T) {
	w := newWorld(t)
	var stranger, nowhere, again error
	w.atEvent(run.PersonCalled, "", func() {
		w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "suzuki", Place: "online", Reason: "x"}, &stranger)
		w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "tanaka", Place: "nowhere", Reason: "x"}, &nowhere)
		w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "tanaka", Place: "online", Reason: "the bridge is closed"}, nil)
	})
	w.atEvent(run.MusterMoved, "", func() {
		w.update(runID, workflows.UpdateRelocate, workflows.Relocate{By: "tanaka", Place: "online", Reason: "x"}, &again)
	})
	w.run(called(t, func(p *plan.Plan) {
		ranked(p)
		p.Scenario.Lead = "operator"
		p.Estate.People[0].Deputies = nil
	}))
	if got := w.moves(); !slices.Equal(got, []string{"hall > online by tanaka"}) {
		t.Errorf("moves: %v", got)
	}
	for what, err := range map[string]error{"by who does not lead": stranger, "to nowhere": nowhere, "twice": again} {
		if err == nil {
			t.Errorf("moved %s", what)
		}
	}
}

// Of several roles that change hands while a runbook goes on each goes to whom it was given, and to nobody else.
func TestSeveralRolesAreHandedOver(t *testing.T) {
	w := newWorld(t)
	in := ruined(t, w, func(p *plan.Plan) {
		announce(p)
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "ito"}, plan.Person{ID: "kato", Roles: []string{"comms"}}, plan.Person{ID: "mori", Roles: []string{"lead"}})
	})
	decide(w, map[string]run.Choice{"orders": run.Alternate})
	var taken error
	w.atEvent(run.StepWaiting, "announce", func() {
		for _, h := range []workflows.Handover{{Role: "operator", From: "tanaka", To: "ito"}, {Role: "comms", From: "kato", To: "mori"}} {
			h.By, h.Reason = "sato", "end of the shift"
			w.update(theRun, workflows.UpdateHandover, h, nil)
		}
		w.env.RegisterDelayedCallback(func() {
			w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "announce", By: "mori", Act: run.ActDone}, &taken)
			w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "announce", By: "ito", Act: run.ActDone}, nil)
		}, time.Minute)
	})
	w.run(in)
	if !said(taken, "which mori does not hold") {
		t.Errorf("mori, who has another role: %v", taken)
	}
	if e := w.find(run.StepActed); len(e) != 1 || e[0].By != "ito" {
		t.Errorf("done by %+v, want ito", e)
	}
}

// At the change of a shift a role goes to somebody else: what waits for it waits for them.
func TestARoleIsHandedOver(t *testing.T) {
	w := newWorld(t)
	var old, wrong error
	w.atEvent(run.PersonCalled, "", func() { w.say(true, safe("sato"), safe("tanaka"), here("sato"), here("tanaka")) })
	w.atEvent(run.QuorumReached, "", func() {
		w.update(runID, workflows.UpdateHandover, workflows.Handover{By: "tanaka", Role: "commander", From: "tanaka", To: "suzuki"}, &wrong)
		w.update(runID, workflows.UpdateHandover, workflows.Handover{By: "sato", Role: "commander", From: "sato", To: "suzuki", Reason: "end of the shift"}, nil)
	})
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Scenario.Phases = []run.Phase{run.Activation, run.SafetyCheck, run.Muster, run.RecoveryDecision, run.Recovery, run.Verification, run.Failback, run.Closing}
		p.Estate.People[0].Deputies = nil
		for i, b := range p.Runbooks {
			if b.Name == "orders-failover" {
				ask := plan.Step{ID: "announce", Uses: "human.task", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(time.Minute), Needs: []string{"promote"},
					Human: &plan.Human{Role: "commander", Text: plan.Text{EN: "Tell them", JA: "連絡する"}}}
				p.Runbooks[i].Steps = append(p.Runbooks[i].Steps, ask)
			}
		}
	})
	w.onEvent = wrapped(w.onEvent, func(e run.Event) {
		switch {
		case e.Kind == run.DecisionAsked && e.Phase == run.RecoveryDecision:
			w.env.RegisterDelayedCallback(func() {
				w.update(runID, workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "mine still?"}, &old)
				w.update(runID, workflows.UpdateDecide, workflows.Decide{By: "suzuki", Choice: run.Alternate, Reason: "Tokyo is gone"}, nil)
			}, 2*time.Second)
		case e.Kind == run.StepWaiting && e.Step == "announce":
			w.env.RegisterDelayedCallback(func() {
				w.update("tokyo-loss-1/orders/failover", workflows.UpdateStep, workflows.Step{Step: "announce", By: "suzuki", Act: run.ActDone}, nil)
			}, time.Second)
		}
	})
	w.run(in)
	if got := w.find(run.RoleHandedOver); len(got) != 1 || got[0].Person != "suzuki" || got[0].By != "sato" {
		t.Fatalf("handed over: %+v", got)
	}
	if wrong == nil || !strings.Contains(wrong.Error(), "does not hold") {
		t.Errorf("a role that somebody else holds was handed over: %v", wrong)
	}
	if made := w.find(run.DecisionMade); len(made) == 0 || made[0].By != "suzuki" || old == nil {
		t.Errorf("decided: %+v; the old holder was told %v", made, old)
	}
	if s := w.step("announce"); s.Outcome != run.Passed || s.By != "suzuki" {
		t.Errorf("the step for the role ended %+v", s)
	}
}

func TestStrengthIsConfirmedByASecondPerson(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.PersonCalled, "", func() { w.say(true, safe("sato"), safe("tanaka"), here("sato"), here("tanaka")) })
	count := func(by string) func() {
		return func() { w.update(runID, workflows.UpdateStrength, workflows.Strength{By: by}, nil) }
	}
	w.atEvent(run.QuorumReached, "", func() {
		w.env.RegisterDelayedCallback(count("tanaka"), time.Second)
		w.env.RegisterDelayedCallback(count("tanaka"), 2*time.Second)
		w.env.RegisterDelayedCallback(count("sato"), 3*time.Second)
	})
	w.run(called(t, nil))
	var s run.Strength
	if got := w.find(run.StrengthConfirmed); len(got) != 1 || got[0].By != "sato" || got[0].Decode(&s) != nil || s.Present["operator"] != 1 || s.Places["hall"] != 2 {
		t.Errorf("confirmed: %+v, %+v", got, s)
	}
	if got := w.find(run.StrengthReported); len(got) != 2 {
		t.Errorf("reported %d times; nobody confirms themselves", len(got))
	}
}
