package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// moved has the lead move the muster, and returns the message that asks to be acknowledged.
func moved(t *testing.T, w *world, id string) progress.Ack {
	t.Helper()
	if _, err := w.Relocate(t.Context(), id, workflows.Relocate{By: "sato", Place: "online", Reason: "the hall leaks"}); err != nil {
		t.Fatal(err)
	}
	w.until(id, run.MessageSent)
	for {
		r, err := w.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(r.Overview.Acks); n > 0 {
			return r.Overview.Acks[n-1]
		}
		if _, err := w.Events(t.Context(), id, r.Overview.Position, 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) acknowledged(id string) []run.Event {
	w.t.Helper()
	entries, err := w.store.Events(w.t.Context(), id, 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []run.Event
	for _, e := range entries {
		if e.Event.Kind == run.MessageAcknowledged {
			out = append(out, e.Event)
		}
	}
	return out
}

// A message that asks for it is acknowledged once by each to whom it went, however often and
// by whatever way they say so; what waits for it says who has not.
func TestAMessageIsAcknowledgedOnce(t *testing.T) {
	w, _, id := gathered(t, nil)
	a := moved(t, w, id)
	if !slices.Contains(a.To, "tanaka") || !strings.Contains(a.Text, "the hall leaks") || len(a.Acknowledged) != 0 {
		t.Fatalf("asked: %+v", a)
	}
	me := w.as("tanaka")
	link, ctx := linked(t, w, id, "tanaka", identity.ForAck)
	for name, ack := range map[string]func() error{
		"signed in": func() error { _, err := me.Ack(t.Context(), id, workflows.Ack{Message: a.Of}); return err },
		"by link":   func() error { _, err := link.Ack(ctx, id, workflows.Ack{Message: a.Of}); return err },
		"once more": func() error { _, err := me.Ack(t.Context(), id, workflows.Ack{Message: a.Of}); return err },
		"entered": func() error {
			_, err := w.Ack(t.Context(), id, workflows.Ack{Message: a.Of, By: "suzuki", Person: "tanaka"})
			return err
		},
		"by a console": func() error { _, err := w.Ack(t.Context(), id, workflows.Ack{Message: a.Of, By: "tanaka"}); return err },
	} {
		if err := ack(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.acknowledged(id); len(got) != 1 || got[0].Person != "tanaka" || got[0].Via == "" {
		t.Fatalf("in the record: %+v, want one", got)
	}
	r, err := w.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if done := r.Overview.Acks[0].Acknowledged; len(done) != 1 || done[0].Person != "tanaka" {
		t.Errorf("acknowledged: %+v", done)
	}
	i := slices.IndexFunc(r.Overview.Waiting, func(x progress.Waiting) bool { return x.For == progress.AwaitAck })
	if i < 0 || r.Overview.Waiting[i].Message != a.Of || slices.Contains(r.Overview.Waiting[i].People, "tanaka") || !slices.Contains(r.Overview.Waiting[i].People, "suzuki") {
		t.Errorf("waited for: %+v", r.Overview.Waiting)
	}
}

func TestWhatMayNotBeAcknowledged(t *testing.T) {
	w, _, id := gathered(t, nil)
	a := moved(t, w, id)
	other := w.start(api.StartRequest{Scenario: "tokyo-fire", Kind: run.Drill, By: "sato"}).Run
	link, byLink := linked(t, w, id, "tanaka", identity.ForAck)
	checkIn, byCheckIn := linked(t, w, id, "tanaka", identity.ForCheckIn)
	foreign, byForeign := linked(t, w, other, "tanaka", identity.ForAck)
	entries, err := w.store.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	started := ""
	for _, e := range entries {
		if e.Event.Kind == run.RunStarted {
			started = e.Event.Name()
		}
	}
	for name, x := range map[string]struct {
		c      *api.Client
		ctx    context.Context
		in     workflows.Ack
		status int
	}{
		"for another, by link":        {link, byLink, workflows.Ack{Message: a.Of, Person: "suzuki"}, 403},
		"by a link for an answer":     {checkIn, byCheckIn, workflows.Ack{Message: a.Of}, 403},
		"by a link of another run":    {foreign, byForeign, workflows.Ack{Message: a.Of}, 403},
		"as another":                  {w.as("tanaka"), t.Context(), workflows.Ack{Message: a.Of, By: "suzuki"}, 403},
		"a message that is not":       {link, byLink, workflows.Ack{Message: "run/9999"}, 404},
		"an event that is no message": {link, byLink, workflows.Ack{Message: started}, 404},
		"by a stranger":               {w.Client, t.Context(), workflows.Ack{Message: a.Of, By: "nobody"}, 422},
	} {
		_, err := x.c.Ack(x.ctx, id, x.in)
		if p := problem(t, err); p.Status != x.status || p.Detail == "" || p.Status == 404 && !strings.Contains(p.WayOut, a.Of) {
			t.Errorf("%s: %+v, want %d", name, p, x.status)
		}
	}
	// It went to others only.
	e := run.Event{Run: id, Writer: "test", Seq: 1, At: time.Now().UTC(), Kind: run.MessageSent, By: run.Engine,
		Data: run.Encode(run.Message{To: []string{"suzuki"}, Text: "x", Ack: true})}
	if err := w.store.Append(t.Context(), []run.Event{e}); err != nil {
		t.Fatal(err)
	}
	if p := problem(t, func() error { _, err := link.Ack(byLink, id, workflows.Ack{Message: e.Name()}); return err }()); p.Status != 404 {
		t.Errorf("a message to another person: %+v", p)
	}
	w.abort(id)
	w.until(id, run.RunEnded)
	if _, err := link.Ack(byLink, id, workflows.Ack{Message: a.Of}); problem(t, err).Status != 409 {
		t.Errorf("after the end: %v", err)
	}
	if got := w.acknowledged(id); len(got) != 0 {
		t.Errorf("in the record: %+v", got)
	}
}
