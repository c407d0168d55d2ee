package objective_test

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

func TestAchievedRPO(t *testing.T) {
	lost := func(acked, survivor float64) run.Loss {
		l := run.Loss{AckedAt: at(acked)}
		if survivor != 0 {
			l.SurvivorAt = at(survivor)
		}
		return l
	}
	for _, c := range []struct {
		name    string
		markers run.Markers
		target  *run.Duration
		span    time.Duration
		err     error
		verdict run.Verdict
	}{
		{name: "nothing lost", markers: run.Markers{Acked: 40, Unknown: 2, CountedAt: at(60)},
			target: span(0), verdict: run.Met},
		{name: "unknown writes are not lost", markers: run.Markers{Acked: 40, Unknown: 40, CountedAt: at(60)},
			target: span(0), verdict: run.Met},
		{name: "two lost", markers: run.Markers{Acked: 40, Lost: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -0.7), lost(-0.1, -0.7)}},
			target: span(1), span: 600 * time.Millisecond, verdict: run.Met},
		{name: "too much lost", markers: run.Markers{Acked: 40, Lost: 1, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -3)}},
			target: span(1), span: 2500 * time.Millisecond, verdict: run.Missed},
		{name: "never counted", markers: run.Markers{Acked: 40},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "counted before the restoration", markers: run.Markers{Acked: 40, CountedAt: at(5)},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "nothing was ever acknowledged", markers: run.Markers{Unknown: 9, CountedAt: at(60)},
			target: span(1), err: objective.ErrNoMarker, verdict: run.NotProven},
		{name: "none survived", markers: run.Markers{Acked: 3, Lost: 3, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, 0)}},
			target: span(1), err: objective.ErrNoSurvivor, verdict: run.NotProven},
		{name: "more lost than listed", markers: run.Markers{Acked: 9, Lost: 3, LossesCut: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -1)}},
			target: span(1), span: 500 * time.Millisecond, err: objective.ErrLossesCut, verdict: run.NotProven},
		{name: "more lost than listed, and the listed are too many", markers: run.Markers{Acked: 9, Lost: 3, LossesCut: 2, CountedAt: at(60), Losses: []run.Loss{lost(-0.5, -4)}},
			target: span(1), span: 3500 * time.Millisecond, err: objective.ErrLossesCut, verdict: run.Missed},
		{name: "4,800 lost in one stretch", markers: run.Markers{Acked: 9000, Lost: 4800, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.1), SurvivorAt: at(-1200.1), Count: 4800}}},
			target: span(300), span: 20 * time.Minute, verdict: run.Missed},
		{name: "a stretch lost in time", markers: run.Markers{Acked: 9000, Lost: 400, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.1), SurvivorAt: at(-100.1), Count: 400}}},
			target: span(300), span: 100 * time.Second, verdict: run.Met},
		{name: "stretches that don't add up", markers: run.Markers{Acked: 9000, Lost: 401, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.1), SurvivorAt: at(-100.1), Count: 400}}},
			target: span(300), span: 100 * time.Second, err: objective.ErrLossesCut, verdict: run.NotProven},
		{name: "writes were taken after the newest lost marker", markers: run.Markers{Acked: 90, Lost: 9, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.9), SurvivorAt: at(-10.6), Count: 9, TakenUntil: at(-0.1)}}},
			target: span(10), span: 10500 * time.Millisecond, verdict: run.Missed},
		{name: "writes were taken after it, and all in time", markers: run.Markers{Acked: 90, Lost: 8, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.9), SurvivorAt: at(-9), Count: 8, TakenUntil: at(-0.1)}}},
			target: span(10), span: 8900 * time.Millisecond, verdict: run.Met},
		{name: "no objective", markers: run.Markers{Acked: 40, CountedAt: at(60)}, verdict: run.NoObjective},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planting(seen("orders/write", 60, 0.1, 10), c.markers) // from -9.9 s on
			got, err := objective.AchievedRPO([]run.Observations{o}, outage)
			if got != c.span || !errors.Is(err, c.err) {
				t.Errorf("achieved RPO = %v, %v, want %v, %v", got, err, c.span, c.err)
			}
			if v := objective.JudgeRPO(got, err, c.target); v != c.verdict {
				t.Errorf("verdict = %s, want %s", v, c.verdict)
			}
		})
	}
}

// outage is that of a system that was struck at 0 s and was back at 10 s.
var outage = objective.Outage{Event: at(0), Stopped: at(0.1), Restored: at(10)}

// planting makes a probe of markers of one that was up from -10 s on.
func planting(o run.Observations, m run.Markers) run.Observations {
	if m.Acked > 0 && m.FirstAckedAt.IsZero() {
		m.FirstAckedAt = at(-9.9)
	}
	o.Markers = &m
	return o
}

// What was lost with the outage is known only from markers that were there when it began.
func TestMarkersFromAfterTheOutageProveNothingOfIt(t *testing.T) {
	counted := run.Markers{Acked: 40, CountedAt: at(60)}
	since := func(from float64) run.Markers {
		m := counted
		m.FirstAckedAt = at(from)
		return m
	}
	// late began when service had stopped already.
	late := seen("orders/write", 60, 0.1, 10)
	late.StartedAt, late.Transitions = at(3), []run.Transition{{At: at(3)}, {At: at(10), Up: true}}
	gap := func(o run.Observations, from, to float64) run.Observations {
		o.Gaps = append(o.Gaps, run.Span{From: at(from), To: at(to)})
		return o
	}
	old := func(o run.Observations, ok int64) run.Observations {
		m := counted
		o.Markers, o.OK = &m, ok // as it was before FirstAckedAt
		return o
	}
	whole := seen("orders/write", 60, 0.1, 10)
	for _, c := range []struct {
		name   string
		parts  []run.Observations
		outage objective.Outage
		err    error
	}{
		{"there before", []run.Observations{planting(whole, since(-9.9))}, outage, nil},
		{"begun after the primary had died", []run.Observations{planting(late, since(10))}, objective.Outage{Event: at(0), Stopped: at(3), Restored: at(10)}, objective.ErrNoneBefore},
		{"its log was lost after the recovery", []run.Observations{planting(gap(whole, 20, 21), since(21.2))}, outage, objective.ErrNoneBefore},
		{"its log was lost before the outage", []run.Observations{planting(gap(whole, -5, -4), since(-3.9))}, outage, nil},
		{"its own function came back before the whole system was seen to fall", []run.Observations{planting(late, since(10))},
			objective.Outage{Event: at(0), Stopped: at(20), Restored: at(25)}, objective.ErrNoneBefore},
		{"nobody looked when it stopped", []run.Observations{planting(gap(whole, -2, 0.1), since(-9.9))}, outage, objective.ErrStopUnseen},
		{"nobody looked through the whole outage", []run.Observations{planting(gap(seen("orders/write", 60), -2, 12), since(-9.9))}, outage, objective.ErrStopUnseen},
		{"nobody looked for a while during it", []run.Observations{planting(gap(whole, 2, 4), since(-9.9))}, outage, nil},
		{"another function fell, and this one went on", []run.Observations{planting(seen("orders/write", 60), since(-9.9))}, outage, nil},
		{"a move that nobody noticed", []run.Observations{planting(seen("orders/write", 60), since(-9.9))}, objective.Outage{Event: at(0), Stopped: at(0)}, nil},
		{"a second start, counted after the first", []run.Observations{planting(seen("orders/write", 30, 0.1, 10), since(-9.9)),
			func() run.Observations {
				o := seen("orders/write", 60)
				o.StartedAt, o.Transitions[0].At = at(30), at(30)
				return planting(o, since(30.1))
			}()}, outage, nil},
		{"a record of before", []run.Observations{old(whole, 40)}, outage, nil},
		{"a record of before, begun late", []run.Observations{old(late, 40)}, objective.Outage{Event: at(0), Stopped: at(3), Restored: at(10)}, objective.ErrNoneBefore},
		{"a record of before, of a probe that had lost its log", []run.Observations{old(whole, 90)}, outage, objective.ErrNoneBefore},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := objective.AchievedRPO(c.parts, c.outage); got != 0 || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("achieved RPO = %v, %v, want 0, %v", got, err, c.err)
			}
		})
	}
}

// A loss that was seen misses its objective, whatever else can't be known.
func TestALossAfterALateStartStillMisses(t *testing.T) {
	o := planting(seen("orders/write", 60, 0.1, 10), run.Markers{Acked: 40, FirstAckedAt: at(10), CountedAt: at(60), Lost: 1,
		Losses: []run.Loss{{Seq: 9, AckedAt: at(20), SurvivorAt: at(12)}}})
	got, err := objective.AchievedRPO([]run.Observations{o}, outage)
	if v := objective.JudgeRPO(got, err, span(5)); !errors.Is(err, objective.ErrNoneBefore) || v != run.Missed {
		t.Errorf("%v, %v is %s, want missed", got, err, v)
	}
}

func TestInterruption(t *testing.T) {
	gap := seen("orders/write", 60, 20, 22)
	gap.Gaps = []run.Span{{From: at(30), To: at(33)}}
	// Down at its beginning and at its end, and up between, where nobody can tell for how long.
	joined := seen("orders/write", 60, 20, 22, 25, 27)
	joined.Gaps = []run.Span{{From: at(20.5), To: at(26), Joined: 7}}
	for _, c := range []struct {
		name   string
		seen   []run.Observations
		want   time.Duration
		proven bool
	}{
		{"none", []run.Observations{seen("orders/write", 60, 1, 5)}, 0, true},
		{"from the last success to the next", []run.Observations{seen("orders/write", 60, 1, 9, 20, 21, 30, 30.5)}, 1200 * time.Millisecond, true},
		{"nobody looked for a while", []run.Observations{gap}, 2200 * time.Millisecond, false},
		{"gaps that were joined", []run.Observations{joined}, 7200 * time.Millisecond, false},
		{"not back at the end", []run.Observations{seen("orders/write", 60, 20)}, 40200 * time.Millisecond, false},
		{"nobody looked", nil, 0, false},
		{"the observation ended before", []run.Observations{seen("orders/write", 35)}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, proven := objective.Interruption(whole, c.seen, at(10), at(40))
			if got != c.want || proven != c.proven {
				t.Errorf("longest interruption = %v (proven %v), want %v (%v)", got, proven, c.want, c.proven)
			}
		})
	}
}

// Where no marker survived, all between the first and the newest lost one is lost at least: of a server that was set up
// anew from a backup of last night, that is enough to have missed an objective of seconds.
func TestWhatWasLostAtLeast(t *testing.T) {
	none := run.Markers{Acked: 30, Lost: 30, CountedAt: at(60), Losses: []run.Loss{{AckedAt: at(-0.5), Count: 30, TakenUntil: at(-0.1)}}}
	change := func(f func(*run.Markers)) run.Markers {
		m := none
		f(&m)
		return m
	}
	for name, c := range map[string]struct {
		markers run.Markers
		want    time.Duration
	}{
		"none survived":               {none, 9400 * time.Millisecond},
		"one survived before":         {change(func(m *run.Markers) { m.Losses = []run.Loss{{AckedAt: at(-0.5), SurvivorAt: at(-3)}} }), 0},
		"counted too early":           {change(func(m *run.Markers) { m.CountedAt = at(5) }), 0},
		"never counted":               {change(func(m *run.Markers) { m.CountedAt = time.Time{} }), 0},
		"a record of before":          {run.Markers{Acked: 0, Lost: 3, CountedAt: at(60), Losses: none.Losses}, 0},
		"one by one, as older record": {change(func(m *run.Markers) { m.Losses = []run.Loss{{AckedAt: at(-9.9)}, {AckedAt: at(-4)}} }), 5900 * time.Millisecond},
	} {
		o := planting(seen("orders/write", 60, 0.1, 10), c.markers)
		if got := objective.LeastLost([]run.Observations{o}, outage); got != c.want {
			t.Errorf("%s: at least %v was lost, want %v", name, got, c.want)
		}
	}
}
