package channel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// told lists to whom an event of a kind was said, in order; "" is the room.
func told(p *post, kind run.EventKind) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, m := range p.sent {
		if m.Event.Kind == kind {
			out = append(out, m.Person)
		}
	}
	slices.Sort(out)
	return out
}

// A call says what the call-out says, whatever else is said in that phase; what is for one
// person in particular goes to that person and not to the room.
func TestACallSaysWhatTheCallOutSays(t *testing.T) {
	w := newWorld(t, 3)
	p := newPost("mail")
	p.room = true
	say := func(m run.Message) run.Event {
		return run.Event{Kind: run.MessageSent, Phase: run.Activation, By: run.Engine, Data: run.Encode(m)}
	}
	w.add(t, say(run.Message{To: []string{"p0000", "p0001", "p0002"}, Text: run.Mark + " Come to Osaka. / 大阪に参集。", Call: true}))
	w.call(t)
	w.add(t, run.Event{Kind: run.PersonAbsent, Phase: run.Activation, Person: "p0002", By: run.Engine})
	w.add(t, say(run.Message{To: []string{"p0001"}, Text: run.Mark + " You stand in for p0002. / p0002さんの代行。", Private: true}))
	w.add(t, say(run.Message{To: []string{"p0000", "p0001"}, Text: run.Mark + " Somebody used break-glass. / 緊急権限の行使。"}))
	w.dispatch(t, nil, p)
	eventually(t, "the start, two calls, what was said to the room, to one and to all", func() bool { return len(w.receipts(t)) >= 1+2+1+1+3 })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		if m.Matter == channel.Call && !strings.Contains(m.Text, "大阪に参集") {
			t.Errorf("the call of %s says %q", m.Person, m.Text)
		}
		if strings.Contains(m.Text, "代行") && m.Person != "p0001" {
			t.Errorf("what is for p0001 alone went to %q", m.Person)
		}
	}
}

// Who is asked goes by who holds which role now: after handovers, without those who are out
// of the drill, and with those who stand in.
func TestWhoIsAskedIsThereAndHoldsTheRole(t *testing.T) {
	w := newWorld(t, 4)
	p := newPost("mail")
	w.add(t, run.Event{Kind: run.PersonAbsent, Phase: run.Activation, Person: "p0000", By: run.Engine},
		run.Event{Kind: run.PersonStandsIn, Phase: run.Activation, Person: "p0001", By: run.Engine, Data: run.Encode(run.StandIn{For: "p0000", Why: run.WhyAbsent})})
	ask := func(system string) {
		w.add(t, run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: system, By: run.Engine,
			Data: run.Encode(run.DecisionAsk{Role: "commander", Choices: []run.Choice{run.Alternate}, Proposed: run.Alternate})})
	}
	ask("orders")
	w.dispatch(t, nil, p)
	eventually(t, "the deputy to be asked", func() bool { return len(told(p, run.DecisionAsked)) > 0 })
	w.add(t, run.Event{Kind: run.RoleHandedOver, Phase: run.RecoveryDecision, Person: "p0002", By: "p0001", Data: run.Encode(run.Handover{Role: "commander", From: "p0000", To: "p0002"})})
	ask("billing")
	eventually(t, "who took the role over to be asked", func() bool { return len(told(p, run.DecisionAsked)) > 1 })
	if got := told(p, run.DecisionAsked); !slices.Equal(got, []string{"p0001", "p0002"}) {
		t.Errorf("asked were %v", got)
	}
	// Once the holder is there, who stood in is not asked to decide any more; a step may still be theirs to settle.
	w.add(t, run.Event{Kind: run.PersonStandsIn, Phase: run.Activation, Person: "p0003", By: run.Engine, Data: run.Encode(run.StandIn{For: "p0002", Why: run.WhyCannotCome})},
		run.Event{Kind: run.PersonArrived, Phase: run.Muster, Person: "p0002", By: "p0002"})
	ask("stock")
	w.add(t, run.Event{Kind: run.StepWaiting, Phase: run.Recovery, System: "orders", Step: "promote", By: run.Engine, Data: run.Encode(run.Wait{Kind: run.WaitFailed, Role: "commander", Acts: []run.Act{run.ActSkip}})})
	eventually(t, "both to be asked of the step", func() bool { return len(told(p, run.StepWaiting)) == 2 && len(told(p, run.DecisionAsked)) > 2 })
	if got := told(p, run.DecisionAsked); !slices.Equal(got, []string{"p0001", "p0002", "p0002"}) {
		t.Errorf("with the holder there asked were %v", got)
	}
}

// Whoever's yes counts is asked for it: for the activation, for an approval, and when a step
// is to be forced; once they have said it, nobody is asked any more.
func TestASecondPersonIsAsked(t *testing.T) {
	w := newWorld(t, 5)
	w.plan.Estate.People[1].Roles = []string{"checker"}
	w.plan.Estate.People[2].Roles = []string{"operator"}
	w.plan.Estate.People[3].Roles = []string{"operator"}
	w.plan.Estate.People[4].Roles = []string{"checker"}
	w.plan.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayStart, plan.MayDecide}}, {Role: "checker", May: []plan.Permission{plan.MayApprove}}, {Role: "operator", May: []plan.Permission{plan.MayOperate}}}
	w.plan.Seal()
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.begin(t, "tokyo-loss-2", run.Response)
	p := newPost("mail")
	w.add(t, run.Event{Kind: run.ActivationAsked, Phase: run.Activation, By: run.Engine, Data: run.Encode(run.Ask{Need: 1})},
		run.Event{Kind: run.PersonReminded, Phase: run.SafetyCheck, Person: "p0001", By: run.Engine},
		// Who decided may approve: the only other one was reminded, and is silent.
		run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, By: run.Engine, Data: run.Encode(run.Ask{Need: 1, Decided: []string{"p0004"}})},
		run.Event{Kind: run.StepWaiting, Phase: run.Recovery, System: "orders", Step: "promote", By: run.Engine, Data: run.Encode(run.Wait{Kind: run.WaitFailed, Role: "operator", Acts: []run.Act{run.ActSkip}})},
		run.Event{Kind: run.ForceAsked, Phase: run.Recovery, System: "orders", Step: "promote", By: "p0002", Reason: "done by hand", Data: run.Encode(run.StepAct{Act: run.ActSkip})})
	p.meets = func(m channel.Message, _ bool) error {
		if m.Event.Kind == run.ApprovalAsked { // it is late
			return &channel.Failure{Text: "later / 後で", Temporary: true}
		}
		return nil
	}
	w.dispatch(t, nil, p)
	for kind, want := range map[run.EventKind][]string{run.ActivationAsked: {"p0001", "p0004"}, run.StepWaiting: {"p0002", "p0003"}, run.ForceAsked: {"p0003"}} {
		eventually(t, fmt.Sprintf("%s to be said", kind), func() bool { return len(told(p, kind)) >= len(want) })
		if got := told(p, kind); !slices.Equal(got, want) {
			t.Errorf("%s was said to %v, want %v", kind, got, want)
		}
	}
	w.add(t, run.Event{Kind: run.ApprovalGiven, Phase: run.RecoveryDecision, By: "p0001", Data: run.Encode(run.Approval{})})
	eventually(t, "the late requests not to be needed any more", func() bool {
		late := map[string]bool{}
		for _, list := range w.receipts(t) {
			late[list[0].Person] = late[list[0].Person] || list[0].Outcome == run.Skipped
		}
		return late["p0001"] && late["p0004"]
	})
}

// The approval that moves production home is not asked for as that of the recovery.
func TestTheReturnHomeIsAskedForAsSuch(t *testing.T) {
	w := newWorld(t, 2)
	w.begin(t, "tokyo-loss-3", run.Response)
	p := newPost("mail")
	w.add(t, run.Event{Kind: run.ApprovalAsked, Phase: run.Failback, By: run.Engine, Data: run.Encode(run.Ask{Need: 1})})
	w.dispatch(t, nil, p)
	eventually(t, "the approval to be asked for", func() bool { return len(told(p, run.ApprovalAsked)) > 0 })
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.sent {
		if m.Event.Kind == run.ApprovalAsked && !strings.Contains(m.Subject, "return home") && !strings.Contains(m.Subject, "切戻しの承認") {
			t.Errorf("it is asked for as %q: %s", m.Subject, m.Text)
		}
	}
}

// What a server that ends has said is in the record before it is gone, and nobody says it
// again.
func TestAServerThatEndsKeepsWhatItSaid(t *testing.T) {
	w := newWorld(t, 2)
	p := newPost("mail")
	ctx, end := context.WithCancel(t.Context())
	p.meets = func(m channel.Message, _ bool) error {
		if m.Person == "p0001" { // is under way as the server ends
			<-ctx.Done()
			return channel.Down("lost / 喪失", 0, nil)
		}
		return nil
	}
	w.call(t)
	stop := w.dispatch(t, nil, p)
	eventually(t, "one to be told", func() bool { return len(p.delivered()) == 1 })
	go end()
	stop()
	if got := w.receipts(t); len(got) != 1 {
		t.Errorf("%d receipts of one that was told", len(got))
	}
}

// While the estate can't be read at a server's start nothing is dropped: it is said once the
// estate can be read.
func TestNothingIsDroppedWhileTheEstateCanNotBeRead(t *testing.T) {
	w := newWorld(t, 2)
	p := newPost("mail")
	w.call(t)
	var tries atomic.Int64
	w.dispatch(t, func(d *channel.Dispatcher) {
		d.Estate = func() (*estate.Estate, error) {
			if tries.Add(1) == 1 {
				return nil, errors.New("a mistake in the file")
			}
			return w.estate, nil
		}
	}, p)
	eventually(t, "both to be called", func() bool { return len(p.delivered()) == 2 })
}

// Somebody whom no channel reaches has a receipt that says so, once for each matter however much
// is said to them and whoever says it; an address that is entered later is used.
func TestNoChannelReachesSomebody(t *testing.T) {
	w := newWorld(t, 4)
	contacts := maps.Clone(w.estate.Contacts)
	delete(contacts, "p0001")
	first := &estate.Estate{Contacts: contacts}
	mail, chat := newPost("mail"), newPost("slack")
	reads := func(d *channel.Dispatcher) { d.Estate = func() (*estate.Estate, error) { return first, nil } }
	var stops []func()
	for range 2 {
		stops = append(stops, w.dispatch(t, reads, mail, chat))
	}
	say := func(text string) {
		w.add(t, run.Event{Kind: run.MessageSent, Phase: run.Activation, By: run.Engine, Data: run.Encode(run.Message{To: []string{"p0001", "p0002"}, Text: run.Mark + " " + text, Private: true})})
	}
	w.call(t)
	say("One. / 一。")
	lost := func() (matters []string) {
		for _, list := range w.receipts(t) {
			for _, e := range list {
				var d run.Delivery
				if err := e.Decode(&d); err != nil {
					t.Fatal(err)
				}
				if e.Person != "p0001" {
					continue
				}
				if e.Kind != run.MessageFailed || e.Outcome != run.Failed || d.Channel != "" || !strings.Contains(e.Reason, "no address for any channel") {
					t.Fatalf("%+v", e)
				}
				matters = append(matters, d.Matter)
			}
		}
		slices.Sort(matters)
		return matters
	}
	want := []string{string(channel.Call), string(channel.Notice)}
	eventually(t, "the receipts of both matters", func() bool { return slices.Equal(lost(), want) })
	say("Two. / 二。")
	eventually(t, "what is said to another person", func() bool { return len(told(mail, run.MessageSent)) == 2 })
	for _, stop := range stops {
		stop()
	}
	stop := w.dispatch(t, reads, mail, chat) // one that remembers nothing
	say("Three. / 三。")
	eventually(t, "what is said after a restart", func() bool { return len(told(mail, run.MessageSent)) == 3 })
	stop()
	if got := lost(); !slices.Equal(got, want) {
		t.Errorf("the record says of %v that p0001 was not reached", got)
	}
	w.dispatch(t, nil, mail, chat)
	say("Four. / 四。")
	eventually(t, "p0001 to be told", func() bool { return slices.Contains(told(mail, run.MessageSent), "p0001") })
}
