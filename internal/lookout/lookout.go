package lookout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// lookEvery is how often the log is looked at; an alarm is out within a minute.
	lookEvery = 5 * time.Second
	// quiet is how long nothing of the same has to happen until it is another alarm; what goes on
	// is told again once in tellAgain.
	quiet     = time.Hour
	tellAgain = 24 * time.Hour
	// Of one kind so many alarms are raised in an hour; beyond, one says that there are more. fewAnHour is of
	// what strangers can bring about: it must not hide what they can't.
	fewAnHour  = 10
	manyAnHour = 100
	// late is how old an entry may be that still raises one: after an upgrade the years before it are
	// nobody's news.
	late = time.Hour
	// forgotten is when an alarm that is over needs no document any more.
	forgotten = 7 * 24 * time.Hour
	// overdue is how long telling may take until it is begun again, by whichever server is there.
	overdue = 2 * time.Minute
	page    = 1000
)

const (
	kindAlarm  = "security-alarm"
	kindCursor = "lookout"
)

// Alarm is one thing that was found, as long as it goes on.
type Alarm struct {
	Kind  Kind           `json:"kind"`
	Key   string         `json:"key"`
	Count int            `json:"count"`
	Entry journal.Access `json:"entry"` // that raised it
	At    time.Time      `json:"at"`
	Last  time.Time      `json:"last"`
	// Through is the position of the newest entry that is in it.
	Through int64     `json:"through"`
	Telling time.Time `json:"telling"`          // when a server took it upon itself to tell
	Told    time.Time `json:"told_at,omitzero"` // zero: not yet, or not everybody
	Again   bool      `json:"again,omitempty"`  // somebody may have been told before
}

// ID names an alarm for ever, of one time that it was raised.
func (a Alarm) ID() string {
	return docID(a.Kind, a.Key) + "-" + a.At.UTC().Format("20060102T150405.000Z")
}

func docID(k Kind, key string) string {
	sum := sha256.Sum256([]byte(string(k) + "\x00" + key))
	return hex.EncodeToString(sum[:8])
}

// Store is what a Lookout reads and keeps.
type Store interface {
	journal.Documents
	journal.AccessLog
}

// Options of a Lookout.
type Options struct {
	Store Store
	Log   *slog.Logger
	Now   func() time.Time // nil is time.Now
	// OffHours says when nobody works; nil never.
	OffHours func(time.Time) bool
	// Raised counts one; nil doesn't.
	Raised func(Kind)
	// ToPerson reports whether an alarm reaches its person and so nobody else; nil is never.
	ToPerson func(a Alarm) bool
	// Tell tells the people in charge. An error says that somebody was not reached who might be: they are
	// told again. nil tells nobody.
	Tell func(ctx context.Context, a Alarm) error
	// Every is how often the log is looked at; 0 is lookEvery.
	Every time.Duration
}

// Lookout looks at the access log as it grows.
type Lookout struct {
	o      Options
	judge  *Judge
	after  int64 // position that has been looked at
	cursor int64 // position before which all is older than Window
	kept   int64 // cursor in the store
	recent []seenAt
	hour   map[Kind][]time.Time // when alarms were raised
	past   map[string]time.Time // documents that there was no room for, and when one was counted
	begun  bool
	// pending was found and is not raised yet, as while the store is away.
	pending []Found

	bad map[string]bool // documents that can't be read and were told of

	mu      sync.Mutex
	untold  map[string]Alarm // by document
	telling sync.WaitGroup
}

type seenAt struct {
	position int64
	at       time.Time
}

// New makes one. It does nothing before Run.
func New(o Options) *Lookout {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every == 0 {
		o.Every = lookEvery
	}
	return &Lookout{o: o, judge: NewJudge(o.OffHours), hour: map[Kind][]time.Time{}, past: map[string]time.Time{}, bad: map[string]bool{}, untold: map[string]Alarm{}}
}

// Run looks until ctx ends.
func (l *Lookout) Run(ctx context.Context) {
	defer l.telling.Wait()
	tick := time.NewTicker(l.o.Every)
	defer tick.Stop()
	rounds, failing := 0, false
	for {
		err := l.look(ctx, rounds%int(max(1, time.Minute/l.o.Every)) == 0)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing: // the store is away, which is told apart
			l.o.Log.Warn("the access log can't be looked through for unauthorised access; it is tried again", "err", err)
		case err == nil:
			rounds++
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look takes in what is new; thorough also looks for what another server left untold.
func (l *Lookout) look(ctx context.Context, thorough bool) error {
	if !l.begun {
		var c struct {
			After int64 `json:"after"`
		}
		d, err := l.o.Store.Document(ctx, kindCursor, kindCursor)
		if err != nil && !errors.Is(err, journal.ErrNotFound) {
			return err
		}
		if err == nil && !l.reads(d, &c) {
			c.After = 0 // what is looked at again raises nothing again
		}
		l.after, l.cursor, l.kept, l.begun = c.After, c.After, c.After, true
	}
	for {
		for len(l.pending) > 0 {
			if err := l.raise(ctx, l.pending[0]); err != nil {
				return err
			}
			l.pending = l.pending[1:]
		}
		entries, err := l.o.Store.Accesses(ctx, l.after, page)
		if err != nil {
			return err
		}
		for _, a := range entries {
			l.pending = append(l.pending, l.judge.See(a)...)
			l.after = a.Position
			l.recent = append(l.recent, seenAt{a.Position, a.At})
		}
		for len(l.recent) > 0 && !within(l.o.Now(), l.recent[0].at, Window) {
			l.cursor, l.recent = l.recent[0].position, l.recent[1:]
		}
		if len(entries) == 0 {
			break
		}
	}
	l.announce(ctx)
	if !thorough {
		return nil
	}
	err := l.tidy(ctx)
	l.announce(ctx)
	return err
}

// reads takes a document in. One that can't be read must not keep the others from being told.
func (l *Lookout) reads(d journal.Document, out any) bool {
	err := json.Unmarshal(d.Body, out)
	if name := d.Kind + " " + d.ID; err != nil && !l.bad[name] {
		l.bad[name] = true
		l.o.Log.Error("a document of the security alarms in the record store can't be read; it is passed over", "err", fmt.Errorf("%s: %w", name, err))
	}
	return err == nil
}

// raise makes an alarm of what was found, or adds it to the one that goes on.
func (l *Lookout) raise(ctx context.Context, f Found) error {
	now := l.o.Now()
	at := f.Entry.At
	if at.After(now) {
		at = now // an alarm with a time that is still to come would hold up the next until then
	}
	if now.Sub(at) > tellAgain {
		return nil // the years before an upgrade are read once, and quickly
	}
	rule, _ := RuleOf(f.Kind)
	id := docID(f.Kind, f.Key)
	for {
		var a Alarm
		d, err := l.o.Store.Document(ctx, kindAlarm, id)
		found := err == nil && l.reads(d, &a)
		if err == nil && !found {
			a = Alarm{} // the new one takes its place
		} else if errors.Is(err, journal.ErrNotFound) {
			d, err = journal.Document{Kind: kindAlarm, ID: id}, nil
		}
		if err != nil {
			return err
		}
		fresh, limited := false, false
		switch {
		case found && f.Entry.Position <= a.Through:
			return nil // another server was faster, or this one before a restart
		case found && within(at, a.Last, quiet) && within(at, a.At, tellAgain):
			if within(at, a.Last, Window) {
				return nil // it goes on; how exactly is in the log
			}
			a.Last, a.Through, a.Count = at, f.Entry.Position, a.Count+1
		case now.Sub(at) > late:
			return nil
		default:
			fresh = true
			a = Alarm{Kind: f.Kind, Key: bounded(f.Key), Count: f.Count, Entry: f.Entry, At: at.UTC(), Last: at, Through: f.Entry.Position, Telling: now.UTC()}
			limited = f.Kind != Flood && !(rule.ToPerson && l.o.ToPerson != nil && l.o.ToPerson(a))
			if limited && !l.room(rule, now) {
				if l.another(id, now) {
					l.count(f.Kind)
				}
				return l.raise(ctx, Found{Kind: Flood, Key: string(f.Kind), Count: rule.most(), Entry: f.Entry})
			}
		}
		if d.Body, err = json.Marshal(a); err != nil {
			return err
		}
		d.ChangedAt = now
		switch _, err = l.o.Store.PutDocument(ctx, d); {
		case errors.Is(err, journal.ErrChanged):
			continue
		case err != nil || !fresh:
			return err
		}
		if limited {
			l.hour[f.Kind] = append(l.hour[f.Kind], now)
		}
		l.count(f.Kind)
		e := f.Entry
		e.Position, e.At, e.Act, e.Object, e.Outcome = 0, now.UTC(), ActRaised, bounded(string(f.Kind)+": "+f.Key), "raised"
		if err := l.o.Store.Note(ctx, e); err != nil {
			l.o.Log.Warn("a security alarm is not in the access log", "kind", f.Kind, "err", err)
		}
		level := slog.LevelError
		if rule.Notice {
			level = slog.LevelWarn
		}
		l.o.Log.Log(ctx, level, "security: "+rule.Title.EN, "kind", f.Kind, "about", bounded(f.Key), "person", f.Entry.Person, "from", f.Entry.From)
		l.mu.Lock()
		l.untold[id] = a
		l.mu.Unlock()
		return nil
	}
}

// within reports whether two times are so close. What was noted by a clock that was ahead, and was set right since, is not:
// it must count no longer than the rest. Servers' clocks may drift.
func within(now, at time.Time, d time.Duration) bool { return now.Sub(at).Abs() < d }

func (l *Lookout) count(k Kind) {
	if l.o.Raised != nil {
		l.o.Raised(k)
	}
}

// room reports whether people can be told of one more of its kind.
func (l *Lookout) room(r Rule, now time.Time) bool {
	l.hour[r.Kind] = slices.DeleteFunc(l.hour[r.Kind], func(t time.Time) bool { return !within(now, t, time.Hour) })
	return len(l.hour[r.Kind]) < r.most()
}

// another reports whether what there is no room for is another one than was counted within the hour.
func (l *Lookout) another(id string, now time.Time) bool {
	if at, counted := l.past[id]; counted && within(now, at, quiet) {
		return false
	}
	if len(l.past) >= mostKeys {
		maps.DeleteFunc(l.past, func(_ string, at time.Time) bool { return !within(now, at, quiet) })
	}
	if len(l.past) >= mostKeys {
		return false // the figure is bounded as well
	}
	l.past[id] = now
	return true
}

// announce tells what is untold, each apart: one far end that hangs must not hold up the next alarm.
func (l *Lookout) announce(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, a := range l.untold {
		delete(l.untold, id)
		l.telling.Go(func() {
			var err error
			if l.o.Tell != nil {
				err = l.o.Tell(ctx, a)
			}
			if err == nil {
				err = l.told(ctx, id, a)
			}
			if err != nil && ctx.Err() == nil { // tidy takes it up again
				l.o.Log.Warn("people can't be told of a security alarm; it is tried again", "kind", a.Kind, "err", err)
			}
		})
	}
}

// told enters that everybody knows.
func (l *Lookout) told(ctx context.Context, id string, a Alarm) error {
	for {
		d, err := l.o.Store.Document(ctx, kindAlarm, id)
		if err != nil {
			return err
		}
		var now Alarm
		if err := json.Unmarshal(d.Body, &now); err != nil {
			return err
		}
		if !now.At.Equal(a.At) {
			return nil
		}
		now.Told = l.o.Now().UTC()
		if d.Body, err = json.Marshal(now); err != nil {
			return err
		}
		if _, err = l.o.Store.PutDocument(ctx, d); !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
}

// tidy keeps the cursor, forgets what is long over, and takes over what a server that is gone left untold.
func (l *Lookout) tidy(ctx context.Context) error {
	docs, err := l.o.Store.DocumentsOf(ctx, kindAlarm)
	if err != nil {
		return err
	}
	now := l.o.Now()
	for _, d := range docs {
		var a Alarm
		if !l.reads(d, &a) {
			a = Alarm{Last: d.ChangedAt, At: d.ChangedAt, Told: d.ChangedAt} // only to be forgotten
		}
		switch {
		case now.Sub(a.Last) > forgotten:
			if err := l.o.Store.DropDocument(ctx, kindAlarm, d.ID); err != nil {
				return err
			}
		case a.Told.IsZero() && !within(now, a.Telling, overdue) && now.Sub(a.At) < tellAgain:
			a.Telling, a.Again = now.UTC(), true
			if d.Body, err = json.Marshal(a); err != nil {
				return err
			}
			_, err := l.o.Store.PutDocument(ctx, d)
			if err == nil {
				l.mu.Lock()
				l.untold[d.ID] = a
				l.mu.Unlock()
			} else if !errors.Is(err, journal.ErrChanged) {
				return err
			}
		}
	}
	if l.cursor == l.kept {
		return nil
	}
	d, err := l.o.Store.Document(ctx, kindCursor, kindCursor)
	if errors.Is(err, journal.ErrNotFound) {
		d, err = journal.Document{Kind: kindCursor, ID: kindCursor}, nil
	}
	if err != nil {
		return err
	}
	d.Body, _ = json.Marshal(map[string]int64{"after": l.cursor})
	if _, err = l.o.Store.PutDocument(ctx, d); err == nil {
		l.kept = l.cursor
	} else if errors.Is(err, journal.ErrChanged) {
		err = nil // another server's is as good
	}
	return err
}

// bounded is what a stranger may have written, as one line of bounded length.
func bounded(s string) string { return run.OneLine(s, 200) }
