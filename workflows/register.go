package workflows

import (
	"slices"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

type kind struct {
	name string // stays for ever: histories hold it
	run  any
}

// kinds is the one list of workflows.
var kinds = []kind{
	{TypeRun, Run},
	{TypeExecute, Execute},
	{TypeSwitch, Switch},
	{plan.TypeActivity, Activity},
	{plan.TypeOccasion, Occasion},
	{TypeCheck, Check},
}

// Register makes all workflows known to the control worker, a replayer or a test.
func Register(w worker.WorkflowRegistry) {
	for _, k := range kinds {
		w.RegisterWorkflowWithOptions(k.run, workflow.RegisterOptions{Name: k.name})
	}
}

// IsOurs says whether a workflow of that type is one of muster's. Others may share the namespace.
func IsOurs(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name })
}
