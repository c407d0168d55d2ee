package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// attainment is the verdict table.
func (d *document) attainment() section {
	t := table{Brief: true, Head: []plan.Text{say("System", "システム"), say("Objective", "指標"), say("Target", "目標"), say("Measured", "実績"), say("Verdict", "判定"), say("Why", "理由")}}
	for _, s := range d.report.Systems {
		add := func(what, target, actual plan.Text, v run.Verdict, why []Reason) {
			t.Rows = append(t.Rows, []cell{tell(plan.Text(d.report.title(s))), tell(what), figureCell(target), figureCell(actual), verdictCell(v), tell(whyText(why))})
		}
		notSet := say("not set", "未設定")
		if r := s.Restore; r != nil {
			add(say("restore", "復元"), measured(r.ObjectiveS, r.ActualS, notSet), measured(r.ActualS, r.ObjectiveS, dash), r.Verdict, r.Why)
			add(say("recovery point", "復旧時点"), measured(r.PointObjectiveS, r.BehindS, notSet), measured(r.BehindS, r.PointObjectiveS, dash), r.PointVerdict, r.PointWhy)
			continue
		}
		add(plain("RTO"), measured(s.RTO.ObjectiveS, s.RTO.ActualS, notSet), plan.Text(s.RTO.figure()), s.RTO.Verdict, s.RTO.Why)
		add(plain("RPO"), measured(s.RPO.ObjectiveS, s.RPO.ActualS, notSet), measured(s.RPO.ActualS, s.RPO.ObjectiveS, dash), s.RPO.Verdict, s.RPO.Why)
		for _, st := range s.RLO.Stages {
			add(say("RLO %d%%", "RLO %d%%", st.Level), measured(&st.WithinS, st.ActualS, notSet), measured(st.ActualS, &st.WithinS, dash), st.Verdict, st.Why)
		}
		if len(s.RLO.Stages) == 0 {
			add(plain("RLO"), notSet, dash, run.NoObjective, nil)
		}
		home := dash
		if s.Failback.OutageS != nil {
			home = say("%s, interrupted %s", "%s（中断 %s）", orDash(s.Failback.ActualS), span(*s.Failback.OutageS))
		} else if s.Failback.ActualS != nil {
			home = say("%s", "%s", span(*s.Failback.ActualS))
		}
		add(say("failback", "切戻し"), chosen(run.Choice(s.Failback.Policy)), home, s.Failback.Verdict, s.Failback.Why)
	}
	return section{ID: "attainment", Title: say("Attainment of recovery targets", "目標復旧水準の達成度合い"), Tables: []table{t}}
}

// maybe is a span that may be unknown, as an argument of say.
type maybe struct{ s *float64 }

func orDash(s *float64) maybe { return maybe{s} }

func (m maybe) Word(l i18n.Lang) string {
	if m.s == nil {
		return dash.EN
	}
	return span(*m.s).Word(l)
}

// levels is the recovery curve in figures.
func (d *document) levels() section {
	s := section{ID: "curve", Title: say("Recovery curve (RLO)", "復旧曲線（目標復旧レベル RLO）")}
	for _, sys := range d.report.Systems {
		t := table{Brief: true, Caption: say("Level of service of %s after the event", "%sのサービスレベルの推移（発生からの時間）", d.report.title(sys)),
			Head: []plan.Text{say("After", "経過"), say("Level", "レベル")}}
		for i, p := range sys.RLO.Curve {
			if i == curveRows {
				t.Rows = append(t.Rows, []cell{tell(say("%d more in the JSON report", "ほか %d 点は JSON に記載", len(sys.RLO.Curve)-i)), name("")})
				break
			}
			level := say("not seen", "未観測")
			if p.Level != nil {
				level = plain(fmt.Sprintf("%d%%", *p.Level))
			}
			t.Rows = append(t.Rows, []cell{figureCell(say("%s", "%s", span(p.AtS))), figureCell(level)})
		}
		if len(t.Rows) > 0 {
			s.Tables = append(s.Tables, t)
		}
		if words := d.statements(sys); len(words.Rows) > 0 {
			s.Tables = append(s.Tables, words)
		}
		if low, end, lost := sys.RLO.Floor, sys.RLO.Level, sys.RLO.CapacityLostS; low != nil && end != nil && lost != nil {
			what := say("%s: the lowest level was %d%%, at the restoration %d%%; what was lost is worth %s of full service.", "%s：最低レベル %d%%、復旧時 %d%%、失われたサービス量は完全稼働換算で %s。", d.report.title(sys), *low, *end, span(*lost))
			if sys.RTO.RestoredAt == nil {
				what = say("%s: the lowest level was %d%%, recovery came to %d%%; what was lost until then is worth %s of full service.", "%s：最低レベル %d%%、復旧で到達したレベル %d%%、それまでに失われたサービス量は完全稼働換算で %s。", d.report.title(sys), *low, *end, span(*lost))
			}
			s.Lead = append(s.Lead, what)
		}
		for _, p := range d.report.Probes {
			if p.System == sys.ID && p.Baseline != nil {
				b := baseline(p.Baseline)
				s.Lead = append(s.Lead, say("%[1]s is measured against a capacity of %[2]s.", "%[1]s の平常時の処理能力：%[3]s。", p.ID, b.EN, b.JA))
			}
		}
	}
	switch {
	case d.report.Run.Depth.Unseen():
		s.Lead = append(s.Lead, say("Not observed at this depth: nothing ran, so there is no level of service and no curve.", "観測なし：この深さでは何も実行しないため、サービスレベルも曲線もありません。"))
	case len(s.Tables) == 0:
		s.Lead = append(s.Lead, say("Nobody looked from outside, so there is no curve.", "外部からの観測がないため、曲線はありません。"))
	}
	return s
}

// baseline says what a level is measured against, and what that rests on.
func baseline(b *run.Baseline) plan.Text {
	switch {
	case b == nil:
		return plain("–")
	case b.Taken:
		return say("%.1f a second, measured before the event", "毎秒 %.1f 件（発生前に計測）", b.Rate)
	}
	return say("%.1f a second, %s %s", "毎秒 %.1f 件（%s %s）", b.Rate, b.Ground, b.At.Format(time.DateOnly))
}

// statements is what people said of functions that no probe sees.
func (d *document) statements(sys System) table {
	t := table{Brief: true, Caption: say("Statements on what no probe sees in %s", "%sの自動確認できない機能についての申告", d.report.title(sys)),
		Head: []plan.Text{say("At", "時刻"), say("Function", "機能"), say("Level", "レベル"), say("By", "申告者"), say("Ground", "根拠")}}
	for _, w := range sys.Statements {
		t.Rows = append(t.Rows, []cell{timeCell(d.exact(&w.At)), name(w.Function), figureCell(plain(fmt.Sprintf("%d%%", w.Level))), tell(actor(w.By)), tell(plan.Apart(w.Reason))})
	}
	return t
}

// curveRows and stepRows bound the tables; the JSON report has everything.
const (
	curveRows  = 24
	stepRows   = 150
	peopleRows = 120
)

// timeSplit is where the time went.
func (d *document) timeSplit() section {
	s := section{ID: "time", Title: say("Where the time went", "所要時間の内訳")}
	if tests := d.restores(); len(tests.Rows) > 0 {
		s.Tables = []table{tests}
		return s
	}
	t := table{Brief: true, Head: []plan.Text{say("System", "システム")}}
	for _, p := range (Parts{}).list() {
		t.Head = append(t.Head, p.title)
	}
	t.Head = append(t.Head, say("total", "合計"), say("machine's part", "うち機械"))
	simulated := false
	for _, sys := range d.report.Systems {
		if sys.RTO.Parts == nil {
			continue
		}
		row := []cell{d.system(sys.ID)}
		for _, p := range sys.RTO.Parts.list() {
			c := figureCell(say("%s", "%s", span(p.seconds)))
			if slices.Contains(sys.RTO.SimulatedParts, p.key) {
				c.Text = plan.Text{EN: c.Text.EN + " *", JA: c.Text.JA + " *"}
				simulated = true
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, append(row, figureCell(spanOr(sys.RTO.ActualS, dash)), figureCell(spanOr(sys.RTO.MachineS, dash))))
	}
	if len(t.Rows) == 0 {
		s.Lead = append(s.Lead, say("No restoration was seen, so there is nothing to split.", "復旧が観測されていないため、内訳はありません。"))
		return s
	}
	if simulated {
		s.Lead = append(s.Lead, say("* simulated: the engine answered for people; not measured.", "* 模擬：エンジンが人に代わって応答した時間であり、実測ではない。"))
	}
	s.Tables = []table{t}
	return s
}

// restoreTest reports whether this is the report of one.
func (d *document) restoreTest() bool { return d.report.Run.Hazard == run.RestoreTest }

// restores is where the time of each restore went, and what came back.
func (d *document) restores() table {
	t := table{Brief: true, Head: []plan.Text{say("System", "システム"), say("fetch", "取得"), say("restore", "復元"), say("replay", "ログ適用"), say("verify", "検証"),
		say("total", "合計"), say("backup", "バックアップ"), say("newest row that came back", "復元された最新行の時刻"), say("isolated copy", "隔離コピー")}}
	for _, sys := range d.report.Systems {
		r := sys.Restore
		if r == nil {
			continue
		}
		gone := say("STILL THERE", "残存")
		if r.IsolatedGone {
			gone = say("gone", "削除済み")
		}
		point := dash
		if r.RecoveryPoint != nil {
			point = plain(r.RecoveryPoint.In(d.zone).Format("2006-01-02 15:04:05.000"))
		}
		t.Rows = append(t.Rows, []cell{d.system(sys.ID), figureCell(spanOr(r.Parts.FetchS, dash)), figureCell(spanOr(r.Parts.RestoreS, dash)),
			figureCell(spanOr(r.Parts.ReplayS, dash)), figureCell(spanOr(r.Parts.VerifyS, dash)), figureCell(spanOr(r.ActualS, dash)),
			name(r.Backup), timeCell(point), tell(gone)})
	}
	return t
}

// moments are the instants between which the parts lie.
func (d *document) moments() table {
	marks := table{Caption: say("Moments on the clock", "時計の節目"), Head: []plan.Text{say("System", "システム"), say("event", "発生"), say("detected", "検知"), say("decision asked", "決定依頼"),
		say("decided", "決定"), say("ordered", "復旧指示"), say("restored", "復旧"), say("source of the event's time", "発生時刻の根拠")}}
	for _, sys := range d.report.Systems {
		r := sys.RTO
		marks.Rows = append(marks.Rows, []cell{d.system(sys.ID), timeCell(d.exact(r.EventAt)), timeCell(d.exact(r.DetectedAt)), timeCell(d.exact(r.AskedAt)),
			timeCell(d.exact(r.DecidedAt)), timeCell(d.exact(r.OrderedAt)), timeCell(d.exact(r.RestoredAt)), tell(word(sources, r.EventSource))})
	}
	return marks
}

// timeline is the phases and the steps.
func (d *document) timeline() section {
	s := section{ID: "timeline", Title: say("Timeline of phases and steps", "段階とステップの経過")}
	phases := table{Caption: say("Phases", "段階"), Head: []plan.Text{say("Phase", "段階"), say("Start", "開始"), say("End", "終了"), say("Outcome", "結果"), say("Remark", "備考")}}
	for _, p := range d.report.Phases {
		phases.Rows = append(phases.Rows, []cell{tell(phaseWord(p.ID)), timeCell(plain(d.clock(p.StartedAt))), timeCell(d.clockOr(p.EndedAt)), outcomeCell(p.Outcome), tell(plan.Apart(p.Reason))})
	}
	head := []plan.Text{say("Step", "ステップ"), say("Action", "アクション"), say("Site", "拠点"), say("Start", "開始"),
		say("Took", "所要"), say("Tries", "試行"), say("Outcome", "結果"), say("By", "実施者"), say("Remark", "備考")}
	steps := table{Brief: true, Caption: say("Steps of each execution", "手順書ごとのステップ"), Head: head}
	shown := 0
	for _, g := range lanesOf(d.report) {
		if shown == stepRows {
			break
		}
		steps.Rows = append(steps.Rows, []cell{{Text: g.title, Class: "group"}})
		for _, st := range g.steps[:min(len(g.steps), stepRows-shown)] {
			steps.Rows = append(steps.Rows, d.stepRow(st))
			shown++
		}
	}
	if left := len(d.report.Steps) + len(d.report.Undone) - shown; left > 0 {
		steps.Rows = append(steps.Rows, []cell{{Text: say("%d more in the JSON report", "ほか %d 件は JSON に記載", left), Class: "group"}})
	}
	if !d.restoreTest() {
		s.Tables = append(s.Tables, d.moments())
	}
	s.Tables = append(s.Tables, phases)
	if d.report.Run.Depth == run.Walkthrough {
		s.Tables = append(s.Tables, d.acknowledged())
	}
	s.Tables = append(s.Tables, steps)
	return s
}

// acknowledged says of each step of a walkthrough whom it was put before, and who read it
// and when.
func (d *document) acknowledged() table {
	t := table{Brief: true, Caption: say("Steps read and acknowledged", "手順の読み合わせ（確認者と時刻）"), Head: []plan.Text{say("Step", "ステップ"), say("Runbook", "手順書"),
		say("Owner", "担当役割"), say("Acknowledged by", "確認者"), say("At", "時刻"), say("Remark", "備考")}}
	for _, st := range d.report.Steps {
		if st.Owner == "" {
			continue
		}
		by, at := say("nobody", "未確認"), dash
		switch {
		case st.SettledBy == run.ByAcknowledge:
			by, at = actor(st.By), d.clockOr(st.EndedAt)
		case st.SettledBy == run.ByPerson:
			by = say("no: left out by %s", "未確認（%s が省略）", st.By)
		}
		t.Rows = append(t.Rows, []cell{tell(d.report.step(st)), name(st.Runbook), tell(d.report.role(st.Owner)), tell(by), timeCell(at), tell(plan.Apart(st.Reason))})
	}
	return t
}

func (d *document) stepRow(s Step) []cell {
	remark := plan.Apart(s.Reason)
	if s.Already && s.Effect.Once() && s.Reason == "" {
		remark = say("it was so before: nothing was done", "すでにその状態だったため、何も実行していない")
	}
	if s.OverS != nil {
		over := say("over budget by %s", "目安時間を%s超過", span(*s.OverS))
		remark = plan.Text{EN: strings.TrimPrefix(s.Reason+"; "+over.EN, "; "), JA: strings.TrimPrefix(s.Reason+"。"+over.JA, "。")}
	}
	outcome := outcomeCell(s.Outcome)
	if s.Owner != "" && s.SettledBy == run.ByAcknowledge {
		outcome = cell{Text: say("read, not run", "確認のみ（実行なし）")}
	}
	return []cell{tell(d.report.step(s)), name(s.Action), name(s.Site), timeCell(d.clockOr(s.StartedAt)), figureCell(spanOr(s.took(), dash)),
		figureCell(plain(fmt.Sprint(s.Attempts))), outcome, tell(actor(s.By)), tell(remark)}
}

// took is how long a step took: as its worker measured it, else by the engine's clock.
func (s Step) took() *float64 {
	if s.DurationS != nil || s.StartedAt == nil || s.EndedAt == nil {
		return s.DurationS
	}
	return seconds(max(0, s.EndedAt.Sub(*s.StartedAt)))
}

func phaseWord(p run.Phase) plan.Text { return both(func(l i18n.Lang) string { return l.Phase(p) }) }

// peopleSection is the safety check and the muster.
func (d *document) peopleSection() section {
	p := d.report.People
	s := section{ID: "people", Title: say("Safety check and muster", "安否確認と参集")}
	if p.Called == 0 {
		s.Lead = append(s.Lead, say("Nobody was called.", "召集はありませんでした。"))
		if p.CallOut != nil {
			s.Lead = append(s.Lead, calledOff(*p.CallOut))
		}
		return s
	}
	s.Lead = append(s.Lead, say("Called %d · safe %d · injured %d · no answer %d · mustered %d · first answer after %s · quorum after %s",
		"対象 %d名・無事 %d名・負傷 %d名・未回答 %d名・参集 %d名・最初の回答まで %s・必要人数の充足まで %s",
		p.Called, p.Safe, p.Injured, p.Silent, p.Mustered, orDash(p.FirstAnswerS), orDash(p.QuorumS)))
	if p.NotDue > 0 {
		s.Lead = append(s.Lead, say("%d of those called had time left to answer when the run ended; they do not count as silent.", "実施の終了時に回答期限前であった %d名は、未回答に数えていません。", p.NotDue))
	}
	s.Lead = append(s.Lead, d.answering(p)...)
	if p.Simulated {
		s.Lead = append(s.Lead, say("The engine answered for these people; their times are simulated.", "これらの応答はエンジンによる模擬であり、時間は実測ではありません。"))
	}
	if len(p.Need) > 0 {
		t := table{Caption: say("Mustered strength", "参集状況"), Head: []plan.Text{say("Role", "役割"), say("Needed", "必要"), say("Present", "参集")}}
		for _, q := range p.Need {
			t.Rows = append(t.Rows, []cell{tell(d.report.role(q.Role)), figureCell(plain(fmt.Sprint(q.Need))), figureCell(plain(fmt.Sprint(q.Present)))})
		}
		s.Tables = append(s.Tables, t)
	}
	s.Tables = append(s.Tables, d.musterTables(p)...)
	t := table{Caption: say("People", "要員"), Head: []plan.Text{say("Person", "氏名"), say("Roles", "役割"), say("Called", "召集"), say("Answer", "回答"), say("After", "回答まで"),
		say("Arrived", "参集"), say("Remark", "備考")}}
	for i, m := range p.List {
		if i == peopleRows {
			t.Rows = append(t.Rows, []cell{tell(say("%d more in the JSON report", "ほか %d 名は JSON に記載", len(p.List)-i))})
			break
		}
		var en, ja []string
		note := func(t plan.Text) { en, ja = append(en, t.EN), append(ja, t.JA) }
		if m.Simulated {
			note(say("simulated", "模擬"))
		}
		if m.DeputyFor != "" {
			note(say("deputy for %s", "%sの代行者", m.DeputyFor))
		}
		if m.EnteredBy != "" {
			note(say("entered by %s", "%sが代理入力", m.EnteredBy))
		}
		if m.Reminded > 0 {
			note(say("reminders: %d", "催促 %d回", m.Reminded))
		}
		if m.Last != nil && m.First != nil && (m.First.Safety != m.Last.Safety || m.First.CanCome != m.Last.CanCome) {
			note(say("first answer: %s", "最初の回答：%s", inWords(word(safeties, m.First.Safety))))
		}
		if m.AnsweredAt != nil && !m.CanCome {
			note(say("can't come", "参集不可"))
		}
		t.Rows = append(t.Rows, []cell{tell(personName(m.Name, m.ID)), tell(d.report.roles(m.Roles)), timeCell(plain(d.clock(m.CalledAt))), {Text: safetyWord(m.Safety), Class: "safety-" + string(m.Safety)},
			figureCell(spanOr(m.AnswerS, dash)), timeCell(d.clockOr(m.ArrivedAt)), tell(plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "・")})})
	}
	if p.Withheld {
		s.Lead = append(s.Lead, say("What individuals said is left out: the permission %s or %s shows it.", "個人ごとの回答は省略しています（閲覧には権限 %s または %s が必要）。", plan.MayPeople, plan.MayAudit))
	}
	if !p.Withheld || len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	return s
}

func personName(n plan.Text, id string) plan.Text {
	if n == (plan.Text{}) {
		return plain(id)
	}
	return plan.Text{EN: n.In("en") + " (" + id + ")", JA: n.In("ja") + "（" + id + "）"}
}

func safetyWord(s run.Safety) plan.Text {
	signs := map[run.Safety]string{run.Safe: "✓ ", run.Well: "✓ ", run.InIsolation: "✓ ", run.Injured: "! ", run.LightlyHurt: "! ", run.BadlyHurt: "!! ", run.Unwell: "! ", run.Silent: "? "}
	w := word(safeties, s)
	return plan.Text{EN: signs[s] + w.EN, JA: signs[s] + w.JA}
}

// situation is what people and probes reported of sites, systems and the work.
func (d *document) situation() section {
	r := d.report
	s := section{ID: "situation", Title: say("Damage assessment and reports", "被害状況の確認と報告")}
	s.Tables = append(s.Tables, d.damage()...)
	s.Tables = append(s.Tables, d.inspections()...)
	if len(r.Notes) > 0 {
		t := table{Caption: say("Reports and remarks", "報告と所見"), Head: []plan.Text{say("At", "時刻"), say("What", "内容"), say("By", "報告者"), say("Words", "記載")}}
		for _, n := range r.Notes {
			t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(n.At))), tell(word(notes, n.Kind)), tell(actor(n.By)), tell(plan.Apart(n.Text))})
		}
		s.Tables = append(s.Tables, t)
	}
	if len(s.Tables) == 0 {
		s.Lead = append(s.Lead, say("Nothing was reported.", "報告はありませんでした。"))
	}
	return s
}

// forecast is an estimate with its 95th percentile.
func forecast(expected, p95 *float64) plan.Text {
	if expected == nil || p95 == nil {
		return spanOr(expected, dash)
	}
	return say("%s (p95 %s)", "%s（95%%値 %s）", span(*expected), span(*p95))
}

// grounds says what the estimates rest on.
func grounds(k run.DecisionAsk) plan.Text {
	var out plan.Text
	for _, g := range []struct{ way, ground plan.Text }{{say("alternate site", "代替拠点"), plan.Apart(k.AlternateGround)}, {say("in place", "被災拠点"), plan.Apart(k.InPlaceGround)}} {
		if g.ground.EN == "" {
			continue
		}
		if out.EN != "" {
			out = plan.Text{EN: out.EN + "; ", JA: out.JA + "、"}
		}
		out = plan.Text{EN: out.EN + g.way.EN + ": " + g.ground.EN, JA: out.JA + g.way.JA + "：" + g.ground.JA}
	}
	if k.MissS != nil {
		out = plan.Text{EN: out.EN + "; the RTO is expected to be missed by " + span(*k.MissS).Word(i18n.EN), JA: out.JA + "、目標復旧時間の超過見込み " + span(*k.MissS).Word(i18n.JA)}
	}
	return out
}

// decisions are what was decided and why, with the aid that stood beside the question.
func (d *document) decisions() section {
	s := section{ID: "decisions", Title: say("Decisions", "決定事項")}
	t := table{Brief: true, Head: []plan.Text{say("At", "時刻"), say("Question", "事項"), say("Of", "対象"), say("Answer", "決定"), say("By", "決定者"), say("Waited", "待ち"), say("Reason", "理由")}}
	aid := table{Caption: say("What was known when it was asked (forecasts, not measured)", "判断時の情報（見込みであり実測ではない）"), Head: []plan.Text{say("At", "時刻"), say("System", "システム"), say("Time used", "経過"), say("RTO", "RTO"),
		say("Alternate site", "代替拠点の見込み"), say("In place", "被災拠点の見込み"), say("Proposed", "提案"), say("Ground", "根拠"), say("Estimates rest on", "見込みの根拠")}}
	type line struct {
		at  time.Time
		row []cell
	}
	var lines []line
	for _, x := range d.report.Decisions {
		by := actor(x.By)
		if x.Rule != "" {
			by = say("rule %s", "規則 %s", x.Rule)
		} else if x.Deputy {
			by = plan.Text{EN: by.EN + ", deputy", JA: by.JA + "（代行者）"}
		}
		answer := chosen(x.Answer)
		if x.Instead != "" {
			before := chosen(x.Instead)
			answer = plan.Text{EN: answer.EN + ", revised from " + before.EN, JA: answer.JA + "（" + before.JA + "から変更）"}
		}
		if x.AsDrafted {
			answer = plan.Text{EN: answer.EN + ", as drafted by " + x.Drafter, JA: answer.JA + "（" + x.Drafter + " の案どおり）"}
		}
		if x.Precaution {
			answer = plan.Text{EN: answer.EN + ", as a precaution", JA: answer.JA + "（予防措置）"}
		}
		waited := dash
		if x.AskedAt != nil {
			waited = say("%s", "%s", span(x.WaitedS))
		}
		lines = append(lines, line{x.At, []cell{timeCell(plain(d.clock(x.At))), tell(word(questions, x.Question)), d.system(x.System), tell(answer), tell(by), figureCell(waited), tell(plan.Apart(x.Reason))}})
		if k := x.Known; k != nil && x.AskedAt != nil {
			aid.Rows = append(aid.Rows, []cell{timeCell(plain(d.clock(*x.AskedAt))), d.system(x.System), figureCell(say("%s", "%s", span(round(k.UsedS)))), figureCell(spanOr(k.ObjectiveS, dash)),
				figureCell(chance(forecast(k.AlternateS, k.AlternateP95S), k.AlternateMet, k.AlternateAtBest)), figureCell(chance(forecast(k.InPlaceS, k.InPlaceP95S), k.InPlaceMet, k.InPlaceAtBest)), tell(chosen(k.Proposed)), tell(plan.Apart(k.Ground)), tell(grounds(*k))})
		}
	}
	for _, a := range d.report.Approvals {
		answer := say("approved", "承認")
		if a.BreakGlass {
			answer = say("approved alone (break-glass)", "単独承認（緊急権限）")
		}
		lines = append(lines, line{a.At, []cell{timeCell(plain(d.clock(a.At))), tell(say("approval", "承認")), name(""), tell(answer), tell(actor(a.By)), figureCell(spanOr(a.WaitedS, dash)), tell(plan.Apart(a.Reason))}})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	for _, l := range lines {
		t.Rows = append(t.Rows, l.row)
	}
	policies := append(d.policies(), d.refusals()...)
	if len(t.Rows) == 0 {
		s.Lead = append(s.Lead, say("Nothing was decided.", "決定はありませんでした。"))
		s.Tables = policies
		return s
	}
	s.Tables = append([]table{t}, policies...)
	if len(aid.Rows) > 0 {
		s.Tables = append(s.Tables, aid)
	}
	return s
}

// findings are what the run taught.
func (d *document) findings() section {
	s := section{ID: "findings", Title: say("Findings and improvements", "指摘事項と改善点")}
	if len(d.report.Findings) == 0 {
		s.Lead = append(s.Lead, say("No findings: the record shows nothing to improve.", "記録から検出された指摘事項はありません。"))
		return s
	}
	t := table{Brief: true, Head: []plan.Text{say("No.", "番号"), say("Kind", "種別"), say("Finding", "内容"), say("Seen", "根拠"), say("Owner", "担当"), say("Due", "期限")}}
	for _, x := range d.report.Findings {
		seen := plan.Text{EN: x.Detail, JA: cmp.Or(x.DetailJA, x.Detail)}
		if who := d.seen(x.Detail); x.Kind == run.FindingPeople && who != (plan.Text{}) {
			seen = who
		}
		t.Rows = append(t.Rows, []cell{name(x.ID), tell(word(kinds, x.Kind)), tell(plan.Text{EN: x.Title, JA: x.TitleJA}), tell(seen), name(x.Owner), name(x.Due)})
	}
	s.Tables = []table{t}
	return s
}

// evidence is what the report rests on and how to compute it again.
func (d *document) evidence() section {
	r := d.report
	s := section{ID: "evidence", Title: say("Evidence", "証拠")}
	t := table{Head: []plan.Text{say("What", "項目"), say("Value", "値")}}
	intact := say("content matches the hash", "内容はハッシュと一致")
	if !r.Evidence.PlanIntact {
		intact = say("CONTENT DOES NOT MATCH THE HASH", "内容がハッシュと一致しない")
	}
	t.Rows = append(t.Rows,
		[]cell{tell(say("frozen plan (SHA-256)", "確定計画（SHA-256）")), {Text: plan.Text{EN: r.Evidence.PlanHash + ", " + intact.EN, JA: r.Evidence.PlanHash + "（" + intact.JA + "）"}, Class: "hash"}},
		[]cell{tell(say("journal (SHA-256)", "記録（SHA-256）")), {Text: say("%[1]s, %[2]d events", "%[1]s（%[2]d 件）", r.Evidence.JournalDigest, r.Evidence.Events), Class: "hash"}})
	for _, w := range r.Evidence.Writers {
		n := say("%d events, none missing", "%d 件、欠落なし", w.Events)
		if w.Missing > 0 {
			n = say("%d events, %d MISSING", "%d 件、欠落 %d 件", w.Events, w.Missing)
		}
		t.Rows = append(t.Rows, []cell{tell(say("writer %s", "記録者 %s", w.Name)), tell(n)})
	}
	t.Rows = append(t.Rows, []cell{tell(say("compute it again", "再計算の方法")),
		tell(plain(fmt.Sprintf("muster report %s --output json", r.Run.ID)))})
	s.Tables = append(s.Tables, t)
	if len(r.Probes) > 0 {
		p := table{Caption: say("What was seen from outside", "外部からの観測"), Head: []plan.Text{say("Probe", "プローブ"), say("Share", "比率"), say("From", "観測拠点"), say("Every", "間隔"), say("Samples", "観測数"), say("Succeeded", "成功"), say("Not seen", "未観測"), say("Full service", "平常時の能力")}}
		for _, x := range r.Probes {
			unseen := say("%s in %d gaps", "%s（%d 回）", span(x.UnseenS), x.Gaps)
			if x.Gaps == 0 {
				unseen = say("never", "なし")
			}
			if x.Lost != "" {
				unseen = say("all of it: %s", "すべて：%s", x.Lost)
			}
			p.Rows = append(p.Rows, []cell{name(x.ID), figureCell(plain(fmt.Sprintf("%d%%", x.Weight))), name(x.Vantage), figureCell(say("%s", "%s", span(x.IntervalS))),
				figureCell(plain(fmt.Sprint(x.Samples))), figureCell(plain(fmt.Sprint(x.OK))), tell(unseen), tell(baseline(x.Baseline))})
		}
		s.Tables = append(s.Tables, p)
	}
	return s
}
