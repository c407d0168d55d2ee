package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/mailtest"
)

// Somebody for whom a token is issued hears of it: who did not ask for one knows that another
// can act under their name.
func TestWhoGetsATokenIsTold(t *testing.T) {
	o, _ := options(t, crowdPlans(t, 3))
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	mailSettings(t, &o, f)
	up := begin(t, o)
	issued, err := up.IssueToken(t.Context(), api.TokenRequest{Person: "p01", Name: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the letter", func() bool { return len(f.Letters()) > 0 })
	l := f.Letters()
	text := l[0].Parts["text/plain"]
	if len(l) != 1 || l[0].To != "p01@example.jp" || !strings.Contains(text, issued.ID) || !strings.Contains(text, "muster people revoke "+issued.ID) || strings.Contains(text, "run ") {
		t.Errorf("%d letters, to %s: %s\n%s", len(l), l[0].To, l[0].Subject, text)
	}
	if strings.Contains(l[0].Raw, issued.Secret) || strings.HasPrefix(l[0].Subject, "【") || strings.HasPrefix(l[0].Subject, "[") {
		t.Errorf("it holds the secret, or says that it is a drill: %s", l[0].Raw)
	}
}

// way is a channel that does as it is told.
type way struct {
	channel.Channel
	name    string
	reaches bool
	send    func(context.Context) error
}

func (w way) Name() string                                              { return w.name }
func (w way) Reaches(channel.Message) bool                              { return w.reaches }
func (w way) Send(ctx context.Context, _ channel.Message, _ bool) error { return w.send(ctx) }

// A channel that hangs takes no other one's time, the log names the channel that failed and not
// nobody, and the server that ends waits for what is being told.
func TestEachChannelTellsOfATokenInItsOwnTime(t *testing.T) {
	var said bytes.Buffer
	delivered, hangs, ended := make(chan bool, 1), make(chan bool, 1), make(chan bool)
	list := []channel.Channel{
		way{name: "webhook", reaches: true, send: func(ctx context.Context) error { hangs <- true; <-ctx.Done(); return ctx.Err() }},
		way{name: "slack", reaches: true, send: func(context.Context) error { return errors.New("refused") }},
		way{name: "mail", reaches: true, send: func(ctx context.Context) error { delivered <- true; return ctx.Err() }},
	}
	a := &accounts{log: slog.New(slog.NewTextHandler(&said, nil)), channels: func() []channel.Channel { return list }, within: time.Hour,
		about: func(identity.Token) (channel.Message, error) { return channel.Message{}, nil }, waiting: make(chan identity.Token, 1)}
	ctx, stop := context.WithCancel(t.Context())
	go func() { a.run(ctx); close(ended) }()
	a.issued(t.Context(), identity.Token{ID: "ab", Person: "sato"})
	<-hangs
	<-delivered
	stop()
	<-ended
	log := said.String()
	if strings.Contains(log, "nobody") || !strings.Contains(log, "not told by slack") || !strings.Contains(log, "not told by webhook") || strings.Contains(log, "by mail") {
		t.Errorf("log: %s", log)
	}
	said.Reset()
	list = []channel.Channel{way{name: "mail"}}
	a.tell(t.Context(), identity.Token{ID: "cd", Person: "sato"})
	a.issued(t.Context(), identity.Token{ID: "e1"})
	a.issued(t.Context(), identity.Token{ID: "e2"})
	a.run(ctx)
	for _, words := range []string{"no channel reaches them", "token=e1", "token=e2", "too many"} {
		if !strings.Contains(said.String(), words) {
			t.Errorf("no %q in %s", words, said.String())
		}
	}
}
