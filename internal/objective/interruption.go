package objective

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Interruption is the longest time between two instants in which a function gave no
// success: from the end of the last success before to the end of the first one after,
// which is the most a user can have been without it. Function by function; zero when
// there was no failure. It is not proven (false) when nobody looked for part of the
// time, or when service was not back at the end of the observation.
func Interruption(functions []Function, seen []run.Observations, from, to time.Time) (time.Duration, bool) {
	longest, proven := time.Duration(0), slices.ContainsFunc(functions, func(f Function) bool { return !f.Stated })
	for _, f := range functions {
		if f.Stated {
			continue // nobody can see it interrupted
		}
		var parts []run.Observations
		for _, o := range seen {
			if o.Probe == f.Probe {
				parts = append(parts, o)
			}
		}
		line := timelineOf(parts)
		if len(line) == 0 || line[0].from.After(from) || line[len(line)-1].to.Before(to) {
			proven = false
		}
		var began time.Time // of the interruption at hand; zero between two
		failed := false     // it holds a failure, and is not only a time unseen
		for _, s := range line {
			if s.state.up() {
				if failed && s.from.After(from) {
					longest = max(longest, s.from.Sub(began))
				}
				began, failed = time.Time{}, false
				continue
			}
			if began.IsZero() {
				if !s.from.Before(to) {
					break
				}
				began = s.from
			}
			failed = failed || s.state.down()
			if !s.state.seen && s.to.After(from) && s.from.Before(to) {
				proven = false
			}
		}
		if n := len(line); failed && line[n-1].to.After(from) {
			longest, proven = max(longest, line[n-1].to.Sub(began)), false
		}
	}
	return longest, proven
}
