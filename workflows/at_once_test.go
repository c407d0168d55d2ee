package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A runbook orders no more at once than its share, so that its own steps don't wait in the
// engine as if their site's worker were away. What waits for people takes none of it.
func TestStepsAreOrderedAsTheShareAllows(t *testing.T) {
	const share, machines, hands = 3, 20, 5
	w := newWorld(t)
	book := plan.Runbook{Name: "all-at-once", System: "orders"}
	for i := range hands {
		book.Steps = append(book.Steps, plan.Step{ID: fmt.Sprintf("hand-%d", i), Uses: "human.task", Effect: run.Observe, Timeout: d(time.Hour),
			Human: &plan.Human{Role: "operator", Text: plan.Text{EN: "Look.", JA: "見る。"}}})
	}
	for i := range machines {
		book.Steps = append(book.Steps, plan.Step{ID: fmt.Sprintf("machine-%d", i), Uses: "world.check", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(10 * time.Second)})
	}
	w.env.ExecuteWorkflow(workflows.TypeExecute, workflows.Execution{Run: "r1", Kind: run.Drill, Depth: run.Live, Phase: run.Recovery, System: "orders",
		Purpose: workflows.ForFailover, Runbook: book, Role: "operator", FailWait: d(time.Minute), AtOnce: share,
		Estate:   plan.Estate{People: []plan.Person{{ID: "tanaka", Roles: []string{"operator"}}}},
		Simulate: &plan.Simulate{After: d(time.Minute), Spread: d(time.Second)}})
	var done workflows.Executed
	if err := w.env.GetWorkflowResult(&done); err != nil || done.Outcome != run.Passed {
		t.Fatalf("%+v %v", done, err)
	}
	ordered, most, last := 0, 0, ""
	for _, e := range w.events {
		switch {
		case e.Action == "human.task" && e.Kind == run.StepEnded:
			last = e.Step
		case e.Action == "human.task":
		case e.Kind == run.StepStarted:
			ordered++
			most = max(most, ordered)
		case e.Kind == run.StepEnded:
			ordered--
			if last != "" {
				t.Errorf("%s ended after %s: it waited for a person", e.Step, last)
			}
		}
	}
	if most != share {
		t.Errorf("%d steps were ordered at once, want %d", most, share)
	}
}

// A step that waits for its share is not ordered any more once the runbook has failed.
func TestNothingIsOrderedAfterAFailure(t *testing.T) {
	w := newWorld(t)
	w.faults["world.check"] = []fault{gone()}
	book := plan.Runbook{Name: "one-by-one", System: "orders"}
	for i := range 4 {
		book.Steps = append(book.Steps, plan.Step{ID: fmt.Sprintf("machine-%d", i), Uses: "world.check", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(10 * time.Second),
			WhenAbsent: plan.AbsentFail})
	}
	w.env.ExecuteWorkflow(workflows.TypeExecute, workflows.Execution{Run: "r1", Kind: run.Drill, Depth: run.Live, Phase: run.Recovery, System: "orders",
		Purpose: workflows.ForFailover, Runbook: book, Role: "operator", FailWait: d(time.Minute), AtOnce: 1,
		Estate: plan.Estate{People: []plan.Person{{ID: "tanaka", Roles: []string{"operator"}}}}})
	var done workflows.Executed
	if err := w.env.GetWorkflowResult(&done); err != nil || done.Outcome != run.Failed {
		t.Fatalf("%+v %v", done, err)
	}
	var ordered []string
	for _, e := range w.events {
		if e.Kind == run.StepStarted {
			ordered = append(ordered, e.Step)
		}
	}
	if len(ordered) != 1 {
		t.Errorf("ordered: %v, and the first failed", ordered)
	}
}
