package board_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// leave makes a run of the past hold a system: its clean-up was not finished.
func (w *world) leave(system, id, why string) {
	w.t.Helper()
	at := begun.Add(-48 * time.Hour)
	w.append(run.Event{Run: id, Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: personID(2), Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})},
		run.Event{Run: id, Writer: "run", Seq: 2, At: at.Add(time.Hour), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.PartlyRecovered})})
	worked := worker.New(w.engine, plan.ControlQueue, worker.Options{})
	workflows.Register(worked)
	if err := worked.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(worked.Stop)
	lock := workflows.SwitchID(system)
	if _, err := w.engine.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: lock, TaskQueue: plan.ControlQueue}, workflows.TypeSwitch, system, id); err != nil {
		w.t.Fatal(err)
	}
	if err := w.engine.SignalWorkflow(w.t.Context(), lock, "", "keep", why); err != nil {
		w.t.Fatal(err)
	}
}

// A system that an earlier run has left locked is told before anybody needs it: who, why, and
// the way out, which is on the board.
func TestLeftoverLocks(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	old := "tokyo-loss-old"
	w.leave("orders", old, "the standby at Tokyo would not start / 東京の待機系を起動できません")
	chief, clerk := w.browser(personID(0)), w.browser(personID(1))
	for _, path := range []string{"/", "/systems"} {
		_, page := chief.get(path)
		wants(t, path, page, "Order taking is locked", "not even a real response", `href="/runs/`+old+`"`, "Takahashi", "the standby at Tokyo would not start", "2026-11-17 15:00 JST")
		if strings.Contains(page, "Payments is locked") {
			t.Errorf("%s: a system that nobody holds is said to be locked", path)
		}
	}
	_, page := chief.get("/systems")
	wants(t, "systems", page, `action="/systems/orders/release"`, "it stands in the access log")
	_, page = chief.get("/activate?scenario=tokyo-loss")
	wants(t, "activate", page, "the start will be refused", `href="/systems#lock-orders"`)
	chief.lang = "ja"
	_, page = chief.get("/activate?scenario=tokyo-loss")
	wants(t, "activate", page, "現時点では発動できません", "東京の待機系を起動できません", "ロックを解除してください")
	chief.lang = "en"

	w.shoot(t, personID(0), map[string]string{"lock-now": "/", "lock-systems": "/systems", "lock-activate": "/activate?scenario=tokyo-loss"})

	// Without the tick, or the word of what was done, it stays locked.
	for _, form := range [][]string{{"reason", "restarted by hand"}, {"sure", "yes"}} {
		if res, page := clerk.post("/systems/orders/release", form...); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, "still locked") {
			t.Errorf("with %q: %s\n%s", form, res.Status, page)
		}
	}
	// A page that is open hears of the release by itself.
	b := open(t, w.url, "en")
	b.signIn(w.token(personID(3)))
	b.to("/")
	b.until(`document.querySelector("#locks .leftover") !== null`)
	res, page := chief.post("/systems/orders/release", "reason", "restarted by hand", "sure", "yes", "key", "once")
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("released: %s\n%s", res.Status, page)
	}
	if _, page = chief.get(res.Header.Get("Location")); !strings.Contains(page, "The lock is released") || strings.Contains(page, "is locked") {
		t.Errorf("after the release the page says:\n%s", page)
	}
	b.until(`document.querySelector("#locks .leftover") === null`)
	if _, page = chief.get("/activate?scenario=tokyo-loss"); strings.Contains(page, "will be refused") {
		t.Errorf("after the release /activate still says that it is refused:\n%s", page)
	}
	if res, page = chief.post("/systems/orders/release", "reason", "again", "sure", "yes", "key", "twice"); res.StatusCode != http.StatusConflict || !strings.Contains(page, "No run holds orders") {
		t.Errorf("released twice: %s\n%s", res.Status, page)
	}
}

// wants are words that a page must show.
func wants(t *testing.T, where, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("%s does not say %q:\n%s", where, w, page)
		}
	}
}
