package workflows

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
)

// Activity runs one activity of somebody else's once, for the action temporal.activity. Its
// ID is the effect key: what became of an attempt is asked of the engine, whoever of those
// who wait for the answer died. What the activity returned goes on as it is, and its failure
// with its type.
func Activity(ctx workflow.Context, in plan.Foreign) (converter.RawValue, error) {
	var args []any
	if len(in.Input) > 0 {
		args = append(args, in.Input)
	}
	var out converter.RawValue
	// Its worker has none of muster's keys: what it is given and returns is in clear.
	ctx = workflow.WithDataConverter(ctx, converter.GetDefaultDataConverter())
	err := workflow.ExecuteActivity(foreign(ctx, in), in.Activity, args...).Get(ctx, &out)
	return out, err
}
