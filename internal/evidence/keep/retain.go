package keep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Shortest is how long any record is kept at least (requirement P-RETAIN, O-10).
const Shortest = 365 * 24 * time.Hour

// Retention is how long after a run's end its record is kept, by class. 0 is for ever.
type Retention struct {
	A, B, C time.Duration
	// Audit is the next regular internal audit: nothing is removed before it. Zero is none
	// known.
	Audit time.Time
}

func (r Retention) of(c evidence.Class) time.Duration {
	switch c {
	case evidence.ClassA:
		return r.A
	case evidence.ClassB:
		return r.B
	}
	return r.C
}

// due reports whether a record has served: longer than its class's time, a year at least, and
// past the audit (the longer of them).
func (r Retention) due(c evidence.Class, ended, now time.Time) bool {
	keep := r.of(c)
	return keep > 0 && now.After(ended.Add(max(keep, Shortest))) && (r.Audit.IsZero() || now.After(r.Audit))
}

// retain removes records whose time is over. What is held, needed, not sealed or not yet at every other
// place stays. The entry comes first: what is killed after it is done at the next round.
func (k *Keeper) retain(ctx context.Context, runs []journal.Summary) error {
	if k.o.Retain.A == 0 && k.o.Retain.B == 0 && k.o.Retain.C == 0 {
		return nil
	}
	if k.o.Retain.C > 0 {
		// Readiness checks are in no list of runs, and are not sealed: nothing rests on them.
		checks, err := k.o.Store.Runs(ctx, journal.Filter{Kind: run.Readiness})
		if err != nil {
			return err
		}
		runs = slices.Concat(runs, checks)
	}
	var needed map[string]bool
	if k.o.Needed != nil {
		var err error
		if needed, err = k.o.Needed(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for _, sum := range runs {
		class := evidence.ClassOf(sum.Kind)
		if sum.EndedAt == nil || sum.RemovedAt != nil || needed[sum.Run] || !k.o.Retain.due(class, *sum.EndedAt, k.o.Now()) {
			continue
		}
		errs = append(errs, k.remove(ctx, sum, class))
	}
	return errors.Join(errs...)
}

// retainIfTime is retain where the clock can be gone by. It looks at the clock each time, so as to have
// seen it.
func (k *Keeper) retainIfTime(ctx context.Context, runs []journal.Summary) error {
	k.mu.Lock()
	err := k.open(ctx)
	ok := false
	if err == nil {
		ok, err = k.believe(ctx)
	}
	k.mu.Unlock()
	if err != nil || !ok {
		return err
	}
	return k.retain(ctx, runs)
}

func (k *Keeper) remove(ctx context.Context, sum journal.Summary, class evidence.Class) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	s := k.index.of(sum.Run)
	if s.held != nil || k.note.HoldsUnknown || len(s.parts) == 0 && sum.Kind != run.Readiness {
		return nil
	}
	for part := 1; part <= len(s.parts) && !s.removed; part++ {
		for _, p := range k.places {
			if !s.copied[copyKey(part, p.place.Name())] {
				return nil
			}
		}
	}
	if !s.removed {
		err := k.append(ctx, evidence.Entry{Kind: evidence.EntryRemoved, At: k.now(), Run: sum.Run, Class: class,
			Reason: fmt.Sprintf("kept for %d days after its end %s", int(max(k.o.Retain.of(class), Shortest).Hours()/24), sum.EndedAt.UTC().Format(time.RFC3339))})
		if err != nil {
			return err
		}
	}
	for part := 1; part <= len(s.parts); part++ {
		for _, path := range []string{k.salts(sum.Run, part), k.archive(sum.Run, part)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return plain(err)
			}
		}
	}
	k.o.Log.Info("a run's record was removed after its time", "run", sum.Run, "class", class)
	return k.o.Store.RemoveRun(ctx, sum.Run, k.now())
}
