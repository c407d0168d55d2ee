package overview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Facts is what the pages of a year are made of.
type Facts struct {
	Frame
	From, Until time.Time // the fiscal year; Until is left out itself
	Estate      *estate.Estate
	Outcomes    []outcome.Outcome // that ended in it
	Findings    []finding.Finding // all, as they stand; of a year that is over, as they stood at its end
	Planned     []programme.Item  // of the year's plan
	Programme   string            // "" where there is none
	Goals       []RowGoals        // of rows that were held
	GoalsHidden int               // rows whose runs the reader may not read
	Evidence    *Kept             // as of now; nil: not known here
	Proven      []proof.System    // as of now; of a year that is over, as of its end and by age alone
}

// past reports whether the year is over.
func (f Facts) past() bool { return !f.At.Before(f.Until) }

// ofToday says what of a page about a year that is over is not of that year.
func (f Facts) ofToday() []plan.Text {
	if !f.past() {
		return nil
	}
	return []plan.Text{sheet.Say("The year is over. Runs, findings and the age of proofs are as of %s. As of today are: the rows of the plan, systems, targets, measures and residual risks; whether anything had changed since a proof was not kept, so proofs are judged by their age alone.",
		"終了した年度です。実施・指摘事項・立証の経過日数は%s時点です。訓練計画の項目、システム、目標、対策、残存リスクは本日現在の内容です。立証後の変更の有無は当時の記録がないため、立証は経過日数のみで判定しています。", f.day(f.Until.Add(-time.Second)))}
}

func (f Facts) within(t time.Time) bool { return !t.Before(f.From) && t.Before(f.Until) }

// Year is the yearly report.
type Year struct {
	Frame
	From       string       `json:"from"`
	To         string       `json:"to"` // the last day
	Fiscal     int          `json:"fiscal"`
	Programme  string       `json:"programme,omitempty"`
	Verdict    run.Verdict  `json:"verdict"` // met: all that was planned was held in time and shown, and nothing is left to do
	Planned    []Planned    `json:"planned"`
	Counts     Counts       `json:"counts"`
	Goals      []RowGoals   `json:"goals,omitempty"` // of the rows that were held
	Systems    []YearSystem `json:"systems"`
	Targets    []YearTarget `json:"targets"` // each that a run was judged against
	Quarters   []Quarter    `json:"quarters"`
	Findings   []Standing   `json:"findings"` // open at the end, and what changed in the year
	Residual   []Measure    `json:"residual_risks"`
	Candidates []Standing   `json:"candidate_measures"` // findings without a measure (requirement D-PRE-07)
	Evidence   *Kept        `json:"evidence,omitempty"`
	Over       bool         `json:"over"` // the year: Remarks say what is nevertheless as of today
	Remarks    []plan.Text  `json:"remarks,omitempty"`
}

// Counts are the year in figures.
type Counts struct {
	Planned  int `json:"planned"`
	Held     int `json:"held"`
	HeldLate int `json:"held_late"` // of those held
	// HeldByWord are those held that somebody recorded and no run shows; HeldSimulated those in whose run the
	// engine answered for people; HeldUnproven those of both that a run with people could have shown.
	HeldByWord    int `json:"held_by_word"`
	HeldSimulated int `json:"held_simulated"`
	HeldUnproven  int `json:"held_not_proven"`
	Overdue       int `json:"overdue"`
	NotOwed       int `json:"not_owed,omitempty"` // due before the programme was in force; not among the planned
	Runs          int `json:"runs"`
	Real          int `json:"real_events"`
	Met           int `json:"met"`
	Missed        int `json:"missed"`
	NotProven     int `json:"not_proven"`
	Systems       int `json:"systems"`
	SystemsProven int `json:"systems_rto_proven"`
	// SystemsSimulated are those whose RTO is proven with simulated people or steps only: no real ones.
	SystemsSimulated int `json:"systems_rto_simulated,omitempty"`
	NeedProof        int `json:"need_proof"`
	FindingsOpened   int `json:"findings_opened"`
	FindingsClosed   int `json:"findings_closed"`
	FindingsOpen     int `json:"findings_open"`
	FindingsLate     int `json:"findings_overdue"`
	FindingsWaived   int `json:"findings_waived"`
	// Goals are those that were set for the drills that were held; GoalsHidden are rows whose goals the reader may not see.
	Goals    int `json:"goals"`
	GoalsMet int `json:"goals_met"`
	// GoalsSimulated are those that were met with simulated people or steps.
	GoalsSimulated int `json:"goals_simulated,omitempty"`
	GoalsMissed    int `json:"goals_missed"`
	GoalsUnproven  int `json:"goals_not_proven"`
	GoalsHidden    int `json:"goals_hidden_rows,omitempty"`
	// BreakGlass are uses of break-glass in the year's runs, and BreakGlassOpen those that nobody has reviewed, of whatever year.
	BreakGlass     int `json:"break_glass"`
	BreakGlassOpen int `json:"break_glass_to_review"`
}

// counts reports whether a run is one of the year: one that went to its end, and every real event.
func counts(o outcome.Outcome) bool {
	return o.Whole() || o.Kind == run.Response && o.State == run.Cancelled
}

// told is a verdict as far as the run can tell: one that was aborted tells what was missed until then, and no more.
func told(o outcome.Outcome, v run.Verdict) run.Verdict {
	if !o.Whole() && v != run.Missed {
		return ""
	}
	return v
}

// MakeYear makes the yearly report.
func MakeYear(f Facts) Year {
	y := Year{Frame: f.Frame, From: f.day(f.From), To: f.day(f.Until.Add(-time.Second)), Fiscal: f.From.In(f.zone()).Year(), Programme: f.Programme,
		Planned: []Planned{}, Systems: []YearSystem{}, Quarters: []Quarter{}, Findings: []Standing{}, Residual: []Measure{}, Candidates: []Standing{}, Goals: f.Goals, Evidence: f.Evidence, Over: f.past(), Remarks: f.ofToday()}
	if f.GoalsHidden > 0 {
		y.Remarks = append(y.Remarks, sheet.Say("Goals of %d drills are left out: whoever asked for this page may not read their runs.", "訓練%d件の目標は、このページを開いた人に実施の閲覧権限がないため示していません。", f.GoalsHidden))
	}
	for _, i := range f.Planned {
		y.Planned = append(y.Planned, f.planned(i))
		y.Counts.held(i)
	}
	y.Counts.goals(f.Goals)
	y.Counts.GoalsHidden = f.GoalsHidden
	for _, o := range f.Outcomes {
		if !counts(o) {
			continue
		}
		y.Counts.Runs++
		if o.Kind == run.Response {
			y.Counts.Real++
		}
		if !o.Ran() {
			continue
		}
		switch told(o, o.Verdict) {
		case run.Met:
			y.Counts.Met++
		case run.Missed:
			y.Counts.Missed++
		case run.NotProven:
			y.Counts.NotProven++
		case run.NoObjective:
		}
	}
	t := MakeTrend(f.Frame, "", "", f.Outcomes)
	y.Quarters = t.Quarters
	y.systems(f, t.Runs)
	y.Targets = targetsOf(f)
	for _, x := range f.Findings {
		y.finding(f, x)
	}
	slices.SortStableFunc(y.Findings, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(cmp.Or(a.Due, "9"), cmp.Or(b.Due, "9")))
	})
	var from []string
	if f.Estate != nil {
		for _, m := range measuresOf(f.Estate) {
			from = append(from, m.Finding)
			if m.Residual != (plan.Text{}) {
				y.Residual = append(y.Residual, m)
			}
		}
	}
	for _, s := range y.Findings {
		if s.State == finding.Open && !slices.Contains(from, s.ID) {
			y.Candidates = append(y.Candidates, s)
		}
	}
	y.Verdict = y.Counts.verdict()
	return y
}

// Sheet sets it in words.
func (y Year) Sheet() sheet.Sheet {
	c := y.Counts
	d := y.sheet(fmt.Sprintf("year-%d", y.Fiscal), sheet.Say("Yearly report, fiscal %d", "%d年度 年次報告", y.Fiscal))
	d.Facts = append(d.Facts, sheet.Say("%s to %s", "%s 〜 %s", y.From, y.To))
	d.Verdict = y.Verdict
	d.Remarks = append(d.Remarks, y.Remarks...)
	d.Sentence = c.sentence()
	d.Remarks = append(d.Remarks, c.remarks()...)
	if y.Programme == "" {
		d.Remarks = append(d.Remarks, sheet.Say("There is no programme (kind: Programme), so nothing says what should have been held.", "訓練計画（kind: Programme）がないため、実施予定との対比はできません。"))
	}
	if c.Real > 0 {
		d.Remarks = append(d.Remarks, sheet.Say("Real events: %d.", "実際の事象：%d件。", c.Real))
	}
	if c.BreakGlass+c.BreakGlassOpen > 0 {
		d.Remarks = append(d.Remarks, sheet.Say("Break-glass was used %d times; to be reviewed: %d.", "緊急権限の行使：%d件（未確認 %d件）。", c.BreakGlass, c.BreakGlassOpen))
	}
	d.Tiles = []sheet.Tiles{{Tiles: c.tiles()}}
	for _, s := range y.Findings[:min(3, len(y.Findings))] {
		if s.State == finding.Open {
			d.Brief = append(d.Brief, plan.Text{EN: s.ID + " " + s.Title.EN + " — " + cmp.Or(s.Owner, "no owner") + ", " + cmp.Or(s.Due, "no date"), JA: s.ID + " " + s.Title.JA + "（" + cmp.Or(s.Owner, "担当未定") + "・" + cmp.Or(s.Due, "期限未定") + "）"})
		}
	}
	quarter := Trend{Frame: y.Frame, Quarters: y.Quarters}.quarterSection()
	d.Sections = []sheet.Section{y.plannedSection(), y.goalSection(), y.systemSection(), y.targetSection(), quarter, y.findingSection(), y.residualSection(), triggers(y), y.evidenceSection()}
	d.Sections = slices.DeleteFunc(d.Sections, func(s sheet.Section) bool { return s.ID == "" })
	for i, s := range d.Sections {
		d.Sections[i] = s.OrNone(sheet.Say("Nothing in this year.", "本年度の該当はありません。"))
	}
	return d
}
