package overview

import (
	"fmt"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Standing is a finding as it stands.
type Standing struct {
	ID     string        `json:"id"`
	Title  plan.Text     `json:"title"`
	System string        `json:"system,omitempty"`
	State  finding.State `json:"state"`
	Owner  string        `json:"owner,omitempty"`
	Due    string        `json:"due,omitempty"`
	Late   bool          `json:"overdue,omitempty"`
	Opened string        `json:"opened"`
	Closed string        `json:"closed,omitempty"`
	Again  int           `json:"reopened,omitempty"`
}

func rank(s Standing) int {
	switch {
	case s.Late:
		return 0
	case s.State == finding.Open:
		return 1
	case s.State == finding.Waived:
		return 2
	}
	return 3
}

func (y *Year) finding(f Facts, x finding.Finding) {
	if len(x.History) > 0 && !x.History[0].At.Before(f.Until) {
		return // nobody knew of it then
	}
	opened, closed := 0, 0
	for _, h := range x.History {
		if !f.within(h.At) {
			continue
		}
		switch h.What {
		case finding.WasOpened, finding.WasReopened:
			opened++
		case finding.WasClosed, finding.WasConfirmed, finding.WasGone, finding.WasReviewed:
			closed++
		}
	}
	y.Counts.FindingsOpened += opened
	y.Counts.FindingsClosed += closed
	if x.Glass() != "" {
		y.Counts.BreakGlass += opened
		if x.State != finding.Closed {
			y.Counts.BreakGlassOpen++
		}
	}
	switch x.State {
	case finding.Open:
		y.Counts.FindingsOpen++
	case finding.Waived:
		y.Counts.FindingsWaived++
	case finding.Closed:
	}
	if x.Overdue {
		y.Counts.FindingsLate++
	}
	if x.State == finding.Closed && closed == 0 {
		return
	}
	s := Standing{ID: x.ID, Title: x.Title, System: x.System, State: x.State, Owner: x.Owner, Due: x.Due, Late: x.Overdue, Opened: f.day(x.OpenedAt), Again: x.Reopened}
	if x.ClosedAt != nil {
		s.Closed = f.day(*x.ClosedAt)
	}
	y.Findings = append(y.Findings, s)
}

var standings = map[finding.State]plan.Text{finding.Open: sheet.Say("open", "未解消"), finding.Waived: sheet.Say("waived", "容認"), finding.Closed: sheet.Say("closed", "解消")}

// listedFindings bounds the table; CSV and JSON of the findings have them all.
const listedFindings = 200

func (y Year) findingSection() sheet.Section {
	s := sheet.Section{ID: "findings", Title: sheet.Say("Findings", "指摘事項")}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Finding", "内容"), sheet.Say("System", "システム"), sheet.Say("State", "状態"), sheet.Say("Owner", "担当"), sheet.Say("Due", "期限"), sheet.Say("Opened", "発生"), sheet.Say("Closed", "解消"), sheet.Say("Came back", "再発")}}
	for _, x := range y.Findings[:min(listedFindings, len(y.Findings))] {
		state := sheet.Tell(standings[x.State])
		if x.Late {
			state = sheet.Cell{Text: sheet.Say("overdue", "期限超過"), Class: string(run.Missed)}
		}
		again := plan.Text{}
		if x.Again > 0 {
			again = sheet.Plain(fmt.Sprint(x.Again))
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(x.ID), {Text: x.Title}, word(x.System), state, word(x.Owner), sheet.Time(sheet.Plain(x.Due)), sheet.Time(sheet.Plain(x.Opened)), sheet.Time(sheet.Plain(x.Closed)), sheet.Number(again)})
	}
	if n := len(y.Findings) - listedFindings; n > 0 {
		s.Lead = append(s.Lead, sheet.Say("%d more: muster findings list.", "ほか%d件：muster findings list で表示。", n))
	}
	s.Tables = []sheet.Table{t.Compact()}
	return s
}

func (y Year) residualSection() sheet.Section {
	s := sheet.Section{ID: "residual", Title: sheet.Say("Residual risks", "残存リスク")}
	if len(y.Residual) == 0 {
		s.Lead = []plan.Text{sheet.Say("The estate names none.", "構成台帳に記載なし。")}
		return s
	}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Measure", "対策"), sheet.Say("Residual risk", "残存リスク")}}
	for _, m := range y.Residual {
		t.Rows = append(t.Rows, []sheet.Cell{word(m.System), {Text: m.Title}, {Text: m.Residual}})
	}
	s.Tables = []sheet.Table{t}
	return s
}

// triggers says what happened in the year that asks for a revision of the plan (requirement D.3).
func triggers(y Year) sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Trigger", "契機"), sheet.Say("In this year", "本年度の該当"), sheet.Say("What must follow", "必要な対応")}}
	row := func(what plan.Text, n int, then plan.Text) {
		if n > 0 {
			t.Rows = append(t.Rows, []sheet.Cell{{Text: what}, count(n), {Text: then}})
		}
	}
	row(sheet.Say("a drill was held", "訓練の実施"), y.Counts.Held+max(0, y.Counts.Runs-y.Counts.Real-y.Counts.Held), sheet.Say("solve findings as they arise; what takes long goes into the measures", "指摘事項をその都度解決し、時間を要するものは事前対策計画に反映"))
	row(sheet.Say("a covered event happened, or nearly", "対象事象（ニアミスを含む）の発生"), y.Counts.Real, sheet.Say("post-event report and revision", "事後報告の作成と計画の見直し"))
	row(sheet.Say("objective missed", "目標の未達"), y.Counts.Missed, sheet.Say("review targets and measures", "目標と対策の見直し"))
	row(sheet.Say("findings without a measure", "対策のない指摘事項"), len(y.Candidates), sheet.Say("decide a measure with component and level, or waive by name", "構成要素・レベルを付けて対策化するか、氏名を付して容認"))
	row(sheet.Say("yearly review", "年次見直し"), 1, sheet.Say("muster report review: the 14 questions", "muster report review の14項目に回答"))
	return sheet.Section{ID: "triggers", Title: sheet.Say("What asks for a revision of the plan", "計画を見直す契機"), Tables: []sheet.Table{t}}
}
