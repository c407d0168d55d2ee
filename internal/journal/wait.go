package journal

import (
	"context"
	"time"
)

// Notifier is a Store that can tell at once that something was appended through it.
type Notifier interface {
	// Changed is closed at the next Append that keeps an event, of any run.
	Changed() <-chan struct{}
}

// lookEvery is how soon Wait sees what another process appended.
const lookEvery = 250 * time.Millisecond

// Wait returns a run's events after a position as soon as there are any; a run that
// nothing is known of is waited for. It returns ctx's error when ctx ends first.
func Wait(ctx context.Context, s Store, runID string, after int64) ([]Entry, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var changed <-chan struct{}
		if n, ok := s.(Notifier); ok {
			changed = n.Changed() // taken before looking, so that nothing falls between
		}
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

func (s *database) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *database) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
