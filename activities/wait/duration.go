package wait

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

// For is the parameters of wait.duration.
type For struct {
	For run.Duration `json:"for" help:"How long to wait." ja:"待つ時間"`
}

// passed is what a wait remembers for the worker that goes on with it.
type passed struct {
	Seconds float64   `json:"seconds"` // monotonic, of all attempts so far
	At      time.Time `json:"at"`      // when that was written, for the time nobody counted
}

// tick is how often a wait writes down how far it is.
const tick = time.Second

var duration = activities.Define("wait.duration", activities.Doc{
	Summary:    "Let time pass.",
	SummaryJA:  "一定の時間をおく。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p For) (Waited, error) {
	began, before := time.Now(), time.Duration(0)
	var last passed
	if activities.Resumed(ctx, &last) {
		before = time.Duration(last.Seconds * float64(time.Second))
		// The time without a worker passed as well. Only a wall clock saw it, so it
		// counts no further than the wait itself, and never backwards.
		before += max(began.Sub(last.At), 0)
	}
	total := func() time.Duration { return before + time.Since(began) }
	for left := p.For.Std() - total(); left > 0; left = p.For.Std() - total() {
		timer := time.NewTimer(min(left, tick))
		select {
		case <-ctx.Done():
			timer.Stop()
			return Waited{}, ctx.Err()
		case <-timer.C:
			activities.Progress(ctx, passed{total().Seconds(), time.Now().UTC()})
		}
	}
	return Waited{total().Seconds()}, nil
})
