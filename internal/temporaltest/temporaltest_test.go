package temporaltest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	temporaltest.Stop()
	os.Exit(waittest.WithoutLeaks(code))
}

func hello(workflow.Context) (string, error) { return "hello", nil }

func runHello(t *testing.T, c client.Client, queue string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(hello)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: queue}, hello)
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := run.Get(ctx, &got); err != nil || got != "hello" {
		t.Errorf("workflow: %q, %v", got, err)
	}
}

func TestSharedNamespace(t *testing.T) {
	e := temporaltest.Start(t)
	if temporaltest.Start(t) != e {
		t.Error("a second engine was started")
	}
	runHello(t, e.Client, e.Queue(t))
}

func TestOwnNamespace(t *testing.T) {
	e := temporaltest.Start(t)
	a, nameA := e.NewClient(t)
	b, nameB := e.NewClient(t)
	if nameA == nameB {
		t.Fatalf("both tests have namespace %s", nameA)
	}
	runHello(t, a, "queue")
	runHello(t, b, "queue")
}
