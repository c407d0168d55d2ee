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
	run    string
	log    *slog.Logger
	wake   chan struct{}
	probes int // of the run

	mu     sync.Mutex
	send   signal
	look   int // as in plan.Observed
	next   plan.Observed
	unsent bool
}

func newTeller(w plan.Watch, log *slog.Logger) *teller {
	return &teller{run: w.Run, log: log, wake: make(chan struct{}, 1), probes: w.Probes}
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

// loop tells until ctx ends.
func (t *teller) loop(ctx context.Context) {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	pause, words := least, newAllowance(t.probes, time.Now())
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
		for wait := words.take(time.Now()); wait > 0; wait = words.take(time.Now()) {
			if !rest(ctx, wait) {
				return
			}
			t.mu.Lock()
			o, look, t.unsent = t.next, t.look, false // what is latest now
			t.mu.Unlock()
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
		words.giveBack()
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

// allowance is how often a probe may tell its run something. The engine takes so many signals of a
// workflow and then no more, and ends one whose history has grown too long: that of a run is for all
// of its probes together, and for people. So a target that flaps is told of at once at first, then the
// less often the more probes the run has, and the less often the longer it goes on.
type allowance struct {
	probes, told, spare int
	since               time.Time // spare was right
}

func newAllowance(probes int, now time.Time) *allowance {
	a := &allowance{probes: max(1, probes), since: now}
	a.spare = a.burst()
	return a
}

// burst is how many words are told at once.
func (a *allowance) burst() int { return min(50, max(5, 500/a.probes)) }

// refill is the time in which one word more may be told: twice as long after each burst.
func (a *allowance) refill() time.Duration {
	d, most := 10*time.Second*time.Duration(max(1, a.probes/4)), 20*time.Minute*time.Duration(a.probes)
	for n := a.told/a.burst() - 1; n > 0 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// take takes a word; or returns after what time there may be one.
func (a *allowance) take(now time.Time) time.Duration {
	each := a.refill()
	if n := int(now.Sub(a.since) / each); n > 0 {
		a.spare, a.since = min(a.spare+n, a.burst()), a.since.Add(time.Duration(n)*each)
	}
	if a.spare == 0 {
		return a.since.Add(each).Sub(now)
	}
	a.spare--
	a.told++
	return 0
}

// giveBack takes back a word that did not arrive.
func (a *allowance) giveBack() {
	a.spare++
	a.told--
}
