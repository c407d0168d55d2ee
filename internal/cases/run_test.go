package cases_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/worker"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/activities/probe"
	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/cases"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/secret"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

var (
	keep = flag.Bool("record", false, "keep the results in docs/cases.json")
	only = flag.String("only", "", "run only scenarios that match, as in dc-*")
)

const (
	shipped = "../../scenarios/cases"
	results = "../../docs/cases.json"
	atOnce  = 4 // most of a run is waiting; more only wait for this machine
)

// servers starts what a group's targets need, by the group's folder. Each gets the copy of
// the group's files and writes addresses into it. A group that is not here is all sim.
var servers = map[string]func(t *testing.T, g *group){}

// group is a copy of a folder of scenarios/cases.
type group struct {
	name, dir string
	// away are sites at which no worker is started.
	away []string
}

// set writes fields of those targets of the group's estate whose name, kind or other
// field of the key has the value.
func (g *group) set(t *testing.T, key, value string, fields map[string]any) {
	t.Helper()
	g.edit(t, func(doc map[string]any) {
		list, _ := doc["targets"].([]any)
		for _, x := range list {
			if m := x.(map[string]any); m[key] == value {
				for k, v := range fields {
					m[k] = v
				}
			}
		}
	})
}

// edit changes every plan file of the group.
func (g *group) edit(t *testing.T, change func(doc map[string]any)) {
	t.Helper()
	err := filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var doc map[string]any
		if err := yaml.Unmarshal(b, &doc); err != nil {
			return err
		}
		change(doc)
		if b, err = yaml.Marshal(doc); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// plans are those of all groups as one server's.
type plans struct {
	mu     sync.Mutex
	bundle map[string]*scenario.Bundle // by scenario
}

func (p *plans) Scenarios() ([]api.Scenario, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []api.Scenario
	for name := range p.bundle {
		out = append(out, api.Scenario{Name: name})
	}
	return out, nil
}

func (p *plans) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p.mu.Lock()
	b, ok := p.bundle[name]
	p.mu.Unlock()
	if !ok {
		return plan.Plan{}, fmt.Errorf("there is no scenario %q", name)
	}
	return b.Compile(name, depth)
}

// Every case runs from its event to its closing on one engine, several at once, and is
// judged by its own criteria. What comes out is what docs/cases.md shows.
func TestCases(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	every, err := cases.Cases(shipped)
	if err != nil {
		t.Fatal(err)
	}
	every = slices.DeleteFunc(every, func(c cases.Case) bool {
		ok, _ := filepath.Match(*only, c.Plan.Scenario.Name)
		return *only != "" && !ok
	})
	groups := map[string]*group{}
	for _, c := range every {
		name := filepath.Base(filepath.Dir(c.File))
		if groups[name] == nil {
			groups[name] = &group{name: name, dir: filepath.Join(t.TempDir(), name)}
		}
	}
	loaded := &plans{bundle: map[string]*scenario.Bundle{}}
	var sites []string
	for name, g := range groups {
		if err := os.CopyFS(g.dir, os.DirFS(filepath.Join(shipped, name))); err != nil {
			t.Fatal(err)
		}
		g.set(t, "kind", "sim", map[string]any{"dir": t.TempDir()})
		if prepare := servers[name]; prepare != nil {
			prepare(t, g)
		}
		bundles, mistakes := scenario.LoadTree(all.Registry(all.Options{}), g.dir)
		if err := mistakes.Err(); err != nil {
			t.Fatal(err)
		}
		for _, b := range bundles {
			for _, s := range b.Scenarios() {
				loaded.bundle[s.Name] = b
			}
			for _, s := range b.Estate().Sites {
				if !slices.Contains(sites, s.Name) && !slices.Contains(g.away, s.Name) {
					sites = append(sites, s.Name)
				}
			}
		}
	}
	me := start(t, loaded, sites)

	out := cases.Results{}
	var mu sync.Mutex
	var waiting sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	turns := newTurns()
	for _, c := range every {
		waiting.Go(func() {
			done := turns.take(c.Plan)
			defer done()
			slots <- struct{}{}
			defer func() { <-slots }()
			began := time.Now()
			r, err := play(ctx, t, me, c.Plan)
			if err != nil {
				t.Errorf("%s: %v", c.Plan.Scenario.Name, err)
				return
			}
			judge(t, c, r)
			mu.Lock()
			defer mu.Unlock()
			out[c.Plan.Scenario.Name] = cases.Result{At: r.Run.StartedAt.Truncate(time.Second), Plan: c.Plan.Hash, State: r.Run.State, Objective: r.Run.Verdict,
				Verdict: r.Case.Verdict, Seconds: time.Since(began).Round(100 * time.Millisecond).Seconds(), Pass: r.Case.Pass}
		})
	}
	waiting.Wait()
	if *keep && !t.Failed() {
		if err := out.Write(results); err != nil {
			t.Fatal(err)
		}
	}
}

// judge fails for a criterion that was missed, or that the record should tell and does not.
func judge(t *testing.T, c cases.Case, r report.Report) {
	t.Helper()
	name := c.Plan.Scenario.Name
	if r.Case == nil {
		t.Errorf("%s: the report judges no criteria", name)
		return
	}
	for i, p := range r.Case.Pass {
		if p.Verdict == run.Met || p.Verdict == run.NotProven && i < len(c.Plan.Scenario.Pass) && c.Plan.Scenario.Pass[i].Expect == "" {
			continue
		}
		t.Errorf("%s: criterion %s is %s: %s\n%s", name, p.ID, p.Verdict, p.Why.In("en"), p.Expect)
	}
	if t.Failed() {
		b, _ := json.Marshal(r)
		dir := filepath.Join(os.TempDir(), "muster-cases")
		_ = os.MkdirAll(dir, 0o755)
		_ = os.WriteFile(filepath.Join(dir, name+".json"), b, 0o644)
	}
}

// play starts a drill, has its people act and waits for its report.
func play(ctx context.Context, t *testing.T, me *api.Client, p plan.Plan) (report.Report, error) {
	var out report.Report
	by := p.Estate.People[0].ID
	if operators := p.Estate.InRole("operator"); len(operators) > 0 {
		by = operators[0].ID
	}
	started, err := me.Start(ctx, api.StartRequest{Scenario: p.Scenario.Name, Kind: run.Drill, By: by, Reason: "cases of the source documents"})
	if err != nil {
		return out, err
	}
	if act := acts[p.Scenario.Name]; act != nil {
		var acting sync.WaitGroup
		defer acting.Wait()
		acting.Go(func() { act(ctx, &cast{t: t, me: me, run: started.Run}) })
	}
	for after := int64(0); ; {
		events, err := me.Events(ctx, started.Run, after, 20*time.Second)
		if err != nil {
			return out, err
		}
		if after = events.Next; events.Ended {
			break
		}
	}
	b, err := me.Report(ctx, started.Run, "json", "")
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

// turns keeps two drills of one system apart: the second would be refused.
type turns struct {
	mu   sync.Mutex
	free *sync.Cond
	used map[string]bool
}

func newTurns() *turns {
	x := &turns{used: map[string]bool{}}
	x.free = sync.NewCond(&x.mu)
	return x
}

func (x *turns) take(p plan.Plan) (done func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for slices.ContainsFunc(p.Systems, func(s plan.System) bool { return x.used[s.Name] }) {
		x.free.Wait()
	}
	set := func(v bool) {
		for _, s := range p.Systems {
			x.used[s.Name] = v
		}
	}
	set(true)
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		set(false)
		x.free.Broadcast()
	}
}

// start brings up a server and a worker for each site on one engine.
func start(t *testing.T, p api.Plans, sites []string) *api.Client {
	t.Helper()
	const token = "a-token-for-tests-only"
	quiet := slog.New(slog.DiscardHandler)
	c, _ := temporaltest.Start(t).NewClient(t)
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	var workers []worker.Worker
	control := worker.New(c, plan.ControlQueue, worker.Options{WorkerStopTimeout: time.Second})
	workflows.Register(control)
	record.Register(control, record.Deps{Store: store, Client: c})
	workers = append(workers, control)
	for _, name := range sites {
		dir := t.TempDir()
		led, err := ledger.Open(filepath.Join(dir, "ledger.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { led.Close() })
		w := worker.New(c, plan.SiteQueue(name), worker.Options{WorkerStopTimeout: time.Second, DisableWorkflowWorker: true,
			MaxHeartbeatThrottleInterval: time.Second}) // as a site worker has it: the end of a run waits for its probes' next beat
		all.Registry(all.Options{Probe: probe.Options{Dir: filepath.Join(dir, "probes"), Log: quiet}}).Register(w,
			activities.Site{Name: name, Ledger: led, Secrets: secret.Local{}, Redactor: &secret.Redactor{}, Log: quiet})
		workers = append(workers, w)
	}
	for _, w := range workers {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer((&api.Server{Store: store, Engine: c, Plans: p, Token: token, Version: "test", Log: quiet,
		Render: func(w io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang string) error {
			r, err := report.Build(p, events)
			if err != nil {
				return err
			}
			return report.Render(w, r, report.Format(format), lang)
		}}).Handler())
	me := api.Connect(srv.URL, token, "en")
	t.Cleanup(func() {
		me.Close()
		srv.CloseClientConnections()
		srv.Close()
		for _, w := range workers {
			w.Stop()
		}
		store.Close()
	})
	return me
}
