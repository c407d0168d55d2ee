package objective

import "time"

// Milestones are the moments between the event and the restoration. A zero one did not
// happen or is not known; its part is then zero long and the time counts for the next.
type Milestones struct {
	Detected time.Time // the first sign that could be acted on
	Asked    time.Time // the recovery decision was put to somebody
	Decided  time.Time // it was made, and approved where that is asked
	Worked   time.Time // the last recovery step had ended that ended before restoration
}

// Parts is where the time went. The parts are whole milliseconds, none is negative, and
// they add up to the achieved RTO rounded to milliseconds.
type Parts struct {
	Detect, People, Decide, Recover, Verify time.Duration
}

// Total is the sum of the parts.
func (p Parts) Total() time.Duration { return p.Detect + p.People + p.Decide + p.Recover + p.Verify }

// Split divides the time from start to restored at the milestones. They come from
// several clocks; one that lies before the milestone ahead of it, or after the
// restoration, is moved there, so that no part can be negative or lie outside.
func Split(start, restored time.Time, m Milestones) Parts {
	end := max(0, restored.Sub(start).Round(time.Millisecond))
	at := time.Duration(0)
	next := func(t time.Time) time.Duration {
		from := at
		if !t.IsZero() {
			at = min(max(t.Sub(start).Round(time.Millisecond), from), end)
		}
		return at - from
	}
	return Parts{
		Detect: next(m.Detected), People: next(m.Asked), Decide: next(m.Decided),
		Recover: next(m.Worked), Verify: next(restored),
	}
}
