package probe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/plan"
)

// signal tells a run's workflow what a probe sees.
type signal func(ctx context.Context, runID string, o plan.Observed) error

// teller tells the run without ever holding up the looking. Of several changes that
// could not be told yet, only the latest is.
type teller struct {
	run  string
	log  *slog.Logger
	wake chan struct{}

	mu     sync.Mutex
	send   signal
	look   int // as in plan.Observed
	next   plan.Observed
	unsent bool
}

func newTeller(runID string, log *slog.Logger) *teller {
	return &teller{run: runID, log: log, wake: make(chan struct{}, 1)}
}

// through says by which engine client to tell, for which start of the probe, and tells the latest
// state again.
func (t *teller) through(s signal, look int) {
	t.mu.Lock()
	t.send, t.look = s, look
	t.unsent = t.next.Probe != ""
	t.mu.Unlock()
	t.poke()
}

func (t *teller) tell(o plan.Observed) {
	t.mu.Lock()
	t.next, t.unsent = o, true
	t.mu.Unlock()
	t.poke()
}

func (t *teller) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// loop tells until ctx ends. A workflow takes 10,000 signals in its life: a target that
// flaps all day is told of in bursts of spare, then every so often.
func (t *teller) loop(ctx context.Context) {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	const burst, refill = 50, 10 * time.Second
	pause, spare, since := least, burst, time.Now()
	for {
		t.mu.Lock()
		o, due, send, look := t.next, t.unsent && t.send != nil, t.send, t.look
		t.unsent = t.unsent && !due
		t.mu.Unlock()
		if !due {
			select {
			case <-ctx.Done():
				return
			case <-t.wake:
			}
			continue
		}
		if n := int(time.Since(since) / refill); n > 0 {
			spare, since = min(spare+n, burst), since.Add(time.Duration(n)*refill)
		}
		if spare--; spare < 0 {
			if !rest(ctx, refill) {
				return
			}
			t.mu.Lock()
			o, look, t.unsent = t.next, t.look, false // what is latest now
			t.mu.Unlock()
			spare, since = 0, time.Now()
		}
		o.Look = look
		sending, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := send(sending, t.run, o)
		cancel()
		var gone *serviceerror.NotFound
		if err == nil || errors.As(err, &gone) { // a run that has ended needs no telling
			pause = least
			continue
		}
		t.mu.Lock()
		t.unsent = true
		t.mu.Unlock()
		if pause == least {
			t.log.Warn("the run could not be told what its probe sees", "err", err)
		}
		if !rest(ctx, pause) {
			return
		}
		pause = min(2*pause, most)
	}
}

// rest lets d pass; false means that ctx ended.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
