package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/wholefile"
)

// Place is somewhere else that bundles are brought to.
type Place interface {
	// Name is how the place is told from others, without a secret.
	Name() string
	// Put puts a bundle there under a name. One that is there already with the same bytes is
	// put; another one in its place is ErrOther.
	Put(ctx context.Context, name string, b []byte) error
	// Get reads it back.
	Get(ctx context.Context, name string) ([]byte, error)
}

// ErrOther: something else is at the place under that name.
var ErrOther = errors.New("something else is there under this name")

// Folder is a place in the file system: another disk, or a share of another machine.
type Folder struct{ Dir string }

// Name is the folder's.
func (f Folder) Name() string { return "file:" + f.Dir }

// Put writes the file whole, on disk when it returns. It makes no missing mount a folder on
// the own disk: the folder has to be there.
func (f Folder) Put(_ context.Context, name string, b []byte) error {
	if info, err := os.Stat(f.Dir); err != nil {
		return fmt.Errorf("%w; is it mounted?", err)
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", f.Dir)
	}
	path := filepath.Join(f.Dir, filepath.FromSlash(name))
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return plain(err)
	}
	if old, err := os.ReadFile(path); err == nil {
		if bytes.Equal(old, b) {
			return nil
		}
		return fmt.Errorf("%s: %w", path, ErrOther)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(path, b, 0o600); err != nil {
		return plain(err)
	}
	return plain(wholefile.SyncDir(f.Dir)) // the log's folder in it may be new
}

// Get reads it back from the disk.
func (f Folder) Get(_ context.Context, name string) ([]byte, error) {
	r, err := os.Open(filepath.Join(f.Dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, evidence.MostPacked+1))
}

// PlaceStatus is how it stands with a place.
type PlaceStatus struct {
	Place   string     `json:"place"`
	Waiting int        `json:"waiting"` // bundles that are not there yet
	Arrived *time.Time `json:"arrived,omitempty"`
	Trouble string     `json:"trouble,omitempty"`
	Since   *time.Time `json:"since,omitempty"` // of the trouble
	Next    *time.Time `json:"next,omitempty"`  // when it is tried again
}

type placeState struct {
	place Place
	PlaceStatus
	pause time.Duration
	last  map[parcel]bool // what failed: it is tried after all else
	busy  atomic.Bool
	hangs chan struct{} // closed when what was left behind has come back; nil is nothing
}

func (p *placeState) status() PlaceStatus {
	s := p.PlaceStatus
	s.Place = p.place.Name()
	return s
}

const (
	firstPause = 10 * time.Second
	longPause  = 15 * time.Minute
	// putWithin bounds one bundle's way to a place.
	putWithin = 2 * time.Minute
	// mostTroubles of single bundles are told of at once.
	mostTroubles = 3
)

// parcel is a bundle that has to be brought somewhere.
type parcel struct {
	log, run string
	part     int
	// size, where there is no run: the file of the log with the time stamps over its first entries
	// that have not arrived, the newest of size entries. Bundles arrive before their stamp; this
	// brings it after them.
	size, from uint64
}

// name of a bundle at a place. Each log has a folder there: one that takes the place of a lost
// server's seals the same runs again, and what that one brought is never written over.
func (p parcel) name() string {
	if p.run == "" {
		return fmt.Sprintf("%s/log-%d.zip", p.log, p.size)
	}
	return p.log + "/" + p.file()
}

// file is the bundle's name in the outbox, where only one log's are: a file of the log begins for
// each place where that place's ends. Before logs had folders at the places, it was the name of a
// run's bundle there too; what arrived under it has its receipt and is not brought again.
func (p parcel) file() string {
	if p.run == "" {
		return fmt.Sprintf("log-%d-%d.zip", p.from, p.size)
	}
	return fmt.Sprintf("%s.part-%d.zip", safeName(p.run), p.part)
}

// parcelError is one bundle's trouble, and not the place's: the others are brought all the same.
type parcelError struct{ err error }

func (e *parcelError) Error() string { return e.err.Error() }
func (e *parcelError) Unwrap() error { return e.err }

// deliver brings what is sealed to every other place, reads it back there, compares, and notes
// the arrival in the log. A place that fails holds up no other, a bundle no other bundle.
func (k *Keeper) deliver(ctx context.Context) {
	for _, p := range k.places {
		k.deliverOnce(ctx, p)
	}
	k.sweepOutbox()
}

// deliverApart is deliver beside whoever calls it, for each place that is not at it still: one that
// hangs holds up neither seals nor other places.
func (k *Keeper) deliverApart(ctx context.Context, working *sync.WaitGroup) {
	for _, p := range k.places {
		if p.busy.CompareAndSwap(false, true) {
			working.Go(func() {
				defer p.busy.Store(false)
				k.deliverOnce(ctx, p)
				k.sweepOutbox()
			})
		}
	}
}

func (k *Keeper) deliverOnce(ctx context.Context, p *placeState) {
	if !again(p.Next, k.o.Now()) || ctx.Err() != nil {
		return
	}
	err := k.deliverTo(ctx, p)
	if ctx.Err() != nil || errors.Is(err, ErrElsewhere) {
		return
	}
	k.tell(p, func(s *placeState) { s.went(k.now(), err) })
	if err != nil && p.pause == firstPause {
		k.o.Log.Error("evidence does not get to another place; it is tried again", "place", p.place.Name(), "waiting", p.Waiting, "err", err)
	}
}

// deliverTo brings one place all that can be brought there now.
func (k *Keeper) deliverTo(ctx context.Context, p *placeState) error {
	todo, err := k.parcels(ctx, p.place.Name())
	if err != nil {
		return err
	}
	slices.SortStableFunc(todo, func(a, b parcel) int {
		switch {
		case p.last[a] == p.last[b]:
			return 0
		case p.last[a]:
			return 1
		}
		return -1
	})
	k.tell(p, func(s *placeState) { s.Waiting = len(todo) })
	failed, errs := map[parcel]bool{}, []error{}
	for _, one := range todo {
		err := k.bring(ctx, p, one)
		if err != nil {
			failed[one] = true
			errs = append(errs, err)
			if its := new(parcelError); errors.As(err, &its) && ctx.Err() == nil {
				continue
			}
			break
		}
		at := k.now()
		k.tell(p, func(s *placeState) { s.Arrived, s.Waiting = &at, s.Waiting-1 })
	}
	p.last = failed
	if n := len(errs); n > mostTroubles {
		errs = append(errs[:mostTroubles:mostTroubles], fmt.Errorf("and %d more", n-mostTroubles))
	}
	return errors.Join(errs...)
}

func (k *Keeper) tell(p *placeState, change func(*placeState)) {
	k.told.Lock()
	defer k.told.Unlock()
	change(p)
}

// went notes how it went and when to try again.
func (p *placeState) went(now time.Time, err error) {
	if err == nil {
		p.Trouble, p.Since, p.Next, p.pause = "", nil, nil, 0
		return
	}
	if p.Since == nil {
		p.Since = &now
	}
	p.pause = min(max(2*p.pause, firstPause), longPause)
	next := now.Add(p.pause)
	p.Trouble, p.Next = strings.ReplaceAll(err.Error(), "\n", "; "), &next
}

// parcels are what has not arrived at a place yet, oldest first, and after it all stamps in one file of
// the log: a file for each would hold every later one again, which a new place after a year of daily
// ones would take days for.
func (k *Keeper) parcels(ctx context.Context, place string) ([]parcel, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	var out []parcel
	for _, e := range k.log.all() {
		if e.Kind != evidence.EntrySealed {
			continue
		}
		if s := k.index.of(e.Run); !s.removed && !s.copied[copyKey(e.Part, place)] {
			out = append(out, parcel{log: k.log.key.signer.Name(), run: e.Run, part: e.Part})
		}
	}
	before, log := uint64(0), parcel{log: k.log.key.signer.Name()}
	for _, e := range k.index.stamps {
		if !k.index.sent[sentKey(e.Size, place)] {
			if log.size == 0 {
				log.from = before
			}
			log.size = e.Size
		}
		before = e.Size
	}
	if log.size > 0 {
		out = append(out, log)
	}
	return out, nil
}

// bring brings one bundle to one place.
func (k *Keeper) bring(ctx context.Context, to *placeState, p parcel) error {
	ctx, cancel := context.WithTimeout(ctx, k.putWithin)
	defer cancel()
	place := to.place
	b, err := k.outgoing(ctx, p)
	if err != nil {
		return err
	}
	if err := to.within(ctx, func(ctx context.Context) error { return putAndRead(ctx, place, p.name(), b) }); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	if p.run == "" {
		var arrived []evidence.Entry
		for _, e := range k.index.stamps {
			if e.Size > p.from && e.Size <= p.size && !k.index.sent[sentKey(e.Size, place.Name())] {
				arrived = append(arrived, evidence.Entry{Kind: evidence.EntryCopied, At: k.now(), Size: e.Size, Place: place.Name(), SHA256: evidence.Sum(b), Bytes: int64(len(b))})
			}
		}
		if len(arrived) == 0 {
			return nil
		}
		return k.append(ctx, arrived...)
	}
	if k.index.of(p.run).copied[copyKey(p.part, place.Name())] {
		return nil
	}
	return k.append(ctx, evidence.Entry{Kind: evidence.EntryCopied, At: k.now(), Run: p.run, Part: p.part, Place: place.Name(), SHA256: evidence.Sum(b), Bytes: int64(len(b))})
}

func putAndRead(ctx context.Context, place Place, name string, b []byte) error {
	if err := place.Put(ctx, name, b); errors.Is(err, ErrOther) {
		return &parcelError{err}
	} else if err != nil {
		return err
	}
	back, err := place.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("%s can't be read back: %w", name, err)
	}
	if !bytes.Equal(back, b) {
		return &parcelError{fmt.Errorf("%s: what was read back is not what was sent (%.12s, sent %.12s)", name, evidence.Sum(back), evidence.Sum(b))}
	}
	return nil
}

// outgoing is the bundle as it is sent: made once, so that every try and every place has the
// same bytes under the same name.
func (k *Keeper) outgoing(ctx context.Context, p parcel) ([]byte, error) {
	k.outbox.Lock()
	defer k.outbox.Unlock()
	path := filepath.Join(k.o.Dir, dirOutbox, p.file())
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if p.run == "" {
		b, err = k.Log(ctx, p.from)
	} else {
		b, err = k.Bundle(ctx, p.run, BundleOptions{})
	}
	if err != nil {
		if errors.Is(err, ErrElsewhere) {
			return nil, err
		}
		return nil, &parcelError{err}
	}
	return b, plain(writeFile(path, b, 0o600))
}

// sweepOutbox drops bundles that have arrived everywhere.
func (k *Keeper) sweepOutbox() {
	k.outbox.Lock()
	defer k.outbox.Unlock()
	waiting := map[string]bool{}
	for _, p := range k.places {
		todo, err := k.parcels(context.Background(), p.place.Name())
		if err != nil {
			return
		}
		for _, one := range todo {
			waiting[one.file()] = true
		}
	}
	list, err := os.ReadDir(filepath.Join(k.o.Dir, dirOutbox))
	if err != nil {
		return
	}
	for _, f := range list {
		if !waiting[f.Name()] {
			_ = os.Remove(filepath.Join(k.o.Dir, dirOutbox, f.Name()))
		}
	}
}
