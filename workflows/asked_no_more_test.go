package workflows_test

import (
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// What was asked before an abort is not answered any more: nothing would come of it, and the record would have it.
func TestWhatWasAskedBeforeAnAbortIsRefused(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.onEvent = nil
	crew(w) // who decide nothing
	var decided, confirmed, no error
	w.atEvent(run.DecisionAsked, "", func() {
		abort(w)()
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo is gone"}, &decided)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{For: workflows.ApproveActivation, By: "yamada"}, &confirmed)
		w.update(theRun, workflows.UpdateRefuse, workflows.Refuse{For: workflows.ApproveActivation, By: "yamada", Reason: "it is none"}, &no)
	})
	w.run(in)
	for what, err := range map[string]error{"the decision": decided, "the confirmation": confirmed, "its refusal": no} {
		if !said(err, "being aborted, by sato") {
			t.Errorf("%s: %v, want that the run is being aborted", what, err)
		}
	}
	if n := len(w.find(run.DecisionMade)) + len(w.find(run.ActivationConfirmed)) + len(w.find(run.ActivationRefused)); n != 0 {
		t.Errorf("%d answers are in the record", n)
	}
}

// An abort stops what runs at once, also while the record store, which is to have its line, is away.
func TestAnAbortWaitsForNoStore(t *testing.T) {
	w := newWorld(t)
	in := ruined(t, w, announce)
	decide(w, map[string]run.Choice{"orders": run.Alternate})
	w.until = make(chan struct{})
	w.atEvent(run.StepWaiting, "announce", abort(w))
	w.onEvent = wrapped(w.onEvent, func(e run.Event) {
		if e.Kind == run.StepEnded && e.Step == "announce" {
			close(w.until)
		}
	})
	w.run(in) // stands still where the step in progress goes on until the store is back
	if w.state() != run.Cancelled || slices.Contains(w.acts, "world.promote") {
		t.Errorf("state = %s after %v", w.state(), w.acts)
	}
}

// What people do in a run that was cancelled in the engine counts, and they are told so.
func TestAnswersInACancelledRunStand(t *testing.T) {
	w := newWorld(t)
	in := homeward(t, w, nil)
	w.atPhase(run.Verification, w.env.CancelWorkflow)
	w.on(run.DecisionAsked, run.Failback, func(run.Event) {
		w.update(theRun, workflows.UpdateHandover, workflows.Handover{By: "sato", Role: "commander", From: "sato", To: "suzuki", Reason: "end of the shift"}, nil)
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{By: "suzuki", Choice: run.Stay, Reason: "Tokyo is not sound"}, nil)
	})
	w.run(in) // an update that ends in an error fails the test
	if got := w.state(); got != run.Cancelled || w.osaka != "primary" {
		t.Errorf("state = %s, osaka is %s", got, w.osaka)
	}
}
