package board

import (
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var (
	damages = map[run.Damage]plan.Text{run.DamageNone: {EN: "none", JA: "被害なし"}, run.DamageDegraded: {EN: "degraded", JA: "性能低下"},
		run.DamageStopped: {EN: "stopped", JA: "停止"}, run.DamageDestroyed: {EN: "destroyed", JA: "損壊"}, run.DamageUnknown: {EN: "unknown", JA: "不明"}}
	// How a site as a whole, and an item of its checklist, was found.
	siteStates = map[run.Usability]plan.Text{run.Usable: {EN: "Usable", JA: "使用可"}, run.Restricted: {EN: "Restricted", JA: "制限付きで使用可"}, run.Unusable: {EN: "Not safe", JA: "使用不可"}}
	itemStates = map[run.Usability]plan.Text{run.NotLookedAt: {EN: "not looked at", JA: "未確認"}, run.ItemOK: {EN: "in order", JA: "異常なし"},
		run.Restricted: {EN: "restricted", JA: "一部支障あり"}, run.Unusable: {EN: "unusable", JA: "使用不可"}}
	consequences = map[run.Choice]plan.Text{
		run.Alternate:   {EN: "The system is moved to %[2]s. What %[1]s had not copied may be lost; the way back is a failback.", JA: "%[2]sへ切り替えます。%[1]sから複製されていない更新は失われる可能性があり、復帰には切戻しが必要です。"},
		run.InPlace:     {EN: "The system is repaired at %[1]s and stays down until then. Nothing is moved.", JA: "%[1]sで復旧します。復旧するまで停止が続きます。切り替えは行いません。"},
		run.StandDown:   {EN: "Nothing is moved or repaired. The run goes on to its end without recovery.", JA: "切り替えも復旧作業も行わず、このまま終了へ進みます。"},
		run.NotPossible: {EN: "It is recorded that the system can't be recovered now. The run ends as not resumable.", JA: "現時点で復旧できないことを記録し、「復旧できず」として終了します。"},
		run.GoHome:      {EN: "The system is moved back to %[1]s. Service is interrupted for a moment.", JA: "%[1]sへ切戻します。短時間の停止を伴います。"},
		run.Stay:        {EN: "The system stays at %[2]s. The record says who decided so.", JA: "%[2]sでの稼働を継続し、その判断を記録します。"},
	}
	safeties = map[run.Safety]plan.Text{run.Safe: {EN: "Safe", JA: "無事"}, run.LightlyHurt: {EN: "Lightly hurt", JA: "軽傷"}, run.BadlyHurt: {EN: "Badly hurt", JA: "重傷"}, run.Injured: {EN: "Hurt", JA: "負傷"},
		run.Well: {EN: "Well", JA: "体調良好"}, run.InIsolation: {EN: "Well, at home", JA: "自宅待機"}, run.Unwell: {EN: "Unwell", JA: "体調不良"}}
	families = map[run.Family]plan.Text{run.FamilySafe: {EN: "all safe", JA: "全員無事"}, run.FamilyHurt: {EN: "somebody is hurt", JA: "負傷者あり"}, run.FamilyUnknown: {EN: "not reached yet", JA: "未確認"}, run.FamilyNone: {EN: "no family here", JA: "同居家族なし"}}
	contacts = map[string]plan.Text{"reached": {EN: "Reached", JA: "連絡がついた"}, "left_message": {EN: "Left a message", JA: "伝言を残した"}, "no_answer": {EN: "No answer", JA: "応答なし"}, "line_dead": {EN: "The line is dead", JA: "回線不通"}}
	orders   = map[string]plan.Text{"accepted": {EN: "Accepted", JA: "受諾"}, "declined": {EN: "Declined", JA: "辞退"}, "arrived": {EN: "Arrived", JA: "到着"}, "done": {EN: "Done", JA: "完了"}, "withdrawn": {EN: "Withdrawn", JA: "取り下げ"}}
	acts     = map[string]plan.Text{"done": {EN: "Done", JA: "完了"}, "retry": {EN: "Try again", JA: "再試行"}, "skip": {EN: "Skip", JA: "省略"}, "refuse": {EN: "Refuse", JA: "却下"}}
	// dones are what a page says after an act.
	dones = map[string]plan.Text{
		"checkin": {EN: "Your answer is recorded.", JA: "安否の回答を記録しました。"}, "arrive": {EN: "The arrival is recorded.", JA: "参集を記録しました。"},
		"inspect": {EN: "The inspection is recorded.", JA: "安全点検の結果を記録しました。"}, "attest": {EN: "The statement is recorded.", JA: "申告を記録しました。"},
		"assess": {EN: "The assessment is recorded.", JA: "被害状況を記録しました。"}, "decide": {EN: "The decision is recorded.", JA: "判断を記録しました。"},
		"approve": {EN: "The approval is recorded.", JA: "承認を記録しました。"}, "refuse": {EN: "Your refusal is recorded; who asked is told why.", JA: "却下を記録しました。要請者に理由が伝えられます。"}, "confirm": {EN: "It is recorded.", JA: "報告を記録しました。"},
		"step": {EN: "Your word on the step is recorded.", JA: "ステップへの操作を記録しました。"}, "abort": {EN: "The run is being aborted; undo follows.", JA: "中止を受け付けました。取り消し処理に移ります。"},
		"pause": {EN: "The run is paused before its next step.", JA: "次のステップの前で一時停止しました。"}, "resume": {EN: "The run goes on.", JA: "再開しました。"},
		"start": {EN: "The run has started.", JA: "開始しました。"}, "join": {EN: "The run was open already; you have joined it.", JA: "すでに開始されていたため、その実施に合流しました。"},
		"callout": {EN: "It is recorded.", JA: "召集の扱いを記録しました。"}, "reach": {EN: "The contact is recorded.", JA: "連絡結果を記録しました。"}, "follow-up": {EN: "The order's state is recorded.", JA: "指示の状況を記録しました。"}, "receive": {EN: "The receipt is recorded.", JA: "受領を記録しました。"},
		"release": {EN: "The lock is released.", JA: "ロックを解除しました。"},
		"dismiss": {EN: "The proposal is closed.", JA: "提案を却下しました。"},
		"draft":   {EN: "The draft is with whoever decides.", JA: "案を決定者に提出しました。"}, "consult": {EN: "The consultation is recorded.", JA: "協議を記録しました。"},
		"remark": {EN: "Your remark is recorded.", JA: "記入内容を記録しました。"}, "situation": {EN: "The situation report is sent.", JA: "状況報告を送信しました。"},
		"priorities": {EN: "The order of looking is set.", JA: "被害確認の優先順位を記録しました。"},
		"relocate":   {EN: "People are told of the new muster place.", JA: "参集場所の変更を通知しました。"}, "handover": {EN: "The role has changed hands.", JA: "役割の引き継ぎを記録しました。"},
		"strength": {EN: "The count is recorded.", JA: "参集人数を記録しました。"}, "order": {EN: "The order is recorded.", JA: "指示・依頼を記録しました。"},
		"take": {EN: "It is entered in the custody register.", JA: "搬出を記録しました。"}, "notice": {EN: "The notice is recorded.", JA: "通知・指示を記録しました。"},
		"ack":            {EN: "It is acknowledged.", JA: "確認を記録しました。"},
		"schedule-pause": {EN: "The schedule is paused.", JA: "予定を一時停止しました。"}, "schedule-resume": {EN: "The schedule goes on.", JA: "予定を再開しました。"}, "row-held": {EN: "It is recorded that it was held.", JA: "訓練の実施を記録しました。"}, "row-withdrawn": {EN: "It is taken back; the record keeps both.", JA: "取り消しました。元の記録と取り消しの両方が残ります。"},
		"finding-add": {EN: "The finding is added.", JA: "指摘事項を追加しました。"}, "finding-assign": {EN: "Owner and date are recorded.", JA: "担当と期限を記録しました。"},
		"finding-link": {EN: "The issue is linked.", JA: "課題と関連付けました。"}, "finding-waive": {EN: "The finding is waived.", JA: "容認を記録しました。"},
		"finding-confirm": {EN: "The finding is closed.", JA: "解消を記録しました。"},
	}
)

func doneWords(l i18n.Lang, what string) string { return dones[what].In(string(l)) }

// choiceWord is a decision as a label of its own.
func choiceWord(l i18n.Lang, c run.Choice) string {
	w := l.Choice(c)
	if l == i18n.EN && w != "" {
		return strings.ToUpper(w[:1]) + w[1:]
	}
	return w
}

func banner(l i18n.Lang, k run.Kind) string {
	if k == run.Response {
		return l.T("REAL", "【本番】")
	}
	return l.T("DRILL", "【訓練】")
}
