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
var ErrClock = errors.New("nothing is erased or removed now: the clock may be ahead, as it leapt or nobody saw it for two days; it is gone by after a day")

// believed is what is known of the wall clock. What is removed for its time is gone for good, and a clock
// that is years ahead at a start would have all of it removed at once.
type believed struct {
	looked  bool
	doubted bool
	since   time.Duration // by Up, of the doubt
	at      time.Time     // at the last look
	up      time.Duration
	seen    time.Time // in the record store: when it was right
	version int64
}

type clockDoc struct {
	Seen time.Time `json:"seen"`
}

// believe reports whether the clock can be gone by for what is for good. k.mu is held and the log open.
func (k *Keeper) believe(ctx context.Context) (bool, error) {
	now, up, c := k.now(), k.o.Up(), &k.clock
	if !c.looked {
		d, err := k.o.Store.Document(ctx, docKind, clockID)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return false, err
		}
		var doc clockDoc
		if err == nil {
			if err := json.Unmarshal(d.Body, &doc); err != nil {
				return false, err
			}
		}
		c.looked, c.seen, c.version = true, doc.Seen, d.Version
		if now.Sub(c.seen) > unseenFor {
			c.doubted, c.since = true, up
		}
	} else if !c.doubted && now.Sub(c.at)-(up-c.up) > leap {
		c.doubted, c.since = true, up
	}
	c.at, c.up = now, up
	if c.doubted && (up-c.since >= doubtFor || now.Sub(c.seen)-(up-c.since) <= unseenFor) {
		c.doubted = false // it went on by itself for a day, or was set back
	}
	if c.doubted {
		return false, nil
	}
	if off := now.Sub(c.seen); off.Abs() < leap {
		return true, nil
	}
	body, err := json.Marshal(clockDoc{now})
	if err != nil {
		return false, err
	}
	d, err := k.o.Store.PutDocument(ctx, journal.Document{Kind: docKind, ID: clockID, Version: c.version, ChangedAt: now, Body: body})
	if errors.Is(err, journal.ErrChanged) {
		c.looked = false // another server's: it is looked at anew
	}
	if err != nil {
		return false, err
	}
	c.seen, c.version = now, d.Version
	return true, nil
}
