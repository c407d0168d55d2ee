package objective_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

func TestCapacityLevel(t *testing.T) {
	for _, c := range []struct {
		achieved, baseline float64
		margin, want       int
	}{
		{50, 100, 0, 50}, {100, 100, 0, 100}, {450, 100, 0, 100}, {96, 100, 3, 96}, {97, 100, 3, 100},
		{49.5, 100, 0, 49}, {49.99, 100, 3, 49}, {99.9, 100, 0, 99}, {96.9, 100, 3, 96}, {29, 100, 0, 29}, {0.57, 1, 0, 57}, {58, 200, 0, 29},
		{0, 100, 100, 0}, {0.2, 100, 0, 1}, {5, 0, 0, 0}, {5, -1, 0, 0},
	} {
		if got := objective.CapacityLevel(c.achieved, c.baseline, c.margin); got != c.want {
			t.Errorf("%v of %v with a margin of %d is level %d, want %d", c.achieved, c.baseline, c.margin, got, c.want)
		}
	}
}

func TestAchievedCountsTheTimeTheAnswersTook(t *testing.T) {
	every := func(n int, step, first time.Duration) (out []time.Duration) {
		for i := range n {
			out = append(out, first+time.Duration(i)*step)
		}
		return out
	}
	for _, c := range []struct {
		name     string
		answered []time.Duration
		want     float64
	}{
		{"all at once", every(100, 10*time.Millisecond, 2*time.Millisecond), 100},
		{"all, each after half a second", every(100, 10*time.Millisecond, 500*time.Millisecond), 100},
		{"half of them refused", every(50, 20*time.Millisecond, 2*time.Millisecond), 50},
		{"all, in twice the time", every(100, 20*time.Millisecond, 2*time.Millisecond), 50},
		{"all at the end in a burst", every(100, 0, time.Second), 100},
		{"none", nil, 0},
	} {
		if got := objective.Achieved(100, time.Second, c.answered); got < c.want-1 || got > c.want+1 {
			t.Errorf("%s: %.1f answers a second, want %.0f", c.name, got, c.want)
		}
	}
}

func TestALevelLiesBetweenNothingAndEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offered := rapid.IntRange(1, 1000).Draw(t, "offered")
		over := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(10*time.Second)).Draw(t, "over"))
		answered := rapid.SliceOf(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "at"))
		})).Draw(t, "answered")
		rate := objective.Achieved(offered, over, answered)
		if most := float64(offered) / over.Seconds(); rate < 0 || rate > most*1.000001 {
			t.Fatalf("achieved %v a second, offered %v", rate, most)
		}
		baseline, margin := rapid.Float64Range(-10, 1e6).Draw(t, "baseline"), rapid.IntRange(-5, 200).Draw(t, "margin")
		level := objective.CapacityLevel(rate, baseline, margin)
		if level < 0 || level > 100 {
			t.Fatalf("level %d", level)
		}
		if more := objective.CapacityLevel(rate*1.5, baseline, margin); more < level {
			t.Fatalf("a higher rate gives level %d after %d", more, level)
		}
		if len(answered) > 0 && objective.Achieved(offered, over, answered[1:]) > 0 && level == 0 && baseline > 0 {
			t.Fatalf("something was answered, and the level is 0")
		}
	})
}

// graded is one function whose level was full from -10 s on and changed as given.
func graded(end float64, changes ...run.Transition) run.Observations {
	o := seen("orders/write", end)
	o.Transitions = append(o.Transitions, changes...)
	return o
}

func TestHalfCapacityReachesTheStagesItReaches(t *testing.T) {
	o := graded(120,
		run.Transition{At: at(1), LastOKAt: at(0)},
		run.Transition{At: at(20), Up: true, Level: 50},
		run.Transition{At: at(80), Up: true})
	c := objective.NewCurve(whole, []run.Observations{o})
	event := objective.Event{At: at(0.5)}
	for _, stage := range []struct {
		level  int
		within *run.Duration
		want   run.Verdict
		actual float64
	}{{40, span(30), run.Met, 19.5}, {50, span(30), run.Met, 19.5}, {60, span(30), run.Missed, 79.5}, {100, span(90), run.Met, 79.5}} {
		r := c.Recover(event, stage.level, 5*time.Second, time.Time{})
		v, why := r.Judge(stage.within)
		if actual, _ := r.Actual(); v != stage.want || actual.Seconds() != stage.actual {
			t.Errorf("%d %%: %s (%s) after %v, want %s after %v s", stage.level, v, why, actual, stage.want, stage.actual)
		}
	}
	if floor, ok := c.Floor(at(0.5), at(80)); !ok || floor != 0 {
		t.Errorf("floor is %d (%v), want 0", floor, ok)
	}
	if floor, ok := c.Floor(at(20), at(80)); !ok || floor != 50 {
		t.Errorf("floor after it came back is %d (%v), want 50", floor, ok)
	}
	if lost, ok := c.Lost(at(1), at(80)); !ok || lost != 49*time.Second {
		t.Errorf("lost %v (%v), want 19 s of all and 60 s of half", lost, ok)
	}
	if _, ok := c.Floor(at(-20), at(80)); ok {
		t.Error("a floor was given for time that nobody saw")
	}
}

func TestAFallIsInDoubtOnlyBetweenTheTwoLevels(t *testing.T) {
	c := objective.NewCurve(whole, []run.Observations{graded(60, run.Transition{At: at(10), LastOKAt: at(8), Up: true, Level: 40})})
	s := c.Spans[1]
	if s.Proven != 40 || s.Possible != 100 || s.Shown != 100 || !s.Seen {
		t.Errorf("between the last full sample and the first at 40 %%: %+v", s)
	}
}

func TestServiceOfUnknownLevelProvesNothing(t *testing.T) {
	c := objective.NewCurve(whole, []run.Observations{graded(60,
		run.Transition{At: at(1), LastOKAt: at(0)}, run.Transition{At: at(10), Up: true, Level: run.LevelUnknown})})
	v, why := c.Recover(objective.Event{At: at(0.5)}, 50, 5*time.Second, time.Time{}).Judge(span(30))
	if v != run.NotProven {
		t.Errorf("a service whose capacity nobody measured is %s (%s)", v, why)
	}
}

func TestAStatementCountsFromWhenItIsMade(t *testing.T) {
	functions := []objective.Function{{Probe: "orders/write", Weight: 60}, {Probe: "orders/counter", Weight: 40, Stated: true}}
	o := graded(120, run.Transition{At: at(1), LastOKAt: at(0)}, run.Transition{At: at(20), Up: true})
	judge := func(level int, words ...objective.Word) (run.Verdict, float64) {
		functions[1].Words = words
		c := objective.NewStatedCurve(functions, []run.Observations{o}, at(0.5), at(120))
		r := c.Recover(objective.Event{At: at(0.5)}, level, 5*time.Second, time.Time{})
		v, _ := r.Judge(span(60))
		actual, _ := r.Actual()
		return v, actual.Seconds()
	}
	for _, c := range []struct {
		name   string
		level  int
		words  []objective.Word
		want   run.Verdict
		actual float64
	}{
		{"what the probes see needs no word", 60, nil, run.Met, 19.5},
		{"nobody's word proves nothing", 100, nil, run.NotProven, 0},
		{"a word in time", 100, []objective.Word{{At: at(40), Level: 100}}, run.Met, 39.5},
		{"a word too late", 100, []objective.Word{{At: at(90), Level: 100}}, run.Missed, 89.5},
		{"a word that all is not well", 100, []objective.Word{{At: at(40), Level: 50}}, run.Missed, 0},
		{"half of it is enough for 80", 80, []objective.Word{{At: at(40), Level: 50}}, run.Met, 39.5},
		{"a correction counts from its own time", 100, []objective.Word{{At: at(50), Level: 100}, {At: at(40), Level: 50}}, run.Met, 49.5},
	} {
		if v, actual := judge(c.level, c.words...); v != c.want || actual != c.actual {
			t.Errorf("%s: %s after %v s, want %s after %v s", c.name, v, actual, c.want, c.actual)
		}
	}
}

func TestASystemOfStatementsAlone(t *testing.T) {
	f := []objective.Function{{Probe: "tower/phones", Weight: 100, Stated: true, Words: []objective.Word{{At: at(30), Level: 100}}}}
	r := objective.NewStatedCurve(f, nil, at(0), at(100)).Recover(objective.Event{At: at(0)}, 100, 5*time.Second, time.Time{})
	if v, why := r.Judge(span(60)); v != run.Met {
		t.Errorf("%s (%s)", v, why)
	}
}
