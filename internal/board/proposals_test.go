package board_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// propose puts a proposal of an alarm into the record.
func (w *world) propose(id string, kind run.Kind, said string) {
	w.t.Helper()
	body, err := json.Marshal(alarm.Proposal{ID: id, State: alarm.Open, Kind: kind, Scenario: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Source: "jma",
		Summary: plan.Text{EN: said, JA: "震度6強 東京都千代田区"}, RaisedAt: w.now, Expires: w.now.Add(time.Hour)})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.PutDocument(w.t.Context(), journal.Document{Kind: "proposal", ID: id, Body: body}); err != nil {
		w.t.Fatal(err)
	}
}

// Whoever sits before an open page, or a wall, sees a new alarm without asking; what they are typing stays.
func TestAnOpenPageShowsANewAlarm(t *testing.T) {
	w := recorded(t)
	token := w.token(personID(0))
	tabs := map[string]*tab{}
	for path, id := range map[string]string{"/": "#proposals", "/?wall": "#alarms", "/runs/" + drill + "?wall": "#alarms"} {
		b := open(t, w.url, "en")
		b.signIn(token)
		b.to(path)
		b.until(`document.querySelector("` + id + `") !== null && document.getElementById("fresh").textContent.includes("Live")`)
		tabs[path] = b
	}
	w.propose("p-1", run.Response, "an earthquake")
	for _, b := range tabs {
		b.says("an earthquake")
	}
	now := tabs["/"]
	now.run(chromedp.SendKeys(chromedp.CSS(`#proposals form[action="/proposals/p-1/start"] input[name=typed]`), "tokyo"))
	w.propose("p-2", run.Drill, "a training telegram")
	now.says("a training telegram")
	if typed := value[string](now, `document.querySelector('form[action="/proposals/p-1/start"] input[name=typed]').value`); typed != "tokyo" {
		t.Errorf("what was typed is %q", typed)
	}
	wall := tabs["/?wall"]
	w.propose("p-3", run.Response, "an aftershock")
	wall.says("an aftershock")
	if text := value[string](wall, "document.body.innerText"); strings.Contains(text, "a training telegram") {
		t.Errorf("the wall shows a drill's proposal as an alarm:\n%s", text)
	}
	if high := value[bool](wall, "document.documentElement.scrollHeight > innerHeight"); high {
		t.Error("the wall is higher than its screen")
	}
	for _, b := range tabs {
		b.close()
	}
	w.shoot(t, personID(0), map[string]string{"alarm-now": "/"})
}

// How much waits for somebody goes on with the page.
func TestAnOpenPageCountsWhatWaits(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	_, page := b.get("/")
	if !strings.Contains(page, "wait for you") {
		t.Fatalf("nothing waits:\n%s", page)
	}
	if got := w.stream(t, b, "/live?own=now", "", 1); !strings.Contains(got["count"], "wait for you") {
		t.Errorf("the stream does not say how much waits: %v", keys(got))
	}
}
