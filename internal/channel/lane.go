package channel

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// lane is a channel with its bounds: how many messages are under way, and whether it works
// at all.
type lane struct {
	Channel
	d      *Dispatcher
	places chan struct{}
	gate   gate
}

func newLane(c Channel, d *Dispatcher) *lane {
	return &lane{Channel: c, d: d, places: make(chan struct{}, max(1, c.AtOnce()))}
}

func (l *lane) take(ctx context.Context) bool {
	select {
	case l.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *lane) give() { <-l.places }

func (l *lane) waiting(by int) {
	if l.d.Metrics != nil {
		l.d.Metrics.Waiting(l.Name(), by)
	}
}

func (l *lane) retried() {
	if l.d.Metrics != nil {
		l.d.Metrics.Retried(l.Name())
	}
}

func (l *lane) settled(m Matter, o run.Outcome, took time.Duration) {
	if l.d.Metrics == nil {
		return
	}
	word := map[run.Outcome]string{run.Passed: "delivered", run.Skipped: "skipped"}[o]
	if word == "" {
		word = "failed"
	}
	l.d.Metrics.Delivered(l.Name(), m, word, took)
}

// gate holds a channel's messages back while the channel as a whole does not work: each
// new try of it is made by one message.
type gate struct {
	mu     sync.Mutex
	until  time.Time
	fails  int
	why    string
	trying bool          // one message finds out whether it works again
	opened chan struct{} // closed when that is known
}

// pass waits until a message may be sent.
func (g *gate) pass(ctx context.Context, c Clock) bool {
	for {
		g.mu.Lock()
		if g.fails == 0 {
			g.mu.Unlock()
			return ctx.Err() == nil
		}
		if wait := g.until.Sub(c.Time()); wait > 0 {
			g.mu.Unlock()
			if c.Wait(ctx, wait) != nil {
				return false
			}
			continue
		}
		if !g.trying {
			g.trying, g.opened = true, make(chan struct{})
			g.mu.Unlock()
			return ctx.Err() == nil
		}
		opened := g.opened
		g.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return false
		}
	}
}

func (g *gate) known() {
	if g.trying {
		g.trying = false
		close(g.opened)
	}
}

// leave lets another message find out, when this one did not.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known()
}

// open says that the channel works.
func (g *gate) open(log *slog.Logger, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails > 0 {
		log.Info("channel works again", "channel", name)
	}
	g.fails = 0
	g.known()
}

// shut says that it does not.
func (g *gate) shut(d *Dispatcher, name string, f *Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == 0 {
		d.Log.Warn("channel does not work; its messages wait", "channel", name, "reason", f.Text, "err", f.Err)
	}
	if until := d.Clock.Time().Add(max(f.After, pause(d.FirstPause, d.LastPause, g.fails))); until.After(g.until) {
		g.until = until
	}
	g.fails++
	g.why = f.Text
	g.known()
}

// state is "ok", or why messages wait.
func (g *gate) state() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == 0 {
		return "ok"
	}
	return g.why
}

// pause grows with the number of tries made.
func pause(first, last time.Duration, tries int) time.Duration {
	d := first
	for range min(tries, 20) {
		if d *= 2; d >= last {
			return last
		}
	}
	return d
}
