// Package channeltest is the suite that every channel passes: marks, receivers, faults,
// repetition and secrecy, told by what its other side got.
package channeltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

// World is a channel's other side, in the test's hands.
type World struct {
	Channel channel.Channel
	// Contact reaches the n-th person by this channel.
	Contact func(n int) estate.Contact
	// Got is what the n-th person has: the texts, each once as far as a reader sees.
	Got func(n int) []string
	// Refuse has the other side refuse the n-th person for good.
	Refuse func(n int)
	// Busy has it put everybody off for the next tries: Slack's and HTTP's 429, SMTP's 421.
	Busy func(tries int)
	// Lose has it take the next message and break off before it says so.
	Lose func()
	// Down takes it away, and Up brings it back.
	Down, Up func()
	// Secrets are values that must not be in any error.
	Secrets []string
}

// Message is one that the suite sends; the kind is a drill.
func Message(n int, c estate.Contact) channel.Message {
	return channel.Message{
		ID: fmt.Sprintf("tokyo-loss-7/run/12/p%03d", n), Run: "tokyo-loss-7", Kind: run.Drill, Matter: channel.Call,
		Event:  run.Event{Run: "tokyo-loss-7", Writer: "run", Seq: 12, Kind: run.PersonCalled, Person: fmt.Sprintf("p%03d", n)},
		Person: fmt.Sprintf("p%03d", n), Name: "髙﨑 齋①㈱", Contact: c, Lang: i18n.JA,
		Subject: "【訓練】安否確認：首都直下地震", Text: fmt.Sprintf("【訓練】安否を報告してください。㈱髙﨑①\nnumber %d", n),
		Links: []channel.Link{{Label: "安否を報告する", URL: fmt.Sprintf("https://muster.example.jp/l/x%d", n), Personal: true}},
		At:    time.Date(2026, 11, 12, 14, 0, 0, 0, time.UTC),
	}
}

// Suite runs against a new world each time.
func Suite(t *testing.T, world func(t *testing.T) World) {
	once := func(t *testing.T, w World, n int) {
		t.Helper()
		got := w.Got(n)
		if len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf("number %d", n)) || !strings.Contains(got[0], "㈱髙﨑①") {
			t.Errorf("person %d got %q, want the message once, letter by letter", n, got)
		}
	}
	send := func(t *testing.T, w World, n int, again bool) error {
		t.Helper()
		err := w.Channel.Send(t.Context(), Message(n, w.Contact(n)), again)
		if err != nil {
			for _, secret := range append(w.Secrets, w.Contact(n).Mail, "muster.example.jp/l/") {
				if secret != "" && strings.Contains(failure(t, err).Text, secret) {
					t.Errorf("the receipt would hold %q: %v", secret, err)
				}
			}
			for _, secret := range w.Secrets {
				if strings.Contains(fmt.Sprintf("%v %v", err, errors.Unwrap(err)), secret) {
					t.Errorf("an error holds a secret: %v", err)
				}
			}
		}
		return err
	}

	t.Run("delivers, and works", func(t *testing.T) {
		w := world(t)
		if err := w.Channel.Works(t.Context()); err != nil {
			t.Errorf("it does not work: %v", err)
		}
		for n := range 5 {
			if err := send(t, w, n, false); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 5 {
			once(t, w, n)
		}
	})
	t.Run("refuses a drill's text without its mark, and a response's with it", func(t *testing.T) {
		w := world(t)
		m := Message(1, w.Contact(1))
		m.Text = "安否を報告してください。"
		if err := w.Channel.Send(t.Context(), m, false); !errors.Is(err, channel.ErrUnmarked) {
			t.Errorf("an unmarked text: %v", err)
		}
		m = Message(1, w.Contact(1))
		m.Subject = "安否確認"
		if err := w.Channel.Send(t.Context(), m, false); !errors.Is(err, channel.ErrUnmarked) {
			t.Errorf("an unmarked subject: %v", err)
		}
		m = Message(1, w.Contact(1))
		m.Kind = run.Response
		if err := w.Channel.Send(t.Context(), m, false); !errors.Is(err, channel.ErrUnmarked) {
			t.Errorf("a marked text of a response: %v", err)
		}
		if got := w.Got(1); len(got) > 0 {
			t.Errorf("it was sent all the same: %q", got)
		}
	})
	t.Run("reaches only whom it has an address of", func(t *testing.T) {
		w := world(t)
		m := Message(1, estate.Contact{})
		if w.Channel.Reaches(m) {
			t.Error("it says that it reaches somebody without an address")
		}
		if !w.Channel.Reaches(Message(1, w.Contact(1))) {
			t.Error("it does not reach somebody with one")
		}
	})
	t.Run("one refused receiver does not keep the others", func(t *testing.T) {
		w := world(t)
		if w.Refuse == nil {
			return // it has one receiver for all
		}
		w.Refuse(2)
		for n := range 4 {
			err := send(t, w, n, false)
			if n == 2 {
				if f := failure(t, err); f.Temporary || f.Wide || f.Text == "" {
					t.Errorf("a receiver who is refused for good: %+v", f)
				}
			} else if err != nil {
				t.Errorf("person %d: %v", n, err)
			} else {
				once(t, w, n)
			}
		}
	})
	t.Run("who puts us off is asked again", func(t *testing.T) {
		w := world(t)
		w.Busy(2)
		for range 2 {
			if f := failure(t, send(t, w, 1, false)); !f.Temporary || !f.Wide {
				t.Errorf("put off: %+v, want a temporary failure of the channel", f)
			}
		}
		if err := send(t, w, 1, false); err != nil {
			t.Fatal(err)
		}
		once(t, w, 1)
	})
	t.Run("an answer that was lost", func(t *testing.T) {
		w := world(t)
		w.Lose()
		if f := failure(t, send(t, w, 1, false)); !f.Temporary || !f.Unsure {
			t.Errorf("%+v, want one that may have been delivered", f)
		}
		if err := send(t, w, 1, true); err != nil {
			t.Fatal(err)
		}
		once(t, w, 1)
	})
	t.Run("a dead other side, and its return", func(t *testing.T) {
		w := world(t)
		if err := send(t, w, 0, false); err != nil {
			t.Fatal(err)
		}
		w.Down()
		for n := 1; n < 3; n++ {
			if f := failure(t, send(t, w, n, false)); !f.Temporary || !f.Wide {
				t.Errorf("while it is down: %+v", f)
			}
		}
		if err := w.Channel.Works(t.Context()); err == nil {
			t.Error("it says that it works")
		}
		w.Up()
		for n := 1; n < 3; n++ {
			if err := send(t, w, n, false); err != nil {
				t.Fatal(err)
			}
			once(t, w, n)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		w := world(t)
		const people = 40
		var g sync.WaitGroup
		at := make(chan struct{}, w.Channel.AtOnce())
		for n := range people {
			at <- struct{}{}
			g.Go(func() {
				defer func() { <-at }()
				if err := w.Channel.Send(t.Context(), Message(n, w.Contact(n)), false); err != nil {
					t.Errorf("person %d: %v", n, err)
				}
			})
		}
		g.Wait()
		for n := range people {
			once(t, w, n)
		}
	})
	t.Run("ends with its context", func(t *testing.T) {
		w := world(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Channel.Send(ctx, Message(1, w.Contact(1)), false); err == nil {
			t.Error("it sent under a context that had ended")
		}
	})
}

func failure(t *testing.T, err error) *channel.Failure {
	t.Helper()
	f := new(channel.Failure)
	if !errors.As(err, &f) {
		t.Fatalf("err = %v (%T), want a *channel.Failure", err, err)
	}
	if !strings.Contains(f.Text, " / ") {
		t.Errorf("%q is not in both languages", f.Text)
	}
	return f
}
