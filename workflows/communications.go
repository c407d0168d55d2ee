package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// establishCommunications has people reach contractors and others and say that a means
// of sharing works, or that each party was spoken with (B-STP-05). A security incident adds the CSIRT, in the plan's parties.
func (r *response) establishCommunications(ctx workflow.Context) (run.Outcome, string) {
	r.simulateConfirm(ctx, run.Communications, "")
	limit := r.plan.Scenario.Safety.Task
	open := func() bool { return !r.confirmed[run.Communications] && !r.allReached() && r.abort == nil }
	if ok, _ := workflow.AwaitWithTimeout(ctx, limit.Std(), func() bool { return !open() }); ok && r.abort == nil {
		return run.Passed, ""
	}
	var left []string
	for _, name := range r.partyNames() {
		if !slices.Contains(r.reached, name) {
			left = append(left, name)
		}
	}
	if len(left) > 0 && len(r.reached) > 0 {
		return run.Unknown, both("not reached within %[1]s: %[2]s", "%[1]s 以内に連絡が取れなかった先：%[2]s", limit, strings.Join(left, ", "))
	}
	return run.Unknown, both("nobody confirmed it within %s", "%s以内に確認がなかった", limit)
}
