package api_test

import (
	"context"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// With the engine away nothing is claimed: the answer says so and what to do, and the
// same request, asked again once it is back, starts one run.
func TestEngineKilled(t *testing.T) {
	e, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir(), Discard: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Stop(ctx)
	})
	at := e.Endpoint()
	c, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worldOn(t, c)
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	request := drill("sato")
	request.RequestID = "while-it-was-away"
	_, err = w.Start(t.Context(), request)
	if p := problem(t, err); p.Status != 503 || p.Code != api.CodeEngine || p.WayOut == "" {
		t.Errorf("with the engine dead: %+v, want 503 with a way out", p)
	}
	stranger := api.Connect(w.url, "", "en")
	t.Cleanup(stranger.Close)
	if h, err := stranger.Health(t.Context()); err != nil || h.OK || !reflect.DeepEqual(h, api.Health{}) {
		t.Errorf("a stranger is told %+v, %v", h, err)
	}
	if h, err := w.Health(t.Context()); err != nil || h.OK || h.Engine == "ok" || h.Store != "ok" {
		t.Errorf("health = %+v, %v, want the engine to be named", h, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }() // starts it again
	defer func() { stop(); <-ended }()
	deadline := time.Now().Add(60 * time.Second)
	var begun api.Started
	for {
		if begun, err = w.Start(t.Context(), request); err == nil {
			break
		}
		if p := problem(t, err); p.Status < 500 || time.Now().After(deadline) {
			t.Fatalf("not started within 60 s of the engine's end: %v", err)
		}
	}
	if again := w.start(request); !reflect.DeepEqual(again, begun) || begun.Attached {
		t.Errorf("asked again: %+v, first %+v", again, begun)
	}
	if runs, err := w.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 1 {
		t.Errorf("runs = %v, %v, want one", runs, err)
	}
}
