package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

// gauge measures a capacity and holds it against a baseline. Only the sampling goroutine
// touches it.
type gauge struct {
	// reach asks once, before any load: a target that is down gets none.
	reach func(context.Context) error
	// load offers work and returns the rate that was served; nil where no load is allowed.
	load   func(context.Context) (float64, error)
	margin int

	baseline *run.Baseline
	best     float64 // of the loads for the baseline so far
	taken    int
	lost     bool // service failed before a baseline was there: none can be taken any more
}

// baselineLoads is how many loads a baseline is taken from; the best of them counts, since
// a baseline that is too low would flatter every level after it.
const baselineLoads = 3

// taking reports whether the baseline is being taken.
func (g *gauge) taking() bool { return g.load != nil && g.baseline == nil && !g.lost }

// resume goes on from what was seen before.
func (g *gauge) resume(t *tally) {
	switch {
	case g.baseline != nil:
		t.obs.Baseline = g.baseline
	case t.obs.Baseline != nil:
		g.baseline = t.obs.Baseline
	default:
		for _, tr := range t.obs.Transitions {
			g.lost = g.lost || !tr.Up
		}
	}
}

// sample measures once. taken is the baseline when this sample completed it.
func (g *gauge) sample(ctx context.Context) (f fate, level int, taken *run.Baseline, why string) {
	fall := func(err error) (fate, int, *run.Baseline, string) {
		if ctx.Err() == nil && g.baseline == nil {
			g.lost = true
		}
		return failed, 0, nil, err.Error()
	}
	if err := g.reach(ctx); err != nil {
		return fall(err)
	}
	if g.load == nil || g.lost {
		return ok, run.LevelUnknown, nil, ""
	}
	rate, err := g.load(ctx)
	if err != nil {
		return fall(err)
	}
	if g.baseline == nil {
		g.taken++
		g.best = max(g.best, rate)
		if g.taken < baselineLoads {
			return ok, run.LevelUnknown, nil, ""
		}
		g.baseline = &run.Baseline{Rate: g.best, At: time.Now().UTC().Truncate(time.Second), Ground: "measured", Taken: true}
		taken = g.baseline
	}
	switch level := objective.CapacityLevel(rate, g.baseline.Rate, g.margin); level {
	case 0:
		return failed, 0, taken, fmt.Sprintf("%.1f answers a second of %.1f", rate, g.baseline.Rate)
	case 100:
		return ok, 0, taken, ""
	default:
		return ok, level, taken, ""
	}
}
