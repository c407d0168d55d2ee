package api_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// movable are files whose system is moved, and put back, by a site worker, and has a probe.
type movable struct{ files }

func (f movable) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Scenario.VerifyWait = d(20 * time.Second)
	p.Systems[0].Probes = []plan.Probe{{Name: "orders/take-orders", System: "orders", Function: "take-orders", Weight: 100, Uses: "probe.service", Vantage: "osaka"}}
	move := plan.Step{ID: "move", Uses: "site.move", Site: "osaka", Effect: run.Disrupt, Timeout: d(time.Minute), Queue: d(20 * time.Second),
		Undo: []plan.Undo{{Uses: "site.back", Site: "osaka", Effect: run.Disrupt, Timeout: d(time.Minute), Queue: d(20 * time.Second)}}}
	announce := p.Runbooks[0].Steps[0]
	announce.Needs = []string{"move"}
	p.Runbooks[0].Steps = []plan.Step{move, announce}
	return p, p.Seal()
}

// service is there but while it is moved. It comes back when the test lets it.
type service struct {
	engine  client.Client
	let     chan struct{}
	mu      sync.Mutex
	gone    bool
	changed chan struct{} // closed at each change
}

func (s *service) is(gone bool) plan.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = gone
	close(s.changed)
	s.changed = make(chan struct{})
	return plan.Result{StartedAt: time.Now(), EndedAt: time.Now()}
}

func (s *service) move(context.Context, plan.Call) (plan.Result, error) { return s.is(true), nil }

func (s *service) back(ctx context.Context, _ plan.Call) (plan.Result, error) {
	for {
		select {
		case <-s.let:
			return s.is(false), nil
		case <-ctx.Done():
			return plan.Result{}, ctx.Err()
		case <-time.After(time.Second):
			activity.RecordHeartbeat(ctx)
		}
	}
}

func (s *service) watch(ctx context.Context, p plan.Watch) (run.Observations, error) {
	began := time.Now()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		s.mu.Lock()
		gone, changed := s.gone, s.changed
		s.mu.Unlock()
		o := plan.Observed{Probe: p.Probe.Name, Up: !gone, At: time.Now(), Look: p.Look}
		if err := s.engine.SignalWorkflow(context.WithoutCancel(ctx), activity.GetInfo(ctx).WorkflowExecution.ID, "", plan.SignalObserved, o); err != nil {
			return run.Observations{}, err
		}
		for same := true; same; {
			select {
			case <-changed:
				same = false
			case <-beat.C:
				activity.RecordHeartbeat(ctx)
			case <-ctx.Done():
				return run.Observations{Probe: p.Probe.Name, System: p.Probe.System, Function: p.Probe.Function, StartedAt: began, EndedAt: time.Now()}, nil
			}
		}
	}
}

// A run that is cancelled in the engine, past muster's own command, keeps its systems until its undo is through: no other
// run gets one that is half-way, and its probes see that service is back. With -record the run's history becomes one of
// those that TestReplay replays. cancelled.json is of the code before "probes-stay", whose probes ended with the cancellation.
func TestACancelledRunHoldsItsSystemsUntilTheyAreBack(t *testing.T) {
	t.Parallel()
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, movable{})
	s := &service{engine: c, let: make(chan struct{}), changed: make(chan struct{})}
	employ(t, c, map[string]any{"site.move": s.move, "site.back": s.back, "probe.service": s.watch})

	ctx := t.Context()
	live := drill("tanaka")
	live.Depth = run.Live
	id := w.start(live).Run
	w.until(id, run.DecisionAsked)
	if _, err := w.Decide(ctx, id, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "as planned"}); err != nil {
		t.Fatal(err)
	}
	w.until(id, run.StepWaiting)
	if err := c.CancelWorkflow(ctx, id, ""); err != nil {
		t.Fatal(err)
	}
	w.until(id, run.UndoStarted)
	if sys, err := w.System(ctx, "orders"); err != nil || !sys.Held || sys.Run != id {
		t.Errorf("while it is put back: %+v, %v, want it held by %s", sys, err, id)
	}
	other := live
	other.Scenario = "tokyo-fire"
	if second, err := w.Start(ctx, other); err == nil {
		t.Errorf("another run began meanwhile: %+v", second)
	} else if p := problem(t, err); p.Code != api.CodeHeld || p.Holder != id {
		t.Errorf("another run: %+v, want that %s holds orders", p, id)
	}
	close(s.let)
	var ended run.Ended
	if e := w.until(id, run.RunEnded); e.Decode(&ended) != nil || ended.State != run.Cancelled {
		t.Errorf("ended %s, want cancelled with everything put back", ended.State)
	}
	if sys, err := w.System(ctx, "orders"); err != nil || sys.Held {
		t.Errorf("afterwards: %+v, %v, want it free", sys, err)
	}
	if *recordHistories {
		keepHistory(t, c, "cancelled-probes-stay", id)
	}
}
