// Package keep makes and keeps evidence: it seals runs that have ended in an append-only log
// with signed checkpoints, holds and erases, makes bundles and brings them to other places.
// What a bundle is, and how one is verified, is package evidence's.
package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Item is something personal that belongs to a run, kept as a document of the record store.
type Item struct {
	Kind, ID string // of the document
	Name     string // in a bundle, below private/
	Bytes    []byte
}

// Options of a Keeper.
type Options struct {
	Dir         string // where the log, its key and what is sealed lie
	Attachments string // where the site workers of this machine keep long outputs
	Store       journal.Store
	// Personal lists what is personal of a run and was not erased yet; nil is nothing.
	Personal func(ctx context.Context, runID string, events []run.Event) ([]Item, error)
	Version  string
	Log      *slog.Logger
	Now      func() time.Time
	Up       func() time.Duration // of this process, by a clock that nobody sets; nil is the machine's
	// Settle is how long a run is quiet before it is sealed: receipts come after its end.
	Settle time.Duration
	Retain Retention
	// Needed are runs whose records stay whatever time has passed, since something that is still open rests on them; nil is none.
	Needed func(ctx context.Context) (map[string]bool, error)
	Places []Place
	// Begin, unless nil, is how this log begins: it was made for a break-glass bundle, and takes the place of whatever log the
	// copied record store names. Only are the runs that it seals then: the others are their own installation's.
	Begin *evidence.Entry
	Only  func(runID string) bool
	// Altered hears, once a check, of what is not as it was sealed; nil is nobody.
	Altered func(ctx context.Context, altered, missing Unsound)
	// Rows is what is kept beside the records and made from them; nil is nothing. Build is of the program that makes
	// it: what another one kept is made anew first.
	Rows  Rows
	Build string
	// Stamps is who stamps the log's checkpoints; nil is nobody.
	Stamps *Authority
}

// Keeper seals what ended. It is safe for concurrent use.
type Keeper struct {
	o    Options
	wake chan struct{}

	mu    sync.Mutex // of the log and of every change to it
	log   *ledger
	index index
	lock  *os.File
	clock believed
	note  logDoc // what the record store says of the log, at its version
	noted int64

	// Both are of the round's goroutine.
	checked   time.Time
	rowsWrong []plan.Text // what was found and made anew, and is not told yet

	// told has a lock of its own: health is answered while something is being sealed.
	told   sync.Mutex
	status Status
	ended  map[string]time.Time // of those that wait
	stuck  map[string]stuck
	places []*placeState

	outbox    sync.Mutex    // taken before mu: of the bundles that wait to be brought
	putWithin time.Duration // as the constant, but in tests

	stamping stamping // changed by the goroutine that asks for stamps alone
}

// Status is how it stands, for health and doctor.
type Status struct {
	Log         string `json:"log,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Size        uint64 `json:"size"`
	Sealed      int    `json:"sealed"` // runs
	Held        int    `json:"held"`
	// HoldsUnknown: nothing is erased or removed until somebody says that what a lost server held is held again.
	HoldsUnknown bool `json:"holds_unknown,omitempty"`
	// ClockDoubted is since when, for over two days, nothing is erased or removed for its time.
	ClockDoubted *time.Time `json:"clock_doubted,omitempty"`
	Waiting      []string   `json:"waiting"` // runs that ended and are not sealed yet
	// OldestEnded is when the one of them ended that has waited longest.
	OldestEnded *time.Time `json:"oldest_ended,omitempty"`
	SealedAt    *time.Time `json:"sealed_at,omitempty"`
	Trouble     string     `json:"trouble,omitempty"`     // why nothing is sealed now
	Since       *time.Time `json:"since,omitempty"`       // of the trouble
	RunTrouble  string     `json:"run_trouble,omitempty"` // why single runs are not sealed, while others are
	Elsewhere   string     `json:"elsewhere,omitempty"`
	CheckedAt   *time.Time `json:"checked_at,omitempty"`  // when all that is sealed was last looked through
	Damaged     []string   `json:"damaged,omitempty"`     // runs whose sealed files, or whose record, are not what was sealed
	LogDamaged  string     `json:"log_damaged,omitempty"` // what of the log on disk, or its time stamps, is not what it was
	// Rows is what was kept of sealed runs, or made of them all, otherwise than their records give it, when that was
	// last looked through, at RowsCheckedAt; it was made anew then.
	Rows          []plan.Text   `json:"rows,omitempty"`
	RowsCheckedAt *time.Time    `json:"rows_checked_at,omitempty"`
	Stamps        *StampStatus  `json:"stamps,omitempty"` // nil: no authority is set up
	Places        []PlaceStatus `json:"places"`
}

// ErrElsewhere: the record store's evidence is kept by another server.
var ErrElsewhere = errors.New("another server keeps the evidence of this record store")

// New makes a Keeper. It touches nothing before Run or the first call.
func New(o Options) *Keeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Up == nil {
		began := time.Now()
		o.Up = func() time.Duration { return time.Since(began) }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{o: o, putWithin: putWithin, wake: make(chan struct{}, 1), status: Status{Waiting: []string{}}}
	for _, p := range o.Places {
		k.places = append(k.places, &placeState{place: p})
	}
	return k
}

// open opens the log; k.mu is held. What can't be opened now is tried again at the next call.
func (k *Keeper) open(ctx context.Context) error {
	if k.log != nil {
		return nil
	}
	for _, d := range []string{"", dirSealed, dirSalts, dirOutbox, dirStamps} {
		if err := os.MkdirAll(filepath.Join(k.o.Dir, d), 0o700); err != nil {
			return plain(err)
		}
	}
	if err := k.takeLock(); err != nil {
		return err
	}
	key, err := loadKey(k.o.Dir)
	if err != nil {
		return plain(err)
	}
	if err := k.own(ctx, key, k.o.Begin != nil); err != nil {
		return err
	}
	log, err := openLedger(ctx, k.o.Dir, key)
	if err != nil {
		return plain(err)
	}
	if err := k.note.continues(log); err != nil {
		return err
	}
	if log.size == 0 {
		first := evidence.Entry{At: k.now()}
		if k.o.Begin != nil {
			first = *k.o.Begin
		}
		first.Kind, first.Key = evidence.EntryBegun, key.public
		if err := log.append(ctx, first); err != nil {
			return plain(err)
		}
	}
	k.log, k.index = log, index{}
	k.count()
	if err := k.agree(ctx); err != nil {
		k.log = nil
		return err
	}
	return nil
}

// takeLock keeps a second process off the log.
func (k *Keeper) takeLock() error {
	if k.lock != nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(k.o.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return plain(err)
	}
	if taken, err := filelock.Try(f, filelock.Alone); !taken {
		_ = f.Close()
		if err != nil {
			return plain(err)
		}
		return ErrElsewhere
	}
	k.lock = f
	return nil
}

// own makes sure that this log is the record store's. Servers on other machines that share the
// store find its log here and leave sealing to whoever has it.
func (k *Keeper) own(ctx context.Context, key key, adopt bool) error {
	mine := logDoc{Log: key.signer.Name(), Key: key.public, Begun: k.now(), Holds: true}
	d, err := k.o.Store.Document(ctx, docKind, docID)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		d = journal.Document{Kind: docKind, ID: docID}
	case err != nil:
		return err
	default:
		var has logDoc
		if err := json.Unmarshal(d.Body, &has); err != nil {
			return fmt.Errorf("the record store's note of its evidence log can't be read: %w", err)
		}
		if has.Log == mine.Log {
			k.note, k.noted = has, d.Version
			return nil
		}
		if !adopt {
			return fmt.Errorf("%w: log %s", ErrElsewhere, has.Log)
		}
		mine.Before = has.Log
		// The log of a break-glass bundle takes no lost one's place: the holds are with that still.
		mine.HoldsUnknown = (!has.Holds || has.HoldsUnknown) && k.o.Begin == nil
	}
	if d.Body, err = json.Marshal(mine); err != nil {
		return err
	}
	d.ChangedAt = k.now()
	if d, err = k.o.Store.PutDocument(ctx, d); errors.Is(err, journal.ErrChanged) {
		return k.own(ctx, key, adopt) // another server was first
	}
	if err == nil {
		k.note, k.noted = mine, d.Version
	}
	return err
}

// Adopt makes this server's log the record store's, after another server's was lost. All that
// ended is sealed again, in this log, and what was held is held in it when it returns.
func (k *Keeper) Adopt(ctx context.Context, by, via, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); !errors.Is(err, ErrElsewhere) {
		return err
	}
	if err := k.takeLock(); err != nil {
		return err
	}
	key, err := loadKey(k.o.Dir)
	if err != nil {
		return plain(err)
	}
	if err := k.own(ctx, key, true); err != nil {
		return err
	}
	if err := k.open(ctx); err != nil {
		return err
	}
	return k.append(ctx, evidence.Entry{Kind: evidence.EntryBegun, At: k.now(), Key: key.public, By: by, Via: via, Reason: reason})
}

// Close lets the log go.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lock != nil {
		_ = filelock.Release(k.lock)
	}
	k.lock, k.log = nil, nil
}

func (k *Keeper) now() time.Time { return k.o.Now().UTC().Truncate(time.Millisecond) }

// append adds to the log and takes note; k.mu is held.
func (k *Keeper) append(ctx context.Context, e ...evidence.Entry) error {
	if err := k.log.append(ctx, e...); err != nil {
		// What was half done is settled by opening it anew.
		k.log = nil
		return plain(err)
	}
	k.count()
	// What can't be told now is told with the next entry, unless the log is no more the store's.
	if err := k.putNote(ctx, k.log.note); errors.Is(err, journal.ErrChanged) {
		k.log = nil
		return fmt.Errorf("what the record store says of its evidence log: %w", err)
	}
	return nil
}

// count takes up what the log has gained; k.mu is held.
func (k *Keeper) count() {
	k.index.take(k.log.all())
	sealed, held := 0, 0
	for _, s := range k.index.runs {
		if len(s.parts) > 0 {
			sealed++
		}
		if s.held != nil {
			held++
		}
	}
	k.told.Lock()
	defer k.told.Unlock()
	k.status.Log, k.status.Fingerprint, k.status.Size = k.log.key.signer.Name(), evidence.Fingerprint(k.log.key.public), k.log.size
	k.status.Sealed, k.status.Held, k.status.HoldsUnknown = sealed, held, k.note.HoldsUnknown
}

// Status tells how it stands.
func (k *Keeper) Status() Status {
	k.told.Lock()
	defer k.told.Unlock()
	s := k.status
	s.Waiting, s.Places = append([]string{}, s.Waiting...), []PlaceStatus{}
	for _, id := range s.Waiting {
		if at, ok := k.ended[id]; ok && (s.OldestEnded == nil || at.Before(*s.OldestEnded)) {
			s.OldestEnded = &at
		}
	}
	for _, p := range k.places {
		s.Places = append(s.Places, p.status())
	}
	if k.o.Stamps != nil {
		stamps := k.stamping.StampStatus
		s.Stamps = &stamps
	}
	return s
}

// trouble notes how a round went. It says so once a change, not once a try.
func (k *Keeper) trouble(err error) {
	k.told.Lock()
	defer k.told.Unlock()
	switch s := &k.status; {
	case errors.Is(err, ErrElsewhere):
		if s.Elsewhere == "" {
			k.o.Log.Info("evidence is kept by another server", "reason", err.Error())
		}
		s.Elsewhere, s.Trouble, s.Since = err.Error(), "", nil
	case err != nil:
		if s.Since == nil {
			at := k.now()
			s.Since = &at
			k.o.Log.Error("runs that ended can't be sealed now; their outcome stands, and they are sealed as soon as it works again", "waiting", len(s.Waiting), "err", err)
		}
		s.Trouble = err.Error()
	default:
		if s.Trouble != "" {
			k.o.Log.Info("runs are sealed again")
		}
		s.Elsewhere, s.Trouble, s.Since = "", "", nil
	}
}

// plain puts what disks do into words with a way out.
func plain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk is full; free space on it, nothing was lost and it then goes on: %w", err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, os.ErrPermission):
		return fmt.Errorf("it can't be written to; make the folder and its disk writable for this user and, under systemd, for its unit (ReadWritePaths=): %w", err)
	}
	return err
}
