package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/muster-dr/muster/internal/heartbeat"
)

// beatEvery is how often an action tells the engine that it lives. Cancellation comes
// back with the answer.
const beatEvery = time.Second

type beatKey struct{}

// pulse is the heartbeat of one attempt.
type pulse struct {
	mu      sync.Mutex
	details []any
}

// beat tells the engine, until stop, that the attempt lives. A frozen process is
// silent, which is how the engine notices.
func beat(ctx context.Context) (context.Context, func()) {
	if !activity.IsActivity(ctx) {
		return ctx, func() {}
	}
	ctx = heartbeat.Lease(ctx, activity.GetInfo(ctx).HeartbeatTimeout)
	p := &pulse{}
	if activity.HasHeartbeatDetails(ctx) { // until there is something newer
		var last any
		if activity.GetHeartbeatDetails(ctx, &last) == nil {
			p.details = []any{last}
		}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			// Not at once: that the attempt began is known, and most end before the
			// first beat, which would cost the engine a write.
			select {
			case <-done:
				return
			case <-tick.C:
				p.send(ctx)
			}
		}
	})
	return context.WithValue(ctx, beatKey{}, p), func() { close(done); wg.Wait() }
}

func (p *pulse) send(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	activity.RecordHeartbeat(ctx, p.details...)
}

// Progress records how far a repeatable action came, for Resumed in its next attempt.
func Progress(ctx context.Context, v any) {
	p, ok := ctx.Value(beatKey{}).(*pulse)
	if !ok {
		return
	}
	p.mu.Lock()
	p.details = []any{v}
	p.mu.Unlock()
	p.send(ctx)
}

// Resumed fills v with what an earlier attempt recorded by Progress. False means that
// there is nothing: begin at the beginning.
func Resumed(ctx context.Context, v any) bool {
	return activity.IsActivity(ctx) && activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, v) == nil
}
