package keep

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Settle is how long a run is quiet before it is sealed, unless said.
const Settle = 15 * time.Second

const (
	// roundEvery bounds how often the newest runs are looked through.
	roundEvery = 10 * time.Second
	// allEvery is how often every run is: for what was said later of an old one.
	allEvery = time.Hour
	// checkEvery is how often all that is sealed is looked through.
	checkEvery = 24 * time.Hour
	// newest is how many runs a quick look takes in.
	newest = 50
	// longest is how long after a run's end receipts keep it from being sealed.
	longest = 10 * time.Minute
	// slowest is the longest pause between two tries.
	slowest = 5 * time.Minute
)

// Run seals, copies and keeps to the times of retention until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	defer k.Close()
	var apart sync.WaitGroup
	defer apart.Wait()
	var asking atomic.Bool
	pause, whole := roundEvery, time.Time{}
	for ctx.Err() == nil {
		changed := k.o.Store.Changed()
		all := k.o.Now().Sub(whole) >= allEvery
		waiting, err := k.round(ctx, all)
		if ctx.Err() != nil {
			return
		}
		k.trouble(err)
		switch {
		case errors.Is(err, ErrElsewhere):
			pause = slowest
		case err != nil:
			pause = min(2*pause, slowest)
		default:
			if all {
				whole = k.o.Now()
			}
			pause = roundEvery
		}
		// An authority that does not answer holds up neither seals nor copies.
		if asking.CompareAndSwap(false, true) {
			apart.Go(func() {
				if k.stamp(ctx) {
					k.Wake() // it goes to the other places
				}
				asking.Store(false)
			})
		}
		k.deliverApart(ctx, &apart)
		if waiting || err != nil {
			changed = nil // it is looked at again soon anyway
		}
		k.sleep(ctx, pause, changed)
	}
}

// sleep waits for something to do: a change, but no sooner than roundEvery, or the pause.
func (k *Keeper) sleep(ctx context.Context, pause time.Duration, changed <-chan struct{}) {
	soon := time.NewTimer(min(pause, max(k.o.Settle, 20*time.Millisecond)))
	defer soon.Stop()
	select {
	case <-ctx.Done():
		return
	case <-k.wake:
		return
	case <-soon.C:
	}
	late := time.NewTimer(pause)
	defer late.Stop()
	if changed == nil && pause == roundEvery {
		return
	}
	select {
	case <-ctx.Done():
	case <-k.wake:
	case <-changed:
	case <-late.C:
	}
}

// Wake makes the next round begin now.
func (k *Keeper) Wake() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// round seals what has ended and was not sealed, of the newest runs or of all. It reports
// whether something waits for its time. What keeps a single run from being sealed stands in the status.
func (k *Keeper) round(ctx context.Context, all bool) (waiting bool, err error) {
	f := journal.Filter{Limit: newest}
	if all {
		f.Limit = 0
	}
	runs, err := k.o.Store.Runs(ctx, f)
	if err != nil {
		return false, err
	}
	records, err := k.records(ctx, all)
	if err != nil {
		return false, err
	}
	var open []string
	ended, looked, stays := map[string]time.Time{}, map[string]bool{}, map[string]stuck{}
	waits := func(sum journal.Summary) {
		open = append(open, sum.Run)
		if sum.EndedAt != nil {
			ended[sum.Run] = *sum.EndedAt
		}
	}
	failed := 0
	for _, sum := range slices.Backward(slices.Concat(records, runs)) { // oldest first
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !k.sealable(sum) {
			continue
		}
		due, left, serr := k.look(ctx, sum)
		if errors.Is(serr, ErrElsewhere) { // for the server that keeps it to seal, and to say what waits there
			err = errors.Join(err, serr)
			break
		}
		looked[sum.Run] = true
		if left {
			waits(sum)
		}
		waiting = waiting || left && !due
		if its := new(runError); errors.As(serr, &its) {
			stays[sum.Run] = stuck{serr, sum.EndedAt}
			continue
		}
		err = errors.Join(err, serr)
		if serr != nil {
			failed++
		}
		if failed > 3 {
			break // the rest would say the same
		}
	}
	if errors.Is(err, ErrElsewhere) {
		k.unstick()
	} else {
		for _, sum := range k.stick(stays, looked, all && failed == 0) {
			waits(sum)
		}
	}
	if all && !errors.Is(err, ErrElsewhere) {
		err = errors.Join(err, k.retainIfTime(ctx, runs))
		if now := k.o.Now(); now.Sub(k.checked) >= checkEvery && k.check(ctx, slices.Concat(runs, records)) {
			k.checked = now
		}
	}
	k.told.Lock()
	k.status.Waiting, k.ended = append([]string{}, open...), ended
	k.told.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	return waiting, errors.Join(err, k.open(ctx))
}

// look seals one run when its time has come. left says that it is not sealed now.
func (k *Keeper) look(ctx context.Context, sum journal.Summary) (due, left bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return true, true, err
	}
	s := k.index.of(sum.Run)
	if s.removed || sum.RemovedAt != nil {
		return false, false, nil
	}
	added, err := k.since(ctx, sum.Run, s)
	if err != nil {
		return true, errors.As(err, new(*runError)), err
	}
	if len(added) == 0 {
		return false, false, nil
	}
	if k.early(sum, added) {
		return false, !run.Endless(sum.Run), nil // that one grows at any time: nobody waits for it
	}
	_, err = k.seal(ctx, sum)
	return true, err != nil, err
}

// Round seals all that has ended, keeps to the times of retention and has the log stamped if that is
// due, once, whatever it said before.
func (k *Keeper) Round(ctx context.Context) error {
	_, err := k.round(ctx, true)
	k.trouble(err)
	k.stamp(ctx)
	return err
}
