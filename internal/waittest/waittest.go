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

// Eventually waits until ok returns "", and fails with what it last returned.
func Eventually(t testing.TB, d time.Duration, ok func() string) {
	t.Helper()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		why := ok()
		if why == "" {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("after %v: %s", d, why)
		case <-tick.C:
		}
	}
}
