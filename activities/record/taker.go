package record

import (
	"context"
	"fmt"

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/internal/plan"
)

// Taker is the identity of the site worker that took an attempt of the workflow which
// asks, as the engine noted it when it gave the attempt out: also of a worker that was
// never heard of again. "" means that nobody took it. That the attempt was never ordered
// is an error: nothing follows from it.
func (d Deps) Taker(ctx context.Context, a plan.Attempt) (string, error) {
	info := activity.GetInfo(ctx)
	ask := &workflowservice.GetWorkflowExecutionHistoryReverseRequest{Namespace: info.Namespace, MaximumPageSize: 200,
		Execution: &common.WorkflowExecution{WorkflowId: info.WorkflowExecution.ID, RunId: info.WorkflowExecution.RunID}}
	data := converter.WithDataConverterSerializationContext(d.Data, converter.ActivitySerializationContext{Namespace: info.Namespace, WorkflowID: info.WorkflowExecution.ID})
	taken := map[int64]string{} // by the number of the order
	for {                       // the order is among the newest events
		page, err := d.Client.WorkflowService().GetWorkflowExecutionHistoryReverse(ctx, ask)
		if err != nil {
			return "", fmt.Errorf("read who took the attempt %s: %w", a.EffectKey, err)
		}
		for _, e := range page.GetHistory().GetEvents() {
			switch e.GetEventType() {
			case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
				began := e.GetActivityTaskStartedEventAttributes()
				taken[began.GetScheduledEventId()] = began.GetIdentity()
			case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				order := e.GetActivityTaskScheduledEventAttributes()
				if order.GetActivityType().GetName() != a.Uses {
					continue
				}
				var c plan.Call
				if err := data.FromPayloads(order.GetInput(), &c); err != nil {
					return "", fmt.Errorf("read the order of %s: %w", a.Uses, err)
				}
				if c.EffectKey == a.EffectKey {
					return taken[e.GetEventId()], nil
				}
			}
		}
		if ask.NextPageToken = page.GetNextPageToken(); len(ask.NextPageToken) == 0 {
			return "", fmt.Errorf("the attempt %s is not in the history of %s", a.EffectKey, info.WorkflowExecution.ID)
		}
	}
}
