package record

import (
	"context"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/internal/plan"
)

// Taker is the identity of the site worker that took an attempt of the workflow which
// asks, as the engine noted it when it gave the attempt out: also of a worker that was
// never heard of again. "" means that nobody took it.
func (d Deps) Taker(ctx context.Context, a plan.Attempt) (string, error) {
	at := activity.GetInfo(ctx).WorkflowExecution
	events := d.Client.GetWorkflowHistory(ctx, at.ID, at.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	ordered, taker := map[int64]bool{}, ""
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return "", fmt.Errorf("read who took the attempt %s: %w", a.EffectKey, err)
		}
		switch e.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			order := e.GetActivityTaskScheduledEventAttributes()
			var c plan.Call
			ordered[e.GetEventId()] = order.GetActivityType().GetName() == a.Uses &&
				converter.GetDefaultDataConverter().FromPayloads(order.GetInput(), &c) == nil && c.EffectKey == a.EffectKey
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			if began := e.GetActivityTaskStartedEventAttributes(); ordered[began.GetScheduledEventId()] {
				taker = began.GetIdentity()
			}
		}
	}
	return taker, nil
}
