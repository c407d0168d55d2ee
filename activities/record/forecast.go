package record

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// forecastRuns is how many past runs of a scenario a forecast rests on: two years of
// monthly drills. Older ones say little about the machines of today.
const forecastRuns = 24

// fewOfAKind is with how many past times of its own kind a step of people is told from these alone.
const fewOfAKind = 3

// sample is how long a step took in one past run.
type sample struct {
	took  float64
	kind  run.Kind
	alike bool // people knew as much before as in the run that asks
}

// Forecast tells how long the steps of runbooks took in past runs of a scenario. What an isolated drill
// takes in places made for it says nothing of the systems themselves, nor the reverse: the two are never
// put together. What people take who were told before and who were not is put together only while there is
// too little of either.
func (d Deps) Forecast(ctx context.Context, r plan.ForecastRequest) ([]plan.Timing, error) {
	runs, err := d.Store.Runs(ctx, journal.Filter{Scenario: r.Scenario, Limit: 2*forecastRuns + 1})
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(runs, func(s journal.Summary) bool { return s.Run == r.Run })
	surprised := false
	if at >= 0 {
		if surprised, err = d.surprised(ctx, runs[at]); err != nil {
			return nil, err
		}
	}
	type key struct{ runbook, step, action string }
	took := map[key][]sample{}
	counted := 0
	for _, s := range runs {
		if s.Run == r.Run || !s.State.Ended() || s.Kind != run.Drill && s.Kind != run.Response {
			continue
		}
		if s.Depth == run.Tabletop || s.Depth == run.Walkthrough {
			continue // what was only read took no time that a recovery would take
		}
		if at >= 0 && (s.Depth == run.IsolatedRun) != (runs[at].Depth == run.IsolatedRun) {
			continue
		}
		if counted++; counted > forecastRuns {
			break
		}
		was, err := d.surprised(ctx, s)
		if err != nil {
			return nil, err
		}
		entries, err := d.Store.Events(ctx, s.Run, 0, 0)
		if err != nil {
			return nil, err
		}
		seen := map[key]bool{} // a step that was run twice in one run counts once
		for _, entry := range entries {
			e := entry.Event
			if e.Kind != run.StepEnded || e.Outcome != run.Passed || run.IsSimulated(e.By) || !slices.Contains(r.Runbooks, e.Runbook) {
				continue
			}
			var res run.StepResult
			k := key{e.Runbook, e.Step, e.Action}
			byItself := e.Decode(&res) == nil && (res.SettledBy == run.ByResult || res.SettledBy == run.ByAcknowledge)
			if !byItself || res.Already || res.DurationS <= 0 || seen[k] {
				continue
			}
			seen[k] = true
			took[k] = append(took[k], sample{res.DurationS, s.Kind, was == surprised || res.SettledBy != run.ByAcknowledge})
		}
	}
	out := make([]plan.Timing, 0, len(took))
	for k, all := range took {
		if alike := slices.DeleteFunc(slices.Clone(all), func(x sample) bool { return !x.alike }); len(alike) >= fewOfAKind {
			all = alike
		}
		t := plan.Timing{Runbook: k.runbook, Step: k.step, Action: k.action}
		var list []float64
		for _, x := range all {
			list = append(list, x.took)
			if x.kind == run.Drill {
				t.Drills++
			} else {
				t.Real++
			}
		}
		slices.Sort(list)
		t.MedianS, t.P95S = quantile(list, 0.5), quantile(list, 0.95)
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b plan.Timing) int {
		return cmp.Or(cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Action, b.Action))
	})
	return out, nil
}

// surprised reports whether those who take part in a run did not know of it before.
func (d Deps) surprised(ctx context.Context, s journal.Summary) (bool, error) {
	if s.Kind == run.Response {
		return true, nil
	}
	p, err := d.Store.Plan(ctx, s.PlanHash)
	if errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return p.Scenario.Blind, err
}

// quantile of sorted values, by the nearest rank: always a time that was really taken.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
}
