package api_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// A goal that no record can judge is judged by whoever has its role, with a reason, and the last word counts.
// What the record judges, and what is no goal, nobody judges.
func TestAGoalIsJudgedByItsRole(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{{ID: "spring", Scenario: "tokyo-loss", Goals: []programme.Goal{
		{ID: "recorded", Expect: `run.started_by == "sato"`}, {ID: "manners", Judge: "commander"}}}}}}
	p, err := files{}.Compile("tokyo-loss", run.Tabletop)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	at := l.now.AddDate(0, 0, -2)
	for id, ended := range map[string]bool{"drl-1": true, "drl-2": false} {
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
}
