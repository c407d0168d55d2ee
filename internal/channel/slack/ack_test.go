package slack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// A message that asks for it has a button; pressed, it makes way for when that was.
func TestAMessageIsAcknowledgedByItsButton(t *testing.T) {
	o := staffed(t, nil)
	said := func(ack bool) run.Event {
		return run.Event{Run: "tokyo-loss-7", Writer: "run", Seq: 12, Kind: run.MessageSent, Data: run.Encode(run.Message{To: []string{"p001"}, Text: "x", Ack: ack})}
	}
	if m := o.card(t, 1, run.Drill, said(false)); strings.Contains(string(m.Blocks), `"ack"`) {
		t.Errorf("a message that asks for nothing has the button: %s", m.Blocks)
	}
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		m := o.card(t, 1, kind, said(true))
		before := len(o.door.all())
		a, err := o.Click(member(1), m, "ack")
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%+v, %v", a, err)
		}
		o.c.Idle(t.Context())
		acts := o.door.all()[before:]
		if len(acts) != 1 || !strings.Contains(acts[0], "/api/v1/runs/tokyo-loss-7/ack by p001 via slack "+member(1)) || !strings.Contains(acts[0], `"message":"run/12"`) {
			t.Errorf("%s: acts: %q", kind, acts)
		}
		list := o.In(slacktest.Direct(member(1)))
		if got := string(list[len(list)-1].Blocks); strings.Contains(got, `"action_id":"ack"`) || !strings.Contains(got, "You acknowledged this") || !strings.Contains(got, "open.run") {
			t.Errorf("%s: the message after it: %s", kind, got)
		}
	}
}
