// Package objective turns what probes saw into achieved figures: the level of service
// over time, achieved RTO, RPO and RLO, and where the time went. Its functions are pure:
// the same observations give the same figures on every machine, so that an auditor can
// compute them again.
//
// What nobody looked at is neither up nor down. A figure that needs such a span is not
// proven; it is never filled in.
package objective

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// state is what is known of one function during a span: the share of it in percent
// that was seen, the share that may have been there, and the share as a chart shows it.
// The zero value is what nobody looked at.
type state struct {
	proven, possible, shown int
	seen                    bool
}

func gives(level int) state { return state{level, level, level, true} }

// falling is the time between the last sample of a level and the first below it. It is
// shown at the level before, but it neither proves that nor breaks it.
func falling(from, to int) state { return state{to, from, from, true} }

var unseen = state{possible: 100}

// up reports whether the function gave service, if less than all of it.
func (s state) up() bool { return s.proven > 0 }

// down reports whether the function was seen to give none.
func (s state) down() bool { return s.possible == 0 }

// segment is a span in one state: from included, to not.
type segment struct {
	from, to time.Time
	state    state
}

// timelineOf joins what one probe saw, in one or more observations, into segments in
// order and without holes. Before the first and after the last nobody looked.
func timelineOf(parts []run.Observations) []segment {
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b run.Observations) int { return a.StartedAt.Compare(b.StartedAt) })
	var (
		changes []segment // to is not set yet
		gaps    []run.Span
		cut     []run.Span
		end     time.Time
		every   time.Duration
	)
	for i, o := range parts {
		if i > 0 && o.StartedAt.After(end) {
			gaps = append(gaps, run.Span{From: end, To: o.StartedAt})
		}
		before := gives(100)
		for _, t := range o.Transitions {
			now := stateOf(t)
			if now.seen && now.shown < 100 && !t.LastOKAt.IsZero() && t.LastOKAt.Before(t.At) {
				fall := falling(max(before.shown, now.shown), now.shown)
				if !before.seen {
					fall = state{proven: now.shown, possible: 100}
				}
				changes = append(changes, segment{from: t.LastOKAt, state: fall})
			}
			changes = append(changes, segment{from: t.At, state: now})
			before = now
		}
		for _, g := range o.Gaps {
			if g.Joined > 0 {
				cut = append(cut, g) // what came between isn't known to have been down all the time
				continue
			}
			gaps = append(gaps, g)
		}
		end, every = later(end, o.EndedAt), max(every, o.Interval.Std())
		if n := len(o.Transitions); n > 0 && o.TransitionsCut > 0 {
			// Changes were not kept: those past the cap, or, where a state follows itself,
			// those between. From there on nobody can tell.
			first := n - 1
			for j := n - 1; j > 0; j-- {
				if o.Transitions[j].Up == o.Transitions[j-1].Up {
					first = j - 1
				}
			}
			cut = append(cut, run.Span{From: o.Transitions[first].At, To: o.EndedAt})
		}
	}
	slices.SortStableFunc(changes, func(a, b segment) int { return a.from.Compare(b.from) })
	var line []segment
	for i, c := range changes {
		c.to = end
		if i+1 < len(changes) {
			c.to = changes[i+1].from
		}
		if c.to.After(end) {
			c.to = end
		}
		if !c.to.Before(c.from) {
			line = append(line, c) // an empty one still says how a gap ended
		}
	}
	for _, g := range gaps {
		line = coverGap(line, g, every)
	}
	for _, c := range cut {
		line = cover(line, c.From, c.To)
	}
	return slices.DeleteFunc(line, func(s segment) bool { return !s.to.After(s.from) })
}

// coverGap marks a gap as unseen, unless failed samples stand on both sides of it: then
// the outage went on (run.Observations). The first look after a gap may end up to an
// interval after it; if that look succeeded, it is the gap's neighbour.
func coverGap(line []segment, g run.Span, every time.Duration) []segment {
	before, after, resumes := unseen, unseen, g.To
	for _, s := range line {
		switch {
		case !s.from.After(g.From):
			before = s.state
			fallthrough
		case !s.from.After(g.To):
			after = s.state
		case s.state.up() && !s.from.After(g.To.Add(every)) && resumes.Equal(g.To):
			resumes = s.from
		}
	}
	if before.down() && after.down() && resumes.Equal(g.To) {
		return line
	}
	return cover(line, g.From, resumes)
}

// cover marks what lies between two instants as unseen.
func cover(line []segment, from, to time.Time) []segment {
	out := make([]segment, 0, len(line)+2)
	for _, s := range line {
		if s.from.Before(from) || !s.to.After(s.from) {
			out = append(out, segment{s.from, earlier(s.to, from), s.state})
		}
		if a, b := later(s.from, from), earlier(s.to, to); b.After(a) {
			out = append(out, segment{a, b, unseen})
		}
		if s.to.After(to) {
			out = append(out, segment{later(s.from, to), s.to, s.state})
		}
	}
	return out
}

func stateOf(t run.Transition) state {
	switch {
	case !t.Up:
		return gives(0)
	case t.Level == run.LevelUnknown:
		return unseen
	case t.Level > 0:
		return gives(min(t.Level, 100))
	}
	return gives(100)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
