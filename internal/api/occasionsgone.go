package api

import (
	"context"
	"errors"
	"slices"
	"time"

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

// toldWithin is how long an occasion that nobody works on stays open because the planner could not be told.
const toldWithin = 24 * time.Hour

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
			err = o.end(ctx, x, true)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// takenOut tells the open occasions of schedules that these are not in the programme any more.
func (s *Server) takenOut(ctx context.Context, schedules []string) error {
	list, err := s.occasions(ctx, true)
	if err != nil {
		return err
	}
	var errs []error
	for _, x := range list {
		if !slices.Contains(schedules, x.Due.Schedule) {
			continue
		}
		err := s.Engine.SignalWorkflow(ctx, x.ID, "", plan.SignalOccasionOut, nil)
		if none := new(serviceerror.NotFound); !errors.As(err, &none) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// end ends the record of an occasion whose workflow is gone, and has the planner told before: one who
// can't be told yet is told again. patient leaves the record open for that.
func (o Occasions) end(ctx context.Context, x programme.Record, patient bool) error {
	entries, err := o.Server.Store.Events(ctx, x.ID, 0, 0)
	if err != nil {
		return err
	}
	seq, held := int64(0), false
	var missed *run.Event
	for _, e := range entries {
		switch e.Event.Kind {
		case run.RunEnded:
			return nil // it was written meanwhile
		case run.OccasionHeld:
			held = true
		case run.OccasionMissed:
			missed = &e.Event
		}
		seq = max(seq, e.Event.Seq)
	}
	now := o.Server.now().UTC()
	enter := func(e run.Event) (run.Event, error) {
		seq++
		e.Run, e.Writer, e.Seq, e.At, e.By = x.ID, "run", seq, now, run.Engine
		return e, o.Server.Store.Append(ctx, []run.Event{e})
	}
	last := run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})}
	if !held {
		last.Data = run.Encode(run.Ended{State: run.NotHeld})
		if missed == nil {
			e, err := enter(missedBecause(saying("its workflow was ended in the engine", "エンジン側でワークフローが終了された")))
			if errors.Is(err, journal.ErrTaken) {
				return nil // another server did it
			} else if err != nil {
				return err
			}
			missed = &e
		}
		if err := o.tellMissed(ctx, x, *missed); err != nil {
			o.Server.Log.Warn("the planner was not told of a due day that nobody works on", "occasion", x.ID, "err", err)
			if patient && now.Sub(missed.At) < toldWithin {
				return err
			}
		}
	}
	if _, err := enter(last); !errors.Is(err, journal.ErrTaken) {
		return err
	}
	return nil
}

func missedBecause(miss []run.Problem) run.Event {
	var all []plan.Text
	for _, p := range miss {
		all = append(all, plan.Text{EN: p.EN, JA: p.JA})
	}
	return run.Event{Kind: run.OccasionMissed, By: run.Engine, Reason: plan.Joined(all...).Both(), Data: run.Encode(run.OccasionMiss{Why: miss})}
}

func (o Occasions) tellMissed(ctx context.Context, x programme.Record, missed run.Event) error {
	if o.Tell == nil {
		return nil
	}
	state, err := o.Server.scheduleState(ctx, x.Due.Schedule)
	if none := new(serviceerror.NotFound); errors.As(err, &none) {
		return nil // whose schedule was taken out is planned by nobody
	}
	if err != nil {
		return err
	}
	return o.tellOnce(ctx, state.Spec, plan.OccasionTold{OccasionAsk: plan.OccasionAsk{ID: x.ID, Nominal: x.Due.Nominal, Now: o.Server.now().UTC()}, Event: missed})
}
