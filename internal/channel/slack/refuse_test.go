package slack

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// A no is asked to be sure of, takes a reason, and answers the question of its message.
func TestRefuseInSlack(t *testing.T) {
	for _, x := range []struct {
		name, action, to string
		e                run.Event
		says             []string
	}{
		{"the recovery", "refuse", "/refuse by p002", run.Event{Run: "tokyo-loss-7", Seq: 41, Kind: run.ApprovalAsked}, []string{`"asked":41`}},
		{"the activation", "refuse.activation", "/refuse by p002", run.Event{Run: "tokyo-loss-7", Seq: 5, Kind: run.ActivationAsked}, []string{`"asked":5`, `"for":"activation"`}},
		{"what was asked to be forced", "step.refuse", "/steps/promote by p002", run.Event{Run: "tokyo-loss-7", Seq: 9, Kind: run.ForceAsked, Step: "promote", System: "orders", Data: run.Encode(run.StepAct{Act: run.ActSkip})}, []string{`"asked":9`, `"act":"refuse"`}},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := staffed(t, nil)
			m := o.card(t, 2, run.Drill, x.e)
			if !strings.Contains(string(m.Blocks), `"`+x.action+`"`) || !strings.Contains(string(m.Blocks), `"danger"`) || strings.Count(string(m.Blocks), `"confirm":{"title"`) != 2 {
				t.Fatalf("no button that asks to be sure: %s", m.Blocks)
			}
			if _, err := o.Click(member(2), m, x.action); err != nil {
				t.Fatal(err)
			}
			o.c.Idle(t.Context())
			form := o.Opened(member(2))
			if form == nil {
				t.Fatal("no form asks for the reason")
			}
			reason := func(s string) map[string]map[string]any {
				return map[string]map[string]any{"reason": {"reason": map[string]any{"type": "plain_text_input", "value": s}}}
			}
			if a, err := o.Submit(member(2), form, reason(" ")); err != nil || !strings.Contains(string(a.Body), `"errors"`) {
				t.Errorf("without a reason: %s, %v", a.Body, err)
			}
			if _, err := o.Submit(member(2), form, reason("Osaka is flooded")); err != nil {
				t.Fatal(err)
			}
			o.c.Idle(t.Context())
			acts := o.door.all()
			if len(acts) != 1 || !strings.Contains(acts[0], x.to) || !strings.Contains(acts[0], "Osaka is flooded") {
				t.Fatalf("acts: %q", acts)
			}
			for _, s := range x.says {
				if !strings.Contains(acts[0], s) {
					t.Errorf("%q without %s", acts[0], s)
				}
			}
		})
	}
}
