package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// nudges tell runs that people have said something. One signal stands for all that is in the
// record when the run reads it, and at most one is under way to each run. The pause before
// it grows with the number of people and with the signals that the run has had, so that a
// history stays small however many answer and however long it lasts. Nothing depends on a
// signal: the run reads by itself too, and Work signals every open run at its start.
type nudges struct {
	mu   sync.Mutex
	runs map[string]*nudge
	over bool
}

type nudge struct {
	timer  *time.Timer // nil: none is due
	due    time.Time
	again  bool // something was said while the signal was under way
	sent   int
	busy   bool
	people int                        // of the run's plan
	said   map[string]map[string]bool // the writers of what was said, by person
}

// Pauses before a signal.
const (
	nudgeSoon  = 50 * time.Millisecond  // somebody whom the run may wait for
	nudgeLeast = 300 * time.Millisecond // a small organisation
	nudgeMost  = 5 * time.Second        // thousands
	nudgeAway  = 2 * time.Second        // the engine did not answer
	// nudgeWithin bounds one try: the engine answers in milliseconds, or is away.
	nudgeWithin = 5 * time.Second
)

// pause is how long to gather before the next signal.
func (n *nudge) pause(people int, key bool) time.Duration {
	p := nudgeLeast + time.Duration(people)*time.Millisecond
	if p > nudgeMost {
		p = nudgeMost
	}
	if key && n.sent < 500 {
		p = nudgeSoon
	}
	return p + p*time.Duration(n.sent)/100
}

// mostSaid bounds what one person, or who holds their link, adds to a run's record.
const mostSaid = 200

// mayStillSay counts what one person says of another (or of themselves), so that nobody uses up
// what somebody else may say, and reports whether it is still within bounds. What is sent again
// is counted once.
func (n *nudges) mayStillSay(runID, person, writer string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.of(runID)
	if x.said == nil {
		x.said = map[string]map[string]bool{}
	}
	if x.said[person] == nil {
		x.said[person] = map[string]bool{}
	}
	if x.said[person][writer] {
		return true
	}
	if len(x.said[person]) >= mostSaid {
		return false
	}
	x.said[person][writer] = true
	return true
}

// notSaid takes back what could not be written.
func (n *nudges) notSaid(runID, person, writer string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if x := n.runs[runID]; x != nil {
		delete(x.said[person], writer)
	}
}

// of is the nudge of a run; n.mu is held.
func (n *nudges) of(runID string) *nudge {
	if n.runs == nil {
		n.runs = map[string]*nudge{}
	}
	if n.runs[runID] == nil {
		n.runs[runID] = &nudge{}
	}
	return n.runs[runID]
}

// heard has a run told, soon.
func (n *nudges) heard(s *Server, runID string, people int, key bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	x := n.of(runID)
	x.people = max(x.people, people)
	if x.busy {
		x.again = true
		return
	}
	n.plan(s, runID, x, x.pause(x.people, key))
}

// plan sets the signal's time; an earlier one stands. n.mu is held.
func (n *nudges) plan(s *Server, runID string, x *nudge, after time.Duration) {
	due := time.Now().Add(after)
	if x.timer != nil {
		if !due.Before(x.due) || !x.timer.Stop() {
			return
		}
	}
	x.due = due
	x.timer = time.AfterFunc(after, func() { n.send(s, runID, x) })
}

func (n *nudges) send(s *Server, runID string, x *nudge) {
	n.mu.Lock()
	if n.over {
		n.mu.Unlock()
		return
	}
	x.timer, x.busy, x.again = nil, true, false
	n.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), nudgeWithin)
	err := s.Engine.SignalWorkflow(ctx, runID, "", plan.SignalPeople, nil)
	cancel()

	n.mu.Lock()
	defer n.mu.Unlock()
	x.busy = false
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		delete(n.runs, runID) // it has ended
		return
	}
	if n.over {
		return
	}
	if err != nil {
		n.plan(s, runID, x, nudgeAway)
		return
	}
	x.sent++
	if x.again {
		n.plan(s, runID, x, x.pause(x.people, false))
	}
}

// forget drops what is known of runs that are not open.
func (n *nudges) forget(open []journal.Summary) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, x := range n.runs {
		if !x.busy && x.timer == nil && !slices.ContainsFunc(open, func(s journal.Summary) bool { return s.Run == id }) {
			delete(n.runs, id)
		}
	}
}

// end stops all signals.
func (n *nudges) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	for _, x := range n.runs {
		if x.timer != nil {
			x.timer.Stop()
		}
	}
}

// nudgeOpen signals every open run: what people said while no server could tell is heard.
func (s *Server) nudgeOpen(ctx context.Context) error {
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return err
	}
	for _, r := range open {
		s.nudges.heard(s, r.Run, 0, true)
	}
	return nil
}
