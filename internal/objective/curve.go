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

	lasts []lastSeen
}

// lastSeen is how a function was when it was last looked at.
type lastSeen struct {
	until            time.Time
	weight, possible int
}

// Function is a function of a system as the plan has it.
type Function struct {
	Probe  string
	Weight int // percent
	// Stated is set for a function that no probe can see. It counts nothing from the event
	// on until a person has said how much of it is there (requirement B-CLK-02).
	Stated bool
	Words  []Word
}

// Word is what a person said of a function: its level in percent, from an instant on.
type Word struct {
	At    time.Time
	Level int
}

// NewCurve adds up what the probes of a system saw. Functions are those of the plan; one
// that no observation speaks of was never seen. A weight in an observation is ignored:
// the plan's counts.
func NewCurve(functions []Function, seen []run.Observations) Curve {
	return NewStatedCurve(functions, seen, time.Time{}, time.Time{})
}

// NewStatedCurve is NewCurve for functions of which some are stated, from the event to the
// end of the record. Whatever stands in a stated function's Words is in the curve; a
// caller that takes nobody's word leaves them out.
func NewStatedCurve(functions []Function, seen []run.Observations, event, end time.Time) Curve {
	type change struct {
		at time.Time
		f  int
		to state
	}
	var (
		changes []change
		c       Curve
	)
	from := event
	for i, f := range functions {
		var parts []run.Observations
		for _, o := range seen {
			if !f.Stated && o.Probe == f.Probe {
				parts = append(parts, o)
			}
		}
		line := timelineOf(parts)
		for _, s := range line {
			changes = append(changes, change{s.from, i, s.state})
		}
		if n := len(line); n > 0 {
			changes = append(changes, change{line[n-1].to, i, unseen})
			c.lasts = append(c.lasts, lastSeen{line[n-1].to, f.Weight, line[n-1].state.possible})
			from, end = earlier(from, line[0].from), later(end, line[n-1].to)
		}
	}
	for i, f := range functions {
		if !f.Stated || event.IsZero() || !end.After(event) {
			continue
		}
		for _, s := range stated(f.Words, from, event) {
			if s.from.Before(end) {
				changes = append(changes, change{s.from, i, s.state})
			}
		}
		changes = append(changes, change{end, i, unseen})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })

	now := slices.Repeat([]state{unseen}, len(functions))
	for i := 0; i < len(changes); {
		at := changes[i].at
		for ; i < len(changes) && changes[i].at.Equal(at); i++ {
			now[changes[i].f] = changes[i].to
		}
		if i == len(changes) {
			break // the last change only closes the last segment
		}
		s := Span{From: at, To: changes[i].at, Seen: true}
		var proven, possible, shown int // in hundredths of a percent
		for f, st := range now {
			w := functions[f].Weight
			proven, possible, shown = proven+w*st.proven, possible+w*st.possible, shown+w*st.shown
			s.Seen = s.Seen && st.seen
		}
		// Rounded down: a level is reached by all of it or not at all.
		s.Proven, s.Possible, s.Shown = proven/100, possible/100, shown/100
		if n := len(c.Spans); n > 0 && same(c.Spans[n-1], s) {
			c.Spans[n-1].To = s.To
			continue
		}
		c.Spans = append(c.Spans, s)
	}
	return c
}

// stated is what is known of a function by people's word alone. Before the event it is
// taken to work as always, which proves nothing; without any word it stays in doubt.
func stated(words []Word, from, event time.Time) []segment {
	waiting := state{seen: true}
	if len(words) == 0 {
		waiting.possible = 100
	}
	out := []segment{{from: from, state: state{possible: 100, shown: 100, seen: true}}, {from: event, state: waiting}}
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b Word) int { return a.At.Compare(b.At) })
	for _, w := range words {
		out = append(out, segment{from: later(w.At, event), state: gives(min(max(w.Level, 0), 100))})
	}
	return out
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

// SeenUntil is when the last span ended in which everything was seen; zero without one.
func (c Curve) SeenUntil() time.Time {
	for i := len(c.Spans) - 1; i >= 0; i-- {
		if c.Spans[i].Seen {
			return c.Spans[i].To
		}
	}
	return time.Time{}
}

// Down reports whether the level was not there at the end, as each function was seen last: in
// the last span, or up to this long before the end. Probes are not stopped in one instant, and
// one that gets no answer is cut off in the middle of its last look.
func (c Curve) Down(level int, before time.Duration) bool {
	if c.Empty() {
		return false
	}
	possible := c.Spans[len(c.Spans)-1].Possible
	for _, l := range c.lasts {
		if l.until.Before(c.End()) && c.End().Sub(l.until) <= before {
			possible -= l.weight * (100 - l.possible) / 100
		}
	}
	return possible < level
}

// At is the level shown at an instant; false when nobody looked then. The last span ends
// with its end.
func (c Curve) At(t time.Time) (int, bool) {
	level, seen := 0, false
	for _, s := range c.Spans {
		if !s.From.After(t) && !s.To.Before(t) && s.Seen {
			level, seen = s.Shown, true // of two that meet here, the later
		}
	}
	return level, seen
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

// Floor is the lowest level seen between two instants; false when part of that time was
// not seen, and then a lower one is possible.
func (c Curve) Floor(from, to time.Time) (int, bool) {
	if c.Empty() || c.Spans[0].From.After(from) || c.End().Before(to) {
		return 0, false
	}
	lowest := 100
	for _, s := range c.Spans {
		if !s.To.After(from) || !s.From.Before(to) {
			continue
		}
		if !s.Seen {
			return 0, false
		}
		lowest = min(lowest, s.Shown)
	}
	return lowest, true
}
