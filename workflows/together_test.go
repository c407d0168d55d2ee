package workflows_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A run that gives up while it is paused goes home: nobody may know that it waits.
func TestGivingUpWhilePausedGoesHome(t *testing.T) {
	for name, how := range map[string]func(*world){
		"an inject failed": func(w *world) {
			w.faults["world.check"] = []fault{{before: temporal.NewNonRetryableApplicationError("no such host", plan.ErrRefused, nil)}}
		},
		"cancelled in the engine": func(w *world) {
			w.atEvent(run.RunPaused, "", func() { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Minute) })
		},
	} {
		w := newWorld(t)
		how(w)
		w.atEvent(run.StepEnded, "promote", func() {
			w.update("default-test-workflow-id", workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait"}, nil)
		})
		w.run(drill(t, func(p *plan.Plan) {
			if len(w.faults) == 0 {
				return
			}
			late := effect("late", "world.check")
			late.Release, late.After = &plan.Release{Phase: run.Recovery}, d(time.Minute)
			p.Scenario.Injects = append(p.Scenario.Injects, late)
		}))
		if got := w.state(); got != run.Cancelled || w.tokyo != "primary" || len(w.find(run.RunPaused)) != 1 {
			t.Errorf("%s: state = %s, tokyo is %s; want cancelled, and home", name, got, w.tokyo)
		}
	}
}
