package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	enums "go.temporal.io/api/enums/v1"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Signals of Switch, sent by the run that holds it.
const (
	signalRelease = "release"
	signalKeep    = "keep" // reason: clean-up incomplete
)

// Switch is a system's switch lock: while it runs, no other run can move the system,
// because its ID is the system's. It outlives its run when the run left the system
// half-way (or was terminated in the engine): then only a person can release it. A cancellation
// does not end it: one that comes by its run's own, in the engine, comes before that run's undo.
func Switch(ctx workflow.Context, system, runID string) error {
	holder := Holder{Run: runID}
	released := false
	if err := workflow.SetQueryHandler(ctx, QueryHolder, func() (Holder, error) { return holder, nil }); err != nil {
		return err
	}
	err := hears(ctx, UpdateRelease, func(ctx workflow.Context, c Control) (Done, error) {
		workflow.GetLogger(ctx).Info("switch lock released by hand", "system", system, "run", runID, "by", c.By, "reason", c.Reason)
		released = true
		return Done{}, nil
	}, func(c Control) error {
		switch {
		case c.By == "" || c.Reason == "":
			return refuse("say who releases the system and why it is safe to", "ロックを解除する人と、解除しても安全と判断した理由を指定してください")
		case !holder.Kept && !c.Orphaned:
			return refuse("run %s is moving %s now; abort it instead: `muster drill abort %s --reason ...`", "実施 %s が %s を切り替え中です。ロックを解除せず、実施を中止してください：`muster drill abort %s --reason ...`", holder.Run, system, holder.Run)
		}
		return nil
	})
	if err != nil {
		return err
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		var reason string
		for workflow.GetSignalChannel(ctx, signalKeep).Receive(ctx, &reason) {
			holder.Kept, holder.Reason = true, reason
		}
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, signalRelease).Receive(ctx, nil)
		released = true
	})
	free, _ := workflow.NewDisconnectedContext(ctx)
	return workflow.Await(free, func() bool { return released && workflow.AllHandlersFinished(ctx) })
}

// takeLocks takes the switch lock of every system in the plan, in the plan's order.
// When one is taken by somebody else it gives back what it has and says by whom. They are
// taken one after the other, so that of two runs that want some of the same one gets all.
func (r *response) takeLocks(ctx workflow.Context) (refused plan.Text, holder string, err error) {
	if !r.movesThings() {
		return plan.Text{}, "", nil
	}
	r.locksAtOnce = workflow.GetVersion(ctx, "locks-at-once", workflow.DefaultVersion, 1) == 1
	for _, s := range r.systems {
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:        SwitchID(s.plan.Name),
			TaskQueue:         plan.ControlQueue,
			ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		})
		h, err := r.takeLock(ctx, s, child)
		if err != nil {
			return plan.Text{}, "", err
		}
		if h.Run != "" {
			r.releaseLocks(ctx)
			return HeldBy(s.plan.Name, h), h.Run, nil
		}
		if r.locksAtOnce {
			continue
		}
		if err := workflow.ExecuteActivity(record(ctx), plan.ActivityToken, plan.TokenRequest{Run: r.in.RunID, System: s.plan.Name}).Get(ctx, &s.token); err != nil {
			return plan.Text{}, "", err
		}
		r.noteLock(ctx, s)
	}
	if r.locksAtOnce {
		return plan.Text{}, "", r.takeTokens(ctx)
	}
	return plan.Text{}, "", nil
}

// HeldBy says that another run holds a system, and what to do.
func HeldBy(system string, h Holder) plan.Text {
	if h.Kept {
		return plan.Say("%[1]s is still held by run %[2]s: clean-up incomplete (%[3]s). Put it right, then: muster drill release %[1]s --reason ...",
			"%[1]s は %[2]s がロックしたままです：後始末が未完了（%[3]s）。正常な状態に戻してから解除してください：muster drill release %[1]s --reason ...",
			system, h.Run, plan.Apart(h.Reason))
	}
	return plan.Say("%[1]s is being moved by run %[2]s. Watch it with: muster drill watch %[2]s", "%[1]s は %[2]s が切り替え中です。確認：muster drill watch %[2]s", system, h.Run)
}

// takeTokens takes the fencing tokens of all systems, whose locks are held.
func (r *response) takeTokens(ctx workflow.Context) error {
	ask := plan.TokensRequest{Run: r.in.RunID}
	for _, s := range r.systems {
		ask.Systems = append(ask.Systems, s.plan.Name)
	}
	var tokens []int64
	if err := workflow.ExecuteActivity(record(ctx), plan.ActivityTokens, ask).Get(ctx, &tokens); err != nil {
		return err
	}
	for i, s := range r.systems {
		s.token = tokens[i]
		r.noteLock(ctx, s)
	}
	return nil
}

func (r *response) noteLock(ctx workflow.Context, s *system) {
	r.log.add(ctx, run.Event{Kind: run.LockTaken, System: s.plan.Name, By: run.Engine, Data: run.Encode(run.Lock{Token: s.token})})
}

// takeLock takes one system's lock, or says who has it. A lock that goes away between
// the refusal and the question is tried again.
func (r *response) takeLock(ctx workflow.Context, s *system, child workflow.Context) (Holder, error) {
	for {
		lock := workflow.ExecuteChildWorkflow(child, TypeSwitch, s.plan.Name, r.in.RunID)
		err := lock.GetChildWorkflowExecution().Get(ctx, nil)
		if err == nil {
			s.lock = lock
			return Holder{}, nil
		}
		var taken *temporal.ChildWorkflowExecutionAlreadyStartedError
		if !errors.As(err, &taken) {
			return Holder{}, err
		}
		var h Holder
		if err := workflow.ExecuteActivity(record(ctx), plan.ActivityHolder, s.plan.Name).Get(ctx, &h); err != nil || h.Run != "" {
			return h, err
		}
		if err := workflow.Sleep(ctx, lockPause); err != nil {
			return Holder{}, err
		}
	}
}

// releaseLocks gives back every lock this run holds, but keeps those of systems whose
// clean-up is incomplete.
func (r *response) releaseLocks(ctx workflow.Context) {
	if !r.locksAtOnce {
		for _, s := range r.systems {
			r.releaseLock(ctx, s)
		}
		return
	}
	left := len(r.systems)
	for _, s := range r.systems {
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer func() { left-- }()
			r.releaseLock(ctx, s)
		})
	}
	_ = workflow.Await(ctx, func() bool { return left == 0 })
}

func (r *response) releaseLock(ctx workflow.Context, s *system) {
	if s.lock == nil {
		return
	}
	if s.unclean != "" {
		_ = s.lock.SignalChildWorkflow(ctx, signalKeep, s.unclean).Get(ctx, nil)
		r.log.add(ctx, run.Event{Kind: run.LockKept, System: s.plan.Name, By: run.Engine, Reason: s.unclean})
	} else if s.lock.SignalChildWorkflow(ctx, signalRelease, nil).Get(ctx, nil) == nil {
		// Wait until it is gone, so that the next run can't meet a lock that is
		// only about to go.
		_ = s.lock.Get(ctx, nil)
		if s.token != 0 || !r.locksAtOnce { // else nobody was told that it was taken
			r.log.add(ctx, run.Event{Kind: run.LockReleased, System: s.plan.Name, By: run.Engine})
		}
	}
	s.lock = nil
}
