package channel

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// Dispatcher follows the journals of open runs and says what happens in them by every
// channel at once. What it is about to do is kept in the record store before, and what came
// of it after: several servers share the work and say a thing once, and one that takes
// over from a dead one knows what may have been said.
type Dispatcher struct {
	Store    journal.Store
	Channels []Channel
	// Estate is the inventory as it is now: people are reached where they are now.
	Estate    func() (*estate.Estate, error)
	Addresses Addresses
	Lang      i18n.Lang // of people for whom the estate names none
	Log       *slog.Logger
	Metrics   Metrics // nil counts nothing
	// Changed is closed at the next event in the store; nil makes it look every second.
	Changed func() <-chan struct{}
	Clock   Clock // the zero one is real
	// Lease is how long the work of a silent server is left to it; zero is 20 s.
	Lease time.Duration
	// Look is how often it is looked for what other servers leave; zero is half of Lease.
	Look time.Duration
	// FirstPause and LastPause bound the time between attempts; zero is 1 s and 1 min.
	FirstPause, LastPause time.Duration
	// Patience is how long a channel may fail here until its messages are offered to other
	// servers; zero is 1 min.
	Patience time.Duration
	// AskEvery is how long a channel may be idle until it is asked whether it works; zero is 10 min.
	AskEvery time.Duration

	owner   string
	lanes   []*lane
	mu      sync.Mutex
	known   *estate.Estate
	readAt  time.Time
	working sync.WaitGroup
}

// Metrics counts deliveries.
type Metrics interface {
	// Delivered counts what became of a message: delivered, failed or skipped.
	Delivered(channel string, matter Matter, outcome string, took time.Duration)
	// Retried counts attempts that failed and are made again.
	Retried(channel string)
	// Waiting is how many messages wait to be sent now.
	Waiting(channel string, by int)
}

// Clock is time as the dispatcher sees it.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

func (c Clock) Time() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c Clock) Wait(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kinds of document. Those of a run are dropped when all of it has been said, but for
// the cursor, which tells that.
const (
	kindCursor = "channel.cursor"
	kindPart   = "channel.part." // and the run
)

// cursor is how far a run has been read.
type cursor struct {
	Position int64 `json:"position"`
	Done     bool  `json:"done,omitempty"`
}

// Run follows runs until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	d.owner = rand.Text()
	d.Lease = cmp.Or(d.Lease, 20*time.Second)
	d.Look = cmp.Or(d.Look, d.Lease/2)
	d.FirstPause, d.LastPause = cmp.Or(d.FirstPause, time.Second), cmp.Or(d.LastPause, time.Minute)
	d.Patience, d.AskEvery = cmp.Or(d.Patience, time.Minute), cmp.Or(d.AskEvery, 10*time.Minute)
	d.mu.Lock()
	for _, c := range d.Channels {
		d.lanes = append(d.lanes, newLane(c, d))
	}
	d.mu.Unlock()
	for _, l := range d.lanes {
		d.working.Go(func() { l.watch(ctx) })
	}
	followed, silent, looked := map[string]bool{}, false, time.Time{}
	for ctx.Err() == nil {
		begun := time.Now()
		var changed <-chan struct{}
		if d.Changed != nil {
			changed = d.Changed()
		}
		// What ended while no server was there is rare, and the list of all runs is long.
		left := begun.Sub(looked) > lookForLeft
		if left {
			looked = begun
		}
		open, err := d.open(ctx, left)
		if err != nil && ctx.Err() == nil && !silent {
			d.Log.Warn("channels: which runs are open can't be told; trying again", "err", err)
		}
		silent = err != nil
		for _, sum := range open {
			if followed[sum.Run] {
				continue
			}
			followed[sum.Run] = true
			d.working.Go(func() { d.follow(ctx, sum) })
		}
		d.wait(ctx, changed)
		breathe(ctx, begun)
	}
	d.working.Wait()
}

const (
	// lookForLeft is how often it is looked for runs that have ended and were not said to
	// their end.
	lookForLeft = 30 * time.Second
	// breath bounds how often the store is asked while thousands answer at once.
	breath = 100 * time.Millisecond
)

// breathe waits until a breath has passed since then.
func breathe(ctx context.Context, since time.Time) {
	left := breath - time.Since(since)
	if left <= 0 {
		return
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// State says of each channel whether it works, as far as its last message told, or the last
// look at it when idle: "ok", or what is wrong.
func (d *Dispatcher) State() map[string]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]string{}
	for _, l := range d.lanes {
		out[l.Name()] = l.state()
	}
	return out
}

// Heard takes in what came of a message that was sent past the dispatcher.
func (d *Dispatcher) Heard(name string, err error) {
	d.mu.Lock()
	l := d.lane(name)
	d.mu.Unlock()
	if l != nil && !errors.Is(err, context.Canceled) {
		if l.heard(l.gate.turn(), err); !l.gate.well() {
			l.asks()
		}
	}
}

// wait returns at the next event, or when it is time to look for those of other servers.
func (d *Dispatcher) wait(ctx context.Context, changed <-chan struct{}) {
	look := time.NewTimer(time.Second)
	defer look.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-look.C:
	}
}

// open lists runs of which something may be left to say.
func (d *Dispatcher) open(ctx context.Context, left bool) ([]journal.Summary, error) {
	list, err := d.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil || !left {
		return list, err
	}
	cursors, err := d.Store.DocumentsOf(ctx, kindCursor)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, s := range list {
		seen[s.Run] = true
	}
	for _, doc := range cursors {
		var c cursor
		if json.Unmarshal(doc.Body, &c) != nil || c.Done || seen[doc.ID] {
			continue
		}
		ended, err := d.Store.Runs(ctx, journal.Filter{Run: doc.ID, Limit: 1})
		if err != nil {
			return nil, err
		}
		list = append(list, ended...)
	}
	return list, nil
}

// contacts are those of the estate as it is now, read again after some seconds. Files with
// mistakes leave the last good one in force.
func (d *Dispatcher) contacts() map[string]estate.Contact {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.known == nil || now.Sub(d.readAt) > 5*time.Second {
		d.readAt = now
		e, err := d.Estate()
		if err != nil {
			d.Log.Warn("channels: the estate can't be read; people are reached where they last were", "err", err)
		}
		if e != nil && (err == nil || d.known == nil) {
			d.known = e
		}
	}
	if d.known == nil {
		return nil
	}
	return d.known.Contacts
}

// knowsPeople reports whether the estate could be read once.
func (d *Dispatcher) knowsPeople() bool {
	d.contacts()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known != nil
}

// keep tries to change a document until the store answers; a change by somebody else is
// ErrChanged.
func (d *Dispatcher) keep(ctx context.Context, kind, id string, version int64, body any) (journal.Document, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return journal.Document{}, err
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		doc, err := d.Store.PutDocument(ctx, journal.Document{Kind: kind, ID: id, Version: version, ChangedAt: d.Clock.Time(), Body: b})
		if err == nil || errors.Is(err, journal.ErrChanged) || ctx.Err() != nil {
			return doc, err
		}
		d.Log.Warn("channels: the record store can't be used; trying again", "err", err)
		if err := d.Clock.Wait(ctx, pause); err != nil {
			return journal.Document{}, err
		}
	}
}

// planOf waits for the plan of a run; nil when ctx ended or there is none.
func (d *Dispatcher) planOf(ctx context.Context, sum journal.Summary) *plan.Plan {
	for ctx.Err() == nil {
		if sum.PlanHash != "" {
			p, err := d.Store.Plan(ctx, sum.PlanHash)
			if err == nil {
				return &p
			}
			if errors.Is(err, journal.ErrNotFound) {
				return nil
			}
			d.Log.Warn("channels: the plan can't be read; trying again", "run", sum.Run, "err", err)
		}
		if d.Clock.Wait(ctx, time.Second) != nil {
			return nil
		}
		if list, err := d.Store.Runs(ctx, journal.Filter{Run: sum.Run, Limit: 1}); err == nil && len(list) == 1 {
			sum = list[0]
		}
	}
	return nil
}
