package slack

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// told is a run whose events the test writes, said in Slack by a dispatcher.
type told struct {
	*slacktest.Server
	t      *testing.T
	c      *Channel
	plan   plan.Plan
	estate *estate.Estate
	seq    int64
}

const id = "Tokyo-loss.9"

func tell(t *testing.T, people int, change func(*Options)) *told {
	t.Helper()
	w := &told{Server: slacktest.Start(t), t: t, estate: &estate.Estate{Contacts: map[string]estate.Contact{}}}
	w.c = open(t, w.Server, func(o *Options) {
		o.Channel, o.Log, o.Addresses.Base = "C00000042", slog.New(slog.DiscardHandler), "https://muster.example.jp"
		o.Estate = func() (*estate.Estate, error) { return w.estate, nil }
		if change != nil {
			change(o)
		}
	})
	w.plan = plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京の喪失"}, Hazard: run.Disaster, Depth: run.Tabletop,
		Phases: run.Phases(run.Disaster), Decision: plan.DecisionRule{By: "commander"}}, Systems: []plan.System{{Name: "orders"}}}
	for n := range people {
		who, role := fmt.Sprintf("p%03d", n), "staff"
		if n == 0 {
			role = "commander"
		}
		w.plan.Estate.People = append(w.plan.Estate.People, plan.Person{ID: who, Name: plan.Text{EN: "Person", JA: "職員"}, Roles: []string{role}})
		w.estate.Contacts[who] = estate.Contact{Slack: member(n)}
	}
	w.plan.Seal()
	if err := w.c.o.Store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.add(run.Event{Kind: run.RunStarted, By: "p000", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})})
	return w
}

func (w *told) add(events ...run.Event) {
	w.t.Helper()
	for i := range events {
		w.seq++
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", w.seq, time.Now().UTC()
	}
	if err := w.c.o.Store.Append(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

func (w *told) call() {
	for _, p := range w.plan.Estate.People {
		w.add(run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: p.ID, By: run.Engine, Data: run.Encode(run.Call{Channel: "journal"})})
	}
}

func (w *told) ask() {
	w.add(run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", By: run.Engine,
		Data: run.Encode(run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.StandDown}, Proposed: run.Alternate, Ground: "lost / 使用不能"})})
}

func (w *told) decide() {
	w.add(run.Event{Kind: run.DecisionMade, Phase: run.RecoveryDecision, System: "orders", By: "p000", Reason: "x", Data: run.Encode(run.Decision{Question: "recovery", Answer: run.Alternate})})
}

func (w *told) end() {
	w.add(run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
}

// dispatch follows the run until it is stopped.
func (w *told) dispatch(c channel.Clock) (stop func()) {
	d := &channel.Dispatcher{Store: w.c.o.Store, Channels: []channel.Channel{w.c}, Estate: func() (*estate.Estate, error) { return w.estate, nil }, Lang: i18n.JA, Log: slog.New(slog.DiscardHandler),
		Lease: time.Hour, Clock: c, FirstPause: 10 * time.Millisecond, LastPause: time.Minute}
	d.Changed = w.c.o.Store.Changed
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(stop)
	return stop
}

func (w *told) until(what string, ok func() bool) {
	w.t.Helper()
	deadline, tick := time.After(5*time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// has counts messages of a conversation that show a text.
func (w *told) has(at, text string) (n int) {
	for _, m := range w.In(at) {
		if strings.Contains(shown(m), text) {
			n++
		}
	}
	return n
}

// hours is a clock whose sleeps take hardly any time: enough for others to get on, so that
// a day does not pass while they do.
type hours struct {
	mu  sync.Mutex
	now time.Time
}

func (h *hours) clock() channel.Clock {
	return channel.Clock{Now: func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			h.mu.Lock()
			h.now = h.now.Add(d)
			h.mu.Unlock()
			t := time.NewTimer(20 * time.Millisecond)
			defer t.Stop()
			<-t.C
			return ctx.Err()
		}}
}

// Slack answers 429, 500, or nothing after having done it, for ten minutes: in the end each
// person and the room have everything once, and what was settled has no buttons.
func TestTenBadMinutes(t *testing.T) {
	const people = 20
	begun := time.Now()
	h := &hours{now: begun}
	w := tell(t, people, func(o *Options) { o.Clock = h.clock() })
	var mu sync.Mutex
	calls := 0
	w.Fail(func(method string, _ url.Values) *slacktest.Failing {
		mu.Lock()
		defer mu.Unlock()
		if h.clock().Time().Sub(begun) > 10*time.Minute {
			return nil
		}
		calls++
		switch calls % 4 {
		case 0:
			return &slacktest.Failing{Status: 429, RetryAfter: 20}
		case 1:
			return &slacktest.Failing{Status: 500}
		case 2:
			return &slacktest.Failing{Done: true}
		}
		return nil // now and then something gets through
	})
	w.call()
	w.ask()
	w.dispatch(h.clock())
	w.until("everybody to be called", func() bool {
		for n := range people {
			if w.has(slacktest.Direct(member(n)), "安否確認") == 0 {
				return false
			}
		}
		return w.has(slacktest.Direct(member(0)), "判断が必要です") > 0 && w.has("C00000042", "判断が必要です") > 0
	})
	w.decide()
	w.until("the buttons to vanish", func() bool {
		for _, at := range []string{slacktest.Direct(member(0)), "C00000042"} {
			for _, m := range w.In(at) {
				if strings.Contains(string(m.Blocks), `"decide.`) {
					return false
				}
			}
		}
		return w.has("C00000042", "決定者") > 0
	})
	w.end()
	w.until("the end", func() bool { return w.has("C00000042", "机上で検討") > 1 })
	w.until("the run's note to be closed", func() bool { r, err := w.c.roomOf(t.Context(), id); return err == nil && r.Done })
	for n := range people {
		if got := w.has(slacktest.Direct(member(n)), "安否確認"); got != 1 {
			t.Errorf("person %d was called %d times", n, got)
		}
	}
	if got := w.has(slacktest.Direct(member(0)), "判断が必要です"); got != 1 {
		t.Errorf("the decision was asked %d times", got)
	}
	whole := 0
	for _, m := range w.In("C00000042") {
		if m.Thread == "" {
			whole++
		}
	}
	if whole != 1 {
		t.Errorf("the run has %d messages of its own", whole)
	}
	w.until("the run's beginning to be told", func() bool { return w.has("C00000042", "を開始しました") > 0 })
	for text, want := range map[string]int{"を開始しました": 1, "判断が必要です": 1, "決定者：職員": 1} {
		if got := w.has("C00000042", text); got != want {
			t.Errorf("%q stands there %d times, want %d", text, got, want)
		}
	}
}

// A run has a channel of its own, with those who are called in it, guests left out; a server
// that takes over finds it again, and posts nothing twice.
func TestAChannelForEachRun(t *testing.T) {
	w := tell(t, 5, func(o *Options) { o.Channel, o.PerRun = "", true })
	w.Set(slacktest.User{ID: member(3), Guest: true})
	w.call()
	stop := w.dispatch(channel.Clock{})
	const name = "muster-tokyo-loss-9"
	w.until("the channel with its people", func() bool { return w.Channel(name) != "" && w.Members(w.Channel(name)) == 4 })
	w.until("the run's message", func() bool { return w.has(w.Channel(name), "未回答 5") == 1 })
	stop()
	// What the dead server knew is lost, as by a crash before it could keep it.
	doc, err := w.c.o.Store.Document(t.Context(), kindRoom, id)
	if err != nil {
		t.Fatal(err)
	}
	doc.Body = []byte(`{"owner":"dead","until":"2020-01-01T00:00:00Z","cards":{"run":{}}}`)
	if _, err := w.c.o.Store.PutDocument(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	w.add(run.Event{Kind: run.PersonAnswered, Person: "p001", By: "p001", Data: run.Encode(run.Answer{Safety: run.Safe})})
	w.dispatch(channel.Clock{})
	w.until("the message to be brought up to date", func() bool { return w.has(w.Channel(name), "未回答 4") == 1 })
	runs := 0
	for _, m := range w.In(w.Channel(name)) {
		if m.Thread == "" {
			runs++
		}
	}
	if runs != 1 {
		t.Errorf("the run has %d messages of its own", runs)
	}
}

// What is asked again is a message of its own, and the one before says so.
func TestAskedAgain(t *testing.T) {
	w := tell(t, 2, func(o *Options) { o.Addresses.Base = "" }) // so that the command is said, as long as it is of use
	w.dispatch(channel.Clock{})
	w.ask()
	w.until("the question", func() bool {
		return w.has(slacktest.Direct(member(0)), "判断が必要です") == 1 && w.has("C00000042", "判断が必要です") == 1
	})
	for _, at := range []string{slacktest.Direct(member(0)), "C00000042"} {
		if w.has(at, "決定方法: muster decide 方針 --system orders") != 1 {
			t.Errorf("%s: no command, and no link", at)
		}
	}
	w.decide()
	w.until("the answer", func() bool { return w.has(slacktest.Direct(member(0)), "に決定") == 1 })
	w.until("the command to be gone", func() bool { return w.has("C00000042", "muster decide") == 0 })
	w.add(run.Event{Kind: run.DecisionAsked, Phase: run.Failback, System: "orders", By: run.Engine,
		Data: run.Encode(run.DecisionAsk{Question: "failback", Role: "commander", Choices: []run.Choice{run.GoHome, run.Stay}, Proposed: run.GoHome})})
	for _, at := range []string{slacktest.Direct(member(0)), "C00000042"} {
		w.until("the second question", func() bool { return w.has(at, "本拠点に戻しますか") == 1 })
		if w.has(at, "どこで復旧しますか") != 1 || w.has(at, "代替拠点へ切り替え") < 1 {
			t.Errorf("%s: the first question was written over", at)
		}
	}
}
