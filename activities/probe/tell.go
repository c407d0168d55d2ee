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
	words  allowance
}

func newTeller(w plan.Watch, log *slog.Logger) *teller {
	return &teller{run: w.Run, log: log, wake: make(chan struct{}, 1), words: newAllowance(w.Probes, time.Now())}
}

// through says by which engine client to tell, for which start of the probe, and tells the latest
// state again.
func (t *teller) through(s signal, look int) {
	t.mu.Lock()
	if look > t.look {
		t.words.asked(time.Now())
	}
	t.send, t.look = s, look
	t.unsent = t.next.Probe != ""
	t.mu.Unlock()
	t.poke()
}

func (t *teller) tell(o plan.Observed) {
	t.mu.Lock()
	t.next, t.unsent = o, true
	t.words.sees(o, time.Now())
	t.mu.Unlock()
	t.poke()
}

func (t *teller) poke() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take takes what is to be told now; where that may not be yet, it returns nothing to send by, and after what time
// there may be (0: when there is something).
func (t *teller) take(now time.Time) (o plan.Observed, send signal, wait time.Duration, giveBack func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.unsent || t.send == nil {
		return o, nil, 0, nil
	}
	if wait, giveBack = t.words.take(now); wait > 0 {
		return o, nil, wait, nil
	}
	t.unsent = false
	o = t.next
	o.Look = t.look
	return o, t.send, 0, giveBack
}

// loop tells until ctx ends.
func (t *teller) loop(ctx context.Context) {
	const least, most = 100 * time.Millisecond, 5 * time.Second
	pause := least
	for {
		o, send, wait, giveBack := t.take(time.Now())
		if send == nil {
			var due <-chan time.Time
			if wait > 0 {
				due = time.After(wait)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.wake: // what has come may not have to wait
			case <-due:
			}
			continue
		}
		sending, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := send(sending, t.run, o)
		cancel()
		var gone *serviceerror.NotFound
		if err == nil || errors.As(err, &gone) { // a run that has ended needs no telling
			pause = least
			continue
		}
		t.mu.Lock()
		giveBack()
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

// settled is how long a target has been as it is before a change of it is more than a flap, and about the longest
// that what a run waits for may be held back.
const settled = 10 * time.Second

// answers is how many words each new start of the probe may cost besides: its answer, a recovery and a hold. A run
// starts a probe anew only while it waits for its word and hears none, so that these spare it more starts, which cost more.
const answers = 3

// allowance is how often a probe may tell its run something. The engine takes so many signals of a
// workflow and then no more, and ends one whose history has grown too long, of which a word that comes alone takes ten events: that
// of a run is for all of its probes together, and for people. So a target that flaps is told of at once at first, then the
// less often the more probes the run has, and the less often the longer it goes on. What a run waits for is
// none of that: a target that goes down or comes back after it was settled, that has settled, or holds. For that
// each probe keeps words that flaps can't use up; and what the run asks for anew it is always told.
type allowance struct {
	flaps, kept purse

	seen    bool
	up      bool
	level   int
	changed time.Time
	calm    bool // what it was before had settled

	free   int // words for the newest start
	freeAt time.Time
}

func newAllowance(probes int, now time.Time) allowance {
	n := max(1, probes)
	each := time.Duration(n)
	return allowance{
		flaps: newPurse(min(25, max(1, 250/n)), 20*time.Second*max(1, each/4), 80*time.Minute*each, now),
		kept:  newPurse(min(50, max(10, 1500/n)), time.Hour*each, time.Hour*each, now),
	}
}

// sees notes what the probe sees.
func (a *allowance) sees(o plan.Observed, now time.Time) {
	if a.seen && o.Up == a.up && o.Level == a.level {
		return
	}
	a.calm = !a.seen || now.Sub(a.changed) >= settled
	a.seen, a.up, a.level, a.changed = true, o.Up, o.Level, now
}

// asked notes that the run has started the probe anew.
func (a *allowance) asked(now time.Time) { a.free, a.freeAt = answers, now }

// take takes a word, and says how to give it back; or returns after what time there may be one.
func (a *allowance) take(now time.Time) (wait time.Duration, giveBack func()) {
	if wait = a.flaps.take(now); wait == 0 {
		return 0, a.flaps.giveBack
	}
	settles := a.changed.Add(settled).Sub(now)
	if a.calm {
		settles = 0
	}
	if settles <= 0 {
		if settles = a.kept.take(now); settles == 0 {
			return 0, a.kept.giveBack
		}
	}
	wait = min(wait, settles)
	if a.free == 0 {
		return wait, nil
	}
	if d := a.freeAt.Sub(now); d > 0 {
		return min(wait, d), nil
	}
	before := a.freeAt
	a.free--
	a.freeAt = now.Add(settled)
	return 0, func() { a.free, a.freeAt = min(answers, a.free+1), before }
}

// purse holds words that come back with time.
type purse struct {
	burst       int           // how many are told at once
	first, most time.Duration // in which one comes back: four times as long after each burst
	told, spare int
	since       time.Time // spare was right
}

func newPurse(burst int, first, most time.Duration, now time.Time) purse {
	return purse{burst: burst, first: first, most: most, spare: burst, since: now}
}

func (p *purse) refill() time.Duration {
	d := p.first
	for n := p.told/p.burst - 1; n > 0 && d < p.most; n-- {
		d *= 4
	}
	return min(d, p.most)
}

// take takes a word; or returns after what time there may be one.
func (p *purse) take(now time.Time) time.Duration {
	each := p.refill()
	if n := int(now.Sub(p.since) / each); n > 0 {
		p.spare, p.since = min(p.spare+n, p.burst), p.since.Add(time.Duration(n)*each)
	}
	if p.spare == 0 {
		return p.since.Add(each).Sub(now)
	}
	p.spare--
	p.told++
	return 0
}

// giveBack takes back a word that did not arrive.
func (p *purse) giveBack() {
	p.spare++
	p.told--
}
