package report

import (
	"slices"

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

// WithJudged adds what people judged of the goals of a row that no record can judge, from what was written
// about the run, under any of the names that the row had. The last word on a goal counts; a judgement of
// what the goal said before it was changed is none of what it says now.
func WithJudged(list []Pass, names []string, written []Entry) []Pass {
	for i := range list {
		for _, e := range written {
			of := slices.ContainsFunc(names, func(row string) bool { return e.Item == run.GoalItem(row, list[i].ID) })
			if list[i].Expect != "" || !of || e.Verdict == "" {
				continue
			}
			if e.Goal != "" && e.Goal != list[i].Text.Both() {
				if list[i].Judged == nil {
					list[i].Verdict, list[i].Why = run.NotProven, plan.Say("judged before the goal was changed", "目標の変更前に判定された")
				}
				continue
			}
			list[i].Verdict, list[i].Why, list[i].Judged = e.Verdict, plan.Text{}, &e
			if e.Verdict != run.Met {
				list[i].Why = plan.Text{EN: e.Text, JA: e.Text}
			}
		}
	}
	return list
}
