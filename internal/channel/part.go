package channel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// part is what one server sends, as it is kept. Every item is about to be sent from the
// moment the part is kept: after a crash, one without an outcome may have been.
type part struct {
	Owner   string    `json:"owner,omitempty"`
	Until   time.Time `json:"until,omitzero"` // then the owner counts as dead for servers of before Left, by their own clocks
	From    int64     `json:"from,omitempty"`
	Through int64     `json:"through,omitempty"`
	Index   int       `json:"index,omitempty"`
	Items   []item    `json:"items,omitempty"`
	Done    bool      `json:"done,omitempty"`
	// Offered: a channel does not work at the owner. Nothing is under way, and what may have been
	// said is noted; who can send takes the part, and until then the owner goes on trying.
	Offered bool `json:"offered,omitempty"`
	// Left: the owner has ended in order, and nobody need wait until it counts as dead.
	Left bool `json:"left,omitempty"`
}

// item is one delivery.
type item struct {
	Pair     int         `json:"pair"`    // index into the part's pairs
	Channel  string      `json:"channel"` // "": none reaches the person
	Attempts int         `json:"attempts,omitempty"`
	Outcome  run.Outcome `json:"outcome,omitempty"` // "" until it is settled
	Reason   string      `json:"reason,omitempty"`
	Seq      int64       `json:"seq,omitempty"` // of the receipt; 0 without a channel
	At       time.Time   `json:"at,omitzero"`   // of the outcome
	Again    bool        `json:"again,omitempty"`
}

const (
	// giveUpAfter is when a message that nothing settles is given up.
	giveUpAfter = 24 * time.Hour
	// saveEvery bounds how much a crash may have said without a note of it.
	saveEvery = 500 * time.Millisecond
)

// newPart lists the deliveries of a part, by every channel that reaches the person now.
func (f *follower) newPart(from, through int64, index int, pairs []pair) part {
	body := part{Owner: f.d.owner, Until: f.d.Clock.Time().Add(f.d.Lease), From: from, Through: through, Index: index}
	contacts := f.d.contacts()
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, pr := range pairs {
		if still, _ := f.pic.need(pr.entry); !still {
			continue
		}
		m := f.pic.message(pr.entry.Event, pr.person, contacts[pr.person], f.d.Lang)
		reached := false
		for _, c := range f.d.Channels {
			if c.Reaches(m) {
				body.Items = append(body.Items, item{Pair: n, Channel: c.Name()})
				reached = true
			}
		}
		if !reached && f.pic.lose(pr.person, string(m.Matter)) {
			body.Items = append(body.Items, item{Pair: n, Outcome: run.Failed, Reason: Says("no address for any channel that is set up", "設定済みの通知手段の宛先が構成台帳にない"),
				At: f.d.Clock.Time().UTC().Truncate(time.Microsecond)})
		}
	}
	body.Done = len(body.Items) == 0
	if body.Offered = f.d.stuck(body); body.Offered {
		body.Until = f.d.Clock.Time()
	}
	return body
}

// stuck reports whether something of a part waits for a channel that has not worked here for a while.
func (d *Dispatcher) stuck(body part) bool {
	now := d.Clock.Time()
	return slices.ContainsFunc(d.lanes, func(l *lane) bool { return l.gate.shutFor(now) >= d.Patience && body.needs(l.Name()) })
}

// needs reports whether something of a part is still to be sent by a channel.
func (p part) needs(channel string) bool {
	return slices.ContainsFunc(p.Items, func(it item) bool { return it.Outcome == "" && it.Channel == channel })
}

// unable reports whether something of a part waits for a channel that does not work here either. It
// is asked anew: another server waits for the answer.
func (d *Dispatcher) unable(body part) bool {
	for _, it := range body.Items {
		if it.Outcome != "" {
			continue
		}
		l := d.lane(it.Channel)
		if l == nil && body.Offered {
			return true
		}
		if l != nil && !l.gate.well() {
			l.asks()
			return true
		}
	}
	return false
}

// sending is a part in this server's hands.
type sending struct {
	f       *follower
	id      string
	version int64
	pairs   []pair
	lost    context.CancelFunc
	leaves  bool // the server ends

	saving sync.Mutex // over version, kept, told, gone
	kept   int64      // receipts up to this number are in the journal
	told   bool       // those for whom there is no channel are in it
	gone   bool       // another server has it

	mu    sync.Mutex
	body  part
	seq   int64
	dirty bool
	under int // being sent
	// offered: the store has it as offered, or may have it.
	offered bool
}

// start sends a part in the background.
func (f *follower) start(ctx context.Context, doc journal.Document, body part, pairs []pair) {
	if body.Done {
		return
	}
	f.mu.Lock()
	f.mine[doc.ID] = true
	f.open++
	f.mu.Unlock()
	f.parts.Go(func() {
		defer func() {
			f.mu.Lock()
			delete(f.mine, doc.ID)
			f.open--
			f.mu.Unlock()
		}()
		ctx, lost := context.WithCancel(ctx)
		defer lost()
		s := &sending{f: f, id: doc.ID, version: doc.Version, pairs: pairs, body: body, lost: lost, offered: body.Offered}
		for _, it := range body.Items {
			s.seq = max(s.seq, it.Seq)
		}
		s.send(ctx)
	})
}

func (s *sending) send(ctx context.Context) {
	var lanes sync.WaitGroup
	ended, mine := make(chan struct{}), map[*lane][]int{}
	for i := range s.body.Items { // before anything runs that settles items
		it := s.body.Items[i]
		l := s.f.d.lane(it.Channel)
		switch {
		case it.Outcome != "":
		case l == nil: // a channel that was taken out of the settings
			s.settle(i, run.Failed, Says("the channel is not set up any more", "通知手段の設定が外された"))
		default:
			mine[l] = append(mine[l], i)
		}
	}
	for l, items := range mine {
		lanes.Go(func() { s.through(ctx, l, items) })
	}
	go func() { lanes.Wait(); close(ended) }()
	renewed := time.Now()
	for {
		tick := time.NewTimer(saveEvery)
		select {
		case <-ended:
			tick.Stop()
			// What was said is kept although the server ends, and what is left is free at once.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.leaves = ctx.Err() != nil
			s.save(last, true)
			return
		case <-tick.C:
			due := time.Since(renewed) > s.f.d.Lease/3 || s.turned()
			if s.save(ctx, due) && due {
				renewed = time.Now()
			}
		}
	}
}

// turned reports whether it is to be kept that the part is offered, or that it is not any more: who could send it waits.
func (s *sending) turned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body.Offered != (s.under == 0 && s.f.d.stuck(s.body))
}

// lane is that of a channel; nil when there is none of that name.
func (d *Dispatcher) lane(name string) *lane {
	for _, l := range d.lanes {
		if l.Name() == name {
			return l
		}
	}
	return nil
}

// through sends the items of one channel, as many at once as it takes.
func (s *sending) through(ctx context.Context, l *lane, items []int) {
	var under sync.WaitGroup
	defer under.Wait()
	l.waiting(len(items))
	for n, i := range items {
		if !l.take(ctx) {
			l.waiting(n - len(items))
			return
		}
		under.Go(func() { s.deliver(ctx, l, i) })
	}
}

// deliver sends one item until it is settled. It holds a place in the lane only while it
// sends.
func (s *sending) deliver(ctx context.Context, l *lane, i int) {
	d := s.f.d
	pr, held := s.pairs[s.body.Items[i].Pair], true
	defer func() {
		l.waiting(-1)
		if held {
			l.give()
		}
	}()
	begun := time.Now()
	for tries := 0; ctx.Err() == nil; {
		if !held && !l.take(ctx) {
			return
		}
		held = true
		if !l.gate.pass(ctx, d.Clock) {
			return
		}
		c := d.contacts()[pr.person]
		s.f.mu.Lock()
		still, over := s.f.pic.need(pr.entry)
		m := s.f.pic.message(pr.entry.Event, pr.person, c, d.Lang)
		s.f.mu.Unlock()
		matter := m.Matter
		conclude := func(o run.Outcome, reason string) {
			l.gate.leave()
			s.settle(i, o, reason)
			l.settled(matter, o, time.Since(begun))
		}
		switch {
		case over:
			conclude(run.Failed, Says("the run was over before it could be delivered", "届く前に実施が終了した"))
			return
		case !still:
			conclude(run.Skipped, Says("it was answered before it could be delivered", "届く前に回答または処理が済んだ"))
			return
		case !l.Reaches(m):
			conclude(run.Failed, Says("the estate has no address for this channel any more", "構成台帳にこの通知手段の宛先がなくなった"))
			return
		}
		err := m.link(ctx, d.Addresses)
		if err == nil {
			err = s.attempt(ctx, l, i, m)
		} else {
			err = &Failure{Text: Says("no personal link could be made", "本人用のリンクを作成できなかった"), Temporary: true, Err: err}
		}
		if err == nil {
			l.gate.open(d.Log, l.Name())
			l.settled(matter, run.Passed, time.Since(begun))
			return
		}
		if ctx.Err() != nil {
			l.gate.leave()
			return
		}
		fail := failureOf(err)
		if !fail.Temporary || d.Clock.Time().Sub(pr.entry.Event.At) > giveUpAfter {
			conclude(run.Failed, fail.Text)
			return
		}
		l.retried()
		if fail.Wide {
			l.gate.shut(d, l.Name(), fail)
			continue // the gate holds it, and with it all others
		}
		l.gate.leave()
		l.give()
		held = false
		if d.Clock.Wait(ctx, max(fail.After, pause(d.FirstPause, d.LastPause, tries))) != nil {
			return
		}
		tries++
	}
}

// attempt sends one item once, and notes what came of it. Of a part that is offered nothing is under
// way: it is taken back first, and if another server was faster, nothing is sent.
func (s *sending) attempt(ctx context.Context, l *lane, i int, m Message) error {
	s.mu.Lock()
	s.under++
	offered := s.offered
	s.mu.Unlock()
	if offered && !s.save(ctx, true) {
		return context.Canceled
	}
	s.mu.Lock()
	s.body.Items[i].Attempts++
	again := s.body.Items[i].Again
	s.mu.Unlock()
	err := l.Send(ctx, m, again)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.note(i, run.Passed, "")
	case ctx.Err() != nil:
		return err // nobody knows; it stays under way
	default:
		s.body.Items[i].Again = again || failureOf(err).Unsure
	}
	s.under--
	return err
}

// settle notes an outcome; its receipt follows.
func (s *sending) settle(i int, o run.Outcome, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(i, o, reason)
}

func (s *sending) note(i int, o run.Outcome, reason string) {
	s.seq++
	it := &s.body.Items[i]
	it.Outcome, it.Reason, it.Seq, it.At, s.dirty = o, reason, s.seq, s.f.d.Clock.Time().UTC().Truncate(time.Microsecond), true
}

// save keeps what is settled, and then enters the receipts in the journal. It reports
// whether it did; a part that another server took is let go, and one with which this server does not
// get on is offered.
func (s *sending) save(ctx context.Context, even bool) bool {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	if s.gone || !s.dirty && !even {
		s.mu.Unlock()
		return false
	}
	s.dirty = false
	offered := s.offered
	s.body.Offered = s.under == 0 && !s.leaves && s.f.d.stuck(s.body)
	s.offered = s.offered || s.body.Offered
	s.body.Until, s.body.Left = s.f.d.Clock.Time().Add(s.f.d.Lease), s.leaves
	if s.leaves || s.body.Offered {
		s.body.Until = s.f.d.Clock.Time()
	}
	body := s.body
	body.Items = append([]item(nil), s.body.Items...)
	s.mu.Unlock()

	doc, err := s.f.d.keep(ctx, s.f.kind(), s.id, s.version, body)
	if err != nil {
		s.lost()
		switch s.gone = errors.Is(err, journal.ErrChanged); {
		case s.gone && offered:
			s.f.d.Log.Info("channels: another server sends what this one could not", "run", s.f.run)
		case s.gone:
			s.f.d.Log.Warn("channels: another server took over what this one was sending", "run", s.f.run)
		}
		return false
	}
	s.version = doc.Version
	s.mu.Lock()
	s.offered = body.Offered
	s.mu.Unlock()
	all := true
	var events, unreached []run.Event
	for _, it := range body.Items {
		all = all && it.Outcome != ""
		switch {
		case it.Channel == "" && !s.told:
			unreached = append(unreached, s.receipt(it))
		case it.Outcome != "" && it.Seq > s.kept:
			events = append(events, s.receipt(it))
		}
	}
	if !s.f.d.enterOnce(ctx, unreached) {
		return false
	}
	s.told = true
	slices.SortFunc(events, func(a, b run.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	if !s.f.d.enter(ctx, events) {
		return false
	}
	for _, e := range events {
		s.kept = max(s.kept, e.Seq)
	}
	if all {
		_, _ = s.f.d.keep(ctx, s.f.kind(), s.id, s.version, part{Done: true})
	}
	return true
}

// enter appends receipts; the store may be away for a while.
func (d *Dispatcher) enter(ctx context.Context, events []run.Event) bool {
	for pause := 100 * time.Millisecond; len(events) > 0; pause = min(2*pause, 5*time.Second) {
		err := d.Store.Append(ctx, events)
		if err == nil || errors.Is(err, journal.ErrTaken) {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		d.Log.Warn("channels: receipts can't be kept; trying again", "run", events[0].Run, "err", err)
		if d.Clock.Wait(ctx, pause) != nil {
			return false
		}
	}
	return true
}

// enterOnce appends receipts of which each may be in the journal already.
func (d *Dispatcher) enterOnce(ctx context.Context, events []run.Event) bool {
	if len(events) == 0 || d.Store.Append(ctx, events) == nil {
		return true
	}
	for i := range events { // one that is there would keep the others out
		if !d.enter(ctx, events[i:i+1]) {
			return false
		}
	}
	return true
}

// receipt is the event that tells what became of a delivery. Each part is a writer of its
// own, which numbers its receipts in the order of their outcomes. That somebody can't be reached
// is a writer of its own, so that it is said once a matter, whoever says it.
func (s *sending) receipt(it item) run.Event {
	pr := s.pairs[it.Pair]
	e := run.Event{Run: s.f.run, Writer: fmt.Sprintf("%s%s", ReceiptWriter, s.id), Seq: it.Seq, At: it.At, Kind: run.MessageDelivered,
		Phase: pr.entry.Event.Phase, Person: pr.person, By: run.Engine,
		Data: run.Encode(run.Delivery{Channel: it.Channel, Of: of(pr.entry.Event), Matter: string(matterOf(pr.entry.Event)), Attempts: it.Attempts})}
	if it.Outcome != run.Passed {
		e.Kind, e.Outcome, e.Reason = run.MessageFailed, it.Outcome, it.Reason
	}
	if it.Channel == "" {
		e.Writer, e.Seq = fmt.Sprintf("%sunreached/%s/%s", ReceiptWriter, matterOf(pr.entry.Event), pr.person), 1
	}
	return e
}

// ReceiptWriter begins the names of the writers of receipts.
const ReceiptWriter = "channel/"
