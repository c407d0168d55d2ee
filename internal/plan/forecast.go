package plan

import (
	"github.com/muster-dr/muster/internal/run"
)

// ForecastRequest asks how long a plan's runbooks took in past runs of its scenario.
type ForecastRequest struct {
	Run      string   `json:"run"` // the run that asks, which is no past one
	Scenario string   `json:"scenario"`
	Runbooks []string `json:"runbooks"`
}

// ChancesRequest asks how long the ways of a plan would take, drawn from past runs of its scenario.
type ChancesRequest struct {
	Run  string `json:"run"` // the run that asks, which is no past one
	Plan string `json:"plan"`
}

// Chance is how long a runbook of a system takes, with what it waits for and its verification, as
// percentiles from 0 to 100. None is no ground.
type Chance struct {
	System   string    `json:"system"`
	Runbook  string    `json:"runbook"`
	PercentS []float64 `json:"percent_s"`
	// AtBest: steps without data count nothing.
	AtBest bool `json:"at_best,omitempty"`
	Runs   int  `json:"runs"` // past ones that it rests on
}

// Timing is how long a step took in past runs: those in which it was done and its
// action itself saw that it was, not by hand and not by simulated people.
type Timing struct {
	Runbook string  `json:"runbook"`
	Step    string  `json:"step"`
	Action  string  `json:"action"` // as it was then; another action is another step
	MedianS float64 `json:"median_s"`
	P95S    float64 `json:"p95_s"`
	Drills  int     `json:"drills"` // on how many runs that rests
	Real    int     `json:"real"`
}

// Forecast is how long a runbook is expected to take. Nil figures have no ground.
type Forecast struct {
	ExpectedS *float64 // along the longest chain of needs, by medians
	P95S      *float64 // the same by the 95th percentiles; nil where a budget had to stand in
	Drills    int      // the most runs that a step's figure rests on
	Real      int
	Measured  int // steps with past figures
	Declared  int // steps whose budget stands in
	Unknown   int // machine's steps with neither, which count nothing
}

// ForecastOf forecasts a runbook from past timings, and from the steps' budgets where
// there are none (requirement B-DEC-02).
func ForecastOf(b Runbook, past []Timing) Forecast {
	var f Forecast
	expected, p95 := map[string]float64{}, map[string]float64{}
	for _, s := range b.Steps {
		if t, ok := timing(past, b.Name, s); ok {
			expected[s.ID], p95[s.ID] = t.MedianS, t.P95S
			f.Drills, f.Real, f.Measured = max(f.Drills, t.Drills), max(f.Real, t.Real), f.Measured+1
			continue
		}
		switch {
		case s.Human != nil:
		case s.Budget > 0:
			expected[s.ID], p95[s.ID] = s.Budget.Seconds(), s.Budget.Seconds()
			f.Declared++
		default:
			f.Unknown++
		}
	}
	if f.Measured+f.Declared == 0 {
		return f
	}
	e := longest(b.Steps, func(s Step) float64 { return expected[s.ID] })
	f.ExpectedS = &e
	if f.Declared == 0 {
		p := longest(b.Steps, func(s Step) float64 { return p95[s.ID] })
		f.P95S = &p
	}
	return f
}

// Expected is what each machine's step of a runbook takes by its past, or else its budget, in
// seconds. Steps without either are left out; an empty map is no ground for any forecast.
func Expected(b Runbook, past []Timing) map[string]float64 {
	known := make(map[string]Timing, len(past))
	for _, t := range past {
		if t.Runbook == b.Name {
			known[t.Step] = t
		}
	}
	out := map[string]float64{}
	for _, s := range b.Steps {
		if t, ok := known[s.ID]; ok && t.Action == s.Uses {
			out[s.ID] = t.MedianS
		} else if s.Human == nil && s.Budget > 0 {
			out[s.ID] = s.Budget.Seconds()
		}
	}
	return out
}

// Remaining forecasts how long a runbook in progress still takes, in seconds, when each of its
// steps still takes so long.
func Remaining(b Runbook, left func(step string) float64) float64 {
	return longest(b.Steps, func(s Step) float64 { return left(s.ID) })
}

func timing(past []Timing, runbook string, s Step) (Timing, bool) {
	for _, t := range past {
		if t.Runbook == runbook && t.Step == s.ID && t.Action == s.Uses {
			return t, true
		}
	}
	return Timing{}, false
}

// LongestBudget is the declared machine time of a runbook: the budgets along the longest
// chain of needs, steps without a budget or done by people left out. False when no step
// has a budget: then there is no ground for a forecast.
func LongestBudget(steps []Step) (run.Duration, bool) {
	known := false
	for _, s := range steps {
		known = known || s.Budget > 0
	}
	return run.Duration(longest(steps, func(s Step) run.Duration { return s.Budget })), known
}

// longest adds up what steps take along the longest chain of needs.
func longest[N int64 | float64 | run.Duration](steps []Step, takes func(Step) N) N {
	at := make(map[string]int, len(steps))
	for i, s := range steps {
		at[s.ID] = i
	}
	sums := make([]N, len(steps))
	done := make([]bool, len(steps))
	var reach func(i int) N
	reach = func(i int) N {
		if done[i] {
			return sums[i]
		}
		done[i] = true // a compiled plan has no cycles; a broken one must not hang
		var before N
		for _, need := range steps[i].Needs {
			if n, ok := at[need]; ok {
				before = max(before, reach(n))
			}
		}
		sums[i] = before + takes(steps[i])
		return sums[i]
	}
	var most N
	for i := range steps {
		most = max(most, reach(i))
	}
	return most
}

// Within is how likely a time drawn from a distribution, given by its percentiles from 0 to 100, is at
// most so many seconds.
func Within(percent []float64, s float64) float64 {
	n := len(percent) - 1
	switch {
	case n < 1 || s < percent[0]:
		return 0
	case s >= percent[n]:
		return 1
	}
	i := 0
	for percent[i+1] <= s {
		i++
	}
	return (float64(i) + (s-percent[i])/(percent[i+1]-percent[i])) / float64(n)
}
