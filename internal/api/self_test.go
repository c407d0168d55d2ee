package api_test

import (
	"context"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// itself are plans of which one is of a part of muster.
type itself struct{ files }

func (i itself) Scenarios() ([]api.Scenario, error) {
	list, err := i.files.Scenarios()
	return append(list, api.Scenario{Name: "self-drill"}), err
}

func (i itself) Compile(name string, depth run.Depth) (plan.Plan, error) {
	if name != "self-drill" {
		return i.files.Compile(name, depth)
	}
	p, err := i.files.Compile("tokyo-loss", depth)
	if err != nil {
		return p, err
	}
	p.Scenario.Name, p.Systems[0].Name, p.Systems[0].Own, p.Runbooks[0].System = name, "muster-server", true, "muster-server"
	return p, p.Seal()
}

// heldUp is an engine that takes an abort only when it is let.
type heldUp struct {
	until  atomic.Pointer[chan struct{}]
	gaveUp atomic.Bool
}

func (h *heldUp) hold() (release func()) {
	until := make(chan struct{})
	h.until.Store(&until)
	return func() { h.until.Store(nil); close(until) }
}

func (h *heldUp) carry(ctx context.Context, full string, in, out any, c *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if until := h.until.Load(); until != nil && path.Base(full) == "UpdateWorkflowExecution" {
		select {
		case <-*until:
		case <-ctx.Done():
			h.gaveUp.Store(true)
			return ctx.Err()
		}
	}
	return call(ctx, full, in, out, c, opts...)
}

// A drill of muster itself kills what carries a run: it begins beside none, none begins beside it but the real
// thing, and to that it gives way at once. The real thing does not wait until it has.
func TestADrillOfMusterItselfNeverStandsInTheWay(t *testing.T) {
	e := temporaltest.Start(t)
	_, namespace := e.NewClient(t)
	slow := &heldUp{}
	c, err := client.DialContext(t.Context(), client.Options{HostPort: e.Address, Namespace: namespace, HeadersProvider: bearer(e.Token),
		Logger: silence{}, ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(slow.carry)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worldWith(t, c, itself{})
	gives, stop := context.WithCancel(t.Context())
	var giving sync.WaitGroup
	giving.Go(func() { w.server.GiveWay(gives) })
	t.Cleanup(func() { stop(); giving.Wait() })
	self := api.StartRequest{Scenario: "self-drill", Kind: run.Drill, By: "sato", Depth: run.Live}
	live := drill("sato")
	live.Depth = run.Live
	refused := func(s api.StartRequest, words ...string) {
		t.Helper()
		for _, lang := range []string{"en", "ja"} {
			_, err := api.Connect(w.url, token, lang).Start(t.Context(), s)
			p := problem(t, err)
			said := p.Error()
			for _, word := range words {
				if !strings.Contains(said, word) && lang == "en" {
					t.Errorf("%+v: %s, want %q in it", s, said, word)
				}
			}
			if p.Code != api.CodeRefused || lang == "ja" && !strings.Contains(p.Detail, "進行中です") {
				t.Errorf("%s %+v: %s %s", lang, s, p.Code, said)
			}
		}
	}
	real := w.start(response("tokyo-fire", "tanaka"))
	refused(self, "real response is under way", real.Run, "hold it afterwards")
	onPaper := self
	onPaper.Depth = run.Tabletop
	w.abort(w.start(onPaper).Run) // it kills nothing
	w.abort(real.Run)

	held := w.start(live)
	refused(self, "drill "+held.Run+" is under way")
	w.abort(held.Run)

	began := w.start(self)
	if again := w.start(self); !again.Attached {
		t.Errorf("the same again answered %+v, want to join", again)
	}
	refused(live, "drill "+began.Run+" is killing parts of muster itself")

	release := slow.hold()
	next := w.start(response("tokyo-fire", "tanaka"))
	if slow.gaveUp.Load() {
		t.Error("the response was answered only after an abort of the drill had failed")
	}
	release()
	stopped := w.until(began.Run, run.RunAbortRequested)
	if stopped.By != run.Engine || !strings.Contains(stopped.Reason, next.Run) || !strings.Contains(stopped.Reason, "本番対応") {
		t.Errorf("stopped by %s: %s", stopped.By, stopped.Reason)
	}
	w.until(began.Run, run.RunEnded)
	w.abort(next.Run)
	w.abort(w.start(self).Run)
}
