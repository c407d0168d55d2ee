package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// A readiness check ends weeks before the drill whose whole plan it looks at. Who may not read the
// scenario reads the check no more than that; nor the check for the real thing, whose plan is
// not blind.
func TestCheckOfABlindScenarioTellsNothingOfIt(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, blindFiles{})
	me := w.inProcess()
	tanaka := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "token 1"})
	for _, real := range []bool{false, true} {
		if _, err := me.Check(tanaka, "tokyo-loss", api.CheckRequest{By: "tanaka", Real: real}); err != nil {
			t.Fatal(err)
		}
	}
	checks, err := me.Runs(tanaka, journal.Filter{Kind: run.Readiness})
	if err != nil || len(checks) != 2 {
		t.Fatalf("the facilitator's checks: %+v %v", checks, err)
	}
	if one, err := me.Runs(tanaka, journal.Filter{Kind: run.Readiness, Limit: 1}); err != nil || len(one) != 1 || one[0].Run != checks[0].Run {
		t.Errorf("the newest check: %+v %v", one, err)
	}
	sees := func(ctx context.Context, id string) (seen []string) {
		if r, err := me.Run(ctx, id); err != nil {
			t.Fatal(err)
		} else if r.Overview.Title.EN != "Blind drill" {
			seen = append(seen, "overview")
		}
		if p, err := me.RunPlan(ctx, id); err != nil {
			t.Fatal(err)
		} else if p.Scenario.Title.EN != "Blind drill" {
			seen = append(seen, "plan")
		}
		if _, err := me.Report(ctx, id, "text", "en"); err == nil {
			seen = append(seen, "report")
		}
		e, err := me.Events(ctx, id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range e.Entries {
			if x.Event.Kind == run.ReadinessChecked {
				seen = append(seen, "what was found")
			}
		}
		return seen
	}
	for who, ctx := range map[string]context.Context{
		"a participant": identity.With(t.Context(), identity.Actor{Person: "sato", Via: "token 2"}),
		"the console":   identity.With(t.Context(), identity.Actor{Console: true, Via: "console"}),
	} {
		if list, err := me.Runs(ctx, journal.Filter{Kind: run.Readiness}); err != nil || len(list) > 0 {
			t.Errorf("%s is given the checks: %+v %v", who, list, err)
		}
		for _, x := range checks {
			if got := sees(ctx, x.Run); len(got) > 0 {
				t.Errorf("%s sees %v of %s", who, got, x.Run)
			}
		}
	}
	for _, x := range checks {
		if got := sees(tanaka, x.Run); len(got) != 4 {
			t.Errorf("the facilitator sees only %v of %s", got, x.Run)
		}
	}
}

// The yearly plan is everybody's to read. Of a blind row it tells when and with whom, and to its
// planner alone what it will bring; a row without a title is called by its content.
func TestProgrammeTellsNothingOfBlindRows(t *testing.T) {
	y := newYear(t)
	surprise, plain := row("surprise", ago(0)), row("plain", ago(0))
	surprise.Spec.Blind = &programme.Window{Days: 3, From: "00:00", To: "23:59", By: "sato"}
	for _, r := range []*programme.Row{&surprise, &plain} {
		r.Content = plan.Text{EN: "Tokyo loses power at noon", JA: "正午に東京が停電"}
		r.Title, r.Spec.Title, r.Remarks = r.Content, r.Content, plan.Text{EN: "the commander is out", JA: "指揮者は不在"}
		r.Goals = []programme.Goal{{ID: "g", Expect: `report.systems[0].rto.actual_s < 600.0`}}
		r.Assumptions = []string{"no power in Tokyo"}
	}
	y.plans.set(surprise, plain)
	told := func(a identity.Actor) (rows, items string) {
		ctx := identity.With(t.Context(), a)
		p, err := y.handler.Programme(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c, err := y.handler.Coverage(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if row, _ := p.Row("plain"); len(row.Systems) == 0 || len(row.Goals) == 0 || row.Content.EN != plain.Content.EN {
			t.Errorf("a row that is not blind is withheld: %+v", row)
		}
		c.Items = slices.DeleteFunc(c.Items, func(it programme.Item) bool { return it.Row != "surprise" })
		if len(c.Items) == 0 {
			t.Fatal("the coverage has nothing of the row")
		}
		row, _ := p.Row("surprise")
		a1, err1 := json.Marshal(row)
		a2, err2 := json.Marshal(c.Items)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return string(a1), string(a2)
	}
	for who, a := range map[string]identity.Actor{"a participant": {Person: "sato", Via: "token 2"}, "the console": {Console: true, Via: "console"}} {
		rows, items := told(a)
		for _, word := range []string{"orders", "tokyo-loss", "power", "noon", "out", "report.systems", "停電", "不在"} {
			if strings.Contains(rows, word) || strings.Contains(items, word) {
				t.Errorf("%s reads %q:\n%s\n%s", who, word, rows, items)
			}
		}
	}
	if rows, items := told(identity.Actor{Person: "tanaka", Via: "token 1"}); !strings.Contains(rows, "orders") || !strings.Contains(rows, "report.systems") || !strings.Contains(items, "noon") {
		t.Errorf("the planner reads only %s\n%s", rows, items)
	}
}

// blindPlanned is a yearly plan beside scenarios of which tokyo-loss is blind.
type blindPlanned struct{ *planned }

func (blindPlanned) Scenarios() ([]api.Scenario, error) { return blindFiles{}.Scenarios() }

// What a row came to that was held by word and is in the plan no more is the same for everybody: that a run could have shown it is told
// also to those who may not read which.
func TestAWordOnABlindRowThatIsGoneIsTheSameForEverybody(t *testing.T) {
	l := newLessons(t)
	plans := &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Planner: "tanaka"}}
	l.server.Plans = blindPlanned{plans}
	plans.set(programme.Row{ID: "surprise", Scenario: "tokyo-loss", Months: []int{1}, Planner: "tanaka", ByHand: true})
	if _, err := l.client.RowHeld(l.as("tanaka"), "surprise", api.HeldRequest{Reason: "on paper"}); err != nil {
		t.Fatal(err)
	}
	l.now = l.now.AddDate(0, 6, 0) // that year is over
	for name, rows := range map[string][]programme.Row{
		"gone":    nil,
		"renamed": {{ID: "desk", Was: []string{"surprise"}, Months: []int{3}, Planner: "tanaka", ByHand: true}},
	} {
		plans.set(rows...)
		for who, scenario := range map[string]string{"tanaka": "tokyo-loss", "suzuki": ""} {
			c, err := l.client.Coverage(l.as(who), 2026)
			if err != nil {
				t.Fatal(err)
			}
			held := slices.DeleteFunc(c.Items, func(i programme.Item) bool { return i.Occasion == "" })
			if len(held) != 1 || !held[0].Unproven || held[0].Scenario != scenario {
				t.Errorf("%s, %s: %+v", name, who, c.Items)
			}
		}
	}
}

// The list of due days names the scenario of a blind drill to nobody but who may read it, neither in words
// nor by what asking for it finds, before the drill is over.
func TestDueDaysTellNoBlindScenario(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = blindPlanned{&planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
		{ID: "surprise", Scenario: "tokyo-loss", Planner: "sato"}}}}}
	at := l.now.Add(-24 * time.Hour)
	put := func(id string, kind run.Kind, more ...run.Event) {
		t.Helper()
		events := append([]run.Event{{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: kind, Scenario: "tokyo-loss"})}}, more...)
		for i := range events {
			events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", int64(i+1), at
		}
		if err := l.store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	due := func(row string, blind bool) run.Event {
		return run.Event{Kind: run.OccasionDue, Data: run.Encode(run.Due{Schedule: row, Programme: "test", Scenario: "tokyo-loss", Nominal: at, At: at, Blind: blind})}
	}
	held := func(id string) []run.Event {
		return []run.Event{due("surprise", true), {Kind: run.OccasionHeld, Data: run.Encode(run.OccasionRun{Run: id})}, {Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})}}
	}
	put("over", run.Occasion, held("drl-1")...)
	put("drl-1", run.Drill, run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
	put("begun", run.Occasion, held("drl-2")...)
	put("drl-2", run.Drill)
	put("near", run.Occasion, due("surprise", true))
	put("undrawn", run.Occasion, due("surprise", false)) // of a blind scenario, on a day that is no secret
	for who, want := range map[string]struct {
		actor identity.Actor
		named []string // newest first
	}{
		"a participant":   {identity.Actor{Person: "suzuki", Via: "token 1"}, []string{"over"}},
		"the console":     {identity.Actor{Console: true, Via: "console"}, []string{"over"}},
		"the facilitator": {identity.Actor{Person: "tanaka", Via: "token 2"}, []string{"undrawn", "over"}},
		"the planner":     {identity.Actor{Person: "sato", Via: "token 3"}, []string{"near", "begun", "over"}},
	} {
		ctx := identity.With(t.Context(), want.actor)
		all, err := l.client.Runs(ctx, journal.Filter{Kind: run.Occasion})
		if err != nil || len(all) != 4 {
			t.Fatalf("%s: %+v, %v", who, all, err)
		}
		asked, err := l.client.Runs(ctx, journal.Filter{Kind: run.Occasion, Scenario: "tokyo-loss"})
		if err != nil {
			t.Fatal(err)
		}
		one, err := l.client.Runs(ctx, journal.Filter{Kind: run.Occasion, Scenario: "tokyo-loss", Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		var named, found []string
		for _, x := range all {
			if x.Scenario != "" {
				named = append(named, x.Run)
			}
		}
		for _, x := range asked {
			found = append(found, x.Run)
		}
		if !slices.Equal(named, want.named) || !slices.Equal(found, want.named) {
			t.Errorf("%s is named the scenario of %v and finds %v by it, want %v", who, named, found, want.named)
		}
		if len(one) != 1 || one[0].Run != want.named[0] {
			t.Errorf("%s, asking for one, finds %+v, want %s", who, one, want.named[0])
		}
	}
	put("by-hand", run.Occasion, due("surprise", false), run.Event{Kind: run.OccasionHeld, Data: run.Encode(run.OccasionRun{On: "2027-01-14"})}, run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})})
	for who, actor := range map[string]identity.Actor{"a participant": {Person: "suzuki", Via: "token 1"}, "the console": {Console: true, Via: "console"}, "the facilitator": {Person: "tanaka", Via: "token 2"}} {
		list, err := l.client.Occasions(identity.With(t.Context(), actor), false)
		if err != nil || len(list) != 5 {
			t.Fatalf("%s: %+v, %v", who, list, err)
		}
		for _, r := range list {
			if may := r.ID == "over" || actor.Person == "tanaka" && !r.Due.Blind; (r.Due.Scenario != "") != may {
				t.Errorf("%s reads of %s the scenario %q", who, r.ID, r.Due.Scenario)
			}
		}
	}
}
