package record

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// forecastRuns is how many past runs of a scenario a forecast rests on: two years of
// monthly drills. Older ones say little about the machines of today.
const forecastRuns = 24

// Forecast tells how long the steps of runbooks took in past runs of a scenario.
func (d Deps) Forecast(ctx context.Context, r plan.ForecastRequest) ([]plan.Timing, error) {
	runs, err := d.Store.Runs(ctx, journal.Filter{Scenario: r.Scenario, Limit: forecastRuns + 1})
	if err != nil {
		return nil, err
	}
	type key struct{ runbook, step, action string }
	took := map[key][]float64{}
	of := map[key]*plan.Timing{}
	for _, s := range runs {
		if s.Run == r.Run || !s.State.Ended() || s.Kind != run.Drill && s.Kind != run.Response {
			continue
		}
		if s.Depth == run.Tabletop || s.Depth == run.Walkthrough {
			continue // what was only read took no time that a recovery would take
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
			took[k] = append(took[k], res.DurationS)
			t := of[k]
			if t == nil {
				t = &plan.Timing{Runbook: k.runbook, Step: k.step, Action: k.action}
				of[k] = t
			}
			if s.Kind == run.Drill {
				t.Drills++
			} else {
				t.Real++
			}
		}
	}
	out := make([]plan.Timing, 0, len(of))
	for k, t := range of {
		slices.Sort(took[k])
		t.MedianS, t.P95S = quantile(took[k], 0.5), quantile(took[k], 0.95)
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b plan.Timing) int {
		return cmp.Or(cmp.Compare(a.Runbook, b.Runbook), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Action, b.Action))
	})
	return out, nil
}

// quantile of sorted values, by the nearest rank: always a time that was really taken.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
}
