package activities

import (
	"context"
	"time"
)

// Until asks ok every so often until it returns nil, and returns ok's last error when
// that took longer than within, or when ctx ends. A question that is cut off by the end of the time says nothing
// of who was asked: what the one before it said is returned.
func Until(ctx context.Context, within, every time.Duration, ok func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	deadline, _ := bounded.Deadline() // a connection that has the same may say that it is over a moment before bounded does
	var last error
	return UntilWhole(bounded, within, every, func(ctx context.Context) error {
		if err := ok(ctx); err == nil || last == nil || time.Now().Before(deadline) {
			last = err
		}
		return last
	})
}

// UntilWhole is Until for questions with limits of their own: none is begun after within, and the last one is not cut off by it.
func UntilWhole(ctx context.Context, within, every time.Duration, ok func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := ok(ctx)
		if err == nil || !pause(bounded, every) {
			return err
		}
	}
}

// CutOff reports whether the time of a question is over, so that its failure says nothing of who was asked.
// A connection that has the same deadline may say so a moment before ctx does.
func CutOff(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}
