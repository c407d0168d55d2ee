package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

// pace is how a runbook in progress gets on, against when its system has to be back.
type pace struct {
	expected map[string]float64 // seconds
	began    map[string]time.Time
	ended    map[string]bool
	looked   time.Time
	told     bool // it was late from the start, or the run has been told
}

// paceEvery bounds how often the whole runbook is reckoned through, however many steps end.
const paceEvery = time.Second

// remaining forecasts how long the runbook still takes. A step that takes longer than it should is
// taken to end now. soonest is when the first of those that run should end.
func (x *execution) remaining(ctx workflow.Context) (left, soonest time.Duration) {
	now, first := workflow.Now(ctx), -1.0
	seconds := plan.Remaining(x.in.Runbook, func(id string) float64 {
		if x.pace.ended[id] {
			return 0
		}
		s := x.pace.expected[id]
		if at, runs := x.pace.began[id]; runs {
			s = max(0, s-now.Sub(at).Seconds())
			if first < 0 || s < first {
				first = s
			}
		}
		return s
	})
	x.pace.looked = now
	return time.Duration(seconds * float64(time.Second)), time.Duration(max(0, first) * float64(time.Second))
}

// mind watches the forecast between the ends of steps, since one that hangs has none. It returns
// how to stop. A runbook that is late from the start is not watched: who decided knew.
func (x *execution) mind(ctx workflow.Context) (stop func()) {
	x.pace.told = true
	if x.in.Deadline.IsZero() {
		return func() {}
	}
	if x.pace.expected = plan.Expected(x.in.Runbook, x.in.Past); len(x.pace.expected) == 0 {
		return func() {}
	}
	if left, _ := x.remaining(ctx); workflow.Now(ctx).Add(left).After(x.in.Deadline) {
		return func() {}
	}
	x.pace.told = false
	watching, cancel := workflow.WithCancel(ctx)
	workflow.GoNamed(watching, "pace", func(ctx workflow.Context) {
		for {
			left, soonest := x.remaining(ctx)
			if x.pace.told || x.slipped(ctx, left) {
				return
			}
			// The forecast moves only when a step takes longer than it should, and then by as much.
			spare := x.in.Deadline.Sub(workflow.Now(ctx).Add(left))
			if workflow.Sleep(ctx, max(soonest+spare, left/20, paceEvery)+time.Second) != nil {
				return
			}
		}
	})
	return cancel
}

// stepEnded looks at the forecast after a step.
func (x *execution) stepEnded(ctx workflow.Context, id string) {
	x.pace.ended[id] = true
	if !x.pace.told && workflow.Now(ctx).Sub(x.pace.looked) >= paceEvery {
		left, _ := x.remaining(ctx)
		x.slipped(ctx, left)
	}
}

// slipped tells the run when the forecast has passed the deadline, and reports whether it has.
func (x *execution) slipped(ctx workflow.Context, left time.Duration) bool {
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	if x.failed != "" || ctx.Err() != nil || parent == nil || !workflow.Now(ctx).Add(left).After(x.in.Deadline) {
		return false
	}
	x.pace.told = true
	free, _ := workflow.NewDisconnectedContext(ctx)
	// Nothing waits for it: a run that can't be told is about to end.
	workflow.SignalExternalWorkflow(free, parent.ID, parent.RunID, signalForecast, Slipped{System: x.system, RemainingS: left.Seconds()})
	return true
}
