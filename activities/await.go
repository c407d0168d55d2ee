package activities

import (
	"context"
	"time"
)

// Until asks ok every so often until it returns nil, and returns ok's last error when
// that took longer than within, or when ctx ends.
func Until(ctx context.Context, within, every time.Duration, ok func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := ok(ctx)
		if err == nil || !pause(ctx, every) {
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
