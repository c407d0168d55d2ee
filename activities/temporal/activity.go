package temporal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	askWithin = 10 * time.Second // one request to the engine
	spare     = 2 * time.Second  // of the step's timeout, for the way back
	lookTakes = 30 * time.Second // at most, once it was taken
)

// idOf is the workflow of a call: the effect key names it, so that it is begun once.
func idOf(c plan.Call) string {
	if c.EffectKey != "" {
		return "activity/" + c.EffectKey
	}
	return fmt.Sprintf("activity/%s/%s/%s", c.Run, c.Step, rand.Text()[:8])
}

func (e engine) act(ctx context.Context, p Activity) (Outcome, error) {
	if err := e.guard(p); err != nil {
		return Outcome{}, err
	}
	within := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		within = time.Until(deadline) - p.Pickup.Std() - spare
	}
	if within < time.Second {
		return Outcome{}, activities.RefusedBoth("the step's timeout leaves the activity no time: of it, pickup takes %s and the way back %s",
			"ステップの timeout ではアクティビティに使える時間が残らない（受け取りに %s、応答の返送に %s を使う）", p.Pickup, spare)
	}
	id := idOf(activities.CallFrom(ctx))
	order, err := e.order(p, p.Activity, within)
	if err != nil {
		return Outcome{}, err
	}
	running, err := e.start(ctx, id, order)
	if err != nil {
		return Outcome{}, err
	}
	var raw converter.RawValue
	err = running.Get(ctx, &raw)
	if ctx.Err() != nil {
		e.giveUp(ctx, id)
		return Outcome{}, ctx.Err()
	}
	if err != nil {
		return Outcome{}, told(p, err)
	}
	out, err := outcome(p, id, raw)
	if err != nil || p.Look == "" {
		return out, err
	}
	switch seen, err := e.ask(ctx, p, Outcome{}); {
	case err != nil: // of the look, not of the act: it must not say that nothing was begun
		return out, fmt.Errorf("%s ended well, and whether its goal holds can't be told: %s", p.Activity, err.Error())
	case seen.Sight != plan.Holds:
		return out, activities.FindingBoth("%s ended well, but the goal does not hold: %s",
			"%s は正常終了したが、目的の状態になっていない：%s", p.Activity, plan.Apart(seen.Detail))
	}
	return out, nil
}

func (e engine) order(p Activity, name string, within time.Duration) (plan.Foreign, error) {
	order := plan.Foreign{Queue: p.Queue, Activity: name, Pickup: p.Pickup.Std(), Within: within, Heartbeat: p.Heartbeat.Std()}
	if p.Input == nil {
		return order, nil
	}
	var err error
	if order.Input, err = json.Marshal(p.Input); err != nil {
		return order, activities.RefusedBoth("input can't be written as JSON: %v", "input を JSON に変換できない：%v", err)
	}
	return order, nil
}

// start orders the activity. An error that is no refusal may have started it: a look at the
// workflow tells.
func (e engine) start(ctx context.Context, id string, order plan.Foreign) (client.WorkflowRun, error) {
	within, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	running, err := e.client.ExecuteWorkflow(within, client.StartWorkflowOptions{
		ID: id, TaskQueue: plan.ControlQueue,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		// Nothing is left waiting for a control plane that does not come back.
		WorkflowExecutionTimeout: order.Pickup + order.Within + time.Minute,
		StaticSummary:            order.Activity + " at " + order.Queue,
	}, plan.TypeActivity, order)
	if err != nil {
		return nil, outside(err)
	}
	return running, nil
}

// giveUp tells the activity that nobody wants it any more, after an abort. A worker that
// only ends leaves it alone: it is looked for when the worker is back.
func (e engine) giveUp(ctx context.Context, id string) {
	if activity.IsActivity(ctx) {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			return
		default:
		}
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	if err := e.client.CancelWorkflow(within, id, ""); err != nil {
		activities.Log(ctx).Warn("an activity could not be told that it was given up", "workflow", id, "err", err)
	}
}

// notRegistered is the type of the failure by which workers of the Go SDK say that they
// don't have an activity.
const notRegistered = "ActivityNotRegisteredError"

// told turns the end of an activity into what a step may say. What only may have happened
// stays a plain error. Only the engine's own word of the activity counts: an activity that
// did half and then gave up may return somebody else's time-out as its cause.
func told(p Activity, err error) error {
	ended, gone := new(temporal.ActivityError), new(serviceerror.NotFound)
	if errors.As(err, &gone) {
		return fmt.Errorf("the engine does not know what became of %s: %w", p.Activity, err)
	}
	var cause error
	if errors.As(err, &ended) {
		cause = ended.Unwrap()
	}
	app, failed := cause.(*temporal.ApplicationError)
	late, timedOut := cause.(*temporal.TimeoutError)
	switch {
	case timedOut && late.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return activities.RefusedBoth("no worker took %s from task queue %s within %s: nothing was begun; start its worker, or correct task_queue",
			"%s を受け取るワーカーがいなかった（タスクキュー %s、%s以内）。何も実行していない。ワーカーを起動するか、task_queue を修正する", p.Activity, p.Queue, p.Pickup)
	case timedOut && late.TimeoutType() == enums.TIMEOUT_TYPE_HEARTBEAT:
		return errors.New(activities.Lacking("the worker of %s fell silent for %s: whether it happened can't be told", "%s のワーカーから %s 応答がない。実行されたかどうかは判断できない", p.Activity, p.Heartbeat).Both())
	case timedOut:
		return errors.New(activities.Lacking("%s did not answer in time: whether it happened can't be told", "%s が時間内に応答しなかった。実行されたかどうかは判断できない", p.Activity).Both())
	case failed && app.Type() == notRegistered:
		return activities.RefusedBoth("the worker at task queue %s has no activity %s, and nothing was begun: %s",
			"タスクキュー %s のワーカーにアクティビティ %s がない。何も実行していない：%s", p.Queue, p.Activity, plan.Apart(app.Message()))
	case failed && app.Type() == plan.ErrRefused:
		return activities.RefusedBoth("%s: %s", "%s：%s", p.Activity, plan.Apart(app.Message()))
	case failed:
		return activities.FindingBoth("%s failed: %s", "%s が失敗した：%s", p.Activity, plan.Apart(app.Message()))
	}
	return fmt.Errorf("%s: %w", p.Activity, err)
}

// outcome reads what the activity returned, and the step's results from that.
func outcome(p Activity, id string, raw converter.RawValue) (Outcome, error) {
	out := Outcome{Workflow: id, Encoding: "binary/null"}
	if payload := raw.Payload(); payload != nil {
		out.Encoding = string(payload.Metadata[converter.MetadataEncoding])
		if out.Encoding == converter.MetadataEncodingJSON || out.Encoding == converter.MetadataEncodingProtoJSON {
			d := json.NewDecoder(bytes.NewReader(payload.Data))
			d.UseNumber()
			if err := d.Decode(&out.Output); err != nil {
				return out, activities.FindingBoth("%s returned what it calls JSON and is none: %.200q",
					"%s の戻り値は JSON とされているが、JSON ではない：%.200q", p.Activity, payload.Data)
			}
		}
	}
	if len(p.Results) > 0 {
		var err error
		if out.Results, err = expr.Values(p.Results, map[string]any{"output": out.Output}); err != nil {
			return out, activities.FindingBoth("what %s returned (%s) does not give the result %v",
				"%s の戻り値（%s）から結果を得られない：%v", p.Activity, out.Encoding, err)
		}
	}
	return out, nil
}
