package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// muster waits until enough people of each role are present, at a place or online. If
// they are not in time, the response goes on with those who are there and a finding
// says so (B-STP-02, B-STP-04).
func (r *response) muster(ctx workflow.Context) (run.Outcome, string) {
	if len(r.plan.Scenario.Quorum) == 0 {
		return run.Passed, both("no quorum is asked for", "必要人数の定めがない")
	}
	complete, _ := workflow.AwaitWithTimeout(ctx, r.plan.Scenario.Safety.Muster.Std(), r.quorum)
	strength := run.Quorum{Need: map[string]int{}, Present: map[string]int{}}
	for _, q := range r.plan.Scenario.Quorum {
		strength.Need[q.Role], strength.Present[q.Role] = q.Count, r.present(q.Role)
	}
	e := run.Event{Kind: run.QuorumReached, Phase: run.Muster, By: run.Engine, Data: run.Encode(strength)}
	if !complete {
		e.Kind = run.QuorumMissed
		r.log.add(ctx, e)
		return run.Failed, both("the quorum was not reached in time; going on with those present", "時間内に必要人数に達しなかったため、参集済みの要員で続行")
	}
	r.log.add(ctx, e)
	return run.Passed, ""
}

// quorum reports whether every role is strong enough.
func (r *response) quorum() bool {
	for _, q := range r.plan.Scenario.Quorum {
		if r.present(q.Role) < q.Count {
			return false
		}
	}
	return true
}

// present counts those who arrived and hold the role, or stand in for somebody silent
// who does.
func (r *response) present(role string) int {
	n := 0
	for _, m := range r.people {
		if m.arrivedAt.IsZero() || m.answer.Safety == run.Injured {
			continue
		}
		stands := slices.Contains(m.plan.Roles, role)
		for _, id := range m.standsIn {
			if who := r.member(id); who != nil && who.arrivedAt.IsZero() && slices.Contains(who.plan.Roles, role) {
				stands = true
			}
		}
		if stands {
			n++
		}
	}
	return n
}
