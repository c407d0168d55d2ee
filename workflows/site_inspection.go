package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// inspectSites has the muster place's site inspected before people work there. An
// unsafe one moves the muster to the next place, which is inspected too (B-STP-03).
func (r *response) inspectSites(ctx workflow.Context) (run.Outcome, string) {
	var left []string // sites that were found unsafe
	for {
		site := r.placeOf(r.mustered).Site
		if site == "" && len(left) == 0 {
			return run.Passed, both("the muster is online: nobody works in a building that could be unsafe", "オンライン参集のため、点検を要する建物での作業はない")
		}
		moved := both("%s is unsafe; the muster moved to %s", "%s は危険なため、参集場所を %s に変更", strings.Join(left, ", "), r.mustered)
		if site == "" {
			return run.Passed, moved
		}
		if outcome, reason, settled := r.inspectSite(ctx, site); settled {
			if outcome == run.Passed && len(left) > 0 {
				reason = moved
			}
			return outcome, reason
		}
		if !r.hears {
			return r.moveOn(ctx, site)
		}
		if !r.usable(r.mustered) { // who reported it would have moved the muster
			return run.Failed, both("%s is unsafe and the estate names no other muster place that can be used", "%s は危険だが、使用できるほかの参集場所が登録されていない", site)
		}
		left = append(left, site)
	}
}

// inspectSite waits until a site is inspected. It is settled unless the site is unsafe.
func (r *response) inspectSite(ctx workflow.Context, site string) (outcome run.Outcome, reason string, settled bool) {
	r.simulateAct(ctx, "", "inspect "+site, func(ctx workflow.Context, m *member) {
		_, _ = r.inspect(ctx, Inspect{Site: site, Usable: !slices.Contains(r.plan.Scenario.Simulate.Unsafe, site)}, run.Simulated(m.plan.ID))
	})
	limit := r.plan.Scenario.Safety.Task
	done, _ := workflow.AwaitWithTimeout(ctx, limit.Std(), func() bool { _, ok := r.inspected[site]; return ok })
	if !done {
		return run.Unknown, both("nobody inspected %s within %s", "%s の安全点検が %s以内に行われなかった", site, limit), true
	}
	return run.Passed, "", r.inspected[site]
}

// moveOn moves the muster away from an unsafe site, in runs that began before whoever
// reported it did so.
func (r *response) moveOn(ctx workflow.Context, site string) (run.Outcome, string) {
	for _, p := range r.plan.Estate.Places {
		if usable, seen := r.inspected[p.Site]; p.Site == site || seen && !usable || slices.Contains(r.plan.Scenario.SitesLost, p.Site) {
			continue
		}
		r.mustered = p.Name
		var present []string
		for _, m := range r.people {
			if m.called {
				present = append(present, m.plan.ID)
			}
		}
		r.tellToAck(ctx, present, fmt.Sprintf("%s is not safe. Go to %s.", site, p.Title.In("en")),
			fmt.Sprintf("%sは安全を確保できません。%sへ移動してください。", site, p.Title.In("ja")))
		return run.Passed, both("%s is unsafe; the muster moved to %s", "%s は危険なため、参集場所を %s に変更", site, p.Name)
	}
	return run.Failed, both("%s is unsafe and the estate names no other muster place", "%s は危険だが、ほかの参集場所が登録されていない", site)
}

func (r *response) placeOf(name string) plan.Place {
	for _, p := range r.plan.Estate.Places {
		if p.Name == name {
			return p
		}
	}
	return plan.Place{}
}
