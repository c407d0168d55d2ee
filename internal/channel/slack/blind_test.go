package slack

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/channel"
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
