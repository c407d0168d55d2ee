package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// contain has people keep the damage from spreading: media and equipment to safety
// after a disaster, isolation and evidence after a security incident (B-STP-07,
// B-VAR-07).
func (r *response) contain(ctx workflow.Context) (run.Outcome, string) {
	r.simulateConfirm(ctx, run.Containment, "")
	return r.untilConfirmed(ctx, run.Containment)
}
