package keep

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Some records of the store are no runs, have no plan and no report, and are sealed all the same: what
// people do about findings and what they write into reports, which have no end, and each due day of a
// schedule. None is removed: a finding outlives the run it came from, and a due day is small.

const (
	// recordEvery bounds into how many parts a record without an end is sealed.
	recordEvery = time.Hour
	// mostUnsealed are sealed at once, however soon they came.
	mostUnsealed = 500
)

// records are those that are in no list of runs, the newest or all of them.
func (k *Keeper) records(ctx context.Context, all bool) ([]journal.Summary, error) {
	f := journal.Filter{Kind: run.Occasion, Limit: newest}
	if all {
		f.Limit = 0
	}
	out, err := k.o.Store.Runs(ctx, f)
	return append(out, journal.Summary{Run: run.FindingsRecord}, journal.Summary{Run: run.WrittenRecord}), err
}

// planless reports whether a record has no plan, and is sealed without.
func planless(sum journal.Summary) bool {
	return run.Endless(sum.Run) || sum.Kind == run.Occasion
}

// sealable reports whether a record is one that is sealed by now.
func (k *Keeper) sealable(sum journal.Summary) bool {
	if k.o.Only != nil && !k.o.Only(sum.Run) {
		return false
	}
	if run.Endless(sum.Run) {
		return true
	}
	return sum.EndedAt != nil && sum.State.Ended() && (sum.PlanHash != "" || planless(sum))
}

// classOf is the class of a record. Findings are of drills and of responses, and so are reports.
func classOf(sum journal.Summary) evidence.Class {
	if run.Endless(sum.Run) {
		return evidence.ClassA
	}
	return evidence.ClassOf(sum.Kind)
}

// early reports whether what was added to a record waits for more. What is from further ahead than that was
// noted by a clock that was set right since.
func (k *Keeper) early(sum journal.Summary, added []journal.Entry) bool {
	now, first, last := k.o.Now(), added[0].Event.At, added[len(added)-1].Event.At
	if run.Endless(sum.Run) {
		return len(added) < mostUnsealed && now.Sub(first).Abs() < recordEvery
	}
	if k.index.of(sum.Run).through == 0 {
		first = *sum.EndedAt
	}
	return now.Sub(last).Abs() < k.o.Settle && now.Sub(first).Abs() < longest
}
