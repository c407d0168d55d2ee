package keep

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/evidence"
)

// HeldError: a legal hold keeps the run from being erased.
type HeldError struct {
	Run, By, Reason string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("run %s is held by %s: %s; release it first with `muster evidence release`", e.Run, e.By, e.Reason)
}

// ErrNotHeld: there is no hold to be released.
var ErrNotHeld = errors.New("the run is not held")

// Hold keeps everything of a run from being erased until it is released. A run may be held
// before it has ended.
func (k *Keeper) Hold(ctx context.Context, runID, by, via, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	s := k.index.of(runID)
	if s.removed {
		return ErrRemoved
	}
	if s.held != nil && s.held.By == by && s.held.Reason == reason {
		return nil // a second click is the same hold
	}
	e := evidence.Entry{Kind: evidence.EntryHeld, At: k.now(), Run: runID, By: by, Via: via, Reason: reason}
	if err := k.putHold(ctx, e); err != nil {
		return err
	}
	return k.append(ctx, e)
}

// Release ends a hold.
func (k *Keeper) Release(ctx context.Context, runID, by, via, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	if k.index.of(runID).held == nil {
		return ErrNotHeld
	}
	if err := k.append(ctx, evidence.Entry{Kind: evidence.EntryReleased, At: k.now(), Run: runID, By: by, Via: via, Reason: reason}); err != nil {
		return err
	}
	return k.o.Store.DropDocument(ctx, docKind, holdPrefix+runID)
}

// mostNamed is how many of the erased an entry names; the digest covers all.
const mostNamed = 20

// Erasing notes that personal data of a run is erased now, before it is: what then goes on to
// erase may be killed, and does it again. It refuses where the run is held, and where that
// can't be told. names are those in the manifest; by is who asked for it, "" is its time.
func (k *Keeper) Erasing(ctx context.Context, runID string, names []string, by, via, reason string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	s := k.index.of(runID)
	if s.held != nil {
		return &HeldError{Run: runID, By: s.held.By, Reason: s.held.Reason}
	}
	if k.note.HoldsUnknown {
		return ErrHoldsUnknown
	}
	if by == "" { // for its time, not because somebody asked
		if ok, err := k.believe(ctx); err != nil {
			return err
		} else if !ok {
			return ErrClock
		}
	}
	if len(names) == 0 {
		return nil // no piece to name; what else the caller drops is not of a held run
	}
	names = slices.Sorted(slices.Values(names))
	sum := evidence.Sum([]byte(strings.Join(names, "\n")))
	if !s.erased[sum] {
		err := k.append(ctx, evidence.Entry{Kind: evidence.EntryErased, At: k.now(), Run: runID, Class: evidence.ClassA, By: by, Via: via, Reason: reason,
			Items: names[:min(mostNamed, len(names))], Count: len(names), SHA256: sum})
		if err != nil {
			return err
		}
	}
	// With its salt gone, a digest says nothing of what it was.
	for part := 1; part <= len(s.parts); part++ {
		salts, err := k.readSalts(runID, part)
		if err != nil {
			return err
		}
		left := maps.Clone(salts)
		maps.DeleteFunc(left, func(name string, _ []byte) bool { return slices.Contains(names, name) })
		switch {
		case len(left) == len(salts):
		case len(left) == 0:
			err = os.Remove(k.salts(runID, part))
		default:
			err = k.putSalts(runID, part, left)
		}
		if err != nil {
			return plain(err)
		}
	}
	return nil
}

// Rotate changes the key: an entry that the old key signs names the new one, and checkpoints
// are signed with the new one from then on. What was exported before is verified with the
// old public key.
func (k *Keeper) Rotate(ctx context.Context, by, via, reason string) (public string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return "", err
	}
	next, err := makeNext(k.o.Dir, k.log.key.signer.Name())
	if err != nil {
		return "", plain(err)
	}
	if err := k.append(ctx, evidence.Entry{Kind: evidence.EntryKey, At: k.now(), By: by, Via: via, Reason: reason, Key: next.public}); err != nil {
		return "", err
	}
	if err := next.install(k.o.Dir); err != nil {
		return "", plain(err)
	}
	// The next checkpoint is the new key's: one entry makes it now.
	k.log.key = next.key
	return next.public, k.append(ctx, evidence.Entry{Kind: evidence.EntryKey, At: k.now(), By: by, Via: via, Reason: "first checkpoint of the new key", Key: next.public})
}
