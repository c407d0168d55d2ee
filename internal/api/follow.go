package api

import (
	"context"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// following keeps where the runs stand that people look at: to read the whole journal of a
// run with 5,000 people again for every glance would take longer than the glance.
type following struct {
	mu   sync.Mutex
	runs []*followed // the newest first
}

const followedRuns = 8

// followed is one run's progress as far as it was read.
type followed struct {
	run string

	mu  sync.Mutex
	t   *progress.Tracker
	pos int64
	// acts are those of people that the run's own workflow has taken: about as many updates as the engine counts.
	acts int
}

// at is the run's followed state, without reading.
func (f *following) at(runID string, p plan.Plan) *followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, x := range f.runs {
		if x.run == runID {
			copy(f.runs[1:i+1], f.runs[:i])
			f.runs[0] = x
			return x
		}
	}
	x := &followed{run: runID, t: progress.New(p)}
	f.runs = append([]*followed{x}, f.runs[:min(len(f.runs), followedRuns-1)]...)
	return x
}

// seen is a run's progress as it was just read.
type seen struct {
	*followed
}

// follow reads what is new of a run.
func (s *Server) follow(ctx context.Context, runID string, p plan.Plan) (seen, error) {
	x := s.following.at(runID, p)
	x.mu.Lock()
	defer x.mu.Unlock()
	entries, err := s.Store.Events(ctx, runID, x.pos, 0)
	if err != nil {
		return seen{}, s.storeProblem(ctx, err)
	}
	x.t.Apply(entries...)
	for _, e := range entries {
		if by := e.Event.By; e.Event.Writer == "run" && by != "" && by != run.Engine && !run.NoPerson(by) && !run.IsSimulated(by) {
			x.acts++
		}
	}
	if n := len(entries); n > 0 {
		x.pos = entries[n-1].Position
	}
	return seen{x}, nil
}

// Overview is where the run stands at a moment.
func (x seen) Overview(now time.Time) progress.Overview {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Overview(now)
}

// Roll is everybody with how they are.
func (x seen) Roll() []progress.Person {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Roll()
}

// Present is how many are there for a role.
func (x seen) Present(role string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Present(role)
}

// Estate is the estate as it is now, after handovers.
func (x seen) Estate() plan.Estate {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Estate()
}

// Absent reports whether a drill has taken somebody out.
func (x seen) Absent(person string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Absent(person)
}

// Acks are the messages that ask to be acknowledged.
func (x seen) Acks() []progress.Ack {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Acks()
}

// Waited says, by system, whose step last waited under that ID.
func (x seen) Waited(step string) map[string]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Waited(step)
}

// Refusals is how many refused acts of a person the record holds.
func (x seen) Refusals(person string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.Refusals(person)
}

// Acts is how many acts of people the run has taken.
func (x seen) Acts() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.acts
}

// MusterPlace is where somebody musters now.
func (x seen) MusterPlace(person string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.t.MusterPlace(person)
}
