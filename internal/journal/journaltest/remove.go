package journaltest

import (
	"errors"
	"testing"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What an ended run left goes, its line in the list stays, and nothing of another run is touched.
func testRemoveRun(t *testing.T, s journal.Store) {
	ctx := t.Context()
	shared, alone := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "shared"}}, plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "alone"}}
	for _, p := range []*plan.Plan{&shared, &alone} {
		if err := p.Seal(); err != nil {
			t.Fatal(err)
		}
		if err := s.PutPlan(ctx, *p); err != nil {
			t.Fatal(err)
		}
	}
	began := func(id, hash string) {
		t.Helper()
		e := event(id, 1, run.RunStarted, run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "x", PlanHash: hash})
		if err := s.Append(ctx, []run.Event{e}); err != nil {
			t.Fatal(err)
		}
		for kind, doc := range map[string]string{"answer": id + "/people/1", "photo": id + "/abc", "photos": id, "token": id + "/people/1"} {
			if _, err := s.PutDocument(ctx, journal.Document{Kind: kind, ID: doc, Body: []byte(`{}`)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ends := func(id string) {
		t.Helper()
		if err := s.Append(ctx, []run.Event{event(id, 2, run.RunEnded, run.Ended{State: run.Recovered})}); err != nil {
			t.Fatal(err)
		}
	}
	began("x-1", shared.Hash)
	began("x-10", shared.Hash)
	began("y-1", alone.Hash)
	if err := s.RemoveRun(ctx, "x-1", noon); err == nil {
		t.Error("a run that goes on was removed")
	}
	if err := s.RemoveRun(ctx, "none", noon); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a run that nobody knows: %v", err)
	}
	for _, id := range []string{"x-1", "x-10", "y-1"} {
		ends(id)
	}
	for range 2 {
		for _, id := range []string{"x-1", "y-1"} {
			if err := s.RemoveRun(ctx, id, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id, left := range map[string]int{"x-1": 0, "y-1": 0, "x-10": 2} {
		list, err := s.Events(ctx, id, 0, 0)
		if err != nil || len(list) != left {
			t.Errorf("%s has %d events, %v, want %d", id, len(list), err, left)
		}
		for kind, doc := range map[string]string{"answer": id + "/people/1", "photo": id + "/abc", "photos": id} {
			if _, err := s.Document(ctx, kind, doc); errors.Is(err, journal.ErrNotFound) != (left == 0) {
				t.Errorf("%s %s: %v", kind, doc, err)
			}
		}
		if _, err := s.Document(ctx, "token", id+"/people/1"); err != nil {
			t.Errorf("a document that is not the run's: %v", err)
		}
		sums, err := s.Runs(ctx, journal.Filter{Run: id})
		if err != nil || len(sums) != 1 || (sums[0].RemovedAt != nil) != (left == 0) || sums[0].State != run.Recovered {
			t.Errorf("%s in the list: %+v, %v", id, sums, err)
		}
	}
	if _, err := s.Plan(ctx, shared.Hash); err != nil {
		t.Errorf("a plan that another run used: %v", err)
	}
	if _, err := s.Plan(ctx, alone.Hash); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a plan that nobody uses any more: %v", err)
	}
}
