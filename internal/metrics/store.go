package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// storeFigures are of the record store.
type storeFigures struct {
	errors *prometheus.CounterVec
	took   *prometheus.HistogramVec
}

// Operations on the record store, the values of the label operation.
const (
	opAppend    = "append"
	opRead      = "read"
	opDocuments = "documents"
	opAccesses  = "access_log"
	opOutcomes  = "outcomes"
	opPing      = "ping"
)

func newStoreFigures() storeFigures {
	f := storeFigures{
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_store_errors_total", Help: "Calls of the record store that failed. What is not there, what somebody changed first and what nobody waited for any more are no failures.",
		}, []string{"operation"}),
		took: prometheus.NewHistogramVec(nativeToo(prometheus.HistogramOpts{
			Name: "muster_store_duration_seconds", Help: "How long calls of the record store took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}), []string{"operation"}),
	}
	for _, op := range []string{opAppend, opRead, opDocuments, opAccesses, opOutcomes, opPing} {
		f.errors.WithLabelValues(op)
		f.took.WithLabelValues(op)
	}
	return f
}

// Timed counts what fails in a store, and how long its calls take.
func (m *Metrics) Timed(s journal.Store) journal.Store { return &timed{s, m.store} }

type timed struct {
	journal.Store
	f storeFigures
}

func (t *timed) note(op string, began time.Time, err error) {
	t.f.took.WithLabelValues(op).Observe(time.Since(began).Seconds())
	for _, no := range []error{nil, journal.ErrNotFound, journal.ErrTaken, journal.ErrChanged, context.Canceled} {
		if errors.Is(err, no) {
			return
		}
	}
	t.f.errors.WithLabelValues(op).Inc()
}

// called runs a call that answers with a value.
func called[T any](t *timed, op string, call func() (T, error)) (T, error) {
	began := time.Now()
	out, err := call()
	t.note(op, began, err)
	return out, err
}

func (t *timed) done(op string, call func() error) error {
	began := time.Now()
	err := call()
	t.note(op, began, err)
	return err
}

func (t *timed) PutPlan(ctx context.Context, p plan.Plan) error {
	return t.done(opAppend, func() error { return t.Store.PutPlan(ctx, p) })
}

func (t *timed) Plan(ctx context.Context, hash string) (plan.Plan, error) {
	return called(t, opRead, func() (plan.Plan, error) { return t.Store.Plan(ctx, hash) })
}

func (t *timed) Append(ctx context.Context, events []run.Event) error {
	return t.done(opAppend, func() error { return t.Store.Append(ctx, events) })
}

func (t *timed) Events(ctx context.Context, runID string, after int64, limit int) ([]journal.Entry, error) {
	return called(t, opRead, func() ([]journal.Entry, error) { return t.Store.Events(ctx, runID, after, limit) })
}

func (t *timed) Runs(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	return called(t, opRead, func() ([]journal.Summary, error) { return t.Store.Runs(ctx, f) })
}

func (t *timed) Token(ctx context.Context, system, runID string) (int64, error) {
	return called(t, opAppend, func() (int64, error) { return t.Store.Token(ctx, system, runID) })
}

func (t *timed) RemoveRun(ctx context.Context, runID string, at time.Time) error {
	return t.done(opAppend, func() error { return t.Store.RemoveRun(ctx, runID, at) })
}

func (t *timed) Document(ctx context.Context, kind, id string) (journal.Document, error) {
	return called(t, opDocuments, func() (journal.Document, error) { return t.Store.Document(ctx, kind, id) })
}

func (t *timed) DocumentsOf(ctx context.Context, kind string) ([]journal.Document, error) {
	return called(t, opDocuments, func() ([]journal.Document, error) { return t.Store.DocumentsOf(ctx, kind) })
}

func (t *timed) DocumentVersions(ctx context.Context, kind string) ([]journal.Document, error) {
	return called(t, opDocuments, func() ([]journal.Document, error) { return t.Store.DocumentVersions(ctx, kind) })
}

func (t *timed) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	return called(t, opDocuments, func() (journal.Document, error) { return t.Store.PutDocument(ctx, d) })
}

func (t *timed) DropDocument(ctx context.Context, kind, id string) error {
	return t.done(opDocuments, func() error { return t.Store.DropDocument(ctx, kind, id) })
}

func (t *timed) Note(ctx context.Context, a journal.Access) error {
	return t.done(opAccesses, func() error { return t.Store.Note(ctx, a) })
}

func (t *timed) Accesses(ctx context.Context, after int64, limit int) ([]journal.Access, error) {
	return called(t, opAccesses, func() ([]journal.Access, error) { return t.Store.Accesses(ctx, after, limit) })
}

func (t *timed) PutOutcome(ctx context.Context, o journal.Outcome) error {
	return t.done(opOutcomes, func() error { return t.Store.PutOutcome(ctx, o) })
}

func (t *timed) Outcomes(ctx context.Context, f journal.OutcomeFilter) ([]journal.Outcome, error) {
	return called(t, opOutcomes, func() ([]journal.Outcome, error) { return t.Store.Outcomes(ctx, f) })
}

func (t *timed) SystemOutcomes(ctx context.Context, f journal.OutcomeFilter) ([]journal.SystemOutcome, error) {
	return called(t, opOutcomes, func() ([]journal.SystemOutcome, error) { return t.Store.SystemOutcomes(ctx, f) })
}

func (t *timed) LastJudged(ctx context.Context, property string, v run.Verdict) ([]journal.SystemOutcome, error) {
	return called(t, opOutcomes, func() ([]journal.SystemOutcome, error) { return t.Store.LastJudged(ctx, property, v) })
}

func (t *timed) WithoutOutcome(ctx context.Context, version, limit int) ([]string, error) {
	return called(t, opOutcomes, func() ([]string, error) { return t.Store.WithoutOutcome(ctx, version, limit) })
}

func (t *timed) Ping(ctx context.Context) error {
	return t.done(opPing, func() error { return t.Store.Ping(ctx) })
}
