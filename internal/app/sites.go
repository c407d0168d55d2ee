package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/activities/probe"
	"github.com/muster-dr/muster/activities/temporal"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/policy"
	"github.com/muster-dr/muster/internal/secret"
)

// sites runs workers for sites, each with its own ledger, and takes on more on demand.
type sites struct {
	o      Options
	ctx    context.Context // ends them all
	client client.Client

	mu      sync.Mutex
	names   []string
	working sync.WaitGroup
	ready   sync.WaitGroup // those that have not begun for the first time yet
}

func newSites(ctx context.Context, o Options, c client.Client) *sites {
	return &sites{o: o, ctx: ctx, client: c}
}

// ensure has a worker for the site from now on. The same site again is the same worker.
func (s *sites) ensure(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.names, name) || s.ctx.Err() != nil {
		return nil
	}
	dir := s.o.Config.SiteDir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fileTrouble(s.o.Lang, dir, err)
	}
	led, err := ledger.Open(filepath.Join(dir, "ledger.db"))
	if err != nil {
		return &Trouble{What: s.o.Lang.T("the effect ledger of site %s can't be opened", "拠点 %s の実行台帳を開けません", name), Err: spoken{s.o.Lang, err}}
	}
	log := s.o.Log.With("site", name)
	registry := all.Registry(all.Options{Probe: probe.Options{Dir: filepath.Join(dir, "probes"), Log: log, Engine: health(s.client)}, Temporal: temporal.Options{Client: s.client}})
	var rules activities.Policy
	if file := s.o.Config.Policy; file != "" {
		var ids []string
		for _, a := range registry.Actions() {
			ids = append(ids, a.ID)
		}
		p, err := policy.Load(file, ids)
		if err != nil {
			return errors.Join(&Trouble{What: s.o.Lang.T("no worker is started on a policy with mistakes, %s", "ポリシー %s に誤りがあるためワーカーを起動しません", file), Err: spoken{s.o.Lang, err}}, led.Close())
		}
		rules = p
	}
	outputs := filepath.Join(s.o.Config.Data, "evidence")
	if err := sweepOutputs(outputs, time.Now()); err != nil {
		log.Warn("what is left of outputs that were cut off can't be removed", "err", err)
	}
	site := activities.Site{Name: name, Policy: rules, Ledger: led, Secrets: s.o.secrets(), Redactor: &secret.Redactor{},
		Evidence: longOutputs(outputs), Log: log, Ready: certificateReady(s.o.Config, time.Now)}
	host, err := os.Hostname()
	if err != nil {
		host = name
	}
	s.names = append(s.names, name)
	slices.Sort(s.names)
	s.ready.Add(1)
	begun := sync.OnceFunc(s.ready.Done)
	s.working.Go(func() {
		defer led.Close()
		defer begun()
		keepWorking(s.ctx, log, func(onFatal func(error)) worker.Worker {
			o := workerOptions(onFatal)
			o.DisableWorkflowWorker = true
			o.Identity = plan.WorkerMarks(plan.WorkerIdentity(os.Getpid(), host, led.ID()), s.o.marks)
			w := worker.New(s.client, plan.SiteQueue(name), o)
			registry.Register(w, site)
			return w
		}, begun)
	})
	return nil
}

// list is the sites there are workers for.
func (s *sites) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.names)
}

// health asks the engine whether it serves, for a probe.
func health(c client.Client) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.CheckHealth(ctx, nil)
		return err
	}
}
