package progress

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
)

// Withheld is where a blind drill stands for those who may not see its scenario: without what it
// is called, which it is, and what it did to make things happen. p is the whole plan, with its injects.
func (o Overview) Withheld(p plan.Plan) Overview {
	o.Title, o.Scenario, o.PlanHash = plan.WithheldTitle(), "", ""
	o.Steps = slices.DeleteFunc(slices.Clone(o.Steps), func(s Step) bool { return p.Injects(s.Runbook, s.ID) })
	o.Waiting = slices.DeleteFunc(slices.Clone(o.Waiting), func(w Waiting) bool {
		return w.Step != "" && w.For == AwaitStep && p.Injects("", w.Step) && !inRunbook(p, w.Step)
	})
	return o
}

// inRunbook reports whether a runbook has a step of that name too.
func inRunbook(p plan.Plan, step string) bool {
	return slices.ContainsFunc(p.Runbooks, func(b plan.Runbook) bool {
		return slices.ContainsFunc(b.Steps, func(s plan.Step) bool { return s.ID == step })
	})
}
