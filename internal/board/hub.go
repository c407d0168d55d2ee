package board

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// apart is the least time between two pictures: four a second are more than people see.
	apart = 250 * time.Millisecond
	// beat is how often a viewer hears from the server when nothing changes.
	beat = 5 * time.Second
	// shown is how many open runs the page of now has.
	shown = 50
	// kept bounds how many runs are followed at once without anybody looking: all that the page
	// of now reads at each picture, and some that people look back at.
	kept = shown + 14
	// keptFor is how long a run is followed after somebody last looked. Each keeps what it has drawn, in both
	// languages: 0.13 MB for a run of 5 systems. To follow it anew is to read its journal once.
	keptFor = 2 * time.Minute
	// tidied is how often that is looked after when nobody asks for any run.
	tidied = 30 * time.Second
)

// hub follows runs for all viewers together: one tracker a run, fed by its journal.
type hub struct {
	store journal.Store
	now   func() time.Time
	log   *slog.Logger
	langs map[i18n.Lang]*pages
	files func() (Inventory, error)
	boot  string // tells this process's revisions from another's

	ctx  context.Context
	stop context.CancelFunc
	all  sync.WaitGroup

	mu      sync.Mutex
	runs    map[string]*follower
	order   []string // of use, the latest last
	openNow *topic
	viewers int
	of      map[string]int  // viewers, by person
	told    map[string]bool // runs that can't be read, once that is logged
	revs    atomic.Int64    // over all topics: one that is followed anew does not begin again
}

func newHub(store journal.Store, now func() time.Time, log *slog.Logger, langs map[i18n.Lang]*pages, files func() (Inventory, error)) *hub {
	h := &hub{store: store, now: now, log: log, langs: langs, files: files, boot: newKey()[:8], runs: map[string]*follower{}, told: map[string]bool{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	h.openNow = &topic{hub: h, name: "now", read: h.readNow, draw: drawNow}
	h.all.Go(func() { h.tidy(time.NewTicker(tidied)) })
	return h
}

// tidy drops what nobody looks at also when everybody has gone and nobody asks for another run.
func (h *hub) tidy(every *time.Ticker) {
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-h.ctx.Done():
			return
		}
		h.mu.Lock()
		h.forget()
		h.mu.Unlock()
	}
}

func (h *hub) close() { h.stop(); h.all.Wait() }

// follower is one run as its journal tells it.
type follower struct {
	hub   *hub
	id    string
	topic *topic // as everybody may see it
	whole *topic // as those see it who plan and lead a blind drill; the same of others

	mu      sync.Mutex
	plan    plan.Plan
	tracker *progress.Tracker
	at      int64 // position of the last event taken in

	lastUsed time.Time // under the hub's lock
}

// picture is a run at a moment. What is in it is not changed any more.
type picture struct {
	Plan     plan.Plan // its estate as it is now, after handovers
	Overview progress.Overview
	People   []personView
	Deputies []string // whom the run has asked to decide, since who should has not
	// Titles are what people call the roles, by name.
	Titles map[string]plan.Text
	// Unread: the record has the run and can't say where it stands. Its Overview has the ID, the kind
	// and the start alone.
	Unread bool
	// Beside are open runs of the other kind that concern systems of this one: a drill and
	// the real thing at once are easily mixed up.
	Beside []beside
}

// follow returns the follower of a run, or journal.ErrNotFound.
func (h *hub) follow(ctx context.Context, id string) (*follower, error) {
	h.mu.Lock()
	f, ok := h.runs[id]
	h.mu.Unlock()
	if ok {
		h.used(id)
		return f, nil
	}
	list, err := h.store.Runs(ctx, journal.Filter{Run: id, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].Kind == run.Readiness { // which has no page, and ends before what it looks at
		return nil, journal.ErrNotFound
	}
	p, err := h.store.Plan(ctx, list[0].PlanHash)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if f, ok := h.runs[id]; ok {
		return f, nil
	}
	f = &follower{hub: h, id: id, plan: p, tracker: progress.New(p), lastUsed: h.now()}
	f.topic = &topic{hub: h, name: id, read: f.read(""), draw: drawRun}
	f.whole = f.topic
	if s := p.Scenario; s.Blind && len(s.Facilitators) > 0 {
		f.whole = &topic{hub: h, name: id, read: f.read(s.Facilitators[0]), draw: drawRun}
	}
	h.runs[id] = f
	h.order = append(h.order, id)
	h.forget()
	return f, nil
}

// used notes that somebody looks at a run.
func (h *hub) used(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, other := range h.order {
		if other == id {
			h.order = append(append(h.order[:i:i], h.order[i+1:]...), id)
			h.runs[id].lastUsed = h.now()
			h.forget()
			return
		}
	}
}

// forget drops the runs that nobody has looked at for keptFor, and of too many those that nobody has
// looked at for longest. h.mu is held.
func (h *hub) forget() {
	for i := 0; i < len(h.order); {
		id := h.order[i]
		if len(h.order) <= kept && h.now().Sub(h.runs[id].lastUsed) < keptFor {
			return // the others were used later
		}
		if h.runs[id].topic.watched() || h.runs[id].whole.watched() {
			i++
			continue
		}
		delete(h.runs, id)
		h.order = append(h.order[:i:i], h.order[i+1:]...)
	}
}

// look takes in what the journal has by now and returns where the run stands: whoever
// has just acted sees it.
func (f *follower) look(ctx context.Context) (picture, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, err := f.hub.store.Events(ctx, f.id, f.at, 0)
	if err != nil {
		return picture{}, err
	}
	f.tracker.Apply(entries...)
	for _, e := range entries {
		f.at = e.Position
	}
	o := f.tracker.Overview(f.hub.now())
	files, _ := f.hub.files() // without it, roles go by their names
	p := f.plan
	p.Estate = f.tracker.Estate()
	return picture{Plan: p, Overview: o, People: rollOf(f.tracker.Roll()), Deputies: f.tracker.Deputies(), Titles: files.Roles}, nil
}

// readNow is all runs that have not ended, as everybody may see them.
func (h *hub) readNow(ctx context.Context) ([]picture, error) {
	list, err := h.store.Runs(ctx, journal.Filter{Open: true, Limit: shown})
	if err != nil {
		return nil, err
	}
	out := make([]picture, 0, len(list))
	for _, r := range list {
		p, err := h.one(ctx, r.Run)
		if err != nil {
			if p, err = h.unread(ctx, r, err); err != nil {
				return nil, err
			}
		}
		out = append(out, p.seenBy(""))
	}
	h.readAgain(out)
	for i := range out {
		for _, other := range out {
			out[i].putBeside(other.Overview.Run, other.Overview.Kind, other.Plan)
		}
	}
	// Whoever opens the page in an emergency finds the emergency first.
	slices.SortStableFunc(out, func(a, b picture) int { return kindRank(a.Overview.Kind) - kindRank(b.Overview.Kind) })
	return out, nil
}

// one is where a run stands.
func (h *hub) one(ctx context.Context, id string) (picture, error) {
	f, err := h.follow(ctx, id)
	if err != nil {
		return picture{}, err
	}
	return f.look(ctx)
}

// unread stands for a run that can't be read, whose plan is missing or altered: it takes no other
// one's picture away. Where nothing can be read the error is the store's, and stays one.
func (h *hub) unread(ctx context.Context, r journal.Summary, why error) (picture, error) {
	if _, err := h.store.Runs(ctx, journal.Filter{Run: r.Run, Limit: 1}); err != nil {
		return picture{}, why
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.told[r.Run] {
		h.log.Error("the board can't read an open run; it shows the others", "run", r.Run, "err", why)
		h.told[r.Run] = true
	}
	return picture{Unread: true, Overview: progress.Overview{Run: r.Run, Kind: r.Kind, State: r.State, StartedAt: r.StartedAt}}, nil
}

// readAgain forgets of which runs it was told that they can't be read, once they can, or are over.
func (h *hub) readAgain(now []picture) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.told {
		if !slices.ContainsFunc(now, func(p picture) bool { return p.Unread && p.Overview.Run == id }) {
			delete(h.told, id)
		}
	}
}

// topic is what a page shows and what keeps it current: its fragments are drawn once for
// all who look, and again when something has changed.
type topic struct {
	hub  *hub
	name string
	read func(context.Context) ([]picture, error)
	draw func(*pages, []picture, time.Time) ([]fragment, error)

	mu      sync.Mutex
	viewers int
	stop    context.CancelFunc
	changed chan struct{} // closed at the next picture
	seen    []picture
	asOf    time.Time
	rev     int64
	drawn   map[i18n.Lang][]fragment
}

// fragment is a part of a page that is replaced as a whole.
type fragment struct {
	id   string
	html string
	rev  int64 // of the picture in which it last changed
}

func (t *topic) watched() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.viewers > 0 }

// join counts a viewer in; the first one starts the pump.
func (t *topic) join() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.viewers++; t.viewers > 1 {
		return
	}
	ctx, stop := context.WithCancel(t.hub.ctx)
	t.stop, t.changed, t.asOf = stop, make(chan struct{}), time.Time{}
	t.hub.all.Go(func() { t.pump(ctx) })
}

func (t *topic) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.viewers--; t.viewers == 0 {
		t.stop()
	}
}

// pump draws a new picture when the journal has grown, at most every apart, and at every
// beat, since clocks go on by themselves.
func (t *topic) pump(ctx context.Context) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
		changed := t.hub.store.Changed() // before looking: what comes meanwhile is not missed
		begun := time.Now()
		if err := t.refresh(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			t.hub.log.Warn("the board can't read the record", "of", t.name, "err", err)
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		rest.Reset(max(0, apart-time.Since(begun)))
	}
}

// refresh reads and draws, and tells the viewers. What could not be read is not told as
// current: the viewers' pages then grow stale, which they say by themselves.
func (t *topic) refresh(ctx context.Context) error {
	pictures, err := t.read(ctx)
	if err != nil {
		return err
	}
	now := t.hub.now()
	drawn := map[i18n.Lang][]fragment{}
	for l, p := range t.hub.langs {
		// Clocks run in the reader's browser; what is drawn changes with them only now
		// and then, so that the same picture stays the same text.
		list, err := t.draw(p, pictures, now.Truncate(beat))
		if err != nil {
			return err
		}
		drawn[l] = list
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.hub.revs.Add(1)
	for l, list := range drawn {
		old := t.drawn[l]
		for i := range list {
			list[i].rev = next
			for _, o := range old {
				if o.id == list[i].id && o.html == list[i].html {
					list[i].rev = o.rev
				}
			}
		}
	}
	t.rev, t.drawn, t.seen, t.asOf = next, drawn, pictures, now
	close(t.changed)
	t.changed = make(chan struct{})
	return nil
}

// news is what a viewer has not seen yet.
type news struct {
	fragments []fragment
	pictures  []picture
	asOf      time.Time
	rev       int64
	next      <-chan struct{}
}

func (t *topic) news(l i18n.Lang, after int64) news {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := news{pictures: t.seen, asOf: t.asOf, rev: t.rev, next: t.changed}
	for _, f := range t.drawn[l] {
		if f.rev > after {
			n.fragments = append(n.fragments, f)
		}
	}
	return n
}
