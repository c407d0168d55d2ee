package keep

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// Clocks are set right: what was noted while one was ahead must not be waited for as long as it was.

// again reports whether it is time for another try. Nothing waits longer than longPause for one.
func again(next *time.Time, now time.Time) bool {
	return next == nil || !now.Before(*next) || next.Sub(now) > longPause
}

// notAfter is a time, or now where it is still to come.
func notAfter(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

const (
	clockID = "clock"
	// doubtFor is how long a clock that was not seen on its way to now is not gone by, of a process's own time.
	doubtFor = 24 * time.Hour
	// unseenFor is how long a server may have been away for its clock to be believed at once.
	unseenFor = 48 * time.Hour
	// leap is how far a clock is off that was set, and no drift.
	leap = time.Hour
)

// ErrClock: a clock that is ahead would have all of it erased, for good.
var ErrClock = errors.New("nothing is erased or removed now: the clock may be ahead, as it leapt or nobody saw it for two days; it is gone by after a day of the server's own time")

// believed is what is known of the wall clock. What is removed for its time is gone for good, and a clock
// that is years ahead at a start would have all of it removed at once.
type believed struct {
	clockDoc
	looked  bool
	at      time.Time // at the last look
	up      time.Duration
	noted   time.Duration // by Up, when the doubt was last put into the record store
	version int64
}

// clockDoc is in the record store, so that a server that never runs for a day in one piece comes to believe its clock as well.
type clockDoc struct {
	Seen time.Time `json:"seen"` // when it was right
	// Doubted is since when it is not gone by, as it says itself; zero is not at all. Gone is how long processes have run
	// meanwhile with a clock that went on by itself, up to Looked.
	Doubted time.Time     `json:"doubted,omitzero"`
	Gone    time.Duration `json:"gone,omitempty"`
	Looked  time.Time     `json:"looked,omitzero"`
}

// doubtNoted is how often the doubt is put into the record store.
const doubtNoted = 10 * time.Minute

// ClockBelieved reports whether the clock can be gone by for what is for good, as whoever keeps a record store's
// evidence has it.
func ClockBelieved(ctx context.Context, store journal.Documents, now time.Time) (bool, error) {
	c, _, err := readClock(ctx, store)
	return err == nil && now.Sub(c.Seen) <= unseenFor, err
}

func readClock(ctx context.Context, store journal.Documents) (c clockDoc, version int64, err error) {
	d, err := store.Document(ctx, docKind, clockID)
	if errors.Is(err, journal.ErrNotFound) {
		return c, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(d.Body, &c)
	}
	return c, d.Version, err
}

// believe reports whether the clock can be gone by for what is for good. k.mu is held and the log open.
func (k *Keeper) believe(ctx context.Context) (bool, error) {
	now, up, c := k.now(), k.o.Up(), &k.clock
	note := false
	doubt := func() {
		c.Doubted, c.Gone, note = notAfter(c.Doubted, now), 0, true
		if c.Doubted.IsZero() {
			c.Doubted = now
		}
	}
	went := up - c.up
	leapt := now.Sub(c.at) - went
	switch {
	case !c.looked:
		doc, version, err := readClock(ctx, k.o.Store)
		if err != nil {
			return false, err
		}
		c.clockDoc, c.version, c.looked = doc, version, true
		if off := now.Sub(c.Looked); now.Sub(c.Seen) > unseenFor && (c.Doubted.IsZero() || off < -leap || off > unseenFor) {
			doubt()
		}
	case c.Doubted.IsZero() && leapt > leap, !c.Doubted.IsZero() && leapt.Abs() > leap:
		doubt()
	case !c.Doubted.IsZero():
		c.Gone += went
	}
	c.at, c.up = now, up
	if !c.Doubted.IsZero() && c.Gone < doubtFor && now.Sub(c.Seen)-c.Gone > unseenFor {
		k.clockDoubted(c.Doubted, now)
		if !note && up-c.noted < doubtNoted {
			return false, nil
		}
		c.Looked = now
		return false, k.noteClock(ctx, c.clockDoc)
	}
	// It went on by itself for a day, or was set back.
	if c.Doubted.IsZero() && now.Sub(c.Seen).Abs() < leap {
		return true, nil
	}
	if err := k.noteClock(ctx, clockDoc{Seen: now}); err != nil {
		return false, err
	}
	k.clockDoubted(time.Time{}, now)
	return true, nil
}

// noteClock puts what is known of the clock into the record store.
func (k *Keeper) noteClock(ctx context.Context, doc clockDoc) error {
	c := &k.clock
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	d, err := k.o.Store.PutDocument(ctx, journal.Document{Kind: docKind, ID: clockID, Version: c.version, ChangedAt: c.at, Body: body})
	if errors.Is(err, journal.ErrChanged) {
		c.looked = false // another server's: it is looked at anew
	}
	if err != nil {
		return err
	}
	c.clockDoc, c.version, c.noted = doc, d.Version, c.up
	return nil
}

// clockDoubted has a doubt that lasts in the status.
func (k *Keeper) clockDoubted(since, now time.Time) {
	k.told.Lock()
	defer k.told.Unlock()
	k.status.ClockDoubted = nil
	if !since.IsZero() && now.Sub(since) > unseenFor {
		k.status.ClockDoubted = &since
	}
}
