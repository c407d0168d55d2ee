package probe

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// A machine that was suspended (a laptop's lid) looked at nothing meanwhile, and its monotonic clock
// stood still: what comes after has the wall clock's times, and the outage is as long as it was.
func TestASuspendedMachineIsAGap(t *testing.T) {
	const asleep = 10 * time.Minute
	for name, within := range map[string]bool{"between two looks": false, "within a look": true} {
		t.Run(name, func(t *testing.T) {
			g, told := newTarget(), newTold()
			var ahead, wake atomic.Int64
			o := told.options(t.TempDir())
			o.wall = func(now time.Time) time.Time {
				if n := wake.Load(); within && n > 0 {
					g.mu.Lock()
					defer g.mu.Unlock()
					if int64(g.asked) >= n { // a look has begun that was to be asleep
						return now.Round(0).Add(asleep)
					}
				}
				return now.Round(0).Add(time.Duration(ahead.Load()))
			}
			a := serve(t, newDesk(o), g, nil)
			told.await(t, true)
			g.set(failed)
			told.await(t, false)
			g.await(t, 3)
			if !within {
				ahead.Store(int64(asleep))
				g.await(t, 3)
			}
			g.mu.Lock()
			g.fate = ok
			wake.Store(int64(g.asked) + 1) // the first look that succeeds is the one that slept
			g.mu.Unlock()
			told.awaitWord(t, func(o plan.Observed) bool { return o.Up && o.At.After(time.Now().Add(asleep/2)) })
			got := a.end(t)
			if len(got.Transitions) != 3 || got.Transitions[2].At.Sub(got.Transitions[1].At) < asleep {
				t.Errorf("transitions = %+v, want an outage of 10 min", got.Transitions)
			}
			if len(got.Gaps) != 1 || got.Gaps[0].To.Sub(got.Gaps[0].From) < asleep || got.Gaps[0].To.After(got.Transitions[2].At) {
				t.Errorf("gaps = %+v, want the 10 min in which nobody looked", got.Gaps)
			}
		})
	}
}

// A wall clock that is put back makes no sample come before the one that was taken before it.
func TestAClockThatIsPutBackLeavesTheOrder(t *testing.T) {
	g, told := newTarget(), newTold()
	var ahead atomic.Int64
	o := told.options(t.TempDir())
	o.wall = func(now time.Time) time.Time { return now.Round(0).Add(time.Duration(ahead.Load())) }
	a := serve(t, newDesk(o), g, nil)
	told.await(t, true)
	ahead.Store(int64(-10 * time.Minute))
	g.await(t, 3)
	g.set(failed)
	told.await(t, false)
	got := a.end(t)
	if len(got.Gaps) != 0 || len(got.Transitions) != 2 || !got.Transitions[1].At.After(got.Transitions[0].At) || got.EndedAt.Before(got.Transitions[1].At) {
		t.Errorf("observations = %+v", got)
	}
}
