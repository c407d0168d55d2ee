package keep

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// world is a record store with ended runs, and what keeps their evidence.
type world struct {
	t     *testing.T
	store journal.Store
	plan  plan.Plan
	o     Options
	k     *Keeper

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	dir := t.TempDir()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	p, err := example.Plan(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, plan: p, now: example.Begin.Add(time.Hour)}
	w.o = Options{Dir: filepath.Join(dir, "seal"), Attachments: filepath.Join(dir, "evidence"), Store: store, Version: "test", Log: slog.New(slog.DiscardHandler),
		Now: w.clock, Up: func() time.Duration { return w.clock().Sub(example.Begin) }, Settle: 10 * time.Second}
	w.seen()
	if change != nil {
		change(&w.o)
	}
	w.k = New(w.o)
	t.Cleanup(func() { w.k.Close() })
	return w
}

// seen is what a server leaves that has run up to now: its clock was right.
func (w *world) seen() {
	w.t.Helper()
	d, err := w.store.Document(w.t.Context(), docKind, clockID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		w.t.Fatal(err)
	}
	if _, err := w.store.PutDocument(w.t.Context(), journal.Document{Kind: docKind, ID: clockID, Version: d.Version, Body: encode(w.t, clockDoc{Seen: w.clock()})}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// ended puts a run into the store.
func (w *world) ended(id string, kind run.Kind) []run.Event {
	w.t.Helper()
	events := example.Events(id, kind, w.plan)
	w.put(events...)
	return events
}

func (w *world) put(events ...run.Event) {
	w.t.Helper()
	if err := w.store.Append(context.WithoutCancel(w.t.Context()), events); err != nil {
		w.t.Fatal(err)
	}
}

// round is one of Run's.
func (w *world) round() {
	w.t.Helper()
	if _, err := w.k.round(w.t.Context(), true); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) bundle(id string, o BundleOptions) []byte {
	w.t.Helper()
	b, err := w.k.Bundle(w.t.Context(), id, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) key() string {
	w.t.Helper()
	inUse, _, err := PublicKey(w.o.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return inUse
}

func (w *world) verify(b []byte) evidence.Result {
	return evidence.Verify(b, evidence.Options{Keys: []string{w.key()}, Version: "test"})
}

// kinds are the entries of a run.
func (w *world) kinds(id string) []evidence.EntryKind {
	w.t.Helper()
	list, err := w.k.Entries(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []evidence.EntryKind
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

// planOf is the hash of the plan that the runs of a store used.
func planOf(k *Keeper) string {
	list, err := k.o.Store.Runs(context.Background(), journal.Filter{Limit: 1})
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0].PlanHash
}

func exampleEvents(id string, p plan.Plan) []run.Event { return example.Events(id, run.Drill, p) }

func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
