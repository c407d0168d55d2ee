package objective

import (
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

var (
	// ErrNoMarker: no marker was acknowledged, or the survivors were never read back in
	// full after the restoration. The loss is unknown.
	ErrNoMarker = errors.New("no marker was read back after the restoration")
	// ErrNoSurvivor: markers were lost and no older one is there, so that nobody can
	// say how far back the data reaches.
	ErrNoSurvivor = errors.New("no marker survived before the lost ones")
	// ErrNoneBefore: the first marker was acknowledged after service had stopped, so none
	// could be lost with it, whatever else was.
	ErrNoneBefore = errors.New("no marker was acknowledged before service stopped")
	// ErrStopUnseen: nobody planted markers in the moments before service stopped.
	ErrStopUnseen = errors.New("no markers were planted when service stopped")
	// ErrLossesCut: more markers were lost than the probe lists.
	ErrLossesCut = errors.New("more markers were lost than were listed")
)

// Outage is what took a system's service away and what brought it back, as the loss is counted over it.
type Outage struct {
	Event    time.Time // when the system's clock started
	Stopped  time.Time // when service was first missing; Event where it never was
	Restored time.Time
	Over     time.Time // when the way home or the drill's own clean-up began; zero where there was none
}

// AchievedRPO returns how much acknowledged work was lost, as a span of time: the time
// the newest lost marker was acknowledged minus that of the newest survivor before it,
// the largest such span when there are several. Where samples after that marker left none, writes
// were taken until the last of them, and it counts: the span is then too long by no more than
// markers are apart, and never too short by that. Both were stamped by the one client that
// wrote them, so drift between the sites' clocks does not enter. Zero means that nothing
// acknowledged was lost; a write that was sent and never answered is unknown, which is
// not lost. What one probe saw may be in several parts.
//
// With an error the loss is not proven, and a report never shows it as zero; the span is
// then the least that was lost of what has a survivor before it; of what has none, LeastLost tells. A count older than the restoration proves nothing of what
// survived the recovery, and markers that begin after service stopped nothing of what went with it.
//
// Rule: recovery point as in the glossary of NIST SP 800-34 Rev. 1.
func AchievedRPO(parts []run.Observations, o Outage) (time.Duration, error) {
	var (
		span time.Duration
		err  error
	)
	failed := func(e error) {
		if err == nil {
			err = e
		}
	}
	for _, p := range parts {
		m := p.Markers
		if m == nil || m.Acked == 0 || m.CountedAt.IsZero() || m.CountedAt.Before(o.Restored) {
			failed(ErrNoMarker)
			continue
		}
		whole, listed := true, int64(0)
		for _, l := range m.Losses {
			listed += max(1, l.Count)
			if l.SurvivorAt.IsZero() {
				failed(ErrNoSurvivor)
				whole = false
				continue
			}
			span = max(span, l.Span())
		}
		if whole && (m.LossesCut > 0 || m.Lost > listed) {
			failed(ErrLossesCut)
		}
	}
	if len(parts) == 0 {
		return 0, ErrNoMarker
	}
	if err == nil {
		err = planted(parts, o)
	}
	return span, err
}

// LeastLost is what was lost at least where no marker survived before the lost ones: all between the first that was
// acknowledged and the newest of them. It is zero where nobody can tell.
func LeastLost(parts []run.Observations, o Outage) time.Duration {
	var least time.Duration
	for _, p := range parts {
		m := p.Markers
		if m == nil || m.FirstAckedAt.IsZero() || m.CountedAt.IsZero() || m.CountedAt.Before(o.Restored) {
			continue
		}
		for _, l := range m.Losses {
			if l.SurvivorAt.IsZero() {
				least = max(least, l.AckedAt.Sub(m.FirstAckedAt))
			}
		}
	}
	return least
}

// planted reports whether a probe's markers were acknowledged until service stopped: that of
// their own function, and that of the whole system where another one fell first.
func planted(parts []run.Observations, o Outage) error {
	own := NewCurve([]Function{{Probe: parts[0].Probe, Weight: 100}}, parts)
	until := o.Over
	if until.IsZero() || until.After(own.End()) {
		until = own.End()
	}
	stops := []time.Time{o.Stopped}
	if i := own.firstBelow(o.Event, until, 1); i >= 0 {
		stops = append(stops, own.Spans[i].From)
	}
	var first time.Time
	for _, p := range parts {
		if at := firstAcked(p); first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
		}
	}
	for _, stop := range stops {
		if first.IsZero() || !first.Before(stop) {
			return ErrNoneBefore
		}
	}
	for _, stop := range stops {
		for _, s := range own.Spans {
			if !s.Seen && s.From.Before(stop) && !s.To.Before(stop) {
				return ErrStopUnseen
			}
		}
	}
	return nil
}

// firstAcked is when the oldest acknowledged marker was. Records of before that was noted have it
// as the probe's first success, unless the probe was begun anew without its log: then more
// samples succeeded than markers count.
func firstAcked(o run.Observations) time.Time {
	if m := o.Markers; !m.FirstAckedAt.IsZero() || o.OK != m.Acked {
		return m.FirstAckedAt
	}
	for _, t := range o.Transitions {
		if t.Up {
			return t.At
		}
	}
	return time.Time{}
}

// JudgeRPO holds a loss against an objective; nil is "not set", which is never met. A
// loss that is not fully known still misses an objective that its known part exceeds.
func JudgeRPO(span time.Duration, err error, objective *run.Duration) run.Verdict {
	switch {
	case objective == nil:
		return run.NoObjective
	case span > objective.Std():
		return run.Missed
	case err != nil:
		return run.NotProven
	}
	return run.Met
}
