package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/board"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
	"github.com/muster-dr/muster/internal/tracker"
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

	// Bundled is the break-glass bundle that this process works from; nil is none.
	Bundled *run.Bundled

	// marks are what a site worker signs with at the engine besides its ledger; nil is nothing.
	marks map[string]string
	// dataMade says that nothing of muster's was in the data directory before.
	dataMade bool
	// ownEvery is how often the own files are looked at; 0 is what it is in production.
	ownEvery time.Duration

	seen *secret.Redactor // knows the secrets that were read; nil outside a process of ours
}

// server is the API and the control plane's worker on one record store.
type server struct {
	o        Options
	store    journal.Store
	plans    plans
	link     *link
	metrics  *metrics.Metrics
	api      *api.Server
	board    *board.Board
	identity *identity.Service
	handler  http.Handler
	alarms   *alarm.Service
	evidence *keep.Keeper
	says     *speaking
	outcomes *outcome.Keeper

	told      chan struct{} // closed when the server is up
	up        func()
	occasions api.Occasions
	accounts  *accounts
	lookout   *lookout.Lookout
}

func newServer(ctx context.Context, o Options, store journal.Store, c *link, at reached, m *metrics.Metrics, actions *activities.Registry, token string, compiled func(plan.Plan)) (*server, error) {
	asked := m.Timed(store)
	m.Runs(asked)
	outcomes := &outcome.Keeper{Log: o.Log}
	s := &server{o: o, store: outcomes.Watched(m.Counted(asked)), link: c, metrics: m, outcomes: outcomes}
	s.told = make(chan struct{})
	s.plans = plans{dir: o.Config.Plans, catalog: actions, kept: &keptPlans{}, compiled: compiled, log: o.Log}
	s.up = sync.OnceFunc(func() { close(s.told) })
	outcomes.Store = s.store
	files := s.plans
	people := &directory{dir: o.Config.Plans, catalog: actions, kept: files.kept}
	s.identity = identity.New(s.store, identityOptions(o, token, people))
	s.api = &api.Server{
		Name:     serverName(o.Config),
		Identity: s.identity, Estate: people.Estate, PublicURL: strings.TrimRight(o.Config.PublicURL, "/"),
		Store: s.store, Engine: c.client, Namespace: at.namespace, Updates: engine.Updates(o.Config.Temporal.Address), Data: c.codec.Data(), Plans: files, PlansDir: files.full(), Render: paper(o.Config.Font).Render, RenderFor: paper(o.Config.Font).RenderFor, SetSheet: paper(o.Config.Font).Sheet,
		Actions: actions.Actions(), Token: token, Version: o.Version, Log: o.Log, Metrics: m, Now: time.Now,
		Outcomes: outcomes, Ledger: &finding.Ledger{Store: s.store}, Tracker: tracker.Template(o.Config.Findings.Tracker), Bundled: o.Bundled,
	}
	if at.traces != nil {
		s.api.Trace = at.traces.Request
	}
	var err error
	if s.evidence, err = keeper(ctx, o, s.store, s.rows(), s.api.Ledger, s.altered); err != nil {
		return nil, err
	}
	s.api.Evidence = s.evidence
	m.Evidence(func() metrics.Evidence {
		st := s.evidence.Status()
		out := metrics.Evidence{Sealed: st.Sealed, Waiting: len(st.Waiting), Held: st.Held, Damaged: len(st.Altered("")), Checked: when(st.CheckedAt)}
		if st.OldestEnded != nil {
			out.OldestWaiting = *st.OldestEnded
		}
		if t := st.Stamps; t != nil {
			out.Stamped, out.StampDue = when(t.At), when(t.Due)
		}
		for _, p := range st.Places {
			out.Copies = append(out.Copies, p.Waiting)
		}
		return out
	})
	if outcomes.Then, err = followUp(o, s.api.Ledger, s.store, people.Estate, files.days); err != nil {
		return nil, err
	}
	s.accounts = s.tellsAccounts(people.estate)
	s.api.TokenIssued = s.accounts.issued
	s.lookout = s.looksOut(people, files, m)
	h := s.api.Handler()
	m.Findings(s.api.Standing, s.api.Proven)
	m.Programme(s.api.Planned)
	m.Schedules(api.ScheduleStates(), s.api.SchedulesByState)
	m.Attained(s.api.Attained)
	m.Open(s.api.OpenNow)
	shown := &storeShown{o: o}
	m.Plant(metrics.Plant{Sites: s.api.SiteWorkers, Engine: s.engineNow(at.canary), Parked: s.api.Parked, Left: s.api.LeftToPeople, Ready: s.api.Checked,
		Tokens: s.identity.Relied,
		Certificates: func(ctx context.Context) []metrics.Certificate {
			return append(certificates(o.Config), shown.certificates(ctx)...)
		}})
	s.board, err = board.New(board.Options{
		Store: s.store, API: h, Plans: s.api.Plans, Estate: people.inventory, Log: o.Log, PublicURL: o.Config.PublicURL,
		People: s.identity,
	})
	if err != nil {
		return nil, &Trouble{Mistake: true, What: o.Lang.T("the board can't be shown", "ボードを表示できません"), Err: spoken{o.Lang, err},
			WayOut: o.Lang.T("public_url is where people find the board, such as https://muster.example.org", "public_url には、ボードのURLを指定してください。例: https://muster.example.org")}
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.board)
	mux.Handle("/api/", h)
	origins := o.Config.Encryption.UIOrigins
	if c.ui != "" {
		origins = append(slices.Clone(origins), c.ui)
	}
	mux.Handle(api.CodecPath, s.api.Codec(c.codec, origins))
	mux.Handle("GET /metrics", s.figures(m.Handler()))
	told := &summon{within: tellWithin, estate: people.estate, files: files, lang: o.Lang, url: o.Config.PublicURL, done: through{heard: s.heard}, channels: func() []channel.Channel { return s.says.channels }}
	woken, err := alarms(ctx, o, s.store, api.InProcess(h, string(o.Lang)), files, told.tell, s.guardsOf(people).silent, m)
	if err != nil {
		return nil, &Trouble{Mistake: true, What: o.Lang.T("the alarm sources are not in order", "警報の送信元の設定に誤りがあります"), Err: spoken{o.Lang, err}}
	}
	s.alarms, s.api.Alarms = woken, woken
	s.occasions = api.Occasions{Server: s.api, Door: api.InProcess(h, "en"), Tell: told.occasion}
	mux.Handle(alarm.Path, s.alarms.Handler())
	s.handler = api.Shielded(probed(api.Called(mux, names(o.Config), s.identity.Misnamed, alarm.Path, "/slack/"), true, s.ready(at)), o.Config.PublicURL)
	if s.says, err = s.speak(people.estate, m, h, s.identity, s.identity.Disabled); err == nil && s.says.slack != nil {
		mux.Handle("POST /slack/", http.StripPrefix("/slack", s.says.slack))
	}
	return s, err
}

// run answers requests and works on the control queue until ctx ends.
func (s *server) run(ctx context.Context, door *front, ready func()) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	working.Go(func() {
		keepWorking(ctx, s.o.Log.With("queue", plan.ControlQueue), func(onFatal func(error)) worker.Worker {
			options := workerOptions(onFatal)
			if s.o.Config.Temporal.PinRuns {
				options = pinned(options, s.o.Version)
			}
			w := worker.New(s.link.flows, plan.ControlQueue, options)
			workflows.Register(w)
			record.Register(w, record.Deps{Store: s.store, Client: s.link.client, Data: s.link.codec.Data(), Log: s.o.Log})
			s.occasions.Register(w)
			return w
		}, ready)
	})
	if s.o.Config.Temporal.PinRuns {
		working.Go(func() { takeOver(ctx, s.link.client, s.o.Version, s.o.Log) })
	}
	working.Go(func() { s.api.Work(ctx, s.o.Config.People.Keep) })
	working.Go(func() { s.api.GiveWay(ctx) })
	working.Go(func() { s.says.run(ctx) })
	working.Go(func() { s.accounts.run(ctx) })
	working.Go(func() { s.lookout.Run(ctx) })
	working.Go(func() { s.watchOwn(ctx, cmp.Or(s.o.ownEvery, ownEvery)) })
	working.Go(func() { s.outcomes.Run(ctx) })
	working.Go(func() { s.tidyIdentity(ctx) })
	if every := s.o.Config.CheckEvery; every > 0 {
		working.Go(func() { s.checkEvery(ctx, every) })
	}
	working.Go(func() { _ = s.alarms.Run(ctx) })
	working.Go(func() { s.evidence.Run(ctx) })
	working.Go(func() { s.noteAssigned(ctx) })
	working.Go(func() { givesBack(ctx) })
	if s.o.Bundled == nil { // the yearly plan is the installation's, which may be carrying it out
		working.Go(func() { s.settleOccasions(ctx) })
	}
	working.Go(func() {
		select {
		case <-s.told:
			s.o.alive(ctx, doorAnswers(door.ln, door.secured))
		case <-ctx.Done():
		}
	})
	door.hand(s.handler)
	err := door.until(ctx)
	stop()
	s.board.Close()
	working.Wait()
	return err
}

// doorAnswers reports whether the server still takes and answers requests at its door. It asks what
// needs neither store nor engine: one that is away is no reason to start the server again.
func doorAnswers(ln net.Listener, secured bool) func(context.Context) error {
	scheme := "http"
	transport := &http.Transport{DisableKeepAlives: true}
	if secured {
		scheme = "https"
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // it asks itself, and believes nothing of the answer
	}
	client := &http.Client{Transport: transport}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+ln.Addr().String()+alivePath, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	}
}

// checkEvery keeps every scenario's readiness fresh. It goes by the age of the newest
// result in the record, so that a restart neither repeats nor skips a check, and several
// servers share the work: one check of a scenario runs at a time.
func (s *server) checkEvery(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(max(every/24, time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due, err := s.api.DueChecks(ctx, every)
		if err != nil {
			s.o.Log.Warn("which scenarios are due for a check can't be told", "err", err)
			continue
		}
		for _, name := range due {
			r, err := s.api.Check(ctx, name, api.CheckRequest{})
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.o.Log.Warn("the readiness check did not work", "scenario", name, "err", err)
			case r.Checked != nil && !r.Checked.Ready:
				s.o.Log.Warn("a scenario is not ready: muster check --last "+name, "scenario", name)
			}
		}
	}
}

// settleOccasions ends what the engine works on no more and enters what it never began, as soon as the
// engine answers and then every some minutes: it may have been away while this server was not.
func (s *server) settleOccasions(ctx context.Context) {
	again := time.NewTicker(time.Minute)
	defer again.Stop()
	for first, rounds := true, 0; ; rounds++ {
		if first || rounds%settleRounds == 0 {
			err := errors.Join(s.occasions.SettleGone(ctx), s.occasions.SettleAway(ctx))
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.o.Log.Warn("which due days nobody works on can't be told or settled yet", "err", err)
			case first:
				first = false
				_, _ = s.api.Planned(ctx) // reads the due days of all years, before somebody waits for them
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// settleRounds is how many minutes lie between two looks at due days that nobody works on.
const settleRounds = 10
