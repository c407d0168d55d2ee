package slack

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/slacktest"
)

// That nothing people do in Slack arrives is told, and a new app token is taken in without a restart.
func TestAnAppTokenThatIsChanged(t *testing.T) {
	s := slacktest.Start(t)
	app := kept(t, "xapp-that-was-revoked")
	c := open(t, s, func(o *Options) {
		o.AppToken, o.Log = app, slog.New(slog.DiscardHandler)
		o.Clock = channel.Clock{Sleep: func(ctx context.Context, _ time.Duration) error {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
			return ctx.Err()
		}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !ok(); <-time.After(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	until("the lost way in to be told", func() bool { return strings.Contains(c.Deaf(), "slack.app_token") })
	if err := c.Works(t.Context()); err != nil {
		t.Errorf("what goes out: %v", err)
	}
	file := strings.TrimPrefix(app, "secret://file")
	if err := os.WriteFile(file, []byte(slacktest.AppToken), 0o600); err != nil {
		t.Fatal(err)
	}
	until("the new token to be used", func() bool { return c.Deaf() == "" })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := c.Works(t.Context()); err != nil {
		t.Errorf("an app token that can't be read keeps messages: %v", err)
	}
}
