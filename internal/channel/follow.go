package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// Journals are read in pages, and what is said of a page is handed out in parts: a part is
// what one server does, and keeps, at a time.
const (
	pageEntries = 500
	partPairs   = 200
)

// follower says what happens in one run.
type follower struct {
	d     *Dispatcher
	run   string
	mu    sync.Mutex // over picture
	pic   *picture
	parts sync.WaitGroup
	mine  map[string]bool // parts in this server's hands
	still map[string]sign // others' parts, by when they were seen to change
	open  int             // parts in hand
}

// page is a stretch of the journal. It is kept before anything of it is said, so that all
// servers cut the same parts.
type page struct {
	Through int64 `json:"through"`
}

// sign is the last that was seen of a part in another server's hands: its version, and since when it has had that.
type sign struct {
	version int64
	since   time.Time
}

// silent reports how long a part has not changed, as far as this server has looked: by one clock, since the owner's may be
// hours off.
func (f *follower) silent(doc journal.Document) time.Duration {
	now := f.d.Clock.Time()
	if f.still == nil {
		f.still = map[string]sign{}
	}
	if s, ok := f.still[doc.ID]; !ok || s.version != doc.Version {
		f.still[doc.ID] = sign{doc.Version, now}
	}
	return now.Sub(f.still[doc.ID].since)
}

// pair is an event and to whom it is said.
type pair struct {
	entry  journal.Entry
	person string
}

func (d *Dispatcher) follow(ctx context.Context, sum journal.Summary) {
	p := d.planOf(ctx, sum)
	if p == nil {
		return
	}
	for !d.knowsPeople() { // without addresses everything would count as said
		if d.wait(ctx, nil); ctx.Err() != nil {
			return
		}
	}
	f := &follower{d: d, run: sum.Run, pic: newPicture(*p), mine: map[string]bool{}}
	defer f.parts.Wait()
	var pos int64
	var doc journal.Document
	var err error
	for pos, doc, err = f.begin(ctx); err != nil; pos, doc, err = f.begin(ctx) {
		if f.trouble(ctx, "how far a run was said can't be read", err); ctx.Err() != nil {
			return
		}
		f.pic = newPicture(*p)
	}
	f.showRooms(ctx)
	taken := time.Time{}
	for ctx.Err() == nil {
		begun := time.Now()
		if now := begun; now.Sub(taken) > d.Look {
			taken = now
			if f.takeOver(ctx) && f.idle() && f.over() {
				f.finish(ctx, pos, doc)
				return
			}
		}
		var changed <-chan struct{}
		if d.Changed != nil {
			changed = d.Changed()
		}
		entries, err := d.Store.Events(ctx, f.run, pos, pageEntries)
		if err != nil {
			f.trouble(ctx, "the journal can't be read", err)
			continue
		}
		if len(entries) == 0 {
			if f.over() && f.idle() {
				taken = time.Time{}
			}
			d.wait(ctx, changed)
			breathe(ctx, begun)
			continue
		}
		first := f.first(entries)
		if first == len(entries) { // nothing to say
			pos = entries[len(entries)-1].Position
			continue
		}
		if entries, err = f.page(ctx, entries[first:]); err != nil {
			f.trouble(ctx, "the journal can't be read", err)
			continue // from the same place: applying an entry twice is the same as once
		}
		f.apply(entries[1:])
		f.handOut(ctx, entries)
		pos = entries[len(entries)-1].Position
		if next, err := f.advance(ctx, doc, pos); err == nil {
			doc = next
		} else { // a later one covers it; after a crash until then, the page is found kept
			f.trouble(ctx, "how far a run was said can't be kept", err)
		}
	}
}

// trouble tells of what the store did not do, and waits a moment.
func (f *follower) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		f.d.Log.Warn("channels: "+what+"; trying again", "run", f.run, "err", err)
		f.d.wait(ctx, nil)
	}
}

// first applies entries up to the first that is said to anybody, and tells which that is.
func (f *follower) first(entries []journal.Entry) int {
	for i := range entries {
		f.apply(entries[i : i+1])
		f.mu.Lock()
		said := len(f.pic.receivers(entries[i].Event)) > 0
		f.mu.Unlock()
		if said {
			return i
		}
	}
	return len(entries)
}

func (f *follower) apply(entries []journal.Entry) {
	f.mu.Lock()
	f.pic.apply(entries...)
	f.mu.Unlock()
}

func (f *follower) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pic.ended
}

func (f *follower) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open == 0
}

// begin reads how far the run was read before, and the picture up to there.
func (f *follower) begin(ctx context.Context) (int64, journal.Document, error) {
	d, c := f.d, cursor{}
	doc, err := d.Store.Document(ctx, kindCursor, f.run)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		if doc, err = d.keep(ctx, kindCursor, f.run, 0, c); errors.Is(err, journal.ErrChanged) {
			doc, err = d.Store.Document(ctx, kindCursor, f.run)
		}
	case err != nil:
	}
	if err == nil {
		err = json.Unmarshal(doc.Body, &c)
	}
	for pos := int64(0); err == nil && pos < c.Position; {
		var entries []journal.Entry
		if entries, err = d.Store.Events(ctx, f.run, pos, 5000); err != nil || len(entries) == 0 {
			break
		}
		for i, e := range entries {
			if e.Position > c.Position {
				entries = entries[:i]
				break
			}
		}
		if len(entries) == 0 {
			break
		}
		f.pic.apply(entries...)
		pos = entries[len(entries)-1].Position
	}
	return c.Position, doc, err
}

func (f *follower) kind() string { return kindPart + f.run }

// page agrees with the other servers on how far the page reaches that begins with the first
// of these entries.
func (f *follower) page(ctx context.Context, entries []journal.Entry) ([]journal.Entry, error) {
	id, mine := fmt.Sprintf("page %012d", entries[0].Position), page{Through: entries[len(entries)-1].Position}
	_, err := f.d.keep(ctx, f.kind(), id, 0, mine)
	if !errors.Is(err, journal.ErrChanged) {
		return entries, err
	}
	doc, err := f.d.Store.Document(ctx, f.kind(), id)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(doc.Body, &mine); err != nil {
		return nil, err
	}
	for len(entries) > 0 && entries[len(entries)-1].Position < mine.Through {
		more, err := f.d.Store.Events(ctx, f.run, entries[len(entries)-1].Position, pageEntries)
		if err != nil || len(more) == 0 {
			return nil, fmt.Errorf("the rest of a page is not in the store: %w", err)
		}
		entries = append(entries, more...)
	}
	for i, e := range entries {
		if e.Position > mine.Through {
			return entries[:i], nil
		}
	}
	return entries, nil
}

// pairs are what is to be said of a page: a function of the journal and the plan alone.
func (f *follower) pairs(entries []journal.Entry) []pair {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []pair
	for _, e := range entries {
		for _, person := range f.pic.receivers(e.Event) {
			out = append(out, pair{e, person})
		}
	}
	return out
}

// handOut begins the parts of a page that no other server has.
func (f *follower) handOut(ctx context.Context, entries []journal.Entry) {
	all, pos := f.pairs(entries), entries[0].Position
	for n := 0; n*partPairs < len(all); n++ {
		pairs := all[n*partPairs : min((n+1)*partPairs, len(all))]
		id := fmt.Sprintf("%012d-%04d", pos, n)
		body := f.newPart(pos-1, entries[len(entries)-1].Position, n, pairs)
		doc, err := f.d.keep(ctx, f.kind(), id, 0, body)
		if err != nil {
			continue // another server has it
		}
		if f.finished(ctx) {
			_ = f.d.Store.DropDocument(ctx, f.kind(), id)
			return
		}
		f.start(ctx, doc, body, pairs)
	}
}

// finished reports whether another server has said all of the run and put its notes away.
func (f *follower) finished(ctx context.Context) bool {
	var c cursor
	doc, err := f.d.Store.Document(ctx, kindCursor, f.run)
	return err == nil && json.Unmarshal(doc.Body, &c) == nil && c.Done
}

func (f *follower) advance(ctx context.Context, doc journal.Document, pos int64) (journal.Document, error) {
	for {
		next, err := f.d.keep(ctx, kindCursor, f.run, doc.Version, cursor{Position: pos})
		if !errors.Is(err, journal.ErrChanged) {
			return next, err
		}
		var c cursor
		if doc, err = f.d.Store.Document(ctx, kindCursor, f.run); err != nil {
			return doc, err
		}
		if err := json.Unmarshal(doc.Body, &c); err != nil || c.Done || c.Position >= pos {
			return doc, err
		}
	}
}

// takeOver goes on with parts whose server has fallen silent, or can't send them. Where this one can't
// either it leaves them to others for a while. It reports whether nothing is left in anybody's hands.
func (f *follower) takeOver(ctx context.Context) (clear bool) {
	docs, err := f.d.Store.DocumentsOf(ctx, f.kind())
	if err != nil {
		f.still = nil // nobody could keep anything meanwhile, so nothing that stands still tells of a death
		return false
	}
	clear = true
	for _, doc := range docs {
		var body part
		if json.Unmarshal(doc.Body, &body) != nil || body.Done || body.Through == 0 || len(body.Items) == 0 {
			continue
		}
		clear = false
		f.mu.Lock()
		ours := f.mine[doc.ID]
		f.mu.Unlock()
		silent := f.silent(doc)
		if ours || !body.Offered && !body.Left && silent < f.d.Lease || f.d.unable(body) && silent < 3*f.d.Lease {
			continue
		}
		pairs, err := f.reread(ctx, body)
		if err != nil {
			f.d.Log.Warn("channels: what another server left can't be read; trying again", "run", f.run, "err", err)
			continue
		}
		for i := range body.Items {
			if body.Items[i].Outcome == "" && !body.Offered {
				body.Items[i].Again = true
			}
		}
		body.Owner, body.Until, body.Offered, body.Left = f.d.owner, f.d.Clock.Time().Add(f.d.Lease), false, false
		if doc, err = f.d.keep(ctx, f.kind(), doc.ID, doc.Version, body); err == nil {
			f.start(ctx, doc, body, pairs)
		}
	}
	return clear
}

// reread finds the pairs of a part again.
func (f *follower) reread(ctx context.Context, body part) ([]pair, error) {
	var entries []journal.Entry
	for pos := body.From; pos < body.Through; {
		more, err := f.d.Store.Events(ctx, f.run, pos, pageEntries)
		if err != nil || len(more) == 0 {
			return nil, errors.Join(err, errors.New("events of the page are missing"))
		}
		entries, pos = append(entries, more...), more[len(more)-1].Position
	}
	for i, e := range entries {
		if e.Position > body.Through {
			entries = entries[:i]
			break
		}
	}
	// Receivers rest on who had been called by then.
	was := newPicture(f.pic.plan)
	for pos := int64(0); pos < body.Through; {
		more, err := f.d.Store.Events(ctx, f.run, pos, 5000)
		if err != nil || len(more) == 0 {
			return nil, errors.Join(err, errors.New("events before the page are missing"))
		}
		for i, e := range more {
			if e.Position > body.Through {
				more = more[:i]
				break
			}
		}
		if len(more) == 0 {
			break
		}
		was.apply(more...)
		pos = more[len(more)-1].Position
	}
	all := (&follower{pic: was}).pairs(entries)
	return all[min(body.Index*partPairs, len(all)):min((body.Index+1)*partPairs, len(all))], nil
}

// finish puts the notes of a run away once all of it is said.
func (f *follower) finish(ctx context.Context, pos int64, doc journal.Document) {
	if _, err := f.d.keep(ctx, kindCursor, f.run, doc.Version, cursor{Position: pos, Done: true}); err != nil {
		if !f.finished(ctx) {
			return // another server reads on
		}
	}
	docs, err := f.d.Store.DocumentsOf(ctx, f.kind())
	for _, doc := range docs {
		err = errors.Join(err, f.d.Store.DropDocument(ctx, f.kind(), doc.ID))
	}
	if err != nil && ctx.Err() == nil {
		f.d.Log.Warn("channels: notes of a run that is over could not be put away", "run", f.run, "err", err)
	}
}
