package report

import (
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// against sets a figure beside its objective, as the tail of a finding's title.
func against(actual, objective *float64) plan.Text {
	switch {
	case objective == nil:
		return plan.Text{}
	case actual == nil:
		return say(": not reached within %s", "：%s 以内に到達せず", span(*objective))
	}
	return say(": %s against %s", "：実績 %s、目標 %s", beside(actual, objective), beside(objective, actual))
}

// beside is a figure that stands beside another, which it must not read as.
func beside(s, other *float64) sheet.Beside { return sheet.Beside{S: *s, Other: *other} }

// measured is a figure beside its objective, either of which may be unknown.
func measured(s, other *float64, otherwise plan.Text) plan.Text {
	if s == nil || other == nil {
		return spanOr(s, otherwise)
	}
	return say("%s", "%s", beside(s, other))
}

// reasons are the sentences behind the codes of Reason. %s is the detail.
var reasons = map[string]plan.Text{
	"no_event":        {EN: "the clock of this system never started", JA: "このシステムの時計が始まっていない"},
	"no_probe":        {EN: "no probe saw the system", JA: "外部からの観測がない"},
	"start_unseen":    {EN: "nobody looked when it began, so its start is not known", JA: "発生時点が観測されておらず、開始時刻を確定できない"},
	"restore_unseen":  {EN: "nobody looked when service came back; the figure is the first success seen after", JA: "復旧の瞬間が観測されていない（数値は観測再開後の最初の成功）"},
	"not_restored":    {EN: "service was not seen to come back and hold", JA: "サービスの復旧と維持が観測されていない"},
	"back_afterwards": {EN: "service came back only when the recovery was over, by the way home or by the clean-up of the drill", JA: "サービスが戻ったのは復旧作業ではなく、切戻しまたは訓練の後始末による"},
	"not_interrupted": {EN: "service was never seen to stop, so nothing was put to the test", JA: "サービスの停止が観測されず、検証されていない"},
	"clocks_disagree": {EN: "service was seen to stop before the time of the event, so the clocks of the sites disagree or another outage came first", JA: "発生時刻より前に停止が観測されており、拠点間の時計のずれ、または別の停止が疑われる"},
	"clock_behind":    {EN: "the clock at %s, by which service came back, is so far behind that it may have been too late", JA: "復旧時刻を記録した拠点 %s の時計が遅れており、実際には目標時間を超えていた可能性がある"},
	notInVerification: {EN: "service had not come back and held when verification ended", JA: "復旧確認の終了までに、サービスの復旧と維持を確認できていない"},
	"restore_failed":  {EN: "the restore failed at step", JA: "復元が失敗したステップ"},
	"not_verified":    {EN: "what was restored was not verified", JA: "復元結果が検証されていない"},
	clockStepped:      {EN: "the engine's clock was set back, so how long the restore took is not known", JA: "エンジンの時計が戻ったため、復元の所要時間を確定できない"},
	"point_ahead":     {EN: "the newest row is of %s, later than the moment at which it was read, so how old the data is is not known", JA: "最新行の時刻（%s）が読み取り時点より後であり、データの古さを確定できない"},
	"point_asked":     {EN: "the point asked for, %s, was older than the objective when the restore began, so nothing shows that newer data would have come back", JA: "指定された時点（%s）が復元開始の時点で目標より古く、より新しいデータを復元できることは確認されていない"},
	"given_up":        {EN: "the run ended without a recovery", JA: "復旧しないまま終了した"},
	"still_running":   {EN: "the run has not ended", JA: "実施が終了していない"},

	"no_marker_probe":  {EN: "no probe plants markers in this system", JA: "マーカーを書き込むプローブがない"},
	"no_marker":        {EN: "no marker was read back after the restoration, so the loss is unknown", JA: "復旧後にマーカーを読み戻しておらず、損失は不明"},
	"no_marker_before": {EN: "no marker was acknowledged before service stopped, so what was lost with it is unknown", JA: "サービス停止前に応答済みのマーカーがなく、停止に伴う損失は不明"},
	"stop_unseen":      {EN: "no markers were planted when service stopped, so what was lost with it is unknown", JA: "サービス停止の時点でマーカーが書き込まれておらず、停止に伴う損失は不明"},
	"no_survivor":      {EN: "no marker older than the lost ones survived, so the span of the loss is unknown", JA: "失われたものより古いマーカーが残っておらず、損失の幅は不明"},
	"lost_at_least":    {EN: "no marker older than the lost ones survived; what is known to be lost is already more than the objective", JA: "失われたものより古いマーカーが残っておらず、確認できた損失だけで目標を超えている"},
	"losses_cut":       {EN: "more markers were lost than the record lists; the figure is a lower bound", JA: "失われたマーカーが記録の上限を超えた（実際の損失はこれ以上）"},
	"rpo_not_restored": {EN: "service was not seen to come back, so what survived can't be counted", JA: "復旧が観測されておらず、残ったデータを数えられない"},

	"not_stated":   {EN: "nobody stated how much of %s is there", JA: "「%s」の稼働程度が申告されていない"},
	"by_statement": {EN: "%s is a person's statement, which this plan does not accept as proof", JA: "「%s」は人の申告であり、この計画では実績の証明として認めていない"},

	"step_skipped":   {EN: "step %s was skipped", JA: "ステップ %s が省略された"},
	"step_by_hand":   {EN: "step %s was marked by hand", JA: "ステップ %s が手動で完了扱いとされた"},
	"step_only_read": {EN: "step %s was read, not run", JA: "ステップ %s は確認のみで実行されていない"},
	"step_unknown":   {EN: "the outcome of step %s is unknown", JA: "ステップ %s の結果が不明"},
	"step_failed":    {EN: "step %s failed", JA: "ステップ %s が失敗した"},
	"step_open":      {EN: "step %s was not finished", JA: "ステップ %s が終わっていない"},

	"not_one_writer":         {EN: "the check did not find exactly one side taking writes", JA: "書き込みを受け付ける側が一つであることを確認する検査に合格しなかった"},
	"single_writer_unproven": {EN: "nothing proves that exactly one side takes writes", JA: "書き込みを受け付ける側が一つであることを確認できていない"},
	"undone":                 {EN: "the failover was undone, so the way home was not walked", JA: "切り替えは取り消され、切戻しは行われていない"},
	"never_came_home":        {EN: "it was to return and did not", JA: "復帰する方針だが、復帰していない"},
	"down_at_the_end":        {EN: "service was down at the end", JA: "終了時にサービスが停止していた"},
	"writer_away":            {EN: "writes are taken at %s, not at home", JA: "書き込みは本来の拠点ではなく %s で受け付けられている"},
	"writer_home":            {EN: "writes are taken at %s, at home, so nothing stays at the alternate site", JA: "書き込みは本来の拠点 %s で受け付けられており、代替拠点での継続になっていない"},
	"end_unseen":             {EN: "service was not seen at the end", JA: "終了時のサービスの稼働が観測されていない"},
	"home_unseen":            {EN: "service was not seen to hold at the end of the way home", JA: "切戻し完了時のサービス維持が観測されていない"},

	"record_has_holes": {EN: "events of %s are missing from the record", JA: "%s のイベントが記録から欠落している"},

	"ended_refused":               {EN: "the start was refused", JA: "開始が拒否された"},
	"ended_partly_recovered":      {EN: "only some systems were recovered", JA: "一部のシステムのみ復旧"},
	"ended_not_resumable":         {EN: "no system was recovered", JA: "復旧したシステムがない"},
	"ended_cancelled":             {EN: "the run was aborted", JA: "実施が中止された"},
	"ended_talked_through":        {EN: "it was talked through, nothing was run", JA: "机上での検討のみで、実行していない"},
	"ended_walked_through":        {EN: "the steps were read by their owners, nothing was run", JA: "担当者による手順の読み合わせのみで、実行していない"},
	"ended_partly_walked_through": {EN: "only some of the steps were acknowledged, nothing was run", JA: "手順の一部しか確認されておらず、実行もしていない"},
	"ended_cleanup_incomplete":    {EN: "clean-up is incomplete", JA: "後始末が未完了"},
}

// words is the sentence of a reason.
func (r Reason) words() plan.Text {
	t, ok := reasons[r.Code]
	if !ok {
		t = plan.Text{EN: r.Code, JA: r.Code}
	}
	if strings.Contains(t.EN, "%s") {
		return say(t.EN, t.JA, r.Detail)
	}
	if r.Detail != "" {
		return plan.Text{EN: t.EN + ": " + r.Detail, JA: t.JA + "：" + r.Detail}
	}
	return t
}

// reasonsIn joins reasons into one line.
func reasonsIn(l i18n.Lang, why []Reason) string {
	var out []string
	for _, w := range why {
		out = append(out, w.words().In(string(l)))
	}
	return strings.Join(out, l.T("; ", "。"))
}

// whyText is reasonsIn in both languages.
func whyText(why []Reason) plan.Text {
	return plan.Text{EN: reasonsIn(i18n.EN, why), JA: reasonsIn(i18n.JA, why)}
}

// both makes a Text of a word that i18n knows.
func both(word func(l i18n.Lang) string) plan.Text {
	return plan.Text{EN: word(i18n.EN), JA: word(i18n.JA)}
}

// outcomeMark is an outcome's sign.
func outcomeMark(o run.Outcome) string {
	switch o {
	case run.Passed:
		return "✓"
	case run.Failed:
		return "✕"
	case run.Unknown:
		return "?"
	case run.Skipped:
		return "–"
	}
	return "…"
}

func outcomeWord(o run.Outcome) plan.Text {
	if o == "" {
		return say("running", "実行中")
	}
	return both(func(l i18n.Lang) string { return l.Outcome(o) })
}

var (
	safeties = map[run.Safety]plan.Text{run.Safe: {EN: "safe", JA: "無事"}, run.Injured: {EN: "injured", JA: "負傷"}, run.Silent: {EN: "no answer", JA: "未回答"},
		run.LightlyHurt: {EN: "lightly hurt", JA: "軽傷"}, run.BadlyHurt: {EN: "badly hurt", JA: "重傷"}, run.Well: {EN: "well", JA: "体調良好"},
		run.InIsolation: {EN: "in isolation", JA: "自宅待機"}, run.Unwell: {EN: "unwell", JA: "体調不良"}, "": {EN: "answered", JA: "回答"}}

	damages = map[run.Damage]plan.Text{run.DamageNone: {EN: "none", JA: "被害なし"}, run.DamageDegraded: {EN: "degraded", JA: "性能低下"},
		run.DamageStopped: {EN: "stopped", JA: "停止"}, run.DamageDestroyed: {EN: "destroyed", JA: "損壊"}, run.DamageUnknown: {EN: "unknown", JA: "不明"}}
	purposes = map[string]plan.Text{"failover": {EN: "failover", JA: "フェイルオーバー"}, "in_place": {EN: "recovery in place", JA: "被災拠点での復旧"},
		"failback": {EN: "failback", JA: "切戻し"}, "inject": {EN: "event", JA: "状況付与"}, "check": {EN: "check", JA: "確認"}}
	questions = map[string]plan.Text{"recovery": {EN: "recovery decision", JA: "復旧方針の決定"}, "failback": {EN: "failback", JA: "切戻し"}}
	sources   = map[string]plan.Text{"inject": {EN: "the injecting worker's clock", JA: "障害を起こしたワーカーの時計"}, "reported": {EN: "as reported", JA: "報告による"}, "probe": {EN: "first failed sample", JA: "最初に失敗した観測"},
		run.SourceThreat: {EN: "a threat: only the interruption counts", JA: "脅威による予防的対応（停止時間のみ計測）"}}
	notes = map[run.EventKind]plan.Text{run.RunPaused: {EN: "paused", JA: "一時停止"}, run.RunResumed: {EN: "resumed", JA: "再開"}, run.RunAbortRequested: {EN: "abort", JA: "中止"},
		run.RunRefused: {EN: "refused", JA: "開始拒否"}, run.PartyReached: {EN: "communications established", JA: "情報共有手段を確立"}, run.ContainmentDone: {EN: "containment done", JA: "被害拡大の防止措置"},
		run.CompletionReport: {EN: "completion report", JA: "復旧完了報告"}, run.RemarkMade: {EN: "remark", JA: "所見"}, run.ActRefused: {EN: "refused: decision or approval", JA: "判断・承認の拒否"},
		run.AlarmNoted: {EN: "alarm: more was said", JA: "警報の続報"}, run.InjectReleased: {EN: "inject released", JA: "状況を付与"}}
	kinds = map[run.FindingKind]plan.Text{run.FindingObjective: {EN: "objective", JA: "目標"}, run.FindingBudget: {EN: "budget", JA: "目安時間"}, run.FindingStep: {EN: "step", JA: "ステップ"},
		run.FindingHand: {EN: "by hand", JA: "手作業"}, run.FindingPeople: {EN: "people", JA: "要員"}, run.FindingCleanUp: {EN: "clean-up", JA: "後始末"}, run.FindingClock: {EN: "clock", JA: "時計"},
		run.FindingRecord: {EN: "record", JA: "記録"}, run.FindingRemark: {EN: "remark", JA: "所見"}, run.FindingPlace: {EN: "place", JA: "立地"}}
)

// chosen names a recovery decision.
func chosen(c run.Choice) plan.Text { return both(func(l i18n.Lang) string { return l.Choice(c) }) }

// word looks a name up and falls back on the name, so that one added later still shows.
func word[K ~string](words map[K]plan.Text, k K) plan.Text {
	if t, ok := words[k]; ok {
		return t
	}
	return plan.Text{EN: string(k), JA: string(k)}
}

// actor is who did something, with simulated people marked.
func actor(by string) plan.Text {
	switch {
	case by == run.Engine:
		return say("muster", "muster")
	case run.NoPerson(by):
		return say("%s, by a rule", "%s（規則による自動）", by)
	case run.IsSimulated(by):
		return say("%s (simulated)", "%s（模擬）", run.Person(by))
	}
	return plan.Text{EN: by, JA: by}
}
