// Package waittest is how tests wait for what takes its time.
package waittest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Context ends with the test, or after d.
func Context(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// leaving is how long goroutines have to end after the tests: connections that are being closed, a client's last try to dial.
const leaving = 20 * time.Second

// WithoutLeaks is the code that a TestMain exits with: that of its tests, or 1 where they passed and goroutines are left that
// don't end by themselves. goleak's own check gives up within half a second.
func WithoutLeaks(code int) int {
	if code != 0 {
		return code
	}
	for began := time.Now(); ; {
		err := goleak.Find()
		switch {
		case err == nil:
			return 0
		case time.Since(began) > leaving:
			fmt.Fprintln(os.Stderr, "after the tests:", err)
			return 1
		}
	}
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
