package watch

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// roleName is what people call a role.
func roleName(l i18n.Lang, of plan.Plan, role string) string {
	return clean(of.Estate.RoleName(role).In(string(l)))
}

// Ask says in words who is waited for, for what, and with which command they act.
func Ask(l i18n.Lang, of plan.Plan, runID string, w progress.Waiting) (who, what, how string) {
	who = names(l, of, w.People)
	if w.Role != "" {
		if n := len(w.People); n > 4 {
			who = l.T("%d people", "%d名", n)
		}
		if who != "" {
			who = roleName(l, of, w.Role) + " (" + who + ")"
		} else {
			who = roleName(l, of, w.Role)
		}
	}
	text := said(l, w.Text)
	anybody := l.T("anybody", "誰でも可")
	if who == "" {
		who = anybody
	}
	switch w.For {
	case progress.AwaitSafety:
		what = l.T("%d answer(s) to the safety check", "安否の回答 %d 名", w.Need)
		how = fmt.Sprintf("muster checkin PERSON --safety safe --run %s", runID)
	case progress.AwaitCallOut:
		what = l.T("the call-out is held: send it at once, or call off a false alarm", "召集を保留中: 直ちに送信するか、誤報なら取り消し")
		how = fmt.Sprintf("muster drill callout send %s", runID)
	case progress.AwaitArrival:
		what = l.T("to come to the muster (%d missing for the quorum)", "参集 (参集必要人数まで %d 名)", w.Need)
		how = fmt.Sprintf("muster arrive PERSON --run %s", runID)
	case progress.AwaitInspect:
		what = l.T("inspection of site %s", "拠点 %s の安全点検", w.Site)
		how = fmt.Sprintf("muster inspect %s --usable --run %s", w.Site, runID)
	case progress.AwaitStatement:
		what = l.T("a statement on %[2]s of %[1]s, which no probe sees", "%[1]s の「%[2]s」の稼働程度の申告 (自動確認不可)", w.System, w.Step)
		how = fmt.Sprintf("muster attest %s %s --level PERCENT --reason WHY --run %s", w.System, w.Step, runID)
	case progress.AwaitAssess:
		what = l.T("damage assessment of %s", "%s の被害状況", w.System)
		how = fmt.Sprintf("muster assess %s --damage stopped --run %s", w.System, runID)
		if w.Component != "" {
			what = l.T("damage assessment of %[2]s, a part of %[1]s", "%[1]s の構成要素 %[2]s の被害状況", w.System, w.Component)
			how = fmt.Sprintf("muster assess %s %s --damage stopped --run %s", w.System, w.Component, runID)
		}
	case progress.AwaitDecision:
		what = l.T("DECISION on %s of %s: %s", "判断 (%s) 対象 %s: %s", w.Text, w.System, strings.Join(w.Acts, ", "))
		choice := "alternate"
		if len(w.Acts) > 0 {
			choice = w.Acts[0]
		}
		if w.Phase == run.Failback {
			choice = strings.Join(w.Acts, "|") // to stay is the way to end the run
		}
		how = fmt.Sprintf("muster decide %s --system %s --reason WHY --run %s", choice, w.System, runID)
	case progress.AwaitApproval:
		what = l.T("APPROVAL by %d more: %s", "承認 あと %d 名: %s", w.Need, text)
		how = "muster approve " + runID + knowing(w)
	case progress.AwaitActivation:
		what = l.T("CONFIRMATION of the activation by a second person: %s", "発動の確認（開始者以外の人）: %s", text)
		how = "muster approve --activation " + runID + knowing(w)
	case progress.AwaitConfirm:
		what = l.T("to confirm %s", "%s の完了報告", l.Phase(w.Phase))
		how = fmt.Sprintf("muster confirm %s --run %s", w.Phase, runID)
		if w.Phase == run.Closing {
			what = l.T("to close the records, with a remark on what was hard", "記録物の整理の完了報告 (難しかった点の記入)")
			how = fmt.Sprintf("muster confirm closing --note TEXT --run %s", runID)
		}
	case progress.AwaitReview:
		what = l.T("REVIEW of the decision on %[1]s: %[2]s", "復旧方針の見直し 対象 %[1]s：%[2]s", w.System, text)
		how = fmt.Sprintf("muster decide %s --system %s --reason WHY --run %s", strings.Join(w.Acts, "|"), w.System, runID)
	case progress.AwaitRemark:
		what = l.T("to say what was hard", "難しかった点の記入")
		how = fmt.Sprintf("muster remark TEXT --run %s", runID)
	case progress.AwaitAck:
		what = l.T("%d to acknowledge: %s", "連絡の確認 %d 名: %s", w.Need, text)
		how = fmt.Sprintf("muster ack %s --run %s", w.Message, runID)
	case progress.AwaitReach:
		what = l.T("to reach %[1]s (%[2]s)", "%[1]s への連絡（%[2]s）", w.Party, w.Text)
		how = fmt.Sprintf("muster reach %s --by telephone --outcome reached --run %s", w.Party, runID)
	case progress.AwaitTell:
		what = l.T("to tell %[1]s by hand: %[2]s", "%[1]s への伝達（手動）：%[2]s", w.Party, text)
		how = fmt.Sprintf("muster notice %s TEXT --channel telephone --run %s", w.Party, runID)
	case progress.AwaitOrder:
		if w.Party != "" {
			who = w.Party
		}
		what = l.T("%[1]s: %[2]s", "%[1]s：%[2]s", w.Order, w.Text)
		act := "done"
		if len(w.Acts) > 0 {
			act = w.Acts[0]
		}
		how = fmt.Sprintf("muster follow-up %s %s --run %s", w.Order, act, runID)
	case progress.AwaitReceipt:
		what = l.T("receipt of %[1]s: %[2]s", "受領の確認 %[1]s：%[2]s", w.Order, w.Text)
		how = fmt.Sprintf("muster custody receive %s --run %s", w.Order, runID)
	case progress.AwaitStep:
		step := w.Step
		if w.System != "" {
			step = l.T("%s of %s", "%s (%s)", w.Step, w.System)
		}
		switch w.Kind {
		case run.WaitUnknown:
			what = l.T("step %s, OUTCOME UNKNOWN: %s", "ステップ %s 【結果不明】: %s", step, text)
		case run.WaitFailed:
			what = l.T("step %s FAILED: %s", "ステップ %s 【失敗】: %s", step, text)
		case run.WaitAbsent:
			what = l.T("step %s, NO WORKER: %s", "ステップ %s 【ワーカー不在】: %s", step, text)
		case run.WaitAck:
			what = l.T("step %s, to be read and acknowledged: %s", "ステップ %s の内容確認: %s", step, text)
		default:
			what = l.T("step %s: %s", "ステップ %s: %s", step, text)
		}
		act := "done"
		if len(w.Acts) > 0 {
			act = strings.Join(w.Acts, "|")
		}
		how = fmt.Sprintf("muster step %s %s %s", act, runID, w.Step)
		if w.System != "" && len(of.HasStep(w.Step)) != 1 { // another system's may wait under that name next
			how += " --system " + w.System
		}
	}
	return who, what, how
}

// knowing is what a yes says to a question that somebody has refused before.
func knowing(w progress.Waiting) string {
	if w.RefusedBy == "" {
		return ""
	}
	return fmt.Sprintf(" --asked %d", w.Asked)
}
