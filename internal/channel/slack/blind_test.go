package slack

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// Slack's room and its direct messages tell nothing of what a blind drill is.
func TestSlackTellsNothingOfABlindDrill(t *testing.T) {
	w := tell(t, 2, nil)
	w.plan.Scenario.Title = plan.Text{EN: "Quokka fire", JA: "クオッカ火災"}
	w.plan.Scenario.Blind, w.plan.Scenario.Facilitators = true, []string{"p001"}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.c.o.Store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	const blind = "blind-1"
	events := []run.Event{{Kind: run.RunStarted, By: "p000", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})},
		{Kind: run.PersonCalled, Phase: run.Activation, Person: "p000", By: run.Engine, Data: run.Encode(run.Call{Channel: "journal"})},
		{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", By: run.Engine, Data: run.Encode(run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate}, Ground: "lost / 使用不能"})}}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = blind, "run", int64(i+1), time.Now().UTC()
	}
	if err := w.c.o.Store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	w.dispatch(channel.Clock{})
	w.until("the room to tell of it", func() bool { return w.has("C00000042", "非提示型訓練") > 0 })
	w.until("the question to be asked", func() bool { return w.has("C00000042", "判断") > 0 })
	for _, at := range []string{"C00000042", slacktest.Direct(member(0))} {
		for _, m := range w.In(at) {
			if text := shown(m); strings.Contains(text, "Quokka") || strings.Contains(text, "クオッカ") {
				t.Errorf("%s is told: %s", at, text)
			}
		}
	}
}

// The home tab of who takes part tells what to do in a blind drill, and nothing of what it is; that of
// who plans it does.
func TestHomeTabTellsNothingOfABlindDrill(t *testing.T) {
	w := tell(t, 3, nil)
	w.plan.Scenario.Name, w.plan.Scenario.Title = "numbat-night", plan.Text{EN: "Quokka fire", JA: "クオッカ火災"}
	w.plan.Scenario.Blind, w.plan.Scenario.Facilitators = true, []string{"p002"}
	w.plan.Estate.People[2].Roles = []string{"commander"}
	w.plan.Scenario.Injects = []plan.Step{{ID: "wombat", Title: plan.Text{EN: "A wombat bites", JA: "ウォンバットが噛む"}, Uses: "human.task"}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	store := w.c.o.Store
	if err := store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.c.o.Door = (&api.Server{Store: store, Identity: identity.New(store, identity.Options{Console: "console"}), Log: slog.New(slog.DiscardHandler)}).Handler()
	const blind = "blind-k3j9x2mq4z"
	events := []run.Event{{Kind: run.RunStarted, By: "p002", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Tabletop, Scenario: "numbat-night", Hazard: run.Disaster, PlanHash: w.plan.Hash})},
		{Kind: run.PhaseStarted, Phase: run.Activation, By: run.Engine},
		{Kind: run.PhaseStarted, Phase: run.RecoveryDecision, By: run.Engine},
		{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", By: run.Engine, Data: run.Encode(run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate}, Ground: "lost / 使用不能"})},
		{Kind: run.StepStarted, Step: "wombat", Action: "human.task", By: run.Engine},
		{Kind: run.StepWaiting, Step: "wombat", Action: "human.task", By: run.Engine, Data: run.Encode(run.Wait{Kind: run.WaitHuman, Role: "commander", Text: "A wombat bites", Acts: []run.Act{run.ActDone}})}}
	put := func(events ...run.Event) {
		t.Helper()
		for i := range events {
			w.seq++
			events[i].Run, events[i].Writer, events[i].Seq, events[i].At = blind, "run", w.seq, time.Now().UTC()
		}
		if err := store.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
	}
	w.seq = 0
	put(events...)
	home := func(n int) string {
		t.Helper()
		w.c.showHome(t.Context(), member(n))
		return w.Home(member(n))
	}
	for n := range 2 { // the commander, and somebody else
		text := home(n)
		for _, word := range []string{"Quokka", "クオッカ", "numbat", "wombat", "ウォンバット"} {
			if strings.Contains(text, word) {
				t.Errorf("person %d is told of %s: %s", n, word, text)
			}
		}
		if n == 0 && (!strings.Contains(text, "非提示型訓練") || !strings.Contains(text, `"decide.alternate"`)) {
			t.Errorf("the commander is not asked: %s", text)
		}
	}
	if text := home(2); !strings.Contains(text, "クオッカ火災") {
		t.Errorf("who plans it does not see it: %s", text)
	}
}
