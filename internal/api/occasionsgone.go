package api

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// gone reports whether the engine works on an occasion no more: its workflow was cancelled or
// terminated there, or is not known to it.
func (o Occasions) gone(ctx context.Context, id string) (bool, error) {
	d, err := o.Server.Engine.DescribeWorkflowExecution(ctx, id, "")
	if none := new(serviceerror.NotFound); errors.As(err, &none) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	status := d.GetWorkflowExecutionInfo().GetStatus()
	return status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && status != enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED, nil
}

// SettleGone ends the records of occasions that nobody works on any more. Left open, each would keep its
// schedule from ever being held again.
func (o Occasions) SettleGone(ctx context.Context) error {
	list, err := o.Server.occasions(ctx, true)
	if err != nil {
		return err
	}
	var errs []error
	for _, x := range list {
		over, err := o.gone(ctx, x.ID)
		if err == nil && over {
			err = o.end(ctx, x)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// end ends the record of an occasion whose workflow is gone, and tells the planner.
func (o Occasions) end(ctx context.Context, x programme.Record) error {
	entries, err := o.Server.Store.Events(ctx, x.ID, 0, 0)
	if err != nil {
		return err
	}
	seq, held := int64(0), false
	for _, e := range entries {
		switch {
		case e.Event.Kind == run.RunEnded:
			return nil // it was written meanwhile
		case e.Event.Kind == run.OccasionHeld:
			held = true
		}
		seq = max(seq, e.Event.Seq)
	}
	miss := saying("its workflow was ended in the engine", "エンジン側でワークフローが終了された")
	last := run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.NotHeld})}
	missed := run.Event{Kind: run.OccasionMissed, By: run.Engine, Reason: (plan.Text{EN: miss[0].EN, JA: miss[0].JA}).Both(), Data: run.Encode(run.OccasionMiss{Why: miss})}
	events := []run.Event{missed, last}
	if held {
		last.Data = run.Encode(run.Ended{State: run.Held})
		events = []run.Event{last}
	}
	now := o.Server.now().UTC()
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = x.ID, "run", seq+int64(i)+1, now
	}
	if err := o.Server.Store.Append(ctx, events); errors.Is(err, journal.ErrTaken) {
		return nil // another server did it
	} else if err != nil {
		return err
	}
	if held || o.Tell == nil {
		return nil
	}
	state, err := o.Server.scheduleState(ctx, x.Due.Schedule)
	if none := new(serviceerror.NotFound); errors.As(err, &none) {
		return nil // whose schedule was taken out is planned by nobody
	}
	if err == nil {
		err = o.Tell(ctx, state.Spec, plan.OccasionTold{OccasionAsk: plan.OccasionAsk{ID: x.ID, Nominal: x.Due.Nominal, Now: now}, Event: events[0]})
	}
	if err != nil { // it is in the record anyway
		o.Server.Log.Warn("the planner was not told that an occasion was ended in the engine", "occasion", x.ID, "err", err)
	}
	return nil
}
