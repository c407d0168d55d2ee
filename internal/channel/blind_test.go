package channel_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// No message tells what a blind drill is: it goes to everybody, and stays where it was read.
func TestMessagesOfABlindDrillTellNothingOfIt(t *testing.T) {
	w := newWorld(t, 2)
	w.plan.Scenario.Title = plan.Text{EN: "Quokka fire", JA: "クオッカ火災"}
	w.plan.Scenario.Blind, w.plan.Scenario.Facilitators = true, []string{"p0001"}
	w.plan.Scenario.Injects = []plan.Step{{ID: "wombat"}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.begin(t, "blind-1", run.Drill)
	w.call(t)
	w.add(t, run.Event{Kind: run.InjectReleased, Step: "wombat", By: run.Engine}, run.Event{Kind: run.StepEnded, Step: "wombat", By: run.Engine, Outcome: run.Failed, Reason: "the wombat sleeps"},
		run.Event{Kind: run.PersonReminded, Person: "p0000", By: run.Engine}, run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, By: run.Engine},
		run.Event{Kind: run.RunPaused, By: "p0000"}, run.Event{Kind: run.RunResumed, By: "p0000"}, run.Event{Kind: run.QuorumMissed, By: run.Engine})
	mail, chat := newPost("mail"), newPost("chat")
	chat.room = true
	w.dispatch(t, nil, mail, chat)
	ended := func() (yes bool) {
		chat.mu.Lock()
		defer chat.mu.Unlock()
		for _, m := range chat.sent {
			yes = yes || m.Event.Kind == run.RunEnded && m.Run == "blind-1"
		}
		return yes
	}
	eventually(t, "the call", func() bool { return len(mail.delivered()) >= 2 })
	w.add(t, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.TalkedThrough})})
	eventually(t, "the end to be told", ended)
	said := 0
	for _, p := range []*post{mail, chat} {
		p.mu.Lock()
		for _, m := range p.sent {
			text := m.Subject + "\n" + m.Text
			for _, word := range []string{"Quokka", "クオッカ", "wombat"} {
				if strings.Contains(text, word) {
					t.Errorf("%s tells it of %s: %s", p.name, m.Event.Kind, text)
				}
			}
			if strings.Contains(text, "非提示型訓練") {
				said++
			}
		}
		p.mu.Unlock()
	}
	if said == 0 {
		t.Error("no message says that it is a blind drill")
	}
}
