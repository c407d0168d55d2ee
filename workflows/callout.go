package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// holdCall waits before the call-out is sent, so that a false alarm can be called off
// before everybody is on their way. It reports whether to send it.
func (r *response) holdCall(ctx workflow.Context) bool {
	hold := r.plan.Scenario.Safety.Hold.Std()
	if hold <= 0 {
		return true
	}
	r.holding = true
	r.log.add(ctx, run.Event{Kind: run.CallHeld, Phase: r.phase, By: run.Engine, Data: run.Encode(run.CallHold{Until: workflow.Now(ctx).Add(hold).UTC()})})
	var told []string
	for _, m := range r.people {
		if r.isKey(m.plan.Roles) && !r.absent[m.plan.ID] {
			told = append(told, m.plan.ID)
		}
	}
	soon := plan.Say("%s: everybody is called in %s. False alarm? muster drill callout cancel %s --reason WHY",
		"%s：%s後に全員へ召集を送信します。誤報の場合：muster drill callout cancel %s --reason 理由", i18n.Spoken(r.plan.Scenario.Told(), hold, r.in.RunID)...)
	r.tell(ctx, told, soon.EN, soon.JA)
	_, err := workflow.AwaitWithTimeout(ctx, hold, func() bool { return r.callNow != nil })
	r.holding = false
	if r.callNow == nil && err == nil {
		r.log.add(ctx, run.Event{Kind: run.CallReleased, Phase: r.phase, By: run.Engine, Data: run.Encode(run.CallSettled{Sent: true})})
	}
	return err == nil && (r.callNow == nil || r.callNow.Send)
}

func (r *response) maySettleCall(c CallOut) error {
	if err := r.mayAct(c.By, plan.MayControl); err != nil {
		return err
	}
	switch {
	case !r.holding || r.callNow != nil:
		return refuse("no call-out is held; `muster drill abort %s --reason ...` ends the run", "保留中の召集はありません。実施を終えるには `muster drill abort %s --reason ...` を使ってください", r.in.RunID)
	case !c.Send && strings.TrimSpace(c.Reason) == "":
		return refuse("a reason is needed: it stands in the report", "理由を記入してください（報告書に記載されます）")
	}
	return nil
}

// onCallOut ends the waiting. What is called off ends the run as an abort does: what an
// inject has broken is put back.
func (r *response) onCallOut(ctx workflow.Context, c CallOut) (Done, error) {
	r.callNow = &c
	seq := r.log.add(ctx, run.Event{Kind: run.CallReleased, Phase: r.phase, By: c.By, Via: c.Via, Reason: c.Reason, Data: run.Encode(run.CallSettled{Sent: c.Send})})
	if !c.Send && r.abort == nil {
		// Before anything waits: the next phase must not begin.
		off := Control{By: c.By, Via: c.Via, Reason: both("false alarm: %s", "誤報：%s", c.Reason)}
		r.abort = &off
		seq = r.log.add(ctx, run.Event{Kind: run.RunAbortRequested, By: off.By, Via: off.Via, Reason: off.Reason})
		r.stop()
		r.pause(ctx, false)
	}
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// callText is what everybody is told. It asks only what the hazard asks, and names where to
// come and with what.
func (r *response) callText() (en, ja string) {
	s, title := r.plan.Scenario, r.plan.Scenario.Told()
	asked, p := run.QuestionsOf(s.Hazard), r.placeOf(r.mustered)
	en, ja = title.In("en")+": the response is activated.", title.In("ja")+"：緊急時対応を発動しました。"
	where := titleOf(p)
	switch {
	case s.Daytime && p.Name != "" && !p.Online:
		en += fmt.Sprintf(" Get to safety, gather at %s for the roll-call, and report how you are. Who is out of the office reports too.", where.In("en"))
		ja += fmt.Sprintf("身の安全を確保し、%sに集合して点呼を受け、安否を報告してください。外出中の方も報告してください。", where.In("ja"))
	case len(asked.Safety) == 0:
		en += " Say whether you can come, then join: " + where.In("en") + "."
		ja += "参集の可否を回答し、参集してください：" + where.In("ja") + "。"
	case s.Hazard == run.Pandemic:
		en += " Report your health, then join: " + where.In("en") + "."
		ja += "健康状態を報告し、参集してください：" + where.In("ja") + "。"
	default:
		en += " Report that you are safe, then come to the muster place: " + where.In("en") + ". Go only where it is safe."
		ja += "安否を報告し、身の安全を確保したうえで参集してください：" + where.In("ja") + "。"
	}
	if m := r.plan.Estate.Muster; m != nil && len(m.Kit) > 0 && !s.Daytime && !p.Online && s.Hazard == run.Disaster {
		var e, j []string
		for _, k := range m.Kit {
			e, j = append(e, k.In("en")), append(j, k.In("ja"))
		}
		en, ja = en+" Bring and wear: "+strings.Join(e, ", ")+".", ja+"持ち物・服装："+strings.Join(j, "、")+"。"
	}
	return en, ja
}
