package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// review is the post-event report with its eight items (requirement D.1): the facts from
// the record, and room for what only people can judge.
func (d *document) review() section {
	s := section{ID: "review", Title: say("Post-event report: upkeep and improvement", "危機的事象の発生に伴う維持改善の報告"),
		Lead: []plan.Text{say("Facts are filled in from the record. Fields marked ✎ are to be written by people, with a name; \"nothing to say\" is an entry.",
			"事実は記録から記入済み。✎ の欄は人が氏名とともに記入する。「特になし」も記入とみなす。")}}
	t := table{Head: []plan.Text{say("Item", "項目"), say("From the record", "記録からの事実"), say("Written by people", "人が記入")}}
	item := func(id string, title plan.Text, facts []plan.Text, ask plan.Text) {
		var en, ja []string
		for _, f := range facts {
			if f != (plan.Text{}) {
				en, ja = append(en, f.EN), append(ja, f.JA)
			}
		}
		if len(en) == 0 {
			en, ja = []string{"nothing in the record"}, []string{"記録なし"}
		}
		t.Rows = append(t.Rows, []cell{tell(title), tell(plan.Text{EN: strings.Join(en, " · "), JA: strings.Join(ja, "・")}), d.written(id, ask)})
	}
	item("1.1", say("1 Analysis of the event: 1) its nature", "1 事象の分析 1) 事象の性質"), d.nature(), say("description", "事象の説明"))
	item("1.2", say("1 Analysis of the event: 2) its cause", "1 事象の分析 2) 原因"), d.detection(), say("cause, analysis", "原因・分析"))
	item("2.1", say("2 Evaluation of the response: 1) those with assigned roles", "2 対応の評価 1) 役割を持つ者の対応"), d.roles(), say("judgement for each role", "役割ごとの評価"))
	item("2.2", say("2 Evaluation of the response: 2) staff in general", "2 対応の評価 2) 職員一般の対応"), d.staff(), say("judgement", "評価"))
	item("3.1", say("3 Attainment of RTO and RLO: 1) actual time and level", "3 目標の達成度合い 1) 実際の復旧時間とレベル"), d.achieved(), plan.Text{})
	item("3.2", say("3 Attainment of RTO and RLO: 2) effectiveness of the response", "3 目標の達成度合い 2) 対応の有効性"), d.effect(), say("judgement", "評価"))
	item("4.1", say("4 Improvements: 1) causes of the gap to the targets", "4 改善点 1) 目標との差の原因"), d.gaps(), say("cause of each gap", "差ごとの原因"))
	item("4.2", say("4 Improvements: 2) other points", "4 改善点 2) その他"), d.others(), say("proposals, owner, due date", "提案・担当・期限"))
	s.Lead = append(s.Lead, d.reportState()...)
	s.Tables = []table{t}
	if c := d.corrections(); c != nil {
		s.Tables = append(s.Tables, *c)
	}
	return s
}

func (d *document) nature() []plan.Text {
	r := d.report
	out := []plan.Text{both(func(l i18n.Lang) string { return l.Hazard(r.Run.Hazard) }), d.Title}
	if len(r.Basis.SitesLost) > 0 {
		out = append(out, say("sites lost: %s", "被災拠点：%s", strings.Join(r.Basis.SitesLost, ", ")))
	}
	for _, s := range r.Systems {
		if s.RTO.EventAt != nil {
			out = append(out, say("%s from %s", "%s は %s から", s.ID, d.clock(*s.RTO.EventAt)))
		}
	}
	for _, a := range r.Assessments {
		by := actor(a.By)
		if a.Source == "probe" {
			by = say("probe", "プローブ")
		}
		out = append(out, say("%s: %s (%s)", "%s：%s（%s）", strings.TrimSuffix(a.System+"/"+a.Component, "/"), inWords(word(damages, a.Damage)), inWords(by)))
	}
	return out
}

func (d *document) detection() []plan.Text {
	var out []plan.Text
	for _, s := range d.report.Systems {
		if s.RTO.DownAt != nil {
			out = append(out, say("%s: first failed sample %s", "%s：最初に失敗した観測 %s", s.ID, inWords(d.exact(s.RTO.DownAt))))
		}
		if s.RTO.DetectedAt != nil {
			out = append(out, say("%s: detected %s", "%s：検知 %s", s.ID, inWords(d.exact(s.RTO.DetectedAt))))
		}
	}
	return out
}

func (d *document) roles() []plan.Text {
	r := d.report
	var out []plan.Text
	for _, q := range r.People.Need {
		out = append(out, say("%s %d of %d", "%s %d/%d 名", inWords(r.role(q.Role)), q.Present, q.Need))
	}
	for _, x := range r.Decisions {
		if x.AskedAt != nil && x.Rule == "" {
			out = append(out, say("%s decided on %s after %s", "%sが%sについて%sで決定", inWords(actor(x.By)), x.System, span(x.WaitedS)))
		}
	}
	hand := 0
	for _, s := range r.Steps {
		if s.SettledBy == run.ByPerson {
			hand++
		}
	}
	return append(out, say("steps skipped or settled by hand: %d", "省略・手動処理したステップ：%d 件", hand))
}

func (d *document) staff() []plan.Text {
	p := d.report.People
	if p.Called == 0 {
		return nil
	}
	out := []plan.Text{say("%d of %d answered, the first after %s", "%[2]d名中%[1]d名が回答、最初の回答まで%[3]s", p.Answered, p.Called, orDash(p.FirstAnswerS))}
	if p.Simulated {
		out = append(out, say("simulated", "模擬"))
	}
	return out
}

func (d *document) achieved() []plan.Text {
	var out []plan.Text
	for _, s := range d.report.Systems {
		out = append(out, say("%s (band %s): RTO %s of %s, %s", "%s（優先度 %s）：RTO 実績 %s／目標 %s、%s", s.ID, s.Priority, inWords(measured(s.RTO.ActualS, s.RTO.ObjectiveS, dash)), inWords(measured(s.RTO.ObjectiveS, s.RTO.ActualS, dash)), inWords(verdictWord(s.RTO.Verdict))))
		for _, st := range s.RLO.Stages {
			out = append(out, say("RLO %d%%: %s of %s, %s", "RLO %d%%：実績 %s／目標 %s、%s", st.Level, inWords(measured(st.ActualS, &st.WithinS, dash)), inWords(measured(&st.WithinS, st.ActualS, dash)), inWords(verdictWord(st.Verdict))))
		}
	}
	return out
}

func (d *document) effect() []plan.Text {
	var out []plan.Text
	for _, s := range d.report.Systems {
		if s.Choice != "" {
			out = append(out, say("%s: decided %s", "%s：決定は%s", s.ID, inWords(chosen(s.Choice))))
		}
		if s.RTO.MachineS != nil {
			out = append(out, say("from the order to restored service %s", "復旧指示から復旧まで %s", span(*s.RTO.MachineS)))
		}
		if s.RLO.CapacityLostS != nil {
			out = append(out, say("capacity lost: %s of full service", "失われた処理能力：完全稼働換算で %s", span(*s.RLO.CapacityLostS)))
		}
	}
	return out
}

// gaps ranks what took the time, longest first.
func (d *document) gaps() []plan.Text {
	var out []plan.Text
	for _, s := range d.report.Systems {
		if s.RTO.Parts == nil {
			continue
		}
		parts := s.RTO.Parts.list()
		slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.seconds, a.seconds) })
		var en, ja []string
		for _, p := range parts {
			if p.seconds == 0 {
				continue
			}
			mark := plan.Text{}
			if slices.Contains(s.RTO.SimulatedParts, p.key) {
				mark = say(" (simulated)", "（模擬）")
			}
			en = append(en, p.title.EN+" "+span(p.seconds).Word(i18n.EN)+mark.EN)
			ja = append(ja, p.title.JA+span(p.seconds).Word(i18n.JA)+mark.JA)
		}
		out = append(out, plan.Text{EN: s.ID + ": " + strings.Join(en, ", "), JA: s.ID + "：" + strings.Join(ja, "、")})
	}
	for _, st := range d.report.Steps {
		if st.Outcome == run.Failed || st.Outcome == run.Unknown {
			out = append(out, say("step %s: %s", "ステップ %s：%s", st.ID, inWords(outcomeWord(st.Outcome))))
		}
	}
	return out
}

func (d *document) others() []plan.Text {
	out := []plan.Text{say("findings: %d", "指摘事項：%d 件", len(d.report.Findings))}
	for _, n := range d.report.Notes {
		if n.Kind == run.RemarkMade && n.Text != "" && !run.SaysNothing(n.Text) {
			out = append(out, plan.Text{EN: fmt.Sprintf("%q (%s)", n.Text, actor(n.By).EN), JA: "「" + n.Text + "」（" + actor(n.By).JA + "）"})
		}
	}
	return out
}

// basis says what was real, what was simulated and what was assumed.
func (d *document) basis() section {
	r := d.report
	s := section{ID: "basis", Title: say("What was real, simulated and assumed", "実施・模擬・想定の区別")}
	t := table{Head: []plan.Text{say("Basis", "区分"), say("What", "内容")}}
	line := func(kind, what plan.Text) { t.Rows = append(t.Rows, []cell{tell(kind), tell(what)}) }
	isReal, simulated, assumed := say("real", "実施"), say("simulated", "模擬"), say("assumed", "想定")
	if r.Run.Kind == run.Response {
		line(isReal, say("This was a real event, not a drill.", "訓練ではなく実際の事象への対応。"))
	}
	if len(r.Basis.Injects) > 0 {
		line(isReal, say("the event was brought about by %s", "事象を実際に発生させた操作：%s", strings.Join(r.Basis.Injects, ", ")))
	}
	line(isReal, say("steps that changed something in a system: %d", "システムに変更を加えたステップ：%d 件", r.Basis.Effects))
	if len(r.Probes) > 0 {
		line(isReal, say("service was observed from outside by %d probes", "外部から観測したプローブ：%d 件", len(r.Probes)))
	}
	if r.Basis.SimulatedPeople {
		line(simulated, say("people: the engine answered for them, %[1]s to %[2]s after they were asked", "人の応答：依頼から%[1]s〜%[2]s後にエンジンが代わりに応答",
			span(r.Basis.AnswerAfterS), span(round(r.Basis.AnswerAfterS+r.Basis.AnswerSpreadS))))
		if len(r.Basis.Silent) > 0 {
			line(simulated, say("silent by the scenario: %s", "シナリオにより応答しない要員：%s", strings.Join(r.Basis.Silent, ", ")))
		}
	}
	if r.Basis.SimulatedSteps > 0 {
		line(simulated, say("steps of the simulator: %d", "シミュレーターのステップ：%d 件", r.Basis.SimulatedSteps))
	}
	if len(r.Basis.SitesLost) > 0 {
		line(assumed, say("sites lost: %s", "被災した拠点：%s", strings.Join(r.Basis.SitesLost, ", ")))
	}
	for _, x := range r.Systems {
		if x.RTO.EventSource == "reported" {
			line(assumed, say("the time of the event at %s is as it was reported", "%s の発生時刻は報告による", x.ID))
		}
	}
	for _, x := range r.Systems {
		if x.RTO.SwitchS != nil {
			line(isReal, say("%s: a precaution; from the decision to the end of the move %s, of which service was interrupted for %s", "%s：予防的対応。判断から移行完了まで %s、うち停止 %s", x.ID, span(*x.RTO.SwitchS), spanOr(x.RTO.ActualS, plain("–"))))
		}
	}
	if r.Basis.StatedPeople {
		line(assumed, say("persons are as the caller stated them: callers share one token and are not yet authenticated individually", "人の氏名は呼び出し元の申告による（トークンを共用しており、個人単位の認証は未実施）"))
	}
	for _, x := range r.Decisions {
		if x.Known != nil && (x.Known.AlternateS != nil || x.Known.InPlaceS != nil) {
			line(assumed, say("%s: forecast when deciding: alternate site %s, in place %s", "%s：判断時の見込み 代替拠点 %s、被災拠点 %s", x.System, orDash(x.Known.AlternateS), orDash(x.Known.InPlaceS)))
		}
	}
	s.Tables = []table{t}
	return s
}
