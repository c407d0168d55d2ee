package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

const token = "a-token-for-tests-only"

// patience is for what comes in its own time: longer than a busy machine takes.
const patience = 2 * time.Minute

// world is a server on a real engine, with the control plane's worker.
type world struct {
	*api.Client
	t     *testing.T
	url   string
	store journal.Store

	server   *api.Server
	handler  http.Handler
	identity *identity.Service
}

// inProcess is a client whose calls carry their actor.
func (w *world) inProcess() *api.Client { return api.InProcess(w.handler, "en") }

func newWorld(t *testing.T) *world {
	t.Helper()
	c, _ := temporaltest.Start(t).NewClient(t)
	return worldOn(t, c)
}

func worldOn(t *testing.T, c client.Client) *world {
	t.Helper()
	return worldWith(t, c, files{})
}

func worldWith(t *testing.T, c client.Client, plans api.Plans) *world {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := worker.New(c, plan.ControlQueue, worker.Options{WorkerStopTimeout: time.Second})
	workflows.Register(w)
	record.Register(w, record.Deps{Store: store, Client: c})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	people := identity.New(store, identity.Options{Console: token})
	server := &api.Server{
		Store: store, Identity: people, Engine: c, Plans: plans, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler),
		Render: func(w io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang string) error {
			_, err := fmt.Fprintf(w, "%s %s %s %d", p.Scenario.Name, format, lang, len(events))
			return err
		},
	}
	handler := server.Handler()
	srv := httptest.NewServer(handler)
	me := api.Connect(srv.URL, token, "en")
	t.Cleanup(func() {
		me.Close()
		srv.CloseClientConnections()
		srv.Close()
		w.Stop()
		store.Close()
	})
	return &world{Client: me, t: t, url: srv.URL, store: store, server: server, handler: handler, identity: people}
}

// files are two scenarios that move the same system, done by people alone.
type files struct{}

func (files) Scenarios() ([]api.Scenario, error) {
	return []api.Scenario{{Name: "tokyo-loss"}, {Name: "tokyo-fire"}}, nil
}

func d(v time.Duration) run.Duration { return run.Duration(v) }

func (f files) Compile(name string, depth run.Depth) (plan.Plan, error) {
	list, err := f.Scenarios()
	if err != nil {
		return plan.Plan{}, err
	}
	if !slices.ContainsFunc(list, func(s api.Scenario) bool { return s.Name == name }) {
		return plan.Plan{}, fmt.Errorf("there is no scenario %q", name)
	}
	if depth == "" {
		depth = run.Tabletop
	}
	rto := d(time.Hour)
	task := func(id, text string) plan.Step {
		return plan.Step{ID: id, Uses: "human.task", Effect: run.Disrupt, Timeout: d(time.Hour), Queue: d(time.Minute),
			Human: &plan.Human{Role: "operator", Text: plan.Text{EN: text, JA: text}}}
	}
	move := task("announce", "Tell the branches")
	p := plan.Plan{
		Format: plan.Format,
		Scenario: plan.Scenario{Name: name, Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Hazard: run.Disaster, Depth: depth,
			Phases:   []run.Phase{run.Activation, run.RecoveryDecision, run.Recovery, run.Verification, run.Closing},
			Safety:   plan.SafetyRules{Remind: d(time.Hour), Within: d(time.Hour), Muster: d(time.Hour), Task: d(time.Hour)},
			Decision: plan.DecisionRule{By: "commander", Within: d(time.Hour), Rule: plan.RuleWait},
			Failback: run.PolicyStay, Hold: d(time.Second), Baseline: d(time.Second), DetectWait: d(time.Second), VerifyWait: d(time.Second), FailWait: d(time.Hour)},
		Estate: plan.Estate{Name: "test", Zone: "Asia/Tokyo", Control: "osaka", Sites: []plan.Site{{Name: "osaka"}, {Name: "tokyo"}},
			People: []plan.Person{{ID: "sato", Roles: []string{"commander"}}, {ID: "tanaka", Roles: []string{"operator"}}, {ID: "suzuki", Roles: []string{"operator", "commander"}}},
			Places: []plan.Place{{Name: "online", Online: true}}},
		Systems:  []plan.System{{Name: "orders", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto}, Drillable: run.Depths(), Failover: "orders-failover"}},
		Runbooks: []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{move}}},
	}
	return p, p.Seal()
}

// start starts a run or fails the test.
func (w *world) start(s api.StartRequest) api.Started {
	w.t.Helper()
	out, err := w.Start(w.t.Context(), s)
	if err != nil {
		w.t.Fatalf("start %+v: %v", s, err)
	}
	return out
}

func drill(by string) api.StartRequest {
	return api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: by}
}

func response(scenario, by string) api.StartRequest {
	return api.StartRequest{Scenario: scenario, Kind: run.Response, By: by, Reason: "smoke in the computer room"}
}

// until follows a run's journal to the first event of a kind.
func (w *world) until(id string, kind run.EventKind) run.Event {
	w.t.Helper()
	return w.follow(id, string(kind), func(e run.Event) bool { return e.Kind == kind })
}

// follow follows a run's journal to the first event that is meant.
func (w *world) follow(id, name string, meant func(run.Event) bool) run.Event {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	after := int64(0)
	for {
		ev, err := w.Events(ctx, id, after, 20*time.Second)
		if err != nil {
			w.t.Fatalf("waiting for %s of %s: %v", name, id, err)
		}
		for _, e := range ev.Entries {
			if meant(e.Event) {
				return e.Event
			}
		}
		if after = ev.Next; ev.Ended {
			w.t.Fatalf("%s ended without %s", id, name)
		}
	}
}

// waitingFor is what a run waits for at the moment.
func (w *world) waitingFor(id string) []progress.Awaited {
	w.t.Helper()
	r, err := w.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []progress.Awaited
	for _, x := range r.Overview.Waiting {
		out = append(out, x.For)
	}
	return out
}

func (w *world) abort(id string) {
	w.t.Helper()
	if _, err := w.Abort(w.t.Context(), id, workflows.Control{By: "sato", Reason: "end of the test"}); err != nil {
		w.t.Fatalf("abort %s: %v", id, err)
	}
	w.until(id, run.RunEnded)
}

// problem is the API's problem in an error, or fails the test.
func problem(t *testing.T, err error) *api.Problem {
	t.Helper()
	p := new(api.Problem)
	if !errors.As(err, &p) {
		t.Fatalf("err = %v, want a problem", err)
	}
	return p
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		all.Go(func() { <-gate; f(i) })
	}
	close(gate)
	all.Wait()
}

// Parties are the contact lists.
func (files) Parties() ([]api.Party, error) {
	return []api.Party{{Name: "carrier", Desk: "0120-555-010", Person: "Ono", Mobile: "090-5550-0101"}}, nil
}
