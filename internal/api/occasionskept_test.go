package api_test

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// readings counts how often the events of something are read.
type readings struct {
	journal.Store
	n atomic.Int64
}

func (r *readings) Events(ctx context.Context, id string, after int64, limit int) ([]journal.Entry, error) {
	r.n.Add(1)
	return r.Store.Events(ctx, id, after, limit)
}

// Pages of the programme need every due day of all years. Those that have ended are read once: ten
// years of them, at each page and each scrape, took longer than people wait.
func TestDueDaysThatHaveEndedAreReadOnce(t *testing.T) {
	y := newYear(t)
	y.plans.set(row("weekly", ago(time.Minute)))
	counted := &readings{Store: y.server.Store}
	y.server.Store = counted
	day := func(id string, at time.Time, more ...run.Event) {
		events := append([]run.Event{
			{Kind: run.RunStarted, By: run.Schedule("weekly"), Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: "tokyo-loss"})},
			{Kind: run.OccasionDue, Data: run.Encode(run.Due{Schedule: "weekly", Programme: "test", Scenario: "tokyo-loss", Nominal: at, At: at})}}, more...)
		for i := range events {
			events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", int64(i+1), at
		}
		if err := y.store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	const ended = 40
	for i := range ended {
		id := fmt.Sprintf("occasion-weekly-%d", i)
		day(id, time.Now().Add(-time.Duration(i)*7*24*time.Hour), run.Event{Kind: run.OccasionHeld, Data: run.Encode(run.OccasionRun{Run: "tokyo-loss-" + id})},
			run.Event{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})})
	}
	day("occasion-weekly-open", time.Now())
	first, err := y.Occasions(t.Context(), false)
	if err != nil || len(first) != ended+1 {
		t.Fatalf("%d due days: %v", len(first), err)
	}
	before := counted.n.Load()
	again, err := y.Occasions(t.Context(), false)
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("asked again it says something else: %v", err)
	}
	if n := counted.n.Load() - before; n != 1 { // the open one alone
		t.Errorf("%d of %d due days were read again", n, ended+1)
	}
	now := time.Now().UTC()
	if err := y.store.Append(t.Context(), []run.Event{{Run: "occasion-weekly-open", Writer: "run", Seq: 3, At: now, Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.NotHeld})}}); err != nil {
		t.Fatal(err)
	}
	list, err := y.Occasions(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if r.ID == "occasion-weekly-open" && r.State != run.NotHeld {
			t.Errorf("the one that was open has ended as %s", r.State)
		}
	}
}
