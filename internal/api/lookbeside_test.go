package api_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// watched are files whose system has a probe.
type watched struct{ files }

func (f watched) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Scenario.VerifyWait = d(time.Minute)
	p.Systems[0].Probes = []plan.Probe{{Name: "orders/take-orders", System: "orders", Function: "take-orders", Weight: 100, Uses: "probe.silent", Vantage: "osaka"}}
	return p, p.Seal()
}

// silent is a probe whose first start says that its target is down, and then nothing; each start goes on until it is ended.
type silent struct {
	engine client.Client
	starts atomic.Int32
}

func (s *silent) watch(ctx context.Context, p plan.Watch) (run.Observations, error) {
	now := time.Now()
	o := plan.Observed{Probe: p.Probe.Name, At: now, Look: p.Look}
	if s.starts.Add(1) > 1 {
		o.Up, o.Level = true, 100
	}
	if err := s.engine.SignalWorkflow(ctx, activity.GetInfo(ctx).WorkflowExecution.ID, "", plan.SignalObserved, o); err != nil {
		return run.Observations{}, err
	}
	return untilEnded(ctx, p, now), nil
}

// untilEnded is a probe that goes on, and has nothing more to say, until the run ends it.
func untilEnded(ctx context.Context, p plan.Watch, began time.Time) run.Observations {
	beat := time.NewTicker(500 * time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		case <-ctx.Done():
			return run.Observations{Probe: p.Probe.Name, System: p.Probe.System, Function: p.Probe.Function, StartedAt: began, EndedAt: time.Now()}
		}
	}
}

// employ has a worker of osaka with these activities until the test ends.
func employ(t *testing.T, c client.Client, does map[string]any) {
	t.Helper()
	site := worker.New(c, plan.SiteQueue("osaka"), worker.Options{WorkerStopTimeout: time.Second, DisableWorkflowWorker: true, MaxHeartbeatThrottleInterval: 100 * time.Millisecond})
	for name, f := range does {
		site.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	if err := site.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Stop)
}

// A probe that says nothing while its word is waited for is started again on a real engine, and the run ends by what that start
// says; what its first start saw is in the record beside that, since the second had none of it, as at another worker of the
// site. With -record the run's history becomes one of those that TestReplay replays. silent-probe.json is of the code before
// "look-beside", recorded with this test at commit 13d7c62, and silent-probe-beside.json of that before "earlier-starts".
func TestASilentProbeIsStartedAgainAndRecorded(t *testing.T) {
	t.Parallel()
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, watched{})
	probe := &silent{engine: c}
	employ(t, c, map[string]any{"probe.silent": probe.watch})

	id := w.start(response("tokyo-loss", "tanaka")).Run
	act := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	w.until(id, run.DecisionAsked)
	act(w.Decide(ctx, id, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}))
	w.until(id, run.ApprovalAsked)
	act(w.Approve(ctx, id, workflows.Approve{By: "suzuki"}))
	w.until(id, run.StepWaiting)
	act(w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "tanaka"}))
	w.until(id, run.RecordsAsked)
	act(w.Confirm(ctx, id, workflows.Confirm{Phase: run.Closing, By: "suzuki", Note: "nothing was hard"}))
	var ended run.Ended
	if e := w.until(id, run.RunEnded); e.Decode(&ended) != nil || ended.State != run.RecoveredAtAlternate || probe.starts.Load() != 2 {
		t.Errorf("ended %s after %d starts of the probe, want recovered at the alternate site after 2", ended.State, probe.starts.Load())
	}
	all, err := w.Events(ctx, id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen []run.Observations
	for _, e := range all.Entries {
		var o run.Observations
		if e.Event.Kind != run.ProbeEnded {
			continue
		} else if err := e.Event.Decode(&o); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, o)
	}
	if len(seen) != 2 || !seen[0].StartedAt.Before(seen[1].StartedAt) {
		t.Errorf("seen: %+v, want what either start saw", seen)
	}
	if *recordHistories {
		keepHistory(t, c, "silent-probe-kept", id)
	}
}
