package board_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Whoever opens the board in an emergency finds the emergency first, and a drill and the real
// thing of one system at once say so on both.
func TestADrillBesideTheRealThing(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record("real-1", run.Response)
	w.record("drill-1", run.Drill) // the newest: the record lists it first
	b := w.browser(personID(0))
	_, page := b.get("/")
	if real, drill := strings.Index(page, `href="/runs/real-1">Open`), strings.Index(page, `href="/runs/drill-1">Open`); real < 0 || drill < 0 || drill < real {
		t.Errorf("the drill is at %d, the real response at %d", drill, real)
	}
	wants(t, "now", page, "This page is the drill", "This page is REAL", "Order taking, Payments, Customer portal")
	_, page = b.get("/?wall")
	if strings.Index(page, "REAL</p>") > strings.Index(page, "DRILL</p>") {
		t.Error("on the wall the drill comes first")
	}
	wants(t, "the wall", page, "and 3 more", "A REAL response of the same system is open", "A drill of the same system is open too")
	_, page = b.get("/runs/drill-1")
	wants(t, "the drill", page, "A REAL response of the same system is open", `href="/runs/real-1"`)
	b.lang = "ja"
	_, page = b.get("/runs/real-1")
	wants(t, "the real response", page, "同じシステムの訓練も進行中です。この画面は本番です", `href="/runs/drill-1"`)
	w.shoot(t, personID(0), map[string]string{"beside-now": "/", "beside-run": "/runs/drill-1"})

	// It goes away by itself when one of them ends.
	open := open(t, w.url, "en")
	open.signIn(w.token(personID(0)))
	open.to("/runs/real-1")
	open.says("A drill of the same system is open too")
	w.append(run.Event{Run: "drill-1", Writer: "end", Seq: 1, At: begun.Add(18 * time.Minute), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Cancelled})})
	open.until(`!document.querySelector("#head").textContent.includes("A drill of the same system")`)
}
