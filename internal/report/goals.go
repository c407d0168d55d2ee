package report

import (
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Goals judges what a row of the yearly plan was to show, as pass criteria are judged: from
// the record alone (requirement C-PGM-03).
func Goals(p plan.Plan, events []run.Event, goals []plan.Criterion) ([]Pass, error) {
	p.Scenario.Pass, p.Scenario.Requirements = goals, nil
	r, err := Build(p, events)
	if err != nil || r.Case == nil {
		return []Pass{}, err
	}
	return r.Case.Pass, nil
}
