package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/muster-dr/muster/internal/config"
)

// A server whose door falls shut while it waits for its store or engine ends with that error. One that is
// asked to end has none.
func TestNothingIsWaitedForBehindAShutDoor(t *testing.T) {
	o := Options{Config: config.Config{Listen: "127.0.0.1:0"}, Log: slog.New(slog.DiscardHandler)}
	for name, shut := range map[string]bool{"shut": true, "asked to end": false} {
		t.Run(name, func(t *testing.T) {
			asked, ask := context.WithCancel(t.Context())
			defer ask()
			door, err := openFront(asked, o, "token")
			if err != nil {
				t.Fatal(err)
			}
			defer door.close()
			ctx, leave := door.while(asked)
			defer leave()
			if shut {
				_ = door.ln.Close()
			} else {
				ask()
			}
			<-ctx.Done()
			if err := ended(ctx, ctx.Err()); shut != errors.Is(err, net.ErrClosed) || !shut && err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}
