package keep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// dirStamps holds a folder for each size of the log that was stamped.
const dirStamps = "stamps"

// StampStatus is how it stands with time stamps.
type StampStatus struct {
	Every   string     `json:"every"`
	Size    uint64     `json:"size"`              // entries that the newest covers
	At      *time.Time `json:"at,omitempty"`      // of the newest
	By      string     `json:"by,omitempty"`      // who made it
	Waiting int        `json:"waiting"`           // entries that none covers yet
	Due     *time.Time `json:"due,omitempty"`     // when the next is due, or was
	Trouble *plan.Text `json:"trouble,omitempty"` // why there is none now
	Since   *time.Time `json:"since,omitempty"`   // of the trouble
	Next    *time.Time `json:"next,omitempty"`    // when it is tried again
}

type stamping struct {
	StampStatus
	pause time.Duration
	began time.Time
}

// stamp has the log's checkpoint stamped when that is due. An authority that is away holds nothing
// else up: it is asked again, and the stamp shows how late it came. It reports whether there is a new one.
func (k *Keeper) stamp(ctx context.Context) bool {
	if k.o.Stamps == nil {
		return false
	}
	now := k.o.Now()
	if k.stamping.began.IsZero() {
		k.stamping.began = now
	}
	due, err := k.stampDue(ctx)
	if errors.Is(err, ErrElsewhere) || ctx.Err() != nil {
		return false
	}
	if err == nil && !due || !again(k.stamping.Next, now) {
		return false
	}
	if err == nil {
		err = k.stampNow(ctx)
	}
	if ctx.Err() != nil || errors.Is(err, ErrElsewhere) {
		return false
	}
	first := k.stamping.Since == nil
	k.told.Lock()
	k.stamping.went(k.now(), err)
	k.told.Unlock()
	switch {
	case err != nil && first:
		k.o.Log.Error("the evidence log gets no time stamp now; it is asked for again", "err", err)
	case err == nil && !first:
		k.o.Log.Info("the evidence log gets time stamps again")
	}
	if err == nil {
		_, _ = k.stampDue(ctx) // for the status
	}
	return err == nil
}

func (s *stamping) went(now time.Time, err error) {
	if err == nil {
		s.Trouble, s.Since, s.Next, s.pause = nil, nil, nil, 0
		return
	}
	if s.Since == nil {
		s.Since = &now
	}
	s.pause = min(max(2*s.pause, firstPause), longPause)
	next, said := now.Add(s.pause), plan.SaidBy(err)
	s.Trouble, s.Next = &said, &next
}

// stampDue reports whether a time stamp is due: something was sealed or decided that none covers, and the
// newest is older than the interval. Arrivals at other places alone, and stamps, ask for none.
func (k *Keeper) stampDue(ctx context.Context) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return false, err
	}
	all, newest := k.log.all(), k.index.newestStamp()
	size, by, last := uint64(0), "", time.Time{}
	if newest != nil {
		size, by, last = newest.Size, newest.Place, newest.At
	}
	var oldest *time.Time
	waiting := 0
	for _, e := range all[min(size, uint64(len(all))):] {
		if e.Kind == evidence.EntryStamped || e.Kind == evidence.EntryCopied {
			continue
		}
		waiting++
		if oldest == nil {
			oldest = &e.At
		}
	}
	k.told.Lock()
	defer k.told.Unlock()
	s := &k.stamping.StampStatus
	s.Every, s.Size, s.By, s.At, s.Waiting, s.Due = k.o.Stamps.o.Every.String(), size, by, nil, waiting, nil
	if newest != nil {
		at := newest.At
		s.At = &at
	}
	if oldest == nil {
		return false, nil
	}
	now := k.o.Now()
	if last.After(now) {
		last = time.Time{} // by a clock that was ahead
	}
	due, began := notAfter(*oldest, now), notAfter(k.stamping.began, now)
	switch {
	case newest == nil && due.Before(began):
		due = began // what was sealed before there was an authority
	case newest != nil && due.Before(last.Add(k.o.Stamps.o.Every)):
		due = last.Add(k.o.Stamps.o.Every)
	}
	s.Due = &due
	return !now.Before(due), nil
}

// stampNow asks the authority. The log is not held meanwhile: runs are sealed all the same.
func (k *Keeper) stampNow(ctx context.Context) error {
	k.mu.Lock()
	if err := k.open(ctx); err != nil {
		k.mu.Unlock()
		return err
	}
	size, cp := k.log.size, k.log.cp
	k.mu.Unlock()
	s, said, err := k.o.Stamps.stamp(ctx, size, cp, k.o.Now)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	if err := k.putStamp(s); err != nil {
		return plain(err)
	}
	err = k.append(ctx, evidence.Entry{Kind: evidence.EntryStamped, At: k.now(), Size: size, Place: said.Authority, SHA256: evidence.Sum(s.Answer), Bytes: int64(len(s.Answer))})
	if err != nil {
		return err
	}
	k.o.Log.Info("the evidence log has a time stamp", "entry", size-1, "at", said.At)
	return nil
}

// Files of a stamp in its folder.
const (
	stampCheckpoint = "checkpoint"
	stampRequest    = "request.tsq"
	stampAnswer     = "answer.tsr"
)

func (k *Keeper) stampDir(size uint64) string {
	return filepath.Join(k.o.Dir, dirStamps, strconv.FormatUint(size, 10))
}

func (k *Keeper) putStamp(s evidence.Stamp) error {
	dir := k.stampDir(s.Size)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, b := range map[string][]byte{stampCheckpoint: s.Checkpoint, stampRequest: s.Request, stampAnswer: s.Answer} {
		if err := writeFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return errors.Join(wholefile.SyncDir(filepath.Dir(dir)), wholefile.SyncDir(k.o.Dir))
}

// readStamp reads a stamp and makes sure that it is the one that the log speaks of, and still holds.
func (k *Keeper) readStamp(e evidence.Entry) (evidence.Stamp, error) {
	s, dir := evidence.Stamp{Size: e.Size}, k.stampDir(e.Size)
	for name, into := range map[string]*[]byte{stampCheckpoint: &s.Checkpoint, stampRequest: &s.Request, stampAnswer: &s.Answer} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return s, fmt.Errorf("a time stamp that the log speaks of is gone: %w; take it from a copy at another place", err)
		}
		*into = b
	}
	if evidence.Sum(s.Answer) != e.SHA256 {
		return s, fmt.Errorf("%s: it is not the time stamp that the log speaks of; take it from a copy at another place", filepath.Join(dir, stampAnswer))
	}
	if _, err := evidence.OpenStamp(s, nil); err != nil {
		return s, fmt.Errorf("%s: %w; take it from a copy at another place", dir, err)
	}
	return s, nil
}

// stampOver is the earliest stamp that covers an entry; nil is none.
func (x *index) stampOver(i uint64) *evidence.Entry {
	var out *evidence.Entry
	for n := range x.stamps {
		if s := &x.stamps[n]; s.Size > i && (out == nil || s.Size < out.Size) {
			out = s
		}
	}
	return out
}

func (x *index) newestStamp() *evidence.Entry {
	var out *evidence.Entry
	for n := range x.stamps {
		if s := &x.stamps[n]; out == nil || s.Size > out.Size {
			out = s
		}
	}
	return out
}
