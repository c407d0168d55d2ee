// Package journaltest is what every record store must do, whatever it keeps its
// records in.
package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Run runs the suite; open returns a new and empty store and closes it at the end.
func Run(t *testing.T, open func(t *testing.T) journal.Store) {
	for name, test := range map[string]func(*testing.T, journal.Store){
		"Plan":                  testPlan,
		"PlanTampered":          testPlanTampered,
		"AppendTwice":           testAppendTwice,
		"AppendInOtherWords":    testAppendInOtherWords,
		"AppendAllOrNothing":    testAppendAllOrNothing,
		"EventsInOrder":         testEventsInOrder,
		"EventsComeBackTheSame": testEventsComeBackTheSame,
		"Summary":               testSummary,
		"SummaryAnyOrder":       testSummaryAnyOrder,
		"RunsFiltered":          testRunsFiltered,
		"Token":                 testToken,
		"Concurrent":            testConcurrent,
		"Wait":                  testWait,
		"Documents":             testDocuments,
		"DocumentsAtOnce":       testDocumentsAtOnce,
		"AccessLog":             testAccessLog,
		"Outcomes":              testOutcomes,
		"OutcomesDue":           testOutcomesDue,
		"RemoveRun":             testRemoveRun,
		"OddNames":              testOddNames,
		"Ping":                  testPing,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Started is a run's first event, for tests of stores and of what reads them.
func Started(runID, scenario string, kind run.Kind, at time.Time) run.Event {
	return run.Event{Run: runID, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "aiko", Data: run.Encode(run.Started{
		Kind: kind, Depth: run.Live, Scenario: scenario, Hazard: run.Disaster, PlanHash: "0a1b"})}
}

var noon = time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)

func event(runID string, seq int64, kind run.EventKind, data any) run.Event {
	e := run.Event{Run: runID, Writer: "run", Seq: seq, At: noon.Add(time.Duration(seq) * time.Second), Kind: kind, By: run.Engine}
	if data != nil {
		e.Data = run.Encode(data)
	}
	return e
}

func mustAppend(t *testing.T, s journal.Store, events ...run.Event) {
	t.Helper()
	if err := s.Append(t.Context(), events); err != nil {
		t.Fatalf("append: %v", err)
	}
}

func mustEvents(t *testing.T, s journal.Store, runID string, after int64, limit int) []journal.Entry {
	t.Helper()
	entries, err := s.Events(t.Context(), runID, after, limit)
	if err != nil {
		t.Fatalf("events of %s: %v", runID, err)
	}
	return entries
}

func sealed(t *testing.T) plan.Plan {
	t.Helper()
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "quarterly", Title: plan.Text{JA: "四半期訓練 <髙橋>"}},
		Systems: []plan.System{{Name: "orders", Probes: []plan.Probe{{Name: "orders/write", With: json.RawMessage(`{ "a" : 1 }`)}}}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p
}

func testPlan(t *testing.T, s journal.Store) {
	p := sealed(t)
	for range 2 {
		if err := s.PutPlan(t.Context(), p); err != nil {
			t.Fatalf("put plan: %v", err)
		}
	}
	got, err := s.Plan(t.Context(), p.Hash)
	if err != nil {
		t.Fatalf("read plan: %v", err)
	}
	if !got.Intact() || got.Hash != p.Hash || got.Scenario.Title.JA != p.Scenario.Title.JA {
		t.Errorf("the plan came back changed: %+v", got)
	}
	if _, err := s.Plan(t.Context(), "none"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("read an unknown plan: %v, want ErrNotFound", err)
	}
}

func testPlanTampered(t *testing.T, s journal.Store) {
	p := sealed(t)
	p.Systems[0].Home = "osaka"
	if err := s.PutPlan(t.Context(), p); err == nil {
		t.Error("a plan whose content does not match its hash was kept")
	}
	if _, err := s.Plan(t.Context(), p.Hash); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("read the refused plan: %v, want ErrNotFound", err)
	}
}

func testAppendTwice(t *testing.T, s journal.Store) {
	first := Started("r1", "quarterly", run.Drill, noon)
	second := event("r1", 2, run.RemarkMade, nil)
	mustAppend(t, s, first, second)
	changed := second
	changed.At = changed.At.Add(time.Nanosecond)
	if err := s.Append(t.Context(), []run.Event{first, changed, event("r1", 3, run.RemarkMade, nil)}); !errors.Is(err, journal.ErrTaken) || !strings.Contains(err.Error(), "event run/2 of run r1") {
		t.Errorf("another event in the place of one: %v, want ErrTaken and which", err)
	}
	mustAppend(t, s, first, second, event("r1", 3, run.RemarkMade, nil))
	got := mustEvents(t, s, "r1", 0, 0)
	if len(got) != 3 {
		t.Fatalf("%d events, want 3: an event delivered twice is kept once", len(got))
	}
	if got[1].Event.Reason != "" {
		t.Errorf("event 2 is %q now; it must stay as it was first written", got[1].Event.Reason)
	}
	other := second
	other.Writer = "orders/failover"
	mustAppend(t, s, other)
	if n := len(mustEvents(t, s, "r1", 0, 0)); n != 4 {
		t.Errorf("%d events, want 4: each writer counts for itself", n)
	}
	mustAppend(t, s)
}

// A task of a workflow that is done again makes its events anew, perhaps by a release with other sentences: the first
// words stand, and the run goes on. Whatever else differs is another event.
func testAppendInOtherWords(t *testing.T, s journal.Store) {
	ask := run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.InPlace}, Proposed: run.Alternate,
		Ground: "no estimate / 見積もりなし", DeadlineS: 600}
	first := event("r1", 2, run.DecisionAsked, ask)
	first.Reason = "orders is down / orders が停止中"
	mustAppend(t, s, Started("r1", "quarterly", run.Drill, noon), first)

	again, said := first, ask
	said.Ground = "there is no ground for an estimate / 見積もりの根拠がない"
	again.Reason, again.Data = "orders gives no service / orders はサービス停止中", run.Encode(said)
	mustAppend(t, s, again, event("r1", 3, run.RemarkMade, nil))
	if got := mustEvents(t, s, "r1", 0, 0); len(got) != 3 || got[1].Event.Reason != first.Reason || string(got[1].Event.Data) != string(first.Data) {
		t.Errorf("%+v: want the first words, and the event after them", got)
	}

	for name, change := range map[string]func(*run.Event, *run.DecisionAsk){
		"a figure":  func(_ *run.Event, d *run.DecisionAsk) { d.DeadlineS = 60 },
		"a choice":  func(_ *run.Event, d *run.DecisionAsk) { d.Proposed = run.InPlace },
		"a list":    func(_ *run.Event, d *run.DecisionAsk) { d.Choices = d.Choices[:1] },
		"a field":   func(_ *run.Event, d *run.DecisionAsk) { d.Intact = true },
		"a moment":  func(e *run.Event, _ *run.DecisionAsk) { e.At = e.At.Add(time.Nanosecond) },
		"an author": func(e *run.Event, _ *run.DecisionAsk) { e.By = "aiko" },
		"a system":  func(e *run.Event, _ *run.DecisionAsk) { e.System = "shop" },
	} {
		e, d := again, said
		change(&e, &d)
		e.Data = run.Encode(d)
		if err := s.Append(t.Context(), []run.Event{e}); !errors.Is(err, journal.ErrTaken) {
			t.Errorf("%s differs: %v, want ErrTaken", name, err)
		}
	}
}

func testAppendAllOrNothing(t *testing.T, s journal.Store) {
	good := Started("r1", "quarterly", run.Drill, noon)
	for name, bad := range map[string]run.Event{
		"no run":        {Writer: "run", Seq: 2, Kind: run.RemarkMade},
		"no writer":     {Run: "r1", Seq: 2, Kind: run.RemarkMade},
		"no number":     {Run: "r1", Writer: "run", Kind: run.RemarkMade},
		"no kind":       {Run: "r1", Writer: "run", Seq: 2},
		"data is wrong": {Run: "r1", Writer: "run", Seq: 2, Kind: run.RunEnded, Data: json.RawMessage(`{"state": 7}`)},
		"no JSON":       {Run: "r1", Writer: "run", Seq: 2, Kind: run.RemarkMade, Data: json.RawMessage(`{`)},
	} {
		if err := s.Append(t.Context(), []run.Event{good, bad}); err == nil {
			t.Errorf("%s: the event was kept", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Append(ctx, []run.Event{good}); !errors.Is(err, context.Canceled) {
		t.Errorf("append under an ended context: %v, want context.Canceled", err)
	}
	if n := len(mustEvents(t, s, "r1", 0, 0)); n != 0 {
		t.Errorf("%d events of refused batches were kept", n)
	}
	mustAppend(t, s, good) // and the store works on
}

func testEventsInOrder(t *testing.T, s journal.Store) {
	mustAppend(t, s, Started("r1", "quarterly", run.Drill, noon), Started("r2", "quarterly", run.Drill, noon))
	for i := int64(2); i <= 20; i++ {
		mustAppend(t, s, event("r1", i, run.RemarkMade, nil), event("r2", i, run.RemarkMade, nil))
	}
	all := mustEvents(t, s, "r1", 0, 0)
	if len(all) != 20 {
		t.Fatalf("%d events, want 20 and none of another run", len(all))
	}
	var paged []journal.Entry
	for after := int64(0); ; after = paged[len(paged)-1].Position {
		page := mustEvents(t, s, "r1", after, 3)
		if len(page) > 3 {
			t.Fatalf("%d events, want at most 3", len(page))
		}
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
	}
	if !reflect.DeepEqual(paged, all) {
		t.Errorf("read page by page: %d events, want the same %d", len(paged), len(all))
	}
	for i, e := range all {
		if e.Event.Seq != int64(i+1) || i > 0 && e.Position <= all[i-1].Position {
			t.Errorf("event %d has number %d and position %d: order of arrival is lost", i, e.Event.Seq, e.Position)
		}
	}
	if got := mustEvents(t, s, "unknown", 0, 0); len(got) != 0 {
		t.Errorf("%d events of an unknown run", len(got))
	}
}

func testEventsComeBackTheSame(t *testing.T, s journal.Store) {
	seq := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		seq++
		text := rapid.StringN(0, 40, 200)
		want := run.Event{
			Run: "r1", Writer: "orders/failover", Seq: seq, Kind: run.StepEnded,
			At:     time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "s"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns")).UTC(),
			System: text.Draw(rt, "system"), Step: text.Draw(rt, "step"), Reason: text.Draw(rt, "reason"), By: text.Draw(rt, "by"),
			Generation: rapid.IntRange(0, 9).Draw(rt, "generation"), Outcome: run.Passed,
			Data: run.Encode(run.StepResult{SettledBy: run.ByResult, DurationS: rapid.Float64Range(0, 1e6).Draw(rt, "duration")}),
		}
		if err := s.Append(context.Background(), []run.Event{want}); err != nil {
			rt.Fatalf("append: %v", err)
		}
		entries, err := s.Events(context.Background(), "r1", 0, 0)
		if err != nil {
			rt.Fatalf("events: %v", err)
		}
		if got := entries[len(entries)-1].Event; !reflect.DeepEqual(got, want) {
			rt.Fatalf("came back as %+v, want %+v", got, want)
		}
	})
}

func testSummary(t *testing.T, s journal.Store) {
	begun := noon.Add(2 * time.Hour)
	for _, step := range []struct {
		event run.Event
		want  journal.Summary
	}{
		{Started("r1", "quarterly", run.Drill, begun), journal.Summary{State: run.Running}},
		{event("r1", 2, run.PhaseStarted, nil), journal.Summary{State: run.Running, Phase: run.Muster}},
		{event("r1", 3, run.RunPaused, nil), journal.Summary{State: run.Paused, Phase: run.Muster}},
		{event("r1", 4, run.RunAttached, nil), journal.Summary{State: run.Paused, Phase: run.Muster}},
		{event("r1", 5, run.RunResumed, nil), journal.Summary{State: run.Running, Phase: run.Muster}},
		{event("r1", 6, run.RunPaused, nil), journal.Summary{State: run.Paused, Phase: run.Muster}},
		{event("r1", 7, run.RunAbortRequested, nil), journal.Summary{State: run.Running, Phase: run.Muster, Aborting: true}},
		{event("r1", 8, run.RunEnded, run.Ended{State: run.Cancelled}), journal.Summary{State: run.Cancelled, Phase: run.Muster}},
	} {
		if step.event.Kind == run.PhaseStarted {
			step.event.Phase = run.Muster
		}
		mustAppend(t, s, step.event)
		want := step.want
		want.Run, want.Kind, want.Depth, want.Scenario, want.PlanHash, want.By = "r1", run.Drill, run.Live, "quarterly", "0a1b", "aiko"
		want.StartedAt = begun
		if want.State.Ended() {
			at := step.event.At
			want.EndedAt = &at
		}
		got, err := s.Runs(t.Context(), journal.Filter{Run: "r1"})
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("after %s: %+v, %v, want %+v", step.event.Kind, got, err, want)
		}
	}
	mustAppend(t, s, Started("r2", "quarterly", run.Drill, begun), event("r2", 2, run.RunRefused, run.Refusal{Holder: "r1"}))
	got, err := s.Runs(t.Context(), journal.Filter{Run: "r2"})
	if err != nil || len(got) != 1 || got[0].State != run.Refused || got[0].EndedAt == nil {
		t.Errorf("after run.refused: %+v, %v, want an ended run in state refused", got, err)
	}
}

// Batches of several writers can cross on their way.
func testSummaryAnyOrder(t *testing.T, s journal.Store) {
	late := event("r1", 1, run.StepStarted, nil)
	late.Writer = "orders/failover"
	mustAppend(t, s, late, event("r1", 4, run.RunEnded, run.Ended{State: run.Recovered}))
	mustAppend(t, s, event("r1", 3, run.RunResumed, nil), event("r1", 2, run.RunPaused, nil))
	mustAppend(t, s, Started("r1", "quarterly", run.Drill, noon))
	got, err := s.Runs(t.Context(), journal.Filter{})
	if err != nil || len(got) != 1 || got[0].State != run.Recovered || got[0].Scenario != "quarterly" || !got[0].StartedAt.Equal(noon) {
		t.Errorf("runs = %+v, %v, want one, recovered, of quarterly, begun at noon", got, err)
	}
}

func testRunsFiltered(t *testing.T, s journal.Store) {
	mustAppend(t, s, Started("a", "quarterly", run.Drill, noon.Add(time.Hour)))
	mustAppend(t, s, Started("b", "quarterly", run.Response, noon), event("b", 2, run.RunEnded, run.Ended{State: run.Recovered}))
	mustAppend(t, s, Started("c", "pandemic", run.Drill, noon), event("c", 2, run.RunPaused, nil))
	mustAppend(t, s, Started("check", "quarterly", run.Readiness, noon), event("check", 2, run.RunEnded, run.Ended{State: run.Ready}))
	for _, c := range []struct {
		name   string
		filter journal.Filter
		want   []string
	}{
		{"all, newest first", journal.Filter{}, []string{"c", "b", "a"}},
		{"two", journal.Filter{Limit: 2}, []string{"c", "b"}},
		{"scenario", journal.Filter{Scenario: "quarterly"}, []string{"b", "a"}},
		{"kind", journal.Filter{Kind: run.Drill}, []string{"c", "a"}},
		{"open", journal.Filter{Open: true}, []string{"c", "a"}},
		{"open, kind, scenario, one", journal.Filter{Open: true, Kind: run.Drill, Scenario: "quarterly", Limit: 1}, []string{"a"}},
		{"checks", journal.Filter{Kind: run.Readiness}, []string{"check"}},
		{"a check by name", journal.Filter{Run: "check"}, []string{"check"}},
		{"none", journal.Filter{Run: "a", Kind: run.Response}, nil},
	} {
		sums, err := s.Runs(t.Context(), c.filter)
		var got []string
		for _, sum := range sums {
			got = append(got, sum.Run)
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func testToken(t *testing.T, s journal.Store) {
	token := func(system, runID string) int64 {
		t.Helper()
		n, err := s.Token(t.Context(), system, runID)
		if err != nil {
			t.Fatalf("token of %s for %s: %v", system, runID, err)
		}
		return n
	}
	first, second := token("orders", "r1"), token("orders", "r2")
	if first < 1 || second <= first {
		t.Errorf("tokens %d, %d: each must be above those before it", first, second)
	}
	if again := token("orders", "r1"); again != first {
		t.Errorf("r1 got %d and then %d, want the same", first, again)
	}
	if third := token("orders", "r3"); third <= second {
		t.Errorf("token %d after %d", third, second)
	}
	if n := token("billing", "r3"); n < 1 {
		t.Errorf("first token of billing is %d", n)
	}
	if _, err := s.Token(t.Context(), "", "r1"); err == nil {
		t.Error("a token without a system was given")
	}
	// One that was given elsewhere is above all that follow, once or twice entered.
	for range 2 {
		if err := s.RaiseToken(t.Context(), "orders", "elsewhere", 5000); err != nil {
			t.Fatal(err)
		}
	}
	if n := token("orders", "r4"); n != 5001 {
		t.Errorf("token %d after one of 5000 from elsewhere", n)
	}
	if n, err := s.LastToken(t.Context(), "orders"); n != 5001 || err != nil {
		t.Errorf("the highest is %d, %v", n, err)
	}
	if n, err := s.LastToken(t.Context(), "unknown"); n != 0 || err != nil {
		t.Errorf("the highest of an unknown system is %d, %v", n, err)
	}
	if n := token("orders", "elsewhere"); n != 5000 {
		t.Errorf("the one from elsewhere is %d", n)
	}
	if err := s.RaiseToken(t.Context(), "ord\x00ers", "elsewhere", 1); err == nil {
		t.Error("a token was entered under a name that no store keeps")
	}
	if err := s.RaiseToken(t.Context(), "orders", "late", first); err != nil {
		t.Errorf("one that stands already: %v", err)
	}
	if of, err := s.TokenSystems(t.Context()); err != nil || !slices.Equal(of, []string{"billing", "orders"}) {
		t.Errorf("tokens were given of %q, %v", of, err)
	}
}

func testConcurrent(t *testing.T, s journal.Store) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	var mu sync.Mutex
	holders := map[int64]string{}
	for w := range writers {
		wg.Go(func() {
			id := fmt.Sprintf("r%d", w)
			n, err := s.Token(t.Context(), "orders", id)
			if err != nil {
				t.Errorf("token: %v", err)
			}
			mu.Lock()
			if other, taken := holders[n]; taken {
				t.Errorf("%s and %s both hold token %d", id, other, n)
			}
			holders[n] = id
			mu.Unlock()
			for i := int64(1); i <= each; i++ {
				e := event("shared", i, run.RemarkMade, nil)
				e.Writer = id
				// Twice at once, as when an activity is delivered again while the first still runs.
				var twice sync.WaitGroup
				for range 2 {
					twice.Go(func() {
						if err := s.Append(t.Context(), []run.Event{e}); err != nil {
							t.Errorf("append: %v", err)
						}
					})
				}
				twice.Wait()
				if _, err := s.Events(t.Context(), "shared", 0, 0); err != nil {
					t.Errorf("events: %v", err)
				}
			}
		})
	}
	wg.Wait()
	last := map[string]int64{}
	entries := mustEvents(t, s, "shared", 0, 0)
	for _, e := range entries {
		if e.Event.Seq != last[e.Event.Writer]+1 {
			t.Errorf("event %d of %s comes after its %d", e.Event.Seq, e.Event.Writer, last[e.Event.Writer])
		}
		last[e.Event.Writer] = e.Event.Seq
	}
	if len(entries) != writers*each {
		t.Errorf("%d events, want %d", len(entries), writers*each)
	}
}

func testWait(t *testing.T, s journal.Store) {
	type answer struct {
		entries []journal.Entry
		err     error
	}
	waiting := make(chan answer, 1)
	wait := func(ctx context.Context, after int64) {
		go func() {
			entries, err := journal.Wait(ctx, s, "r1", after)
			waiting <- answer{entries, err}
		}()
	}
	wait(t.Context(), 0)
	mustAppend(t, s, Started("other", "quarterly", run.Drill, noon))
	mustAppend(t, s, Started("r1", "quarterly", run.Drill, noon))
	got := <-waiting
	if got.err != nil || len(got.entries) != 1 || got.entries[0].Event.Run != "r1" {
		t.Fatalf("waited for r1 and got %+v, %v", got.entries, got.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait(ctx, got.entries[0].Position)
	cancel()
	if got := <-waiting; !errors.Is(got.err, context.Canceled) || len(got.entries) != 0 {
		t.Errorf("wait cut off: %+v, %v, want context.Canceled", got.entries, got.err)
	}
}

func testPing(t *testing.T, s journal.Store) {
	for range 2 {
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("ping of a store that works: %v", err)
		}
	}
}
