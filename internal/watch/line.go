package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Line tells an event of a run of the plan in one line, or "" when it is not worth one. Times
// are in the zone of the event's own.
func Line(l i18n.Lang, of plan.Plan, e run.Event) string {
	e.Person = Name(l, of, e.Person)
	by := ""
	if e.By != "" && e.By != run.Engine {
		by = " (" + actor(l, of, e.By) + ")"
	}
	what := strings.TrimSpace(e.System + " " + e.Step)
	why := ""
	if e.Reason != "" {
		why = ": " + clean(plan.Apart(e.Reason).In(string(l))) // the engine's reasons are in both languages
	}
	switch e.Kind {
	case run.RunStarted:
		var s run.Started
		_ = e.Decode(&s)
		text := l.T("%s %s started, depth %s", "%s %s 開始、深さ %s", l.Banner(s.Kind), e.Run, l.Depth(s.Depth)) + by
		if s.Simulated {
			text += l.T("; people are simulated", "。人の応答は模擬")
		}
		return text
	case run.RunAttached:
		return l.T("joined%s", "合流%s", by)
	case run.RunRefused:
		return l.T("REFUSED%s", "開始を拒否%s", why)
	case run.RunPaused:
		return l.T("paused%s%s", "一時停止%s%s", by, why)
	case run.RunResumed:
		return l.T("resumed%s", "再開%s", by)
	case run.RunAbortRequested:
		return l.T("ABORT%s%s", "中止%s%s", by, why)
	case run.RunEnded:
		var d run.Ended
		_ = e.Decode(&d)
		return l.T("ended: %s", "終了: %s", l.State(d.State))
	case run.MessageFailed:
		var d run.Delivery
		if _ = e.Decode(&d); e.Outcome != run.Failed {
			return ""
		}
		if d.Channel == "" {
			return l.T("NOT REACHED: %s%s", "連絡不能: %s%s", e.Person, why)
		}
		return l.T("NOT DELIVERED to %s by %s%s", "%s に届かず（%s）%s", e.Person, d.Channel, why)
	case run.PhaseStarted:
		return l.T("phase %s", "段階 %s", l.Phase(e.Phase))
	case run.PhaseEnded:
		if e.Outcome == run.Passed && e.Reason == "" {
			return ""
		}
		return l.T("phase %s ended: %s%s", "段階 %s 終了: %s%s", l.Phase(e.Phase), l.Outcome(e.Outcome), why)
	case run.EventOccurred:
		o := run.Occurrence{At: e.At}
		_ = e.Decode(&o)
		if o.Source == run.SourceThreat {
			return l.T("THREAT to %s: nothing has stopped; the RTO clock starts with an interruption", "%s への脅威: 停止なし（RTO計測は停止した時点から）", e.System)
		}
		return l.T("EVENT on %s: the RTO clock runs since %s", "%s で事象発生: RTO計測開始 %s", e.System, i18n.Moment(o.At, e.At.Location()))
	case run.EventDetected:
		if e.Reason != "" {
			return l.T("NOT detected%s", "検知なし%s", why)
		}
		return l.T("detected", "検知")
	case run.PersonAnswered:
		var a run.Answer
		_ = e.Decode(&a)
		word := l.Safety(a.Safety)
		if a.Safety.Hurt() {
			word = strings.ToUpper(word)
		}
		if !a.CanCome {
			word += l.T(", can't come", "・参集不可")
		}
		return l.T("%s: %s%s", "%s: %s%s", e.Person, word, by)
	case run.MessageAcknowledged:
		var a run.Acknowledged
		_ = e.Decode(&a)
		return l.T("%s acknowledged message %s", "%s が連絡 %s を確認", e.Person, a.Of)
	case run.PersonArrived:
		var a run.Arrival
		_ = e.Decode(&a)
		return l.T("%s arrived at %s", "%s 参集 (%s)", e.Person, place(l, of, a.Place))
	case run.QuorumReached:
		return l.T("quorum reached", "参集必要人数に到達")
	case run.QuorumMissed:
		return l.T("QUORUM MISSED: going on with those present%s", "参集必要人数に未達: 参集済みの要員で続行%s", why)
	case run.PersonAbsent:
		return l.T("%s is ABSENT in this drill", "%s 訓練での不在設定", e.Person)
	case run.PersonStandsIn:
		var s run.StandIn
		_ = e.Decode(&s)
		return l.T("%s stands in for %s (%s)", "%s が %s を代行 (%s)", e.Person, Name(l, of, s.For), l.StandIn(s.Why))
	case run.CallHeld:
		return l.T("call-out HELD: `muster drill callout send %[1]s`; false alarm: `muster drill callout cancel %[1]s --reason WHY`",
			"召集を保留中: `muster drill callout send %[1]s`。誤報の場合: `muster drill callout cancel %[1]s --reason 理由`", e.Run)
	case run.CallReleased:
		var s run.CallSettled
		_ = e.Decode(&s)
		if s.Sent {
			return l.T("call-out sent%s", "召集を送信%s", by)
		}
		return l.T("call-out CALLED OFF%s%s", "召集を取り消し%s%s", by, why)
	case run.MusterMoved:
		var m run.MusterMove
		_ = e.Decode(&m)
		return l.T("MUSTER MOVED to %s%s%s", "参集場所を %s に変更%s%s", place(l, of, m.To), by, why)
	case run.RoleHandedOver:
		var h run.Handover
		_ = e.Decode(&h)
		return l.T("role %s: %s hands over to %s%s", "役割 %s: %s から %s へ引き継ぎ%s", roleName(l, of, h.Role), Name(l, of, h.From), Name(l, of, h.To), why)
	case run.StrengthReported, run.StrengthConfirmed:
		var s run.Strength
		_ = e.Decode(&s)
		total := 0
		for _, n := range s.Places {
			total += n
		}
		if e.Kind == run.StrengthConfirmed {
			return l.T("strength confirmed: %d there%s", "参集状況を確認: %d 名%s", total, by)
		}
		return l.T("strength reported: %d there%s", "参集状況を報告: %d 名%s", total, by)
	case run.SiteInspected:
		return l.T("site %s inspected%s%s", "拠点 %s 点検済%s%s", e.Site, by, why)
	case run.StatementMade:
		var s run.Stated
		_ = e.Decode(&s)
		return l.T("%s of %s stated at %d %%%s%s", "%[2]s の %[1]s: %[3]d %% との申告%[4]s%[5]s", s.Function, e.System, s.Level, by, why)
	case run.InjectReleased:
		return l.T("inject %s released%s", "状況付与 %s を開始%s", e.Step, why)
	case run.AlarmNoted:
		return l.T("alarm%s%s", "警報の続報%s%s", by, why)
	case run.ActRefused:
		var r run.RefusedAct
		_ = e.Decode(&r)
		// muster did not take it: it is no word of theirs.
		if e.Reason == "" {
			return l.T("NOT ACCEPTED: %[1]s's %[2]s", "受け付けず: %[1]sの%[2]s操作", actor(l, of, e.By), l.RefusedAct(r.Act))
		}
		return l.T("NOT ACCEPTED: %[1]s's %[2]s: %[3]s", "受け付けず: %[1]sの%[2]s操作（%[3]s）", actor(l, of, e.By), l.RefusedAct(r.Act), clean(plan.Apart(e.Reason).In(string(l))))
	case run.DamageAssessed:
		var a run.Assessment
		_ = e.Decode(&a)
		what := e.System
		if a.Component != "" {
			what += "/" + a.Component
		}
		return l.T("%s assessed: %s (%s)%s", "%s 被害確認: %s (%s)%s", clean(what), l.Damage(a.Damage), l.Assessor(a.Source), why)
	case run.DecisionAsked:
		var a run.DecisionAsk
		_ = e.Decode(&a)
		return l.T("DECISION asked of %s on %s: %s proposed%s", "%s に判断を依頼 (%s): 提案 %s%s", roleName(l, of, a.Role), e.System, l.Choice(a.Proposed), why) + forecasts(l, a)
	case run.DecisionMade:
		var d run.Decision
		_ = e.Decode(&d)
		return l.T("decided for %s: %s%s%s", "%s の判断: %s%s%s", e.System, l.Choice(d.Answer), by, why)
	case run.ApprovalAsked:
		return l.T("APPROVAL asked%s", "承認待ち%s", why)
	case run.ApprovalGiven:
		var a run.Approval
		_ = e.Decode(&a)
		if a.BreakGlass {
			return l.T("BREAK-GLASS%s%s", "緊急権限を行使%s%s", by, why)
		}
		return l.T("approved%s%s", "承認%s%s", by, why)
	case run.ApprovalRefused:
		return l.T("REFUSED%s%s; it is asked anew", "却下%s%s。改めて承認を求める", by, why)
	case run.ActivationRefused:
		return l.T("activation REFUSED%s%s; it is asked anew", "発動を却下%s%s。改めて確認を求める", by, why)
	case run.ForceRefused:
		var a run.Objection
		_ = e.Decode(&a)
		return l.T("step %s: %s REFUSED%s%s; it waits as before", "ステップ %s: %s の要請を却下%s%s。引き続き待機", what, l.Asked(a.Act), by, why)
	case run.ActivationAsked:
		return l.T("CONFIRMATION of the activation asked%s", "発動の確認待ち%s", why)
	case run.ActivationConfirmed:
		var a run.Approval
		_ = e.Decode(&a)
		if a.BreakGlass {
			return l.T("BREAK-GLASS: activation confirmed%s%s", "緊急権限を行使: 発動を確認%s%s", by, why)
		}
		return l.T("activation confirmed%s%s", "発動を確認%s%s", by, why)
	case run.ForceAsked:
		var a run.StepAct
		_ = e.Decode(&a)
		return l.T("step %s: %s asked%s%s; another person has to confirm it", "ステップ %s: %s の要請%s%s。別の人の確認が必要", what, l.Asked(a.Act), by, why)
	case run.RecoveryOrdered:
		return l.T("recovery ordered: %s %s", "復旧を指示: %s %s", e.System, e.Runbook)
	case run.CompletionReport:
		return l.T("completion confirmed%s%s", "復旧完了を報告%s%s", by, why)
	case run.PartyReached, run.ContainmentDone, run.RemarkMade:
		return l.T("%s confirmed%s%s", "%s 報告%s%s", l.Phase(e.Phase), by, why)
	case run.StepStarted:
		again := ""
		if e.Generation > 1 {
			again = l.T(" (try %d)", " (%d回目)", e.Generation)
		}
		return l.T("step %s runs: %s %s", "ステップ %s 開始: %s %s", what, e.Action, e.Site) + again
	case run.StepWaiting:
		var w run.Wait
		_ = e.Decode(&w)
		role := l.T("somebody", "担当者")
		if w.Role != "" {
			role = roleName(l, of, w.Role)
		}
		switch w.Kind {
		case run.WaitUnknown:
			return l.T("step %s OUTCOME UNKNOWN, waits for %s%s", "ステップ %s【結果不明】%sの対応待ち%s", what, role, why)
		case run.WaitFailed:
			return l.T("step %s FAILED, waits for %s%s", "ステップ %s【失敗】%sの対応待ち%s", what, role, why)
		case run.WaitAbsent:
			return l.T("step %s NO WORKER, waits for %s%s", "ステップ %s【ワーカー不在】%sの対応待ち%s", what, role, why)
		}
		return l.T("step %s WAITS for %s%s", "ステップ %s %sの対応待ち%s", what, role, why)
	case run.StepActed:
		var a run.StepAct
		_ = e.Decode(&a)
		return l.T("step %s: %s%s%s", "ステップ %s: %s%s%s", what, l.Act(a.Act), by, why)
	case run.StepEnded:
		var r run.StepResult
		_ = e.Decode(&r)
		if e.Outcome == run.Passed {
			why = ""
		}
		return l.T("step %s %s, %s%s", "ステップ %s %s、%s%s", what, strings.ToUpper(l.Outcome(e.Outcome)), span(l, r.DurationS), why)
	case run.UndoStarted:
		return l.T("undo of %s: %s", "%s の取り消し: %s", what, e.Action)
	case run.UndoEnded:
		return l.T("undo of %s %s%s", "%s の取り消し %s%s", what, l.Outcome(e.Outcome), why)
	case run.ProbeChanged:
		var c run.ProbeChange
		_ = e.Decode(&c)
		switch {
		case c.Up && c.Level > 0:
			return l.T("%s gives %d %%", "%s 稼働 %d %%", e.Step, c.Level)
		case c.Up:
			return l.T("%s is up", "%s 稼働", e.Step)
		}
		return l.T("%s is DOWN%s", "%s 停止%s", e.Step, why)
	case run.WorkerAbsent:
		return l.T("no worker at %s", "拠点 %s のワーカーが不在", e.Site)
	case run.MessageSent:
		var m run.Message
		_ = e.Decode(&m)
		return l.T("told %d: %s", "連絡 %d名: %s", len(m.To), said(l, m.Text))
	case run.LockKept:
		return l.T("CLEAN-UP INCOMPLETE on %s%s", "後始末が未完了 %s%s", e.System, why)
	case run.FindingOpened:
		var d run.Finding
		_ = e.Decode(&d)
		return l.T("finding: %s %s", "指摘: %s %s", l.Finding(d.Kind), clean(d.Detail))
	}
	return formLine(l, of, e, by, why)
}

// stamped puts the time of day and the time since the start before a line.
func stamped(zone *time.Location, started time.Time, e run.Event, line string) string {
	return fmt.Sprintf("%s T+%s %s", i18n.Clock(e.At, zone), clock(e.At.Sub(started).Seconds()), line)
}

// forecasts are the estimates beside a decision, with what they rest on.
func forecasts(l i18n.Lang, a run.DecisionAsk) string {
	out := ""
	for _, f := range []struct {
		way      string
		expected *float64
		p95      *float64
		met      *float64
		atBest   bool
		ground   string
	}{
		{l.T("alternate", "代替拠点"), a.AlternateS, a.AlternateP95S, a.AlternateMet, a.AlternateAtBest, a.AlternateGround},
		{l.T("in place", "被災拠点"), a.InPlaceS, a.InPlaceP95S, a.InPlaceMet, a.InPlaceAtBest, a.InPlaceGround},
	} {
		if f.expected == nil {
			continue
		}
		out += l.T("; %s takes %s", "、%s 所要 %s", f.way, span(l, *f.expected))
		if f.p95 != nil {
			out += l.T(" (p95 %s)", " (95%%値 %s)", span(l, *f.p95))
		}
		if f.met != nil {
			out += l.T(", meets the RTO with %s", "、RTO達成見込み %s", l.Chance(*f.met, f.atBest))
		}
		if g := plan.Apart(f.ground).In(string(l)); g != "" {
			out += " [" + g + "]"
		}
	}
	if a.MissS != nil {
		out += l.T("; RTO EXPECTED TO BE MISSED by %s", "、RTO超過見込み %s", span(l, *a.MissS))
	}
	return out
}
