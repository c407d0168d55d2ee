package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// A slip of row or day is taken back with a reason, and can be recorded rightly, also where the day was read before. The
// record keeps all of it.
func TestWhatWasRecordedByHandIsTakenBack(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka", Rows: []programme.Row{{ID: "review", Months: []int{1}, Planner: "tanaka", ByHand: true}}}}
	status := func() programme.Item {
		t.Helper()
		c, err := l.client.Coverage(l.as("tanaka"), 2026)
		if err != nil || len(c.Items) != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.Items[0]
	}
	day := l.now.In(time.FixedZone("JST", 9*3600)).AddDate(0, 0, -1).Format(time.DateOnly)
	in := func(reason string) api.HeldRequest { return api.HeldRequest{On: day, Reason: reason} }
	_, err := l.client.WithdrawHeld(l.as("tanaka"), "review", in("nothing"))
	refusal(t, err, "Nobody has recorded that review was held on "+day)
	if _, err := l.client.RowHeld(l.as("tanaka"), "review", in("all read")); err != nil {
		t.Fatal(err)
	}
	if i := status(); i.Status != programme.HeldThen || i.By != "tanaka" || i.Reason != "all read" || !i.RecordedAt.Equal(l.now) || i.Unproven {
		t.Errorf("recorded: %+v", i)
	}
	_, err = l.client.RowHeld(l.as("tanaka"), "review", in("again"))
	refusal(t, err, "in the record already")
	_, err = l.client.WithdrawHeld(l.as("sato"), "review", in("I was not there"))
	refusal(t, err, "does not see to the programme")
	_, err = l.client.WithdrawHeld(l.as("tanaka"), "review", in(" "))
	refusal(t, err, "Why it is taken back is missing")

	l.now = l.now.Add(time.Minute)
	r, err := l.client.WithdrawHeld(l.as("tanaka"), "review", in("it was last year's"))
	if err != nil || r.State != run.NotHeld || r.Withdrawn == nil || r.Withdrawn.By != "tanaka" || r.Withdrawn.Reason != "it was last year's" || r.Reason != "all read" {
		t.Errorf("%+v, %v", r, err)
	}
	if i := status(); i.Status == programme.HeldThen || i.By != "" {
		t.Errorf("taken back: %+v", i)
	}
	_, err = l.client.WithdrawHeld(l.as("tanaka"), "review", in("once more"))
	refusal(t, err, "taken back already")
	l.now = l.now.Add(time.Minute)
	if _, err := l.client.RowHeld(l.as("tanaka"), "review", in("held after all")); err != nil {
		t.Fatal(err)
	}
	if i := status(); i.Status != programme.HeldThen || i.Reason != "held after all" || !i.RecordedAt.Equal(l.now) {
		t.Errorf("recorded again: %+v", i)
	}
	kept, err := l.store.Events(t.Context(), "occasion-review-by-hand-"+day, 0, 0)
	if err != nil || len(kept) != 8 {
		t.Errorf("the record has %d events, %v: want all that was said", len(kept), err)
	}
}

// The plan says of a drill in which the engine answered for people that it did.
func TestCoverageMarksSimulatedPeople(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{{ID: "safety", Kind: "safety-report", Scenario: "tokyo-loss", Times: 1, ByHand: true}}}}
	at := l.now.AddDate(0, 0, -2)
	if err := l.store.Append(t.Context(), []run.Event{
		{Run: "drl-1", Writer: "run", Seq: 1, Kind: run.RunStarted, At: at.Add(-time.Hour), By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Simulated: true})},
		{Run: "drl-1", Writer: "run", Seq: 2, Kind: run.RunEnded, At: at, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})}}); err != nil {
		t.Fatal(err)
	}
	l.ended("drl-1", at, true)
	look := func() programme.Item {
		t.Helper()
		c, err := l.client.Coverage(l.as("sato"), 2026)
		if err != nil || len(c.Items) != 1 || c.Items[0].Run != "drl-1" {
			t.Fatalf("%+v, %v", c, err)
		}
		return c.Items[0]
	}
	if i := look(); i.Simulated || i.Unproven {
		t.Errorf("with people: %+v", i)
	}
	list, err := outcome.List(t.Context(), l.store, journal.OutcomeFilter{Run: "drl-1"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	list[0].People.Simulated = true
	if err := outcome.Put(t.Context(), l.store, list[0]); err != nil {
		t.Fatal(err)
	}
	if i := look(); !i.Simulated || !i.Unproven {
		t.Errorf("with nobody: %+v", i)
	}
}

// The bounds of the programme's year, its days, quarters and number are of one time zone, whatever the estate's is.
func TestAYearIsOfTheProgrammesZone(t *testing.T) {
	l := newLessons(t)
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 1, Zone: "Pacific/Auckland", Rows: []programme.Row{{ID: "review", Title: plan.Text{EN: "review"}, Months: []int{1}, ByHand: true}}}}
	l.ended("drl-1", time.Date(2026, 1, 1, 2, 0, 0, 0, zone), true) // New Year's Eve in Tokyo
	b, err := l.client.Overview(l.as("sato"), "year", api.ReportOf{Fiscal: 2026}, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	var y overview.Year
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	if y.Fiscal != 2026 || y.From != "2026-01-01" || y.To != "2026-12-31" || y.Planned[0].Due != "2026-01-01" || y.Counts.Runs != 1 || len(y.Quarters) != 1 || y.Quarters[0].Quarter != "2026-Q1" {
		t.Errorf("fiscal %d from %s to %s, due %s, %d runs, quarters %+v", y.Fiscal, y.From, y.To, y.Planned[0].Due, y.Counts.Runs, y.Quarters)
	}
}

// What people recorded and judged of a row is judged and taken back under its new name, where the row says what it was.
func TestAWordFollowsARenamedRow(t *testing.T) {
	l := newLessons(t)
	plans := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka"}}
	called := func(id string, was ...string) {
		plans.set(programme.Row{ID: id, Was: was, Scenario: "tokyo-loss", Months: []int{1}, Planner: "tanaka", ByHand: true, Goals: []programme.Goal{
			{ID: "two-hours", Text: plan.Text{EN: "Paper lasts for two hours"}, Judge: "commander"}, {ID: "all", Text: plan.Text{EN: "All were there"}, Judge: "commander"}}})
	}
	l.server.Plans = plans
	judge := func(row, about, goal string) {
		t.Helper()
		if _, err := l.client.Write(l.as("sato"), api.WriteRequest{About: about, Item: run.GoalItem(row, goal), Verdict: run.Met, Text: "until noon"}); err != nil {
			t.Fatal(err)
		}
	}
	called("paper")
	r, err := l.client.RowHeld(l.as("tanaka"), "paper", api.HeldRequest{Reason: "orders on paper"})
	if err != nil {
		t.Fatal(err)
	}
	judge("paper", r.ID, "two-hours")
	called("desk", "paper")
	c, err := l.client.Coverage(l.as("tanaka"), 0)
	if err != nil || len(c.Items) != 1 || c.Items[0].Row != "desk" || !c.Items[0].ByWord() {
		t.Fatalf("%+v, %v", c.Items, err)
	}
	judge("desk", r.ID, "all")
	called("till", "paper", "desk")
	if list, err := l.client.Goals(l.as("sato"), "till", r.ID); err != nil || len(list) != 2 || list[0].Verdict != run.Met || list[1].Verdict != run.Met {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = l.client.RowHeld(l.as("tanaka"), "till", api.HeldRequest{Reason: "once more"})
	refusal(t, err, "in the record already")
	if r, err := l.client.WithdrawHeld(l.as("tanaka"), "till", api.HeldRequest{Reason: "it was another row"}); err != nil || r.Due.Schedule != "paper" || r.Withdrawn == nil {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = l.client.WithdrawHeld(l.as("tanaka"), "till", api.HeldRequest{Reason: "once more"})
	refusal(t, err, "taken back already")
	if r, err := l.client.RowHeld(l.as("tanaka"), "till", api.HeldRequest{Reason: "held after all"}); err != nil || r.Due.Schedule != "till" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A word on a row that was taken out is none on the one that stood beside it: nobody finds it recorded already, takes it
// back or judges it there.
func TestAWordOnARowIsNoneOnItsSibling(t *testing.T) {
	l := newLessons(t)
	plans := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka"}}
	l.server.Plans = plans
	row := func(id string) programme.Row {
		return programme.Row{ID: id, Scenario: "tokyo-loss", Months: []int{1}, Planner: "tanaka", ByHand: true, Goals: []programme.Goal{{ID: "all", Text: plan.Text{EN: "All were there"}, Judge: "commander"}}}
	}
	plans.set(row("paper-a"), row("paper-b"))
	r, err := l.client.RowHeld(l.as("tanaka"), "paper-a", api.HeldRequest{Reason: "orders on paper"})
	if err != nil {
		t.Fatal(err)
	}
	plans.set(row("paper-b"))
	c, err := l.client.Coverage(l.as("tanaka"), 0)
	if err != nil || len(c.Items) != 2 || c.Items[0].Row != "paper-b" || c.Items[0].Status != programme.Planned || c.Items[1].Row != "paper-a" || !c.Items[1].ByWord() {
		t.Errorf("%+v, %v", c.Items, err)
	}
	_, err = l.client.Goals(l.as("sato"), "paper-b", r.ID)
	refusal(t, err, "no run")
	_, err = l.client.WithdrawHeld(l.as("tanaka"), "paper-b", api.HeldRequest{Reason: "it was another row"})
	refusal(t, err, "Nobody has recorded that paper-b was held")
	if _, err := l.client.RowHeld(l.as("tanaka"), "paper-b", api.HeldRequest{Reason: "orders on paper there too"}); err != nil {
		t.Error(err)
	}
}

// What is due for each person who comes is held for somebody.
func TestAnArrivalsRowIsHeldForSomebody(t *testing.T) {
	l := newLessons(t)
	plans := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka"}}
	l.server.Plans = plans
	training := programme.Row{ID: "training", Planner: "tanaka", ByHand: true, Arrivals: &programme.Arrival{Within: run.Duration(30 * 24 * time.Hour)}}
	plans.set(training)
	_, err := l.client.RowHeld(l.as("tanaka"), "training", api.HeldRequest{Reason: "all briefed"})
	refusal(t, err, "Say for whom it was held with --for")
	if _, err := l.client.RowHeld(l.as("tanaka"), "training", api.HeldRequest{For: "sato", Reason: "briefed"}); err != nil {
		t.Error(err)
	}
	training.Months = []int{1} // and for all in January
	plans.set(training)
	if _, err := l.client.RowHeld(l.as("tanaka"), "training", api.HeldRequest{Reason: "all briefed"}); err != nil {
		t.Error(err)
	}
}

// blindPlans is a plans directory with a programme and a blind scenario.
type blindPlans struct{ *planned }

func (blindPlans) Scenarios() ([]api.Scenario, error) { return blindFiles{}.Scenarios() }

// Whoever may not see the scenario reads of a renamed row what its planner reads; the hint that a row may be one that is
// gone is for who sees the scenario, by which that can be told.
func TestARenamedRowIsHeldForWhoeverReads(t *testing.T) {
	l := newLessons(t)
	plans := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka", From: calendar.Date{Year: 2026, Month: time.June, Day: 1}}}
	l.server.Plans = blindPlans{plans}
	row := func(id, scenario string, month int, was ...string) programme.Row {
		return programme.Row{ID: id, Was: was, Scenario: scenario, Months: []int{month}, Planner: "tanaka", ByHand: true}
	}
	plans.set(row("paper", "tokyo-loss", 1))
	if _, err := l.client.RowHeld(l.as("tanaka"), "paper", api.HeldRequest{Reason: "orders on paper"}); err != nil {
		t.Fatal(err)
	}
	plans.set(row("desk", "tokyo-loss", 1, "paper"))
	for _, who := range []string{"tanaka", "sato"} {
		c, err := l.client.Coverage(l.as(who), 0)
		if err != nil || len(c.Items) != 1 || c.Items[0].Row != "desk" || !c.Items[0].ByWord() || (c.Items[0].Scenario != "") != (who == "tanaka") {
			t.Errorf("%s reads %+v, %v", who, c.Items, err)
		}
	}
	plans.set(row("desk", "tokyo-loss", 11), row("review", "", 12))
	for who, want := range map[string]string{"tanaka": "desk", "sato": ""} {
		c, err := l.client.Coverage(l.as(who), 0)
		hinted := ""
		for _, i := range c.Items {
			for _, why := range i.Why {
				if strings.Contains(why.EN, "`was: NAME`") {
					hinted += i.Row
				}
			}
		}
		if err != nil || len(c.Items) != 3 || hinted != want {
			t.Errorf("%s reads a hint at %q, want at %q: %+v, %v", who, hinted, want, c.Items, err)
		}
	}
}
