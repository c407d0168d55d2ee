package journaltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// outcomeOf is that of a drill of orders, and of stock where that is named.
func outcomeOf(id string, ended time.Time, rto run.Verdict, systems ...string) journal.Outcome {
	o := journal.Outcome{Run: id, Version: 1, Kind: run.Drill, Depth: run.Live, Scenario: "fire", Hazard: run.Disaster, State: run.Recovered,
		Verdict: rto, StartedAt: ended.Add(-time.Hour), EndedAt: ended, Body: json.RawMessage(fmt.Sprintf(`{"run":%q,"verdict":%q,"besides":%d}`, id, rto, len(systems)))}
	for _, name := range append([]string{"orders"}, systems...) {
		o.Systems = append(o.Systems, journal.SystemOutcome{System: name, Verdict: rto, RTO: rto, RPO: run.NotProven, Failback: run.NoObjective,
			Body: json.RawMessage(`{"id":"` + name + `"}`)})
	}
	return o
}

func runsOf(list []journal.Outcome) string {
	var out []string
	for _, o := range list {
		out = append(out, o.Run)
	}
	return strings.Join(out, " ")
}

// What a run came to is found by system, scenario and time, and the newest proof of each
// system by property; keeping it again replaces it.
func testOutcomes(t *testing.T, s journal.Store) {
	ctx := t.Context()
	day := func(n int) time.Time {
		return noon.Add(time.Duration(n) * 24 * time.Hour).Add(123456 * time.Microsecond)
	}
	put := func(o journal.Outcome) {
		t.Helper()
		if err := s.PutOutcome(ctx, o); err != nil {
			t.Fatal(err)
		}
	}
	put(outcomeOf("r1", day(1), run.Met, "stock"))
	put(outcomeOf("r3", day(3), run.Missed, "stock"))
	other := outcomeOf("r2", day(2), run.Met)
	other.Scenario = "flood"
	put(other)
	put(other)
	for name, c := range map[string]struct {
		f    journal.OutcomeFilter
		want string
	}{
		"all":         {journal.OutcomeFilter{}, "r3 r2 r1"},
		"oldest":      {journal.OutcomeFilter{OldestFirst: true}, "r1 r2 r3"},
		"newest":      {journal.OutcomeFilter{Limit: 1}, "r3"},
		"scenario":    {journal.OutcomeFilter{Scenario: "fire"}, "r3 r1"},
		"system":      {journal.OutcomeFilter{System: "stock", Limit: 5}, "r3 r1"},
		"run":         {journal.OutcomeFilter{Run: "r2"}, "r2"},
		"after":       {journal.OutcomeFilter{After: day(1)}, "r3 r2"},
		"before":      {journal.OutcomeFilter{Before: day(3)}, "r2 r1"},
		"none":        {journal.OutcomeFilter{System: "mail"}, ""},
		"system then": {journal.OutcomeFilter{System: "orders", Scenario: "fire", After: day(0), Limit: 1}, "r3"},
	} {
		got, err := s.Outcomes(ctx, c.f)
		if err != nil || runsOf(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", name, runsOf(got), err, c.want)
		}
	}
	one, err := s.Outcomes(ctx, journal.OutcomeFilter{Run: "r1"})
	if err != nil || len(one) != 1 {
		t.Fatal(one, err)
	}
	if o := one[0]; o.Kind != run.Drill || o.Depth != run.Live || o.Hazard != run.Disaster || o.State != run.Recovered || o.Verdict != run.Met ||
		o.Version != 1 || !o.EndedAt.Equal(day(1)) || !o.StartedAt.Equal(day(1).Add(-time.Hour)) || string(o.Body) != `{"run":"r1","verdict":"met","besides":1}` {
		t.Errorf("read back: %+v", o)
	}
	of, err := s.SystemOutcomes(ctx, journal.OutcomeFilter{System: "orders", Limit: 2})
	if err != nil || len(of) != 2 || of[0].Run != "r3" || of[0].RTO != run.Missed || of[1].Run != "r2" || of[1].Scenario != "flood" || string(of[1].Body) != `{"id":"orders"}` {
		t.Errorf("of orders: %+v, %v", of, err)
	}
	met, err := s.LastJudged(ctx, "rto", run.Met)
	if err != nil || len(met) != 2 || met[0].System != "orders" || met[0].Run != "r2" || met[1].System != "stock" || met[1].Run != "r1" || !met[1].EndedAt.Equal(day(1)) {
		t.Errorf("last met: %+v, %v", met, err)
	}
	missed, err := s.LastJudged(ctx, "rto", run.Missed)
	if err != nil || len(missed) == 0 || missed[0].System != "orders" || missed[0].Run != "r3" {
		t.Errorf("last missed: %+v, %v", missed, err)
	}
	if met, err := s.LastJudged(ctx, "rpo", run.Met); err != nil || len(met) != 0 {
		t.Errorf("nothing met an RPO: %+v, %v", met, err)
	}
	if _, err := s.LastJudged(ctx, "run = run OR rto", run.Met); err == nil {
		t.Error("a property that there is not was looked for")
	}
	// Made anew: a system that the run did not recover after all is gone from it.
	put(outcomeOf("r1", day(1), run.Missed))
	if met, err := s.LastJudged(ctx, "rto", run.Met); err != nil || len(met) != 1 || met[0].Run != "r2" {
		t.Errorf("after r1 was made anew: %+v, %v", met, err)
	}
	// Who has read up to a position catches up with what was kept or changed since, and with nothing else.
	all, err := s.Outcomes(ctx, journal.OutcomeFilter{Bare: true})
	if err != nil {
		t.Fatal(err)
	}
	var newest int64
	for _, o := range all {
		newest = max(newest, o.Position)
		if string(o.Body) != "null" {
			t.Errorf("a bare outcome has the body %s", o.Body)
		}
	}
	put(outcomeOf("r1", day(1), run.Missed))
	if got, err := s.Outcomes(ctx, journal.OutcomeFilter{Since: newest}); err != nil || len(got) != 0 {
		t.Errorf("the same again is a change: %q, %v", runsOf(got), err)
	}
	put(outcomeOf("r1", day(1), run.NotProven))
	if got, err := s.Outcomes(ctx, journal.OutcomeFilter{Since: newest}); err != nil || runsOf(got) != "r1" {
		t.Errorf("changed since: %q, %v", runsOf(got), err)
	}
	// What of an outcome was changed otherwise is set right by keeping it again: the whole is in no body alone.
	if all, err = s.Outcomes(ctx, journal.OutcomeFilter{Bare: true}); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		newest = max(newest, o.Position)
	}
	columns, systems := outcomeOf("r1", day(1), run.NotProven), outcomeOf("r1", day(1), run.NotProven)
	columns.State = run.Cancelled
	systems.Systems[0].RTO = run.Met
	for _, changed := range []journal.Outcome{columns, systems, outcomeOf("r1", day(1), run.NotProven)} {
		put(changed)
		got, err := s.Outcomes(ctx, journal.OutcomeFilter{Since: newest})
		if err != nil || runsOf(got) != "r1" || got[0].State != changed.State {
			t.Fatalf("the same body, and another %+v: %+v, %v", changed, got, err)
		}
		newest = got[0].Position
		if of, err := s.SystemOutcomes(ctx, journal.OutcomeFilter{Run: "r1"}); err != nil || len(of) != 1 || of[0].RTO != changed.Systems[0].RTO {
			t.Errorf("its systems: %+v, %v", of, err)
		}
	}
	bad := outcomeOf("r4", day(4), run.Met)
	bad.Systems[0].Body = json.RawMessage(`{`)
	if err := s.PutOutcome(ctx, bad); err == nil {
		t.Error("half an outcome was taken")
	}
	if got, err := s.Outcomes(ctx, journal.OutcomeFilter{Run: "r4"}); err != nil || len(got) != 0 {
		t.Errorf("half an outcome was kept: %v, %v", got, err)
	}
}

// Ended drills and responses are due until they have an outcome of the version asked for; what
// goes on, and readiness checks, never are.
func testOutcomesDue(t *testing.T, s journal.Store) {
	ctx := t.Context()
	for i, kind := range []run.Kind{run.Drill, run.Response, run.Readiness, run.Drill} {
		id := fmt.Sprintf("r%d", i)
		events := []run.Event{Started(id, "fire", kind, noon)}
		if i < 3 {
			events = append(events, event(id, 2, run.RunEnded, run.Ended{State: run.Recovered}))
		}
		mustAppend(t, s, events...)
	}
	due := func(version int) []string {
		t.Helper()
		got, err := s.WithoutOutcome(ctx, version, 10)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := due(1); !slices.Equal(got, []string{"r0", "r1"}) {
		t.Errorf("due: %v", got)
	}
	if err := s.PutOutcome(ctx, outcomeOf("r0", noon, run.Met)); err != nil {
		t.Fatal(err)
	}
	if got := due(1); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("due once r0 is kept: %v", got)
	}
	if got := due(2); !slices.Equal(got, []string{"r0", "r1"}) {
		t.Errorf("due for the next version: %v", got)
	}
	if err := s.RemoveRun(ctx, "r0", noon); err != nil {
		t.Fatal(err)
	}
	if got := due(2); !slices.Equal(got, []string{"r1"}) {
		t.Errorf("due once the record of r0 was removed: %v", got)
	}
	if got, err := s.Outcomes(ctx, journal.OutcomeFilter{Run: "r0"}); err != nil || len(got) != 1 {
		t.Errorf("what r0 came to, once its record was removed: %v, %v", got, err)
	}
}
