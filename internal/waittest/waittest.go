// Package waittest is how tests wait for what takes its time.
package waittest

import (
	"context"
	"testing"
	"time"
)

// Context ends with the test, or after d.
func Context(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// often is how often is asked for what may come at once.
const often = 20 * time.Millisecond

// Eventually waits until ok returns "", and fails with what it last returned. The longer it takes, the less often it
// asks, so that a wait costs little and is hardly longer for it. What may be over again by then takes Moment.
func Eventually(t testing.TB, d time.Duration, ok func() string) {
	t.Helper()
	wait(t, d, ok, func(passed time.Duration) time.Duration { return max(often, min(passed/10, 5*often)) })
}

// Moment is Eventually for what must be seen while it lasts, as the middle of a failover: it never asks less often.
func Moment(t testing.TB, d time.Duration, ok func() string) {
	t.Helper()
	Every(t, often, d, ok)
}

// Every is Eventually with a pause between two looks, for what is dear to look at, as a command's output.
func Every(t testing.TB, pause, d time.Duration, ok func() string) {
	t.Helper()
	wait(t, d, ok, func(time.Duration) time.Duration { return pause })
}

func wait(t testing.TB, d time.Duration, ok func() string, pause func(passed time.Duration) time.Duration) {
	t.Helper()
	began, deadline := time.Now(), time.NewTimer(d)
	defer deadline.Stop()
	for {
		why := ok()
		if why == "" {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("after %v: %s", d, why)
		case <-time.After(pause(time.Since(began))):
		}
	}
}
