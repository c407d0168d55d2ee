package probe

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const (
	maxTransitions = 2000
	maxGaps        = 1000
	maxLosses      = 200
)

// fate is what became of one sample.
type fate int

const (
	failed  fate = iota // it was refused, or could not be tried
	ok                  // it was served
	unknown             // a marker was sent and never answered: neither lost nor kept
	taken               // the marker's number is that of an earlier start; never kept, another number is tried
)

// sample is one look at the target.
type sample struct {
	Began, Ended time.Time
	Fate         fate
	Seq          int64 // of the marker, when one was planted
	Error        string
	Level        int // as in run.Transition
}

// tally is everything seen so far. It is made of samples and gaps alone, so that it
// can be made again from the log.
type tally struct {
	obs     run.Observations
	up      bool
	level   int           // as in run.Transition, of the last change
	changed plan.Observed // the state now, as the run is told
	upSince time.Time
	lastOK  time.Time
	lastEnd time.Time
	// seenUpSince is from when on the target was up and looked at without a gap; zero
	// while it is down.
	seenUpSince time.Time
	silence     time.Duration // longer between two samples, nobody looked; 0 is never
	holds       []run.Duration
	seq         int64 // last marker planted
	plantedAt   time.Time
	acked       []ack
	wasDown     bool // it has been down since the markers were counted
}

// ack is an acknowledged marker. There may be hundreds of thousands a day.
type ack struct {
	seq   int64
	at    int64 // microseconds since 1970
	until int64 // as at, of the last sample served after it without a marker; 0 is none
}

func (a ack) ackedAt() time.Time { return time.UnixMicro(a.at).UTC() }

func (a ack) takenUntil() time.Time {
	if a.until == 0 {
		return time.Time{}
	}
	return time.UnixMicro(a.until).UTC()
}

func (t *tally) add(s sample) (change bool) {
	if t.silence > 0 && !t.lastEnd.IsZero() && s.Began.Sub(t.lastEnd) > t.silence {
		t.gap(t.lastEnd, s.Began) // the worker or its machine stood still
	}
	up := s.Fate == ok
	t.obs.Samples++
	t.lastEnd, t.obs.EndedAt = s.Ended, s.Ended
	if t.obs.StartedAt.IsZero() {
		t.obs.StartedAt = s.Began
	}
	if t.seq = max(t.seq, s.Seq); s.Seq > 0 {
		t.plantedAt = s.Ended
	}
	if m := t.obs.Markers; m != nil && s.Seq > 0 {
		switch s.Fate {
		case ok:
			if m.Acked++; m.FirstAckedAt.IsZero() {
				m.FirstAckedAt = s.Ended
			}
			t.acked = append(t.acked, ack{seq: s.Seq, at: s.Ended.UnixMicro()})
		case unknown:
			m.Unknown++
		}
	} else if m != nil && up && len(t.acked) > 0 {
		t.acked[len(t.acked)-1].until = s.Ended.UnixMicro()
	}
	change = t.obs.Samples == 1 || up != t.up || up && differ(s.Level, t.level)
	if change {
		tr := run.Transition{At: s.Ended, Up: up, Level: s.Level}
		switch {
		case !up:
			tr = run.Transition{At: s.Began, LastOKAt: t.lastOK, Error: s.Error}
		case t.up && s.Level != run.LevelUnknown && share(s.Level) < share(t.level):
			tr.At, tr.LastOKAt = s.Began, t.lastOK
		}
		if len(t.obs.Transitions) < maxTransitions {
			t.obs.Transitions = append(t.obs.Transitions, tr)
		} else {
			t.obs.TransitionsCut++
		}
		t.changed = plan.Observed{Probe: t.obs.Probe, Up: up, Level: tr.Level, At: tr.At, Error: tr.Error, LastOKAt: tr.LastOKAt}
		if !up || !t.up {
			t.upSince = s.Ended
		}
		t.up, t.level = up, tr.Level
	}
	if up {
		t.obs.OK++
		t.lastOK = s.Ended
		if t.seenUpSince.IsZero() {
			t.seenUpSince = s.Ended
		}
	} else {
		t.wasDown = true
		t.seenUpSince = time.Time{}
	}
	return change
}

// share is a Level as a number that can be compared.
func share(level int) int {
	if level == 0 {
		return 100
	}
	return level
}

// differ reports whether two levels are more apart than two measurements of the same
// service are: otherwise every sample would be a change.
func differ(a, b int) bool {
	const noise = 2
	if a == b {
		return false
	}
	return a <= 0 || b <= 0 || max(a-b, b-a) > noise
}

// gap notes a span in which nobody looked.
func (t *tally) gap(from, to time.Time) {
	t.seenUpSince, t.lastEnd = time.Time{}, to
	if to.After(from) {
		t.obs.Gaps = joined(append(t.obs.Gaps, run.Span{From: from, To: to}), maxGaps)
	}
}

// joined is at most so many gaps: the beginning and the end of a long list stay, and what is between
// them becomes one gap. The first and the last are next to what figures rest on.
func joined(gaps []run.Span, most int) []run.Span {
	n, first := len(gaps), most/2
	if n <= most {
		return gaps
	}
	last := n - (most - first - 1)
	one := run.Span{From: gaps[first].From, To: gaps[last-1].To}
	for _, g := range gaps[first:last] {
		one.Joined += max(1, g.Joined)
	}
	return append(append(gaps[:first], one), gaps[last:]...)
}

// word is the state as the run is told it.
func (t *tally) word() plan.Observed {
	o := t.changed
	if len(t.holds) > 0 && !t.seenUpSince.IsZero() {
		o.Since, o.Until = t.seenUpSince, t.lastEnd
	}
	return o
}

// held is how many of the spans that the run waits for the target was seen up for, at the
// same level, without a break.
func (t *tally) held() int {
	from := t.seenUpSince
	if t.changed.At.After(from) {
		from = t.changed.At
	}
	n := 0
	for _, s := range t.holds {
		if !t.seenUpSince.IsZero() && t.lastEnd.Sub(from) >= s.Std() {
			n++
		}
	}
	return n
}

// recovered reports, once after each outage, that the target has been up again for
// long enough to count what survived it.
func (t *tally) recovered(now time.Time, hold time.Duration) bool {
	if !t.up || !t.wasDown || now.Sub(t.upSince) < hold {
		return false
	}
	t.wasDown = false
	return true
}

// spares reports whether a sample may do without a marker: service has held for long, and what survived
// before it was counted. The first failure ends it, so that an outage is seen as closely as ever.
func (t *tally) spares(now time.Time, calm, spacing time.Duration) bool {
	return spacing > 0 && t.up && !t.wasDown && now.Sub(t.upSince) >= calm && now.Sub(t.plantedAt) < spacing
}

// count compares the acknowledged markers, up to the number last, with those that
// were found. found is in ascending order.
func (t *tally) count(found []int64, last int64, at time.Time) {
	m := t.obs.Markers
	m.CountedAt, m.Lost, m.Losses, m.LossesCut = at, 0, nil, 0
	var survivor time.Time
	going := false // the acknowledged marker before was lost too
	n := 0
	for _, a := range t.acked {
		if a.seq > last {
			break
		}
		for n < len(found) && found[n] < a.seq {
			n++
		}
		if n < len(found) && found[n] == a.seq {
			survivor, going = a.ackedAt(), false
			continue
		}
		m.Lost++
		lost := run.Loss{Seq: a.seq, AckedAt: a.ackedAt(), SurvivorAt: survivor, Count: 1, TakenUntil: a.takenUntil()}
		if going {
			last := &m.Losses[len(m.Losses)-1]
			lost.Count += last.Count
			*last = lost // the newest of a stretch spans it
			continue
		}
		going, m.Losses = true, append(m.Losses, lost)
	}
	longest(m, maxLosses)
}

// longest is at most so many stretches of lost markers: those that span the most, in order, and any
// of which nobody can tell how far back it reaches.
func longest(m *run.Markers, most int) {
	if len(m.Losses) <= most {
		return
	}
	span := func(l run.Loss) time.Duration {
		if l.SurvivorAt.IsZero() {
			return math.MaxInt64
		}
		return l.Span()
	}
	order := slices.Clone(m.Losses)
	slices.SortStableFunc(order, func(a, b run.Loss) int { return cmp.Compare(span(b), span(a)) })
	for _, l := range order[most:] {
		m.LossesCut += max(1, l.Count)
	}
	m.Losses = order[:most:most]
	slices.SortFunc(m.Losses, func(a, b run.Loss) int { return cmp.Compare(a.Seq, b.Seq) })
}

// observations is the tally as it is handed over.
func (t *tally) observations() run.Observations {
	o := t.obs
	o.Transitions = append([]run.Transition(nil), o.Transitions...)
	o.Gaps = append([]run.Span(nil), o.Gaps...)
	if o.Markers != nil {
		m := *o.Markers
		m.Losses = append([]run.Loss(nil), m.Losses...)
		o.Markers = &m
	}
	return o
}

// brief is the tally as a heartbeat carries it: with the beginning and the end of long
// lists of transitions and gaps.
func (t *tally) brief() run.Observations {
	o := t.observations()
	const keep = 50
	if n := len(o.Transitions); n > 2*keep {
		o.TransitionsCut += int64(n - 2*keep)
		o.Transitions = append(o.Transitions[:keep:keep], o.Transitions[n-keep:]...)
	}
	o.Gaps = joined(o.Gaps, 2*keep)
	if o.Markers != nil {
		longest(o.Markers, keep)
	}
	return o
}

// resume goes on from a heartbeat, when no log is left of what was seen. What was
// acknowledged before can't be checked one by one any more, so it counts as unknown: the
// first acknowledged marker is one that is still to come.
func (t *tally) resume(o run.Observations) {
	fresh := t.obs
	t.obs = o
	t.obs.Probe, t.obs.System, t.obs.Function, t.obs.Weight = fresh.Probe, fresh.System, fresh.Function, fresh.Weight
	t.obs.Vantage, t.obs.Interval = fresh.Vantage, fresh.Interval
	if fresh.Markers != nil {
		m := run.Markers{}
		if o.Markers != nil {
			m.Unknown = o.Markers.Unknown + o.Markers.Acked
		}
		t.obs.Markers = &m
		t.seq = m.Unknown + o.Samples
	}
	t.lastEnd = o.EndedAt
	if n := len(o.Transitions); n > 0 {
		last := o.Transitions[n-1]
		t.up, t.level, t.upSince = last.Up, last.Level, last.At
		t.changed = plan.Observed{Probe: fresh.Probe, Up: last.Up, Level: last.Level, At: last.At, Error: last.Error, LastOKAt: last.LastOKAt}
		t.wasDown = !last.Up
		if last.Up {
			t.lastOK = o.EndedAt
		} else {
			t.lastOK = last.LastOKAt
		}
	}
}
