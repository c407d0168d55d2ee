package workflows

import (
	"fmt"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// recover carries out what was decided: the failover runbook of each system that goes
// to its alternate site, the in-place runbook of each that stays. Systems that do not
// depend on each other go side by side.
func (r *response) recover(ctx workflow.Context) (run.Outcome, string) {
	left := 0
	for _, s := range r.systems {
		name, purpose := s.plan.Failover, ForFailover
		if s.choice == run.InPlace {
			name, purpose = s.plan.InPlace, ForInPlace
		}
		if s.choice != run.Alternate && s.choice != run.InPlace {
			continue
		}
		runbook, ok := r.plan.Runbook(name)
		if !ok {
			continue
		}
		left++
		workflow.GoNamed(ctx, "recover "+s.plan.Name, func(ctx workflow.Context) {
			defer func() { left-- }()
			if why := r.awaitDependencies(ctx, s); why != "" {
				s.recovery = &Executed{Outcome: run.Failed, Reason: why}
				return
			}
			r.log.add(ctx, run.Event{Kind: run.RecoveryOrdered, Phase: run.Recovery, System: s.plan.Name, Runbook: name, By: run.Engine})
			r.tellRecovery(ctx, s, runbook)
			r.expect(ctx, s, runbook)
			// A share grows as systems end: all shares together never pass the whole.
			done := r.execute(ctx, s, runbook, purpose, run.Recovery, max(1, runInFlight/left))
			s.recovery = &done
			if done.Unclean != "" {
				s.unclean = done.Unclean
			}
		})
	}
	// A child that is being aborted undoes first, and is waited for.
	free, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(free, func() bool { return left == 0 })

	var failed []plan.Text
	for _, s := range r.systems {
		if s.recovery != nil && s.recovery.Outcome != run.Passed {
			failed = append(failed, plan.Say("%s: %s", "%s：%s", s.plan.Name, plan.Apart(s.recovery.Reason)))
		}
	}
	if len(failed) > 0 {
		return run.Failed, plan.Joined(failed...).Both()
	}
	return run.Passed, ""
}

// awaitDependencies waits for the systems that s depends on, as far as this run
// recovers them. It returns why s can't be recovered, or "".
func (r *response) awaitDependencies(ctx workflow.Context, s *system) string {
	for _, d := range r.systems {
		if d == s || !slices.Contains(s.plan.DependsOn, d.plan.Name) || d.choice != run.Alternate && d.choice != run.InPlace {
			continue
		}
		if err := workflow.Await(ctx, func() bool { return d.recovery != nil }); err != nil {
			return textAborted
		}
		if d.recovery.Outcome != run.Passed {
			return both("it depends on %s, which was not recovered", "依存先の %s が復旧していない", d.plan.Name)
		}
	}
	return ""
}

// execute runs a runbook on a system as a child workflow, with at most so many of its steps
// ordered at once.
func (r *response) execute(ctx workflow.Context, s *system, runbook plan.Runbook, purpose Purpose, phase run.Phase, atOnce int) Executed {
	if atOnce >= inFlight {
		atOnce = 0 // bounded anyway
	}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:          ExecuteID(r.in.RunID, s.plan.Name, purpose),
		TaskQueue:           plan.ControlQueue,
		WaitForCancellation: true,
		ParentClosePolicy:   enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
	})
	deadline, past := r.target(s, runbook, purpose)
	started := workflow.ExecuteChildWorkflow(child, TypeExecute, Execution{
		Deadline: deadline, Past: past,
		Run: r.in.RunID, Kind: r.in.Kind, Depth: r.plan.Scenario.Depth, Phase: phase,
		System: s.plan.Name, Purpose: purpose, Token: s.token, Runbook: runbook, Estate: r.crew().For(runbook, r.plan.Scenario.Decision.By),
		Role: r.plan.Scenario.Decision.By, FailWait: r.failWait(), WhenAbsent: r.plan.Scenario.WhenAbsent, Simulate: r.plan.Scenario.Simulate, Paused: r.paused,
		Spared: s.plan.Spared(), AtOnce: atOnce, Beside: r.in.Beside, FourEyes: r.fourEyes,
	})
	r.executing = append(r.executing, started)
	r.told[started] = r.paused
	if err := started.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return Executed{Outcome: run.Failed, Reason: inWords(err)} // it never began
	}
	var done Executed
	if err := started.Get(ctx, &done); err != nil {
		return Executed{Outcome: run.Failed, Reason: inWords(err),
			Unclean: fmt.Sprintf("runbook %s ended without a word (%s): what it changed is not known", runbook.Name, inWords(err))}
	}
	for _, who := range done.Acted {
		r.log.acted[run.Person(who)] = true
	}
	return done
}

// failWait is how long a failed step waits for a person. Nobody comes to help a run
// whose people are simulated.
func (r *response) failWait() run.Duration {
	if s := r.plan.Scenario.Simulate; s != nil && r.in.Kind == run.Drill {
		return s.After + s.Spread + run.Duration(time.Second)
	}
	return r.plan.Scenario.FailWait
}
