package api

import (
	"context"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// recheck is how often a waiting reader looks again, for events that another server
// wrote into a shared store.
const recheck = 2 * time.Second

// Watched wraps a store so that readers which wait for a run's next event hear of it at
// once. Give the same one to the server and to what writes the journal.
func Watched(s journal.Store) journal.Store {
	return &watched{Store: s, waiters: map[string]chan struct{}{}}
}

type watched struct {
	journal.Store
	mu      sync.Mutex
	waiters map[string]chan struct{} // by run; closed at the next arrival
	any     chan struct{}            // closed at the next arrival of any run; nil when nobody waits
}

// Changed makes it a journal.Notifier.
func (w *watched) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.any == nil {
		w.any = make(chan struct{})
	}
	return w.any
}

func (w *watched) Append(ctx context.Context, events []run.Event) error {
	err := w.Store.Append(ctx, events)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.any != nil && len(events) > 0 {
		close(w.any)
		w.any = nil
	}
	for _, e := range events {
		if c, ok := w.waiters[e.Run]; ok {
			close(c)
			delete(w.waiters, e.Run)
		}
	}
	return nil
}

// arrival returns a channel that is closed when something of the run has arrived; nil,
// which never is, for a store that is not watched.
func arrival(s journal.Store, runID string) <-chan struct{} {
	w, ok := s.(*watched)
	if !ok {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.waiters[runID]
	if !ok {
		c = make(chan struct{})
		w.waiters[runID] = c
	}
	return c
}
