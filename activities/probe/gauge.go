package probe

import (
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

// gauge measures a capacity and holds it against a baseline. Only the sampling goroutine
// touches it.
type gauge struct {
	// reach asks once, before any load: a target that is down gets none. errBusy is an
	// answer that is no service.
	reach func(context.Context) error
	// load offers work and returns the rate that was served; nil where no load is allowed.
	load   func(context.Context) (float64, error)
	margin int
	every  time.Duration // from one load to the next
	lasts  time.Duration // one load

	baseline *run.Baseline
	loaded   time.Time // end of the last load; zero after an outage
	level    int       // it showed
	best     float64   // of the loads for the baseline so far
	taken    int
	lost     bool // service failed before a baseline was there: none can be taken any more
}

// errBusy is what reach returns of a target that answered and did not serve.
var errBusy = errors.New("it answered, and did not serve")

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
		g.loaded = time.Time{}
		return failed, 0, nil, err.Error()
	}
	err := g.reach(ctx)
	busy := errors.Is(err, errBusy)
	if err != nil && !busy {
		return fall(err)
	}
	if busy && (g.load == nil || g.lost || !g.taking() && g.loaded.IsZero()) {
		return fall(err) // what is down gets no load until it has served somebody
	}
	if g.load == nil || g.lost {
		return ok, run.LevelUnknown, nil, ""
	}
	pause := g.every
	if busy {
		pause = min(pause, g.lasts) // a refusal is a reason to measure again, not a level
	}
	if !g.taking() && !g.loaded.IsZero() && time.Since(g.loaded) < pause {
		return ok, g.level, nil, ""
	}
	rate, err := g.load(ctx)
	if err != nil && ctx.Err() != nil && !g.loaded.IsZero() {
		return ok, g.level, nil, "" // the run ends here: what was just reached stands as it was
	}
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
	// A rate above 0 is a level of at least 1.
	g.loaded, g.level = time.Now(), objective.CapacityLevel(rate, g.baseline.Rate, g.margin)%100
	return ok, g.level, taken, ""
}
