package journal

import (
	"context"
	"sync"
	"time"
)

// Notifier tells at once that something was appended.
type Notifier interface {
	// Changed is closed at the next Append that keeps an event, of any run: through this store, and
	// where the database tells it (PostgreSQL) through that of another server too.
	Changed() <-chan struct{}
	// Arrived is the same of one run.
	Arrived(runID string) <-chan struct{}
}

// lookEvery is how soon Wait sees what another process appended.
const lookEvery = 250 * time.Millisecond

// Wait returns a run's events after a position as soon as there are any; a run that
// nothing is known of is waited for. It returns ctx's error when ctx ends first.
func Wait(ctx context.Context, s Store, runID string, after int64) ([]Entry, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		changed := s.Arrived(runID) // taken before looking, so that nothing falls between
		entries, err := s.Events(ctx, runID, after, 0)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-tick.C:
		}
	}
}

// arrivals wakes who waits for events.
type arrivals struct {
	mu  sync.Mutex
	any chan struct{}            // closed at the next arrival; nil when nobody waits
	of  map[string]chan struct{} // by run
}

func (a *arrivals) Changed() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.any == nil {
		a.any = make(chan struct{})
	}
	return a.any
}

func (a *arrivals) Arrived(runID string) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.of[runID]
	if !ok {
		if a.of == nil {
			a.of = map[string]chan struct{}{}
		}
		c = make(chan struct{})
		a.of[runID] = c
	}
	return c
}

// announce wakes who waits for one of the runs; none named is all of them.
func (a *arrivals) announce(runs ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.any != nil {
		close(a.any)
		a.any = nil
	}
	if len(runs) == 0 {
		for _, c := range a.of {
			close(c)
		}
		clear(a.of)
	}
	for _, id := range runs {
		if c, ok := a.of[id]; ok {
			close(c)
			delete(a.of, id)
		}
	}
}
