package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// A button in the list of tasks answers the question that stood there: pressed after the decision
// was revised it must not approve what nobody has seen, and after a no it must still count.
func TestAYesFromTheTasksSaysToWhichQuestion(t *testing.T) {
	o := staffed(t, nil)
	r := api.Run{Summary: journal.Summary{Run: "tokyo-loss-7", Kind: run.Drill}, Overview: progress.Overview{Run: "tokyo-loss-7", Kind: run.Drill,
		Waiting: []progress.Waiting{{For: progress.AwaitApproval, Phase: run.RecoveryDecision, People: []string{"p001"}, Asked: 17, RefusedBy: "p002", Need: 1}}}}
	blocks := o.c.tasksOf(person{id: "p001", user: member(1), lang: "en"}, r, plan.Plan{}, 0)
	text, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	m := slacktest.Message{Channel: slacktest.Direct(member(1)), Blocks: text}
	if _, err := o.Click(member(1), m, "approve"); err != nil {
		t.Fatal(err)
	}
	o.c.Idle(t.Context())
	if acts := o.door.all(); len(acts) != 1 || !strings.Contains(acts[0], `"asked":17`) {
		t.Errorf("acts: %q, want the approval of question 17", acts)
	}
	for _, b := range blocks {
		if a, ok := b.(*slackgo.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				if x, ok := e.(*slackgo.ButtonBlockElement); ok && x.ActionID == "refuse" && !strings.Contains(x.Value, `"q":17`) {
					t.Errorf("a no carries %s", x.Value)
				}
			}
		}
	}
}

// What a form starts is the plan that it showed.
func TestAFormStartsThePlanThatItShowed(t *testing.T) {
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		o := staffed(t, nil)
		hash := strings.Repeat("ab", 32)
		shown := proposal(plan.Plan{Hash: hash, Scenario: plan.Scenario{Name: "tokyo-loss"}}, kind, "en")
		form := &slacktest.View{ID: "V1", Body: json.RawMessage(fmt.Sprintf(`{"type":"modal","callback_id":%q,"private_metadata":%q}`, shown.CallbackID, shown.PrivateMetadata))}
		typed := map[string]map[string]any{"typed": {"typed": map[string]any{"type": "plain_text_input", "value": "tokyo-loss"}}, "reason": {"reason": map[string]any{"type": "plain_text_input", "value": "the building shakes"}}}
		if _, err := o.Submit(member(1), form, typed); err != nil {
			t.Fatal(err)
		}
		o.c.Idle(t.Context())
		if acts := o.door.all(); len(acts) != 1 || !strings.Contains(acts[0], `"plan_hash":"`+hash+`"`) {
			t.Errorf("%s: acts: %q", kind, acts)
		}
	}
}
