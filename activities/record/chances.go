package record

import (
	"context"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/plan"
)

// Chances draws how long each way of a plan would take from what past runs of its scenario took.
func (d Deps) Chances(ctx context.Context, r plan.ChancesRequest) ([]plan.Chance, error) {
	p, err := d.Store.Plan(ctx, r.Plan)
	if err != nil {
		return nil, err
	}
	past, err := forecast.Read(ctx, d.Store, p.Scenario.Name, r.Run)
	if err != nil {
		return nil, err
	}
	out := []plan.Chance{}
	for _, w := range forecast.Of(p, past).Ways {
		if w.Recover == nil {
			continue
		}
		one := plan.Chance{System: w.System, Runbook: w.Runbook, PercentS: w.Recover.Percent, AtBest: w.AtBest}
		for _, s := range w.Steps {
			one.Runs = max(one.Runs, s.Past)
		}
		out = append(out, one)
	}
	return out, nil
}
