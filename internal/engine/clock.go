package engine

import "time"

// A step of the machine's clock beyond this is told and the engine restarted for it.
// An engine whose clock goes backwards stands still without a word, and what was begun
// meanwhile stays stuck when the clock is right again (measured, -10 min).
const clockStepLimit = 2 * time.Second

// clock reads the wall clock, which people and programs set, and a monotonic one, which
// nobody can.
type clock func() (wall time.Time, mono time.Duration)

func systemClock() clock {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	}
}

// clockWatch finds steps between one look and the next. Slow corrections (NTP slews by
// 0.5 ms a second at most) are no steps. A suspended machine is one: its monotonic
// clock stands still.
type clockWatch struct {
	clock clock
	wall  time.Time
	mono  time.Duration
}

func newClockWatch(c clock) *clockWatch {
	w := &clockWatch{clock: c}
	w.wall, w.mono = c()
	return w
}

// step returns by how much the wall clock was set since the last look, or 0.
func (w *clockWatch) step() time.Duration {
	wall, mono := w.clock()
	by := wall.Sub(w.wall) - (mono - w.mono)
	w.wall, w.mono = wall, mono
	if by.Abs() <= clockStepLimit {
		return 0
	}
	return by
}
