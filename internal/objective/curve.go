package objective

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Span is a stretch of time with one level of service, in percent.
type Span struct {
	From, To time.Time
	// Proven is the weight of the functions that were seen up, Possible adds those of
	// which nobody can tell. The true level lies between the two.
	Proven, Possible int
	// Shown is the level as a chart draws it: the last sample's word holds until the
	// next sample. It means nothing where Seen is false.
	Shown int
	// Seen is false when somebody should have looked at a function and nobody did.
	Seen bool
}

// Curve is a system's level of service over time, as its probes saw it. The spans are
// in order and without holes.
type Curve struct {
	Spans []Span
}

// Function is a function of a system as the plan has it.
type Function struct {
	Probe  string
	Weight int // percent
}

// NewCurve adds up what the probes of a system saw. Functions are those of the plan; one
// that no observation speaks of was never seen. A weight in an observation is ignored:
// the plan's counts.
func NewCurve(functions []Function, seen []run.Observations) Curve {
	type change struct {
		at time.Time
		f  int
		to state
	}
	var changes []change
	for i, f := range functions {
		var parts []run.Observations
		for _, o := range seen {
			if o.Probe == f.Probe {
				parts = append(parts, o)
			}
		}
		line := timelineOf(parts)
		for _, s := range line {
			changes = append(changes, change{s.from, i, s.state})
		}
		if n := len(line); n > 0 {
			changes = append(changes, change{line[n-1].to, i, unseen})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })

	now := make([]state, len(functions))
	var c Curve
	for i := 0; i < len(changes); {
		at := changes[i].at
		for ; i < len(changes) && changes[i].at.Equal(at); i++ {
			now[changes[i].f] = changes[i].to
		}
		if i == len(changes) {
			break // the last change only closes the last segment
		}
		s := Span{From: at, To: changes[i].at, Seen: true}
		for f, st := range now {
			w := functions[f].Weight
			switch st {
			case up:
				s.Proven, s.Possible, s.Shown = s.Proven+w, s.Possible+w, s.Shown+w
			case fading:
				s.Possible, s.Shown = s.Possible+w, s.Shown+w
			case unseen:
				s.Possible, s.Seen = s.Possible+w, false
			case down:
			}
		}
		if n := len(c.Spans); n > 0 && same(c.Spans[n-1], s) {
			c.Spans[n-1].To = s.To
			continue
		}
		c.Spans = append(c.Spans, s)
	}
	return c
}

func same(a, b Span) bool {
	return a.Proven == b.Proven && a.Possible == b.Possible && a.Shown == b.Shown && a.Seen == b.Seen
}

// Empty reports whether nobody ever looked.
func (c Curve) Empty() bool { return len(c.Spans) == 0 }

// End is when the observation ended; zero for an empty curve.
func (c Curve) End() time.Time {
	if c.Empty() {
		return time.Time{}
	}
	return c.Spans[len(c.Spans)-1].To
}

// Point is a level from an instant on; Level is nil where nobody looked.
type Point struct {
	At    time.Time
	Level *int
}

// Points lists the level from an instant on: at that instant, at every change, and once
// more at the end of the observation.
func (c Curve) Points(from time.Time) []Point {
	var out []Point
	for _, s := range c.Spans {
		if !s.To.After(from) {
			continue
		}
		p := Point{At: later(s.From, from)}
		if s.Seen {
			level := s.Shown
			p.Level = &level
		}
		if n := len(out); n > 0 && equal(out[n-1].Level, p.Level) {
			continue
		}
		out = append(out, p)
	}
	if n := len(out); n > 0 {
		out = append(out, Point{At: c.End(), Level: out[n-1].Level})
	}
	return out
}

func equal(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// Lost is the capacity lost between two instants: the area above the curve, as a span of
// full service. False when part of that time was not seen.
func (c Curve) Lost(from, to time.Time) (time.Duration, bool) {
	if c.Empty() || c.Spans[0].From.After(from) || c.End().Before(to) {
		return 0, false
	}
	var lost time.Duration
	for _, s := range c.Spans {
		span := earlier(s.To, to).Sub(later(s.From, from))
		if span <= 0 {
			continue
		}
		if !s.Seen {
			return 0, false
		}
		lost += span / 100 * time.Duration(max(0, 100-s.Shown))
	}
	return lost, true
}
