package workflows_test

import (
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
