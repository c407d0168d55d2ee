package app

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// A muster whose workflow code panics, and one whose code is not that of the open run, get
// hold of it: the run is parked, with all that is in its record, and the muster that began
// it ends it.
func TestABinaryThatCannotGoOnParksTheRun(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	up := begin(t, o)
	begun, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	if err := up.stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	for name, code := range map[string]func(workflow.Context, workflows.Input) error{
		"it panics":     func(workflow.Context, workflows.Input) error { panic("a map that is nil") },
		"it is another": func(ctx workflow.Context, _ workflows.Input) error { return workflow.Sleep(ctx, time.Hour) },
	} {
		parked(t, o, begun.Run, name, code)
	}
	up = begin(t, o)
	untilEnded(t, up, begun.Run)
	r, err := up.Run(t.Context(), begun.Run)
	if err != nil || r.Summary.State != run.TalkedThrough {
		t.Errorf("the drill ended %s, %v, want talked_through", r.Summary.State, err)
	}
	for _, w := range readReport(t, up, begun.Run).Evidence.Writers {
		if w.Missing > 0 {
			t.Errorf("%d events of %s are missing", w.Missing, w.Name)
		}
	}
	if err := up.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// parked gives the run to a worker with that code, as this process makes its workers, until
// it has failed at it, and looks that the run is still open.
func parked(t *testing.T, o Options, id, name string, code func(workflow.Context, workflows.Input) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e, err := engine.Start(ctx, engine.Options{Binary: temporaltest.Binary(t), Dir: o.Config.EngineDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("stop the engine: %v", err)
		}
	}()
	at := e.Endpoint()
	c, err := engine.Dial(ctx, engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, plan.ControlQueue, workerOptions(func(err error) { t.Errorf("%s: the worker ended: %v", name, err) }))
	w.RegisterWorkflowWithOptions(code, workflow.RegisterOptions{Name: workflows.TypeRun})
	store, err := journal.Open(ctx, o.Config.StoreURL())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	server := &api.Server{Store: store, Engine: c}
	tries := func() (int32, enums.WorkflowExecutionStatus) {
		d, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			t.Fatal(err)
		}
		return d.GetPendingWorkflowTask().GetAttempt(), d.GetWorkflowExecutionInfo().GetStatus()
	}
	before, _ := tries()
	if why := parkedRuns(ctx, server, 0); before < 3 && why != "" {
		t.Errorf("before %s: %s", name, why)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	pgtest.Eventually(t, time.Minute, func() string {
		n, status := tries()
		if status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			t.Fatalf("%s: the run is %s: it is lost", name, status)
		}
		if n < max(2, before+1) { // a try that failed is followed by the next
			return name + ": nothing has failed yet"
		}
		return parkedRuns(ctx, server, 1)
	})
}

// parkedRuns says how many drills count as parked, unless it is as many as that.
func parkedRuns(ctx context.Context, s *api.Server, want int) string {
	if got, err := s.Parked(ctx); err != nil || got[run.Drill] != want || got[run.Response] != 0 {
		return fmt.Sprintf("parked: %v, %v; want drill:%d", got, err, want)
	}
	return ""
}
