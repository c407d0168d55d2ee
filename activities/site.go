package activities

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

// Site is what the actions of one site's worker rest on.
type Site struct {
	Name   string
	Ledger *ledger.Ledger // required; all workers of a site share one
	// Secrets resolves secret:// references; nil means secret.Local.
	Secrets secret.Resolver
	// Redactor learns every secret that was resolved. Give the one that the log
	// handler uses, or nil for one of the site's own.
	Redactor *secret.Redactor
	// Evidence keeps a text that is too long for a history and returns where it is;
	// it has no secrets in it any more. Nil keeps none: heads, tails and digests only.
	Evidence func(ctx context.Context, name string, b []byte) (ref string, err error)
	Log      *slog.Logger // nil discards
	// Policy is what this worker refuses whatever the plan says; nil refuses nothing.
	Policy Policy
	// Ready says what a readiness check should know of the worker itself; nil is nothing.
	Ready func() plan.Ready
	// Settle, when set, takes the place of every action's own Doc.Settle.
	Settle time.Duration

	local map[string]bool // the kinds of target that only their own site's worker may act on
}

// Register registers, for every action that a worker runs, the activities ID (to act)
// and ID.look, and for every probe the activity ID. It panics without a ledger.
func (r *Registry) Register(w worker.ActivityRegistry, site Site) {
	if site.Ledger == nil {
		panic("site " + site.Name + " has no effect ledger")
	}
	if site.Secrets == nil {
		site.Secrets = secret.Local{}
	}
	if site.Redactor == nil {
		site.Redactor = &secret.Redactor{}
	}
	if site.Log == nil {
		site.Log = slog.New(slog.DiscardHandler)
	}
	s := &site
	s.local = map[string]bool{}
	for _, k := range r.TargetKinds() {
		s.local[k.Kind] = k.Local
	}
	w.RegisterActivityWithOptions(s.readyItself, activity.RegisterOptions{Name: plan.ActivityWorker})
	for _, a := range r.Actions() {
		switch {
		case a.Doc.Human:
		case a.Doc.Probe:
			w.RegisterActivityWithOptions(func(ctx context.Context, watch plan.Watch) (run.Observations, error) {
				return s.watch(ctx, a, watch)
			}, activity.RegisterOptions{Name: a.ID})
			s.registerReady(w, a)
		default:
			w.RegisterActivityWithOptions(func(ctx context.Context, call plan.Call) (plan.Result, error) {
				return s.act(ctx, a, call)
			}, activity.RegisterOptions{Name: a.ID})
			w.RegisterActivityWithOptions(func(ctx context.Context, call plan.Call) (plan.Looked, error) {
				return s.lookAt(ctx, a, call)
			}, activity.RegisterOptions{Name: a.ID + plan.LookSuffix})
			s.registerReady(w, a)
		}
	}
}

// watch runs a probe; its loop beats by itself, since its heartbeats carry its state.
func (s *Site) watch(ctx context.Context, a Action, w plan.Watch) (run.Observations, error) {
	ctx = context.WithValue(ctx, logKey{}, s.Log.With("run", w.Run, "probe", w.Probe.Name))
	ask := s.asking(a, run.Observe, w.Kind, w.Targets)
	if err := ask.permit(ctx, nil); err != nil {
		return run.Observations{}, s.fault(ctx, err)
	}
	ctx = ask.under(ctx)
	p, err := a.decode(func(into any) error {
		return s.fill(ctx, w.Kind, into, a.Fields, w.Probe.With, nil, w.Targets)
	})
	if err != nil {
		return run.Observations{}, s.fault(ctx, err)
	}
	if err := ask.permitAll(ctx, p); err != nil {
		return run.Observations{}, s.fault(ctx, err)
	}
	out, err := guarded(func() (run.Observations, error) { return a.watch(ctx, w, p) })
	return out, s.fault(ctx, err)
}

type logKey struct{}

// Log returns the logger of the action at hand. Normal operation logs nothing.
func Log(ctx context.Context) *slog.Logger {
	if l, ok := ctx.Value(logKey{}).(*slog.Logger); ok {
		return l
	}
	return slog.New(slog.DiscardHandler)
}
