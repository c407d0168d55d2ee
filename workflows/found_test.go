package workflows_test

import (
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Who has fenced tokyo by hand before does not get it unfenced by a run that is aborted: a step that finds its goal reached
// did nothing. What is found done after a try of one's own, though, may be its late work, and is undone; so is what
// was seen half done.
func TestWhatAStepFoundDoneIsNotUndone(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*world) // what happens besides
		undone bool
	}{
		{"found done", func(w *world) { w.tokyo = "fenced" }, false},
		{"done by this run", func(*world) {}, true},
		{"a try of before was lost, and did it late", func(w *world) {
			w.faults["world.fence"] = []fault{{before: errLost}}
			w.afterLook = func(plan.Call) { w.tokyo = "fenced" }
		}, true},
		{"a try of before did half of it", func(w *world) {
			w.faults["world.fence"], w.half["world.fence"] = []fault{{before: errLost}}, true
			w.afterLook = func(plan.Call) { w.tokyo = "fenced" }
		}, true},
		{"its order was lost, and it was found done", func(w *world) {
			w.tokyo, w.never["world.fence"] = "fenced", true
			w.faults["world.fence"] = []fault{{before: errLost}}
		}, false},
		{"an order of before was lost, and it was found done", func(w *world) {
			w.never["world.fence"] = true
			w.faults["world.fence"] = []fault{{before: errLost}}
			w.afterLook = func(plan.Call) { w.tokyo = "fenced" }
		}, false},
		{"a try of before was not taken", func(w *world) {
			away := gone()
			away.then = func() { w.tokyo = "fenced" }
			w.faults["world.fence"] = []fault{away}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.tokyo = "down"
			c.before(w)
			w.faults["world.promote"] = []fault{gone()}
			book := plan.Runbook{Name: "failover", System: "orders", Steps: []plan.Step{
				undoBy(effect("fence", "world.fence"), "world.unfence"), effect("promote", "world.promote", "fence")}}
			book.Steps[0].Retry, book.Steps[0].Site, book.Steps[0].WhenAbsent = 1, "tokyo", "osaka"
			book.Steps[1].WhenAbsent = plan.AbsentFail
			w.env.ExecuteWorkflow(workflows.TypeExecute, workflows.Execution{Run: "r1", Kind: run.Drill, Depth: run.Live, Phase: run.Recovery, System: "orders",
				Purpose: workflows.ForFailover, Runbook: book, Role: "operator"})
			var done workflows.Executed
			if err := w.env.GetWorkflowResult(&done); err != nil || done.Outcome != run.Failed || done.Unclean != "" || len(done.Left) > 0 {
				t.Fatalf("%+v %v", done, err)
			}
			if got := slices.Contains(w.acts, "world.unfence"); got != c.undone || len(w.find(run.UndoStarted)) > 0 != c.undone {
				t.Errorf("acts %v: undone is %v, want %v", w.acts, got, c.undone)
			}
		})
	}
}

// An order that waits in the queue of a dead site when the run is aborted was taken by nobody: there is nothing to look at and
// nothing to undo, and the system is let go.
func TestAnOrderThatNobodyTookIsNotUndone(t *testing.T) {
	w := newWorld(t)
	w.queued, w.lookGone = "world.promote", map[string]bool{"world.promote": true}
	w.atEvent(run.StepStarted, "promote", abort(w))
	w.run(drill(t, nil))
	if got := w.state(); got != run.Cancelled {
		t.Errorf("state = %s, want cancelled", got)
	}
	if e := w.step("promote"); e.Outcome != run.Skipped {
		t.Errorf("promote %s (%s), want skipped", e.Outcome, e.Reason)
	}
	for _, e := range w.find(run.UndoStarted) {
		if e.Step == "promote" {
			t.Errorf("promote is undone by %s", e.Action)
		}
	}
	if kept := w.find(run.LockKept); len(kept) > 0 {
		t.Errorf("the lock is kept: %s", kept[0].Reason)
	}
}

// A look that stands before the acts of an undo is no act: one hiccup in it does not end the undo, and when it stays away
// nobody is asked what it did.
func TestALookInAnUndoIsTriedAgain(t *testing.T) {
	finding, unclear := temporal.NewNonRetryableApplicationError("no server takes writes", plan.ErrFinding, nil), temporal.NewApplicationError("osaka does not answer", "Error")
	for _, c := range []struct {
		name   string
		faults []fault
		undone bool
	}{
		{"the server was restarted", []fault{{before: finding}, {before: finding}}, true},
		{"the worker was restarted", []fault{{before: errLost}}, true},
		{"nobody can tell", []fault{{before: unclear}, {before: unclear}, {before: unclear}}, false},
		{"it stays so", []fault{{before: finding}, {before: finding}, {before: finding}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.tokyo = "fenced"
			w.blind["world.single_writer"] = true
			w.faults["world.single_writer"] = c.faults
			w.faults["world.check"] = []fault{gone()}
			promote := effect("promote", "world.promote")
			promote.Undo = []plan.Undo{{Uses: "world.single_writer", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(10 * time.Second)}}
			after := effect("check", "world.check", "promote")
			after.WhenAbsent = plan.AbsentFail
			book := plan.Runbook{Name: "failover", System: "orders", Steps: []plan.Step{undoBy(promote, "world.rejoin", "world.switchover"), after}}
			w.env.ExecuteWorkflow(workflows.TypeExecute, workflows.Execution{Run: "r1", Kind: run.Drill, Depth: run.Live, Phase: run.Recovery, System: "orders",
				Purpose: workflows.ForFailover, Runbook: book, Role: "operator"})
			var done workflows.Executed
			if err := w.env.GetWorkflowResult(&done); err != nil || !done.Undone || (done.Unclean == "") != c.undone {
				t.Fatalf("%+v %v", done, err)
			}
			if got := slices.Contains(w.acts, "world.switchover"); got != c.undone {
				t.Errorf("acts %v: undone is %v, want %v", w.acts, got, c.undone)
			}
			if look := w.find(run.UndoEnded)[0]; !c.undone && look.Outcome != run.Failed || c.undone && look.Outcome != run.Passed {
				t.Errorf("the look ended %s (%s)", look.Outcome, look.Reason)
			}
		})
	}
}
