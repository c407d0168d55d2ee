package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// real is a response that tanaka starts, with three people who could approve.
func real(t *testing.T, w *world, change func(*plan.Plan)) workflows.Input {
	t.Helper()
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth, p.Scenario.Injects = nil, run.Real, nil
		p.Scenario.Failback = run.PolicyStay
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "yamada", Roles: []string{"operator", "commander"}})
		if change != nil {
			change(p)
		}
	})
	in.Kind = run.Response
	w.tokyo = "down"
	people(w)
	return in
}

func said(err error, words string) bool { return err != nil && strings.Contains(err.Error(), words) }

// People are called and decide while the activation waits for a second person; nothing is
// changed before.
func TestActivationIsConfirmedBySomebodyElse(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	var starter, stranger, again error
	w.atEvent(run.ActivationAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{For: workflows.ApproveActivation, By: "tanaka"}, &starter)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{For: workflows.ApproveActivation, By: "nobody"}, &stranger)
	})
	w.atEvent(run.DamageAssessed, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", Via: "token ab"}, nil)
	})
	w.atEvent(run.DecisionAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{For: workflows.ApproveActivation, By: "sato"}, &again)
	})
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada"}, nil)
	})
	w.run(in)
	if !said(starter, "another person must") || stranger == nil {
		t.Errorf("the starter: %v, a stranger: %v; both must be refused", starter, stranger)
	}
	if !said(again, "confirmed already") {
		t.Errorf("a second confirmation: %v, want to be told that there is one", again)
	}
	confirmed := w.find(run.ActivationConfirmed)
	if len(confirmed) != 1 {
		t.Fatalf("confirmed %d times", len(confirmed))
	}
	if w.state() != run.RecoveredAtAlternate {
		t.Errorf("state = %s", w.state())
	}
}

// Nobody has to confirm twice: who approves the recovery has confirmed that it is one, and
// until then not one step begins.
func TestNothingIsChangedBeforeASecondPerson(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.atEvent(run.ApprovalAsked, "", func() {
		w.env.RegisterDelayedCallback(func() {
			if n := len(w.find(run.StepStarted)) + len(w.find(run.StepIntended)); n != 0 {
				t.Errorf("%d steps began before anybody approved", n)
			}
			if len(w.find(run.PersonCalled)) == 0 || len(w.find(run.PersonArrived)) == 0 {
				t.Error("people were kept waiting for the confirmation")
			}
			w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada"}, nil)
		}, 3*time.Hour)
	})
	w.run(in)
	var a run.Approval
	if e := w.find(run.ActivationConfirmed); len(e) != 1 || e[0].By != "yamada" || e[0].Decode(&a) != nil || !a.WithRecovery {
		t.Errorf("the activation is confirmed by %+v", e)
	}
}

// Who decided does not approve, unless nobody else could.
func TestDeciderDoesNotApprove(t *testing.T) {
	for name, c := range map[string]struct {
		others  bool
		refused bool
	}{"others could": {true, true}, "nobody else is there": {false, false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := real(t, w, func(p *plan.Plan) {
				if !c.others {
					p.Estate.People = p.Estate.People[:3]
				}
			})
			var decider, starter error
			w.atEvent(run.ApprovalAsked, "", func() {
				w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "tanaka"}, &starter)
				w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "sato"}, &decider)
				if c.others {
					w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada"}, nil)
				}
			})
			w.run(in)
			if starter == nil {
				t.Error("the starter approved")
			}
			if c.refused != said(decider, "can't approve it too") {
				t.Errorf("the decider's approval: %v", decider)
			}
		})
	}
}

// What is approved already says so, and by whom; nobody's late click is taken for a second yes.
func TestApprovalOfWhatNoLongerWaitsSaysSo(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	var atOnce, late error
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada"}, nil)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "suzuki", BreakGlass: true, Reason: "x"}, &atOnce)
	})
	w.atEvent(run.RecoveryOrdered, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "sato"}, &late)
	})
	w.run(in)
	if !said(atOnce, "approved already, by yamada") && !said(atOnce, "no approval is being asked for") {
		t.Errorf("a second approval at once: %v", atOnce)
	}
	if !said(late, "no approval is being asked for") {
		t.Errorf("an approval after the recovery began: %v", late)
	}
	if n := len(w.find(run.ApprovalGiven)); n != 1 {
		t.Errorf("%d approvals are recorded, want one", n)
	}
}

// Where two have to approve and one alone is left, that one goes on by break-glass, and is told so.
func TestTheOnlyApproverLeftBreaksGlass(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) { p.Scenario.Approvals = 2 })
	var twice, glass error
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.approve("yamada", nil)
		w.approve("yamada", &twice)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", BreakGlass: true, Reason: "nobody else is left"}, &glass)
		if glass != nil {
			abort(w)()
		}
	})
	w.run(in)
	if !said(twice, "nobody is left who could approve") || !said(twice, "ほかに承認できる人がいません") || glass != nil {
		t.Errorf("a second time: %v; by break-glass: %v", twice, glass)
	}
	if got := w.find(run.ApprovalGiven); len(got) != 2 || len(w.find(run.RecoveryOrdered)) != 1 {
		t.Errorf("approved by %+v", got)
	}
}

// Of two people who decide at once one wins, and the other is told what was decided.
func TestTwoDecisionsAtOnce(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) { inPlace(p, time.Hour) })
	var second, blind error
	w.atEvent(run.DecisionMade, "", func() { // people: sato decides for the alternate site
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "yamada", Choice: run.InPlace, Reason: "it can be repaired"}, &second)
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "yamada", Choice: run.InPlace, Instead: run.StandDown, Reason: "it can be repaired"}, &blind)
		// Knowing what was decided, it is a revision: of the run's only system, named or not.
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{By: "yamada", Choice: run.InPlace, Instead: run.Alternate, Reason: "it can be repaired"}, nil)
	})
	previous := w.onEvent
	w.onEvent = func(e run.Event) {
		previous(e)
		if e.Kind == run.DecisionMade && e.By == "yamada" { // sato's own is not the decision any more
			w.env.RegisterDelayedCallback(func() { w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "sato"}, nil) }, time.Minute)
		}
	}
	w.run(in)
	for _, err := range []error{second, blind} {
		if !said(err, "decided meanwhile, by sato: alternate") || !said(err, "--instead alternate") {
			t.Errorf("the second was told %v, want who decided what and the way out", err)
		}
	}
	if e := w.find(run.DecisionMade); len(e) < 2 || e[0].By != "sato" || e[1].By != "yamada" {
		t.Errorf("decisions: %+v", e)
	}
}

// Alone, with a reason, before everybody's eyes.
func TestBreakGlassIsToldToEverybody(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.atEvent(run.ActivationAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{For: workflows.ApproveActivation, By: "tanaka", BreakGlass: true, Reason: "nobody answers"}, nil)
	})
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "tanaka", BreakGlass: true, Reason: "the line is dead"}, nil)
	})
	w.run(in)
	for _, reason := range []string{"nobody answers", "the line is dead"} {
		told := slices.ContainsFunc(w.find(run.MessageSent), func(e run.Event) bool {
			var m run.Message
			return e.Decode(&m) == nil && strings.Contains(m.Text, reason) && strings.Contains(m.Text, "ブレークグラス") &&
				slices.Contains(m.To, "sato") && slices.Contains(m.To, "yamada")
		})
		if !told {
			t.Errorf("not everybody was told of %q", reason)
		}
	}
	if w.state() != run.RecoveredAtAlternate {
		t.Errorf("state = %s", w.state())
	}
}

// failing is a response whose step promote fails and waits for a person.
func failing(t *testing.T, w *world, change func(*plan.Plan)) workflows.Input {
	t.Helper()
	in := real(t, w, change)
	w.faults["world.promote"] = []fault{{before: temporal.NewNonRetryableApplicationError("the disk is full", plan.ErrFinding, nil)}}
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada"}, nil)
	})
	return in
}

// promotedByHand is what people did past muster.
func (w *world) promotedByHand() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.osaka = "primary"
	w.tell()
}

const theRunbook = "tokyo-loss-1/orders/failover"

func TestStepIsForcedByTwo(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	var alone, noReason error
	w.atEvent(run.StepWaiting, "promote", func() {
		w.promotedByHand()
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip}, &noReason)
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip, Reason: "promoted by hand"}, nil)
	})
	w.atEvent(run.ForceAsked, "promote", func() {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip, Reason: "promoted by hand"}, &alone)
		w.env.RegisterDelayedCallback(func() {
			if len(w.find(run.StepActed)) != 0 || w.step("promote").Kind != "" {
				t.Error("one person alone forced the step")
			}
			w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "yamada", Act: run.ActSkip, Reason: "I saw it"}, nil)
		}, 3*time.Hour)
	})
	w.run(in)
	if !said(alone, "another person confirms it") || noReason == nil {
		t.Errorf("the same person again: %v; without a reason: %v", alone, noReason)
	}
	var a run.StepAct
	acted := w.find(run.StepActed)
	if len(acted) != 1 || acted[0].By != "yamada" || acted[0].Decode(&a) != nil || a.AskedBy != "sato" || a.Asked != "promoted by hand" || a.BreakGlass {
		t.Errorf("forced by %+v (%+v), want sato and yamada", acted, a)
	}
	if e := w.step("promote"); e.Outcome != run.Skipped {
		t.Errorf("promote ended %s", e.Outcome)
	}
}

func TestStepIsForcedAloneByBreakGlass(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	// This environment knows the run by another ID than the one it was given.
	w.env.OnSignalExternalWorkflow(mock.Anything, in.RunID, "", "glass", mock.Anything).Return(func(_, _, _, name string, arg any) error {
		w.env.SignalWorkflow(name, arg)
		return nil
	})
	w.atEvent(run.StepWaiting, "promote", func() {
		w.promotedByHand()
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip, Reason: "nobody else is awake", BreakGlass: true}, nil)
	})
	w.run(in)
	var a run.StepAct
	if e := w.find(run.StepActed); len(e) != 1 || e[0].Decode(&a) != nil || !a.BreakGlass {
		t.Errorf("acted: %+v", e)
	}
	if !slices.ContainsFunc(w.find(run.MessageSent), func(e run.Event) bool {
		var m run.Message
		return e.Decode(&m) == nil && strings.Contains(m.Text, "nobody else is awake") && slices.Contains(m.To, "tanaka")
	}) {
		t.Error("nobody was told that a step was forced alone")
	}
}

// A drill keeps today's way, unless it rehearses the real one.
func TestDrillForcesAloneUnlessItRehearsesFourEyes(t *testing.T) {
	for _, rehearsed := range []bool{false, true} {
		w := newWorld(t)
		in := drill(t, func(p *plan.Plan) {
			p.Scenario.Simulate, p.Scenario.FourEyes, p.Scenario.Approvals = nil, rehearsed, 0
		})
		people(w)
		w.faults["world.promote"] = []fault{{before: temporal.NewNonRetryableApplicationError("the disk is full", plan.ErrFinding, nil)}}
		w.atEvent(run.StepWaiting, "promote", func() {
			w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActSkip, Reason: "a drill"}, nil)
		})
		w.run(in)
		asked, forced := len(w.find(run.ActivationAsked)), len(w.find(run.ForceAsked))
		if want := map[bool]int{false: 0, true: 1}[rehearsed]; asked != want || forced != want {
			t.Errorf("four_eyes %v: activation asked %d times, force %d", rehearsed, asked, forced)
		}
	}
}
