package keep

import "time"

// Clocks are set right: what was noted while one was ahead must not be waited for as long as it was.

// again reports whether it is time for another try. Nothing waits longer than longPause for one.
func again(next *time.Time, now time.Time) bool {
	return next == nil || !now.Before(*next) || next.Sub(now) > longPause
}

// notAfter is a time, or now where it is still to come.
func notAfter(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}
