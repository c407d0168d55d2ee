package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// look asks the engine what became of this attempt. Whether the goal holds is for the looking
// activity to say, where there is one.
func (e engine) look(ctx context.Context, p Activity) (activities.Seen, error) {
	if err := e.guard(p); err != nil {
		return activities.Seen{}, err
	}
	call := activities.CallFrom(ctx)
	if call.EffectKey == "" { // it observes: there is no attempt to find
		return activities.Seen{}, nil
	}
	seen, err := e.attempt(ctx, p, idOf(call))
	switch {
	case err != nil || seen.Detail == atWork:
		return seen, err
	case p.Look != "":
		ended, _ := seen.Output.(Outcome)
		asked, err := e.ask(ctx, p, ended)
		// What was begun and did not reach its goal may have left something behind.
		asked.Partial = asked.Sight == plan.HoldsNot && seen.Sight != plan.HoldsNot
		return asked, err
	case seen.Sight == plan.Holds || seen.Sight == plan.HoldsNot && call.Settling:
		return seen, nil
	}
	return activities.Seen{Detail: seen.Detail}, nil // there is nothing to look at, however often
}

var atWork = activities.Lacking("its activity is under way", "アクティビティが実行中である").Both()

// attempt is what the engine knows of the workflow that is named by the effect key.
func (e engine) attempt(ctx context.Context, p Activity, id string) (activities.Seen, error) {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	never := activities.Lacking("%s was never ordered", "%s は一度も指示されていない", p.Activity).Both()
	found, err := e.client.DescribeWorkflowExecution(within, id, "")
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		begun := activities.BegunAt(ctx)
		if begun.IsZero() { // nor could it have been
			return activities.Seen{Sight: plan.HoldsNot, Detail: never}, nil
		}
		if keeps := e.retention(within, activity.GetInfo(ctx).Namespace); time.Since(begun) > keeps {
			return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("the engine knows nothing of %s, but the attempt is of %s and the engine forgets what ended longer than %s ago: whether it ran can't be told",
				"エンジンに %s の記録はないが、試行は %s のもので、エンジンは終了から %s を過ぎた記録を保持しない。実行されたかどうかは判断できない", p.Activity, begun.Format(time.RFC3339), keeps).Both()}, nil
		}
		return activities.Seen{Sight: plan.HoldsNot, Detail: never}, nil
	}
	if err != nil {
		return activities.Seen{}, outside(err)
	}
	if found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return activities.Seen{Sight: plan.CannotTell, Detail: atWork}, nil
	}
	var raw converter.RawValue
	if err := e.client.GetWorkflow(within, id, "").Get(within, &raw); err != nil {
		err = told(p, err)
		if app := new(sdk.ApplicationError); errors.As(err, &app) && app.Type() == plan.ErrRefused {
			return activities.Seen{Sight: plan.HoldsNot, Detail: app.Message()}, nil
		}
		return activities.Seen{Sight: plan.CannotTell, Detail: words(err)}, nil
	}
	out, err := outcome(p, id, raw)
	if err != nil {
		return activities.Seen{Sight: plan.CannotTell, Detail: words(err)}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s ended well, says the engine", "エンジンの記録では %s は正常終了している", p.Activity).Both(), Output: out}, nil
}

// words are an error's text without the type that the SDK puts behind it.
func words(err error) string {
	if app := new(sdk.ApplicationError); errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// leastRetention is how long an engine surely remembers what ended, when it does not say.
const leastRetention = 12 * time.Hour

// retention is how long the engine remembers a workflow of muster's namespace that ended,
// less a tenth for clocks that disagree.
func (e engine) retention(ctx context.Context, namespace string) time.Duration {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	n, err := e.client.WorkflowService().DescribeNamespace(within, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if d := n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); err == nil && d > 0 {
		return d - d/10
	}
	return leastRetention
}

// ask runs the looking activity. holds is what the action returns when the goal holds.
func (e engine) ask(ctx context.Context, p Activity, holds Outcome) (activities.Seen, error) {
	order, err := e.order(p, p.Look, lookTakes)
	if err != nil {
		return activities.Seen{}, err
	}
	call := activities.CallFrom(ctx)
	call.EffectKey, call.Step = "", call.Step+".look"
	running, err := e.start(ctx, idOf(call), order)
	if err != nil {
		return activities.Seen{}, err
	}
	var raw converter.RawValue
	if err := running.Get(ctx, &raw); err != nil {
		p.Activity, p.Results = p.Look, nil
		return activities.Seen{}, fmt.Errorf("cannot look: %w", told(p, err))
	}
	p.Results = nil
	said, err := outcome(p, "", raw)
	switch {
	case err != nil:
		return activities.Seen{}, err
	case said.Output == true:
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s returns true", "%s が true を返した", p.Look).Both(), Output: holds}, nil
	case said.Output == false:
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s returns false", "%s が false を返した", p.Look).Both()}, nil
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s returns neither true nor false (%.60v)", "%s が true でも false でもない値を返した（%.60v）", p.Look, said.Output).Both()}, nil
}
