package api_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// reading counts how often a record is read from its beginning.
type reading struct {
	journal.Store
	whole atomic.Int64
}

func (r *reading) Events(ctx context.Context, id string, after int64, limit int) ([]journal.Entry, error) {
	if after == 0 {
		r.whole.Add(1)
	}
	return r.Store.Events(ctx, id, after, limit)
}

// However often somebody tries, the record is read on from where it was, and holds the
// refusals up to their bound.
func TestClicksReadOnWhatIsNew(t *testing.T) {
	w, c, id := gathered(t, nil)
	store := &reading{Store: w.store}
	door := api.InProcess((&api.Server{Store: store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler)}).Handler(), "en")
	ctx := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "session 9c01"})
	for range 20 {
		if _, err := door.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone}); problem(t, err).Status != 409 {
			t.Fatalf("settling what does not wait: %v", err)
		}
		if _, err := door.Approve(ctx, id, workflows.Approve{}); problem(t, err).Status != 409 {
			t.Fatalf("approving what nobody asks for: %v", err)
		}
	}
	if n := store.whole.Load(); n > 1 {
		t.Errorf("40 clicks read the whole record %d times", n)
	}
	refused := func() (n int) {
		list, err := w.store.Events(t.Context(), id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.Event.Kind == run.ActRefused {
				n++
			}
		}
		return n
	}
	if n := refused(); n != 20 {
		t.Errorf("%d refusals are in the record, want 20", n)
	}
	for range 15 {
		if _, err := door.Approve(ctx, id, workflows.Approve{}); err == nil {
			t.Fatal("approved what nobody asks for")
		}
	}
	if n := refused(); n != 20 {
		t.Errorf("%d refusals are in the record, want the 20 of a person that are kept", n)
	}
	// Who tries for ever hides nobody else's.
	if _, err := door.Approve(identity.With(t.Context(), identity.Actor{Person: "sato", Via: "session 9c02"}), id, workflows.Approve{}); err == nil {
		t.Fatal("approved what nobody asks for")
	}
	if n := refused(); n != 21 {
		t.Errorf("%d refusals are in the record, want somebody else's too", n)
	}
}
