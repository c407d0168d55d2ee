package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	group "github.com/oklog/run"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/tracing"
)

// stopWithin is how long a process takes to stop at most.
const stopWithin = 5 * time.Second

// untilSignal is the actor that ends a group at SIGINT, SIGTERM or the end of ctx.
func untilSignal(ctx context.Context) (execute func() error, interrupt func(error)) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	return func() error { <-ctx.Done(); return nil }, func(error) { stop() }
}

// actor turns a function that runs until its context ends into one of a group.
func actor(ctx context.Context, f func(context.Context) error) (execute func() error, interrupt func(error)) {
	ctx, stop := context.WithCancel(ctx)
	return func() error { return f(ctx) }, func(error) { stop() }
}

// Server runs the API and the control plane's worker on an engine of one's own, until a
// signal or the end of ctx.
func Server(ctx context.Context, o Options) error {
	o = o.guarded()
	worker.SetBinaryChecksum(o.Version)
	l := o.Lang
	if o.Config.Embedded() {
		_, err := Connection(ctx, o)
		return err
	}
	data, err := openData(l, o.Config.Data, shared)
	if err != nil {
		return err
	}
	defer data.Close()
	token, err := serverToken(l, o.Config)
	if err != nil {
		return err
	}
	o.learn(token)
	if err := inClear(o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	door, err := openFront(ctx, o, token)
	if err != nil {
		return err
	}
	defer door.close()
	ctx, leave := door.while(ctx)
	defer leave()
	if err := o.awaitVault(ctx, door.starting); err != nil {
		return ended(ctx, err)
	}
	conn, err := Connection(ctx, o)
	if err != nil {
		return ended(ctx, err)
	}
	store, err := openStore(ctx, o, door.starting)
	if err != nil {
		return ended(ctx, err)
	}
	defer store.Close()
	m := metrics.New(o.Version)
	traces, err := o.traced(ctx, &conn, "muster-server")
	if err != nil {
		return err
	}
	defer traces.Stop()
	c, err := dial(ctx, l, conn, o.Log, m, door.starting)
	if err != nil {
		return ended(ctx, err)
	}
	defer c.Close()

	if err := claimStore(ctx, o, store, c.client, conn.Address, conn.Namespace); err != nil {
		return ended(ctx, err)
	}
	s, err := newServer(ctx, o, store, c, reached{namespace: conn.Namespace, traces: traces}, m, all.Registry(all.Options{}), token, nil)
	if err != nil {
		return err
	}
	var g group.Group
	g.Add(untilSignal(ctx))
	g.Add(actor(ctx, func(ctx context.Context) error {
		return s.run(ctx, door, func() {
			s.up()
			fmt.Fprint(o.Talk, summary(l, "muster server "+o.Version, [][2]string{
				{"API", o.Config.Scheme() + door.ln.Addr().String()}, {l.T("board", "ボード"), boardURL(o, door.ln.Addr().String())}, {l.T("engine", "エンジン"), conn.Address},
				{l.T("records", "記録"), o.Config.StoreURL()}, {l.T("token", "トークン"), o.Config.TokenPath()}, {l.T("plans", "計画"), s.plans.line(l)},
			}))
		})
	}))
	return ended(ctx, g.Run())
}

// Worker works for one site on an engine of one's own, until a signal or the end of ctx.
func Worker(ctx context.Context, o Options) error {
	o = o.guarded()
	worker.SetBinaryChecksum(o.Version)
	l := o.Lang
	if o.Config.Site == "" {
		return &Trouble{Mistake: true, What: l.T("Which site does this worker work for?", "このワーカーが受け持つ拠点が指定されていません。"),
			WayOut: l.T("Name it with --site, as the estate does", "構成台帳に書かれた拠点名を --site で指定してください")}
	}
	if err := ownCertificate(l, o.Config, time.Now()); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	probes, err := o.answerProbes(ctx)
	if err != nil {
		return err
	}
	defer probes.close()
	if err := o.awaitVault(ctx, nil); err != nil {
		return ended(ctx, err)
	}
	conn, err := Connection(ctx, o)
	if err != nil {
		return err
	}
	data, err := openData(l, o.Config.Data, shared)
	if err != nil {
		return err
	}
	defer data.Close()
	traces, err := o.traced(ctx, &conn, "muster-worker")
	if err != nil {
		return err
	}
	defer traces.Stop()
	c, err := dial(ctx, l, conn, o.Log, nil, nil)
	if err != nil {
		return ended(ctx, err)
	}
	defer c.Close()

	var g group.Group
	g.Add(untilSignal(ctx))
	g.Add(actor(ctx, probes.until))
	g.Add(actor(ctx, func(ctx context.Context) error { givesBack(ctx); return nil }))
	g.Add(actor(ctx, func(ctx context.Context) error {
		o.marks = o.ownMarks(ctx)
		s := newSites(ctx, o, c.client)
		if err := s.ensure(o.Config.Site); err != nil {
			return err
		}
		s.ready.Wait()
		if ctx.Err() == nil {
			probes.works()
			fmt.Fprint(o.Talk, summary(l, "muster worker "+o.Version, [][2]string{
				{l.T("site", "拠点"), o.Config.Site}, {l.T("queue", "キュー"), plan.SiteQueue(o.Config.Site)},
				{l.T("engine", "エンジン"), conn.Address}, {l.T("data", "データ"), o.Config.SiteDir(o.Config.Site)},
			}))
			go o.alive(ctx, func(context.Context) error { return nil }) // what it works on may take long, or wait for its engine
		}
		s.working.Wait()
		return nil
	}))
	return ended(ctx, g.Run())
}

// Up runs everything on one machine: the embedded engine, the server and a worker for
// every site of the estate, until a signal or the end of ctx. started, when not nil, is
// called once all of it answers.
func Up(ctx context.Context, o Options, started func(api, temporalUI string)) error {
	o = o.guarded()
	worker.SetBinaryChecksum(o.Version)
	l := o.Lang
	if err := plansThere(l, o.Config.Plans); err != nil {
		return err
	}
	data, err := openData(l, o.Config.Data, alone)
	if err != nil {
		return err
	}
	defer data.Close()
	o.dataMade = data.made
	token, err := serverToken(l, o.Config)
	if err != nil {
		return err
	}
	o.learn(token)
	if err := inClear(o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	at, err := openFront(ctx, o, token)
	if err != nil {
		return err
	}
	defer at.close()
	ctx, leave := at.while(ctx)
	defer leave()
	if err := o.awaitVault(ctx, at.starting); err != nil {
		return ended(ctx, err)
	}
	codec, err := payloads(ctx, o)
	if err != nil {
		return ended(ctx, err)
	}
	door, err := openGateway(ctx, l, o)
	if err != nil {
		return err
	}
	defer door.Close()
	store, err := openStore(ctx, o, at.starting)
	if err != nil {
		return ended(ctx, err)
	}
	defer store.Close()

	e, err := engine.Start(ctx, engine.Options{Binary: o.Config.Engine, Dir: o.Config.EngineDir(), Log: o.Log,
		// The watchdog has an engine to restart, and does not wait for the store.
		OnClockStep: func(by time.Duration) { go enterClockStep(ctx, store, o.Log, by, time.Now()) }})
	if err != nil {
		if ctx.Err() != nil {
			return ended(ctx, err)
		}
		return &Trouble{What: l.T("the engine did not start", "エンジンを起動できませんでした"), Err: spoken{l, err}}
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin-2*time.Second)
		defer cancel()
		if err := e.Stop(last); err != nil {
			o.Log.Warn("engine did not stop cleanly; nothing is lost", "err", err)
		}
	}()
	reach := e.Endpoint()
	o.learn(reach.Token)
	m := metrics.New(o.Version)
	conn := engine.Connection{Address: reach.Address, Namespace: reach.Namespace, Token: reach.Token, Codec: codec}
	traces, err := o.traced(ctx, &conn, "muster")
	if err != nil {
		return err
	}
	defer traces.Stop()
	c, err := dial(ctx, l, conn, o.Log, m, at.starting)
	if err != nil {
		return ended(ctx, err)
	}
	defer c.Close()

	if err := claimStore(ctx, o, store, c.client, reach.Address, reach.Namespace); err != nil {
		return ended(ctx, err)
	}
	if u, err := url.Parse(reach.UIAddress); err == nil {
		c.ui = u.Scheme + "://" + u.Host
	}
	return ended(ctx, up(ctx, o, e, store, c, m, traces, token, at, door, started))
}

// traced begins tracing where the environment asks for it, on a connection that is about to be made.
func (o Options) traced(ctx context.Context, conn *engine.Connection, service string) (*tracing.Tracing, error) {
	t, err := tracing.Start(context.WithoutCancel(ctx), service, o.Version, o.Log)
	if err == nil {
		conn.Interceptors, err = t.Interceptors()
	}
	if err != nil {
		return nil, &Trouble{Mistake: true, What: o.Lang.T("traces can't be sent as the environment asks", "環境変数の指定ではトレースを送信できません"), Err: spoken{o.Lang, err},
			WayOut: o.Lang.T("Correct the OTEL_* variable, or unset OTEL_EXPORTER_OTLP_ENDPOINT to send none", "OTEL_* 環境変数を修正するか、送信しない場合は OTEL_EXPORTER_OTLP_ENDPOINT を削除してください")}
	}
	return t, nil
}

// ended drops the error of a process that was asked to end. One whose door fell shut was not asked.
func ended(ctx context.Context, err error) error {
	var shut doorShut
	if errors.As(context.Cause(ctx), &shut) {
		return shut.error
	}
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// boardURL is where people find the board.
func boardURL(o Options, address string) string {
	if o.Config.PublicURL != "" {
		return o.Config.PublicURL
	}
	return o.Config.Scheme() + address + "/"
}

// summary is what a person wants to know once a process is up.
func summary(l interface {
	T(en, ja string, args ...any) string
}, title string, rows [][2]string) string {
	var b strings.Builder
	b.WriteString(l.T("%s is up", "%s を起動しました", title) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s  %s\n", padded(r[0], 12), r[1])
	}
	return b.String()
}

func padded(s string, n int) string {
	w := 0
	for _, r := range s {
		if w++; r > 0x2e80 {
			w++
		}
	}
	return s + strings.Repeat(" ", max(0, n-w))
}
