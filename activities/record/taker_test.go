package record

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// Who took an attempt is read from the history, which is encrypted.
func TestWhoTookAnAttemptIsReadFromAnEncryptedHistory(t *testing.T) {
	k, err := keyring.New("k1")
	if err != nil {
		t.Fatal(err)
	}
	text := keyring.Ring{Active: "k1", Keys: []keyring.Key{k}}.Text()
	held, err := keyring.Open(t.Context(), "test", func(context.Context) (string, error) { return text, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := temporaltest.Start(t)
	at := e.Connection(e.Namespace)
	at.Codec = keyring.NewCodec(held, e.Namespace)
	c, err := engine.Dial(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	queue := e.Queue(t)
	w := worker.New(c, queue, worker.Options{Identity: "the one"})
	w.RegisterActivityWithOptions(func(context.Context, plan.Call) error { return nil }, activity.RegisterOptions{Name: "exec.run"})
	w.RegisterActivityWithOptions(Deps{Client: c, Data: at.Codec.Data()}.Taker, activity.RegisterOptions{Name: plan.ActivityTaker})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 20 * time.Second})
		for _, key := range []string{"first", "second"} {
			if err := workflow.ExecuteActivity(ctx, "exec.run", plan.Call{EffectKey: key}).Get(ctx, nil); err != nil {
				return "", err
			}
		}
		var taker string
		err := workflow.ExecuteActivity(ctx, plan.ActivityTaker, plan.Attempt{Uses: "exec.run", EffectKey: "first"}).Get(ctx, &taker)
		return taker, err
	}, workflow.RegisterOptions{Name: "asks"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	r, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue, WorkflowExecutionTimeout: time.Minute}, "asks")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := r.Get(t.Context(), &got); err != nil || got != "the one" {
		t.Errorf("%q %v", got, err)
	}
}
