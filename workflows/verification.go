package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// singleWriterStep is the ID of the check that exactly one side takes writes.
const singleWriterStep = "single-writer"

// verify waits until the probes have seen full service for the hold time, from outside,
// and checks that exactly one side takes writes.
func (r *response) verify(ctx workflow.Context) (run.Outcome, string) {
	var recovered []*system
	for _, s := range r.systems {
		if s.recovery != nil && s.recovery.Outcome == run.Passed || s.choice == run.StandDown {
			recovered = append(recovered, s)
		}
	}
	if len(recovered) == 0 {
		return run.Failed, both("nothing was recovered", "復旧したシステムがない")
	}
	if !r.movesThings() {
		return run.Unknown, both("nothing runs at this depth, so nothing was proven", "この訓練の深さでは実行を伴わないため、立証されたものはない")
	}
	scenario := r.plan.Scenario
	not := r.untilSteady(ctx, recovered, needed, scenario.Hold.Std(), scenario.VerifyWait.Std())
	if ctx.Err() != nil {
		return run.Skipped, textAborted
	}
	r.untilStated(ctx, recovered)
	outcome, reason := run.Passed, ""
	if len(not) > 0 {
		outcome, reason = run.Failed, both("%v did not hold full service for %s within %s", "%v の完全稼働が %s継続することを %s以内に確認できなかった", not, scenario.Hold, scenario.VerifyWait)
	}
	for _, s := range recovered {
		s.restored = len(s.plan.Probes) > 0
		for _, name := range not {
			if name == s.plan.Name {
				s.restored = false
			}
		}
		if why := r.checkSingleWriter(ctx, s, run.Verification); why != "" {
			outcome, reason = run.Failed, why
			s.writersUnproven = true
		}
	}
	return outcome, reason
}

// checkSingleWriter runs the plan's check and returns why it did not pass, or "".
func (r *response) checkSingleWriter(ctx workflow.Context, s *system, phase run.Phase) string {
	why, _ := r.checkWriters(ctx, s, phase)
	return why
}

// checkWriters also reports whether more than one side is known to take writes.
func (r *response) checkWriters(ctx workflow.Context, s *system, phase run.Phase) (why string, two bool) {
	if s.plan.SingleWriter == nil {
		return "", false
	}
	step := *s.plan.SingleWriter
	step.ID = singleWriterStep
	a := r.handsFor(s.plan.Name).try(ctx, phase, step, 1)
	r.log.add(ctx, run.Event{Kind: run.StepEnded, Phase: phase, System: s.plan.Name, Step: step.ID, Action: step.Uses, Site: step.Site,
		Generation: 1, By: run.Engine, Outcome: outcomeOf(a.ending), Reason: a.reason, Data: run.Encode(resultOf(a, 1, 0))})
	if a.ending != passed {
		return both("%s: %s", "%s：%s", s.plan.Name, plan.Apart(a.reason)), a.twoWrite
	}
	return "", false
}

// halfwayHome reports whether a system's way home was stopped and has left something that has no undo: service was there
// when it began, and may not be any more, as between a switchover and the switch of what leads clients there.
func (r *response) halfwayHome(s *system) bool {
	return r.homeAborted && s.home != nil && s.home.Outcome != run.Passed && len(s.home.Left) > 0
}

// afterUndo makes sure, after an abort, in which state the systems are handed back: in service,
// where that is owed or the way home may have ended it, and with exactly one side that takes writes.
func (r *response) afterUndo(ctx workflow.Context, systems []*system) {
	var not []string
	owed, whole := r.owesService(ctx), systems
	if !owed {
		whole = slices.DeleteFunc(slices.Clone(systems), func(s *system) bool { return !r.halfwayHome(s) })
	}
	if len(whole) > 0 {
		hold := min(r.plan.Scenario.Hold, run.Duration(undoHold))
		not = r.untilSteady(ctx, whole, needed, hold.Std(), r.plan.Scenario.VerifyWait.Std())
	}
	for _, s := range systems {
		if !owed && r.halfwayHome(s) && len(s.plan.Probes) == 0 && s.unclean == "" {
			s.unclean = both("the way home was stopped after %s, and no probe tells of service", "切戻しを %s の後で中止したが、サービスを確認するプローブがない", strings.Join(s.home.Left, ", "))
		}
		if slices.Contains(not, s.plan.Name) && s.unclean == "" {
			s.unclean = both("service was not back after undo", "取り消し後もサービスが復旧していない")
		}
		for _, done := range []*Executed{s.recovery, s.home} {
			if !owed && done != nil && len(done.Open) > 0 && s.unclean == "" {
				s.unclean = both("step %s has no undo, and nobody can tell what it did", "ステップ %s には取り消しがなく、実行されたかどうかも判断できない", strings.Join(done.Open, ", "))
			}
		}
		// All is undone: that nobody writes is the disaster's, as it was found; that two do is not.
		if why, two := r.checkWriters(ctx, s, run.Closing); why != "" && s.unclean == "" && (owed || two || !s.asFound(ctx)) {
			s.unclean = why
		}
	}
}
