package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// awaitApproval holds a recovery until enough people besides its requester approved
// it. A response waits as long as that takes: a real failover does not start by itself.
// A drill goes on when the time for decisions is over, and the phase says that nobody
// approved: it is there to show that, not to hang on it.
func (r *response) awaitApproval(ctx workflow.Context) (run.Outcome, string) {
	if r.needed() == 0 {
		return run.Passed, ""
	}
	// While the run is held, its decision may still be revised: the question stays open, and what is revised is asked anew.
	r.revisable = workflow.GetVersion(ctx, changeRevisedWhileHeld, workflow.DefaultVersion, 1) == 1
	onHold := func() bool { return r.paused && r.revisable }
	defer func() { r.approvalOver = true }()
	_ = workflow.Await(ctx, func() bool { return !onHold() || r.moving() })
	if !r.moving() {
		return run.Passed, ""
	}
	r.approvalAsked = true
	defer func() { r.approvalAsked = false }()
	who := r.named(r.in.Requester)
	r.askApproval(ctx, both("%d besides %s, who asked for it", "%d 名（要請者 %s を除く）", r.askFor().Need, who))
	for _, m := range r.people {
		if !m.answeredAt.IsZero() && r.mayApprove(Approve{By: m.plan.ID}) == nil {
			r.simulateApproval(ctx, m)
		}
	}
	// Revised to stand down, nothing is moved, and nothing is left to approve.
	approved := func() bool { return (r.approved() || !r.moving()) && !onHold() }
	if r.in.Kind == run.Response {
		_ = workflow.Await(ctx, approved)
		return run.Passed, ""
	}
	within := r.plan.Scenario.Decision.Within
	for {
		if ok, _ := workflow.AwaitWithTimeout(ctx, within.Std(), approved); ok {
			return run.Passed, ""
		}
		// Silence lets a drill go on; what somebody has refused waits, as in a response, for a
		// yes, a revised decision (which has its time anew) or an abort.
		held := func() bool { return (r.standing(r.askedSeq) != nil || onHold()) && !approved() }
		if ctx.Err() != nil || !held() {
			return run.Failed, both("nobody approved within %s", "%s以内に承認がなかった", within)
		}
		if err := workflow.Await(ctx, func() bool { return !held() }); err != nil {
			return run.Failed, both("nobody approved within %s", "%s以内に承認がなかった", within)
		}
	}
}

// needed is how many approvals a recovery takes. Four eyes are at least one besides.
func (r *response) needed() int {
	if r.in.Kind == run.Response || r.fourEyes {
		return max(r.plan.Scenario.Approvals, 1)
	}
	return r.plan.Scenario.Approvals
}

func (r *response) approved() bool { return len(r.approvals) >= max(r.ask.Need, 1) || r.brokenGlass }

// moving reports whether what is decided moves something: the recovery, or later the return.
func (r *response) moving() bool {
	return slices.ContainsFunc(r.systems, func(s *system) bool {
		if r.phase == run.Failback {
			return s.homeAsked && s.homeChoice == run.GoHome
		}
		return s.choice == run.Alternate || s.choice == run.InPlace
	})
}

// askApproval asks for approval of what is decided now: at first, and again after each
// revision. A yes to an earlier question is none to this one.
func (r *response) askApproval(ctx workflow.Context, reason string) {
	phase := run.RecoveryDecision
	if r.phase == run.Failback {
		phase = run.Failback
	}
	r.approvals, r.yeses, r.brokenGlass, r.ask = nil, nil, false, r.askFor()
	r.askedSeq = r.log.add(ctx, run.Event{Kind: run.ApprovalAsked, Phase: phase, By: run.Engine, Reason: reason, Data: run.Encode(r.ask)})
}

// askFor is whose yes the approval takes, besides what roles say.
func (r *response) askFor() run.Ask {
	if r.phase == run.Failback { // who asked for the recovery may approve the return
		return run.Ask{Need: 1, Not: r.decided()}
	}
	ask := run.Ask{Need: r.needed()}
	switch {
	case !run.NoPerson(r.in.Requester):
		ask.Not = []string{r.in.Requester}
		if r.fourEyes {
			ask.Decided = r.decided()
		}
	default:
		// No person asked for it: whoever decides is the first pair of eyes, and where the rule
		// has decided, whoever confirmed the activation. Else two have to approve.
		for _, s := range r.systems {
			switch ruled := s.decider == "" && (s.choice == run.Alternate || s.choice == run.InPlace); {
			case s.decider != "":
				ask.Not = append(ask.Not, s.decider)
			case ruled && r.confirmedBy != "":
				ask.Not = append(ask.Not, run.Person(r.confirmedBy))
			case ruled:
				ask.Need = max(ask.Need, 2)
			}
		}
		if r.fourEyes {
			ask.Decided = r.decided()
		}
	}
	return ask
}

func (r *response) simulateApproval(ctx workflow.Context, m *member) {
	s := r.plan.Scenario.Simulate
	if s == nil {
		return
	}
	workflow.GoNamed(ctx, "simulated approval", func(ctx workflow.Context) {
		if workflow.Sleep(ctx, delay(*s, m.plan.ID, "approve")) == nil && len(r.approvals) < r.ask.Need && !r.ended && r.standing(r.askedSeq) == nil {
			_, _ = r.approve(ctx, Approve{By: m.plan.ID}, run.Simulated(m.plan.ID))
		}
	})
}

// mayApprove: who asks for a recovery can't approve it; compared are persons, not
// accounts. Break-glass is the one way round, with a reason that stands in the report.
func (r *response) mayApprove(a Approve) error {
	if err := r.running(a.By); err != nil {
		return err
	}
	if r.forActivation(a) {
		return r.mayConfirmActivation(a)
	}
	if slices.Contains(r.approvals, a.By) && !a.BreakGlass && r.approvalAsked && (a.Asked == 0 || a.Asked == r.askedSeq) {
		if !r.anotherCould() {
			return refuse("%s has approved already, and nobody is left who could approve besides; --break-glass with a reason goes on alone", "%s はすでに承認しており、ほかに承認できる人がいません。単独で進めるには、理由を付けて --break-glass を使ってください", a.By)
		}
		return refuse("%s has approved already", "%s はすでに承認しています", a.By)
	}
	if err := r.toApprove(a); err != nil {
		return err
	}
	// A yes to the recovery confirms the activation too: not over somebody's no to that.
	if n := r.standing(r.activationSeq); n != nil && r.unconfirmed() {
		return refuse("%s refused the activation itself: %s. It is confirmed first: --activation", "%s が発動自体を却下しています（理由：%s）。先に --activation で発動を確認してください", r.named(n.by), n.reason)
	}
	if a.BreakGlass {
		return r.mayBreakGlass(a, r.handsBefore())
	}
	if err := r.mayApproveFor(a.By); err != nil {
		return err
	}
	return r.oneHand(hand{a.By, a.Issuers}, r.handsBefore())
}

// anotherCould reports whether anybody could approve besides those who have.
func (r *response) anotherCould() bool {
	others := r.plan.Approvers(plan.Eyes{Not: r.approvals, Away: r.away, Out: r.unfit})
	return slices.ContainsFunc(others, func(id string) bool { return r.mayApproveFor(id) == nil })
}

// toApprove refuses an answer to what does not wait for one.
func (r *response) toApprove(a Approve) error {
	if n := r.refusedAs(a.Asked); n != nil {
		return r.gone(n)
	}
	if r.phase != run.Failback {
		if err := r.aborting(); err != nil {
			return err
		}
	}
	if !r.approvalAsked {
		return refuse("no approval is being asked for; `muster drill show` says what the run waits for", "現在、承認は求められていません。何を待っているかは `muster drill show` で確認できます")
	}
	if err := r.sameQuestion(a, r.askedSeq); err != nil {
		return err
	}
	if r.approved() {
		return refuse("it is approved already, by %s: nothing waits for another approval", "%s が承認済みです。これ以上の承認は待っていません", strings.Join(r.approvals, ", "))
	}
	return nil
}

// mayApproveFor refuses people whose yes, or no, does not count here.
func (r *response) mayApproveFor(person string) error {
	if err := r.mayBeSecond(person); err != nil {
		return err
	}
	if person == r.in.Requester && r.phase != run.Failback {
		return refuse("who asked for the recovery can't approve it; another person must, or --break-glass with a reason", "復旧を要請した本人は承認できません。別の人が承認するか、理由を付けて --break-glass を使ってください")
	}
	if run.NoPerson(r.in.Requester) && r.phase != run.Failback && slices.Contains(r.ask.Not, person) {
		if !r.decidedBy(person) {
			return refuse("an alarm or a schedule started this run and the plan's rule decided, so %s, who confirmed the activation, is the first person to have a look; another one must approve, or --break-glass with a reason",
				"警報または予定により開始され、計画の規則が決定した実施です。発動を確認した %s は一人目の確認者にあたるため承認できません。別の人が承認するか、理由を付けて --break-glass を使ってください", person)
		}
		return refuse("an alarm or a schedule started this run, so who decided can't approve; another person must, or --break-glass with a reason", "警報または予定により開始された実施のため、決定者は承認できません。別の人が承認するか、理由を付けて --break-glass を使ってください")
	}
	if r.fourEyes && r.decidedBy(person) && (r.othersCould() || r.phase == run.Failback) {
		return refuse("%s decided this and can't approve it too; another person must, or --break-glass with a reason", "決定者の %s は承認できません。別の人が承認するか、理由を付けて --break-glass を使ってください", person)
	}
	return nil
}

// sameQuestion refuses a yes to something else than what is asked for now: a page that was
// open, or a button, from before the decision was revised.
func (r *response) sameQuestion(a Approve, now int64) error {
	if err := r.knowing(a, now); err != nil {
		return err
	}
	if a.Asked == 0 || a.Asked == now {
		return nil
	}
	return refuse("what you were asked is not what is asked for now: the decision was revised, or is over; look at it again and approve that", "承認しようとした内容は、現在承認を求めている内容と異なります（決定が見直されたか、すでに終わっています）。内容を確認し直してから承認してください")
}

// forActivation reports whether a yes is about the activation: said so, or nothing else waits.
func (r *response) forActivation(a Approve) bool {
	if a.Asked != 0 && a.For == "" {
		return a.Asked == r.activationSeq
	}
	return a.For == ApproveActivation || a.For == "" && !r.approvalAsked && r.unconfirmed()
}

func (r *response) onApprove(ctx workflow.Context, a Approve) (Done, error) {
	if r.forActivation(a) {
		return r.confirmActivation(ctx, a, a.By)
	}
	return r.approve(ctx, a, a.By)
}

func (r *response) approve(ctx workflow.Context, a Approve, by string) (Done, error) {
	if !slices.Contains(r.approvals, a.By) { // else by break-glass, who has said yes as one of several
		r.approvals = append(r.approvals, a.By)
	}
	r.yeses = append(r.yeses, hand{a.By, a.Issuers})
	if a.BreakGlass {
		r.brokenGlass = true
		r.tellOfGlass(ctx, r.alone(a.By, a.Issuers), both("approved alone", "単独で承認"), a.Reason)
	}
	yes := run.Approval{BreakGlass: a.BreakGlass, Asked: r.askedSeq, SameConsole: !a.BreakGlass && r.oneConsole(ctx, a.Via, r.viasOfDecision()...)}
	phase := run.RecoveryDecision
	if r.phase == run.Failback {
		phase = run.Failback
	}
	if r.unconfirmed() { // who approves the recovery has confirmed that it is one
		r.confirmedBy, r.confirmer = by, hand{a.By, a.Issuers}
		r.log.add(ctx, run.Event{Kind: run.ActivationConfirmed, Phase: run.Activation, By: by, Via: a.Via, Data: run.Encode(run.Approval{BreakGlass: a.BreakGlass, WithRecovery: true}),
			Reason: both("with the approval of the recovery", "復旧の承認とあわせて確認")})
	}
	if yes.SameConsole {
		r.tellOfConsole(ctx, a.By)
	}
	return r.log.record(ctx, run.Event{Kind: run.ApprovalGiven, Phase: phase, By: by, Via: a.Via, Reason: a.Reason, Data: run.Encode(yes)})
}
