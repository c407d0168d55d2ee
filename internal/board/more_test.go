package board_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// kinds are the events of a run by kind, in order.
func (h *house) kinds(id string) map[run.EventKind][]run.Event {
	h.t.Helper()
	events, err := h.api.Events(h.t.Context(), id, 0, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[run.EventKind][]run.Event{}
	for _, e := range events.Entries {
		out[e.Event.Kind] = append(out[e.Event.Kind], e.Event)
	}
	return out
}

// ok sends a form that has to be taken.
func (b *browser) ok(path string, pairs ...string) {
	b.w.t.Helper()
	if res, body := b.post(path, append(pairs, "key", path+strings.Join(pairs, "/"))...); res.StatusCode != http.StatusSeeOther {
		b.w.t.Fatalf("%s %v: %s\n%s", path, pairs, res.Status, body)
	}
}

// What nobody is waited for is done on the board too: each act stands in the record as the form
// said it, and a role that has changed hands is offered to whoever has it now. Of two who decide
// at once one is told, and revises knowing it.
func TestWhatNobodyWaitsFor(t *testing.T) {
	h := newHouse(t, fieldFiles(t))
	w := &world{t: t, url: h.url, ids: h.ids}
	sato, suzuki, tanaka := w.browser("sato"), w.browser("suzuki"), w.browser("tanaka")
	sato.ok("/start", "kind", "drill", "scenario", "small")
	const id, path = "small-1", "/runs/small-1/act/"
	h.until(id, run.PersonCalled)
	for _, b := range []*browser{sato, suzuki, tanaka} {
		b.ok(path+"checkin", "safety", "safe")
		b.ok(path + "arrive")
	}
	h.until(id, run.QuorumReached)

	sato.ok(path+"strength", "note", "counted by hand")
	if _, page := tanaka.get("/runs/" + id + "/do/strength"); !strings.Contains(page, "I confirm the count") || !strings.Contains(page, "Last reported by Sato Misaki") {
		t.Errorf("the second person is not asked to confirm:\n%s", page)
	}
	tanaka.ok(path + "strength")
	sato.ok(path+"order", "to", "carrier", "what", "Look at the leased line", "system", "orders")
	if _, page := tanaka.get("/runs/" + id + "/do/order"); !strings.Contains(page, "Network carrier: Look at the leased line") || !strings.Contains(page, `value="order-1"`) {
		t.Errorf("the order is not there to follow up:\n%s", page)
	}
	for _, state := range []string{"accepted", "arrived", "done"} {
		tanaka.ok(path+"follow-up", "order", "order-1", "state", state)
	}
	tanaka.ok(path+"take", "what", "backup tape 12", "from", "Tokyo vault", "to", "Osaka")
	if _, page := sato.get("/runs/" + id + "/do/custody"); !strings.Contains(page, "backup tape 12") || !strings.Contains(page, "Tokyo vault → Osaka") {
		t.Errorf("the register does not show what is on its way:\n%s", page)
	}
	sato.ok(path+"receive", "order", "custody-1", "received_by", "Night guard")
	sato.ok(path+"notice", "way", "received", "who", "Network carrier", "channel", "telephone", "text", "The line is cut at the bridge")
	sato.ok(path + "situation")
	sato.ok(path+"relocate", "place", "online", "reason", "the room has no power")
	sato.ok(path+"handover", "held", "operator/tanaka", "to", "suzuki", "reason", "shift ends")

	if res, body := sato.post(path+"notice", "who", "x", "text", "y", "key", "n"); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "choice was not made") {
		t.Errorf("a notice of neither way: %s", res.Status)
	}
	if res, body := tanaka.get("/runs/" + id + "/do/relocate"); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "not for you") {
		t.Errorf("who does not lead is offered to move the muster: %s", res.Status)
	}
	if res, body := tanaka.post(path+"relocate", "place", "room", "reason", "x", "key", "r"); res.StatusCode < 400 {
		t.Errorf("who does not lead moves the muster: %s\n%s", res.Status, body)
	}

	got := h.kinds(id)
	for kind, n := range map[run.EventKind]int{run.StrengthReported: 1, run.StrengthConfirmed: 1, run.OrderGiven: 1, run.OrderFollowed: 3, run.CustodyMoved: 1, run.CustodyReceived: 1, run.NoticeKept: 1, run.RoleHandedOver: 1} {
		if len(got[kind]) != n {
			t.Fatalf("%d of %s are in the record, want %d", len(got[kind]), kind, n)
		}
	}
	var order run.Order
	var receipt run.CustodyReceipt
	var notice run.Notice
	var role run.Handover
	_ = got[run.OrderGiven][0].Decode(&order)
	_ = got[run.CustodyReceived][0].Decode(&receipt)
	_ = got[run.NoticeKept][0].Decode(&notice)
	_ = got[run.RoleHandedOver][0].Decode(&role)
	if order.Party != "carrier" || order.Purpose != run.ForContractor || got[run.OrderGiven][0].System != "orders" || receipt.ReceivedBy != "Night guard" || !notice.Received || notice.Who != "Network carrier" ||
		role != (run.Handover{Role: "operator", From: "tanaka", To: "suzuki"}) || got[run.StrengthConfirmed][0].By != "tanaka" {
		t.Errorf("the record has %+v, %+v, %+v, %+v", order, receipt, notice, role)
	}

	// The rest of the way to the decision.
	sato.ok(path+"inspect", "site", "osaka", "overall", "usable")
	sato.ok(path+"priorities", "place", "orders/line", "place", "", "place", "orders/rack", "reason", "the carrier is quick")
	if _, page := sato.get("/runs/" + id + "/damage"); !strings.Contains(page, "Looked at first: Order taking: Leased line, Order taking: Server rack") {
		t.Errorf("the page of damage does not say what comes first:\n%s", page)
	}
	if _, page := sato.get("/runs/" + id + "/do/priorities"); !strings.Contains(page, `value="orders/line" selected`) {
		t.Errorf("the form does not show the order as it is:\n%s", page)
	}
	if res, body := tanaka.post(path+"priorities", "place", "orders", "key", "p"); res.StatusCode < 400 {
		t.Errorf("who does not lead sets the order: %s\n%s", res.Status, body)
	}
	sato.ok(path+"assess", "system", "orders", "damage", "stopped")
	h.until(id, run.DecisionAsked)
	sato.ok(path+"decide", "system", "orders", "choice", "in_place", "reason", "the rack can be mended")
	res, body := suzuki.post(path+"decide", "system", "orders", "choice", "alternate", "reason", "the standby is whole", "key", "late")
	if res.StatusCode < 400 || !strings.Contains(body, "was decided meanwhile") || !strings.Contains(body, "the form there revises it") {
		t.Errorf("the second of two who decide at once is not told: %s\n%s", res.Status, body)
	}
	suzuki.lang = "ja"
	_, page := suzuki.get("/tasks")
	if !strings.Contains(page, `name="instead" value="in_place"`) || !strings.Contains(page, "復旧開始前に方針を変更する") || !strings.Contains(page, "佐藤 美咲") {
		t.Errorf("the revision does not say what it takes the place of:\n%s", page)
	}
	if _, page := tanaka.get("/tasks"); strings.Contains(page, `name="instead"`) {
		t.Error("who does not decide is offered to revise")
	}
	suzuki.ok(path+"decide", "system", "orders", "choice", "alternate", "reason", "the standby is whole", "instead", "in_place")
	made := h.kinds(id)[run.DecisionMade]
	var last run.Decision
	_ = made[len(made)-1].Decode(&last)
	if len(made) != 2 || last.Answer != run.Alternate || last.Instead != run.InPlace || made[1].By != "suzuki" {
		t.Errorf("the decisions in the record: %+v, the last %+v", made, last)
	}
	// tanaka's role is suzuki's now, and so are its steps.
	suzuki.ok(path + "approve")
	h.until(id, run.StepWaiting)
	for b, offered := range map[*browser]bool{suzuki: true, tanaka: false} {
		if _, page := b.get("/tasks"); strings.Contains(page, `/act/step"`) != offered {
			t.Errorf("after the handover the operator's step is offered the wrong way round (want %v)", offered)
		}
	}
	sato.ok(path+"abort", "reason", "end of the test", "sure", "yes")
	h.until(id, run.RunEnded)
	if res, _ := sato.get("/runs/" + id + "/do/order"); res.StatusCode != http.StatusForbidden {
		t.Errorf("acts are offered on a run that has ended: %s", res.Status)
	}
}

// The panel follows the rights that the estate grants.
func TestThePanelFollowsGrantedRights(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.plan.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayDecide}}, {Role: "operator", May: []plan.Permission{plan.MayReport}}}
	if err := w.plan.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := w.store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	w.record(drill, run.Drill)
	for who, sees := range map[string]map[string]bool{
		personID(0):  {"relocate": true, "handover": true, "order": false, "strength": false},
		personID(6):  {"relocate": false, "handover": true, "order": true, "strength": true},
		personID(30): {"relocate": false, "order": false, "strength": false},
	} {
		b := w.browser(who)
		_, page := b.get("/runs/" + drill)
		for what, want := range sees {
			if got := strings.Contains(page, "/do/"+what+`"`); got != want {
				t.Errorf("%s is offered %s: %v, want %v", who, what, got, want)
			}
			if res, _ := b.get("/runs/" + drill + "/do/" + what); (res.StatusCode == http.StatusOK) != want {
				t.Errorf("%s opens %s: %s, want %v", who, what, res.Status, want)
			}
		}
	}
}

// In a real response a step can be forced alone, by reason and tick; a drill has no need of it.
func TestForcingAStepAloneTakesReasonAndTick(t *testing.T) {
	for kind, offered := range map[run.Kind]bool{run.Response: true, run.Drill: false} {
		w := newWorld(t, begun.Add(18*time.Minute))
		w.record(drill, kind)
		b := w.browser(personID(6))
		if _, page := b.get("/tasks"); strings.Contains(page, "Break the glass") != offered || strings.Contains(page, `name="sure"`) != offered {
			t.Errorf("in a %s forcing a step alone is offered: %v", kind, !offered)
		}
		before := w.events()
		for _, pairs := range [][]string{{"reason", "nobody answers"}, {"sure", "yes"}} {
			res, body := b.post("/runs/"+drill+"/act/step", append(pairs, "key", pairs[0], "step", "reconcile", "system", "orders", "act", "skip", "break_glass", "yes")...)
			if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "a reason and its tick") {
				t.Errorf("with its %s alone: %s", pairs[0], res.Status)
			}
		}
		if w.events() != before {
			t.Error("what was refused has changed the record")
		}
	}
}

// Whoever could confirm that a step is forced sees who asked for it and why, on a page that was
// open before.
func TestTheFirstWordOnAForcedStepIsShown(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record(drill, run.Response)
	b := open(t, w.url, "en")
	b.signIn(w.token(personID(6)))
	b.to("/runs/" + drill)
	b.says("Outcome unknown: step Reconcile the queues")
	w.append(run.Event{Run: drill, Writer: "orders/failover/forced", Seq: 1, At: begun.Add(17 * time.Minute), Kind: run.ForceAsked, System: "orders", Runbook: "orders-failover", Step: "reconcile", By: personID(7), Reason: "the queues are empty", Data: run.Encode(run.StepAct{Act: run.ActSkip})})
	b.says("Nakamura Ken has asked for this")
	b.says("Skip")
	b.says("the queues are empty")
	asker := w.browser(personID(7))
	if _, page := asker.get("/tasks"); !strings.Contains(page, "You have asked for this; a second person confirms it") || strings.Contains(page, personID(7)+" asks for") {
		t.Errorf("who asked:\n%s", page)
	}
	w.shoot(t, personID(6), map[string]string{"forced": "/tasks", "assess": "/runs/" + drill + "/do/assess?of=orders"})
	w.shoot(t, personID(0), map[string]string{"priorities": "/runs/" + drill + "/do/priorities"})
}

// On a phone the panel is closed until somebody opens it, and its forms work by touch.
func TestThePanelOnAPhone(t *testing.T) {
	w := recorded(t)
	b := open(t, w.url, "ja")
	b.size(390, 844, true)
	b.signIn(w.token(personID(0)))
	b.to("/runs/" + drill)
	b.until(`!document.querySelector("details.more").open`)
	b.press("details.more summary")
	b.run(chromedp.WaitVisible(chromedp.CSS(`a[href$="/do/order"]`)))
	for _, what := range []string{"relocate", "handover", "strength", "order", "custody", "notice", "assess?of=orders", "inspect?of=osaka", "priorities"} {
		b.to("/runs/" + drill + "/do/" + what)
		b.until(`!!document.querySelector("form[action*='/act/'] button.go")`)
		if wide := value[int64](b, "document.documentElement.scrollWidth"); wide > 390 {
			t.Errorf("%s is %d pixels wide on a phone", what, wide)
		}
		if small := value[int64](b, `[...document.querySelectorAll("main form[action*='/act/'] :is(button,select,input:not([type=hidden],[type=radio],[type=checkbox]))")].filter(e => e.getClientRects().length && e.getBoundingClientRect().height < 44).length`); small > 0 {
			t.Errorf("%s has %d things that a thumb misses", what, small)
		}
	}
}
