package forecast

import (
	"fmt"
	"math"
	"testing"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// pastOf is so many runs each: announced ones in which people took 100 s, and blind or real ones in
// which they took 1000 s. The machine took 10 s in all of them.
func pastOf(announced, blind, real int) Past {
	var all []outcome.Outcome
	add := func(kind run.Kind, isBlind bool, people float64) {
		n := len(all)
		depth := run.Live
		if kind == run.Response {
			depth = run.Real
		}
		jitter := 1 + 0.01*float64(n%3)
		step := func(id string, took float64, human bool) outcome.Step {
			took *= jitter
			return outcome.Step{System: "orders", Runbook: "over", Step: id, Action: "db.do", ElapsedS: &took, Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult, Human: human}
		}
		all = append(all, outcome.Outcome{Run: fmt.Sprint("r", n), Kind: kind, Depth: depth, Blind: isBlind,
			Steps:   []outcome.Step{step("machine", 10, false), step("hands", people, true)},
			Systems: []outcome.System{{ID: "orders", Parts: &report.Parts{DetectS: people * jitter, PeopleS: people * jitter, DecideS: people * jitter, VerifyS: 5}}}})
	}
	for range announced {
		add(run.Drill, false, 100)
	}
	for range blind {
		add(run.Drill, true, 1000)
	}
	for range real {
		add(run.Response, false, 1000)
	}
	return PastOf(all)
}

func withHands(blind bool, depth run.Depth) plan.Plan {
	p := plan.Plan{Scenario: plan.Scenario{Name: "loss", Hazard: run.Disaster, Depth: depth, Blind: blind},
		Systems: []plan.System{{Name: "orders", Home: "tokyo", Failover: "over"}},
		Runbooks: []plan.Runbook{{Name: "over", System: "orders", Steps: []plan.Step{
			{ID: "machine", Uses: "db.do"}, {ID: "hands", Uses: "db.do", Needs: []string{"machine"}, Human: &plan.Human{}}}}}}
	_ = p.Seal()
	return p
}

// People who know of a drill are quicker than people who don't: a forecast draws its people's times from
// runs of its own kind, and the machine's from all.
func TestPeoplesTimesAreOfTheSameKindOfRun(t *testing.T) {
	for _, c := range []struct {
		name                   string
		past                   Past
		plan                   plan.Plan
		people                 float64 // the median, in seconds; 0 is between the two
		ofPeople, other, ofAll int     // runs
	}{
		{"announced", pastOf(4, 4, 0), withHands(false, run.Live), 100, 4, 0, 8},
		{"blind", pastOf(4, 4, 0), withHands(true, run.Live), 1000, 4, 0, 8},
		{"real, by blind and real ones", pastOf(5, 2, 1), withHands(false, run.Real), 1000, 3, 0, 8},
		{"blind, and two were", pastOf(6, 2, 0), withHands(true, run.Live), 0, 8, 6, 8},
		{"announced, and none was", pastOf(0, 4, 1), withHands(false, run.Live), 1000, 5, 5, 5},
		{"two, and all announced", pastOf(2, 0, 0), withHands(false, run.Live), 100, 2, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Of(c.plan, c.past)
			if want := c.plan.Scenario.Blind || c.plan.Scenario.Depth == run.Real; f.Surprise != want {
				t.Errorf("surprise %t, want %t", f.Surprise, want)
			}
			w := f.Ways[0]
			people := func(what string, median float64, past, other int) {
				right := math.Abs(median/c.people-1) < 0.05
				if c.people == 0 {
					right = median > 120 && median < 800
				}
				if !right || past != c.ofPeople || other != c.other {
					t.Errorf("%s: %.0f s from %d runs, %d of another kind; want %.0f s from %d, %d", what, median, past, other, c.people, c.ofPeople, c.other)
				}
			}
			for _, p := range w.Parts {
				if p.Part == PartVerify {
					if p.Past != c.ofAll || p.Other != 0 {
						t.Errorf("verification: from %d runs, %d of another kind: nobody does it", p.Past, p.Other)
					}
					continue
				}
				people(p.Part, p.MedianS, p.Past, p.Other)
			}
			people("a step by hand", *w.Steps[1].MedianS, w.Steps[1].Past, w.Steps[1].Other)
			if s := w.Steps[0]; s.Past != c.ofAll || s.Other != 0 {
				t.Errorf("the machine's step: from %d runs, %d of another kind; want all %d", s.Past, s.Other, c.ofAll)
			}
		})
	}
}
