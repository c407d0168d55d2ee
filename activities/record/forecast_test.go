package record

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Only what a step itself showed to be done counts, once a run, and not the run that asks.
func TestForecastReadsPastRuns(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	seq := int64(0)
	put := func(id string, e run.Event) {
		t.Helper()
		seq++
		at = at.Add(time.Second)
		e.Run, e.Writer, e.Seq, e.At = id, "run", seq, at
		if err := store.Append(t.Context(), []run.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(id string, kind run.Kind) {
		put(id, run.Event{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: kind, Scenario: "lost"})})
	}
	end := func(id string) {
		put(id, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})})
	}
	step := func(id, name string, took float64, change func(*run.Event, *run.StepResult)) {
		e := run.Event{Kind: run.StepEnded, Runbook: "failover", Step: name, Action: "db." + name, By: run.Engine, Outcome: run.Passed}
		r := run.StepResult{SettledBy: run.ByResult, DurationS: took}
		if change != nil {
			change(&e, &r)
		}
		e.Data = run.Encode(r)
		put(id, e)
	}
	for i := range 20 {
		id := fmt.Sprintf("lost-%d", i+1)
		begin(id, run.Drill)
		step(id, "promote", float64(i+1), nil) // 1 to 20
		step(id, "fence", 1, func(e *run.Event, _ *run.StepResult) { e.Outcome = run.Failed })
		step(id, "fence", 1, func(_ *run.Event, r *run.StepResult) { r.SettledBy = run.ByPerson })
		step(id, "fence", 1, func(_ *run.Event, r *run.StepResult) { r.Already = true })
		step(id, "tell", 1, func(e *run.Event, r *run.StepResult) {
			e.By, r.SettledBy = run.Simulated("sato"), run.ByAcknowledge
		})
		end(id)
	}
	begin("lost-real-1", run.Response)
	step("lost-real-1", "promote", 21, nil)
	step("lost-real-1", "promote", 99, nil)
	end("lost-real-1")
	put("lost-read", run.Event{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Walkthrough, Scenario: "lost"})})
	step("lost-read", "promote", 4, func(_ *run.Event, r *run.StepResult) { r.SettledBy = run.ByAcknowledge }) // read, not run
	end("lost-read")
	begin("lost-real-2", run.Response) // asks
	step("lost-real-2", "promote", 1000, nil)

	got, err := Deps{Store: store}.Forecast(t.Context(), plan.ForecastRequest{Run: "lost-real-2", Scenario: "lost", Runbooks: []string{"failover"}})
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Timing{Runbook: "failover", Step: "promote", Action: "db.promote", MedianS: 11, P95S: 20, Drills: 20, Real: 1}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v; want only %+v", got, want)
	}
}

// Times of isolated drills and of the systems themselves are never put together, and people's of announced drills
// and of the real thing only while there are too few of either.
func TestForecastPutsOnlyOneKindTogether(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	begin := func(id string, kind run.Kind, depth run.Depth) {
		t.Helper()
		at = at.Add(time.Hour)
		if err := store.Append(t.Context(), []run.Event{{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: kind, Depth: depth, Scenario: "lost"})}}); err != nil {
			t.Fatal(err)
		}
	}
	past := func(id string, kind run.Kind, depth run.Depth, machine, people float64) {
		t.Helper()
		begin(id, kind, depth)
		ended := func(seq int64, step, action string, by run.SettledBy, took float64) run.Event {
			return run.Event{Run: id, Writer: "run", Seq: seq, At: at, Kind: run.StepEnded, Runbook: "failover", Step: step, Action: action, By: "sato", Outcome: run.Passed, Data: run.Encode(run.StepResult{SettledBy: by, DurationS: took})}
		}
		if err := store.Append(t.Context(), []run.Event{ended(2, "promote", "db.promote", run.ByResult, machine), ended(3, "tell", "human.task", run.ByAcknowledge, people),
			{Run: id, Writer: "run", Seq: 4, At: at, Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})}}); err != nil {
			t.Fatal(err)
		}
	}
	forecast := func(id string, kind run.Kind, depth run.Depth) string {
		t.Helper()
		begin(id, kind, depth)
		got, err := Deps{Store: store}.Forecast(t.Context(), plan.ForecastRequest{Run: id, Scenario: "lost", Runbooks: []string{"failover"}})
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, x := range got {
			out += fmt.Sprintf("%s %.0f (%d drills, %d real) ", x.Step, x.MedianS, x.Drills, x.Real)
		}
		return out
	}
	for i := range 5 {
		past(fmt.Sprintf("live-%d", i), run.Drill, run.Live, 10, 60)
		past(fmt.Sprintf("isolated-%d", i), run.Drill, run.IsolatedRun, 1000, 600)
	}
	for i := range 2 {
		past(fmt.Sprintf("real-%d", i), run.Response, run.Real, 20, 900)
	}
	for _, c := range []struct{ ask, got, want string }{
		{"a live drill", forecast("ask-1", run.Drill, run.Live), "promote 10 (5 drills, 2 real) tell 60 (5 drills, 0 real) "},
		{"an isolated one", forecast("ask-2", run.Drill, run.IsolatedRun), "promote 1000 (5 drills, 0 real) tell 600 (5 drills, 0 real) "},
		{"the real thing, after two", forecast("ask-3", run.Response, run.Real), "promote 10 (5 drills, 2 real) tell 60 (5 drills, 2 real) "},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.ask, c.got, c.want)
		}
	}
	past("real-3", run.Response, run.Real, 20, 900)
	if got, want := forecast("ask-4", run.Response, run.Real), "promote 10 (5 drills, 3 real) tell 900 (0 drills, 3 real) "; got != want {
		t.Errorf("the real thing, after three: %s, want %s", got, want)
	}
}
