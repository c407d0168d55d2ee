package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fakeClock is set by hand.
type fakeClock struct {
	wall time.Time
	mono time.Duration
}

func (f *fakeClock) read() (time.Time, time.Duration) { return f.wall, f.mono }

func (f *fakeClock) pass(d time.Duration) { f.wall, f.mono = f.wall.Add(d), f.mono+d }

func TestClockStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		wall  time.Duration // by which the wall clock moved in a second
		steps time.Duration
	}{
		{"steady", time.Second, 0},
		{"slewed by NTP", time.Second + 500*time.Microsecond, 0},
		{"leap second", 0, 0},
		{"just within", 3 * time.Second, 0},
		{"an hour ahead", time.Hour + time.Second, time.Hour},
		{"ten minutes back", -10*time.Minute + time.Second, -10 * time.Minute},
		{"back by little", -1001 * time.Millisecond, -2001 * time.Millisecond},
	} {
		f := &fakeClock{wall: time.Unix(1_800_000_000, 0)}
		w := newClockWatch(f.read)
		f.wall, f.mono = f.wall.Add(c.wall), time.Second
		if got := w.step(); got != c.steps {
			t.Errorf("%s: step of %v, want %v", c.name, got, c.steps)
		}
		f.pass(time.Second)
		if got := w.step(); got != 0 {
			t.Errorf("%s: step of %v told again", c.name, got)
		}
	}
}

// A clock that drifts for a day by as much as NTP corrects, either way, is 43 s off in the end and
// was never set.
func TestADayOfDriftIsNoStep(t *testing.T) {
	for _, drift := range []time.Duration{500 * time.Microsecond, -500 * time.Microsecond} {
		f := &fakeClock{wall: time.Unix(1_800_000_000, 0)}
		w := newClockWatch(f.read)
		for range 24 * 60 * 60 {
			f.pass(time.Second)
			f.wall = f.wall.Add(drift)
			if by := w.step(); by != 0 {
				t.Fatalf("%v a second: a step of %v after %v", drift, by, f.mono)
			}
		}
		if off := f.wall.Sub(time.Unix(1_800_000_000, 0)) - f.mono; off.Round(time.Second).Abs() != 43*time.Second {
			t.Errorf("%v a second: %v off in the end", drift, off)
		}
	}
}

// A watchdog that sleeps for long, as on a machine without time for it, sees no step.
func TestClockStepOnlyWhenSet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := &fakeClock{wall: time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "start"), 0)}
		w := newClockWatch(f.read)
		for range rapid.IntRange(1, 20).Draw(rt, "looks") {
			f.pass(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "passed")))
			by := time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(rt, "set by"))
			f.wall = f.wall.Add(by)
			want := by
			if by.Abs() <= clockStepLimit {
				want = 0
			}
			if got := w.step(); got != want {
				rt.Fatalf("set by %v: step %v, want %v", by, got, want)
			}
		}
	})
}

func TestSystemClockAgreesWithItself(t *testing.T) {
	w := newClockWatch(systemClock())
	if by := w.step(); by != 0 {
		t.Errorf("step of %v on a clock that nobody set", by)
	}
}
