package channel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// post is a channel that keeps what it delivered, by the ID of the message.
type post struct {
	name string
	room bool // it has one for each run
	mu   sync.Mutex
	got  map[string]int // how often each was delivered
	sent map[string]channel.Message
	// meets decides on each attempt; nil delivers. What it returns as unsure was delivered.
	meets func(m channel.Message, again bool) error
	most  int // under way at once
	now   int
	works func() error // nil is that it does
	asked int          // whether it works
}

func newPost(name string) *post {
	return &post{name: name, got: map[string]int{}, sent: map[string]channel.Message{}}
}

func (p *post) Name() string { return p.name }
func (p *post) AtOnce() int  { return 4 }

func (p *post) Works(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.works != nil {
		return p.works()
	}
	return nil
}

func (p *post) Reaches(m channel.Message) bool {
	return m.Person != "" && m.Contact.Mail != "" || m.Person == "" && p.room
}

func (p *post) Send(ctx context.Context, m channel.Message, again bool) error {
	if err := m.Check(); err != nil {
		return err
	}
	p.mu.Lock()
	p.now++
	p.most = max(p.most, p.now)
	meets := p.meets
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.now--
		p.mu.Unlock()
	}()
	var err error
	if meets != nil {
		err = meets(m, again)
	}
	if f := new(channel.Failure); err == nil || errors.As(err, &f) && f.Unsure {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent[m.ID] = m
		if !again { // as a channel that looks first does
			p.got[m.ID]++
		} else if p.got[m.ID] == 0 {
			p.got[m.ID]++
		}
	}
	return err
}

func (p *post) delivered() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{}
	for id, n := range p.got {
		out[id] = n
	}
	return out
}

// world is a run's journal and what dispatchers need.
type world struct {
	store  journal.Store
	plan   plan.Plan
	estate *estate.Estate
	run    string
	seq    int64
}

const runID = "tokyo-loss-1"

func newWorld(t *testing.T, people int) *world {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &world{store: store, run: runID, estate: &estate.Estate{Contacts: map[string]estate.Contact{}}}
	w.plan = plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京の喪失"}, Hazard: run.Disaster, Depth: run.Tabletop,
		Phases: run.Phases(run.Disaster), Decision: plan.DecisionRule{By: "commander"}}, Systems: []plan.System{{Name: "orders"}}}
	for n := range people {
		id, role := fmt.Sprintf("p%04d", n), "staff"
		if n == 0 {
			role = "commander"
		}
		w.plan.Estate.People = append(w.plan.Estate.People, plan.Person{ID: id, Name: plan.Text{EN: "Person", JA: "職員"}, Roles: []string{role}})
		w.estate.Contacts[id] = estate.Contact{Mail: id + "@example.jp"}
	}
	w.plan.Seal()
	if err := store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.begin(t, runID, run.Drill)
	return w
}

// begin starts a run of the plan; what is added from now on belongs to it.
func (w *world) begin(t *testing.T, id string, kind run.Kind) {
	t.Helper()
	w.run, w.seq = id, 0
	w.add(t, run.Event{Kind: run.RunStarted, By: "p0000", Data: run.Encode(run.Started{Kind: kind, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})})
}

func (w *world) add(t *testing.T, events ...run.Event) {
	t.Helper()
	for i := range events {
		w.seq++
		events[i].Run, events[i].Writer, events[i].Seq = w.run, "run", w.seq
		if events[i].At.IsZero() {
			events[i].At = time.Now().UTC()
		}
	}
	if err := w.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func (w *world) call(t *testing.T) {
	t.Helper()
	var events []run.Event
	for _, p := range w.plan.Estate.People {
		events = append(events, run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: p.ID, By: run.Engine, Data: run.Encode(run.Call{Channel: "journal"})})
	}
	w.add(t, events...)
}

// clock is one whose sleeps take no time, and which tells how much was slept.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Clock() channel.Clock {
	return channel.Clock{Now: func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.now
	}, Sleep: func(ctx context.Context, d time.Duration) error {
		c.mu.Lock()
		c.now = c.now.Add(d)
		c.mu.Unlock()
		return ctx.Err()
	}}
}

func (w *world) dispatch(t *testing.T, change func(*channel.Dispatcher), channels ...channel.Channel) (stop func()) {
	t.Helper()
	d := &channel.Dispatcher{Store: w.store, Channels: channels, Estate: func() (*estate.Estate, error) { return w.estate, nil }, Lang: i18n.JA, Log: slog.New(slog.DiscardHandler),
		Lease: time.Minute, Look: 50 * time.Millisecond, FirstPause: 5 * time.Millisecond, LastPause: 50 * time.Millisecond}
	d.Changed = w.store.Changed
	if change != nil {
		change(d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// receipts are those in the journal, by channel and person and event.
func (w *world) receipts(t *testing.T) map[string][]run.Event {
	t.Helper()
	entries, err := w.store.Events(t.Context(), w.run, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	out, last := map[string][]run.Event{}, map[string]int64{}
	for _, e := range entries {
		if e.Event.Kind == run.MessageDelivered || e.Event.Kind == run.MessageFailed {
			var d run.Delivery
			if err := e.Event.Decode(&d); err != nil {
				t.Fatal(err)
			}
			out[d.Channel+" "+e.Event.Person+" "+d.Of] = append(out[d.Channel+" "+e.Event.Person+" "+d.Of], e.Event)
			if e.Event.Seq != last[e.Event.Writer]+1 {
				t.Errorf("%s: number %d follows %d", e.Event.Writer, e.Event.Seq, last[e.Event.Writer])
			}
			last[e.Event.Writer] = e.Event.Seq
		}
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(5*time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// 5,000 people are called by two channels, one of which answers nothing for ten minutes: the
// other delays for nothing, and in the end everybody has been told once by each.
func TestFiveThousandWhileOneChannelIsDown(t *testing.T) {
	const people = 5000
	w := newWorld(t, people)
	good, bad := newPost("mail"), newPost("slack")
	time0 := time.Now()
	c := &clock{now: time0}
	tries := 0
	bad.meets = func(channel.Message, bool) error {
		bad.mu.Lock()
		defer bad.mu.Unlock()
		if c.Clock().Now().Sub(time0) > 10*time.Minute {
			return nil
		}
		if tries++; tries%2 == 0 {
			return channel.Down("429 / 429", 30*time.Second, nil)
		}
		return channel.Down("500 / 500", 0, nil)
	}
	w.call(t)
	w.dispatch(t, func(d *channel.Dispatcher) {
		d.Clock, d.FirstPause, d.LastPause, d.Lease = c.Clock(), time.Second, time.Minute, time.Hour
	}, good, bad)
	waittest.Every(t, 500*time.Millisecond, 5*time.Minute, func() string { // each look reads the whole journal
		if n := len(w.receipts(t)); n < 2*people {
			return fmt.Sprintf("%d receipts of %d", n, 2*people)
		}
		return ""
	})
	for _, p := range []*post{good, bad} {
		got := p.delivered()
		if len(got) != people {
			t.Errorf("%s delivered %d", p.name, len(got))
		}
		for id, n := range got {
			if n != 1 {
				t.Fatalf("%s: %s came %d times", p.name, id, n)
			}
		}
		if p.most > p.AtOnce() {
			t.Errorf("%s had %d under way", p.name, p.most)
		}
	}
	if tries > 100 {
		t.Errorf("a channel that does not work was tried %d times in ten minutes", tries)
	}
	for key, list := range w.receipts(t) {
		if len(list) != 1 || list[0].Kind != run.MessageDelivered {
			t.Fatalf("%s: %+v", key, list)
		}
	}
}

// Three servers share the work, two of them die in the middle: each message is said once as
// far as a reader sees, with one receipt.
func TestServersDie(t *testing.T) {
	const people = 1000
	w := newWorld(t, people)
	p := newPost("mail")
	slow := make(chan struct{})
	p.meets = func(channel.Message, bool) error {
		select {
		case <-slow:
		case <-time.After(time.Millisecond):
		}
		return nil
	}
	w.call(t)
	var stops []func()
	for range 3 {
		stops = append(stops, w.dispatch(t, nil, p))
	}
	eventually(t, "a first part", func() bool { return len(p.delivered()) > 50 })
	stops[0]()
	eventually(t, "some more", func() bool { return len(p.delivered()) > 300 })
	stops[1]()
	close(slow)
	eventually(t, "everybody's receipt", func() bool { return len(w.receipts(t)) == people })
	for id, n := range p.delivered() {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	for key, list := range w.receipts(t) {
		if len(list) != 1 {
			t.Errorf("%s has %d receipts", key, len(list))
		}
	}
}

// everybodyOnce fails unless each of so many messages came once, with one receipt that says so.
func (w *world) everybodyOnce(t *testing.T, want int, posts ...*post) {
	t.Helper()
	times := map[string]int{}
	for _, p := range posts {
		for id, n := range p.delivered() {
			times[p.name+" "+id] += n
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if len(times) != want {
		t.Errorf("%d messages came, want %d", len(times), want)
	}
	for key, list := range w.receipts(t) {
		if len(list) != 1 || list[0].Kind != run.MessageDelivered {
			t.Errorf("%s: %+v", key, list)
		}
	}
}

// A server at which a channel does not work leaves its messages to another one, which need not look
// whether they were said, and takes none back while the other one sends; what else it says, it says.
func TestAnotherServerSendsWhatThisOneCannot(t *testing.T) {
	const people = 300 // two parts
	w := newWorld(t, people)
	cut, good, slack := newPost("mail"), newPost("mail"), newPost("slack")
	tries, looks := 0, 0
	cut.meets = func(channel.Message, bool) error {
		cut.mu.Lock()
		defer cut.mu.Unlock()
		tries++
		return channel.Down("no way out / 外に出られない", time.Hour, nil)
	}
	good.meets = func(_ channel.Message, again bool) error {
		good.mu.Lock()
		defer good.mu.Unlock()
		if again {
			looks++
		}
		return nil
	}
	// A channel that is found to work when it is asked would be tried again.
	patient := func(d *channel.Dispatcher) { d.Patience, d.AskEvery = time.Millisecond, 10*time.Hour }
	w.call(t)
	w.dispatch(t, patient, cut, slack)
	eventually(t, "the first server to try", func() bool {
		cut.mu.Lock()
		defer cut.mu.Unlock()
		return tries > 0 && len(slack.delivered()) == people
	})
	w.dispatch(t, patient, good, slack)
	eventually(t, "everybody's two receipts", func() bool { return len(w.receipts(t)) == 2*people })
	for n := range 3 { // whoever is first to it
		w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Completion, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0000"}, Text: run.Mark + " It rains. / 雨です。"})})
		eventually(t, "one more thing to be said by both", func() bool { return len(w.receipts(t)) == 2*people+2*(n+1) })
	}
	w.everybodyOnce(t, 2*people+6, cut, good, slack)
	if looks > 0 {
		t.Errorf("%d messages of which none was under way were looked for", looks)
	}
	if most := cut.AtOnce(); tries > most {
		t.Errorf("who can't send tried %d times, want no more than the %d that were under way", tries, most)
	}
}

// What a server can't send is another one's as soon as that is known, however long a server may be silent.
func TestWhatAServerCannotSendIsOfferedAtOnce(t *testing.T) {
	w := newWorld(t, 3)
	cut, good := newPost("mail"), newPost("mail")
	tried := make(chan struct{})
	once := sync.OnceFunc(func() { close(tried) })
	cut.meets = func(channel.Message, bool) error {
		once()
		return channel.Down("no way out / 外に出られない", time.Hour, nil)
	}
	patient := func(d *channel.Dispatcher) {
		d.Lease, d.Patience, d.AskEvery = time.Hour, time.Millisecond, 10*time.Hour
	}
	w.call(t)
	w.dispatch(t, patient, cut)
	arrives(t, "a message at the channel that is cut off", tried)
	w.dispatch(t, patient, good)
	eventually(t, "everybody's receipt", func() bool { return len(w.receipts(t)) == 3 })
	w.everybodyOnce(t, 3, cut, good)
}

func arrives(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(5 * time.Minute):
		t.Fatalf("waited in vain for %s", what)
	}
}

// holds is a store that keeps waiting whoever takes back what it offered.
type holds struct {
	journal.Store
	held func()
}

func (h *holds) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	offered := func(d journal.Document) bool { return strings.Contains(string(d.Body), `"offered":true`) }
	if was, err := h.Document(ctx, d.Kind, d.ID); err == nil && offered(was) && !offered(d) {
		h.held()
	}
	return h.Store.PutDocument(ctx, d)
}

// Of what a server offers it says nothing before it has all of it back, although a first message asks for that already: another
// server may be faster.
func TestNothingOfferedIsSentBeforeItIsTakenBack(t *testing.T) {
	w := newWorld(t, 2)
	cut, good, slack := newPost("mail"), newPost("mail"), newPost("slack")
	cut.meets = func(channel.Message, bool) error {
		return channel.Down("no way out / 外に出られない", time.Hour, nil)
	}
	holding, let := make(chan struct{}), make(chan struct{})
	held, release := sync.OnceFunc(func() { close(holding) }), sync.OnceFunc(func() { close(let) })
	var a *channel.Dispatcher
	patient := func(d *channel.Dispatcher) { d.Patience, d.AskEvery = time.Millisecond, 10*time.Hour }
	w.call(t)
	w.dispatch(t, func(d *channel.Dispatcher) {
		patient(d)
		a, d.Store = d, &holds{w.store, func() { held(); <-let }}
	}, cut, slack)
	t.Cleanup(release)
	eventually(t, "mail to be told dead, and all to be said by the other channel", func() bool {
		return a.State()["mail"] != "ok" && len(w.receipts(t)) == 2
	})
	w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Completion, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0000", "p0001"}, Text: run.Mark + " It rains. / 雨です。"})})
	arrives(t, "the offer to be taken back", holding)
	w.dispatch(t, patient, good, slack)
	eventually(t, "everybody's receipts", func() bool { return len(w.receipts(t)) == 8 })
	release()
	w.everybodyOnce(t, 8, cut, good, slack)
}

// Where a channel works nowhere each server goes on trying, and once it works all is said once.
func TestAChannelThatWorksNowhereIsTriedOn(t *testing.T) {
	for servers := 1; servers <= 2; servers++ {
		w := newWorld(t, 30)
		p := newPost("mail")
		tries := 0
		p.meets = func(_ channel.Message, again bool) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if again {
				t.Error("what was refused, or never tried, is looked for")
			}
			if tries++; tries < 25 {
				return channel.Down("500 / 500", 0, nil)
			}
			return nil
		}
		w.call(t)
		for range servers {
			w.dispatch(t, func(d *channel.Dispatcher) {
				d.Patience, d.LastPause = time.Millisecond, 200*time.Millisecond
			}, p)
		}
		eventually(t, "everybody's receipt", func() bool { return len(w.receipts(t)) == 30 })
		w.everybodyOnce(t, 30, p)
	}
}

// A channel that dies between two runs is told without a message, and so is its return. What was found
// holds no message back, and a channel that sends is not asked.
func TestAnIdleChannelIsAskedWhetherItWorks(t *testing.T) {
	w := newWorld(t, 1)
	p, other := newPost("mail"), newPost("slack")
	var d *channel.Dispatcher
	locked := func(f func()) { p.mu.Lock(); defer p.mu.Unlock(); f() }
	p.works = func() error { return channel.Down("refuses the password / 認証失敗", 0, nil) }
	w.dispatch(t, func(x *channel.Dispatcher) {
		d = x
		d.AskEvery, d.FirstPause, d.LastPause = 20*time.Millisecond, time.Hour, time.Hour
	}, p, other)
	is := func(want string) func() bool {
		return func() bool { s := d.State(); return s["mail"] == want && s["slack"] == "ok" }
	}
	eventually(t, "mail to be told dead", is("refuses the password / 認証失敗"))
	locked(func() { p.works = nil })
	eventually(t, "mail to be told alive", is("ok"))
	looked := 0
	locked(func() {
		looked, p.works = p.asked, func() error { return &channel.Failure{Text: "refuses a ping / 拒否"} } // of this message, not the channel's
	})
	eventually(t, "such looks", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.asked >= looked+3 })
	if s := d.State()["mail"]; s != "ok" {
		t.Errorf("a channel that refuses a look alone is %q", s)
	}
	locked(func() { p.works = func() error { return errors.New("no answer") } })
	dead := is("the channel can't be reached / 通知手段に接続できない")
	eventually(t, "mail to be told dead", dead)

	let := make(chan struct{})
	sending := make(chan struct{})
	p.mu.Lock()
	p.meets = func(channel.Message, bool) error { close(sending); <-let; return nil }
	p.mu.Unlock()
	w.call(t)
	<-sending // although it counts as dead
	var before, beside int
	locked(func() { before = p.asked })
	other.mu.Lock()
	beside = other.asked
	other.mu.Unlock()
	eventually(t, "another channel to be asked", func() bool { other.mu.Lock(); defer other.mu.Unlock(); return other.asked >= beside+3 })
	locked(func() {
		if p.asked > before+1 { // one look may have begun before
			t.Errorf("asked %d times while it sent", p.asked-before)
		}
		p.works, p.meets = nil, nil
	})
	close(let)
	eventually(t, "a message to show that it works", is("ok"))

	// What is sent past the dispatcher tells as well.
	d2 := d
	w.dispatch(t, func(x *channel.Dispatcher) { d2 = x; d2.AskEvery = time.Hour }, p, other)
	eventually(t, "the channels", func() bool { return d2.State()["mail"] == "ok" })
	for _, x := range []struct {
		err  error
		want string
	}{{channel.Down("503 / 503", 0, nil), "503 / 503"}, {context.Canceled, "503 / 503"}, {&channel.Failure{Text: "no such mailbox"}, "503 / 503"}, {nil, "ok"}, {&channel.Failure{Text: "no such mailbox"}, "ok"}} {
		if d2.Heard("mail", x.err); d2.State()["mail"] != x.want {
			t.Errorf("after %v it is %q, want %q", x.err, d2.State()["mail"], x.want)
		}
	}
	d2.Heard("telex", nil)
}

// An answer that is lost with the server: the next one is told that it may have been said.
func TestCrashBetweenSendingAndNoting(t *testing.T) {
	w := newWorld(t, 3)
	p := newPost("mail")
	ctx, crash := context.WithCancel(t.Context())
	p.meets = func(channel.Message, bool) error { <-ctx.Done(); return channel.Down("lost / lost", 0, nil) }
	w.call(t)
	stop := w.dispatch(t, nil, p)
	eventually(t, "all to be under way", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.now == 3 })
	go crash()
	stop()
	again := 0
	p.mu.Lock()
	p.meets = func(_ channel.Message, a bool) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if a {
			again++
		}
		return nil
	}
	p.mu.Unlock()
	w.dispatch(t, nil, p)
	eventually(t, "the receipts", func() bool { return len(w.receipts(t)) == 3 })
	if again != 3 {
		t.Errorf("%d of 3 were told to look first", again)
	}
}

// cut is a store whose server keeps nothing any more once it is killed.
type cut struct {
	journal.Store
	killed atomic.Bool
}

func (c *cut) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	if c.killed.Load() {
		return d, errors.New("killed")
	}
	return c.Store.PutDocument(ctx, d)
}

// A server whose clock was hours ahead when it was killed leaves nobody uncalled for as long.
func TestAServerThatWasAheadHoldsUpNobody(t *testing.T) {
	w := newWorld(t, 3)
	p := newPost("mail")
	hang := make(chan struct{})
	p.meets = func(channel.Message, bool) error { <-hang; return channel.Down("lost / lost", 0, nil) }
	w.call(t)
	store := &cut{Store: w.store}
	stop := w.dispatch(t, func(d *channel.Dispatcher) {
		d.Store, d.Lease, d.Clock.Now = store, 300*time.Millisecond, func() time.Time { return time.Now().Add(2 * time.Hour) }
	}, p)
	eventually(t, "all to be under way", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.now == 3 })
	store.killed.Store(true)
	go close(hang)
	stop()
	p.mu.Lock()
	p.meets = nil
	p.mu.Unlock()
	w.dispatch(t, func(d *channel.Dispatcher) { d.Lease = 300 * time.Millisecond }, p)
	eventually(t, "the receipts", func() bool { return len(w.receipts(t)) == 3 })
}

// Who answered meanwhile is not called any more; what a run that ended leaves unsaid is a
// failure with its reason; who is refused does not keep the others.
func TestWhatIsNotNeededAnyMore(t *testing.T) {
	w := newWorld(t, 4)
	p := newPost("mail")
	var mu sync.Mutex
	open := false
	p.meets = func(m channel.Message, _ bool) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.Person == "p0003":
			return &channel.Failure{Text: "refused / 拒否"}
		case !open:
			return &channel.Failure{Text: "later / 後で", Temporary: true}
		}
		return nil
	}
	w.call(t)
	w.dispatch(t, nil, p)
	eventually(t, "the refusal", func() bool { return len(w.receipts(t)) == 1 })
	w.add(t, run.Event{Kind: run.PersonAnswered, Person: "p0001", By: "p0001", Data: run.Encode(run.Answer{Safety: run.Safe})})
	eventually(t, "one that is not needed", func() bool { return len(w.receipts(t)) == 2 })
	w.add(t, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
	eventually(t, "those left over", func() bool { return len(w.receipts(t)) == 4+1 }) // and the end said to who refuses
	mu.Lock()
	open = true
	mu.Unlock()
	eventually(t, "the end to be said to all", func() bool { return len(w.receipts(t)) == 8 })
	want := map[string]run.Outcome{"p0000": run.Failed, "p0001": run.Skipped, "p0002": run.Failed, "p0003": run.Failed}
	for key, list := range w.receipts(t) {
		person, of := strings.Fields(key)[1], strings.Fields(key)[2]
		if e := list[0]; !strings.HasSuffix(of, "/7") {
			if e.Outcome != want[person] || !strings.Contains(e.Reason, " / ") {
				t.Errorf("%s: %s, %s", key, e.Outcome, e.Reason)
			}
		} else if (e.Kind == run.MessageDelivered) != (person != "p0003") {
			t.Errorf("the end, %s: %s", person, e.Kind)
		}
	}
	// What was kept of it is put away, but for the note that all is said.
	eventually(t, "the notes to be put away", func() bool {
		docs, err := w.store.DocumentsOf(t.Context(), "channel.part."+runID)
		return err == nil && len(docs) == 0
	})
}

// People of a drill that the engine answers for are not disturbed; addresses are those of
// now, each person reads their language, and every text is marked.
func TestWhoIsTold(t *testing.T) {
	w := newWorld(t, 2)
	w.estate.Contacts["p0001"] = estate.Contact{Mail: "new@example.jp", Lang: "en"}
	p := newPost("mail")
	w.call(t)
	w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Completion, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0000", "p0001"}, Text: run.Mark + " Service is restored. / サービスは復旧しました。"})})
	w.dispatch(t, nil, p)
	eventually(t, "four messages", func() bool { return len(w.receipts(t)) == 4 })
	for _, m := range p.sent {
		en := m.Person == "p0001"
		if mark := map[bool]string{true: run.MarkEN, false: run.MarkJA}[en]; !strings.HasPrefix(m.Subject, mark) || !strings.HasPrefix(m.Text, mark) {
			t.Errorf("%s: %q", m.Person, m.Subject)
		}
		if m.Matter == channel.Notice && strings.Contains(m.Text, "restored") != en {
			t.Errorf("%s reads %q", m.Person, m.Text)
		}
		if en && m.Contact.Mail != "new@example.jp" {
			t.Errorf("sent to %s", m.Contact.Mail)
		}
	}
	simulated := newWorld(t, 2)
	q := newPost("mail")
	simulated.plan.Seal()
	simulated.seq = 0
	other, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	simulated.store = other
	if err := other.PutPlan(t.Context(), simulated.plan); err != nil {
		t.Fatal(err)
	}
	simulated.add(t, run.Event{Kind: run.RunStarted, By: "p0000", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "x", PlanHash: simulated.plan.Hash, Simulated: true})})
	simulated.call(t)
	simulated.dispatch(t, nil, q)
	eventually(t, "the run to be followed", func() bool {
		docs, err := other.DocumentsOf(t.Context(), "channel.cursor")
		return err == nil && len(docs) == 1
	})
	simulated.add(t, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})})
	eventually(t, "the run to be followed to its end", func() bool {
		docs, err := other.DocumentsOf(t.Context(), "channel.cursor")
		return err == nil && slices.ContainsFunc(docs, func(d journal.Document) bool { return strings.Contains(string(d.Body), `"done":true`) })
	})
	if len(q.sent) > 0 {
		t.Errorf("%d real people were told of a drill with simulated ones", len(q.sent))
	}
}

// linker makes links, but for who is disabled.
type linker struct{}

func (linker) Link(_ context.Context, runID, person string, purpose identity.Purpose, _ time.Duration) (string, error) {
	if person == "p0001" {
		return "", &identity.Refusal{Person: person}
	}
	return runID + "." + person + "." + string(purpose), nil
}

// Everybody has links of their own; who is disabled is called all the same, without.
func TestPersonalLinks(t *testing.T) {
	w := newWorld(t, 2)
	p := newPost("mail")
	w.call(t)
	w.dispatch(t, func(d *channel.Dispatcher) {
		d.Addresses = channel.Addresses{Base: "https://muster.example.jp/", Links: linker{}}
	}, p)
	eventually(t, "two calls", func() bool { return len(w.receipts(t)) == 2 })
	for _, m := range p.sent {
		var personal []string
		for _, l := range m.Links {
			if l.Personal {
				personal = append(personal, l.URL)
			}
		}
		want := []string{"https://muster.example.jp/l/tokyo-loss-1.p0000.checkin", "https://muster.example.jp/l/tokyo-loss-1.p0000.arrive"}
		if m.Person == "p0001" {
			want = nil
		}
		if !slices.Equal(personal, want) || !slices.ContainsFunc(m.Links, func(l channel.Link) bool { return l.URL == "https://muster.example.jp/runs/tokyo-loss-1" }) {
			t.Errorf("%s: %v", m.Person, m.Links)
		}
	}
}

// What asks to be acknowledged brings each a link for that; the room, which is nobody, has none.
func TestAMessageToBeAcknowledgedBringsALink(t *testing.T) {
	w := newWorld(t, 2)
	p := newPost("mail")
	w.call(t)
	w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Muster, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0000", "p0001"}, Text: run.Mark + " Go to Osaka. / 大阪へ移動。", Ack: true})})
	w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Muster, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0000"}, Text: run.Mark + " It rains. / 雨です。"})})
	w.dispatch(t, func(d *channel.Dispatcher) {
		d.Addresses = channel.Addresses{Base: "https://muster.example.jp/", Links: linker{}}
	}, p)
	eventually(t, "two calls and three messages", func() bool { return len(w.receipts(t)) == 5 })
	links := 0
	for _, m := range p.sent {
		for _, l := range m.Links {
			if !strings.HasSuffix(l.URL, ".ack") {
				continue
			}
			links++
			if !l.Personal || m.Person != "p0000" || !strings.Contains(m.Text, "大阪") || l.URL != "https://muster.example.jp/l/tokyo-loss-1.p0000.ack" {
				t.Errorf("%s got %+v with %q", m.Person, l, m.Text)
			}
		}
		if m.Person == "p0001" && m.Matter == channel.Notice && !strings.Contains(m.Text, "muster ack ") {
			t.Errorf("without a link the way is not said: %q", m.Text)
		}
	}
	if links != 1 {
		t.Errorf("%d links, want one for who may act", links)
	}
}
