package probe

import (
	"context"
	"strings"
	"time"
)

// clock gives wall times whose spans are monotonic: a small step of the wall clock does not
// enter, and no time is before the one given last.
type clock struct {
	anchor time.Time
	base   time.Time // the wall's at anchor
	wall   func(time.Time) time.Time
}

func newClock(wall func(time.Time) time.Time) *clock {
	if wall == nil {
		wall = func(t time.Time) time.Time { return t.Round(0) }
	}
	c := &clock{wall: wall}
	c.begin(time.Now())
	return c
}

func (c *clock) begin(now time.Time) { c.anchor, c.base = now, c.wall(now).UTC() }

func (c *clock) at(t time.Time) time.Time {
	return c.base.Add(t.Sub(c.anchor)).Truncate(time.Microsecond)
}

// slept goes on from the wall clock where that is further on by more than so much, and says so:
// the monotonic clock stands still while the machine is suspended, or the wall clock was wrong and
// was put right. Where it was put back, times go on as they were: the report holds them against
// the engine's.
func (c *clock) slept(now time.Time, silence time.Duration) bool {
	if c.wall(now).Sub(c.at(now)) <= silence {
		return false
	}
	c.begin(now)
	return true
}

const (
	// apart is how much later the numbers of a start's markers begin than those before it: an attempt that was frozen
	// may wake and plant a few more of its own.
	apart = 1000
	// leaps are how often one sample passes by numbers that markers have which the log lacks, each time twice as far: one of a worker
	// that was killed between the two, or as many as were planted while the log could not be written. Without a way
	// past them the service would look down for good.
	leaps = 20
)

// loop takes a sample every interval until ctx ends. A sample that takes longer than
// an interval delays the next one, which then begins at once; the grid stays.
func (w *watch) loop(ctx context.Context) {
	c := newClock(w.wall)
	interval := w.Probe.Interval.Std()
	due := c.anchor
	first := true
	counting := make(chan struct{}, 1)
	defer func() { counting <- struct{}{} }() // no count is under way when this returns
	timer := time.NewTimer(0)
	defer timer.Stop()
	var told bool // a change is still to be told
	var holds int // how many of the spans that the run waits for were told of
	var lame bool // the log can't be written
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		w.mu.Lock()
		n := w.tally.seq + 1
		last := w.tally.lastEnd
		began := time.Now()
		c.slept(began, w.tally.silence)
		from := c.at(began)
		glance := w.glance != nil && w.tally.spares(from, w.calm, w.Spacing.Std())
		w.mu.Unlock()
		fate, level, why := w.sample(ctx, n, glance)
		for leap := 0; fate == taken && leap < leaps; leap++ {
			n += apart << leap
			fate, level, why = w.sample(ctx, n, glance)
		}
		if fate == taken {
			fate = failed
		}
		ended := time.Now()
		if ctx.Err() != nil && fate != ok {
			return // it was cut off by us, which says nothing about the target
		}
		if c.slept(ended, w.tally.silence) {
			from = c.at(ended) // nobody knows what the target did meanwhile
		}
		s := sample{Began: from, Ended: c.at(ended), Fate: fate, Error: clip(why), Level: level}
		if w.survivors != nil && fate != failed && !glance {
			s.Seq = n
		}
		if err := w.diary.write(s); (err != nil) != lame {
			lame = err != nil
			w.log.Warn("the probe's log can or can't be written; while it can't, killing the worker loses samples", "err", err)
		}
		w.mu.Lock()
		if first && !last.IsZero() {
			w.tally.gap(last, s.Began)
		}
		change := w.tally.add(s) || first
		state := w.tally.word()
		held := w.tally.held()
		recovered := w.survivors != nil && w.tally.recovered(s.Ended, hold)
		w.mu.Unlock()
		first = false
		taking := w.gauge != nil && w.gauge.taking()
		change = change || held > holds
		holds = held
		if (change || told) && !(taking && fate == ok) { // the run waits for the baseline
			told = false
			w.teller.tell(state)
		} else if change {
			told = true
		}
		if recovered {
			select {
			case counting <- struct{}{}:
				go func() {
					defer func() { <-counting }()
					w.count(ctx, w.Probe.Timeout.Std()+finalCount)
				}()
			default:
			}
		}
		now := time.Now()
		due = due.Add(interval)
		if late := now.Sub(due); late > 0 {
			due = due.Add(late.Truncate(interval)) // begin at once, back on the grid after
		}
		if taking {
			due = now
		}
		timer.Reset(max(due.Sub(now), 0))
	}
}

// sample looks once, and says how much of the function is there.
func (w *watch) sample(ctx context.Context, n int64, glance bool) (fate, int, string) {
	if glance {
		f, why := plainly(w.glance(ctx))
		return f, 0, why
	}
	if w.gauge == nil {
		f, why := w.look(ctx, n)
		return f, 0, why
	}
	f, level, taken, why := w.gauge.sample(ctx)
	if taken != nil {
		w.mu.Lock()
		w.tally.obs.Baseline = taken
		w.mu.Unlock()
		if err := w.diary.writeOther(counted{Baseline: taken}); err != nil {
			w.log.Warn("the baseline could not be logged", "err", err)
		}
	}
	return f, level, why
}

// count reads the surviving markers back. When that fails, what was counted before
// stands, with its time.
func (w *watch) count(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	w.mu.Lock()
	last := w.tally.seq // later ones may not be in what is read now
	w.mu.Unlock()
	at := time.Now().UTC().Truncate(time.Microsecond)
	found, err := w.survivors(ctx)
	if err != nil {
		w.log.Warn("the surviving markers could not be counted", "err", err)
		w.mu.Lock()
		w.tally.wasDown = true // try again
		w.mu.Unlock()
		return
	}
	w.mu.Lock()
	w.tally.count(found, last, at)
	m := *w.tally.obs.Markers
	w.mu.Unlock()
	if err := w.diary.writeOther(counted{Count: &m}); err != nil {
		w.log.Warn("the count of markers could not be logged", "err", err)
	}
}

// clip keeps an error to one line of a journal.
func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		return strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}
