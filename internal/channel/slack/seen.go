package slack

import (
	"sync"
	"time"
)

// seen remembers what came, for as long as a replay would still be in time.
type seen struct {
	mu sync.Mutex
	at map[string]time.Time
}

// keepSeen is longer than a request may be old and its sender's clock may be ahead.
const keepSeen = 11 * time.Minute

// mostSeen bounds the memory; a flood beyond it is refused, not forgotten.
const mostSeen = 100_000

func newSeen() *seen { return &seen{at: map[string]time.Time{}} }

// first reports whether it comes for the first time.
func (s *seen) first(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[id]; ok && now.Sub(at) < keepSeen {
		return false
	}
	if len(s.at) >= mostSeen {
		for k, at := range s.at {
			if now.Sub(at) >= keepSeen {
				delete(s.at, k)
			}
		}
		if len(s.at) >= mostSeen {
			return false
		}
	}
	s.at[id] = now
	return true
}
