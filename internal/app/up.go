package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	group "github.com/oklog/run"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/tracing"
)

// up runs the parts of `muster up` as one group: what ends ends them all.
func up(ctx context.Context, o Options, e *engine.Engine, store journal.Store, c *link, m *metrics.Metrics, traces *tracing.Tracing, token string, at *front, door *gatewayDoor, started func(api, temporalUI string)) error {
	registry := all.Registry(all.Options{})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	workers := newSites(ctx, o, c.client)
	// A plan may name a site that was added to the estate since the start.
	s, err := newServer(ctx, o, store, c, reached{namespace: e.Endpoint().Namespace, canary: e.Canary, traces: traces}, m, registry, token, func(p plan.Plan) {
		for _, site := range ownSites(o.Config, p.Estate) {
			if err := workers.ensure(site); err != nil {
				o.Log.Error("no worker for the site", "site", site, "err", err)
			}
		}
	})
	if err != nil {
		return err
	}
	if err := employ(o, s.plans, workers); err != nil {
		return err
	}

	serving := make(chan struct{})
	var g group.Group
	g.Add(untilSignal(ctx))
	g.Add(actor(ctx, e.Run))
	g.Add(actor(ctx, func(ctx context.Context) error {
		first := true
		return s.run(ctx, at, func() {
			if first {
				first = false
				close(serving)
			}
		})
	}))
	if door != nil {
		door.opts.Turned = s.turnedAtGateway
		g.Add(actor(ctx, func(ctx context.Context) error { return door.serve(ctx, c.client, e.Endpoint().Namespace) }))
	}
	g.Add(actor(ctx, func(ctx context.Context) error {
		select {
		case <-serving:
		case <-ctx.Done():
			return nil
		}
		workers.ready.Wait()
		if ctx.Err() != nil {
			return nil
		}
		api := o.Config.Scheme() + at.ln.Addr().String()
		s.up()
		open, err := store.Runs(ctx, journal.Filter{Open: true})
		if err != nil {
			o.Log.Warn("which runs go on can't be told", "err", err)
		}
		fmt.Fprint(o.Talk, upSummary(o, s.plans, api, e.Endpoint().UIAddress, workers.list(), open))
		if started != nil {
			started(api, e.Endpoint().UIAddress)
		}
		<-ctx.Done()
		return nil
	}))
	g.Add(func() error { <-ctx.Done(); workers.working.Wait(); return nil }, func(error) { stop() })
	return g.Run()
}

// employ starts a worker for every site of the estate. Plan files with mistakes do not
// keep muster from starting: they are told of, and no run starts from them.
func employ(o Options, files plans, workers *sites) error {
	bundle, err := files.load()
	if mistakes := (scenario.Mistakes)(nil); errors.As(err, &mistakes) {
		fmt.Fprintln(o.Talk, mistakes.Said().In(string(o.Lang)))
		fmt.Fprintln(o.Talk, o.Lang.T("muster: %d mistake(s) in %s; no run can be started until they are corrected", "muster: %[2]s に誤りが %[1]d 件あります。修正するまで訓練・対応を開始できません", len(mistakes), o.Config.Plans))
		return nil
	}
	var errs []error
	for _, name := range o.Config.Sites {
		if _, ok := bundle.Estate().Site(name); !ok {
			t := notThere(o.Lang, name, ownSites(config.Config{}, bundle.Estate()))
			t.What = o.Lang.T("sites: the estate has no site %q", "sites: 拠点 %q は構成台帳にありません", name)
			return t
		}
	}
	for _, site := range ownSites(o.Config, bundle.Estate()) {
		errs = append(errs, workers.ensure(site))
	}
	return errors.Join(errs...)
}

// ownSites are the sites that this machine works for itself.
func ownSites(c config.Config, e plan.Estate) []string {
	if len(c.Sites) > 0 {
		return c.Sites
	}
	var names []string
	for _, s := range e.Sites {
		names = append(names, s.Name)
	}
	return names
}

func upSummary(o Options, files plans, api, ui string, sites []string, open []journal.Summary) string {
	l := o.Lang
	data := o.Config.Data
	if o.dataMade {
		if at, err := filepath.Abs(data); err == nil {
			data = at
		}
		data += l.T("  (new and empty; if muster has run here before, name its directory with --data)", "  (新規。記録はありません。以前から使用している場合は --data でそのディレクトリを指定してください)")
	}
	names := strings.Join(sites, ", ")
	if names == "" {
		names = l.T("none yet", "なし")
	}
	if at, _, secret := strings.Cut(ui, "?"); secret && !o.Terminal {
		ui = at + l.T("  (its key is shown in a terminal only)", "  (鍵は端末でのみ表示)")
	}
	rows := [][2]string{
		{"API", api},
		{l.T("board", "ボード"), boardURL(o, strings.TrimPrefix(api, o.Config.Scheme()))},
		{"Temporal UI", ui},
		{l.T("data", "データ"), data},
		{l.T("token", "トークン"), o.Config.TokenPath()},
		{l.T("plans", "計画"), files.line(l)},
		{l.T("sites", "拠点"), names},
	}
	if at := o.Config.Gateway.Listen; at != "" {
		rows = append(rows, [2]string{l.T("gateway", "ゲートウェイ"), at + l.T("  (make a worker's certificate with `muster site certificate SITE`)", "  (ワーカーの証明書は `muster site certificate SITE` で作成)")})
	}
	first := l.T("Start a drill with `muster drill start SCENARIO --as PERSON`; end muster with Ctrl-C\n", "訓練の開始: `muster drill start SCENARIO --as PERSON`。終了: Ctrl-C\n")
	switch {
	case !files.startable():
		first = l.T("Before a drill, mend the plan files: `muster validate %s` says what they lack; end muster with Ctrl-C\n", "訓練の前に計画ファイルを整えてください。不足の確認: `muster validate %s`。終了: Ctrl-C\n", o.Config.Plans)
	case o.Bundled != nil:
		first = l.T("Start the response with `bin/muster activate SCENARIO --as PERSON --reason ...`; end muster with Ctrl-C\n", "対応の開始: `bin/muster activate SCENARIO --as PERSON --reason ...`。終了: Ctrl-C\n")
	}
	if len(open) > 0 && files.startable() { // whoever starts muster again in the middle of a run needs that run, and no other
		first = l.T("End muster with Ctrl-C\n", "終了: Ctrl-C\n")
	}
	return summary(l, "muster "+o.Version, rows) + goOn(o, open) + first
}

// goOn names the runs that are in progress, real ones first.
func goOn(o Options, open []journal.Summary) string {
	var responses, drills strings.Builder
	command := "muster"
	if o.Bundled != nil {
		command = "bin/muster"
	}
	for _, r := range open {
		if r.Kind == run.Response {
			responses.WriteString(o.Lang.T("The REAL response %[1]s goes on: `%[2]s drill watch %[1]s`\n", "本番の対応 %[1]s を継続しています: `%[2]s drill watch %[1]s`\n", r.Run, command))
		} else {
			drills.WriteString(o.Lang.T("Drill %[1]s goes on: `%[2]s drill watch %[1]s`\n", "訓練 %[1]s を継続しています: `%[2]s drill watch %[1]s`\n", r.Run, command))
		}
	}
	return responses.String() + drills.String()
}
