package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

// Whoever waits for the next event when they are disabled, or their token is revoked, is told at
// once and reads nothing any more.
func TestAWaitingReaderIsShutOut(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.DecisionAsked)
	for name, shut := range map[string]func(tokenID string) error{
		"disabled": func(string) error { return w.identity.Disable(t.Context(), "tanaka", "sato", "has left") },
		"revoked":  func(token string) error { _, err := w.identity.Revoke(t.Context(), token, "sato"); return err },
	} {
		person := map[string]string{"disabled": "tanaka", "revoked": "suzuki"}[name]
		secret, token, err := w.identity.Issue(t.Context(), person, "", person, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := api.Connect(w.url, secret, "en")
		t.Cleanup(c.Close)
		all, err := c.Events(t.Context(), id, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan error, 1)
		go func() {
			for after := all.Next; ; {
				ev, err := c.Events(t.Context(), id, after, 25*time.Second)
				if err == nil && len(ev.Entries) == 0 {
					err = errors.New("the wait went on to its end")
				}
				if err != nil {
					answered <- err
					return
				}
				after = ev.Next
			}
		}()
		time.AfterFunc(time.Second, func() { _ = shut(token.ID) }) // it waits by then; earlier, it is refused at the door
		if p := new(api.Problem); !errors.As(<-answered, &p) || p.Status != http.StatusUnauthorized || p.WayOut == "" {
			t.Errorf("%s: %+v, want 401", name, p)
		}
	}
	w.abort(id)
}

// One person's waiting requests are bounded, and nobody else is held up by them.
func TestOnePersonWaitsSoManyTimesAtOnce(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	w.until(id, run.DecisionAsked)
	tanaka := w.as("tanaka")
	all, err := tanaka.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	refused := make(chan *api.Problem, 100)
	for range 70 {
		go func() {
			for ctx.Err() == nil {
				_, err := tanaka.Events(ctx, id, all.Next, 25*time.Second)
				if p := new(api.Problem); errors.As(err, &p) {
					refused <- p
					return
				}
			}
		}()
	}
	for range 6 {
		select {
		case p := <-refused:
			if p.Status != http.StatusTooManyRequests || p.WayOut == "" {
				t.Errorf("one too many: %+v", p)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("more than 64 wait under one name")
		}
	}
	if _, err := tanaka.Events(t.Context(), id, 0, 0); err != nil {
		t.Errorf("without waiting: %v", err)
	}
	ask, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	if _, err := w.as("suzuki").Events(ask, id, all.Next, time.Second); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	cancel()
	w.abort(id)
}
