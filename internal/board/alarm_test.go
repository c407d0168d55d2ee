package board_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What an alarm proposes stands on the first page. It starts when its name is typed, and is
// closed with a reason; either way once.
func TestWhatAnAlarmProposesIsAnswered(t *testing.T) {
	w := recorded(t)
	body, err := json.Marshal(alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo"}, Source: "jma",
		Summary: plan.Text{EN: "an earthquake " + script}, RaisedAt: w.now, Expires: w.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "p-1", Body: body}); err != nil {
		t.Fatal(err)
	}
	b := w.browser(personID(0))
	_, page := b.get("/")
	if !strings.Contains(page, "an earthquake") || strings.Contains(page, "<script>window") || !strings.Contains(page, "/proposals/p-1/start") {
		t.Errorf("the first page does not show what is proposed:\n%s", page)
	}
	for _, typed := range []string{"", "tokyo", "TOKYO-LOSS"} {
		if res, body := b.post("/proposals/p-1/start", "confirm", "tokyo-loss", "typed", typed); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "nothing was started") {
			t.Errorf("%q was typed: %s", typed, res.Status)
		}
	}
	if res, _ := b.post("/proposals/p-1/dismiss", "reason", ""); res.StatusCode < 400 {
		t.Errorf("closed without a reason: %s", res.Status)
	}
	if res, body := b.post("/proposals/p-1/dismiss", "reason", "a false alarm"); res.StatusCode != http.StatusSeeOther {
		t.Errorf("closing it: %s\n%s", res.Status, body)
	}
	if res, body := b.post("/proposals/p-1/start", "confirm", "tokyo-loss", "typed", "tokyo-loss"); res.StatusCode != http.StatusConflict || !strings.Contains(body, "a false alarm") {
		t.Errorf("starting what is closed: %s\n%s", res.Status, body)
	}
	if _, page := b.get("/"); strings.Contains(page, "/proposals/p-1/") {
		t.Error("a closed proposal still asks")
	}
}

// A training alarm leads to a drill: it looks like one, and nobody types its name.
func TestATrainingAlarmLooksLikeADrill(t *testing.T) {
	w := recorded(t)
	body, err := json.Marshal(alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Drill, Scenario: "tokyo-loss", RaisedAt: w.now, Expires: w.now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "p-1", Body: body}); err != nil {
		t.Fatal(err)
	}
	b := w.browser(personID(0))
	_, page := b.get("/")
	if !strings.Contains(page, "Start the drill") || strings.Contains(page, "To confirm, type") {
		t.Errorf("the proposal of a drill looks like the real thing:\n%s", page)
	}
	if res, body := b.post("/proposals/p-1/dismiss", "reason", "enough drilled"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("closing it: %s\n%s", res.Status, body)
	}
	// Refused for that it is closed, not for that nothing was typed.
	if res, body := b.post("/proposals/p-1/start"); res.StatusCode != http.StatusConflict || !strings.Contains(body, "enough drilled") {
		t.Errorf("a drill is asked to be typed: %s\n%s", res.Status, body)
	}
}

// The real thing starts only when the scenario's name was typed, with a reason, and from the
// plan that was read.
func TestTheRealThingIsConfirmed(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	_, page := b.get("/activate?scenario=tokyo-loss")
	for _, want := range []string{"60 people are called at once", "Nothing is moved before Commander has decided (after 10 min without a decision the plan&#39;s rule does) and 1 other(s) have approved.", drill, "type tokyo-loss"} {
		if !strings.Contains(page, want) {
			t.Errorf("the summary lacks %q:\n%s", want, page)
		}
	}
	for name, form := range map[string][]string{
		"a name mistyped":      {"typed", "tokyo", "reason", "fire"},
		"no reason":            {"typed", "tokyo-loss"},
		"a plan that is stale": {"typed", "tokyo-loss", "reason", "fire", "plan_hash", strings.Repeat("0", 64)},
	} {
		if res, _ := b.post("/start", append(form, "kind", "response", "scenario", "tokyo-loss")...); res.StatusCode < 400 {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
	w.change("rule: alternate-site-when-rto-at-risk", "rule: wait")
	if _, page := b.get("/activate?scenario=tokyo-loss"); !strings.Contains(page, "Nothing is moved before Commander has decided and 1 other(s) have approved.") {
		t.Errorf("where only people decide:\n%s", page)
	}
	if runs, err := w.store.Runs(t.Context(), journal.Filter{Kind: run.Response}); err != nil || len(runs) > 0 {
		t.Errorf("started all the same: %v, %v", runs, err)
	}
}
