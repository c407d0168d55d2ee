package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func TestDrillGoesThereAndBack(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, nil))
	if got := w.state(); got != run.Recovered {
		t.Fatalf("state = %s, want recovered", got)
	}
	want := []string{"world.kill", "world.fence", "world.promote", "world.rejoin", "world.switchover"}
	if !slices.Equal(w.acts, want) {
		t.Errorf("effects = %v, want %v", w.acts, want)
	}
	if w.tokyo != "primary" || w.osaka != "standby" {
		t.Errorf("tokyo is %s, osaka is %s: the drill must hand the systems back", w.tokyo, w.osaka)
	}
	var phases []run.Phase
	for _, e := range w.find(run.PhaseEnded) {
		phases = append(phases, e.Phase)
		if e.Outcome != run.Passed {
			t.Errorf("phase %s = %s (%s)", e.Phase, e.Outcome, e.Reason)
		}
	}
	for _, p := range run.Phases(run.Disaster) {
		if !slices.Contains(phases, p) {
			t.Errorf("phase %s is not in the journal", p)
		}
	}
}

// The journal numbers each writer's events without a gap: a report can see a loss.
func TestJournalHasNoGap(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, nil))
	next := map[string]int64{}
	for _, e := range w.events {
		next[e.Writer]++
		if e.Seq != next[e.Writer] {
			t.Fatalf("event %d of %s arrived as number %d", e.Seq, e.Writer, next[e.Writer])
		}
	}
	if last := w.events[len(w.events)-1]; last.Kind != run.RunEnded {
		t.Errorf("last event = %s, want the run's end", last.Kind)
	}
}

func TestHazardsHaveTheirPhases(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Hazard, p.Scenario.Phases = run.SecurityIncident, run.Phases(run.SecurityIncident)
	}))
	for _, e := range w.find(run.PhaseStarted) {
		if e.Phase == run.SafetyCheck || e.Phase == run.SiteInspection {
			t.Errorf("a security incident has no %s (requirement B-VAR-01, 03)", e.Phase)
		}
	}
}

// The answer of the promotion is lost after it acted: looking settles it and it is not
// done again (faults.md row 3).
func TestLostAnswerIsSettledByLooking(t *testing.T) {
	w := newWorld(t)
	w.faults["world.promote"] = []fault{{after: errLost}}
	w.run(drill(t, nil))
	e := w.step("promote")
	var res run.StepResult
	if err := e.Decode(&res); err != nil || e.Outcome != run.Passed || res.SettledBy != run.ByObservation {
		t.Errorf("promote = %s, settled by %s, want passed by observation", e.Outcome, res.SettledBy)
	}
	if n := strings.Count(strings.Join(w.acts, " "), "world.promote"); n != 1 {
		t.Errorf("promoted %d times", n)
	}
}

// An attempt that provably did nothing may be tried again, as the next generation.
func TestProvenNotDoneOpensTheNextGeneration(t *testing.T) {
	w := newWorld(t)
	w.faults["world.promote"] = []fault{{before: errLost}}
	w.run(drill(t, func(p *plan.Plan) { step(p, "orders-failover", "promote").Retry = 1 }))
	if e := w.step("promote"); e.Outcome != run.Passed || e.Generation != 2 {
		t.Errorf("promote = %s in generation %d, want passed in 2", e.Outcome, e.Generation)
	}
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s", got)
	}
}

// What nobody can tell is never retried: a person says what became of it, and that is
// in the record (faults.md I9).
func TestUnknownAsksAPerson(t *testing.T) {
	w := newWorld(t)
	w.faults["world.promote"] = []fault{{after: errLost}}
	w.blind["world.promote"] = true
	in := drill(t, func(p *plan.Plan) { p.Scenario.Simulate = nil })
	people(w)
	var noReason, wrongRole error
	w.atEvent(run.StepWaiting, "promote", func() {
		id := workflows.ExecuteID(in.RunID, "orders", workflows.ForFailover)
		w.update(id, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActDone}, &noReason)
		w.update(id, workflows.UpdateStep, workflows.Step{Step: "promote", By: "tanaka", Act: run.ActDone, Reason: "I saw it"}, &wrongRole)
		w.update(id, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActDone, Reason: "osaka answers on the console"}, nil)
	})
	w.run(in)
	if noReason == nil || wrongRole == nil {
		t.Errorf("marked by hand without a reason: %v; by the wrong role: %v; both must be refused", noReason, wrongRole)
	}
	e := w.step("promote")
	var res run.StepResult
	if err := e.Decode(&res); err != nil || res.SettledBy != run.ByPerson || e.By != "sato" {
		t.Errorf("promote settled by %s, %s; want by a person, sato", res.SettledBy, e.By)
	}
	if n := strings.Count(strings.Join(w.acts, " "), "world.promote"); n != 1 {
		t.Errorf("promoted %d times", n)
	}
}

// A failed step with nobody to help it stops the runbook and undoes what was done.
func TestFailureUndoesInReverse(t *testing.T) {
	w := newWorld(t)
	w.faults["world.promote"] = []fault{{before: errLost}}
	w.run(drill(t, nil))
	if got := w.state(); got != run.NotResumable {
		t.Errorf("state = %s, want not_resumable: nothing came back at the alternate site", got)
	}
	if w.tokyo != "primary" {
		t.Errorf("tokyo is %s: undo must have brought it back", w.tokyo)
	}
	if n := len(w.find(run.UndoEnded)); n != 2 { // unfence, and the inject's start
		t.Errorf("%d undos, want unfence and start; promote provably never happened", n)
	}
}

func TestAbortDuringRecoveryUndoes(t *testing.T) {
	w := newWorld(t)
	in := drill(t, nil)
	// The abort arrives when the promotion has just ended.
	w.atEvent(run.StepStarted, "promote", func() {
		w.update("default-test-workflow-id", workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "wrong day"}, nil)
	})
	p := &in.Plan
	slow := undoBy(effect("announce", "human.task", "promote"))
	slow.Human, slow.Effect, slow.Timeout = &plan.Human{Role: "nobody"}, run.Observe, d(time.Hour)
	p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, slow)
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	w.run(in)
	if got := w.state(); got != run.Cancelled {
		t.Errorf("state = %s, want cancelled", got)
	}
	if w.tokyo != "primary" || w.osaka == "primary" {
		t.Errorf("after the abort tokyo is %s and osaka %s: undo must hand the system back", w.tokyo, w.osaka)
	}
	if ends := w.find(run.UndoEnded); len(ends) == 0 {
		t.Error("no undo in the journal")
	}
}

func TestFailedUndoBlocksTheSystem(t *testing.T) {
	w := newWorld(t)
	w.faults["world.promote"] = []fault{{before: errLost}}
	w.faults["world.unfence"] = []fault{{before: errLost}, {before: errLost}, {before: errLost}}
	w.faults["world.start"] = []fault{{before: errLost}, {before: errLost}, {before: errLost}}
	// The lock outlives its run; only a person, with a reason, gives the system back.
	var noReason error
	w.atEvent(run.RunEnded, "", func() {
		w.update(workflows.SwitchID("orders"), workflows.UpdateRelease, workflows.Control{By: "sato"}, &noReason)
		w.update(workflows.SwitchID("orders"), workflows.UpdateRelease, workflows.Control{By: "sato", Reason: "started by hand"}, nil)
	})
	w.run(drill(t, nil))
	if noReason == nil {
		t.Error("the system was released without a reason")
	}
	if got := w.state(); got != run.CleanUpIncomplete {
		t.Errorf("state = %s, want cleanup_incomplete", got)
	}
	if kept := w.find(run.LockKept); len(kept) != 1 || !strings.Contains(kept[0].Reason, "unfence") {
		t.Errorf("lock kept = %+v, want one that names the undo", kept)
	}
}

// Nothing is broken when the system was not in full service to begin with.
func TestNoInjectWithoutBaseline(t *testing.T) {
	w := newWorld(t)
	w.tokyo = "down"
	w.run(drill(t, nil))
	if len(w.acts) > 0 && w.acts[0] == "world.kill" {
		t.Error("the drill broke a system that was not in full service")
	}
}

func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*workflows.Input){
		"stranger":             func(in *workflows.Input) { in.Requester = "mallory" },
		"altered plan":         func(in *workflows.Input) { in.Plan.Scenario.Hold = d(time.Hour) },
		"drill at real":        func(in *workflows.Input) { in.Plan.Scenario.Depth = run.Real; _ = in.Plan.Seal() },
		"response not at real": func(in *workflows.Input) { in.Kind = run.Response },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := drill(t, nil)
			change(&in)
			w.run(in)
			if got := w.state(); got != run.Refused {
				t.Errorf("state = %s, want refused", got)
			}
			if len(w.acts) > 0 {
				t.Errorf("refused and yet did %v", w.acts)
			}
		})
	}
}

// people answers as real people would, through updates, so that a test needs only to
// say what it is about.
func people(w *world) {
	crew(w)
	w.atEvent(run.DecisionAsked, "", func() {
		w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo is gone"}, nil)
	})
}

// crew are people, but for the decision.
func crew(w *world) {
	send := func(name string, arg any) func() {
		return func() { w.update("default-test-workflow-id", name, arg, nil) }
	}
	w.atEvent(run.PersonCalled, "", func() {
		for _, p := range []string{"sato", "tanaka"} {
			send(workflows.UpdateCheckIn, workflows.CheckIn{Person: p, By: p, Safety: run.Safe, CanCome: true})()
			send(workflows.UpdateArrive, workflows.Arrive{Person: p, By: p})()
		}
	})
	phase := map[run.Phase]func(){
		run.SiteInspection:   send(workflows.UpdateInspect, workflows.Inspect{Site: "osaka", By: "tanaka", Usable: true}),
		run.Communications:   send(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Communications, By: "tanaka"}),
		run.DamageAssessment: send(workflows.UpdateAssess, workflows.Assess{System: "orders", By: "tanaka", Damage: run.DamageStopped}),
		run.Containment:      send(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Containment, By: "tanaka"}),
		run.Completion:       send(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Completion, By: "sato"}),
		run.Closing:          send(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Closing, By: "sato", Note: "nothing was hard"}),
	}
	previous := w.onEvent
	w.onEvent = func(e run.Event) {
		if previous != nil {
			previous(e)
		}
		if f := phase[e.Phase]; f != nil && e.Kind == run.PhaseStarted {
			w.env.RegisterDelayedCallback(f, time.Second)
		}
	}
}

func TestRealPeopleLeadItThrough(t *testing.T) {
	w := newWorld(t)
	people(w)
	w.run(drill(t, func(p *plan.Plan) { p.Scenario.Simulate = nil }))
	if got := w.state(); got != run.Recovered {
		t.Fatalf("state = %s", got)
	}
	made := w.find(run.DecisionMade)
	if len(made) == 0 || made[0].By != "sato" {
		t.Errorf("decision = %+v, want by sato", made)
	}
	for _, e := range w.events {
		if run.IsSimulated(e.By) {
			t.Errorf("%s by %s, though nobody is simulated", e.Kind, e.By)
		}
	}
}

// Nobody answers anything: the run goes on by its rules and says so (B-FLW-09).
func TestSilenceDoesNotBlock(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) { p.Scenario.Simulate = nil }))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered by the plan's rule", got)
	}
	if len(w.find(run.QuorumMissed)) != 1 {
		t.Error("the missed quorum is not in the journal")
	}
	made := w.find(run.DecisionMade)
	var dec run.Decision
	if len(made) == 0 || made[0].Decode(&dec) != nil || dec.Rule != plan.RuleAlternateWhenAtRisk {
		t.Errorf("decision = %+v, want by rule", made)
	}
	deputy := false
	for _, e := range w.find(run.PersonCalled) {
		deputy = deputy || e.Person == "suzuki"
	}
	if !deputy {
		t.Error("the silent commander's deputy was not called")
	}
}

// Who asks for a real failover can't approve it; nor can a stranger decide.
func TestFourEyes(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth, p.Scenario.Injects = nil, run.Real, nil
		p.Scenario.Failback = run.PolicyStay
	})
	in.Kind = run.Response
	w.tokyo = "down"
	people(w)
	var own, noReason error
	const id = "default-test-workflow-id"
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: "tanaka"}, &own)
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: "tanaka", BreakGlass: true}, &noReason)
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: "sato"}, nil)
	})
	w.run(in)
	if own == nil {
		t.Error("the requester approved the recovery they asked for")
	}
	if noReason == nil {
		t.Error("break-glass without a reason was accepted")
	}
	if got := w.state(); got != run.RecoveredAtAlternate {
		t.Errorf("state = %s, want recovered_at_alternate", got)
	}
	if w.osaka != "primary" {
		t.Errorf("osaka is %s", w.osaka)
	}
}

// A run that an alarm started was asked for by nobody, so who decides is the first of the
// two who stand behind an effect. The alarm itself may neither decide nor approve, nor stop
// a response.
func TestFourEyesBehindAnAlarm(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth, p.Scenario.Injects = nil, run.Real, nil
		p.Scenario.Failback = run.PolicyStay
	})
	in.Kind, in.Requester = run.Response, run.Alarm("jma")
	w.tokyo = "down"
	people(w)
	var alone, alarmed, decided, stopped error
	const id = "default-test-workflow-id"
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(id, workflows.UpdateDecide, workflows.Decide{System: "orders", By: run.Alarm("jma"), Choice: run.Alternate, Reason: "x"}, &decided)
		w.update(id, workflows.UpdateAbort, workflows.Control{By: run.Alarm("jma"), Reason: "withdrawn"}, &stopped)
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: run.Alarm("jma")}, &alarmed)
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: "sato"}, &alone) // who has decided
		w.update(id, workflows.UpdateApprove, workflows.Approve{By: "tanaka"}, nil)
	})
	w.run(in)
	if decided == nil || alarmed == nil || stopped == nil {
		t.Errorf("the alarm decided (%v), approved (%v) or stopped the response (%v)", decided, alarmed, stopped)
	}
	if alone == nil || !strings.Contains(alone.Error(), "who decided can't approve") {
		t.Errorf("who decided approved alone: %v", alone)
	}
	if e := w.find(run.RunStarted); len(e) != 1 || e[0].By != "alarm:jma" {
		t.Errorf("started by %+v", e)
	}
	if got := w.state(); got != run.RecoveredAtAlternate {
		t.Errorf("state = %s, want recovered_at_alternate", got)
	}
}

// A step whose guard is false is skipped by the plan, not by hand.
func TestGuardSkips(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		s := step(p, "orders-failover", "fence")
		s.If = "false"
	}))
	e := w.step("fence")
	var res run.StepResult
	if err := e.Decode(&res); err != nil || e.Outcome != run.Skipped || res.SettledBy != run.ByGuard {
		t.Errorf("fence = %s by %s, want skipped by its guard", e.Outcome, res.SettledBy)
	}
}

// While paused no new step starts; what runs goes on to its end.
func TestPauseHoldsTheNextStep(t *testing.T) {
	w := newWorld(t)
	const id = "default-test-workflow-id"
	promoted := func() bool { return slices.Contains(w.acts, "world.promote") }
	w.atEvent(run.StepStarted, "fence", func() {
		w.update(id, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait for the network team"}, nil)
		w.env.RegisterDelayedCallback(func() {
			if promoted() {
				t.Error("promoted while paused")
			}
			w.update(id, workflows.UpdateResume, workflows.Control{By: "sato"}, nil)
		}, 3*time.Minute)
	})
	in := drill(t, func(p *plan.Plan) {
		// fence is slow enough for the pause to arrive before it ends.
		hold := effect("hold", "human.task", "fence")
		hold.Human, hold.Effect, hold.Timeout = &plan.Human{Role: "operator"}, run.Observe, d(time.Hour)
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, hold)
		step(p, "orders-failover", "promote").Needs = []string{"hold"}
	})
	w.run(in)
	if got := w.state(); got != run.Recovered || !promoted() {
		t.Errorf("state = %s, promoted = %v after the pause", got, promoted())
	}
}

// A system waits for those it depends on, and falls with them; on the way home too.
func TestDependenciesAreRecoveredFirst(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := newWorld(t)
		if fails {
			w.faults["world.promote"] = []fault{{before: errLost}}
		}
		w.run(drill(t, func(p *plan.Plan) {
			shop := plan.System{Name: "shop", Home: "tokyo", DependsOn: []string{"orders"}, Drillable: []run.Depth{run.Live}, Failover: "shop-failover", Failback: "shop-failback"}
			p.Systems = append([]plan.System{shop}, p.Systems...)
			for _, way := range []string{"point", "home"} {
				p.Runbooks = append(p.Runbooks, plan.Runbook{Name: map[string]string{"point": "shop-failover", "home": "shop-failback"}[way], System: "shop",
					Steps: []plan.Step{{ID: way, Uses: "world.check", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(time.Second)}}})
			}

		}))
		e := w.step("point")
		if fails && e.Kind != "" {
			t.Error("shop was recovered although orders was not")
		}
		if !fails && e.Outcome != run.Passed {
			t.Errorf("point = %q, want passed", e.Outcome)
		}
		if !fails {
			order := []string{}
			for _, e := range w.find(run.StepEnded) {
				order = append(order, e.Step)
			}
			if slices.Index(order, "point") < slices.Index(order, "promote") || slices.Index(order, "home") < slices.Index(order, "switchover") {
				t.Errorf("steps ended in order %v: shop came before orders", order)
			}
		}
	}
}

// A system that was moved to stay and is not seen in service was not recovered. Nothing of
// it was undone, so there is nothing to clean up and its lock is given back.
func TestMovedToStayAndNotInService(t *testing.T) {
	w := newWorld(t)
	w.deaf, w.quiet = "world.promote", true
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Failback, p.Systems[0].SingleWriter = run.PolicyStay, nil
	}))
	if got := w.state(); got != run.NotResumable {
		t.Errorf("state = %s, want not resumable", got)
	}
	if kept := w.find(run.LockKept); len(kept) > 0 {
		t.Errorf("the lock is kept: %s", kept[0].Reason)
	}
}

// A step that is seen half done is undone, though its goal does not hold.
func TestHalfDoneIsUndone(t *testing.T) {
	w := newWorld(t)
	w.faults["world.fence"] = []fault{{before: errLost}}
	w.half["world.fence"] = true
	w.run(drill(t, nil))
	undone := false
	for _, e := range w.find(run.UndoEnded) {
		undone = undone || e.Step == "fence" && e.Outcome == run.Passed
	}
	if !undone {
		t.Error("the half-raised fence was left standing")
	}
}

// An abort lets a paused way home go on: nobody may resume an aborted run.
func TestAbortWhilePausedGoesHome(t *testing.T) {
	w := newWorld(t)
	const id = "default-test-workflow-id"
	in := drill(t, func(p *plan.Plan) {
		hold := effect("hold", "human.task", "rejoin")
		hold.Human, hold.Effect, hold.Timeout = &plan.Human{Role: "operator"}, run.Observe, d(time.Hour)
		p.Runbooks[0].Steps = append(p.Runbooks[0].Steps, hold)
		step(p, "orders-failback", "switchover").Needs = []string{"hold"}
	})
	w.atEvent(run.StepStarted, "rejoin", func() {
		w.update(id, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait"}, nil)
		w.env.RegisterDelayedCallback(func() {
			w.update(id, workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "no time left"}, nil)
		}, 2*time.Minute)
	})
	w.run(in)
	if got := w.state(); got != run.Cancelled || w.tokyo != "primary" {
		t.Errorf("state = %s, tokyo is %s; want cancelled, and home", got, w.tokyo)
	}
}

// A probe whose worker dies just as it is asked for its observations hands them in from
// its own log.
func TestObservationsSurviveADeathAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.quiet = true
	w.faults["probe.world"] = []fault{{after: temporal.NewNonRetryableApplicationError("the worker fell silent", "test", nil)}}
	w.run(drill(t, nil))
	ended := w.find(run.ProbeEnded)
	if len(ended) != 1 || ended[0].Outcome != run.Passed {
		t.Errorf("probe ended %+v, want its observations", ended)
	}
}

// The start that is to hand them in is not ended by a word of the start before it, which may go on beside it at its worker:
// one that is ended before a worker took it hands in nothing.
func TestAWordOfAnEarlierStartIsNotTheOneWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.numbered, w.late, w.quiet = true, true, true
	w.faults["probe.world"] = []fault{{after: temporal.NewNonRetryableApplicationError("the worker fell silent", "test", nil)}}
	ended, taken := 0, false
	w.env.SetOnActivityCanceledListener(func(info *activity.Info) {
		if info.ActivityType.Name == "probe.world" {
			w.mu.Lock()
			defer w.mu.Unlock()
			ended++
			taken = w.taken
		}
	})
	w.run(drill(t, nil))
	if ended != 1 || !taken {
		t.Errorf("the second start was ended %d times, and had been taken: %v; want once, after that", ended, taken)
	}
	// This environment's engine ends it between two attempts, whatever the worker had to hand in.
	if got := w.find(run.ProbeEnded); len(got) != 1 || got[0].Outcome != run.Passed || w.looked != 3 {
		t.Errorf("probe ended %+v after %d starts, want its observations from the third", got, w.looked)
	}
}

// One that is to hand in and loses touch with the engine on the way is begun once more: what it saw is in its log.
func TestWhatFailedToHandInIsBegunOnceMore(t *testing.T) {
	w := newWorld(t)
	w.numbered, w.quiet, w.spoken = true, true, 2
	lost := temporal.NewNonRetryableApplicationError("the probe lost touch with the engine", "test", nil)
	w.faults["probe.world"] = []fault{{after: lost}, {after: lost}}
	w.run(drill(t, nil))
	if got := w.find(run.ProbeEnded); len(got) != 1 || got[0].Outcome != run.Passed || w.looked != 3 {
		t.Errorf("probe ended %+v after %d starts, want its observations from the third", got, w.looked)
	}
}

// A drill in which nobody may approve does not hang.
func TestDrillGoesOnWithoutApproval(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Approvals = 1
		p.Scenario.Quorum, p.Scenario.Decision.By = nil, "operator" // tanaka, who asks for it, alone
	}))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s", got)
	}
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.RecoveryDecision && e.Outcome != run.Failed {
			t.Errorf("the decision phase ended %s: nobody approved", e.Outcome)
		}
	}
}

// A probe whose word is waited for and does not come is started again.
func TestSilentProbeIsStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.deaf = "world.promote"
	w.run(drill(t, nil))
	if got := w.state(); got != run.Recovered || w.looked < 2 {
		t.Errorf("state = %s with the probe started %d times; want recovered, with a second start", got, w.looked)
	}
}

// A probe that goes on and has nothing to say is not stopped to be started again: the new start is beside it before the
// earlier one is ended. With a site worker of an earlier release, whose probe ends with either, it is started once more.
func TestAProbeIsStartedAgainBesideItself(t *testing.T) {
	for name, c := range map[string]struct {
		numbered bool
		want     int
	}{"a worker that says which start": {true, 2}, "a worker of an earlier release": {false, 3}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.deaf, w.goesOn, w.numbered = "world.promote", true, c.numbered
			before := 0
			w.env.SetOnActivityCanceledListener(func(info *activity.Info) {
				if info.ActivityType.Name == "probe.world" && before == 0 {
					w.mu.Lock()
					before = w.looked
					w.mu.Unlock()
				}
			})
			w.run(drill(t, nil))
			if got := w.state(); got != run.Recovered || before != 2 || w.looked != c.want {
				t.Errorf("state = %s; %d starts when the first was ended, %d in all: want 2, and %d", got, before, w.looked, c.want)
			}
		})
	}
}

// A service that comes and goes faster than its probe can tell holds nothing: only that it
// came up again is heard.
func TestAnOutageTooShortToBeToldBreaksTheHold(t *testing.T) {
	w := newWorld(t)
	in := drill(t, nil)
	w.atEvent(run.StepEnded, "promote", func() {
		for at := time.Duration(0); at <= in.Plan.Scenario.VerifyWait.Std(); at += in.Plan.Scenario.Hold.Std() / 2 {
			w.env.RegisterDelayedCallback(func() {
				w.env.SignalWorkflow(plan.SignalObserved, plan.Observed{Probe: "orders/take-orders", Up: true, At: time.Now()})
			}, at)
		}
	})
	w.run(in)
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.Verification && (e.Outcome != run.Failed || !strings.Contains(e.Reason, "did not hold full service")) {
			t.Errorf("verification %s (%s)", e.Outcome, e.Reason)
		}
	}
}

// The hold's timer goes on while nobody looks, as when engine and worker of one machine are
// killed together. Service that was last heard to be up is not taken to have held.
func TestAHoldThatNobodyLookedAtIsNotSteady(t *testing.T) {
	for _, seen := range []bool{false, true} {
		w := newWorld(t)
		in := drill(t, nil)
		w.deaf, w.quiet = "world.promote", true
		word := func(after, span time.Duration) func() {
			at := time.Now()
			return func() {
				w.env.SignalWorkflow(plan.SignalObserved, plan.Observed{Probe: "orders/take-orders", Up: true, At: at, Since: at.Add(after), Until: at.Add(after + span)})
			}
		}
		hold := in.Plan.Scenario.Hold.Std()
		w.atEvent(run.StepEnded, "promote", func() {
			word(0, 0)()
			w.env.RegisterDelayedCallback(word(2*hold, 0), 2*hold) // it looks again, after a gap
			if seen {
				w.env.RegisterDelayedCallback(word(2*hold, hold), 3*hold)
			}
		})
		w.run(in)
		for _, e := range w.find(run.PhaseEnded) {
			if e.Phase == run.Verification && (e.Outcome == run.Passed) != seen {
				t.Errorf("seen to hold: %v, verification %s (%s)", seen, e.Outcome, e.Reason)
			}
		}
	}
}

// Half a service seen for long is not the whole one seen to hold; and a word that was
// overtaken says nothing of what was seen.
func TestTheHoldIsOfTheLevelThatIsNeeded(t *testing.T) {
	for name, words := range map[string]func(at time.Time, hold time.Duration) []plan.Observed{
		"a part of it was seen for long": func(at time.Time, hold time.Duration) []plan.Observed {
			return []plan.Observed{
				{Up: true, Level: 40, At: at, Since: at, Until: at.Add(2 * hold)},
				{Up: true, At: at.Add(2 * hold), Since: at, Until: at.Add(2 * hold)},
			}
		},
		"an overtaken word": func(at time.Time, _ time.Duration) []plan.Observed {
			return []plan.Observed{
				{Up: true, At: at, Since: at, Until: at},
				{At: at.Add(-time.Second)},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := drill(t, func(p *plan.Plan) { p.Scenario.Failback = string(run.Stay) })
			w.deaf, w.quiet = "world.promote", true
			w.atEvent(run.StepEnded, "promote", func() {
				for i, o := range words(time.Now(), in.Plan.Scenario.Hold.Std()) {
					o.Probe = "orders/take-orders"
					w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(plan.SignalObserved, o) }, time.Duration(i+1)*time.Millisecond)
				}
			})
			w.run(in)
			for _, e := range w.find(run.PhaseEnded) {
				if e.Phase == run.Verification && e.Outcome == run.Passed {
					t.Error("verification passed")
				}
			}
		})
	}
}

// A probe that samples every few minutes is not taken for a dead one, and is waited for.
func TestASlowProbeIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) { p.Systems[0].Probes[0].Interval = run.Duration(5 * time.Minute) })
	w.deaf, w.quiet = "world.promote", true
	hold := in.Plan.Scenario.Hold.Std()
	w.atEvent(run.StepEnded, "promote", func() {
		at := time.Now()
		for _, span := range []time.Duration{0, 5 * time.Minute} {
			w.env.RegisterDelayedCallback(func() {
				w.env.SignalWorkflow(plan.SignalObserved, plan.Observed{Probe: "orders/take-orders", Up: true, At: at, Since: at, Until: at.Add(span)})
			}, span+time.Millisecond)
		}
	})
	w.run(in)
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.Verification && (e.Outcome != run.Passed || w.looked != 1) {
			t.Errorf("hold %v: verification %s (%s), the probe was started %d times", hold, e.Outcome, e.Reason, w.looked)
		}
	}
}

// What the event did to simulated people and buildings is what they report: the injured
// and those who can't come are no strength, and the muster leaves an unsafe site for one
// that the event has not taken.
func TestSimulatedPeopleReportWhatHappened(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Quorum = []plan.RoleCount{{Role: "operator", Count: 2}, {Role: "commander", Count: 1}}
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "mori", Roles: []string{"operator"}}, plan.Person{ID: "abe", Roles: []string{"operator"}})
		p.Estate.Places = []plan.Place{{Name: "hall", Site: "osaka"}, {Name: "lost-hall", Site: "tokyo"}, {Name: "online", Online: true}}
		p.Scenario.Simulate.Injured, p.Scenario.Simulate.Away, p.Scenario.Simulate.Unsafe = []string{"mori"}, []string{"abe"}, []string{"osaka"}
	}))
	arrived := map[string]bool{}
	for _, e := range w.find(run.PersonArrived) {
		arrived[e.Person] = true
	}
	if !arrived["tanaka"] || arrived["mori"] || arrived["abe"] {
		t.Errorf("arrived: %v", arrived)
	}
	if len(w.find(run.QuorumMissed)) != 1 {
		t.Error("injured and absent people were counted as strength")
	}
	moved := ""
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.SiteInspection {
			moved = e.Reason
		}
	}
	if !strings.Contains(moved, "the muster moved to online") {
		t.Errorf("the muster: %q", moved)
	}
}
