package overview

import (
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Planned is a drill of the plan.
type Planned struct {
	Row    string           `json:"row"`
	Number string           `json:"number,omitempty"`
	Title  plan.Text        `json:"title"`
	Due    string           `json:"due"`
	Status programme.Status `json:"status"`
	HeldOn string           `json:"held_on,omitempty"`
	Late   bool             `json:"late,omitempty"`
	Run    string           `json:"run,omitempty"`
	Why    []plan.Text      `json:"why,omitempty"`
}

var statuses = map[programme.Status]plan.Text{
	programme.Planned: sheet.Say("planned", "予定"), programme.Waiting: sheet.Say("postponed", "延期"), programme.UnderWay: sheet.Say("under way", "実施中"), programme.HeldThen: sheet.Say("held", "実施済み"),
	programme.Overdue: sheet.Say("overdue", "未実施（期限超過）"), programme.Arriving: sheet.Say("due", "対象者あり"), programme.NotOwed: sheet.Say("not owed", "対象外"),
}

func (y Year) plannedSection() sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Drill", "訓練"), sheet.Say("Due", "予定"), sheet.Say("Status", "状況"), sheet.Say("Held", "実施日"), sheet.Say("Run", "実施"), sheet.Say("Why", "理由")}}
	for _, p := range y.Planned {
		why := plan.Text{}
		for _, w := range p.Why {
			if why != (plan.Text{}) {
				why = plan.Text{EN: why.EN + "; ", JA: why.JA + "／"}
			}
			why = plan.Text{EN: why.EN + w.EN, JA: why.JA + w.In("ja")}
		}
		status := sheet.Tell(statuses[p.Status])
		switch p.Status {
		case programme.Overdue:
			status.Class = string(run.Missed)
		case programme.HeldThen:
			status.Class = string(run.Met)
			if p.Late {
				status = sheet.Tell(sheet.Say("held late", "遅れて実施"))
				status.Class = string(run.NotProven)
			}
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(p.Number), {Text: titleOf(p.Title, p.Row)}, sheet.Time(sheet.Plain(p.Due)), status, sheet.Time(sheet.Plain(p.HeldOn)), word(p.Run), {Text: why}})
	}
	return sheet.Section{ID: "planned", Title: sheet.Say("Planned and held", "計画と実施"), Tables: []sheet.Table{t.Compact()}}
}
