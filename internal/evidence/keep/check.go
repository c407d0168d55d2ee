package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// check looks, once a day, whether what was sealed is still on disk as the log says, and whether
// the record store still says what was sealed (requirements P-TAMPER, F-N2-07). It changes
// nothing of that: what was found stands in the status until it is mended. What is kept of sealed runs beside their
// records is held against these, and made anew where it differs. It reports whether it came to its end:
// without log or store nothing was found out.
func (k *Keeper) check(ctx context.Context, runs []journal.Summary) bool {
	var damaged []string
	var altered, missing Unsound
	listed := map[string]bool{}
	for _, sum := range runs {
		listed[sum.Run] = true
	}
	for _, id := range k.unlisted(listed) {
		runs = append(runs, journal.Summary{Run: id})
	}
	rows := k.holdsRows()
	for _, sum := range runs {
		entries, err := k.checkRun(ctx, sum)
		if err == nil && !listed[sum.Run] {
			err = k.gone(ctx, sum.Run)
		}
		if err == nil {
			err = rows.ofRun(ctx, sum.Run, entries)
		}
		if ctx.Err() != nil || errors.Is(err, errUnchecked) {
			return false
		}
		if err != nil {
			damaged = append(damaged, sum.Run)
			if unread(err) {
				missing.Runs = append(missing.Runs, sum.Run)
				k.o.Log.Error("evidence is missing or can't be read", "run", sum.Run, "err", err)
				continue
			}
			altered.Runs = append(altered.Runs, sum.Run)
			k.o.Log.Error("evidence was altered or damaged", "run", sum.Run, "err", err)
		}
	}
	inLog := ""
	err := k.checkLog(ctx)
	if ctx.Err() != nil || errors.Is(err, errUnchecked) {
		return false
	}
	if err != nil {
		inLog = err.Error()
		if missing.Log = unread(err); missing.Log {
			k.o.Log.Error("the evidence log is missing or can't be read", "err", err)
		} else {
			altered.Log = true
			k.o.Log.Error("the evidence log was altered or damaged", "err", err)
		}
	}
	// What can't be looked at now keeps nothing of what was found from being told.
	held := rows.ofAll(ctx) == nil
	if ctx.Err() != nil {
		return false
	}
	altered.Rows, k.rowsWrong = k.rowsWrong, nil
	if k.o.Altered != nil && (len(damaged) > 0 || inLog != "" || len(altered.Rows) > 0) {
		k.o.Altered(ctx, altered, missing)
	}
	at := k.now()
	k.told.Lock()
	defer k.told.Unlock()
	k.status.CheckedAt, k.status.Damaged, k.status.LogDamaged = &at, damaged, inLog
	if k.status.Rows = altered.Rows; k.o.Rows != nil && held {
		k.status.RowsCheckedAt = &at
	}
	return true
}

// errUnchecked: log or store can't be read, which is told apart.
var errUnchecked = errors.New("can't be checked now")

var errNotAsSealed = errors.New("the record store does not say what was sealed any more: `muster evidence export` has the sealed events, and a copy of the store what it was")

// unlisted are the runs that the log has sealed and that are in no list of the record store's.
func (k *Keeper) unlisted(listed map[string]bool) (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, s := range k.index.runs {
		if len(s.parts) > 0 && !s.removed && !listed[id] {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// gone asks the store for a run that was in none of its lists, as one is that was sealed meanwhile.
func (k *Keeper) gone(ctx context.Context, runID string) error {
	for _, kind := range []run.Kind{"", run.Occasion} {
		list, err := k.o.Store.Runs(ctx, journal.Filter{Run: runID, Kind: kind, Limit: 1})
		if err != nil {
			return errUnchecked
		}
		if len(list) > 0 {
			return nil
		}
	}
	return errors.New("the record store does not know it any more, whether it was deleted or the store was put back to an older state: `muster evidence export` has the sealed events, and a copy of the store what it was")
}

// Unsound is what of the evidence is not as it was sealed.
type Unsound struct {
	Log  bool
	Runs []string
	Rows []plan.Text // what was made of records, and differed from what they give
}

// mostSaid runs are named; a folder that is away is a few words, whatever it held.
const mostSaid = 5

// String names it, and its first runs; "" is nothing.
func (u Unsound) String() string {
	var of []string
	if u.Log {
		of = append(of, "log")
	}
	if n := len(u.Runs); n > 0 {
		runs := fmt.Sprintf("%d run: ", n)
		if n > 1 {
			runs = fmt.Sprintf("%d runs: ", n)
		}
		if runs += strings.Join(u.Runs[:min(n, mostSaid)], ", "); n > mostSaid {
			runs += fmt.Sprintf(" and %d more", n-mostSaid)
		}
		of = append(of, runs)
	}
	for i, row := range u.Rows {
		if i == mostSaid {
			of = append(of, fmt.Sprintf("and %d more", len(u.Rows)-i))
			break
		}
		of = append(of, row.EN)
	}
	return strings.Join(of, ", ")
}

// unread reports whether a file could not be read at all, as when its disk is away.
func unread(err error) bool {
	var of *fs.PathError
	return errors.As(err, &of)
}

// checkLog reads the log anew from the disk: that every entry is what the checkpoint signs and what this
// server read when it opened it, that each can be proven with the hashes beside it, and that each
// time stamp is the one that an entry names and still holds.
func (k *Keeper) checkLog(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return errUnchecked
	}
	fresh := &ledger{dir: k.log.dir, key: k.log.key}
	if err := fresh.read(ctx); err != nil {
		return err
	}
	if fresh.size != k.log.size || !bytes.Equal(fresh.root, k.log.root) {
		return fmt.Errorf("evidence log %s: it is another one than this server opened (%d entries, and %d now): put it back from a copy", fresh.dir, k.log.size, fresh.size)
	}
	if err := fresh.provable(ctx); err != nil {
		return err
	}
	for _, e := range k.index.stamps {
		if _, err := k.readStamp(e); err != nil {
			return err
		}
	}
	return nil
}

// NotAsSealed names what was altered or damaged: runs, and what of the log itself.
func (s Status) NotAsSealed() []string {
	if s.LogDamaged == "" {
		return s.Damaged
	}
	return append(slices.Clone(s.Damaged), s.LogDamaged)
}

// Altered names all that was found altered or damaged, in a language; rows were made anew since.
func (s Status) Altered(lang string) []string {
	out := slices.Clone(s.NotAsSealed())
	for _, row := range s.Rows {
		out = append(out, row.In(lang))
	}
	return out
}

// checkRun returns the events of a run that is sealed and as it was; none of another.
func (k *Keeper) checkRun(ctx context.Context, sum journal.Summary) ([]journal.Entry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, errUnchecked
	}
	s, known := k.index.runs[sum.Run]
	if !known || s.removed || len(s.parts) == 0 {
		return nil, nil
	}
	var sealed []byte
	for part, manifest := range s.parts {
		files, err := k.sealed(sum.Run, part+1, manifest)
		if err != nil {
			return nil, err
		}
		if err := evidence.Whole(files); err != nil {
			return nil, fmt.Errorf("%s: %w", k.archive(sum.Run, part+1), err)
		}
		sealed = append(sealed, files[evidence.FileEvents]...)
	}
	entries, err := k.o.Store.Events(ctx, sum.Run, 0, 0)
	if err != nil && k.o.Store.Ping(ctx) == nil {
		entries, err = k.o.Store.Events(ctx, sum.Run, 0, 0) // once more: what the store hands out now is what it holds
	}
	switch {
	case err == nil:
	case errors.As(k.ofRun(ctx, sum.Run, err), new(*runError)):
		return nil, fmt.Errorf("%w (%w)", errNotAsSealed, err)
	default:
		return nil, errUnchecked
	}
	var events []run.Event
	for _, e := range entries {
		if e.Position <= s.through {
			events = append(events, e.Event)
		}
	}
	lines, _, err := evidence.Lines(events)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(lines, sealed) {
		return nil, errNotAsSealed
	}
	return entries, nil
}
