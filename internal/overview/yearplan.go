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
	// By and RecordedAt, a day, are of a drill that no run shows: who recorded that it was held, when, and what they said was done.
	By         string `json:"by,omitempty"`
	RecordedAt string `json:"recorded_at,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Simulated  bool   `json:"simulated,omitempty"` // the engine answered for the people of its run
	Unproven   bool   `json:"unproven,omitempty"`  // held, but by word where a run could show it, or with simulated people
}

func (f Facts) planned(i programme.Item) Planned {
	one := Planned{Row: i.Row, Number: i.Number, Title: i.Title, Due: f.day(i.From), Status: i.Status, Run: i.Run, Late: i.Late, Why: i.Why, Simulated: i.Simulated, Unproven: i.Unproven}
	if !i.HeldOn.IsZero() {
		one.HeldOn = f.day(i.HeldOn)
	}
	if i.ByWord() {
		one.By, one.Reason = i.By, i.Reason
		if !i.RecordedAt.IsZero() {
			one.RecordedAt = f.day(i.RecordedAt)
		}
	}
	return one
}

// held is how a drill was held, as the table has it.
func (p Planned) held() sheet.Cell {
	text := statuses[p.Status]
	if p.Late {
		text = sheet.Say("held late", "遅れて実施")
	}
	if p.By != "" {
		text = sheet.Say("%s (as recorded)", "%s（記録による）", both(text))
	}
	if p.Simulated {
		text = sheet.Say("%s (people simulated)", "%s（人は模擬）", both(text))
	}
	c := sheet.Tell(text)
	if c.Class = string(run.Met); p.Late || p.Unproven {
		c.Class = string(run.NotProven)
	}
	return c
}

// reasons are what is known of a drill besides: of one that no run shows, who recorded it, when, and in which words.
func (p Planned) reasons() plan.Text {
	list := p.Why
	if p.By != "" {
		list = append([]plan.Text{sheet.Say("recorded by %s on %s: %s", "%s が%sに記録：%s", p.By, p.RecordedAt, p.Reason)}, list...)
	}
	return plan.Joined(list...)
}

var statuses = map[programme.Status]plan.Text{
	programme.Planned: sheet.Say("planned", "予定"), programme.Waiting: sheet.Say("postponed", "延期"), programme.UnderWay: sheet.Say("under way", "実施中"), programme.HeldThen: sheet.Say("held", "実施済み"),
	programme.Overdue: sheet.Say("overdue", "未実施（期限超過）"), programme.Arriving: sheet.Say("due", "対象者あり"), programme.NotOwed: sheet.Say("not owed", "対象外"),
}

func (y Year) plannedSection() sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Drill", "訓練"), sheet.Say("Due", "予定"), sheet.Say("Status", "状況"), sheet.Say("Held", "実施日"), sheet.Say("Run", "実施"), sheet.Say("Why", "理由")}}
	for _, p := range y.Planned {
		status := sheet.Tell(statuses[p.Status])
		switch p.Status {
		case programme.Overdue:
			status.Class = string(run.Missed)
		case programme.HeldThen:
			status = p.held()
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(p.Number), {Text: titleOf(p.Title, p.Row)}, sheet.Time(sheet.Plain(p.Due)), status, sheet.Time(sheet.Plain(p.HeldOn)), word(p.Run), {Text: p.reasons()}})
	}
	return sheet.Section{ID: "planned", Title: sheet.Say("Planned and held", "計画と実施"), Tables: []sheet.Table{t.Compact()}}
}
