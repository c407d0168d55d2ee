package forecast

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func sec(n int) run.Duration { return run.Duration(n) * run.Duration(time.Second) }

// times is a past in which each step took so long in each of some runs, a little more in each.
func times(runs int, of map[string]float64) Past {
	var p Past
	for n := range runs {
		r := PastRun{Run: fmt.Sprint("r", n), Kind: run.Drill}
		for id, s := range of {
			r.Steps = append(r.Steps, PastStep{System: "orders", Runbook: "over", Step: id, Action: "db.do", TookS: s * (1 + 0.02*float64(n%5-2))})
		}
		slices.SortFunc(r.Steps, func(a, b PastStep) int { return len(a.Step) - len(b.Step) })
		zero := 0.0
		r.Systems = []PastSystem{{System: "orders", DetectS: &zero, PeopleS: &zero, DecideS: &zero, VerifyS: &zero}}
		p.Runs = append(p.Runs, r)
	}
	return p
}

// fork is a -> (long | brief) -> join, with an RTO of 100 s.
func fork() plan.Plan {
	step := func(id string, needs ...string) plan.Step { return plan.Step{ID: id, Uses: "db.do", Needs: needs} }
	rto := sec(100)
	p := plan.Plan{Scenario: plan.Scenario{Name: "loss", Hazard: run.Disaster, Depth: run.Live},
		Systems:  []plan.System{{Name: "orders", Home: "tokyo", Failover: "over", Objective: plan.Objective{RTO: &rto}}},
		Runbooks: []plan.Runbook{{Name: "over", System: "orders", Steps: []plan.Step{step("a"), step("long-one", "a"), step("brief", "a"), step("join-up", "long-one", "brief")}}}}
	_ = p.Seal()
	return p
}

func TestTheSameQuestionHasTheSameAnswer(t *testing.T) {
	past := times(12, map[string]float64{"a": 10, "long-one": 60, "brief": 5, "join-up": 10})
	one, two := Of(fork(), past), Of(fork(), past)
	if !reflect.DeepEqual(one, two) {
		t.Error("two forecasts of the same plan and past differ")
	}
	past.Runs[0].Steps[0].TookS++
	if other := Of(fork(), past); other.Seed == one.Seed {
		t.Error("another past is drawn from the same seed")
	}
}

func TestChanceAndLever(t *testing.T) {
	past := times(12, map[string]float64{"a": 10, "long-one": 60, "brief": 5, "join-up": 10})
	w := Of(fork(), past).Ways[0]
	if w.Met == nil || *w.Met < 0.99 || w.AtBest || w.AtLimits {
		t.Errorf("80 s of 100: met %v, at best %v", w.Met, w.AtBest)
	}
	if math.Abs(w.Total.P50-80) > 4 {
		t.Errorf("half take at most %v s, want about 80", w.Total.P50)
	}
	past = times(12, map[string]float64{"a": 10, "long-one": 82, "brief": 5, "join-up": 10}) // 102 s
	f := Of(fork(), past)
	w = f.Ways[0]
	if *w.Met > 0.6 || *w.Met < 0.05 {
		t.Errorf("102 s of 100: met in %v, want something between", *w.Met)
	}
	if w.Lever == nil || w.Lever.Step != "long-one" || w.Lever.MetGain < 0.3 || math.Abs(w.Lever.P80GainS-16.4) > 3 {
		t.Errorf("lever %+v, want long-one, which saves 16 s and the objective", w.Lever)
	}
	for _, s := range w.Steps {
		if want := map[string]float64{"a": 1, "long-one": 1, "brief": 0, "join-up": 1}[s.Step]; s.Critical != want {
			t.Errorf("%s decides in %v of the draws, want %v", s.Step, s.Critical, want)
		}
	}
	total := 0.0
	for _, b := range w.Histogram {
		total += b.Share
	}
	if math.Abs(total-1) > 0.01 {
		t.Errorf("the bars add up to %v", total)
	}
}

// What nobody knows is said, and never passes for a short time.
func TestNoData(t *testing.T) {
	p := fork()
	f := Of(p, Past{})
	if w := f.Ways[0]; w.Grounded || w.Met != nil || w.Total != nil || len(w.NoData) != 4 || f.AllMet != nil || f.Lever != nil {
		t.Errorf("without past and budgets: %+v", w)
	}
	p.Runbooks[0].Steps[1].Budget = sec(30)
	p.Scenario.Phases = run.Phases(run.Disaster)
	p.Scenario.Safety, p.Scenario.Decision = plan.SafetyRules{Within: sec(10), Muster: sec(5)}, plan.DecisionRule{Within: sec(5)}
	w := Of(p, Past{}).Ways[0]
	if !w.Grounded || !w.AtBest || !w.AtLimits || !slices.Equal(w.NoData, []string{"a", "brief", "join-up"}) || math.Abs(w.Total.P50-50) > 2 {
		t.Errorf("a budget of 30 s and 20 s of people's limits: %+v, half within %v", w, w.Total.P50)
	}
	// Another action by the same name is another step.
	past := times(6, map[string]float64{"a": 10})
	p = fork()
	p.Runbooks[0].Steps[0].Uses = "db.other"
	if w := Of(p, past).Ways[0]; w.Grounded {
		t.Errorf("the time of another action counts: %+v", w.Steps[0])
	}
}

// A system that depends on another begins when that is back.
func TestDependencies(t *testing.T) {
	p := fork()
	rto := sec(30)
	p.Systems = append([]plan.System{{Name: "shop", Home: "tokyo", DependsOn: []string{"orders"}, Failover: "shop-over", Objective: plan.Objective{RTO: &rto}}}, p.Systems...)
	p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "shop-over", Steps: []plan.Step{{ID: "up", Uses: "db.do", Budget: sec(1)}}})
	f := Of(p, times(8, map[string]float64{"a": 10, "long-one": 60, "brief": 5, "join-up": 10}))
	if f.Ways[0].System != "shop" || *f.Ways[0].Met != 0 || math.Abs(f.Ways[0].Total.P50-81) > 4 {
		t.Errorf("shop waits for orders: %+v", f.Ways[0])
	}
	if l := f.Ways[0].Lever; l == nil || l.System != "orders" || l.Step != "long-one" {
		t.Errorf("what helps shop is in orders: %+v", l)
	}
	if f.AllMet == nil || *f.AllMet != 0 {
		t.Errorf("all objectives are met in %v", f.AllMet)
	}
}

// What was done by hand, by simulated people, had nothing to do or ran at a tabletop is no time.
func TestPastOf(t *testing.T) {
	took := 5.0
	step := func(id string, change func(*outcome.Step)) outcome.Step {
		s := outcome.Step{System: "orders", Runbook: "over", Step: id, Action: "db.do", ElapsedS: &took, Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult}
		if change != nil {
			change(&s)
		}
		return s
	}
	o := outcome.Outcome{Run: "r", Kind: run.Drill, Depth: run.Live, Steps: []outcome.Step{
		step("plain", nil), step("twice", func(s *outcome.Step) { s.Attempts = 2 }), step("already", func(s *outcome.Step) { s.Already = true }),
		step("hand", func(s *outcome.Step) { s.SettledBy = run.ByPerson }), step("actor", func(s *outcome.Step) { s.Human, s.Simulated = true, true }),
		step("not", func(s *outcome.Step) { s.Outcome, s.ElapsedS = run.Skipped, nil }), step("failed", func(s *outcome.Step) { s.Outcome = run.Failed }),
	}, Systems: []outcome.System{{ID: "orders", Parts: &report.Parts{DetectS: 3, PeopleS: 9, VerifyS: 2}, SimulatedParts: []string{"people_s"}}}}
	tabletop := o
	tabletop.Depth = run.Tabletop
	past := PastOf([]outcome.Outcome{o, tabletop})
	if len(past.Runs) != 1 {
		t.Fatalf("%d runs count, want the one in which steps ran", len(past.Runs))
	}
	got := map[string]float64{}
	for _, s := range past.Runs[0].Steps {
		got[s.Step] = s.TookS
	}
	if want := map[string]float64{"plain": 5, "twice": 10, "not": 0}; !reflect.DeepEqual(got, want) {
		t.Errorf("times %v, want %v", got, want)
	}
	if s := past.Runs[0].Systems[0]; s.PeopleS != nil || s.DetectS == nil || *s.DetectS != 3 {
		t.Errorf("parts %+v: simulated people are no measurement", s)
	}
}

// A plan that waits for itself, and times that are none, are survived.
func TestBrokenInput(t *testing.T) {
	p := fork()
	p.Runbooks[0].Steps[0].Needs = []string{"join-up", "gone"}
	p.Systems[0].DependsOn = []string{"orders", "nobody"}
	past := times(3, map[string]float64{"a": 10, "long-one": math.Inf(1), "brief": -4, "join-up": math.NaN()})
	if f := Of(p, past); len(f.Ways) != 1 || math.IsNaN(f.Ways[0].Total.P50) {
		t.Errorf("%+v", f)
	}
}

func benchmark(b *testing.B, steps int) {
	p := aPlan(steps)
	past := history(newDice([2]uint64{1, 2}, 0).Rand, p, truths()[1], 40)
	for b.Loop() {
		Of(p, past)
	}
}

func BenchmarkForecast200Steps(b *testing.B)  { benchmark(b, 200) }
func BenchmarkForecast5000Steps(b *testing.B) { benchmark(b, 5000) }
