package outcome_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var noon = time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)

func newStore(t *testing.T) journal.Store {
	t.Helper()
	s, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// held writes a tabletop that ended into the store.
func held(t *testing.T, s journal.Store, id string, ended bool) {
	t.Helper()
	heldOf(t, s, id, ended, plan.Scenario{Name: "fire", Hazard: run.Disaster, Depth: run.Tabletop})
}

func heldOf(t *testing.T, s journal.Store, id string, ended bool, of plan.Scenario) {
	t.Helper()
	p := plan.Plan{Format: plan.Format, Scenario: of,
		Systems: []plan.System{{Name: "orders", Priority: "S"}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := s.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	events := []run.Event{{Run: id, Writer: "run", Seq: 1, At: noon, Kind: run.RunStarted, By: "sato",
		Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "fire", Hazard: run.Disaster, PlanHash: p.Hash})}}
	if ended {
		events = append(events, run.Event{Run: id, Writer: "run", Seq: 2, At: noon.Add(time.Hour), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
	}
	if err := s.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// A run's outcome is there right after its end, whoever wrote it, and one that ended before
// there were outcomes gets its own. What goes on has none; a damaged record keeps nobody else's out.
func TestAKeeperKeepsWhatEndedRunsCameTo(t *testing.T) {
	inner := newStore(t)
	held(t, inner, "before", true)
	held(t, inner, "open", false)
	damaged := run.Event{Run: "damaged", Writer: "run", Seq: 1, At: noon, Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "fire", PlanHash: "nowhere"})}
	end := run.Event{Run: "damaged", Writer: "run", Seq: 2, At: noon, Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Recovered})}
	if err := inner.Append(t.Context(), []run.Event{damaged, end}); err != nil {
		t.Fatal(err)
	}
	kept := make(chan struct{}, 10)
	k := &outcome.Keeper{Log: slog.New(slog.DiscardHandler), Then: func(context.Context) error { kept <- struct{}{}; return nil }}
	store := k.Watched(inner)
	k.Store = store
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()

	wait := func(what string) {
		t.Helper()
		select {
		case <-kept:
		case <-time.After(2 * time.Minute):
			t.Fatalf("%s: nothing was kept within 2 min", what)
		}
	}
	wait("at the start")
	held(t, store, "now", true)
	wait("after the end of a run")
	list, err := outcome.List(t.Context(), inner, journal.OutcomeFilter{Scenario: "fire"})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, o := range list {
		if o.Run != "before" && o.Run != "now" || o.State != run.TalkedThrough || o.Verdict != run.NotProven || !o.EndedAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%+v", o)
		}
	}
	if _, err := outcome.Read(t.Context(), inner, "open"); !errors.Is(err, outcome.ErrOpen) {
		t.Errorf("a run that goes on: %v", err)
	}
	if _, err := outcome.Read(t.Context(), inner, "nobody"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a run that there is not: %v", err)
	}
}

// What became of a run's last messages comes after its end, and is in its outcome all the same.
func TestReceiptsThatComeAfterTheEndCount(t *testing.T) {
	store := newStore(t)
	held(t, store, "now", true)
	at := time.Now().UTC()
	p, err := store.Runs(t.Context(), journal.Filter{Run: "now"})
	if err != nil {
		t.Fatal(err)
	}
	id := "just-now"
	if err := store.Append(t.Context(), []run.Event{
		{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "fire", Hazard: run.Disaster, PlanHash: p[0].PlanHash})},
		{Run: id, Writer: "run", Seq: 2, At: at, Kind: run.PersonCalled, Person: "ito", Data: run.Encode(run.Call{Channel: "mail", Roles: []string{"operator"}})},
		{Run: id, Writer: "run", Seq: 3, At: at, Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})}}); err != nil {
		t.Fatal(err)
	}
	rounds := make(chan struct{}, 10)
	k := &outcome.Keeper{Store: store, Log: slog.New(slog.DiscardHandler), Then: func(context.Context) error { rounds <- struct{}{}; return nil }}
	watched := k.Watched(store)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	<-rounds
	receipt := run.Event{Run: id, Writer: "channel/mail", Seq: 1, At: at, Kind: run.MessageFailed, Person: "ito", Outcome: run.Failed, Reason: "no such mailbox", Data: run.Encode(run.Delivery{Channel: "mail"})}
	if err := store.Append(t.Context(), []run.Event{receipt}); err != nil {
		t.Fatal(err)
	}
	// The next round is at the end of another run, or a minute later.
	if err := watched.Append(t.Context(), []run.Event{{Run: "other", Writer: "run", Seq: 1, At: at, Kind: run.RunRefused}}); err != nil {
		t.Fatal(err)
	}
	<-rounds
	list, err := outcome.List(t.Context(), store, journal.OutcomeFilter{Run: id})
	if err != nil || len(list) != 1 || len(list[0].Channels) != 1 || list[0].Channels[0].Failed != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Whoever asks right after a run's end waits for it, and for no more than a few: years that have to be
// made anew are done beside.
func TestWhoeverAsksWaitsForFew(t *testing.T) {
	store := newStore(t)
	k := &outcome.Keeper{Store: store, Log: slog.New(slog.DiscardHandler)}
	count := func() int {
		t.Helper()
		if err := k.Soon(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := store.Outcomes(t.Context(), journal.OutcomeFilter{Bare: true})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	held(t, store, "first", true)
	if n := count(); n != 1 {
		t.Errorf("after the first there are %d", n)
	}
	for n := range 30 {
		held(t, store, fmt.Sprintf("later-%02d", n), true)
	}
	if n := count(); n != 1 {
		t.Errorf("somebody waited for %d", n-1)
	}
	if n, err := k.Due(t.Context()); err != nil || n != 30 {
		t.Errorf("%d were kept, %v", n, err)
	}
}

// Whether a run was blind is in its outcome, also of those that an older muster made.
func TestABlindRunIsKnownByItsOutcome(t *testing.T) {
	s := newStore(t)
	blind := plan.Scenario{Name: "fire", Hazard: run.Disaster, Depth: run.Tabletop, Blind: true, Facilitators: []string{"sato"}}
	heldOf(t, s, "blind", true, blind)
	held(t, s, "announced", true)
	old, err := outcome.Read(t.Context(), s, "blind")
	if err != nil {
		t.Fatal(err)
	}
	old.Version, old.Blind = 1, false
	if err := outcome.Put(t.Context(), s, old); err != nil {
		t.Fatal(err)
	}
	k := &outcome.Keeper{Store: s, Log: slog.New(slog.DiscardHandler)}
	if n, err := k.Due(t.Context()); n != 2 || err != nil {
		t.Fatalf("%d were made, %v", n, err)
	}
	list, err := outcome.List(t.Context(), s, journal.OutcomeFilter{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, o := range list {
		if o.Blind != (o.Run == "blind") {
			t.Errorf("%s: blind %t", o.Run, o.Blind)
		}
	}
}

// A report's trend reads runs of its scenario that ended when its own did or before, in which something
// was done.
func TestEarlierRunsForATrend(t *testing.T) {
	s := newStore(t)
	took, objective := 40.0, 60.0
	var simulated []outcome.Property
	put := func(id, scenario string, at time.Time, depth run.Depth, blind bool) {
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: depth, Scenario: scenario, Blind: blind, State: run.Recovered, Verdict: run.Met, StartedAt: at.Add(-time.Hour), EndedAt: at,
			Systems: []outcome.System{{ID: "orders", SimulatedSteps: simulated, RTO: outcome.Figure{ActualS: &took, ObjectiveS: &objective, Verdict: run.Met}}}}
		if err := outcome.Put(t.Context(), s, o); err != nil {
			t.Fatal(err)
		}
	}
	put("same", "fire", noon, run.Live, false)
	simulated = []outcome.Property{outcome.RTO}
	put("blind", "fire", noon.Add(-time.Hour), run.Live, true)
	put("talk", "fire", noon.Add(-2*time.Hour), run.Tabletop, false)
	put("later", "fire", noon.Add(time.Second), run.Live, false)
	put("other", "flood", noon, run.Live, false)
	list, err := outcome.Earlier(t.Context(), s, "fire", &noon)
	if err != nil || len(list) != 2 || list[0].Run != "same" || list[1].Run != "blind" || list[0].Blind || !list[1].Blind || list[0].Steps || !list[1].Steps {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := list[0].Systems; len(got) != 1 || got[0].System != "orders" || *got[0].ActualS != took || *got[0].ObjectiveS != objective || got[0].Verdict != run.Met {
		t.Errorf("%+v", got)
	}
}
