package slack

import (
	"net/url"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/slacktest"
)

// When everybody answers at once Slack says of some only that it was asked too often: their word on
// how they are is taken all the same, and nothing else.
func TestAnAnswerIsTakenWhereSlackIsAskedTooOften(t *testing.T) {
	o := staffed(t, nil)
	card := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
	ask := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.ApprovalAsked, Seq: 3})
	guest := o.card(t, 2, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
	o.Set(slacktest.User{ID: member(2), Guest: true})
	if full, err := o.c.full(t.Context(), member(2)); full || err != nil {
		t.Fatalf("a guest: %v, %v", full, err)
	}
	o.c.users.mu.Lock() // long ago
	k := o.c.users.known[member(2)]
	k.at = k.at.Add(-2 * trustUsers)
	o.c.users.known[member(2)] = k
	o.c.users.mu.Unlock()
	o.Fail(func(method string, _ url.Values) *slacktest.Failing {
		if method == "users.info" {
			return &slacktest.Failing{Status: 429, RetryAfter: 30}
		}
		return nil
	})
	for _, x := range []struct {
		n      int
		m      slacktest.Message
		action string
	}{{1, card, "checkin.safe"}, {1, ask, "approve"}, {2, guest, "checkin.safe"}} {
		if _, err := o.Click(member(x.n), x.m, x.action); err != nil {
			t.Fatal(err)
		}
		o.c.Idle(t.Context())
	}
	if acts := o.door.all(); len(acts) != 1 || !strings.Contains(acts[0], "/checkin by p001") {
		t.Errorf("acts: %q, want the answer alone", acts)
	}
}

// Slack shows nobody what a click is acknowledged with: that it was too much is said in a message.
func TestWhoIsTurnedAwayIsTold(t *testing.T) {
	o := staffed(t, nil)
	m := o.card(t, 1, run.Drill, run.Event{Run: "tokyo-loss-7", Kind: run.PersonCalled})
	for range mostWork {
		o.c.work <- struct{}{}
	}
	a, err := o.Click(member(1), m, "checkin.safe")
	if err != nil {
		t.Fatal(err)
	}
	for range mostTurnedAway { // until all are told
		o.c.turned <- struct{}{}
	}
	if said := o.Replies(a.ResponseURL); len(said) != 1 || !strings.Contains(said[0].Text, "press it again") || said[0].ReplaceOriginal {
		t.Errorf("told %+v", said)
	}
	for range mostWork {
		<-o.c.work
	}
	if acts := o.door.all(); len(acts) != 0 {
		t.Errorf("acts: %q", acts)
	}
}
