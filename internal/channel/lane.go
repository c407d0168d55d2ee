package channel

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
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
	left   atomic.Int64  // messages in this server's hands
	doubt  chan struct{} // somebody has to know now whether it works
}

func newLane(c Channel, d *Dispatcher) *lane {
	return &lane{Channel: c, d: d, places: make(chan struct{}, max(1, c.AtOnce())), doubt: make(chan struct{}, 1)}
}

// askWithin bounds a look whether a channel works.
const askWithin = 30 * time.Second

// watch asks the channel whether it works while it has nothing to send, so that one that died
// between two runs is known before the next. One that does not work is asked again soon, and
// then ever more seldom: a wrong password must not lock its account. What is found holds back no
// message.
func (l *lane) watch(ctx context.Context) {
	every, soon := l.d.AskEvery, max(l.d.AskEvery/10, 1)
	asked, wait := time.Now(), soon
	due := time.NewTimer(wait + rand.N(wait/2+1))
	defer due.Stop()
	for bad := 0; ; due.Reset(wait + rand.N(wait/2+1)) {
		for again := true; again; {
			select {
			case <-ctx.Done():
				return
			case <-l.doubt:
				switch left := soon - time.Since(asked); {
				case bad > 2: // it failed again and again, and is not asked sooner for it
				case left > 0:
					due.Reset(left)
				default:
					again = false
				}
			case <-due.C:
				again = false
			}
		}
		asked = time.Now()
		if l.left.Load() > 0 { // its messages tell
			wait, bad = soon, 0
			continue
		}
		if l.ask(ctx); l.gate.well() {
			wait, bad = every, 0
			continue
		}
		wait, bad = min(every, soon<<min(bad, 10)), bad+1
	}
}

// ask looks whether the channel works, without saying anything to anybody.
func (l *lane) ask(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, askWithin)
	defer cancel()
	works, turn := l.Works, l.gate.turn()
	if c, ok := l.Channel.(interface{ Answers(context.Context) error }); ok { // says less than Works, in silence
		works = c.Answers
	}
	if err := works(ctx); parent.Err() == nil {
		l.heard(turn, err)
	}
}

// heard takes in what was found of the channel since then, by other ways than its messages.
func (l *lane) heard(turn int64, err error) {
	if err == nil {
		l.gate.open(l.d.Log, l.Name())
	} else if f := failureOf(err); f.Wide {
		l.gate.suspect(l.d.Log, l.Name(), turn, f)
	}
}

// asks has the channel asked as soon as that may be.
func (l *lane) asks() {
	select {
	case l.doubt <- struct{}{}:
	default:
	}
}

// state is "ok", or what is wrong.
func (l *lane) state() string {
	s := l.gate.state()
	if in, ok := l.Channel.(interface{ Deaf() string }); ok && s == "ok" && in.Deaf() != "" {
		return in.Deaf()
	}
	return s
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
	l.left.Add(int64(by))
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
	since  time.Time // it has failed without a success
	fails  int
	why    string
	doubts string        // why it may not work, by other than its messages; holds back nothing
	turns  int64         // how often its messages told
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
	if g.fails > 0 || g.doubts != "" {
		log.Info("channel works again", "channel", name)
	}
	g.fails, g.doubts = 0, ""
	g.turns++
	g.known()
}

// turn is to be told to suspect.
func (g *gate) turn() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.turns
}

// suspect says that it may not work, unless a message has told since then.
func (g *gate) suspect(log *slog.Logger, name string, turn int64, f *Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.turns != turn || g.fails > 0 {
		return
	}
	if g.doubts == "" {
		log.Warn("channel does not work; nothing waits for it now", "channel", name, "reason", f.Text, "err", f.Err)
	}
	g.doubts = f.Text
}

// well reports whether nothing speaks against it.
func (g *gate) well() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fails == 0 && g.doubts == ""
}

// shutFor is how long it has not worked.
func (g *gate) shutFor(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == 0 {
		return 0
	}
	return now.Sub(g.since)
}

// shut says that it does not.
func (g *gate) shut(d *Dispatcher, name string, f *Failure) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails == 0 {
		d.Log.Warn("channel does not work; its messages wait", "channel", name, "reason", f.Text, "err", f.Err)
		g.since = d.Clock.Time()
	}
	g.turns++
	if until := d.Clock.Time().Add(max(f.After, pause(d.FirstPause, d.LastPause, g.fails))); until.After(g.until) {
		g.until = until
	}
	g.fails++
	g.why = f.Text
	g.known()
}

// state is "ok", or why messages wait or would.
func (g *gate) state() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.fails > 0:
		return g.why
	case g.doubts != "":
		return g.doubts
	}
	return "ok"
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
