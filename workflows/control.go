package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// listen installs the updates by which people act. A validator refuses, with the
// reason, before anything is written; a handler answers once its event is on disk.
func (r *response) listen(ctx workflow.Context) error {
	return errors.Join(
		r.listenToForms(ctx),
		// No validator: starting and this update are not one act for the engine, so
		// whom it refused would have started a run all the same. Run refuses instead.
		workflow.SetUpdateHandler(ctx, UpdateBegin, r.onBegin),
		hears(ctx, UpdateCheckIn, r.onCheckIn, r.mayCheckIn),
		hears(ctx, UpdateArrive, r.onArrive, r.mayArrive),
		hears(ctx, UpdateAttest, r.onAttest, r.mayAttest),
		hears(ctx, UpdateInspect, r.onInspect, r.mayInspect),
		hears(ctx, UpdateAssess, r.onAssess, r.mayAssess),
		hears(ctx, UpdateDecide, r.onDecide, r.mayDecide),
		hears(ctx, UpdateApprove, r.onApprove, r.mayApprove),
		hears(ctx, UpdateRefuse, r.onRefuse, r.mayRefuse),
		hears(ctx, UpdateConfirm, r.onConfirm, r.mayConfirm),
		hears(ctx, UpdateRelocate, r.onRelocate, r.mayRelocate),
		hears(ctx, UpdateHandover, r.onHandover, r.mayHandOver),
		hears(ctx, UpdateStrength, r.onStrength, r.mayCount),
		hears(ctx, UpdateCallOut, r.onCallOut, r.maySettleCall),
		hears(ctx, UpdateAbort, r.onAbort, r.mayAbort),
		hears(ctx, UpdatePause, r.onPause, r.mayPause),
		hears(ctx, UpdateResume, r.onResume, r.mayResume),
	)
}

// mayPause refuses, while an abort is on its way to the record, also to hold a run that is held: the abort lets it go.
func (r *response) mayPause(c Control) error {
	if err := r.mayControl(c); err != nil {
		return err
	}
	if r.stopping {
		return refuse("the run is being aborted, by %s: to hold what follows, its way home too, ask for the pause in a moment", "%s の操作による中止を受け付け中です。この後の処理（切戻しを含む）を止める場合は、少し待ってから、もう一度一時停止の操作をしてください", r.abort.By)
	}
	if r.paused {
		return refuse("the run is paused already", "この実施はすでに一時停止中です")
	}
	return nil
}

func (r *response) mayResume(c Control) error {
	if err := r.maySteer(c.By); err != nil {
		return err
	}
	if r.stopping && r.paused {
		return refuse("the run is being aborted, by %s: its pause ends with that", "%s の操作による中止を受け付け中です。一時停止は中止とともに解除されます", r.abort.By)
	}
	if !r.paused {
		return refuse("the run is not paused", "この実施は一時停止していません")
	}
	return nil
}

// onBegin answers who started, who joined and who was refused.
func (r *response) onBegin(ctx workflow.Context, b Begin) (Begun, error) {
	if err := workflow.Await(ctx, func() bool { return r.settled }); err != nil {
		return Begun{}, err
	}
	if r.begun.Refused != "" {
		return r.begun, nil
	}
	err := r.asks(b.By)
	if err == nil {
		err = permitStart(r.plan.Estate, b.By)
	}
	if err != nil {
		return Begun{}, crossing(err)
	}
	begun := r.begun
	if b.RequestID != r.in.RequestID {
		if r.abort == nil && r.over(ctx) {
			return r.nextWanted(ctx, b)
		}
		if r.abort != nil || r.ended {
			begun.Why = plan.Say("run %s is being aborted, or has just ended: start again when it is over", "実施 %s は中止処理中、または終了直後です。終了後に改めて開始してください", r.in.RunID)
			begun.Refused = begun.Why.Both()
			begun.Holder, begun.Ended = r.in.RunID, r.ended
			return begun, nil
		}
		begun.Attached = true
		if _, err := r.log.record(ctx, run.Event{Kind: run.RunAttached, By: b.By, Via: b.Via}); err != nil {
			return Begun{}, err
		}
	}
	return begun, r.log.reach(ctx, 1)
}

// over reports whether a response is done with its event: what is left, its report, its way home or its records, calls
// nobody and asks for no recovery, so that whoever joined it now would not be helped.
func (r *response) over(ctx workflow.Context) bool {
	if r.in.Kind != run.Response || !r.phase.AfterRecovery() {
		return false
	}
	if !r.refusesLate { // see changeOver for the number
		r.lateBegins++
		r.refusesLate = workflow.GetVersion(ctx, fmt.Sprintf(changeOver, r.lateBegins), workflow.DefaultVersion, 1) == 1
	}
	return r.refusesLate
}

// nextWanted answers who wants the next response while this one is over and has not ended. From now on nobody is waited for with
// the records, and who comes while only these are left waits for the end, instead of asking again.
func (r *response) nextWanted(ctx workflow.Context, b Begin) (Begun, error) {
	if r.wantedBy == "" {
		r.wantedBy = b.By
	}
	if r.phase == run.Closing {
		ctx, _ = workflow.NewDisconnectedContext(ctx) // cancelled in the engine or not, it ends in order
		if _, err := workflow.AwaitWithTimeout(ctx, beginWait, func() bool { return r.ended }); err != nil {
			return Begun{}, err
		}
	}
	begun := r.begun
	begun.Holder, begun.Ended = r.in.RunID, r.ended
	begun.Why = plan.Say("response %s is in %s, so joining it would call nobody and decide on nothing that happens now: end it, then start again. Its records are not waited for any more",
		"対応 %s は「%s」の段階にあり、合流しても要員の召集も新たな事態への判断も行われません。この対応を終了させてから、改めて発動してください（この対応の記録物の提出は、以後待ちません）",
		r.in.RunID, plan.Text{EN: i18n.EN.Phase(r.phase), JA: i18n.JA.Phase(r.phase)})
	begun.Refused = begun.Why.Both()
	return begun, nil
}

func (r *response) mayControl(c Control) error {
	if c.Reason == "" {
		return refuse("a reason is needed: it stands in the report", "理由を記入してください（報告書に記載されます）")
	}
	return r.maySteer(c.By)
}

func (r *response) mayAbort(c Control) error {
	if r.abort != nil && !r.mayStillReturn() {
		return refuse("the run is being aborted already, by %s", "%s の操作により、すでに中止処理中です", r.abort.By)
	}
	if run.IsAlarm(c.By) && r.in.Kind == run.Drill && !r.ended && c.Reason != "" {
		return nil // a real alarm stops a drill; a response is stopped by people
	}
	if c.By == run.Engine && r.in.Kind == run.Drill && r.plan.StrikesItself() && !r.ended && c.Reason != "" {
		return nil // the server found that something real is under way
	}
	return r.mayControl(c)
}

// onAbort stops what runs. The step in progress is observed, undo runs, and the way
// home is walked where something moved (faults.md row 42). In a response, where people
// decide on the way home, it is stopped too.
func (r *response) onAbort(ctx workflow.Context, c Control) (Done, error) {
	r.abort, r.aborts, r.stopping = &c, r.aborts+1, true
	r.abortHome(ctx)
	seq := r.log.add(ctx, run.Event{Kind: run.RunAbortRequested, By: c.By, Via: c.Via, Reason: c.Reason})
	atOnce := workflow.GetVersion(ctx, changeStopsAtOnce, workflow.DefaultVersion, 1) == 1
	if atOnce { // the record store may be what is away
		r.stop()
	}
	err := r.log.reach(ctx, seq)
	if !atOnce {
		r.stop()
	}
	r.stopping = false
	r.letGo(ctx)
	return Done{Seq: seq}, err
}

// letGo lets a paused run go on to its end, since nobody resumes what is aborted. A runbook that the abort ends
// is not told: if that came before its end, it would begin its next step.
func (r *response) letGo(ctx workflow.Context) {
	walks := r.phase == run.Failback && !r.homeAborted
	if walks || !r.homeAborted && workflow.GetVersion(ctx, changeHeldToItsEnd, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		r.pause(ctx, false)
		return
	}
	r.paused, r.executing = false, nil
}

// aborting refuses an answer to what was asked before an abort: nothing would come of it.
func (r *response) aborting() error {
	if r.abort == nil {
		return nil
	}
	return refuse("the run is being aborted, by %s: this is not asked any more", "%s の操作により中止処理中です。この確認・決定はもう求められていません", r.abort.By)
}

// pause holds or lets go the run and every runbook in progress. Each is told how it is when it is told, and one signal at
// a time: whoever pauses and whoever resumes a moment later do this at once, and the engine may deliver what is under
// way together in any order.
func (r *response) pause(ctx workflow.Context, paused bool) {
	r.paused = paused
	if len(r.executing) == 0 {
		return
	}
	if workflow.GetVersion(ctx, changeHeldAsItIs, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		for _, e := range r.executing {
			if !e.IsReady() {
				_ = e.SignalChildWorkflow(ctx, signalPause, paused).Get(ctx, nil)
			}
		}
		return
	}
	free, _ := workflow.NewDisconnectedContext(ctx)
	_ = workflow.Await(free, func() bool { return !r.telling })
	r.telling = true
	defer func() { r.telling = false }()
	for {
		i := slices.IndexFunc(r.executing, func(e workflow.ChildWorkflowFuture) bool { return !e.IsReady() && r.told[e] != r.paused })
		if i < 0 {
			return
		}
		e, holds := r.executing[i], r.paused
		_ = e.SignalChildWorkflow(free, signalPause, holds).Get(free, nil)
		r.told[e] = holds
	}
}

// onPause stops new steps from starting; those that run go on to their end.
func (r *response) onPause(ctx workflow.Context, c Control) (Done, error) {
	return r.hold(ctx, true, run.Event{Kind: run.RunPaused, By: c.By, Via: c.Via, Reason: c.Reason})
}

func (r *response) onResume(ctx workflow.Context, c Control) (Done, error) {
	return r.hold(ctx, false, run.Event{Kind: run.RunResumed, By: c.By, Via: c.Via, Reason: c.Reason})
}

// hold is pause with its event, which is numbered before any runbook is told: an abort that comes meanwhile has the later
// number, and the last word.
func (r *response) hold(ctx workflow.Context, paused bool, e run.Event) (Done, error) {
	if workflow.GetVersion(ctx, changeHeldInOrder, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		r.pause(ctx, paused)
		return r.log.record(ctx, e)
	}
	seq := r.log.add(ctx, e)
	r.pause(ctx, paused)
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// running refuses acts of strangers and acts on a run that has ended.
func (r *response) running(person string) error {
	if r.absent[person] {
		return r.outOfDrill(person)
	}
	return r.steering(person)
}

// steering is the same for who holds or ends the run itself: those who are taken out of
// the drill may still stop it.
func (r *response) steering(person string) error {
	if r.ended {
		return refuse("the run has ended", "この実施は終了しています")
	}
	return r.knows(person)
}

// outOfDrill refuses what somebody does whom the scenario takes out.
func (r *response) outOfDrill(person string) error {
	return refuse("%s is absent in this drill (absent: in the scenario): a deputy acts in their place", "%s はこの訓練では不在の想定です（シナリオの absent）。代行者が対応してください", person)
}

// knows refuses people who are not in the estate that the run was started with.
func (r *response) knows(person string) error {
	if person == "" {
		return refuse("say who you are (--as PERSON): every act has a person", "操作する人を --as で指定してください（操作はすべて個人名で記録されます）")
	}
	if slices.Contains(r.plan.Estate.Barred, person) {
		return refuse("%s may not act in a %s (only: in the estate)", "%s はこの種別（%s）の実施では操作できません（構成台帳の only）", person, r.in.Kind)
	}
	if _, ok := r.plan.Estate.Person(person); !ok {
		ids := make([]string, 0, len(r.plan.Estate.People))
		for _, p := range r.plan.Estate.People {
			ids = append(ids, p.ID)
		}
		return refuse("nobody called %q is in the estate; there are %s", "%q という人は構成台帳にいません。登録済み：%s", person, strings.Join(ids[:min(len(ids), 12)], ", "))
	}
	return nil
}

// asks refuses who may not ask for a run: a person of the estate may, and so may a source of
// alarms or a schedule by a rule of the plan files, which the server makes sure of.
func (r *response) asks(actor string) error {
	if run.NoPerson(actor) {
		return nil
	}
	return r.knows(actor)
}

// holds reports whether the person has the role, or stands in for somebody who has it
// and is not there, or is there and hurt.
func (r *response) holds(person, role string) (ok, deputy bool) {
	for _, m := range r.people {
		if !slices.Contains(m.plan.Roles, role) {
			continue
		}
		if m.plan.ID == person {
			return true, false
		}
		if r.replaced(m) && slices.Contains(m.plan.Deputies, person) {
			deputy = true
		}
	}
	return deputy, deputy
}
