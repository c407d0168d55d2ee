package api

import (
	"sync"

	"github.com/muster-dr/muster/internal/proof"
)

// lastFiles remembers the plan files as they could last be read: a mistake in one of them must not end an alert
// about what they name.
type lastFiles struct {
	mu    sync.Mutex
	files proof.Files
	known bool
}

// filesNow are the plan files, as they were last good while they have mistakes; false where no good ones were
// seen since this server started.
func (s *Server) filesNow() (proof.Files, bool) {
	l := &s.lastFiles
	l.mu.Lock()
	defer l.mu.Unlock()
	if from, ok := s.Plans.(ProofFiles); ok {
		if now, err := from.ProofFiles(); err == nil {
			l.files, l.known = now, true
		}
	}
	return l.files, l.known
}
