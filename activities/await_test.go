package activities_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-dr/muster/activities"
)

func TestWhatWasLastSeenIsTold(t *testing.T) {
	type wait = func(ctx context.Context, within, every time.Duration, ok func(context.Context) error) error
	const within = time.Second
	seen, late := errors.New("still a replica"), errors.New("no answer in time")
	for _, c := range []struct {
		name   string
		wait   wait
		called time.Duration // off, by who waits
		want   error
	}{
		{"a question that was cut off says nothing", activities.Until, time.Hour, seen},
		{"who calls it off hears so", activities.Until, within / 2, context.Canceled},
		{"the last question runs to its end", activities.UntilWhole, time.Hour, late},
	} {
		synctest.Test(t, func(t *testing.T) { // whose clock goes on by itself
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer time.AfterFunc(c.called, cancel).Stop()
			asked := 0
			err := c.wait(ctx, within, within/4, func(ctx context.Context) error {
				if asked++; asked == 1 {
					return seen
				}
				// A connection sees the end of its time a moment before the context that it came from.
				select {
				case <-time.After(within - within/4):
				case <-ctx.Done():
					if ctx.Err() == context.Canceled {
						return context.Canceled
					}
				}
				return late
			})
			if !errors.Is(err, c.want) || asked != 2 {
				t.Errorf("%s: asked %d times, and it says %v; want %v", c.name, asked, err, c.want)
			}
		})
	}
}
