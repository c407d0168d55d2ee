package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/temporaltest"
)

// A run stays on the version that it began with; the next one begins on the newer version, also
// after the older one was started again.
func TestRunsStayOnTheVersionTheyBeganWith(t *testing.T) {
	t.Parallel()
	c, _ := temporaltest.Start(t).NewClient(t)
	work := func(version string) (stop func()) {
		t.Helper()
		w := worker.New(c, "control", pinned(worker.Options{}, version))
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context) (string, error) {
			workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
			return version, nil
		}, workflow.RegisterOptions{Name: "waits"})
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		takeOver(ctx, c, version, slog.New(slog.DiscardHandler))
		if ctx.Err() != nil {
			t.Fatalf("version %s was not taken in within a minute", version)
		}
		return w.Stop
	}
	begin := func(id string) client.WorkflowRun {
		t.Helper()
		r, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "control"}, "waits")
		if err != nil {
			t.Fatal(err)
		}
		// It has begun once it answers a question of the engine's own.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.QueryWorkflow(ctx, id, "", client.QueryTypeStackTrace); err != nil {
			t.Fatal(err)
		}
		return r
	}
	end := func(r client.WorkflowRun, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.SignalWorkflow(ctx, r.GetID(), "", "end", nil); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := r.Get(ctx, &got); err != nil || got != want {
			t.Errorf("%s ended on %q, %v, want %s", r.GetID(), got, err, want)
		}
	}

	old := work("1.0")
	first := begin("first")
	defer work("1.1")()
	second := begin("second")
	old()
	defer work("1.0")()
	third := begin("third")
	end(first, "1.0")
	end(second, "1.1")
	end(third, "1.1")
}
