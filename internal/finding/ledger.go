package finding

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Ledger is the findings of a record store. It reads what is new before it answers, so that several
// servers on one store say the same. The zero value besides Store is ready.
type Ledger struct {
	Store journal.Store

	mu    sync.Mutex
	state *fold
	kept  upTo // what was kept last; nothing is marshalled while nothing happens

	before time.Time // zero: everything; else only what ended or was done before it

	pastMu sync.Mutex
	past   []*Ledger // the newest moments that were asked for, oldest asked first
}

// pastKept is how many earlier moments are kept: each is the fold of all years before it.
const pastKept = 4

// upTo is how far a fold has come.
type upTo struct{ outcomes, acts int64 }

func (f *fold) upTo() upTo { return upTo{f.Outcomes, f.Acts} }

// kindState is the document that keeps the fold, so that a server that starts need not read years.
const kindState = "finding-state"

// List returns every finding as it stands, the newest opened first.
func (l *Ledger) List(ctx context.Context) ([]Finding, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	return l.state.list(), nil
}

// ListBefore returns every finding as it stood at a moment: what ended, or was done about it, at that
// moment or later is left out. The first time it is folded from the record; then it is kept, and only
// what belongs there and came since is read.
func (l *Ledger) ListBefore(ctx context.Context, moment time.Time) ([]Finding, error) {
	past := l.pastOf(moment)
	past.mu.Lock()
	defer past.mu.Unlock()
	if past.state == nil {
		past.state = newFold() // nothing of an earlier moment is kept in the store
	}
	if err := past.catchUp(ctx); err != nil {
		return nil, err
	}
	return past.state.list(), nil
}

// pastOf is the ledger of an earlier moment.
func (l *Ledger) pastOf(moment time.Time) *Ledger {
	l.pastMu.Lock()
	defer l.pastMu.Unlock()
	i := slices.IndexFunc(l.past, func(p *Ledger) bool { return p.before.Equal(moment) })
	past := &Ledger{Store: l.Store, before: moment}
	if i >= 0 {
		past = l.past[i]
		l.past = slices.Delete(l.past, i, i+1)
	}
	if l.past = append(l.past, past); len(l.past) > pastKept {
		l.past = slices.Delete(l.past, 0, 1)
	}
	return past
}

// Refresh reads what is new and keeps the state for the next start.
func (l *Ledger) Refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.catchUp(ctx); err != nil {
		return err
	}
	return l.save(ctx)
}

// Rebuild makes the state anew from all outcomes and acts.
func (l *Ledger) Rebuild(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = newFold()
	if _, err := l.read(ctx); err != nil {
		return err
	}
	l.kept = upTo{} // what is kept may have come as far, and say otherwise
	return l.save(ctx)
}

// Act keeps what somebody does about a finding. The event has a writer of its own; sent twice it
// counts once.
func (l *Ledger) Act(ctx context.Context, e run.Event) error {
	e.Run, e.Seq = run.FindingsRecord, 1
	err := l.Store.Append(ctx, []run.Event{e})
	if errors.Is(err, journal.ErrTaken) {
		return nil // the same request of a moment earlier
	}
	return err
}

// catchUp brings the state up to date.
func (l *Ledger) catchUp(ctx context.Context) error {
	if l.state == nil {
		l.state = l.load(ctx)
	}
	late, err := l.read(ctx)
	if err != nil || !late {
		return err
	}
	l.state = newFold()
	_, err = l.read(ctx)
	return err
}

// piece is an outcome or an act, in the order of time.
type piece struct {
	at      time.Time
	run     string
	outcome *outcome.Outcome // nil until it is read
	act     *run.Event
}

// page is how many outcomes are read at once: the whole of ten years would be much to hold.
const page = 500

// read folds what the store has since. It reports that something belongs before what was folded
// already: then nothing was folded, and all has to be, from the beginning.
func (l *Ledger) read(ctx context.Context) (late bool, err error) {
	s := l.state
	// Which there are, without what is in them.
	outcomes, err := l.Store.Outcomes(ctx, journal.OutcomeFilter{Since: s.Outcomes, Before: l.before, Bare: true})
	if err != nil {
		return false, err
	}
	acts, err := l.Store.Events(ctx, run.FindingsRecord, s.Acts, 0)
	if err != nil {
		return false, err
	}
	var all []piece
	upto, actsUpto, since := s.Outcomes, s.Acts, s.Outcomes
	for _, row := range outcomes {
		all = append(all, piece{at: row.EndedAt, run: row.Run})
		upto = max(upto, row.Position)
		late = late || s.late(row.EndedAt, row.Run)
	}
	for _, a := range acts {
		e := a.Event
		if !l.before.IsZero() && !e.At.Before(l.before) {
			continue
		}
		all = append(all, piece{at: e.At, act: &e})
		actsUpto = max(actsUpto, a.Position)
		late = late || s.late(e.At, "")
	}
	if late && s.Outcomes+s.Acts > 0 {
		return true, nil
	}
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.run, b.run)) })
	// What was folded of a page that could not be read to its end is lost with the state: all of it
	// is folded anew at the next time.
	l.state = nil
	for part := range slices.Chunk(all, page) {
		if err := l.bodies(ctx, part, since); err != nil {
			return false, err
		}
		for i := range part {
			switch p := part[i]; {
			case p.act != nil:
				s.act(*p.act)
			case p.outcome != nil:
				s.outcome(*p.outcome)
				part[i].outcome = nil
			}
		}
	}
	s.Outcomes, s.Acts = upto, actsUpto
	l.state = s
	return false, nil
}

// bodies reads the outcomes of some pieces, which are in the order of time. One that was changed between
// the two readings is late at the next time, and one that is new is not among the pieces.
func (l *Ledger) bodies(ctx context.Context, part []piece, since int64) error {
	f := journal.OutcomeFilter{Since: since, After: part[0].at.Add(-time.Microsecond), Before: part[len(part)-1].at.Add(2 * time.Microsecond)}
	list, err := outcome.List(ctx, l.Store, f)
	if err != nil {
		return err
	}
	by := map[string]*outcome.Outcome{}
	for i := range list {
		by[list[i].Run] = &list[i]
	}
	for i := range part {
		if part[i].act == nil {
			part[i].outcome = by[part[i].run]
		}
	}
	return nil
}

// load is the state as it was kept; one that can't be used is an empty one, which reads everything.
func (l *Ledger) load(ctx context.Context) *fold {
	d, err := l.Store.Document(ctx, kindState, "all")
	s := newFold()
	if err != nil || json.Unmarshal(d.Body, s) != nil || s.Version != foldVersion || s.Findings == nil {
		return newFold()
	}
	s.index()
	l.kept = s.upTo()
	return s
}

// save keeps the state. Another server may have kept a newer one, which is as good.
func (l *Ledger) save(ctx context.Context) error {
	if l.kept == l.state.upTo() {
		return nil
	}
	body, err := json.Marshal(l.state)
	if err != nil {
		return err
	}
	d, err := l.Store.Document(ctx, kindState, "all")
	switch {
	case errors.Is(err, journal.ErrNotFound):
		d = journal.Document{Kind: kindState, ID: "all"}
	case err != nil:
		return err
	case string(d.Body) == string(body):
		l.kept = l.state.upTo()
		return nil
	}
	d.Body, d.ChangedAt = body, time.Time{}
	if _, err = l.Store.PutDocument(ctx, d); err == nil || errors.Is(err, journal.ErrChanged) {
		l.kept = l.state.upTo()
		return nil
	}
	return err
}
