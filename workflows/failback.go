package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// comeHome brings every system that moved back to its home site, or records the
// decision to stay (B-STP-14). It runs outside of what an abort cancels: the way home
// belongs to every run that moved something.
func (r *response) comeHome(ctx workflow.Context) {
	walk := r.reading && r.plan.Scenario.Depth == run.Walkthrough && !r.restoreTest()
	if !r.movesThings() && !walk {
		return
	}
	var away []*system
	for _, s := range r.systems {
		if s.moved() {
			away = append(away, s)
		}
	}
	if len(away) == 0 {
		return
	}
	_ = r.lead(ctx, run.Failback, func(ctx workflow.Context) (run.Outcome, string) {
		r.homeOpen = true
		r.chooseHome(ctx, away)
		r.approveHome(ctx, away)
		r.homeOpen = false
		outcome, reason := run.Passed, ""
		for _, s := range away {
			if s.homeChoice == run.Stay {
				continue
			}
			if why := r.bringHome(ctx, s); why != "" {
				outcome, reason = run.Failed, why
				if !walk { // what was only read leaves nothing half-way
					s.unclean = why
				}
			}
		}
		return outcome, reason
	})
}

// chooseHome settles for each system whether it returns. A drill follows the plan's
// policy. In a response the home site may be a ruin: there a person says when, or that
// it stays, however long that takes.
func (r *response) chooseHome(ctx workflow.Context, away []*system) {
	for _, s := range away {
		policy := run.Choice(r.plan.Scenario.Failback)
		asked := workflow.Now(ctx)
		if r.in.Kind == run.Drill || policy == run.Stay {
			s.homeChoice = policy
			r.log.add(ctx, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: s.plan.Name, By: run.Engine,
				Reason: textPolicy,
				Data:   run.Encode(run.Decision{Question: questionFailback, Answer: policy, Rule: "failback: " + string(policy)})})
			continue
		}
		s.homeAsked, s.askedAt = true, asked
		r.log.add(ctx, run.Event{Kind: run.DecisionAsked, Phase: run.Failback, System: s.plan.Name, By: run.Engine,
			Reason: both("return when the home site is sound, or stay", "本拠点の健全性を確認して切戻すか、現状を維持するか"),
			Data: run.Encode(run.DecisionAsk{Question: questionFailback, Role: r.plan.Scenario.Decision.By,
				Choices: r.choices(s), Proposed: policy, Ground: textPolicy})})
		r.simulateAct(ctx, r.plan.Scenario.Decision.By, "failback "+s.plan.Name, func(ctx workflow.Context, m *member) {
			if s.homeChoice == "" {
				_, _ = r.decide(ctx, s, Decide{Choice: policy, Reason: textPolicy}, run.Simulated(m.plan.ID), asked)
			}
		})
		_ = workflow.Await(ctx, func() bool { return s.homeChoice != "" })
	}
}

// bringHome runs a system's failback runbook and proves that service held and that one
// side takes writes. It returns what went wrong, or "".
func (r *response) bringHome(ctx workflow.Context, s *system) string {
	runbook, ok := r.plan.Runbook(s.plan.Failback)
	if !ok {
		return both("%s has no failback runbook", "%s の切戻し手順がない", s.plan.Name)
	}
	done := r.execute(ctx, s, runbook, ForFailback, run.Failback, runInFlight)
	s.home = &done
	if done.Outcome != run.Passed {
		why := both("failback of %s: %s", "%s の切戻し：%s", s.plan.Name, plan.Apart(done.Reason))
		if done.Unclean != "" {
			why += "; " + done.Unclean
		}
		return why
	}
	if r.reading {
		return ""
	}
	// The interruption of the way home itself may not have been heard yet: without it, service
	// seems to have held all along.
	if workflow.GetVersion(ctx, "heard-at-home", workflow.DefaultVersion, 1) == 1 {
		_ = workflow.Sleep(ctx, hearing)
	}
	if not := r.untilSteady(ctx, []*system{s}, needed, r.plan.Scenario.Hold.Std(), r.plan.Scenario.VerifyWait.Std()); len(not) > 0 {
		return both("%s did not hold full service for %s after failback", "切戻し後、%s の完全稼働が %s継続しなかった", s.plan.Name, r.plan.Scenario.Hold)
	}
	return r.checkSingleWriter(ctx, s, run.Failback)
}

// hearing is how long a probe's word may be under way.
const hearing = 2 * time.Second

// undoHold bounds the hold that is asked for after an undo: nothing is judged by it.
const undoHold = 3 * time.Second
