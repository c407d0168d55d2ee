package main

import (
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// Languages are places in a said.
const (
	en = iota
	ja
)

type said [2]string

type query struct {
	expr   string
	legend said
}

type panel struct {
	kind    string // stat, bargauge, timeseries
	w       int    // of 24
	title   said
	says    said
	unit    said // one of Grafana's, or "suffix:" with a word
	steps   []object
	queries []query

	least, most *float64 // of the axis; nil leaves it to Grafana
	whole       bool     // figures without a fraction
	overrides   []override
}

// An override sets what is said for some of a panel's series otherwise than for the rest.
type override func(lang int) object

// dashed draws the series of a query, as "B", with a broken line: an objective beside what was achieved.
func dashed(refID string) override {
	return func(int) object {
		return object{"matcher": object{"id": "byFrameRefID", "options": refID}, "properties": []object{{"id": "custom.lineStyle", "value": object{"fill": "dash", "dash": []int{10, 10}}}}}
	}
}

// counted gives the series of a query an axis of its own at the right, of numbers.
func counted(refID string) override {
	return func(int) object {
		return object{"matcher": object{"id": "byFrameRefID", "options": refID}, "properties": []object{{"id": "unit", "value": "none"}, {"id": "decimals", "value": 0}, {"id": "custom.axisPlacement", "value": "right"}}}
	}
}

// named shows a series that is named by a code with its words.
func named(code string, words said) override {
	return func(lang int) object {
		return object{"matcher": object{"id": "byName", "options": code}, "properties": []object{{"id": "displayName", "value": words[lang]}}}
	}
}

func phases() (out []override) {
	for _, p := range run.Phases(run.Disaster) {
		out = append(out, named(string(p), said{i18n.EN.Phase(p), i18n.JA.Phase(p)}))
	}
	return out
}

func waits() (out []override) {
	for _, a := range progress.AllAwaited() {
		out = append(out, named(string(a), awaited[a]))
	}
	return out
}

// awaited is what people are waited for to do.
var awaited = map[progress.Awaited]said{
	progress.AwaitSafety:     {"safety answers", "安否の回答"},
	progress.AwaitCallOut:    {"held call-outs", "保留中の召集"},
	progress.AwaitArrival:    {"arrivals", "参集"},
	progress.AwaitInspect:    {"site inspections", "拠点の点検"},
	progress.AwaitStatement:  {"statements on service", "サービス状況の申告"},
	progress.AwaitAssess:     {"damage reports", "被害状況の報告"},
	progress.AwaitDecision:   {"decisions", "決定"},
	progress.AwaitApproval:   {"approvals", "承認"},
	progress.AwaitConfirm:    {"phases to confirm", "段階の完了確認"},
	progress.AwaitStep:       {"steps", "ステップ"},
	progress.AwaitReach:      {"parties to reach", "連絡先への連絡"},
	progress.AwaitOrder:      {"orders", "指示"},
	progress.AwaitReview:     {"reviews of a decision", "決定の見直し"},
	progress.AwaitRemark:     {"remarks", "所見"},
	progress.AwaitAck:        {"messages to acknowledge", "メッセージの確認"},
	progress.AwaitReceipt:    {"receipts", "預かり品の受領"},
	progress.AwaitTell:       {"notices to give", "連絡先への通知"},
	progress.AwaitActivation: {"second word on an activation", "発動の承認"},
}

func figure(f float64) *float64 { return &f }

// Times are hours, minutes and seconds: Grafana says weeks and minutes in English only.
var (
	hours  = same("dthms")
	number = same("none")
	days   = said{"suffix: d", "suffix: 日"}
)

type row struct {
	title  said
	panels []panel
}

func step(color string, from any) object { return object{"color": color, "value": from} }

// badAbove is green up to n, which is good, and red from there.
func badAbove(n float64) []object { return []object{step("green", nil), step("red", n)} }

func badBelow(n float64) []object { return []object{step("red", nil), step("green", n)} }

func one(expr, legendEN, legendJA string) []query { return []query{{expr, said{legendEN, legendJA}}} }

func same(legend string) said { return said{legend, legend} }

// Several servers on one record store show the same figures: max and min make one of them.
var rows = []row{
	{said{"At a glance", "一覧"}, []panel{
		{kind: "stat", w: 3, title: said{"Overdue drills", "期限超過の訓練"}, says: said{"Rows of the yearly programme that were due and not held.", "期限を過ぎても実施されていない、年間計画の訓練"}, unit: number, whole: true, steps: badAbove(1),
			queries: one("sum(max by (row) (muster_planned_drill_overdue))", "", "")},
		{kind: "stat", w: 3, title: said{"To be proven", "立証が必要"}, says: said{"Properties with an objective that no proof counts for now.", "有効な立証がない目標の数"}, unit: number, whole: true, steps: badAbove(1),
			queries: one("sum(max by (system, property) (muster_proof_needed))", "", "")},
		{kind: "stat", w: 3, title: said{"Objectives missed", "未達の目標"}, says: said{"By the newest run that judged each.", "各目標を直近に判定した訓練・対応の結果"}, unit: number, whole: true, steps: badAbove(1),
			queries: one(`sum(max by (system, property) (muster_objective_verdict{verdict="missed"}))`, "", "")},
		{kind: "stat", w: 3, title: said{"Open runs", "進行中の訓練・対応"}, says: said{"Drills and responses in progress.", "進行中の件数"}, unit: number, whole: true, steps: []object{step("blue", nil)},
			queries: []query{{`max(muster_runs_open{kind="drill"})`, said{"drills", "訓練"}}, {`max(muster_runs_open{kind="response"})`, said{"responses", "対応"}}}},
		{kind: "stat", w: 3, title: said{"Waits for people", "人の操作待ち"}, says: said{"What open runs wait for people to do.", "進行中の訓練・対応で、人の操作を待っている件数"}, unit: number, whole: true, steps: []object{step("green", nil), step("orange", 1)},
			queries: one("sum(max by (for) (muster_person_waits))", "", "")},
		{kind: "stat", w: 3, title: said{"Engine", "エンジン"}, says: said{"1 while it answers.", "応答していれば1"}, unit: number, whole: true, steps: badBelow(1), queries: one("min(muster_engine_up)", "", "")},
		{kind: "stat", w: 3, title: said{"Sites unserved", "ワーカー不在拠点"}, says: said{"Sites without a worker: no step and no probe can be carried out there.", "ステップも監視も実行できない拠点の数"}, unit: number, whole: true, steps: badAbove(1),
			queries: one("count(max by (site) (muster_site_workers) == 0) or vector(0)", "", "")},
		{kind: "stat", w: 3, title: said{"Certificates end", "証明書の期限"}, says: said{"The next to end, of those that this server reads or has issued.", "サーバーが読み込む、または発行した証明書のうち、最も近い期限までの日数"}, unit: days, whole: true, steps: []object{step("#8e8e8e", nil), step("red", -1e6), step("orange", 7), step("green", 30)},
			queries: one("(min(muster_certificate_not_after_timestamp_seconds) - time()) / 86400", "", "")},
	}},
	{said{"Achieved and asked for", "実績と目標"}, []panel{
		{kind: "timeseries", w: 12, title: said{"RTO: achieved and objective", "RTO: 実績と目標"}, says: said{"Of the newest run that met or missed it.", "達成または未達と判定された直近の訓練・対応の値"}, unit: hours, least: figure(0), overrides: []override{dashed("B")},
			queries: []query{{"max by (system) (muster_achieved_rto_seconds)", said{"{{system}} achieved", "{{system}} 実績"}}, {"max by (system) (muster_objective_rto_seconds)", said{"{{system}} objective", "{{system}} 目標"}}}},
		{kind: "timeseries", w: 12, title: said{"RPO: achieved and objective", "RPO: 実績と目標"}, says: said{"Of the newest run that met or missed it.", "達成または未達と判定された直近の訓練・対応の値"}, unit: same("s"), least: figure(0), overrides: []override{dashed("B")},
			queries: []query{{"max by (system) (muster_achieved_rpo_seconds)", said{"{{system}} achieved", "{{system}} 実績"}}, {"max by (system) (muster_objective_rpo_seconds)", said{"{{system}} objective", "{{system}} 目標"}}}},
		{kind: "bargauge", w: 12, title: said{"Share of the RTO that was used", "RTOの消費率"}, says: said{"Achieved through objective: above 100 % it was missed.", "実績÷目標。100 %を超えると未達"}, unit: same("percentunit"), whole: true, least: figure(0), most: figure(1), steps: []object{step("green", nil), step("orange", 0.8), step("red", 1)},
			queries: one("max by (system) (muster_achieved_rto_seconds) / max by (system) (muster_objective_rto_seconds)", "{{system}}", "{{system}}")},
		{kind: "bargauge", w: 12, title: said{"Days since proven", "立証からの日数"}, says: said{"Since each property was last proven.", "最後に立証されてからの日数"}, unit: days, whole: true, least: figure(0), steps: []object{step("blue", nil)},
			queries: one("max by (system, property) (muster_proof_age_seconds) / 86400", "{{system}} {{property}}", "{{system}} {{property}}")},
		{kind: "timeseries", w: 12, title: said{"RLO: achieved and objective", "RLO: 実績と目標"}, says: said{"How long until each level of service was reached.", "各サービスレベルに達するまでの時間"}, unit: hours, least: figure(0), overrides: []override{dashed("B")},
			queries: []query{{"max by (system, level) (muster_achieved_rlo_seconds)", said{"{{system}} {{level}} % achieved", "{{system}} {{level}} % 実績"}}, {"max by (system, level) (muster_objective_rlo_seconds)", said{"{{system}} {{level}} % objective", "{{system}} {{level}} % 目標"}}}},
		{kind: "timeseries", w: 12, title: said{"Findings", "指摘事項"}, says: said{"Open, and past their date.", "未解消と期限超過"}, unit: number, whole: true, least: figure(0),
			queries: []query{{`sum(max by (kind) (muster_findings_open{state="open"}))`, said{"open", "未対応"}}, {"sum(max by (kind) (muster_findings_overdue))", said{"overdue", "期限超過"}}}},
	}},
	{said{"Runs", "訓練・対応"}, []panel{
		{kind: "timeseries", w: 12, title: said{"Oldest wait for people", "最も長い操作待ち"}, says: said{"By what they are asked to do.", "求めている操作ごと"}, unit: hours, least: figure(0), overrides: waits(),
			queries: one("max by (for) (muster_person_wait_oldest_seconds) > 0 or max by (for) (muster_person_wait_oldest_seconds{for=\"decision\"})", "{{for}}", "{{for}}")},
		{kind: "timeseries", w: 12, title: said{"Service as the probes see it", "プローブから見たサービスレベル"}, says: said{"While an open run watches.", "訓練・対応の進行中のみ"}, unit: same("percentunit"), least: figure(0), most: figure(1),
			queries: one("min by (system, function) (muster_function_level_ratio)", "{{system}} {{function}}", "{{system}} {{function}}")},
		{kind: "bargauge", w: 12, title: said{"Phases: half take longer", "段階の所要時間（中央値）"}, says: said{"In the time that is shown.", "表示期間内"}, unit: hours, least: figure(0), steps: []object{step("blue", nil)}, overrides: phases(),
			queries: one("histogram_quantile(0.5, sum by (phase, le) (increase(muster_phase_duration_seconds_bucket[$__range])))", "{{phase}}", "{{phase}}")},
		{kind: "bargauge", w: 12, title: said{"People's answers: half take longer", "人の回答までの時間（中央値）"}, says: said{"In the time that is shown, without simulated people.", "表示期間内（模擬の要員を除く）"}, unit: hours, least: figure(0), steps: []object{step("blue", nil)}, overrides: waits(),
			queries: one("histogram_quantile(0.5, sum by (for, le) (increase(muster_person_answer_duration_seconds_bucket[$__range])))", "{{for}}", "{{for}}")},
	}},
	{said{"Sites and channels", "拠点と通知手段"}, []panel{
		{kind: "timeseries", w: 8, title: said{"Workers", "ワーカー"}, says: said{"That ask for work, by site.", "拠点ごとの稼働数"}, unit: number, whole: true, least: figure(0), queries: one("max by (site) (muster_site_workers)", "{{site}}", "{{site}}")},
		{kind: "timeseries", w: 8, title: said{"Messages", "メッセージ"}, says: said{"By channel and what became of them.", "通知手段と結果ごと"}, unit: number, whole: true, least: figure(0),
			queries: one("sum by (channel, outcome) (increase(muster_channel_messages_total[5m]))", "{{channel}} {{outcome}}", "{{channel}} {{outcome}}")},
		{kind: "timeseries", w: 8, title: said{"Waiting to be delivered", "配信待ち"}, says: said{"Messages that the servers have still to deliver; up is 0 while the channel does not work at one of them.", "未配信のメッセージ。通知手段を使えないサーバーがある間、upは0"}, unit: number, whole: true, least: figure(0),
			queries: []query{{"sum by (channel) (muster_channel_waiting)", same("{{channel}}")}, {"min by (channel) (muster_channel_up)", same("{{channel}} up")}}},
	}},
	{said{"muster itself", "muster本体"}, []panel{
		{kind: "timeseries", w: 8, title: said{"Engine's answers", "エンジンの応答"}, says: said{"How long it takes to answer, and the canary to get through.", "応答時間と、動作確認のワークフローの所要時間"}, unit: same("s"), least: figure(0),
			queries: []query{{"max(muster_engine_answer_duration_seconds)", said{"answer", "応答"}}, {"max(muster_engine_canary_duration_seconds)", said{"canary", "カナリア"}}}},
		{kind: "timeseries", w: 8, title: said{"Record store", "記録の保存先"}, says: said{"99 of 100 calls are faster; failed calls.", "99パーセンタイルの所要時間と失敗数"}, unit: same("s"), least: figure(0), overrides: []override{counted("B")},
			queries: []query{{"histogram_quantile(0.99, sum by (le) (rate(muster_store_duration_seconds_bucket[5m])))", said{"time", "所要時間"}}, {"sum(increase(muster_store_errors_total[5m]))", said{"failed", "失敗"}}}},
		{kind: "timeseries", w: 8, title: said{"Evidence not sealed yet", "未封印の証拠"}, says: said{"How long the oldest has waited.", "最も古いものの待ち時間"}, unit: hours, least: figure(0),
			queries: one("max(muster_evidence_oldest_waiting_seconds)", "oldest", "最古")},
	}},
}
