package gateway_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/plan"
)

// watched is a run with one probe at a site. It ends with what it heard of that site, when it is told to.
func watched(ctx workflow.Context, site string) (heard int, err error) {
	probing, stop := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: plan.SiteQueue(site),
		StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond}}))
	defer stop()
	workflow.ExecuteActivity(probing, "probe.web", plan.Watch{})
	workflow.GetSignalChannel(ctx, plan.SignalPeople).Receive(ctx, nil)
	for workflow.GetSignalChannel(ctx, plan.SignalObservedAt(site)).ReceiveAsync(nil) {
		heard++
	}
	return heard, nil
}

// turnedAway collects who was turned away, and why.
type turnedAway struct {
	mu  sync.Mutex
	why []gateway.Turned
}

func (a *turnedAway) add(t gateway.Turned) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t.From = ""
	a.why = append(a.why, t)
}

func (a *turnedAway) last() gateway.Turned {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.why) == 0 {
		return gateway.Turned{}
	}
	return a.why[len(a.why)-1]
}

func (a *turnedAway) has(t gateway.Turned) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.why, t)
}

func (a *turnedAway) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.why)
}

// underWatch are two runs: one with a probe at tokyo, which a worker there has taken, one with a probe at osaka.
func underWatch(t *testing.T) (o opened, ctx context.Context, tokyo, osaka client.WorkflowRun) {
	t.Helper()
	o = open(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	control := worker.New(o.inside, "control", worker.Options{})
	control.RegisterWorkflow(watched)
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(control.Stop)
	start := func(site string) client.WorkflowRun {
		r, err := o.inside.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "watches-" + site, TaskQueue: "control"}, watched, site)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tokyo, osaka = start("tokyo"), start("osaka")
	for _, site := range []string{"tokyo", "osaka"} { // both have taken their probe
		task, err := o.inside.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{Namespace: o.namespace,
			TaskQueue: &taskqueuepb.TaskQueue{Name: plan.SiteQueue(site)}})
		if err != nil || len(task.GetTaskToken()) == 0 {
			t.Fatalf("%s got no task: %v", site, err)
		}
	}
	return o, ctx, tokyo, osaka
}

func word() plan.Observed { return plan.Observed{Probe: "orders/write", Up: true, At: time.Now()} }

// A site speaks for the probes that a run has there, also through a gateway that was started anew, and to no other run.
func TestASiteSpeaksForItsOwnProbesOnly(t *testing.T) {
	o, ctx, run, other := underWatch(t)
	tokyo, osaka := o.site(t, "tokyo"), o.site(t, "osaka")
	if err := tokyo.SignalWorkflow(ctx, run.GetID(), "", plan.SignalObserved, word()); err != nil {
		t.Errorf("a probe's word: %v", err)
	}
	before := o.turned.count()
	for what, err := range map[string]error{
		"a run that has no probe there":     osaka.SignalWorkflow(ctx, run.GetID(), "", plan.SignalObserved, word()),
		"another site's run":                tokyo.SignalWorkflow(ctx, other.GetID(), "", plan.SignalObserved, word()),
		"in another site's name":            tokyo.SignalWorkflow(ctx, run.GetID(), "", plan.SignalObservedAt("osaka"), word()),
		"a word as large as a run's record": tokyo.SignalWorkflow(ctx, run.GetID(), "", plan.SignalObserved, plan.Observed{Error: strings.Repeat("x", 1<<20)}),
	} {
		if denied := (*serviceerror.PermissionDenied)(nil); !errors.As(err, &denied) {
			t.Errorf("%s: %v, want it refused", what, err)
		}
	}
	if n := o.turned.count() - before; n != 4 {
		t.Errorf("%d refusals were told of, want 4", n)
	}
	o.address = o.serve(t, o.authority)
	if err := o.again(t, "tokyo").SignalWorkflow(ctx, run.GetID(), "", plan.SignalObserved, word()); err != nil {
		t.Errorf("through a gateway that was started anew: %v", err)
	}

	// A probe that goes on for a moment after its run is told that it has ended, and nobody is alarmed of it.
	before = o.turned.count()
	if err := o.inside.SignalWorkflow(ctx, run.GetID(), "", plan.SignalPeople, nil); err != nil {
		t.Fatal(err)
	}
	var heard int
	if err := run.Get(ctx, &heard); err != nil || heard != 2 {
		t.Errorf("the run heard %d words, %v, want 2", heard, err)
	}
	for range 2 {
		var gone *serviceerror.NotFound
		if err := o.again(t, "tokyo").SignalWorkflow(ctx, run.GetID(), "", plan.SignalObserved, word()); !errors.As(err, &gone) {
			t.Errorf("to a run that has ended: %v, want NotFound", err)
		}
	}
	if n := o.turned.count() - before; n != 0 {
		t.Errorf("%d refusals of a probe whose run had just ended were told of", n)
	}
}

// Whoever has a site's key can't use up what a run takes of signals, and people are heard on.
func TestAStolenKeyDoesNotMakeARunDeaf(t *testing.T) {
	o, ctx, run, _ := underWatch(t)
	tokyo := o.site(t, "tokyo").WorkflowService()
	said := 0
	for refused := false; !refused; said++ {
		if said > 1000 {
			t.Fatal("a thousand words of one probe were let through")
		}
		_, err := tokyo.SignalWorkflowExecution(ctx, o.says(run.GetID()))
		if err == nil {
			continue
		}
		if full := (*serviceerror.ResourceExhausted)(nil); !errors.As(err, &full) {
			t.Fatal(err)
		}
		refused = true
	}
	if said < 100 {
		t.Errorf("refused after %d words: a probe may say more after its worker was started anew", said)
	}
	if got := o.turned.last(); got != (gateway.Turned{Site: "tokyo", Why: gateway.TooMuch}) {
		t.Errorf("told of %+v", got)
	}
	if err := o.inside.SignalWorkflow(ctx, run.GetID(), "", plan.SignalPeople, nil); err != nil {
		t.Errorf("people are not heard: %v", err)
	}
	if err := run.Get(ctx, nil); err != nil {
		t.Error(err)
	}
}
