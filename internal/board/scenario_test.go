package board_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// The page of a scenario says why it is not ready, shows what would be run in its order, and
// speaks its reader's language.
func TestAScenarioAsItsReadersReadIt(t *testing.T) {
	w := newWorld(t, begun)
	at := begun.Add(-time.Hour)
	w.append(run.Event{Run: "check-1", Writer: "run", Seq: 1, At: at, Kind: run.RunStarted, By: personID(1), Data: run.Encode(run.Started{Kind: run.Readiness, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: "of-yesterday"})},
		run.Event{Run: "check-1", Writer: "run", Seq: 2, At: at, Kind: run.ReadinessChecked, By: run.Engine, Data: run.Encode(run.Checked{Items: []run.Item{
			{What: "sim.step", Where: "promote", System: "orders", Site: "osaka", Problems: []run.Problem{{EN: "the folder can't be written; give muster the right to", JA: "フォルダーに書き込めません。書き込み権限を付与してください"}}},
			{What: "person", Where: personID(0)}}})},
		run.Event{Run: "check-1", Writer: "run", Seq: 3, At: at, Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Ready})})
	b := w.browser(personID(0))
	_, page := b.get("/scenarios/tokyo-loss")
	wants(t, "en", page, "Order taking · Osaka data centre · promote: the folder can&#39;t be written; give muster the right to", "the plan has changed since that check", "muster check tokyo-loss",
		"<dd>Commander</dd>", "<dd>Operator 6</dd>", "☺ Service desk", "<td>Osaka data centre</td>", "<td>Point clients to Osaka, Reconcile the queues</td>")
	wants(t, "en", page, "Chances of meeting the objectives", "a forecast, never a measurement")
	last := -1
	for _, title := range []string{"Switch orders to Osaka", "Restart orders at Tokyo", "Bring orders home", "Switch payments to Osaka", "Restart payments at Tokyo", "Bring payments home"} {
		if i := strings.Index(page, title); i <= last {
			t.Errorf("%q is at %d, what is before it at %d", title, i, last)
		} else {
			last = i
		}
	}
	b.lang = "ja"
	_, page = b.get("/scenarios/tokyo-loss")
	wants(t, "ja", page, "目標達成の見込み", "受注システム · 大阪データセンター · promote：フォルダーに書き込めません", "<dd>統括責任者</dd>", "☺ サービスデスク")
	for _, english := range []string{"Commander", "service-desk", "commander", ">orders<", "site osaka"} {
		if strings.Contains(page, english) {
			t.Errorf("the Japanese page says %q", english)
		}
	}
	if _, page = b.get("/scenarios"); !strings.Contains(page, "受注システム、決済システム、顧客ポータル") {
		t.Errorf("the list of scenarios:\n%s", page)
	}
	if _, page = b.get("/people"); !strings.Contains(page, `<td data-l="役割">統括責任者</td><td data-l="代行者">高橋 一郎</td>`) {
		t.Errorf("the roster:\n%s", page)
	}
	w.shoot(t, personID(0), map[string]string{"scenario": "/scenarios/tokyo-loss", "scenarios": "/scenarios", "roster": "/people"})
}
