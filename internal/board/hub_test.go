package board

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What was drawn of runs that nobody looks at any more leaves the server's memory, however few they
// are; what somebody looks at stays, and what was left is there again when it is asked for.
func TestARunThatNobodyLooksAtIsLeft(t *testing.T) {
	store, p := aStore(t)
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := newHub(store, func() time.Time { return now }, slog.New(slog.DiscardHandler), nil, func() (Inventory, error) { return Inventory{}, nil })
	defer h.close()
	follow := func(n int) *follower {
		t.Helper()
		f, err := h.follow(t.Context(), fmt.Sprintf("run-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for n := range 5 {
		begin(t, store, fmt.Sprintf("run-%d", n), p)
	}
	watched := follow(0)
	watched.topic.join()
	defer watched.topic.leave()
	first := follow(1)
	follow(2)
	now = now.Add(keptFor - time.Second)
	if follow(1) != first {
		t.Error("a run that was looked at a moment ago was read anew")
	}
	now = now.Add(2 * time.Second)
	follow(3)
	if follow(1) != first || follow(0) != watched || len(h.runs) != 3 {
		t.Errorf("%d runs are followed, want the one that is watched, the one that was looked at again, and the new one", len(h.runs))
	}
	now = now.Add(keptFor)
	follow(3)
	if len(h.runs) != 2 || len(h.order) != 2 || follow(0) != watched {
		t.Errorf("%d runs are followed, want the one that is watched and the one that is asked for", len(h.runs))
	}
	if follow(1) == first {
		t.Error("a run that nobody looked at was not left")
	}
}

// When everybody has closed the browser, nobody asks for another run any more: what was drawn leaves the memory all the same.
func TestRunsAreLeftWhenEverybodyHasGone(t *testing.T) {
	store, p := aStore(t)
	begin(t, store, "run-0", p)
	synctest.Test(t, func(t *testing.T) { // whose clock goes on by itself
		h := newHub(store, time.Now, slog.New(slog.DiscardHandler), nil, func() (Inventory, error) { return Inventory{}, nil })
		defer h.close()
		f, err := h.follow(t.Context(), "run-0")
		if err != nil {
			t.Fatal(err)
		}
		followed := func() int { synctest.Wait(); h.mu.Lock(); defer h.mu.Unlock(); return len(h.runs) }
		f.topic.join()
		<-time.After(2 * keptFor)
		if followed() != 1 {
			t.Error("a run that somebody looks at was left")
		}
		f.topic.leave()
		<-time.After(keptFor + tidied)
		if n := followed(); n != 0 {
			t.Errorf("%d runs are followed, want none: nobody looks", n)
		}
	})
}

func aStore(t *testing.T) (journal.Store, plan.Plan) {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "loss"}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return store, p
}

func begin(t *testing.T, store journal.Store, id string, p plan.Plan) {
	t.Helper()
	begun := run.Event{Run: id, Writer: "run", Seq: 1, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Kind: run.RunStarted, By: run.Engine, Data: run.Encode(run.Started{Kind: run.Drill, PlanHash: p.Hash})}
	if err := store.Append(t.Context(), []run.Event{begun}); err != nil {
		t.Fatal(err)
	}
}
