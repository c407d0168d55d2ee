package workflows_test

import (
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A fence on which the promotion rests is not skipped, whatever became of it: in a response two people vouch for it, and
// the promotion follows.
func TestAFenceThatAPromotionRestsOnIsVouchedFor(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		blind bool
		want  run.WaitKind
	}{
		"it failed":            {fault{before: temporal.NewNonRetryableApplicationError("no route to tokyo", plan.ErrRefused, nil)}, false, run.WaitFailed},
		"nobody can tell":      {fault{before: errLost}, true, run.WaitUnknown},
		"no worker is there":   {fault{before: temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)}, false, run.WaitAbsent},
		"its if can't be read": {fault{}, false, run.WaitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := real(t, w, func(p *plan.Plan) {
				fence := step(p, "orders-failover", "fence")
				fence.Prerequisite = true
				if c.fault.before == nil {
					fence.If = "broken"
				}
			})
			w.faults["world.fence"], w.blind["world.fence"] = []fault{c.fault}, c.blind
			w.atEvent(run.ApprovalAsked, "", func() { w.approve("yamada", nil) })
			var skipped, alone error
			by := func(person string, act run.Act, refused *error) {
				w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "fence", By: person, Act: act, Reason: "its power is off"}, refused)
			}
			w.atEvent(run.StepWaiting, "fence", func() {
				by("sato", run.ActSkip, &skipped)
				by("sato", run.ActDone, nil)
				by("sato", run.ActDone, &alone)
				by("yamada", run.ActDone, nil)
			})
			w.run(in)
			if !said(skipped, "can't be skipped") {
				t.Errorf("skipping it: %v", skipped)
			}
			if alone == nil {
				t.Error("one person vouched for it twice")
			}
			var asked run.Wait
			if e := w.find(run.StepWaiting); len(e) != 1 || e[0].Decode(&asked) != nil || asked.Kind != c.want {
				t.Errorf("it waited as %+v", e)
			}
			var r run.StepResult
			if e := w.step("fence"); e.Outcome != run.Passed || e.By != "yamada" || e.Decode(&r) != nil || r.SettledBy != run.ByPerson {
				t.Errorf("the fence ended %+v", e)
			}
			if got := w.state(); got != run.RecoveredAtAlternate {
				t.Errorf("state = %s", got)
			}
		})
	}
}

// A fence for which people vouched, since it could not be put up, is not muster's to take off: an aborted run tries nothing at the
// lost site, and lets go.
func TestAFenceThatIsVouchedForIsNotTakenOff(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, func(p *plan.Plan) {
		fence := step(p, "orders-failover", "fence")
		*fence = undoBy(*fence, "world.unfence")
		fence.Prerequisite = true
	})
	refused := func(why string) []fault {
		return []fault{{before: temporal.NewNonRetryableApplicationError(why, plan.ErrRefused, nil)}}
	}
	w.faults["world.fence"], w.faults["world.promote"] = refused("no route to tokyo"), refused("osaka has no room")
	w.atEvent(run.ApprovalAsked, "", func() { w.approve("yamada", nil) })
	w.atEvent(run.StepWaiting, "fence", func() {
		for _, person := range []string{"sato", "yamada"} {
			w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "fence", By: person, Act: run.ActDone, Reason: "its power is off"}, nil)
		}
	})
	w.atEvent(run.StepWaiting, "promote", abort(w))
	w.run(in)
	for _, e := range w.find(run.UndoEnded) {
		t.Errorf("undone: %+v", e)
	}
	if got := w.state(); got != run.Cancelled || len(w.find(run.LockKept)) > 0 {
		t.Errorf("state = %s, locks kept: %+v", got, w.find(run.LockKept))
	}
}
