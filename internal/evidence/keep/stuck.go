package keep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// runError is one run's trouble, and not the keeper's: the others are sealed all the same.
type runError struct {
	run string
	err error
}

func (e *runError) Error() string { return fmt.Sprintf("run %s: %v", e.run, e.err) }
func (e *runError) Unwrap() error { return e.err }

// ofRun tells what is the matter with a run from a store that is away.
func (k *Keeper) ofRun(ctx context.Context, runID string, err error) error {
	if ctx.Err() != nil || k.o.Store.Ping(ctx) != nil {
		return err
	}
	return &runError{runID, err}
}

// stuck is a run that can't be sealed for what is the matter with it.
type stuck struct {
	err   error
	ended *time.Time
}

// stick notes which runs are stuck: those that were looked at now, and where not all were, others of before.
// It returns those that were not looked at.
func (k *Keeper) stick(now map[string]stuck, looked map[string]bool, all bool) (others []journal.Summary) {
	k.told.Lock()
	defer k.told.Unlock()
	for id, s := range k.stuck {
		if _, still := now[id]; !still && !looked[id] && !all {
			now[id] = s
			others = append(others, journal.Summary{Run: id, EndedAt: s.ended})
		}
	}
	for id, s := range now {
		if _, before := k.stuck[id]; !before {
			k.o.Log.Error("a run that ended can't be sealed; the others are", "run", id, "err", s.err)
		}
	}
	for id := range k.stuck {
		if _, still := now[id]; !still {
			k.o.Log.Info("a run is sealed that could not be", "run", id)
		}
	}
	k.stuck = now
	var said []string
	for _, s := range now {
		said = append(said, strings.ReplaceAll(s.err.Error(), "\n", "; "))
	}
	slices.Sort(said)
	if n := len(said); n > mostTroubles {
		said = append(said[:mostTroubles:mostTroubles], fmt.Sprintf("and %d more", n-mostTroubles))
	}
	k.status.RunTrouble = strings.Join(said, "; ")
	return others
}

// since are the events of a record that are not sealed yet. The newest that is has to be where it was: a
// store that was put back to an older state gives its positions to other events.
func (k *Keeper) since(ctx context.Context, runID string, s *standing) ([]journal.Entry, error) {
	list, err := k.o.Store.Events(ctx, runID, max(s.through-1, 0), 0)
	if err != nil {
		return nil, k.ofRun(ctx, runID, err)
	}
	if s.through == 0 {
		return list, nil
	}
	if len(list) == 0 || list[0].Position != s.through {
		return nil, &runError{runID, errPutBack}
	}
	return list[1:], nil
}

var errPutBack = errors.New("the record store does not have the newest event that was sealed: it was put back to an older state, and what was said since can't be told from what is sealed; put back its newest copy, or, where that is lost, move the folder seal aside, start again and begin a new log with `muster evidence adopt`")

// unstick forgets them all: another server keeps the evidence now, and says what can't be sealed.
func (k *Keeper) unstick() {
	k.told.Lock()
	defer k.told.Unlock()
	k.stuck, k.status.RunTrouble = nil, ""
}
