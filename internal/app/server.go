package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Options of a process.
type Options struct {
	Config  config.Config
	Version string
	Lang    i18n.Lang
	Talk    io.Writer // where people are told what has started; not the log
	// Terminal says that Talk is read by a person now. Elsewhere it may be kept, so
	// nothing that opens a door is written to it.
	Terminal bool
	Log      *slog.Logger
}

// server is the API and the control plane's worker on one record store.
type server struct {
	o       Options
	store   journal.Store
	client  client.Client
	metrics *metrics.Metrics
	handler http.Handler
}

func newServer(ctx context.Context, o Options, store journal.Store, c client.Client, m *metrics.Metrics, actions *activities.Registry, token string, compiled func(plan.Plan)) *server {
	m.Runs(store)
	s := &server{o: o, store: api.Watched(m.Counted(store)), client: c, metrics: m}
	h := (&api.Server{
		Store: s.store, Engine: c, Plans: plans{dir: o.Config.Plans, catalog: actions, compiled: compiled}, Render: Render,
		Actions: actions.Actions(), Token: token, Version: o.Version, Log: o.Log, Metrics: m,
	}).Handler()
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("GET /metrics", m.Handler())
	s.handler = mux
	return s
}

// Render writes a run's report.
func Render(w io.Writer, p plan.Plan, events []run.Event, format, lang string) error {
	r, err := report.Build(p, events)
	if err != nil {
		return err
	}
	return report.Render(w, r, report.Format(format), lang)
}

// run answers requests and works on the control queue until ctx ends.
func (s *server) run(ctx context.Context, ln net.Listener, ready func()) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	working.Go(func() {
		keepWorking(ctx, s.o.Log.With("queue", plan.ControlQueue), func(onFatal func(error)) worker.Worker {
			w := worker.New(s.client, plan.ControlQueue, workerOptions(onFatal))
			workflows.Register(w)
			record.Register(w, record.Deps{Store: s.store, Client: s.client})
			return w
		}, ready)
	})
	err := serve(ctx, ln, s.handler)
	stop()
	working.Wait()
	return err
}

// openStore opens the record store, with the way out when it can't be.
func openStore(ctx context.Context, l i18n.Lang, c config.Config) (journal.Store, error) {
	store, err := journal.Open(ctx, c.StoreURL())
	if err != nil {
		return nil, &Trouble{What: l.T("the record store %s can't be opened", "記録の保存先 %s を開けません", c.StoreURL()), Err: err}
	}
	return store, nil
}
