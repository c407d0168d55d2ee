package overview

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A goal that was set after its drill is shown as not proven and is none of those that were set beforehand; in the
// report of a year that is over it has no place. What a verdict rests on stands beside it.
func TestGoalsThatWereSetLaterAreNoneOfTheDrills(t *testing.T) {
	asNow := plan.Text{EN: "as the plan has it now", JA: "現在の目標による判定"}
	f := Facts{Frame: frame(), From: time.Date(2026, 4, 1, 0, 0, 0, 0, tokyo), Until: time.Date(2027, 4, 1, 0, 0, 0, 0, tokyo), Goals: []RowGoals{{Row: "autumn", Run: "c",
		Goals: []report.Pass{{ID: "calm", Verdict: run.Met, Remark: asNow}},
		Later: []report.Pass{{ID: "quick", Verdict: run.NotProven, Why: plan.Text{EN: "set after the run had begun", JA: "実施の開始後に追加された"}, Later: true}}}}}
	s := MakeYear(f).goalSection()
	rows := s.Tables[0].Rows
	if len(rows) != 2 || rows[0][4].Text != asNow || rows[1][4].Text.EN != "set after the run had begun" || s.Lead[0].EN != "1 of 1 goals of the drills that were held were met." {
		t.Errorf("%+v: %+v", s.Lead, rows)
	}
	f.At = f.Until
	if rows := MakeYear(f).goalSection().Tables[0].Rows; len(rows) != 1 {
		t.Errorf("of a year that is over: %+v", rows)
	}
}
