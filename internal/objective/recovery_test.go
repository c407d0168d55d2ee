package objective_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

var t0 = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

func span(s float64) *run.Duration {
	d := run.Duration(s * float64(time.Second))
	return &d
}

// seen is the observations of one function that was up from -10 s on and changed at the
// given seconds, each a failed sample, then a success, and so on.
func seen(probe string, end float64, changes ...float64) run.Observations {
	o := run.Observations{Probe: probe, System: "orders", Weight: 100, Interval: run.Duration(250 * time.Millisecond),
		StartedAt: at(-10), EndedAt: at(end), Transitions: []run.Transition{{At: at(-10), Up: true}}}
	for i, c := range changes {
		t := run.Transition{At: at(c), Up: i%2 == 1}
		if !t.Up {
			t.LastOKAt = at(c - 0.2)
		}
		o.Transitions = append(o.Transitions, t)
	}
	return o
}

var whole = []objective.Function{{Probe: "orders/write", Weight: 100}}

func TestRecovery(t *testing.T) {
	gap := func(o run.Observations, from, to float64) run.Observations {
		o.Gaps = append(o.Gaps, run.Span{From: at(from), To: at(to)})
		return o
	}
	for _, c := range []struct {
		name    string
		seen    []run.Observations
		event   objective.Event
		until   float64
		target  *run.Duration
		actual  float64
		verdict run.Verdict
		why     objective.Why
	}{
		{name: "back in time", seen: []run.Observations{seen("orders/write", 60, 0.1, 12.5)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 12.5, verdict: run.Met},
		{name: "back too late", seen: []run.Observations{seen("orders/write", 60, 0.1, 31)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 31, verdict: run.Missed},
		{name: "a flap shorter than the hold is no recovery", seen: []run.Observations{seen("orders/write", 60, 0.1, 5, 7, 20)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 20, verdict: run.Met},
		{name: "the first failure before the reported event starts the clock", seen: []run.Observations{seen("orders/write", 60, -2, 10)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 12, verdict: run.Met},
		{name: "an earlier outage that had ended does not", seen: []run.Observations{seen("orders/write", 60, -5, -4, 1, 10)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 10, verdict: run.Met},
		{name: "a long calm between event and stop is no recovery", seen: []run.Observations{seen("orders/write", 60, 20, 25)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 25, verdict: run.Met},
		{name: "not back, the objective's time still running", seen: []run.Observations{seen("orders/write", 20, 0.1)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.NotRestored},
		{name: "not back, the time is over", seen: []run.Observations{seen("orders/write", 40, 0.1)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.Missed},
		{name: "up at the end, but not for long enough", seen: []run.Observations{seen("orders/write", 14, 0.1, 12)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.NotRestored},
		{name: "nobody looked when it came back", seen: []run.Observations{gap(seen("orders/write", 60, 0.1, 12.01), 6, 12)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 12.01, verdict: run.NotProven, why: objective.RestoreUnseen},
		{name: "a gap between two failures is outage", seen: []run.Observations{gap(seen("orders/write", 60, 0.1, 15), 6, 12)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 15, verdict: run.Met},
		{name: "a gap in the hold moves the restoration behind it", seen: []run.Observations{gap(seen("orders/write", 60, 0.1, 10), 12, 18)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 18, verdict: run.NotProven, why: objective.RestoreUnseen},
		{name: "a gap after the hold changes nothing", seen: []run.Observations{gap(seen("orders/write", 60, 0.1, 10), 16, 30)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 10, verdict: run.Met},
		{name: "seen down past the objective, then not seen", seen: []run.Observations{gap(seen("orders/write", 90, 0.1, 60.01), 40, 60)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 60.01, verdict: run.Missed},
		{name: "the way home is another matter", seen: []run.Observations{seen("orders/write", 90, 0.1, 10, 50, 70)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(30), actual: 10, verdict: run.Met},
		{name: "only the way home brought it back, within the objective's time", seen: []run.Observations{seen("orders/write", 90, 0.1, 50)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(60), verdict: run.NotProven, why: objective.BackAfterwards},
		{name: "only the way home brought it back, and the time was over", seen: []run.Observations{seen("orders/write", 90, 0.1, 70)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(60), verdict: run.Missed},
		{name: "back for a moment before the way home, whose own interruption doesn't count", seen: []run.Observations{seen("orders/write", 90, 0.1, 43, 44, 44.5, 46, 70)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(60), verdict: run.NotProven, why: objective.BackAfterwards},
		{name: "not back, not by the way home either", seen: []run.Observations{seen("orders/write", 50, 0.1)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(60), verdict: run.NotProven, why: objective.NotRestored},
		{name: "back just before the way home, of which nobody noticed anything", seen: []run.Observations{seen("orders/write", 90, 0.1, 44)}, until: 45,
			event: objective.Event{At: at(0)}, target: span(60), actual: 44, verdict: run.Met},
		{name: "back, then away again for longer than it had held", seen: []run.Observations{seen("orders/write", 90, 0.1, 10, 14, 50)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 50, verdict: run.Missed},
		{name: "back, then one failed sample", seen: []run.Observations{seen("orders/write", 90, 0.1, 10, 20, 20.5)},
			event: objective.Event{At: at(0)}, target: span(30), actual: 10, verdict: run.Met},
		{name: "a threat: the clock starts with the interruption", seen: []run.Observations{seen("orders/write", 90, 40, 52)},
			event: objective.Event{At: at(0), Threat: true}, target: span(30), actual: 12, verdict: run.Met},
		{name: "a threat: nobody looked when the interruption began", seen: []run.Observations{gap(seen("orders/write", 90, 40, 52), 35, 40)},
			event: objective.Event{At: at(0), Threat: true}, target: span(30), actual: 12, verdict: run.NotProven, why: objective.StartUnseen},
		{name: "nothing was interrupted", seen: []run.Observations{seen("orders/write", 60)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.NotInterrupted},
		{name: "an outage that the event's clock puts before the event", seen: []run.Observations{seen("orders/write", 60, -8, -3)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.ClocksDisagree},
		{name: "nobody looked before the event, where an outage may hide", seen: []run.Observations{gap(seen("orders/write", 60), -8, -3)},
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.StartUnseen},
		{name: "an event after the last look", seen: []run.Observations{seen("orders/write", 60)},
			event: objective.Event{At: at(61)}, target: span(30), verdict: run.NotProven, why: objective.StartUnseen},
		{name: "an injected event after one outage and before another", seen: []run.Observations{seen("orders/write", 60, -8, -3, 20, 20.5)},
			event: objective.Event{At: at(0), Injected: true}, target: span(30), actual: 20.5, verdict: run.NotProven, why: objective.ClocksDisagree},
		{name: "an injected event is not judged by what was before the first sight of service",
			seen: []run.Observations{{Probe: "orders/write", StartedAt: at(-10), EndedAt: at(60),
				Transitions: []run.Transition{{At: at(-10)}, {At: at(-9), Up: true}, {At: at(0.1), LastOKAt: at(0)}, {At: at(10), Up: true}}}},
			event: objective.Event{At: at(0), Injected: true}, target: span(30), actual: 10, verdict: run.Met},
		{name: "no event", seen: []run.Observations{seen("orders/write", 60, 0.1, 10)},
			target: span(30), verdict: run.NotProven, why: objective.NoEvent},
		{name: "no probe", event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.NoProbe},
		{name: "no objective is never met", seen: []run.Observations{seen("orders/write", 60, 0.1, 10)},
			event: objective.Event{At: at(0)}, actual: 10, verdict: run.NoObjective},
		{name: "only the probe knows of the event, and it began to look afterwards",
			seen:  []run.Observations{{Probe: "orders/write", StartedAt: at(2), EndedAt: at(60), Transitions: []run.Transition{{At: at(2)}, {At: at(10), Up: true}}}},
			event: objective.Event{At: at(2), Seen: true}, target: span(30), actual: 8, verdict: run.NotProven, why: objective.StartUnseen},
		{name: "reported, and the probe began to look afterwards",
			seen:  []run.Observations{{Probe: "orders/write", StartedAt: at(2), EndedAt: at(60), Transitions: []run.Transition{{At: at(2)}, {At: at(10), Up: true}}}},
			event: objective.Event{At: at(0)}, target: span(30), actual: 10, verdict: run.Met},
		{name: "changes past the cap prove nothing",
			seen: func() []run.Observations {
				o := seen("orders/write", 60, 0.1, 10, 11)
				o.TransitionsCut = 4
				return []run.Observations{o}
			}(),
			event: objective.Event{At: at(0)}, target: span(30), verdict: run.NotProven, why: objective.NotRestored},
	} {
		t.Run(c.name, func(t *testing.T) {
			var until time.Time
			if c.until != 0 {
				until = at(c.until)
			}
			r := objective.NewCurve(whole, c.seen).Recover(c.event, 100, 3*time.Second, until)
			actual, ok := r.Actual()
			if got := actual.Seconds(); got != c.actual || ok != (c.actual != 0) {
				t.Errorf("actual = %vs (%v), want %vs", got, ok, c.actual)
			}
			verdict, why := r.Judge(c.target)
			if verdict != c.verdict || why != c.why {
				t.Errorf("verdict = %s (%s), want %s (%s)", verdict, why, c.verdict, c.why)
			}
		})
	}
}

// Probes end one after the other. That is no reason to doubt a level that never fell; one
// that ended long before the others is.
func TestProbesEndApart(t *testing.T) {
	functions := []objective.Function{{Probe: "orders/write", Weight: 60}, {Probe: "orders/search", Weight: 40}}
	for end, want := range map[float64]objective.Why{60.005: objective.NotInterrupted, 57.5: objective.NotInterrupted, 50: objective.StartUnseen, 70: objective.StartUnseen} {
		c := objective.NewCurve(functions, []run.Observations{seen("orders/write", 60), seen("orders/search", end, 0.1, 5)})
		if _, why := c.Recover(objective.Event{At: at(0)}, 60, 3*time.Second, time.Time{}).Judge(span(30)); why != want {
			t.Errorf("60 %%, with one probe until %v s and the other until 60 s: %q, want %q", end, why, want)
		}
	}
}

func TestLevelAddsUpWhatIsUp(t *testing.T) {
	functions := []objective.Function{{Probe: "orders/write", Weight: 60}, {Probe: "orders/search", Weight: 40}}
	c := objective.NewCurve(functions, []run.Observations{seen("orders/write", 60, 0.1, 20), seen("orders/search", 60, 0.1, 5)})
	for _, s := range []struct {
		level  int
		actual time.Duration
	}{{40, 5 * time.Second}, {41, 20 * time.Second}, {100, 20 * time.Second}} {
		if got, _ := c.Recover(objective.Event{At: at(0)}, s.level, 3*time.Second, time.Time{}).Actual(); got != s.actual {
			t.Errorf("%d %% came back after %v, want %v", s.level, got, s.actual)
		}
	}
	// 0.1 s until 5 s: all lost; until 20 s: 60 % lost.
	if lost, ok := c.Lost(at(0), at(30)); !ok || lost != 4900*time.Millisecond+9*time.Second {
		t.Errorf("capacity lost = %v (%v), want 13.9s of full service", lost, ok)
	}
	missing := objective.NewCurve(append(functions, objective.Function{Probe: "orders/print", Weight: 10}),
		[]run.Observations{seen("orders/write", 60, 0.1, 20), seen("orders/search", 60, 0.1, 5)})
	if _, why := missing.Recover(objective.Event{At: at(0)}, 110, 0, time.Time{}).Judge(span(30)); why != objective.NotRestored {
		t.Errorf("a function that nobody looked at counted as up (%q)", why)
	}
	for _, p := range missing.Points(at(0)) {
		if p.Level != nil {
			t.Errorf("level %d at %v, though a function was never seen", *p.Level, p.At)
		}
	}
}

// sample is one look of a simulated probe, in milliseconds from t0.
type sample struct {
	began, ended int
	ok           bool
}

// looks draws what a probe saw: looks every 250 ms or so, with the worker dead at times.
// Between two slices nobody looked.
func looks(t *rapid.T, gaps bool) [][]sample {
	var out [][]sample
	now := 0
	for range rapid.IntRange(1, map[bool]int{true: 3, false: 1}[gaps]).Draw(t, "stretches") {
		var part []sample
		for range rapid.IntRange(1, 40).Draw(t, "samples") {
			took := rapid.IntRange(1, 200).Draw(t, "took")
			part = append(part, sample{now, now + took, rapid.IntRange(0, 3).Draw(t, "ok") > 0})
			now += 250
		}
		out = append(out, part)
		now += rapid.IntRange(300, 4000).Draw(t, "dead")
	}
	return out
}

// observe records looks as a probe does.
func observe(name string, parts [][]sample) run.Observations {
	ms := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Millisecond) }
	o := run.Observations{Probe: name, Interval: run.Duration(250 * time.Millisecond)}
	var lastOK, lastEnd time.Time
	first := true
	for i, part := range parts {
		for j, s := range part {
			if i > 0 && j == 0 {
				o.Gaps = append(o.Gaps, run.Span{From: lastEnd, To: ms(s.began)})
			}
			if first {
				o.StartedAt = ms(s.began)
			}
			was := len(o.Transitions) > 0 && o.Transitions[len(o.Transitions)-1].Up
			if first || was != s.ok {
				tr := run.Transition{At: ms(s.ended), Up: s.ok}
				if !s.ok {
					tr.At, tr.LastOKAt = ms(s.began), lastOK
				}
				o.Transitions = append(o.Transitions, tr)
			}
			if s.ok {
				lastOK = ms(s.ended)
			}
			lastEnd, first = ms(s.ended), false
			o.EndedAt = lastEnd
		}
	}
	return o
}

// level says from the samples alone what one instant (in ms) is known to be.
func level(parts [][]sample, instant int) (proven, possible bool) {
	var all []sample
	gapAfter := map[int]bool{}
	for _, p := range parts {
		all = append(all, p...)
		gapAfter[len(all)-1] = true
	}
	for i, s := range all {
		if s.ok && s.began <= instant && instant < s.ended && (i == 0 || all[i-1].ok) {
			return true, true // a look that succeeded proves its own time
		}
	}
	for i := range len(all) - 1 {
		a, b := all[i], all[i+1]
		switch {
		case a.ok && b.ok && !gapAfter[i] && a.ended <= instant && instant < b.ended:
			return true, true
		case !a.ok && a.began <= instant && instant < a.ended,
			!a.ok && !b.ok && a.began <= instant && instant < b.ended,
			!a.ok && b.ok && !gapAfter[i] && a.began <= instant && instant < b.ended:
			return false, false
		}
	}
	if last := all[len(all)-1]; !last.ok && last.began <= instant && instant < last.ended {
		return false, false
	}
	return false, true
}

func TestCurveAgreesWithTheSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := looks(t, true)
		c := objective.NewCurve(whole, []run.Observations{observe("orders/write", parts)})
		for _, s := range c.Spans {
			for _, instant := range []time.Time{s.From, s.From.Add(s.To.Sub(s.From) / 2).Truncate(time.Millisecond)} {
				if instant.Before(s.From) {
					continue
				}
				proven, possible := level(parts, int(instant.Sub(t0).Milliseconds()))
				if s.Proven == 100 && !proven {
					t.Fatalf("at %v the curve claims service that no two samples prove", instant.Sub(t0))
				}
				if s.Possible == 0 && possible {
					t.Fatalf("at %v the curve claims an outage that no sample proves", instant.Sub(t0))
				}
			}
		}
	})
}

// rank orders verdicts from worst to best.
var rank = map[run.Verdict]int{run.Missed: 0, run.NotProven: 1, run.Met: 2}

func TestAFailureMoreNeverImprovesTheVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := looks(t, false)
		event := objective.Event{At: t0.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "event")) * time.Millisecond)}
		target := span(rapid.Float64Range(0.1, 6).Draw(t, "objective"))
		hold := time.Duration(rapid.IntRange(0, 2000).Draw(t, "hold")) * time.Millisecond
		recovery := func() objective.Recovery {
			return objective.NewCurve(whole, []run.Observations{observe("orders/write", parts)}).Recover(event, 100, hold, time.Time{})
		}
		before := recovery()
		if before.DownAt.IsZero() {
			return // there was no outage to judge
		}
		which := rapid.IntRange(0, len(parts[0])-1).Draw(t, "which")
		if !t0.Add(time.Duration(parts[0][which].began) * time.Millisecond).After(before.DownAt) {
			return // it would be another outage
		}
		parts[0][which].ok = false
		was, _ := before.Judge(target)
		if now, _ := recovery().Judge(target); rank[now] > rank[was] {
			t.Fatalf("with one more failure the verdict went from %s to %s", was, now)
		}
	})
}

func TestRecoveryIsNeverNegativeAndNeverFlatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := looks(t, true)
		event := t0.Add(time.Duration(rapid.IntRange(-500, 9000).Draw(t, "event")) * time.Millisecond)
		hold := time.Duration(rapid.IntRange(0, 2000).Draw(t, "hold")) * time.Millisecond
		target := span(rapid.Float64Range(0.1, 6).Draw(t, "objective"))
		c := objective.NewCurve(whole, []run.Observations{observe("orders/write", parts)})
		r := c.Recover(objective.Event{At: event}, 100, hold, time.Time{})
		actual, ok := r.Actual()
		if actual < 0 || r.StartedAt.After(event) {
			t.Fatalf("actual = %v from %v, event at %v", actual, r.StartedAt, event)
		}
		if ok && hold > 0 && !c.Held(r.RestoredAt, r.RestoredAt.Add(hold-time.Millisecond), 100) {
			t.Fatalf("restored at %v, but the level did not hold for %v", r.RestoredAt, hold)
		}
		if v, _ := r.Judge(target); v == run.Met && (!ok || actual > target.Std()) {
			t.Fatalf("met with %v (%v) against %v", actual, ok, target)
		}
	})
}

func TestPartsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := func(name string) time.Time {
			if rapid.IntRange(0, 4).Draw(t, name+" known") == 0 {
				return time.Time{}
			}
			return t0.Add(time.Duration(rapid.Int64Range(-int64(time.Minute), int64(3*time.Minute)).Draw(t, name)))
		}
		restored := t0.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "restored")))
		p := objective.Split(t0, restored, objective.Milestones{
			Detected: moment("detected"), Asked: moment("asked"), Decided: moment("decided"), Worked: moment("worked")})
		for _, part := range []time.Duration{p.Detect, p.People, p.Decide, p.Recover, p.Verify} {
			if part < 0 || part%time.Millisecond != 0 {
				t.Fatalf("part of %v in %+v", part, p)
			}
		}
		if want := restored.Sub(t0).Round(time.Millisecond); p.Total() != want {
			t.Fatalf("parts add up to %v, want %v", p.Total(), want)
		}
	})
}
