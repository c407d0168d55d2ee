package postgres

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
)

// The steps of a failover as a site worker gets them: names and secret references in,
// JSON out, each effect under its key.
func TestFailoverThroughASiteWorker(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	led, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { led.Close() })
	registry := activities.NewRegistry()
	registry.Add(Actions()...)
	registry.AddTargets(TargetKinds()...)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(2 * time.Minute)
	registry.Register(env, activities.Site{Name: "osaka", Ledger: led})

	targets := []plan.Target{p.Tokyo.Plan(p.PasswordFile), p.Osaka.Plan(p.PasswordFile)}
	targets[0].Site = "osaka" // both servers are on this worker's machine
	call := func(step, uses, with string) plan.Call {
		a, _ := registry.Action(uses)
		return plan.Call{Run: "run-1", Kind: run.Drill, Depth: run.Live, System: "orders", Step: step, Uses: uses, Effect: a.Doc.Effect,
			Generation: 1, EffectKey: "run-1/orders/" + step + "/1", Token: 1, With: json.RawMessage(with), Targets: targets}
	}
	act := func(c plan.Call) (plan.Result, error) {
		t.Helper()
		v, err := env.ExecuteActivity(c.Uses, c)
		var r plan.Result
		if err == nil {
			err = v.Get(&r)
		}
		return r, err
	}
	for _, c := range []plan.Call{
		call("kill", "postgres.kill", `{"server": "tokyo"}`),
		call("fence", "postgres.fence", `{"server": "tokyo"}`),
		call("promote", "postgres.promote", `{"server": "osaka", "max_lag": "16MB"}`),
		call("writer", "postgres.single_writer", `{"servers": ["tokyo", "osaka"], "expect": "osaka"}`),
		call("rejoin", "postgres.rejoin", `{"server": "tokyo", "follow": "osaka"}`),
		call("lag", "postgres.caught_up", `{"server": "tokyo", "follow": "osaka"}`),
		call("home", "postgres.switchover", `{"from": "osaka", "to": "tokyo"}`),
		call("status", "postgres.status", `{"server": "tokyo"}`),
	} {
		r, err := act(c)
		if err != nil {
			t.Fatalf("%s: %v", c.Step, err)
		}
		if r.Already || strings.Contains(string(r.Output), p.Password) {
			t.Errorf("%s: already %v, output %s", c.Step, r.Already, r.Output)
		}
		t.Logf("%s: %.3f s %s", c.Step, r.DurationS, r.Output)
	}
	// A second delivery of a step whose goal holds does nothing; one whose goal holds
	// no more is stopped by its key.
	r, err := act(call("home", "postgres.switchover", `{"from": "osaka", "to": "tokyo"}`))
	if err != nil || !r.Already {
		t.Errorf("the switchover delivered twice = %+v, %v", r, err)
	}
	_, err = act(call("promote", "postgres.promote", `{"server": "osaka"}`))
	wantKind(t, err, plan.ErrBegun)
	if tl := p.Tokyo.Timeline(t); tl != 3 {
		t.Errorf("timeline = %d, want 3", tl)
	}
}

// The sites of a system are built alike. Here is osaka's worker, and tokyo's data directory
// exists on its machine: it is not tokyo's all the same, and no process of this machine is.
func TestAnotherSitesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	s := sitetest.New(t, Actions())
	s.Targets = []plan.Target{p.Tokyo.Plan(p.PasswordFile), p.Osaka.Plan(p.PasswordFile)}
	p.Tokyo.Freeze(t)
	for _, step := range []struct{ uses, with string }{
		{"postgres.fence", `{"server": "tokyo"}`},
		{"postgres.kill", `{"server": "tokyo"}`},
	} {
		_, err := s.Act(s.Step(step.uses, json.RawMessage(step.with)), nil)
		if err == nil || !strings.Contains(err.Error(), "run the step at: tokyo") {
			t.Errorf("%s of tokyo by osaka's worker = %v", step.uses, err)
		}
	}
	p.Tokyo.Thaw(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the server whose path is called as tokyo's was touched: %v", err)
	}
}

// Two machines of one site are built alike too: what is reached at another address than
// this machine's is not on it.
func TestTheNextMachinesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	s := sitetest.New(t, Actions())
	next := p.Tokyo.Plan(p.PasswordFile)
	next.Site, next.Spec = "osaka", bytes.Replace(next.Spec, []byte(`"127.0.0.1"`), []byte(`"192.0.2.7"`), 1) // RFC 5737: nobody's
	s.Targets = []plan.Target{next}
	_, err := s.Act(s.Step("postgres.kill", json.RawMessage(`{"server": "tokyo"}`)), nil)
	if err == nil || !strings.Contains(err.Error(), "192.0.2.7 is not this machine") {
		t.Errorf("kill of the next machine's server = %v", err)
	}
	if _, err := s.Act(s.Step("postgres.fence", json.RawMessage(`{"server": "tokyo"}`)), nil); err == nil {
		t.Error("the next machine's server was fenced on this one")
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the server whose path is called as its neighbour's was touched: %v", err)
	}
}
