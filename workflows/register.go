package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

// Register is the one list of workflows; the control worker and the tests use it.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(Run, workflow.RegisterOptions{Name: TypeRun})
	w.RegisterWorkflowWithOptions(Execute, workflow.RegisterOptions{Name: TypeExecute})
	w.RegisterWorkflowWithOptions(Switch, workflow.RegisterOptions{Name: TypeSwitch})
	w.RegisterWorkflowWithOptions(Activity, workflow.RegisterOptions{Name: plan.TypeActivity})
	w.RegisterWorkflowWithOptions(Occasion, workflow.RegisterOptions{Name: plan.TypeOccasion})
	w.RegisterWorkflowWithOptions(Check, workflow.RegisterOptions{Name: TypeCheck})
}
