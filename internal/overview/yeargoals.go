package overview

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// RowGoals are what a row of the plan had set beforehand, as it was judged of the run that held it.
type RowGoals struct {
	Row   string        `json:"row"`
	Title plan.Text     `json:"title"`
	Run   string        `json:"run,omitempty"` // "": it was held without one
	Goals []report.Pass `json:"goals"`
	Later []report.Pass `json:"later,omitempty"` // set or changed after the run had begun: none of its goals
}

// goalSection says of every goal that was set beforehand what became of it (requirement C-PGM-03).
func (y Year) goalSection() sheet.Section {
	met, all := 0, 0
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Drill", "訓練"), sheet.Say("Run", "実施"), sheet.Say("Goal", "目標"), sheet.Say("Verdict", "判定"), sheet.Say("Why, and by whom", "理由・判定者")}}
	for _, r := range y.Goals {
		for _, g := range r.Goals {
			all++
			if g.Verdict == run.Met {
				met++
			}
			why := g.Why
			if why == (plan.Text{}) {
				why = g.Remark
			}
			if j := g.Judged; j != nil {
				why = sheet.Say("%s (judged by %s, %s)", "%s（判定：%s・%s）", j.Text, j.By, y.day(j.At))
			}
			t.Rows = append(t.Rows, []sheet.Cell{{Text: titleOf(r.Title, r.Row)}, word(r.Run), {Text: titleOf(g.Text, g.ID)}, sheet.VerdictCell(g.Verdict), {Text: why}})
		}
		for _, g := range r.Later {
			if y.Over { // it is of another year
				break
			}
			t.Rows = append(t.Rows, []sheet.Cell{{Text: titleOf(r.Title, r.Row)}, word(r.Run), {Text: titleOf(g.Text, g.ID)}, sheet.VerdictCell(g.Verdict), {Text: g.Why}})
		}
	}
	if len(t.Rows) == 0 {
		return sheet.Section{}
	}
	s := sheet.Section{ID: "goals", Title: sheet.Say("Goals that were set beforehand", "事前に定めた目標の達成状況"), Tables: []sheet.Table{t.Compact()},
		Lead: []plan.Text{sheet.Say("%d of %d goals of the drills that were held were met.", "実施した訓練の目標%[2]d件のうち%[1]d件を達成。", met, all)}}
	if slices.ContainsFunc(y.Goals, func(r RowGoals) bool {
		return slices.ContainsFunc(r.Goals, func(g report.Pass) bool { return len(g.Simulated) > 0 })
	}) {
		s.Lead = append(s.Lead, sheet.Say("Some rest on simulated people or steps; the runs' own reports say which.", "模擬の要員・ステップに基づくものを含みます。詳細は各実施の報告書を参照。"))
	}
	return s
}
