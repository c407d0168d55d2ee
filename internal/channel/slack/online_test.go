package slack

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// Who takes part from where they are says so: "no" would have them gone.
func TestWhoTakesPartOnlineSaysSo(t *testing.T) {
	o := staffed(t, nil)
	m := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
	for _, button := range []string{"checkin.safe", "checkin.more"} { // the form is behind the first tap
		if _, err := o.Click(member(1), m, button); err != nil {
			t.Fatal(err)
		}
		o.c.Idle(t.Context())
		m = o.In(slacktest.Direct(member(1)))[0]
	}
	form := o.Opened(member(1))
	picked := func(block, value string) map[string]map[string]any {
		return map[string]map[string]any{block: {block: map[string]any{"type": "radio_buttons", "selected_option": map[string]any{"value": value}}}}
	}
	values := picked("safety", "safe")
	values["come"] = picked("come", "online")["come"]
	if _, err := o.Submit(member(1), form, values); err != nil {
		t.Fatal(err)
	}
	o.c.Idle(t.Context())
	acts := o.door.all()
	if len(acts) != 2 || !strings.Contains(acts[1], `"online":true`) || !strings.Contains(acts[1], `"can_come":true`) {
		t.Errorf("acts: %q", acts)
	}
}
