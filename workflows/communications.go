package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// establishCommunications has people reach contractors and others and say that a means
// of sharing works (B-STP-05). A security incident adds the CSIRT, in the plan's parties.
func (r *response) establishCommunications(ctx workflow.Context) (run.Outcome, string) {
	r.simulateConfirm(ctx, run.Communications, "")
	return r.untilConfirmed(ctx, run.Communications)
}
