package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// on runs f after each event of a kind in a phase.
func (w *world) on(kind run.EventKind, phase run.Phase, f func(e run.Event)) {
	w.onEvent = wrapped(w.onEvent, func(e run.Event) {
		if e.Kind == kind && e.Phase == phase {
			w.env.RegisterDelayedCallback(func() { f(e) }, time.Millisecond)
		}
	})
}

func (w *world) approve(by string, refused *error) {
	w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: by}, refused)
}

// Who decided does not become the only one who could approve by handing the others' roles on.
func TestNobodyClearsTheWayByHandovers(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) {
		p.Scenario.Decision.Draft = "planner"
		p.Estate.People[0].Roles = []string{"commander", "planner"} // sato leads
		p.Estate.People[0].Deputies = nil
		p.Estate.People[3].Roles = []string{"approver"}
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "mori"})
		p.Estate.Grants = []plan.Grant{
			{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayReport, plan.MayApprove}}, {Role: "approver", May: []plan.Permission{plan.MayApprove}},
			{Role: "operator", May: []plan.Permission{plan.MayStart, plan.MayReport}},
		}
	})
	var taken, cleared error
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.update(theRun, workflows.UpdateHandover, workflows.Handover{By: "sato", Role: "approver", From: "yamada", To: "sato"}, &taken)
		w.update(theRun, workflows.UpdateHandover, workflows.Handover{By: "sato", Role: "approver", From: "yamada", To: "tanaka", Reason: "to clear the way"}, nil)
		w.approve("sato", &cleared)
		w.update(theRun, workflows.UpdateHandover, workflows.Handover{By: "sato", Role: "approver", From: "tanaka", To: "mori", Reason: "back"}, nil)
		w.approve("mori", nil)
	})
	w.run(in)
	if !said(taken, "nobody takes a role to themselves") || !said(taken, "引き継ぐことはできません") {
		t.Errorf("a role was taken by who wants it: %v", taken)
	}
	if !said(cleared, "can't approve it too") {
		t.Errorf("who decided approved, having handed the approver's role on: %v", cleared)
	}
	if got := w.find(run.ApprovalGiven); len(got) != 1 || got[0].By != "mori" {
		t.Errorf("approved by %+v", got)
	}
}

// byAlarm is a response that an alarm started and on which nobody decides.
func byAlarm(t *testing.T, w *world) workflows.Input {
	in := real(t, w, nil)
	in.Requester = "alarm:jma"
	w.onEvent = nil
	w.atEvent(run.PersonCalled, "", func() {
		for _, id := range []string{"sato", "yamada", "tanaka"} {
			w.update(theRun, workflows.UpdateArrive, workflows.Arrive{Person: id, By: id}, nil)
		}
	})
	w.on(run.PhaseStarted, run.Closing, func(run.Event) {
		w.update(theRun, workflows.UpdateConfirm, workflows.Confirm{Phase: run.Closing, By: "sato", Note: "nothing"}, nil)
	})
	return in
}

// Where an alarm asked and the plan's rule decided, production is not moved by one person.
func TestAnAlarmAndARuleLeaveTwoPersonsToApprove(t *testing.T) {
	t.Run("who confirmed the activation is the first", func(t *testing.T) {
		w := newWorld(t)
		in := byAlarm(t, w)
		var same error
		w.on(run.ActivationAsked, run.Activation, func(run.Event) { w.approve("yamada", nil) })
		w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
			w.approve("yamada", &same)
			if x := awaited(w.overview(in.Plan)); slices.Contains(x.People, "yamada") || !slices.Contains(x.People, "sato") {
				t.Errorf("it waits for %v", x.People)
			}
			w.approve("sato", nil)
		})
		w.run(in)
		if !said(same, "yamada, who confirmed the activation") {
			t.Errorf("one person moved production: %v", same)
		}
	})
	t.Run("nobody confirmed", func(t *testing.T) {
		w := newWorld(t)
		in := byAlarm(t, w)
		w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
			w.approve("yamada", nil)
			w.env.RegisterDelayedCallback(func() {
				if len(w.find(run.StepStarted)) > 0 {
					t.Error("one person moved production")
				}
				if x := awaited(w.overview(in.Plan)); x.Need != 1 {
					t.Errorf("%d more are waited for, want 1", x.Need)
				}
				w.approve("sato", nil)
			}, time.Hour)
		})
		w.run(in)
		if n := len(w.find(run.ApprovalGiven)); n != 2 {
			t.Errorf("%d approvals, want two", n)
		}
	})
}

func awaited(o progress.Overview) progress.Waiting {
	for _, x := range o.Waiting {
		if x.For == progress.AwaitApproval {
			return x
		}
	}
	return progress.Waiting{}
}

// returning is a response that goes home once that is decided and approved.
func returning(t *testing.T, w *world) workflows.Input {
	in := real(t, w, func(p *plan.Plan) { p.Scenario.Failback = run.PolicyReturn })
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) { w.approve("yamada", nil) })
	w.on(run.DecisionAsked, run.Failback, func(run.Event) {
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.GoHome, Reason: "Tokyo is sound"}, nil)
	})
	return in
}

// A return that nobody has approved yet is taken back like any decision, and an abort ends it.
func TestAReturnIsTakenBackUntilItIsApproved(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(w *world, old int64)
		want run.State
	}{
		"decided to stay": {func(w *world, _ int64) {
			w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.Stay, Reason: "it is not"}, nil)
		}, run.RecoveredAtAlternate},
		"aborted": {func(w *world, old int64) {
			w.update(theRun, workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "it is not"}, nil)
			w.env.RegisterDelayedCallback(func() {
				late := new(error)
				w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", Asked: old}, late)
			}, time.Millisecond)
		}, run.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := returning(t, w)
			w.on(run.ApprovalAsked, run.Failback, func(e run.Event) { c.act(w, e.Seq) })
			w.run(in)
			if slices.Contains(w.acts, "world.switchover") || w.osaka != "primary" {
				t.Errorf("it went home: %v", w.acts)
			}
			if w.state() != c.want {
				t.Errorf("state %s, want %s", w.state(), c.want)
			}
			made := w.find(run.DecisionMade)
			var last run.Decision
			if e := made[len(made)-1]; e.By != "sato" || e.Decode(&last) != nil || last.Answer != run.Stay || last.Instead != run.GoHome {
				t.Errorf("the record ends with %+v", e)
			}
		})
	}
}

// A yes is to what was asked: a page that was open before the decision was revised approves nothing.
func TestAYesIsToWhatWasAsked(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) { inPlace(p, time.Hour) })
	var blind, activation error
	var asked []int64
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(e run.Event) {
		if asked = append(asked, e.Seq); len(asked) > 1 {
			w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", Asked: asked[0]}, &blind)
			w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", For: workflows.ApproveActivation, Asked: asked[0]}, &activation)
			if x := awaited(w.overview(in.Plan)); x.Asked != asked[1] {
				t.Errorf("the picture asks for %d, want %d", x.Asked, asked[1])
			}
			w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", Asked: asked[1]}, nil)
			return
		}
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: "sato", Choice: run.InPlace, Reason: "it can be repaired"}, nil)
	})
	w.run(in)
	if len(asked) != 2 {
		t.Fatalf("asked %d times; a revision before anybody approved asks anew", len(asked))
	}
	for _, err := range []error{blind, activation} {
		if !said(err, "the decision was revised") || !said(err, "内容を確認し直して") {
			t.Errorf("a click on an old page: %v", err)
		}
	}
	var a run.Approval
	if e := w.find(run.ApprovalGiven); len(e) != 1 || e[0].Decode(&a) != nil || a.Asked != asked[1] {
		t.Errorf("approved: %+v", e)
	}
}

// A drill that rehearses four eyes has the decision approved whatever its approvals say.
func TestARehearsalOfFourEyesNeedsAnApproval(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.FourEyes, p.Scenario.Approvals = nil, true, 0
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "yamada", Roles: []string{"commander"}})
	})
	people(w)
	var decider error
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		w.approve("sato", &decider)
		w.approve("yamada", nil)
	})
	w.run(in)
	if !said(decider, "can't approve it too") || len(w.find(run.ApprovalGiven)) != 1 {
		t.Errorf("who decided: %v, %d approvals", decider, len(w.find(run.ApprovalGiven)))
	}
}

// A response does not hang on somebody who is hurt, nor on one who is out of it.
func TestWhoIsHurtIsNotWaitedForToApprove(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.atEvent(run.PersonCalled, "", func() {
		w.update(theRun, workflows.UpdateCheckIn, workflows.CheckIn{Person: "yamada", By: "yamada", Safety: run.Injured}, nil)
	})
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
		if x := awaited(w.overview(in.Plan)); !slices.Contains(x.People, "sato") || slices.Contains(x.People, "yamada") {
			t.Errorf("it waits for %v", x.People)
		}
		w.approve("sato", nil)
	})
	w.run(in)
	if e := w.find(run.ApprovalGiven); len(e) != 1 || e[0].By != "sato" {
		t.Errorf("approved: %+v", e)
	}
}

// One holder of the server's own token can be any number of persons: where both yeses came by
// it, everybody is told and the record says so.
func TestTheConsoleIsOnePairOfEyes(t *testing.T) {
	for via, want := range map[string]bool{"console": true, "token ab": false, "token ab issued by console": true, "session 12 issued by console": true,
		"token ab issued by mori": false, "token ab issued by mori, its line issued from the console": true} {
		w := newWorld(t)
		in := real(t, w, nil)
		in.Via = "console"
		if via != "console" { // nobody needs to come with the server's own
			in.Via = "token cd issued by console"
		}
		w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) {
			w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "yamada", Via: via}, nil)
		})
		w.run(in)
		var a run.Approval
		if e := w.find(run.ApprovalGiven); len(e) != 1 || e[0].Decode(&a) != nil || a.SameConsole != want {
			t.Errorf("approved by %s: %+v", via, e)
		}
		if got := w.told("サーバー本体のトークン"); (len(got) > 0) != want {
			t.Errorf("by %s, told: %v", via, got)
		}
	}
}

// told are the messages with these words.
func (w *world) told(words string) []run.Message {
	var out []run.Message
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		if e.Decode(&m) == nil && strings.Contains(m.Text, words) {
			out = append(out, m)
		}
	}
	return out
}

// What is called off goes into no further phase, and nobody is told to come.
func TestACalledOffCallOutGoesNoFurther(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.CallHeld, "", func() {
		w.update(runID, workflows.UpdateCallOut, workflows.CallOut{By: "sato", Reason: "a test of the sensor"}, nil)
	})
	w.run(called(t, func(p *plan.Plan) { p.Scenario.Safety.Hold = d(30 * time.Second) }))
	for _, e := range w.find(run.PhaseStarted) {
		if e.Phase != run.Activation && e.Phase != run.Closing {
			t.Errorf("%s began", e.Phase)
		}
	}
	for _, how := range []string{"everybody is called in 30 s. False alarm? muster drill callout cancel tokyo-loss-1 --reason WHY", "30秒後に全員へ召集を送信します。誤報の場合：muster drill callout cancel tokyo-loss-1 --reason 理由"} {
		if len(w.told(how)) != 1 {
			t.Errorf("those who may call it off are not told %q", how)
		}
	}
}

// An abort while people are awaited is no missed quorum, and tells nobody to keep coming.
func TestAnAbortDuringMusterTellsNobodyToCome(t *testing.T) {
	w := newWorld(t)
	w.on(run.PhaseStarted, run.Muster, func(run.Event) {
		w.update(runID, workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "enough"}, nil)
	})
	w.run(called(t, nil))
	if len(w.find(run.QuorumMissed)) > 0 || len(w.told("still comes")) > 0 {
		t.Errorf("missed: %v, told: %v", w.find(run.QuorumMissed), w.told("still comes"))
	}
	if w.state() != run.Cancelled {
		t.Errorf("state %s", w.state())
	}
}

// A step that is forced by two names and one token is told and kept as such.
func TestAStepForcedByOneConsoleIsKeptAsThat(t *testing.T) {
	w := newWorld(t)
	in := failing(t, w, nil)
	w.env.OnSignalExternalWorkflow(mock.Anything, in.RunID, "", "glass", mock.Anything).Return(func(_, _, _, name string, arg any) error {
		w.env.SignalWorkflow(name, arg)
		return nil
	})
	w.atEvent(run.StepWaiting, "promote", func() {
		w.promotedByHand()
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Via: "console", Act: run.ActSkip, Reason: "by hand"}, nil)
	})
	w.atEvent(run.ForceAsked, "promote", func() {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "yamada", Via: "console session", Act: run.ActSkip, Reason: "I saw it"}, nil)
	})
	w.run(in)
	var a run.StepAct
	if e := w.find(run.StepActed); len(e) != 1 || e[0].Decode(&a) != nil || !a.SameConsole || a.BreakGlass {
		t.Errorf("acted: %+v", e)
	}
	if got := w.told("yamadaの確認・承認"); len(got) != 1 || len(w.told("ブレークグラス")) > 0 {
		t.Errorf("told: %v", got)
	}
}
