package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func goalLines(list []report.Pass) string {
	var out []string
	for _, g := range list {
		line := fmt.Sprintf("%s %s %s", g.ID, g.Expect, g.Verdict)
		for _, more := range []string{g.Why.EN, g.Remark.EN} {
			if more != "" {
				line += " | " + more
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// A drill is judged by the goals that it began with. What the file says later makes none of them met, takes none of
// them away, and is not proven by it.
func TestADrillIsJudgedByTheGoalsThatItBeganWith(t *testing.T) {
	l := newLessons(t)
	row := programme.Row{ID: "spring", Scenario: "tokyo-loss", Months: []int{1}, Goals: []programme.Goal{
		{ID: "by-sato", Expect: `run.started_by == "sato"`}, {ID: "manners", Text: plan.Text{EN: "Nobody shouts", JA: "誰も怒鳴らない"}, Judge: "commander"}}}
	year := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", From: calendar.Date{Year: 2026, Month: time.June, Day: 1}}}
	year.set(row)
	l.server.Plans = year
	p, err := files{}.Compile("tokyo-loss", run.Tabletop)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	at := l.now.AddDate(0, 0, -2)
	began := func(id, by string, rows []run.RowGoals) {
		t.Helper()
		if err := l.store.Append(t.Context(), []run.Event{
			{Run: id, Writer: "run", Seq: 1, Kind: run.RunStarted, At: at, By: by, Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: p.Hash, Rows: rows})},
			{Run: id, Writer: "run", Seq: 2, Kind: run.RunEnded, At: at.Add(time.Hour), By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})}}); err != nil {
			t.Fatal(err)
		}
		at = at.Add(2 * time.Hour)
	}
	goals := []run.Goal{{ID: "by-sato", Expect: `run.started_by == "sato"`}, {ID: "manners", Text: run.Problem{EN: "Nobody shouts", JA: "誰も怒鳴らない"}, Judge: "commander"}}
	began("drl-1", "tanaka", []run.RowGoals{{Row: "spring", Goals: goals}})
	began("drl-2", "tanaka", []run.RowGoals{})
	began("drl-3", "tanaka", nil)
	began("drl-4", "tanaka", []run.RowGoals{{Row: "beside", Goals: []run.Goal{{ID: "else", Expect: `run.started_by == "tanaka"`}}}, {Row: "spring", Goals: goals}})
	const missed = `by-sato run.started_by == "sato" missed`
	const polite = "manners  not_proven | the role commander judges it"
	changed, added := row, row
	changed.Goals = []programme.Goal{{ID: "by-sato", Expect: `run.started_by == "tanaka"`}, {ID: "manners", Text: plan.Text{EN: "Nobody shouts much", JA: "あまり怒鳴らない"}, Judge: "commander"}}
	added.Goals = append([]programme.Goal{{ID: "new", Expect: `run.started_by == "tanaka"`}}, row.Goals...)
	renamed, unsaid, elsewhere := row, row, row
	renamed.ID, unsaid.ID, elsewhere.Scenario, elsewhere.Goals = "fall", "fall", "osaka-loss", nil
	renamed.Was = []string{"spring"}
	beside := row
	beside.ID = "beside"
	by := func(list []report.Pass, err error) string { // what it was missed by is the report's to say
		if err != nil {
			return err.Error()
		}
		for i := range list {
			if list[i].Verdict == run.Missed {
				list[i].Why = plan.Text{}
			}
		}
		return goalLines(list)
	}
	const since, asNow = " | as it was when the run began; it was changed since", " | as the plan has it now: the record does not say what was set before the run"
	for name, c := range map[string]struct {
		rows     []programme.Row
		row, run string
		want     string
	}{
		"as they were": {[]programme.Row{row}, "spring", "drl-1", missed + "\n" + polite},
		"changed": {[]programme.Row{changed}, "spring", "drl-1", missed + since + "\n" + polite + since +
			"\nby-sato run.started_by == \"tanaka\" not_proven | changed after the run had begun\nmanners  not_proven | changed after the run had begun"},
		"added":              {[]programme.Row{added}, "spring", "drl-1", missed + "\n" + polite + "\nnew run.started_by == \"tanaka\" not_proven | set after the run had begun"},
		"of a new name":      {[]programme.Row{renamed}, "fall", "drl-1", missed + "\n" + polite},
		"of one of two":      {[]programme.Row{renamed, beside}, "fall", "drl-4", missed + "\n" + polite},
		"by its old name":    {[]programme.Row{renamed, beside}, "spring", "drl-4", missed + "\n" + polite},
		"of one that is new": {[]programme.Row{unsaid}, "fall", "drl-1", `by-sato run.started_by == "sato" not_proven | set after the run had begun` + "\nmanners  not_proven | set after the run had begun"},
		"taken out":          {nil, "spring", "drl-1", missed + "\n" + polite},
		"of a scenario else": {[]programme.Row{elsewhere}, "spring", "drl-1", missed + "\n" + polite},
		"set later":          {[]programme.Row{row}, "spring", "drl-2", `by-sato run.started_by == "sato" not_proven | set after the run had begun` + "\nmanners  not_proven | set after the run had begun"},
		"of an old record":   {[]programme.Row{row}, "spring", "drl-3", missed + asNow + "\n" + polite + asNow},
	} {
		year.set(c.rows...)
		if got := by(l.client.Goals(l.as("sato"), c.row, c.run)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	// People judge what was set, too.
	year.set(changed)
	judge := func(about, goal string) error {
		_, err := l.client.Write(l.as("sato"), api.WriteRequest{About: about, Item: run.GoalItem("spring", goal), Verdict: run.Met, Text: "calm"})
		return err
	}
	refusal(t, judge("drl-2", "manners"), "set after run drl-2 had begun")
	if err := judge("drl-1", "manners"); err != nil {
		t.Fatal(err)
	}
	list, err := l.client.Goals(l.as("sato"), "spring", "drl-1")
	if err != nil || list[1].Verdict != run.Met || list[1].Text.EN != "Nobody shouts" || list[3].Verdict != run.NotProven || !list[3].Later {
		t.Errorf("%s, %v", goalLines(list), err)
	}
	// What was judged under the name of before is judged, also where the row was called otherwise in between.
	autumn := renamed
	autumn.ID, autumn.Was = "autumn", []string{"spring", "fall"}
	for _, rows := range [][]programme.Row{{renamed}, {autumn}} {
		year.set(rows...)
		list, err := l.client.Goals(l.as("sato"), rows[0].ID, "drl-1")
		if err != nil || len(list) != 2 || list[1].Verdict != run.Met || list[1].Judged == nil {
			t.Errorf("%s: %s, %v", rows[0].ID, goalLines(list), err)
		}
	}
}

// The goals are those of the file at the moment in which the drill begins.
func TestTheGoalsOfADrillAreInItsRecord(t *testing.T) {
	y := newYear(t)
	y.plans.simulated = true
	of := programme.Row{ID: "autumn", Scenario: "tokyo-loss", Months: []int{10}, ByHand: true, Goals: []programme.Goal{{ID: "by-sato", Text: plan.Text{EN: "By sato", JA: "satoによる"}, Expect: `run.started_by == "sato"`}}}
	y.plans.set(of, programme.Row{ID: "other", Scenario: "osaka-loss", Months: []int{10}, ByHand: true})
	began, err := y.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato", RequestID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	of.Goals = nil
	y.plans.set(of)
	var d run.Started
	waittest.Eventually(t, 30*time.Second, func() string {
		entries, err := y.store.Events(t.Context(), began.Run, 0, 1)
		if err != nil || len(entries) == 0 {
			return fmt.Sprintf("no event of %s: %v", began.Run, err)
		}
		if err := entries[0].Event.Decode(&d); err != nil {
			return err.Error()
		}
		return ""
	})
	if len(d.Rows) != 1 || d.Rows[0].Row != "autumn" || len(d.Rows[0].Goals) != 1 || d.Rows[0].Goals[0].Expect != `run.started_by == "sato"` || d.Rows[0].Goals[0].Text.JA != "satoによる" {
		t.Errorf("%+v", d.Rows)
	}
}
