package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// opened is a gateway in front of a real engine.
type opened struct {
	dir       string
	address   string
	namespace string
	authority *gateway.Authority
	inside    client.Client // as the control plane has it
	turned    *turnedAway
	issued    map[string]gateway.Issued // by site, the newest
}

func open(t *testing.T) opened {
	t.Helper()
	o := opened{dir: t.TempDir(), turned: &turnedAway{}, issued: map[string]gateway.Issued{}}
	o.inside, o.namespace = temporaltest.Start(t).NewClient(t)
	var err error
	if o.authority, err = gateway.OpenAuthority(o.dir); err != nil {
		t.Fatal(err)
	}
	o.address = o.serve(t, o.authority)
	return o
}

func (o opened) serve(t *testing.T, a *gateway.Authority) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- gateway.Serve(ctx, ln, gateway.Options{Engine: o.inside.WorkflowService(), Namespace: o.namespace,
			TLS: a.Server([]string{"gateway.example", "127.0.0.1"}, log), Holds: a.Holds, Key: a.Key, Log: log, Turned: o.turned.add})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// as dials the gateway with a site's certificate, as `muster worker` does.
func (o opened) as(t *testing.T, issued gateway.Issued) (client.Client, error) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(issued.CA)
	conf := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	if len(issued.Certificate) > 0 {
		pair, err := tls.X509KeyPair(issued.Certificate, issued.Key)
		if err != nil {
			t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := engine.Dial(ctx, engine.Connection{Address: o.address, TLS: conf})
	if err == nil {
		t.Cleanup(c.Close)
	}
	return c, err
}

func (o opened) site(t *testing.T, name string) client.Client {
	t.Helper()
	issued, err := o.authority.Issue(name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	o.issued[name] = issued
	return o.again(t, name)
}

// again dials with the site's certificate of before.
func (o opened) again(t *testing.T, site string) client.Client {
	t.Helper()
	c, err := o.as(t, o.issued[site])
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says is a word of a probe as the wire has it: the SDK's client would try again what is refused for now.
func (o opened) says(run string) *workflowservice.SignalWorkflowExecutionRequest {
	return &workflowservice.SignalWorkflowExecutionRequest{Namespace: o.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run}, SignalName: plan.SignalObserved}
}

// ask is a workflow that has one site do one thing.
func ask(ctx workflow.Context, site string) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: plan.SiteQueue(site),
		ScheduleToCloseTimeout: time.Minute, HeartbeatTimeout: 30 * time.Second})
	var said string
	err := workflow.ExecuteActivity(ctx, "say", "fence").Get(ctx, &said)
	return said, err
}

func say(ctx context.Context, what string) (string, error) {
	activity.RecordHeartbeat(ctx, "half")
	return what + " at " + activity.GetInfo(ctx).TaskQueue, nil
}

func TestASiteWorkerWorksThroughTheGateway(t *testing.T) {
	o := open(t)
	control := worker.New(o.inside, "control", worker.Options{})
	control.RegisterWorkflow(ask)
	far := worker.New(o.site(t, "tokyo"), plan.SiteQueue("tokyo"), worker.Options{DisableWorkflowWorker: true})
	far.RegisterActivityWithOptions(say, activity.RegisterOptions{Name: "say"})
	for _, w := range []worker.Worker{control, far} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	r, err := o.inside.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "ask", TaskQueue: "control"}, ask, "tokyo")
	if err != nil {
		t.Fatal(err)
	}
	var said string
	if err := r.Get(ctx, &said); err != nil || said != "fence at "+plan.SiteQueue("tokyo") {
		t.Fatalf("the site said %q, %v", said, err)
	}
}

// A site's certificate opens its own queue and nothing else.
func TestASiteMayDoItsOwnWorkOnly(t *testing.T) {
	o := open(t)
	tokyo, osaka := o.site(t, "tokyo"), o.site(t, "osaka")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	refused := func(what string, err error) {
		t.Helper()
		var denied *serviceerror.PermissionDenied
		if !errors.As(err, &denied) {
			t.Errorf("%s: %v, want it refused", what, err)
		}
	}
	_, err := tokyo.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{Namespace: o.namespace,
		TaskQueue: &taskqueuepb.TaskQueue{Name: plan.SiteQueue("osaka")}})
	refused("poll another site's queue", err)
	if err == nil || !strings.Contains(err.Error(), "--site tokyo") {
		t.Errorf("the refusal names no way out: %v", err)
	}
	_, err = tokyo.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "evil", TaskQueue: "control"}, "Run")
	refused("start a workflow", err)
	refused("signal what only people may", tokyo.SignalWorkflow(ctx, "run-1", "", "pause", true))
	_, err = tokyo.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{Namespace: o.namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: "run-1"}})
	refused("read a history", err)
	ns, err := tokyo.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: "muster"})
	if err != nil || ns.GetNamespaceInfo().GetName() != o.namespace {
		t.Errorf("it looked into namespace %s, %v", ns.GetNamespaceInfo().GetName(), err)
	}

	// A task that osaka was given: tokyo can't answer for it, even with its token.
	control := worker.New(o.inside, "control", worker.Options{})
	control.RegisterWorkflow(ask)
	if err := control.Start(); err != nil {
		t.Fatal(err)
	}
	defer control.Stop()
	r, err := o.inside.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "ask", TaskQueue: "control"}, ask, "osaka")
	if err != nil {
		t.Fatal(err)
	}
	task, err := osaka.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{Namespace: o.namespace,
		TaskQueue: &taskqueuepb.TaskQueue{Name: plan.SiteQueue("osaka")}})
	if err != nil || len(task.GetTaskToken()) == 0 {
		t.Fatalf("osaka got no task: %v", err)
	}
	refused("answer for another site's task", tokyo.CompleteActivity(ctx, task.GetTaskToken(), "forged", nil))
	if err := osaka.CompleteActivity(ctx, task.GetTaskToken(), "honest", nil); err != nil {
		t.Fatal(err)
	}
	var said string
	if err := r.Get(ctx, &said); err != nil || said != "honest" {
		t.Errorf("the run heard %q, %v", said, err)
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	o := open(t)
	first, err := o.authority.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	second, err := o.authority.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := gateway.OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	forged.CA = first.CA
	past, err := o.authority.Issue("nagoya", -time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	shut, err := o.as(t, second)
	if err != nil {
		t.Fatalf("the newest certificate: %v", err)
	}
	replaced, stays := o.site(t, "osaka"), o.site(t, "sendai")
	for name, issued := range map[string]gateway.Issued{
		"a replaced certificate": first, "another authority's": forged, "one that is over": past, "none": {CA: first.CA},
	} {
		if _, err := o.as(t, issued); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
	if err := os.Remove(filepath.Join(o.dir, "sites", "tokyo.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.as(t, second); err == nil {
		t.Error("a site that was shut out was let in")
	}
	// Nor does who is in stay in by it: a worker keeps its connection for weeks.
	renewed, err := o.authority.Issue("osaka", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for site, c := range map[string]client.Client{"tokyo": shut, "osaka": replaced} {
		_, err := c.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{Namespace: o.namespace,
			TaskQueue: &taskqueuepb.TaskQueue{Name: plan.SiteQueue(site)}})
		if gone := new(serviceerror.Unavailable); !errors.As(err, &gone) {
			t.Errorf("what had the connection of %s open waits for its work: %v", site, err)
		}
		if _, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{}); err == nil {
			t.Errorf("what had the connection of %s open is back", site)
		}
		if !o.turned.has(gateway.Turned{Site: site, Why: gateway.ReplacedCertificate}) {
			t.Errorf("that %s was turned away is not told", site)
		}
	}
	if _, err := o.as(t, renewed); err != nil {
		t.Errorf("the certificate in its place: %v", err)
	}
	if _, err := stays.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{}); err != nil || o.turned.has(gateway.Turned{Site: "sendai", Why: gateway.ReplacedCertificate}) {
		t.Errorf("a site whose certificate stands was cut off: %v", err)
	}
	// A worker that is lied to about who the gateway is does not speak to it.
	other, err := stranger.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	second.CA = other.CA
	if _, err := o.as(t, second); err == nil {
		t.Error("a gateway of another authority was trusted")
	}
}

// Restarted, the gateway has the same authority: workers and the tasks in their hands go on.
func TestTheAuthorityIsKept(t *testing.T) {
	dir := t.TempDir()
	a, err := gateway.OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := gateway.OpenAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(a.Key) != string(b.Key) || len(a.Key) < 32 {
		t.Error("the key of task tokens changed")
	}
	issued, err := a.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	o := opened{dir: dir, authority: b, turned: &turnedAway{}}
	o.inside, o.namespace = temporaltest.Start(t).NewClient(t)
	o.address = o.serve(t, b)
	if _, err := o.as(t, issued); err != nil {
		t.Errorf("a certificate from before the restart: %v", err)
	}
}
