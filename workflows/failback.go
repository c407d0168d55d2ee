package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// comeHome brings every system that moved back to its home site, or records the
// decision to stay (B-STP-14). It runs outside of what an abort before it cancels: the way home
// belongs to every run that moved something. See abortHome for one that comes on it.
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
	rests := len(away) > 1 && slices.ContainsFunc(away, func(s *system) bool { return len(s.plan.DependsOn) > 0 }) &&
		workflow.GetVersion(ctx, changeHomeInOrder, workflow.DefaultVersion, 1) == 1
	if rests {
		away = slices.DeleteFunc(r.dependedOnFirst(), func(s *system) bool { return !s.moved() })
	}
	r.home, r.stopHome = workflow.WithCancel(ctx)
	_ = r.lead(ctx, run.Failback, func(ctx workflow.Context) (run.Outcome, string) {
		r.homeOpen = true
		r.chooseHome(ctx, away)
		r.approveHome(ctx, away)
		r.homeOpen = false
		outcome, reason := run.Passed, ""
		for _, s := range away {
			if r.homeAborted && s.homeChoice != run.Stay {
				r.stayInstead(ctx, s)
			}
			if s.homeChoice == run.Stay {
				continue
			}
			if d := r.restsOnFailed(s); d != nil && rests && !walk {
				r.stayBeside(ctx, s, d)
				continue
			}
			if why := r.bringHome(ctx, s); why != "" {
				outcome, reason = run.Failed, why
				s.homeFailed = true
				switch {
				case walk: // what was only read leaves nothing half-way
				case r.homeAborted && s.home != nil && s.home.Outcome != run.Passed:
					s.unclean = s.home.Unclean // the rest is undone; who takes writes is looked at before it is let go
				default:
					s.unclean = why
				}
			}
		}
		return outcome, reason
	})
}

// abortHome stops the way home of a response before its next effect: what its runbook in progress did is undone, and
// systems of which it has not begun stay. What came home already stays so. A drill's is walked to its end: that puts back
// what the drill has moved.
func (r *response) abortHome(ctx workflow.Context) {
	if r.mayStillReturn() && workflow.GetVersion(ctx, fmt.Sprintf(changeStopsHome, r.aborts), workflow.DefaultVersion, 1) == 1 {
		r.homeAborted = true
		r.stopHome()
	}
}

// mayStillReturn reports whether a response is on its way home, or asks for it, and nobody has stopped that. An abort of
// before was of what came before.
func (r *response) mayStillReturn() bool {
	return r.in.Kind == run.Response && r.phase == run.Failback && !r.homeAborted
}

// stayInstead records that a system stays, by whom the abort was that came before its return.
func (r *response) stayInstead(ctx workflow.Context, s *system) {
	made := run.Decision{Question: questionFailback, Answer: run.Stay, Instead: s.homeChoice}
	if s.homeAsked && s.homeChoice == "" {
		made.WaitedS = workflow.Now(ctx).Sub(s.askedAt).Seconds()
	}
	s.homeChoice = run.Stay
	r.log.add(ctx, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: s.plan.Name, By: r.abort.By, Via: r.abort.Via,
		Reason: both("aborted before its return began: %s", "切戻しの開始前に中止：%s", plan.Apart(r.abort.Reason)), Data: run.Encode(made)})
}

// dependedOnFirst orders the run's systems so that each comes after those that it depends on; else as the plan has them.
func (r *response) dependedOnFirst() []*system {
	var out, seen []*system
	var visit func(*system)
	visit = func(s *system) {
		if slices.Contains(seen, s) {
			return
		}
		seen = append(seen, s)
		for _, d := range r.systems {
			if slices.Contains(s.plan.DependsOn, d.plan.Name) {
				visit(d)
			}
		}
		out = append(out, s)
	}
	for _, s := range r.systems {
		visit(s)
	}
	return out
}

// restsOnFailed finds the system that s depends on, also by way of others, and whose way home failed; nil without.
func (r *response) restsOnFailed(s *system) *system {
	var seen []*system
	var find func(*system) *system
	find = func(s *system) *system {
		seen = append(seen, s)
		for _, d := range r.systems {
			if !slices.Contains(s.plan.DependsOn, d.plan.Name) || slices.Contains(seen, d) {
				continue
			}
			if d.homeFailed {
				return d
			}
			if f := find(d); f != nil {
				return f
			}
		}
		return nil
	}
	return find(s)
}

// stayBeside leaves a system away since one that it depends on did not come home, and says so. A drill owes its return, so that its
// lock is left to people; a response leaves it in service where it is.
func (r *response) stayBeside(ctx workflow.Context, s, d *system) {
	s.homeChoice = run.Stay
	why := both("it depends on %s, which did not come home, so it was not moved", "依存先の %s の切戻しが完了していないため、移動していない", d.plan.Name)
	switch {
	case r.in.Kind == run.Response:
		r.log.add(ctx, run.Event{Kind: run.FindingOpened, Phase: run.Failback, System: s.plan.Name, By: run.Engine,
			Data: run.Encode(run.Finding{ID: "away-" + s.plan.Name, Kind: run.FindingCleanUp, System: s.plan.Name, Detail: why})})
	case s.unclean == "":
		s.unclean = why
	}
	on, at := d.title(), siteName(r.plan, s.plan.Alternate)
	r.tell(ctx, r.everybody(), fmt.Sprintf("%s is not brought home: it depends on %s, which did not come home. It stays at %s.", s.title().EN, on.EN, at.EN),
		fmt.Sprintf("%sは切戻しません。依存先の%sの切戻しが完了していないためです。%sにとどまります。", s.title().JA, on.JA, at.JA))
}

// title is a system as people call it.
func (s *system) title() plan.Text {
	if s.plan.Title == (plan.Text{}) {
		return plan.Text{EN: s.plan.Name, JA: s.plan.Name}
	}
	return s.plan.Title
}

// chooseHome settles for each system whether it returns. A drill follows the plan's
// policy. In a response the home site may be a ruin: there a person says when, or that
// it stays, however long that takes.
func (r *response) chooseHome(ctx workflow.Context, away []*system) {
	called := false
	for _, s := range away {
		if r.homeAborted {
			return
		}
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
			Reason: both("return when the home site is sound, or stay at the alternate site", "本拠点の健全性を確認して切戻すか、代替拠点で継続するか"),
			Data: run.Encode(run.DecisionAsk{Question: questionFailback, Role: r.plan.Scenario.Decision.By,
				Choices: r.choices(s), Proposed: policy, Ground: textPolicy})})
		r.simulateAct(ctx, r.plan.Scenario.Decision.By, "failback "+s.plan.Name, func(ctx workflow.Context, m *member) {
			if s.homeChoice == "" {
				_, _ = r.decide(ctx, s, Decide{Choice: policy, Reason: textPolicy}, run.Simulated(m.plan.ID), asked)
			}
		})
		settled := func() bool { return s.homeChoice != "" || r.homeAborted }
		// Whoever should decide may be asleep: the deputies may too once they were asked, about this or about the recovery.
		if after := deputyAfter(r.plan.Scenario.Decision); !called && after > 0 && workflow.GetVersion(ctx, changeDeputiesHome, workflow.DefaultVersion, 1) == 1 {
			if ok, _ := workflow.AwaitWithTimeout(ctx, after, settled); !ok && ctx.Err() == nil {
				called = true
				r.askDeputies(ctx, after)
			}
		}
		_ = workflow.Await(ctx, settled)
	}
}

// deputyAfter is how long who decides has before their deputies may: what the plan says, else half of the time.
func deputyAfter(rule plan.DecisionRule) time.Duration {
	if rule.DeputyAfter > 0 {
		return rule.DeputyAfter.Std()
	}
	return rule.Within.Std() / 2
}

// bringHome runs a system's failback runbook and proves that service held and that one
// side takes writes. It returns what went wrong, or "".
func (r *response) bringHome(ctx workflow.Context, s *system) string {
	runbook, ok := r.plan.Runbook(s.plan.Failback)
	if !ok {
		return both("%s has no failback runbook", "%s の切戻し手順がない", s.plan.Name)
	}
	done := r.execute(r.home, s, runbook, ForFailback, run.Failback, runInFlight)
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
