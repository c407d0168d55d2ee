package outcome

import (
	"context"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/report"
)

// earlierRead bounds how many runs are looked at for those that can stand beside one.
const earlierRead = 5 * report.TrendRuns

// Earlier are the newest runs of a scenario in which something was done and which ended at a moment or
// before, for the trend in a report.
func Earlier(ctx context.Context, store journal.Outcomes, scenario string, until *time.Time) ([]report.Earlier, error) {
	list, err := List(ctx, store, journal.OutcomeFilter{Scenario: scenario, Before: until.Add(time.Microsecond), Limit: earlierRead}) // the store keeps no finer times
	if err != nil {
		return nil, err
	}
	var out []report.Earlier
	for _, o := range list {
		if !o.Ran() || !o.Whole() {
			continue
		}
		e := report.Earlier{Kind: o.Kind, Depth: o.Depth, Blind: o.Blind, Simulated: o.People.Simulated,
			TrendRun: report.TrendRun{Run: o.Run, EndedAt: o.EndedAt, PlanHash: o.PlanHash, Verdict: o.Verdict, Systems: []report.TrendSystem{}}}
		for _, s := range o.Systems {
			f, rests := s.RTO, RTO
			if s.Restore != nil {
				f, rests = *s.Restore, Restore
			}
			e.Steps = e.Steps || slices.Contains(s.SimulatedSteps, rests)
			e.Systems = append(e.Systems, report.TrendSystem{System: s.ID, ObjectiveS: f.ObjectiveS, ActualS: f.ActualS, AtMost: f.AtMost, Verdict: f.Verdict})
		}
		out = append(out, e)
	}
	return out, nil
}
