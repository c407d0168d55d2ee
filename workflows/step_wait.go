package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// asked is a step that waits for a person.
type asked struct {
	step plan.Step
	wait run.Wait
	seq  int64 // number of the event that asks
	act  *Step
	by   string // actor, when simulated
	// forced waits for a second person to confirm it.
	forced *forced
	noes   []refusedForce
}

// waitAfter is what people may do about a step that ended so. One on which another rests is not skipped: where it is
// not there, somebody vouches for it.
func waitAfter(s plan.Step, a attempted, role string) run.Wait {
	w := run.Wait{Role: role, Text: a.reason}
	switch a.ending {
	case unclear:
		w.Kind, w.Acts = run.WaitUnknown, []run.Act{run.ActDone, run.ActRetry, run.ActSkip}
	case nobody:
		w.Kind, w.Acts = run.WaitAbsent, []run.Act{run.ActRetry, run.ActDone, run.ActSkip}
	default:
		w.Kind, w.Acts = run.WaitFailed, []run.Act{run.ActRetry, run.ActSkip}
	}
	if s.Prerequisite {
		w.Acts = vouched(w.Acts)
		w.Text = plan.Joined(plan.Apart(w.Text), plan.Say("a later step rests on this one, so it can't be skipped: mark it as done only when you have made sure yourselves that it holds",
			"後続のステップの前提となるため省略できません。成立していることを確認できた場合に限り、完了扱いにしてください")).Both()
	}
	return w
}

// vouched has done in the place of skip.
func vouched(acts []run.Act) []run.Act {
	acts = slices.DeleteFunc(acts, func(a run.Act) bool { return a == run.ActSkip })
	if !slices.Contains(acts, run.ActDone) {
		acts = append(acts, run.ActDone)
	}
	return acts
}

// human waits for a person's step.
func (x *execution) human(ctx workflow.Context, s plan.Step, w run.Wait) run.Outcome {
	x.log.add(ctx, run.Event{Kind: run.StepStarted, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: s.ID, Action: s.Uses, Site: s.Site, By: run.Engine, Generation: 1})
	began := workflow.Now(ctx)
	act := x.waitFor(ctx, s, w)
	if act == nil {
		a := attempted{ending: unclear, settled: run.ByResult, reason: both("nobody did it within %s", "%s以内に実施されなかった", s.Timeout)}
		if ctx.Err() != nil || x.failed != "" {
			a = attempted{ending: aborted, reason: both("the runbook stopped first", "先に手順書の実行が停止した")}
		} else {
			x.fail(s, a)
		}
		return x.end(ctx, s, a, 1, run.Engine)
	}
	if act.act.Act == run.ActSkip {
		return x.skip(ctx, s, run.ByPerson, act.by, act.act.Reason)
	}
	a := attempted{ending: passed, settled: run.ByAcknowledge, reason: act.act.Reason}
	a.result.StartedAt, a.result.EndedAt = began.UTC(), workflow.Now(ctx).UTC()
	a.result.DurationS = a.result.EndedAt.Sub(a.result.StartedAt).Seconds()
	return x.end(ctx, s, a, 1, act.by)
}

// waitFor asks people and waits. Nil means that nobody acted in time or that the run
// was aborted. In a response a failed or unknown step waits as long as it takes: the
// only thing worse than a stopped failover is one that undoes itself unasked.
func (x *execution) waitFor(ctx workflow.Context, s plan.Step, w run.Wait) *asked {
	q := &asked{step: s, wait: w}
	x.waiting[s.ID] = q
	defer delete(x.waiting, s.ID)
	q.seq = x.log.add(ctx, run.Event{Kind: run.StepWaiting, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: s.ID,
		Action: s.Uses, Site: s.Site, By: run.Engine, Reason: w.Text, Data: run.Encode(w)})
	_ = x.log.reach(ctx, q.seq)
	x.simulate(ctx, q)
	forPerson := w.Kind == run.WaitHuman || w.Kind == run.WaitAck
	limit := x.in.FailWait.Std()
	if w.Kind == run.WaitHuman { // reading a machine's step takes longer than the machine may
		limit = s.Timeout.Std()
	}
	// Nobody needs to do a person's step of a runbook that has stopped elsewhere, nor to settle one that is undone with it.
	unasked := forPerson || workflow.GetVersion(ctx, changeFailedAsksNobody, workflow.DefaultVersion, 1) == 1
	acted := func() bool { return q.act != nil || unasked && x.failed != "" }
	if x.kind == run.Response || limit <= 0 {
		_ = workflow.Await(ctx, acted)
	} else {
		_, _ = workflow.AwaitWithTimeout(ctx, limit, acted)
	}
	if q.act == nil {
		return nil
	}
	return q
}

// simulate lets a simulated person do a human step. Failures are left to real people:
// simulated ones give up at once, so that the drill can undo and end.
func (x *execution) simulate(ctx workflow.Context, q *asked) {
	if x.in.Simulate == nil || q.wait.Kind != run.WaitHuman && q.wait.Kind != run.WaitAck {
		return
	}
	holders := x.estate.InRole(q.wait.Role)
	holders = slices.DeleteFunc(holders, func(p plan.Person) bool { return slices.Contains(x.in.Simulate.Silent, p.ID) })
	if len(holders) == 0 {
		return
	}
	who := holders[0].ID
	workflow.GoNamed(ctx, "simulated "+q.step.ID, func(ctx workflow.Context) {
		if workflow.Sleep(ctx, delay(*x.in.Simulate, who, q.step.ID)) != nil || q.act != nil {
			return
		}
		q.act, q.by = &Step{Step: q.step.ID, Act: run.ActDone}, run.Simulated(who)
	})
}

// ask is waitFor for a step that could not even be tried.
func (x *execution) ask(ctx workflow.Context, s plan.Step, a attempted, generation int) run.Outcome {
	w := waitAfter(s, a, x.in.Role)
	w.Kind, w.Acts = run.WaitFailed, []run.Act{run.ActSkip}
	if s.Prerequisite {
		w.Acts = vouched(w.Acts)
	}
	act := x.waitFor(ctx, s, w)
	if act == nil {
		x.fail(s, a)
		return x.end(ctx, s, a, generation, run.Engine)
	}
	if act.act.Act == run.ActDone {
		return x.end(ctx, s, attempted{ending: passed, settled: run.ByPerson, reason: act.act.Reason}, generation, act.by)
	}
	return x.skip(ctx, s, run.ByPerson, act.by, act.act.Reason)
}

// listen takes people's acts on waiting steps, and the run's pause.
func (x *execution) listen(ctx workflow.Context) error {
	workflow.GoNamed(ctx, "pause", func(ctx workflow.Context) {
		for workflow.GetSignalChannel(ctx, signalPause).Receive(ctx, &x.paused) {
		}
	})
	x.followRoles(ctx)
	return hears(ctx, UpdateStep, x.onStep, x.mayStep)
}

func (x *execution) mayStep(a Step) error {
	q, ok := x.waiting[a.Step]
	if !ok || q.act != nil {
		return refuse("step %s does not wait for anybody", "ステップ %s は誰の操作も待っていません", a.Step)
	}
	if err := x.forceGone(q, a); err != nil {
		return err
	}
	if a.Wait != 0 && a.Wait != q.seq {
		return refuse("what you saw of step %s is out of date: by now %s. Look at it again", "画面の内容が古くなっています。ステップ %s は、その後%s。内容を確認し直してください", a.Step, waitWords[q.wait.Kind])
	}
	if a.Act == run.ActSkip && q.step.Prerequisite && !slices.Contains(q.wait.Acts, a.Act) {
		return refuse("step %[1]s can't be skipped: a later step rests on it, as a promotion on a fence. When you have made sure yourselves that it holds, vouch for it: done, with a reason",
			"ステップ %[1]s は省略できません。後続のステップが前提としているためです（昇格に対するフェンスなど）。成立していることを確認できた場合は、理由を付けて完了（done）としてください", a.Step)
	}
	if a.Act != run.ActRefuse && !slices.Contains(q.wait.Acts, a.Act) {
		acts := make([]string, len(q.wait.Acts))
		for i, act := range q.wait.Acts {
			acts[i] = string(act)
		}
		return refuse("step %s takes %s, not %q", "ステップ %s で選べる操作は %s です（%q は不可）", a.Step, strings.Join(acts, " or "), a.Act)
	}
	if _, ok := x.estate.Person(a.By); !ok && q.wait.Role == "" {
		return refuse("nobody called %q is in the estate (--as PERSON)", "%q という人は構成台帳にいません（--as で指定する人を確認してください）", a.By)
	}
	if !mayFill(x.estate, a.By, q.wait.Role) {
		return refuse("step %s is for the role %s, which %s does not hold (--as PERSON)", "ステップ %s は役割 %s が操作します。%s はその役割を担っていません（--as で指定する人を確認してください）", a.Step, q.wait.Role, a.By)
	}
	forPerson := q.wait.Kind == run.WaitHuman || q.wait.Kind == run.WaitAck
	if err := x.mayOperate(a.By, forPerson); err != nil {
		return err
	}
	if a.Act == run.ActRefuse {
		return x.mayRefuseForce(q, a)
	}
	if !byHand(q, a) {
		if a.BreakGlass {
			return refuse("break-glass is for what is skipped or marked by hand; this needs no second person", "緊急権限（ブレークグラス）は、省略と手動での完了扱いのためのものです。この操作に別の人の確認は必要ありません")
		}
		return nil
	}
	if a.Reason == "" {
		return refuse("a reason is needed: what is skipped or marked by hand makes objectives not proven, and the report says why", "理由を記入してください。ステップを省略または手動で完了扱いにすると目標が未立証となり、その理由が報告書に記載されます")
	}
	return x.mayForce(q, a)
}

// waitWords say what has become of a step that waits.
var waitWords = map[run.WaitKind]plan.Text{
	run.WaitHuman:   {EN: "it waits anew for whoever does it", JA: "改めて作業待ちになりました"},
	run.WaitAck:     {EN: "it waits anew to be read and acknowledged", JA: "改めて確認待ちになりました"},
	run.WaitUnknown: {EN: "nobody can tell whether it had its effect", JA: "結果不明に変わりました"},
	run.WaitFailed:  {EN: "it has failed", JA: "失敗しました"},
	run.WaitAbsent:  {EN: "no worker of its site takes it", JA: "拠点のワーカーが応答しない状態になりました"},
}

// byHand reports whether an act forces a step: it is skipped, or a machine's is taken as done
// on a person's word.
func byHand(q *asked, a Step) bool {
	forPerson := q.wait.Kind == run.WaitHuman || q.wait.Kind == run.WaitAck
	return a.Act == run.ActSkip || a.Act == run.ActDone && !forPerson
}

func (x *execution) onStep(ctx workflow.Context, a Step) (Done, error) {
	q := x.waiting[a.Step]
	if a.Act == run.ActRefuse {
		return x.refuseForce(ctx, q, a)
	}
	if stands, done, err := x.force(ctx, q, a); !stands {
		return done, err
	}
	act := run.StepAct{Act: a.Act, BreakGlass: a.BreakGlass}
	if q.forced != nil && byHand(q, a) && !a.BreakGlass {
		act.AskedBy, act.Asked = q.forced.by, q.forced.reason
		act.SameConsole = x.in.Kind == run.Response && oneConsole(ctx, a.Via, q.forced.via)
	}
	q.act, q.by = &a, a.By
	if a.BreakGlass && x.in.FourEyes || act.SameConsole {
		x.tellRun(ctx, a)
	}
	return x.log.record(ctx, run.Event{Kind: run.StepActed, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: a.Step,
		By: a.By, Via: a.Via, Reason: a.Reason, Data: run.Encode(act)})
}

// mayFill reports whether a person holds a role or is a deputy of somebody who does.
// An empty role is anybody in the estate.
func mayFill(e plan.Estate, person, role string) bool {
	if role == "" {
		return true
	}
	for _, p := range e.InRole(role) {
		if p.ID == person || slices.Contains(p.Deputies, person) {
			return true
		}
	}
	return false
}
