// Package journal is the record store: the events and the frozen plans of every run,
// kept beyond the engine's retention. Reports are pure functions of what is here.
package journal

import (
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// ErrNotFound: there is no such run, plan or text in this store.
var ErrNotFound = errors.New("not in the record store")

// ErrTaken: another event stands under this one's run, writer and number already.
var ErrTaken = errors.New("another event is in its place")

// Store keeps records. It is safe for concurrent use. SQLite and PostgreSQL pass one
// shared suite (journaltest).
type Store interface {
	// PutPlan keeps a sealed plan; the same plan twice is the same as once. A plan
	// whose content does not match its hash is refused.
	PutPlan(ctx context.Context, p plan.Plan) error
	Plan(ctx context.Context, hash string) (plan.Plan, error)

	// Append keeps events in the order given, in one transaction that is on disk when
	// it returns. An event that is there already, by (Run, Writer, Seq), is left as it
	// is: activities may deliver twice, and a newer release in other words. Another one in
	// its place is ErrTaken, and keeps all of them out: one of the two would be lost, and no
	// figure could rest on the rest.
	Append(ctx context.Context, events []run.Event) error

	// Events returns a run's events after a position (0 is from the start), at most
	// limit (0 is all), with the position of each. Positions grow by order of
	// arrival and are stable in a copy of the store.
	Events(ctx context.Context, runID string, after int64, limit int) ([]Entry, error)

	// Runs lists runs, newest first.
	Runs(ctx context.Context, f Filter) ([]Summary, error)

	// Resummarize makes a run's summary anew from its events.
	Resummarize(ctx context.Context, runID string) error

	// Token returns the fencing token of a run for a system: a number above every
	// token of that system before. The same run gets the same token again.
	Token(ctx context.Context, system, runID string) (int64, error)

	// LastToken is the highest token of a system that is known; 0 is none.
	LastToken(ctx context.Context, system string) (int64, error)

	// RaiseToken enters a token that was given elsewhere: from then on the system's tokens are above it.
	RaiseToken(ctx context.Context, system, runID string, token int64) error

	// TokenSystems are all systems of which a token was given, also for runs that are removed by now.
	TokenSystems(ctx context.Context) ([]string, error)

	// RemoveRun takes out what an ended run left, but for its summary, which is marked.
	RemoveRun(ctx context.Context, runID string, at time.Time) error

	Documents
	AccessLog
	Outcomes
	Notifier

	// Ping reports whether the store can be read and written, with a way out.
	Ping(ctx context.Context) error
	Close() error
}

// Entry is an event with its position in the store.
type Entry struct {
	Position int64     `json:"position"`
	Event    run.Event `json:"event"`
}

// Filter narrows Runs; zero fields do not, but readiness checks are listed only by their
// kind or name.
type Filter struct {
	Run      string
	Scenario string
	Kind     run.Kind
	Open     bool // only runs that have not ended
	Limit    int
}

// Summary is a run as lists show it, made from its first and last events.
type Summary struct {
	Run       string     `json:"run"`
	Kind      run.Kind   `json:"kind"`
	Depth     run.Depth  `json:"depth"`
	Scenario  string     `json:"scenario"`
	PlanHash  string     `json:"plan_hash"`
	By        string     `json:"by"`
	State     run.State  `json:"state"`
	Phase     run.Phase  `json:"phase,omitempty"`
	Aborting  bool       `json:"aborting,omitempty" doc:"An abort was asked for, and it has not ended yet."`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// RemovedAt: its record was removed after its time; only this summary is left.
	RemovedAt *time.Time `json:"removed_at,omitempty"`
}
