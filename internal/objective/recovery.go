package objective

import (
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Event is when a system's clock starts.
type Event struct {
	At time.Time
	// Seen is true when nobody but a probe knows of the event, so that At is the first
	// failed sample. Its time is then proven only if somebody looked just before.
	Seen bool
	// Injected is true when muster made the event happen, after it had seen service hold.
	Injected bool
	// Threat is true when nothing had happened yet at At: the clock starts when service
	// is first seen below the level after it (requirement B-CLK-03).
	Threat bool
}

// Recovery is when a level of service came back.
type Recovery struct {
	// StartedAt is when the clock started: the event, or the first failure that lasted
	// until the event when the clocks disagree (targets.md, pitfall 6). Hence no
	// recovery is ever negative.
	StartedAt time.Time
	// DownAt is when service was first seen below the level; zero when it never was.
	DownAt time.Time
	// RestoredAt is when the first sample ended with which the level began to hold for
	// as long as asked, and after which it was not broken again for as long; zero when it
	// never did. The time it held is not part of RTO.
	RestoredAt time.Time
	// BelowUntil is until when service was seen below the level before RestoredAt. It
	// equals RestoredAt, unless nobody looked at that moment.
	BelowUntil time.Time
	// RelapsedFor is how long the level was seen broken again after RestoredAt, less
	// than it had to hold.
	RelapsedFor time.Duration

	why Why
}

// Why says why a figure is not proven; "" when it is.
type Why string

const (
	NoEvent        Why = "no_event"        // the system's clock never started
	NoProbe        Why = "no_probe"        // nobody looked
	StartUnseen    Why = "start_unseen"    // nobody looked when it began
	RestoreUnseen  Why = "restore_unseen"  // nobody looked when it came back
	NotRestored    Why = "not_restored"    // the observation ended before it held
	BackAfterwards Why = "back_afterwards" // it came back when the recovery was over, by something else
	NotInterrupted Why = "not_interrupted" // service was never seen below the level, before the event or after
	ClocksDisagree Why = "clocks_disagree" // an outage lies before the event, by the probe's clock
)

// Recover finds when the level came back after the event to stay: it held, and until the
// recovery was over (until; zero is the end of the observation) it was not broken again for
// as long as it has to hold, in all. A service that comes back for a moment and goes away
// for an hour was not restored; nor was one that only came back afterwards, by the way home
// or because the drill put back what it had broken.
//
// The event's time is of another clock than the curve's. Hence service counts as not
// interrupted only if it held from the first look on: an outage before the event may be
// the event's own. For the same reason an injected event after an outage proves nothing,
// whatever came after it.
//
// Rule: RTO runs from the stop of the main system to the start of service on the other
// side (requirements A-RTO-09, B-CLK-01, B-CLK-02).
func (c Curve) Recover(e Event, level int, hold time.Duration, until time.Time) Recovery {
	r := Recovery{StartedAt: e.At}
	if e.At.IsZero() {
		r.why = NoEvent
		return r
	}
	if c.Empty() {
		r.why = NoProbe
		return r
	}
	if until.IsZero() || until.After(c.End()) {
		until = c.End()
	}
	first := c.firstBelow(e.At, until, level)
	if first < 0 {
		r.why = c.uninterrupted(e.At, c.together(until, hold), level)
		return r
	}
	if e.Injected && c.brokeBefore(first, level) {
		r.why = ClocksDisagree
	}
	r.DownAt = c.Spans[first].From
	if r.DownAt.Before(e.At) || e.Threat {
		r.StartedAt = r.DownAt
	}
	if (e.Seen || e.Threat || r.DownAt.Before(e.At)) && (first == 0 || !c.Spans[first-1].Seen) {
		r.why = StartUnseen
	}
	at := c.restored(first, level, hold, until)
	for i := first; i < len(c.Spans); i++ {
		s := c.Spans[i]
		switch {
		case i == at:
			r.RestoredAt = s.From
		case s.Possible < level && r.RestoredAt.IsZero() && (s.From.Before(until) || s.From.Equal(r.BelowUntil)):
			r.BelowUntil = s.To // an outage that the way home made is none of this
		case s.Possible < level && s.From.Before(until):
			r.RelapsedFor += earlier(s.To, until).Sub(s.From)
		}
	}
	switch {
	case r.RestoredAt.IsZero() && c.restored(first, level, hold, c.End()) >= 0:
		r.why = BackAfterwards
	case r.RestoredAt.IsZero():
		r.why = NotRestored
	case !r.BelowUntil.Equal(r.RestoredAt):
		r.why = RestoreUnseen
	}
	return r
}

// together is until, or the end of the last look at all functions when that was less than a
// hold before: probes are not stopped in the same instant.
func (c Curve) together(until time.Time, hold time.Duration) time.Time {
	if seen := c.SeenUntil(); !seen.IsZero() && until.Sub(seen) < hold {
		return earlier(until, seen)
	}
	return until
}

// uninterrupted says what is known where no outage was seen after the event.
func (c Curve) uninterrupted(event, until time.Time, level int) Why {
	for _, s := range c.Spans {
		if s.Possible < level && s.From.Before(until) {
			return ClocksDisagree
		}
	}
	for _, s := range c.Spans {
		if s.Seen { // the first look at all functions
			if !s.From.After(event) && event.Before(until) && c.Held(s.From, until, level) {
				return NotInterrupted
			}
			break
		}
	}
	return StartUnseen
}

// brokeBefore reports whether an outage ended before span first, after service was once
// seen to be there.
func (c Curve) brokeBefore(first, level int) bool {
	held := false
	for _, s := range c.Spans[:first] {
		if held && s.Possible < level {
			return true
		}
		held = held || s.Proven >= level
	}
	return false
}

// firstBelow is the index of the span in which service was first seen below the level
// at or after the event; if it was below already, of that outage's beginning. -1 is none.
func (c Curve) firstBelow(event, until time.Time, level int) int {
	for i, s := range c.Spans {
		if !s.To.After(event) || s.Possible >= level {
			continue
		}
		if !s.From.Before(until) {
			return -1
		}
		for i > 0 && !c.Spans[i].From.After(event) && c.Spans[i-1].Possible < level {
			i--
		}
		return i
	}
	return -1
}

// restored is the index of the span with which the level came back after span first to
// stay, before until; -1 is none.
func (c Curve) restored(first, level int, hold time.Duration, until time.Time) int {
	found := -1
	var broken time.Duration // after the span at hand, until the recovery was over
	for i := len(c.Spans) - 1; i > first; i-- {
		s := c.Spans[i]
		if s.Possible < level && s.From.Before(until) {
			broken += earlier(s.To, until).Sub(s.From)
		}
		if s.Proven < level {
			continue
		}
		for i-1 > first && c.Spans[i-1].Proven >= level {
			i--
		}
		if s.To.Sub(c.Spans[i].From) < hold || !c.Spans[i].From.Before(until) {
			continue
		}
		if broken > 0 && broken >= hold {
			break
		}
		found = i
	}
	return found
}

// Held reports whether the level was seen to hold all the time between two instants. Where they
// are one, it is the level at that instant that counts.
func (c Curve) Held(from, to time.Time, level int) bool {
	if from.Equal(to) {
		shown, seen := c.At(to)
		return seen && shown >= level
	}
	if c.Empty() || c.Spans[0].From.After(from) || c.End().Before(to) {
		return false
	}
	for _, s := range c.Spans {
		if s.To.After(from) && s.From.Before(to) && (!s.Seen || s.Shown < level) {
			return false
		}
	}
	return true
}

// Actual is the time from the start of the clock to the restoration; false when the
// level was not seen to come back.
func (r Recovery) Actual() (time.Duration, bool) {
	if r.RestoredAt.IsZero() {
		return 0, false
	}
	return r.RestoredAt.Sub(r.StartedAt), true
}

// AtMost reports whether the actual time is an upper bound: nobody looked when service
// came back, and RestoredAt is the first success seen after.
func (r Recovery) AtMost() bool {
	return !r.BelowUntil.IsZero() && !r.RestoredAt.IsZero() && !r.BelowUntil.Equal(r.RestoredAt)
}

// Judge holds the recovery against an objective; nil is "not set", which is never met.
//
// It is missed as soon as service was seen below the level after the objective's time,
// whatever was not seen before or after; it is met only if every moment that counts was
// seen.
func (r Recovery) Judge(objective *run.Duration) (run.Verdict, Why) {
	switch {
	case objective == nil:
		return run.NoObjective, ""
	case !r.BelowUntil.IsZero() && r.BelowUntil.Sub(r.StartedAt) > objective.Std():
		return run.Missed, ""
	case r.why != "":
		return run.NotProven, r.why
	}
	return run.Met, ""
}
