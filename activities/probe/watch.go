package probe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/heartbeat"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Options of the probes of one worker.
type Options struct {
	// Dir is where samples are logged as they are taken, so that killing the worker
	// loses none; "" keeps none, and a killed worker's outages are then known only as
	// far as its last heartbeat.
	Dir string
	Log *slog.Logger // nil discards
	// Engine asks the engine whether it serves; nil can't be asked.
	Engine func(context.Context) error

	tell   func(context.Context) signal // nil is the engine's client
	linger time.Duration                // 0 is two minutes
	calm   time.Duration                // 0 is an hour
	wall   func(time.Time) time.Time    // nil is the machine's clock
}

// looker looks at one target. Its fields are functions so that a probe is what it does.
type looker struct {
	// look takes one sample within timeout; n numbers it. A marker that was sent and
	// not answered is unknown, with its number.
	look func(ctx context.Context, n int64) (fate, string)
	// glance looks as look does and leaves no marker; nil for probes that can't.
	glance func(context.Context) error
	// survivors reads back all markers in ascending order; nil for probes without.
	survivors func(context.Context) ([]int64, error)
	// gauge measures how much there is; nil for probes that see all or nothing. It is
	// asked instead of look.
	gauge *gauge
	close func()
}

// beat is how often a watch tells the engine that it lives, and hears whether it is to end:
// a write in the engine each time. When two in a row are lost, the next attempt joins the
// watch, which has gone on.
const beat = 2 * time.Second

// hold is how long a target must be up again before its markers are counted.
const hold = 2 * time.Second

// finalCount bounds the last count, which the run waits for.
const finalCount = 5 * time.Second

// desk keeps the watches of one worker. A watch outlives the activity attempt that
// began it when that attempt only lost touch with the engine: the next attempt joins
// it and nothing was missed. An attempt can't be doubled either way.
type desk struct {
	Options
	mu      sync.Mutex
	watches map[string]*watch
	opening map[string]chan struct{} // closed when the watch is there, or could not be begun
}

func newDesk(o Options) *desk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.linger == 0 {
		o.linger = 2 * time.Minute
	}
	if o.calm == 0 {
		o.calm = time.Hour
	}
	if o.tell == nil {
		o.tell = func(ctx context.Context) signal {
			c := activity.GetClient(ctx)
			return func(ctx context.Context, runID string, o plan.Observed) error {
				return c.SignalWorkflow(ctx, runID, "", plan.SignalObserved, o)
			}
		}
	}
	if err := sweepDiaries(o.Dir, time.Now()); err != nil {
		o.Log.Warn("old logs of probes could not be removed", "dir", o.Dir, "err", err)
	}
	return &desk{Options: o, watches: map[string]*watch{}, opening: map[string]chan struct{}{}}
}

// errStopping ends an attempt whose worker stops; the engine gives the watch to
// another, or to the same one when it is back.
var errStopping = errors.New("the worker is stopping, the probe goes on elsewhere")

// errEnded ends an attempt whose watch looks at nothing any more; the next begins anew, from the log.
var errEnded = errors.New("the probe had stopped looking, it begins anew")

// serve is one activity attempt: it joins or begins the watch, keeps the engine
// informed and returns what was seen when the run asks for the end.
func (d *desk) serve(ctx context.Context, w plan.Watch, kind func() (looker, error)) (run.Observations, error) {
	ctx = heartbeat.Lease(ctx, activity.GetInfo(ctx).HeartbeatTimeout)
	one, mine, err := d.join(ctx, w, kind)
	if err != nil {
		return run.Observations{}, err
	}
	stopping := activity.GetWorkerStopChannel(ctx)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		activity.RecordHeartbeat(ctx, one.brief())
		select {
		case <-tick.C:
			continue
		case <-one.done:
			if d.newest(one, mine) {
				return run.Observations{}, errEnded
			}
			return one.brief(), nil // a later start has ended it, and handed in
		case <-stopping:
			d.leave(one, 0)
			return run.Observations{}, errStopping
		case <-ctx.Done():
		}
		select {
		case <-stopping:
			d.leave(one, 0)
			return run.Observations{}, errStopping
		default:
		}
		if cause := context.Cause(ctx); !asked(cause) {
			d.leave(one, d.linger)
			return run.Observations{}, cause // Site.fault says that it was cut off
		}
		if !d.retire(one, func() bool { return one.newest == mine }) { // the run has started the probe again, beside this: that goes on
			d.leave(one, d.linger)
			return one.brief(), nil
		}
		one.stop()
		return one.finish(context.WithoutCancel(ctx)), nil
	}
}

// asked reports whether an activity's context ended because the run asked for it, and
// not because the engine was out of reach or had given the attempt up.
func asked(cause error) bool {
	var cancelled *temporal.CanceledError
	return errors.As(cause, &cancelled) || errors.Is(cause, context.Canceled)
}

// join returns the watch, and the number of this attempt among those that were on it. What a watch of weeks has
// logged takes a while to read, and no other probe waits for it.
func (d *desk) join(ctx context.Context, w plan.Watch, kind func() (looker, error)) (*watch, int, error) {
	key := w.Run + "\x00" + w.Probe.Name
	d.mu.Lock()
	defer d.mu.Unlock()
	for busy := d.opening[key]; busy != nil; busy = d.opening[key] {
		d.mu.Unlock()
		<-busy
		d.mu.Lock()
	}
	one, there := d.watches[key]
	if !there {
		var err error
		if one, err = d.open(ctx, key, w, kind); err != nil {
			return nil, 0, err
		}
	}
	one.attempts++
	one.joined++
	if w.Look >= one.start { // a late attempt of an earlier start is not the newest
		one.start, one.newest = w.Look, one.joined
	}
	if one.idle != nil {
		one.idle.Stop()
		one.idle = nil
	}
	one.teller.through(d.tell(ctx), one.start)
	return one, one.joined, nil
}

// open begins a watch. The desk's lock is held before and after, and not in between.
func (d *desk) open(ctx context.Context, key string, w plan.Watch, kind func() (looker, error)) (one *watch, err error) {
	busy := make(chan struct{})
	d.opening[key] = busy
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.opening, key)
		close(busy)
		if one != nil {
			one.key, d.watches[key] = key, one
		}
	}()
	look, err := kind()
	if err != nil {
		return nil, err
	}
	var last *run.Observations
	if activity.HasHeartbeatDetails(ctx) {
		last = &run.Observations{}
		if activity.GetHeartbeatDetails(ctx, last) != nil {
			last = nil
		}
	}
	return begin(ctx, d.Options, w, look, last, unused(w.Look, activity.GetInfo(ctx).Attempt))
}

// unused is a number from which on nobody has planted a marker, for a start of a probe that finds no log: it may be at
// another worker than those before. Where a number is there already, a server takes no second row for it, or
// counts it as one that survived.
func unused(look int, attempt int32) int64 {
	return int64(look)*1_000_000_000 + int64(max(0, attempt-1))*1_000_000
}

// newest reports whether no later start of the probe is on a watch: its end is the watch's.
func (d *desk) newest(one *watch, attempt int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return one.newest == attempt
}

// leave takes an attempt off a watch, which ends after linger unless another is on it
// or joins.
func (d *desk) leave(one *watch, linger time.Duration) {
	d.mu.Lock()
	one.attempts--
	last := one.attempts <= 0
	if last && linger > 0 && d.watches[one.key] == one {
		one.idle = time.AfterFunc(linger, func() { d.end(one) })
	}
	d.mu.Unlock()
	if last && linger <= 0 {
		d.end(one)
	}
}

// end ends a watch, unless an attempt is on it.
func (d *desk) end(one *watch) {
	if d.retire(one, func() bool { return one.attempts <= 0 }) {
		one.stop()
		one.shut()
	}
}

// retire takes a watch off the desk if that is due, under the lock under which attempts join: one
// that comes later begins a watch of its own, and is never on one that is being stopped.
func (d *desk) retire(one *watch, due func() bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !due() {
		return false
	}
	if d.watches[one.key] == one {
		delete(d.watches, one.key)
	}
	return true
}

// watch is one probe being looked through.
type watch struct {
	key      string
	attempts int         // held by the desk's lock, as are those up to idle
	joined   int         // how many attempts ever were on it
	newest   int         // which of them is of the newest start
	start    int         // that start's number (plan.Watch.Look)
	idle     *time.Timer // set while no attempt is on it

	plan.Watch
	looker
	log    *slog.Logger
	diary  *diary
	teller *teller
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing of it runs any more

	calm time.Duration             // up for so long, markers may be plan.Watch.Spacing apart
	wall func(time.Time) time.Time // as in Options

	closing sync.Once

	mu    sync.Mutex
	tally tally
}

// begin reads what was seen before and starts to look. The looking outlives ctx, and asks the worker's policy
// through it about hosts that it is led to. Without a log the markers' numbers begin after from.
func begin(ctx context.Context, o Options, w plan.Watch, look looker, last *run.Observations, from int64) (*watch, error) {
	one := &watch{Watch: w, looker: look, log: o.Log.With("run", w.Run, "probe", w.Probe.Name), done: make(chan struct{}), calm: o.calm, wall: o.wall}
	if one.Probe.Interval <= 0 {
		one.Probe.Interval = run.Duration(250 * time.Millisecond)
	}
	if one.Probe.Timeout <= 0 {
		one.Probe.Timeout = run.Duration(time.Second)
	}
	t := &one.tally
	t.obs = run.Observations{Probe: w.Probe.Name, System: w.Probe.System, Function: w.Probe.Function, Weight: w.Probe.Weight,
		Vantage: w.Probe.Vantage, Interval: one.Probe.Interval}
	t.holds = w.Holds
	t.silence = max(3*one.Probe.Interval.Std(), one.Probe.Interval.Std()+one.Probe.Timeout.Std())
	if look.survivors != nil {
		t.obs.Markers = &run.Markers{}
	}
	var err error
	one.diary, err = openDiary(o.Dir, w.Run, w.Probe.Name, func(s sample, first bool) {
		if first && !t.lastEnd.IsZero() {
			t.gap(t.lastEnd, s.Began)
		}
		t.add(s)
	}, func(c counted) {
		if m := c.Count; m != nil && t.obs.Markers != nil {
			m.Acked, m.Unknown, m.FirstAckedAt = t.obs.Markers.Acked, t.obs.Markers.Unknown, t.obs.Markers.FirstAckedAt
			t.obs.Markers, t.wasDown = m, false
		}
		if c.Baseline != nil {
			t.obs.Baseline = c.Baseline
		}
	})
	if err != nil {
		if look.close != nil {
			look.close()
		}
		return nil, err
	}
	if t.obs.Samples == 0 {
		if last != nil {
			t.resume(*last)
		}
		t.seq += from
	}
	if look.gauge != nil {
		look.gauge.resume(t)
	}
	if t.seq > 0 {
		t.seq += apart
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	one.cancel = cancel
	one.teller = newTeller(w, one.log)
	var parts sync.WaitGroup
	parts.Go(func() { one.teller.loop(ctx) })
	parts.Go(func() { one.loop(ctx) })
	go func() { parts.Wait(); close(one.done) }()
	return one, nil
}

// stop ends the looking, and returns when nothing of it runs any more.
func (w *watch) stop() {
	w.cancel()
	<-w.done
}

func (w *watch) brief() run.Observations {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.brief()
}

// finish counts the markers for the last time and hands everything over. The watch
// has ended before.
func (w *watch) finish(ctx context.Context) run.Observations {
	if w.survivors != nil {
		w.count(ctx, finalCount)
	}
	w.shut()
	return w.tally.observations()
}

// shut lets go of the log and the target.
func (w *watch) shut() {
	w.closing.Do(func() {
		w.diary.close()
		if w.looker.close != nil {
			w.looker.close()
		}
	})
}
