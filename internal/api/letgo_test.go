package api_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// struck are files whose system is at a site that the disaster has taken: a door that somebody opened before the run, a
// server that is fenced, and a step for the lost site, which has no worker.
type struck struct{ files }

func (f struck) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	step := func(id, site, undo string, needs ...string) plan.Step {
		return plan.Step{ID: id, Uses: "world." + id, Site: site, Needs: needs, Effect: run.Disrupt, CanLook: true, Timeout: d(time.Minute), Queue: d(20 * time.Second),
			Undo: []plan.Undo{{Uses: "world." + undo, Site: site, Effect: run.Disrupt, CanLook: true, Timeout: d(time.Minute), Queue: d(20 * time.Second)}}}
	}
	p.Scenario.VerifyWait = d(3 * time.Second)
	p.Systems[0].Probes = []plan.Probe{{Name: "orders/take-orders", System: "orders", Function: "take-orders", Weight: 100, Uses: "probe.dark", Vantage: "osaka"}}
	p.Runbooks[0].Steps = []plan.Step{step("open", "osaka", "close"), step("fence", "osaka", "unfence", "open"), step("stop", "tokyo", "start", "fence")}
	return p, p.Seal()
}

// site carries out the steps of osaka.
type site struct {
	engine client.Client
	mu     sync.Mutex
	acts   []string
}

func (s *site) act(_ context.Context, c plan.Call) (plan.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if c.Uses == "world.open" {
		return plan.Result{Already: true, StartedAt: now, EndedAt: now}, nil
	}
	s.acts = append(s.acts, c.Uses)
	return plan.Result{Output: json.RawMessage(`{}`), StartedAt: now, EndedAt: now, DurationS: 0.01}, nil
}

// dark is a probe that sees its target down as long as it looks.
func (s *site) dark(ctx context.Context, p plan.Watch) (run.Observations, error) {
	now := time.Now()
	if err := s.engine.SignalWorkflow(ctx, activity.GetInfo(ctx).WorkflowExecution.ID, "", plan.SignalObserved, plan.Observed{Probe: p.Probe.Name, At: now, Look: p.Look}); err != nil {
		return run.Observations{}, err
	}
	return untilEnded(ctx, p, now), nil
}

// A response that is aborted while one of its orders waits for a site that is gone undoes what it did, and no more, and lets go
// of the system, which the disaster keeps out of service: the next response can begin. With -record the histories become
// those that TestReplay replays. aborted-response.json and -failover are of the code before, recorded with this test at
// commit b1bbd3c: everything was undone, and the lock was kept.
func TestAnAbortedResponseLetsGoAndIsRecorded(t *testing.T) {
	t.Parallel()
	c, _ := temporaltest.Start(t).NewClient(t)
	w, ctx := worldWith(t, c, struck{}), t.Context()
	at := &site{engine: c}
	employ(t, c, map[string]any{"world.open": at.act, "world.close": at.act, "world.fence": at.act, "world.unfence": at.act, "probe.dark": at.dark})

	id := w.start(response("tokyo-loss", "tanaka")).Run
	act := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w.until(id, run.DecisionAsked)
	act(w.Decide(ctx, id, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}))
	w.until(id, run.ApprovalAsked)
	act(w.Approve(ctx, id, workflows.Approve{By: "suzuki"}))
	w.untilStep(id, run.StepStarted, "stop")
	act(w.Abort(ctx, id, workflows.Control{By: "sato", Reason: "Tokyo can be saved: recovery in place"}))
	var ended run.Ended
	if e := w.until(id, run.RunEnded); e.Decode(&ended) != nil || ended.State != run.Cancelled {
		t.Errorf("ended %s, want cancelled", ended.State)
	}
	if want := []string{"world.fence", "world.unfence"}; !slices.Equal(at.acts, want) {
		t.Errorf("done at osaka: %v, want %v: the door was open before", at.acts, want)
	}
	if e := w.untilStep(id, run.StepEnded, "stop"); e.Outcome != run.Skipped || !strings.Contains(e.Reason, "no worker had taken it") {
		t.Errorf("the step for tokyo: %s (%s)", e.Outcome, e.Reason)
	}
	if next, err := w.Start(ctx, response("tokyo-loss", "tanaka")); err != nil {
		t.Errorf("the next response: %v", err)
	} else {
		w.abort(next.Run)
	}
	if *recordHistories {
		keepHistory(t, c, "aborted-response-beside", id)
		keepHistory(t, c, "aborted-response-beside-failover", workflows.ExecuteID(id, "orders", workflows.ForFailover))
	}
}

// untilStep follows a run's journal to the first event of a kind that is about a step.
func (w *world) untilStep(id string, kind run.EventKind, step string) run.Event {
	w.t.Helper()
	return w.follow(id, string(kind)+" of step "+step, func(e run.Event) bool { return e.Kind == kind && e.Step == step })
}
