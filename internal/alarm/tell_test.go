package alarm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// A proposal that waits for people and that nobody heard of is not told: it is told again, and its log says so once.
func TestAProposalThatNobodyHeardIsNotTold(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	heard, failure := false, error(nil)
	h.s.tell = func(context.Context, Proposal) (bool, error) { return heard, failure }
	if got := h.send("quakes", telegram(t, quick, "6+", "5+", "6-", "5-")); got != Proposed {
		t.Fatalf("outcome %s", got)
	}
	tell := func() Proposal {
		p := h.only()
		if begin, nobody := h.s.spoken.begin(p); !begin && !nobody {
			t.Fatalf("it is not told: %+v", p)
		}
		h.s.tellOne(t.Context(), p)
		return h.only()
	}
	for range 3 {
		if p := tell(); p.Told != "" || !h.s.untold(p) {
			t.Fatalf("nobody heard, and it counts as told: %+v", p)
		}
	}
	failure = errors.New("the mail server is away")
	if p := tell(); p.Told != "" {
		t.Errorf("with an error: %+v", p)
	}
	if n := strings.Count(h.said.String(), "level=ERROR msg=\"nobody has heard of what an alarm proposes"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, h.said)
	}
	if begin, nobody := h.s.spoken.begin(h.only()); begin || !nobody {
		t.Errorf("told again at once %t, counted as unheard %t", begin, nobody)
	}
	heard, failure = true, nil
	if p := tell(); p.Told != p.Saying() {
		t.Errorf("heard, and it is not told: %+v", p)
	}
	if h.s.spoken.unheard[h.only().ID] != "" {
		t.Error("it counts as unheard")
	}
}

// While one proposal is being told by what hangs, the next is told.
func TestAHangingChannelHoldsUpNoOtherProposal(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	let, told := make(chan struct{}), make(chan string, 100)
	var first string
	h.s.tell = func(_ context.Context, p Proposal) (bool, error) {
		told <- p.ID
		if p.ID == first {
			<-let
		}
		return true, nil
	}
	h.send("quakes", telegram(t, quick, "6+", "5+", "6-", "5-"))
	first = h.only().ID
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.s.spread(ctx); close(ended) }()
	next := func() string {
		t.Helper()
		select {
		case id := <-told:
			return id
		case <-time.After(30 * time.Second):
			t.Error("nothing is told within 30 s")
			return ""
		}
	}
	if id := next(); id != first {
		t.Errorf("told %s first, want %s", id, first)
	}
	h.send("quakes", telegram(t, quick, "6+", "5+", "6-", "5-", "20110311144640", "20110311150000"))
	if id := next(); id == first {
		t.Error("the first is told again, and the second is not")
	}
	close(let)
	stop()
	<-ended
}
