package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// A goal that no record can judge is judged by whoever has its role, with a reason, and the last word counts.
// What the record judges, and what is no goal, nobody judges.
func TestAGoalIsJudgedByItsRole(t *testing.T) {
	l := newLessons(t)
	// In force since June: what was due before is not owed, so that nothing holds it late.
	year := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", From: calendar.Date{Year: 2026, Month: time.June, Day: 1}, Rows: []programme.Row{{ID: "spring", Scenario: "tokyo-loss", Months: []int{1}, Goals: []programme.Goal{
		{ID: "recorded", Expect: `run.started_by == "sato"`}, {ID: "manners", Text: plan.Text{EN: "Nobody shouts", JA: "誰も怒鳴らない"}, Judge: "commander"}}}}}}
	l.server.Plans = year
	p, err := files{}.Compile("tokyo-loss", run.Tabletop)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	at := l.now.AddDate(0, 0, -2)
	for id, ended := range map[string]bool{"drl-1": true, "drl-2": false, "drl-3": true, "drl-0": true} {
		at := at
		switch id {
		case "drl-0": // before the month of its row
			at = at.AddDate(0, -1, 0)
		case "drl-2", "drl-3": // after the one that held it
			at = at.Add(2 * time.Hour)
		}
		events := []run.Event{{Run: id, Writer: "run", Seq: 1, Kind: run.RunStarted, At: at, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: p.Hash})}}
		if ended {
			events = append(events, run.Event{Run: id, Writer: "run", Seq: 2, Kind: run.RunEnded, At: at.Add(time.Hour), By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
		}
		if err := l.store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	judge := func(person, about, goal string, v run.Verdict, why string) error {
		_, err := l.client.Write(l.as(person), api.WriteRequest{About: about, Item: run.GoalItem("spring", goal), Verdict: v, Text: why})
		return err
	}
	refusal(t, judge("sato", "drl-2", "manners", run.Met, "polite"), "has not ended")
	refusal(t, judge("tanaka", "drl-1", "manners", run.Met, "polite"), "does not have the role commander")
	refusal(t, judge("sato", "drl-1", "recorded", run.Met, "I say so"), "judged by the record")
	refusal(t, judge("sato", "drl-1", "grace", run.Met, "polite"), `no goal "grace"`)
	refusal(t, judge("sato", "drl-1", "manners", run.NotProven, "polite"), "met or missed")
	refusal(t, judge("sato", "drl-1", "manners", run.Met, " "), "empty")
	refusal(t, judge("sato", "drl-0", "manners", run.Met, "polite"), "drl-0 did not hold row spring")
	refusal(t, judge("sato", "drl-3", "manners", run.Met, "polite"), "drl-3 did not hold row spring")
	_, err = l.client.Write(l.as("sato"), api.WriteRequest{About: "drl-1", Item: "1.1", Verdict: run.Met, Text: "fine"})
	refusal(t, err, "Only a goal has a verdict")

	goal := func() (verdict run.Verdict, by string) {
		t.Helper()
		list, err := l.client.Goals(l.as("sato"), "spring", "drl-1")
		if err != nil || len(list) != 2 || list[0].Judged != nil {
			t.Fatalf("%+v, %v", list, err)
		}
		if list[1].Judged != nil {
			by = list[1].Judged.By + ": " + list[1].Judged.Text
		}
		return list[1].Verdict, by
	}
	if v, by := goal(); v != run.NotProven || by != "" {
		t.Errorf("nobody has judged it, and it is %s by %q", v, by)
	}
	if err := judge("sato", "drl-1", "manners", run.Missed, "two shouted"); err != nil {
		t.Fatal(err)
	}
	if v, by := goal(); v != run.Missed || by != "sato: two shouted" {
		t.Errorf("%s by %q", v, by)
	}
	l.now = l.now.Add(time.Hour)
	if err := judge("sato", "drl-1", "manners", run.Met, "they had to, there was a siren"); err != nil {
		t.Fatal(err)
	}
	if v, by := goal(); v != run.Met || by != "sato: they had to, there was a siren" {
		t.Errorf("%s by %q", v, by)
	}
	// What was judged is what the goal said then: of what it says now nobody has judged anything yet.
	manners := &year.p.Rows[0].Goals[1]
	before := manners.Text
	manners.Text = plan.Text{EN: "Everybody shouts", JA: "全員が怒鳴る"}
	list, err := l.client.Goals(l.as("sato"), "spring", "drl-1")
	if err != nil || list[1].Verdict != run.NotProven || list[1].Judged != nil || list[1].Why != (plan.Text{EN: "judged before the goal was changed", JA: "目標の変更前に判定された"}) {
		t.Errorf("after the goal was changed: %+v, %v", list[1], err)
	}
	l.now = l.now.Add(time.Hour)
	if err := judge("sato", "drl-1", "manners", run.Missed, "one whispered"); err != nil {
		t.Fatal(err)
	}
	if v, by := goal(); v != run.Missed || by != "sato: one whispered" {
		t.Errorf("judged anew: %s by %q", v, by)
	}
	manners.Text = before
	if v, by := goal(); v != run.Met || by != "sato: they had to, there was a siren" {
		t.Errorf("as it was before: %s by %q", v, by)
	}
}

// talked is the record of a drill by sato that was talked through in an hour.
func (l *lessons) talked(id string, at time.Time, s run.Started) {
	l.t.Helper()
	s.Kind, s.Depth, s.Scenario, s.Hazard = run.Drill, run.Tabletop, "tokyo-loss", run.Disaster
	if err := l.store.Append(l.t.Context(), []run.Event{
		{Run: id, Writer: "run", Seq: 1, Kind: run.RunStarted, At: at, By: "sato", Data: run.Encode(s)},
		{Run: id, Writer: "run", Seq: 2, Kind: run.RunEnded, At: at.Add(time.Hour), By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})}}); err != nil {
		l.t.Fatal(err)
	}
}

// year is the yearly report as sato reads it.
func (l *lessons) year() (y overview.Year) {
	l.t.Helper()
	b, err := l.client.Overview(l.as("sato"), "year", api.ReportOf{}, "json", "en")
	if err != nil {
		l.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		l.t.Fatal(err)
	}
	return y
}

// A year is shown whatever became of the records of its runs: where one was removed after its time, or can't
// be read, the goals of its row are not proven, and the page says why in the reader's language.
func TestAYearIsShownWhenARecordIsGone(t *testing.T) {
	l := newLessons(t)
	row := func(id string, month int) programme.Row {
		return programme.Row{ID: id, Scenario: "tokyo-loss", Months: []int{month}, Goals: []programme.Goal{{ID: "recorded", Expect: `run.started_by == "sato"`}}}
	}
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{row("autumn", 10), row("winter", 11), row("spring", 12)}}}
	p, err := files{}.Compile("tokyo-loss", run.Tabletop)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for i, hash := range []string{p.Hash, "a plan that is nowhere", p.Hash} {
		at := time.Date(2026, time.Month(10+i), 10, 3, 0, 0, 0, time.UTC)
		id := []string{"drl-1", "drl-2", "drl-3"}[i]
		l.talked(id, at, run.Started{PlanHash: hash})
	}
	if err := l.store.RemoveRun(t.Context(), "drl-1", l.now); err != nil {
		t.Fatal(err)
	}
	y := l.year()
	if len(y.Goals) != 3 {
		t.Fatalf("goals of %d rows, want of 3: %+v", len(y.Goals), y.Goals)
	}
	for i, want := range []struct {
		verdict run.Verdict
		why     plan.Text
	}{
		{run.NotProven, plan.Text{EN: "the run's record was removed after its time", JA: "実施の記録が保存期間の満了により削除されている"}},
		{run.NotProven, plan.Text{EN: "the run's record or its plan can't be read", JA: "実施の記録または計画を読み取れない"}},
		{run.Met, plan.Text{}},
	} {
		if g := y.Goals[i].Goals; len(g) != 1 || g[0].Verdict != want.verdict || g[0].Why != want.why {
			t.Errorf("row %s: %+v, want %s because %q", y.Goals[i].Row, g, want.verdict, want.why)
		}
	}
}

// Goals that the record has are not proven where it can't be judged, also when the files ask for none or others by now: a goal that was
// missed is not mended by taking it out.
func TestGoalsOfARecordAreNotForgotten(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
		{ID: "autumn", Scenario: "tokyo-loss", Months: []int{10}}, {ID: "winter", Scenario: "tokyo-loss", Months: []int{11}},
		{ID: "spring", Scenario: "tokyo-loss", Months: []int{12}, Goals: []programme.Goal{{ID: "easier", Expect: `run.started_by != ""`}}}}}}
	set := []run.Goal{{ID: "recorded", Expect: `run.started_by == "sato"`}}
	for i, goals := range [][]run.Goal{set, nil, set} {
		at := time.Date(2026, time.Month(10+i), 10, 3, 0, 0, 0, time.UTC)
		id := []string{"drl-1", "drl-2", "drl-3"}[i]
		l.talked(id, at, run.Started{PlanHash: "a plan that is nowhere", Rows: []run.RowGoals{{Row: []string{"autumn", "winter", "spring"}[i], Goals: goals}}})
	}
	y := l.year()
	var got []string
	for _, row := range y.Goals {
		for _, g := range row.Goals {
			got = append(got, fmt.Sprintf("%s %s %s", row.Row, g.ID, g.Verdict))
		}
	}
	if want := []string{"autumn recorded not_proven", "spring recorded not_proven"}; !slices.Equal(got, want) {
		t.Errorf("goals %q, want %q", got, want)
	}
}

// What people held without a run has goals as well: whoever has the role judges them of its record, and the year has it.
// What a run would have shown is not proven.
func TestGoalsOfWhatPeopleHeldAreJudged(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka", Rows: []programme.Row{{ID: "paper", Months: []int{1}, Planner: "tanaka", ByHand: true, Goals: []programme.Goal{
		{ID: "two-hours", Text: plan.Text{EN: "Paper lasts for two hours"}, Judge: "commander"}, {ID: "met", Expect: `run.verdict == "met"`}}}}}}
	judge := func(person, about, goal string) error {
		_, err := l.client.Write(l.as(person), api.WriteRequest{About: about, Item: run.GoalItem("paper", goal), Verdict: run.Met, Text: "until noon"})
		return err
	}
	refusal(t, judge("sato", "occasion-paper-by-hand-2027-01-15", "two-hours"), "no run")
	r, err := l.client.RowHeld(l.as("tanaka"), "paper", api.HeldRequest{Reason: "orders on paper"})
	if err != nil {
		t.Fatal(err)
	}
	refusal(t, judge("tanaka", r.ID, "two-hours"), "does not have the role commander")
	refusal(t, judge("sato", r.ID, "met"), "judged by the record")
	_, err = l.client.Write(l.as("sato"), api.WriteRequest{About: r.ID, Item: "1.1", Text: "fine"})
	refusal(t, err, "no run")
	if err := judge("sato", r.ID, "two-hours"); err != nil {
		t.Fatal(err)
	}
	y := l.year()
	if c := y.Counts; c.Goals != 2 || c.GoalsMet != 1 || c.GoalsUnproven != 1 || y.Goals[0].Goals[0].Judged == nil || y.Goals[0].Goals[0].Judged.By != "sato" {
		t.Errorf("%+v, %+v", c, y.Goals)
	}
	if list, err := l.client.Goals(l.as("sato"), "paper", r.ID); err != nil || len(list) != 2 || list[0].Verdict != run.Met {
		t.Errorf("%+v, %v", list, err)
	}
}
