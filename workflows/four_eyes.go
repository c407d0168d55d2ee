package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Four eyes (requirement P-4EYES). In a real response, and in a drill that rehearses it:
// somebody other than the starter confirms the activation before anything is changed; who
// decided does not approve; what is skipped or forced is asked for by one person and confirmed
// by another. Nothing of this holds up people: safety check, muster and assessment run while
// the confirmation is open, and break-glass lets one person go on alone, with a reason, before
// everybody's eyes.

// askConfirmation puts the activation to a second person.
func (r *response) askConfirmation(ctx workflow.Context) {
	rehearsed := r.in.Kind == run.Drill && r.plan.Scenario.FourEyes && r.movesThings()
	if r.in.Kind != run.Response && !rehearsed || r.restoreTest() {
		return
	}
	if workflow.GetVersion(ctx, "four-eyes", workflow.DefaultVersion, 1) != 1 {
		return
	}
	r.fourEyes = true
	r.askActivation(ctx, both("somebody other than %s, who started it, confirms the activation", "開始者 %s 以外の人による発動の確認", r.named(r.in.Requester)))
	r.listenForGlass(ctx)
	for _, m := range r.people {
		if r.in.Kind == run.Drill && r.plan.Scenario.Simulate != nil && r.mayConfirmActivation(Approve{By: m.plan.ID}) == nil {
			r.simulateConfirmation(ctx, m)
			break
		}
	}
}

func (r *response) askActivation(ctx workflow.Context, reason string) {
	ask := run.Ask{Need: 1}
	if !run.NoPerson(r.in.Requester) {
		ask.Not = []string{r.in.Requester}
	}
	r.activationSeq = r.log.add(ctx, run.Event{Kind: run.ActivationAsked, Phase: run.Activation, By: run.Engine, Data: run.Encode(ask), Reason: reason})
}

func (r *response) simulateConfirmation(ctx workflow.Context, m *member) {
	workflow.GoNamed(ctx, "simulated confirmation", func(ctx workflow.Context) {
		if workflow.Sleep(ctx, delay(*r.plan.Scenario.Simulate, m.plan.ID, "confirm")) == nil && r.confirmedBy == "" && !r.ended && r.standing(r.activationSeq) == nil {
			_, _ = r.confirmActivation(ctx, Approve{By: m.plan.ID}, run.Simulated(m.plan.ID))
		}
	})
}

// unconfirmed reports whether the activation still waits for a second person.
func (r *response) unconfirmed() bool { return r.fourEyes && r.confirmedBy == "" }

// mayConfirmActivation: by the same people as an approval, and not by who started it.
func (r *response) mayConfirmActivation(a Approve) error {
	if err := r.running(a.By); err != nil {
		return err
	}
	if err := r.toConfirm(a); err != nil {
		return err
	}
	if a.BreakGlass {
		return r.mayBreakGlass(a, r.handsOfStart())
	}
	if err := r.mayConfirmFor(a.By); err != nil {
		return err
	}
	return r.oneHand(hand{a.By, a.Issuers}, r.handsOfStart())
}

// toConfirm refuses an answer when no confirmation waits.
func (r *response) toConfirm(a Approve) error {
	switch {
	case !r.fourEyes:
		return refuse("this run's activation needs no confirmation", "この実施の発動に確認は必要ありません")
	case r.confirmedBy != "":
		return refuse("the activation is confirmed already, by %s", "発動は %s が確認済みです", r.confirmedBy)
	}
	if err := r.aborting(); err != nil {
		return err
	}
	return r.sameQuestion(a, r.activationSeq)
}

// mayConfirmFor refuses people whose yes, or no, to the activation does not count.
func (r *response) mayConfirmFor(person string) error {
	if err := r.mayBeSecond(person); err != nil {
		return err
	}
	if person == r.in.Requester {
		return refuse("who started the response can't confirm it; another person must, or --break-glass with a reason", "開始者本人は発動を確認できません。別の人が確認するか、理由を付けて --break-glass を使ってください")
	}
	return nil
}

func (r *response) confirmActivation(ctx workflow.Context, a Approve, by string) (Done, error) {
	r.confirmedBy, r.confirmer = by, hand{a.By, a.Issuers}
	if a.BreakGlass {
		r.tellOfGlass(ctx, r.alone(a.By, a.Issuers), both("confirmed the activation alone", "発動を単独で確認"), a.Reason)
	}
	yes := run.Approval{BreakGlass: a.BreakGlass, Asked: r.activationSeq, SameConsole: !a.BreakGlass && r.oneConsole(ctx, a.Via, r.in.Via)}
	if yes.SameConsole {
		r.tellOfConsole(ctx, a.By)
	}
	return r.log.record(ctx, run.Event{Kind: run.ActivationConfirmed, Phase: run.Activation, By: by, Via: a.Via, Reason: a.Reason, Data: run.Encode(yes)})
}

// mayBeSecond refuses people whose yes does not count: by permission where the estate grants
// them, else by the roles that decide or that the quorum asks for.
func (r *response) mayBeSecond(person string) error {
	if err := r.permitApproval(person); err != nil {
		return err
	}
	if !r.plan.Estate.Regulated() && !r.plan.MaySecond(person, r.away) {
		return refuse("an approval comes from the role %s or one that the quorum asks for; %s holds none of them", "承認できるのは役割 %s、または必要人数に定めた役割を担う人です。%s はいずれも担っていません", r.plan.Scenario.Decision.By, person)
	}
	return nil
}

// away reports whether somebody is not there, or there and hurt, so that their deputies act in their place.
func (r *response) away(person string) bool {
	m := r.member(person)
	return m == nil || r.replaced(m)
}

// mayBreakGlass is the one way round: with a reason, and by somebody who could start, approve
// or operate. Who administers may, under their own name, and everybody is told that they
// administer: else they would issue a token for somebody and go on as them.
func (r *response) mayBreakGlass(a Approve, before []hand) error {
	if a.Reason == "" {
		return refuse("break-glass needs a reason: everybody is told, and it is reviewed after", "緊急権限（ブレークグラス）の行使には理由が必要です（全員に通知され、事後確認の対象になります）")
	}
	if err := borrowed(hand{a.By, a.Issuers}, before); err != nil {
		return err
	}
	for _, p := range []plan.Permission{plan.MayStart, plan.MayOperate} {
		if r.permit(a.By, p) == nil {
			return nil
		}
	}
	return r.permit(a.By, plan.MayApprove)
}

// decided lists who took or drafted the decisions that wait for an approval.
func (r *response) decided() []string {
	var out []string
	for _, s := range r.systems {
		who := []string{s.decider}
		if s.draft != nil {
			who = append(who, s.draft.by)
		}
		if s.homeAsked {
			who = []string{s.homeDecider}
		}
		for _, id := range who {
			if id != "" && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

func (r *response) decidedBy(person string) bool { return slices.Contains(r.decided(), person) }

// othersCould reports whether anybody besides the requester and those who decided could
// approve. Where an estate has nobody else, who decided may approve what somebody else
// asked for: those are two persons, and a response must not hang on a third who is not there.
// Who holds the roles now counts, and who held them when the run began: nobody makes
// themselves the only one left by handing the others' roles on. Who gave their own away has gone.
func (r *response) othersCould() bool {
	eyes := plan.Eyes{Not: append([]string{r.in.Requester}, r.decided()...), Away: r.away, Out: r.unfit}
	if len(r.plan.Approvers(eyes)) > 0 {
		return true
	}
	eyes.Out = func(id string) bool { return r.unfit(id) || r.gaveUp[id] }
	return len(r.in.Plan.Approvers(eyes)) > 0
}

// unfit reports whether somebody can't act: out of the drill, not well, or silent for so long
// that their deputies were called.
func (r *response) unfit(id string) bool {
	m := r.member(id)
	if m == nil || r.absent[id] || !m.answer.Safety.Fit() {
		return true
	}
	return m.deputies && m.answeredAt.IsZero() && m.arrivedAt.IsZero() && !r.log.acted[id]
}

// oneConsole reports whether an act of a second person in a response came by the server's own
// token or by one that was issued with it, as one of those before it did: whoever holds it can
// be both. It is told to everybody and reviewed, as break-glass is.
func (r *response) oneConsole(ctx workflow.Context, via string, before ...string) bool {
	return r.in.Kind == run.Response && r.fourEyes && oneConsole(ctx, via, before...)
}

func oneConsole(ctx workflow.Context, via string, before ...string) bool {
	if isConsole(via) && slices.ContainsFunc(before, isConsole) {
		return true
	}
	return fromConsole(via) && slices.ContainsFunc(before, fromConsole) && workflow.GetVersion(ctx, "console-tokens", workflow.DefaultVersion, 1) == 1
}

func isConsole(via string) bool { return via == "console" || strings.HasPrefix(via, "console ") }

// fromConsole is isConsole also of tokens, and sessions with them, whose line begins at the
// console: their vias end so, see identity.Token.
func fromConsole(via string) bool {
	return isConsole(via) || strings.HasSuffix(via, " issued by console") || strings.HasSuffix(via, " issued from the console")
}

// viasOfDecision is how those were known whose yes comes before an approval.
func (r *response) viasOfDecision() []string {
	var out []string
	if r.phase != run.Failback {
		out = append(out, r.in.Via)
	}
	for _, s := range r.systems {
		if s.homeAsked {
			out = append(out, s.homeVia)
		} else {
			out = append(out, s.deciderVia)
		}
	}
	return out
}

func (r *response) tellOfConsole(ctx workflow.Context, by string) {
	r.tell(ctx, r.everybody(), fmt.Sprintf("The yes of %s and that before it both came by the server's own token, or by tokens issued with it: nothing shows that they are two persons. It will be reviewed.", by),
		fmt.Sprintf("%sの確認・承認は、その前の操作と同じく、サーバー本体のトークン（またはそれで発行したトークン）によるものです。別人であることを示す記録がないため、事後確認の対象とします。", by))
}

// approveHome has the return home approved by somebody other than who decided it: it moves
// production once more.
func (r *response) approveHome(ctx workflow.Context, away []*system) {
	returns := slices.ContainsFunc(away, func(s *system) bool { return s.homeChoice == run.GoHome && s.homeDecider != "" })
	if !r.fourEyes || !returns || r.homeAborted {
		return
	}
	r.approvalAsked = true
	defer func() { r.approvalAsked = false }()
	r.askApproval(ctx, both("the return home, by somebody other than who decided it", "切戻しの承認（決定者以外の人）"))
	before := r.abort // one that came earlier is why they return
	_ = workflow.Await(ctx, func() bool { return r.approved() || !r.moving() || r.abort != before })
	if r.abort == before || r.approved() {
		return
	}
	for _, s := range away {
		if s.homeAsked && s.homeChoice == run.GoHome {
			r.stayInstead(ctx, s)
		}
	}
}

// signalGlass carries Glass from a runbook to its run, which knows whom to tell.
const signalGlass = "glass"

// Glass says that somebody acted alone.
type Glass struct {
	By     string `json:"by"`
	What   string `json:"what"`
	Reason string `json:"reason"`
	// SameConsole: not alone, but both by the server's own token.
	SameConsole bool `json:"same_console,omitempty"`
	// Issuers is who else had the secret they came with.
	Issuers []string `json:"issuers,omitempty"`
}

func (r *response) listenForGlass(ctx workflow.Context) {
	workflow.GoNamed(ctx, "glass", func(ctx workflow.Context) {
		for {
			var g Glass // each its own: what a later one leaves out is not what the last one said
			if !workflow.GetSignalChannel(ctx, signalGlass).Receive(ctx, &g) {
				return
			}
			if g.SameConsole {
				r.tellOfConsole(ctx, g.By)
				continue
			}
			r.tellOfGlass(ctx, r.alone(g.By, g.Issuers), g.What, g.Reason)
		}
	})
}

// tellOfGlass tells everybody at once that somebody went on alone.
func (r *response) tellOfGlass(ctx workflow.Context, by plan.Text, what, reason string) {
	did := plan.Apart(what)
	r.tell(ctx, r.everybody(), fmt.Sprintf("%s used break-glass (%s): %s", by.EN, did.In("en"), reason),
		fmt.Sprintf("%sが緊急権限（ブレークグラス）を行使しました（%s）：%s", by.JA, did.In("ja"), reason))
}

// everybody is all with a role; once people are called, those.
func (r *response) everybody() []string {
	var all, called []string
	for _, m := range r.people {
		if len(m.plan.Roles) > 0 {
			all = append(all, m.plan.ID)
		}
		if m.called {
			called = append(called, m.plan.ID)
		}
	}
	if len(called) > 0 {
		return called
	}
	return all
}

// forced is what somebody has asked to force, until a second person confirms it.
type forced struct {
	by      string
	via     string
	issuers []string
	act     run.Act
	reason  string
	seq     int64 // of the event that asked
}

// mayForce: one person asks, another confirms. Whoever asked can't confirm, and whoever
// settles a step for good needs the right to operate.
func (x *execution) mayForce(q *asked, a Step) error {
	if !x.in.FourEyes {
		return nil
	}
	var before []hand
	if f := q.forced; f != nil && f.act == a.Act {
		before = []hand{{f.by, f.issuers}}
	}
	if a.BreakGlass {
		return borrowed(hand{a.By, a.Issuers}, before)
	}
	if f := q.forced; f != nil && f.by == a.By && f.act == a.Act {
		return refuse("%s has asked for this already; another person confirms it with the same command, or use --break-glass with a reason", "%s が要請済みです。別の人が同じコマンドで確認するか、理由を付けて --break-glass を使ってください", a.By)
	}
	return oneHand(hand{a.By, a.Issuers}, before)
}

// force takes the first of the two acts; it returns true when the act stands.
func (x *execution) force(ctx workflow.Context, q *asked, a Step) (stands bool, done Done, err error) {
	if !x.in.FourEyes || !byHand(q, a) || a.BreakGlass || q.forced != nil && q.forced.act == a.Act && q.forced.by != a.By {
		return true, Done{}, nil
	}
	q.forced = &forced{by: a.By, via: a.Via, issuers: a.Issuers, act: a.Act, reason: a.Reason}
	q.forced.seq = x.log.add(ctx, run.Event{Kind: run.ForceAsked, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: a.Step,
		By: a.By, Via: a.Via, Reason: a.Reason, Data: run.Encode(run.StepAct{Act: a.Act})})
	done = Done{Seq: q.forced.seq, Unconfirmed: true}
	return false, done, x.log.reach(ctx, done.Seq)
}

// tellRun has the run tell everybody that a step was forced by one person alone.
func (x *execution) tellRun(ctx workflow.Context, a Step) {
	what := plan.Say("step %s: %s", "ステップ %s：%s", a.Step, string(a.Act)).Both()
	_ = workflow.SignalExternalWorkflow(ctx, x.in.Run, "", signalGlass, Glass{By: a.By, What: what, Reason: a.Reason, SameConsole: !a.BreakGlass, Issuers: a.Issuers}).Get(ctx, nil)
}
