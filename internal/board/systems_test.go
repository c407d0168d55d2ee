package board_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Systems says of each objective when it was proven, that the proof is too old, and that what it rests on
// has changed since.
func TestSystemsSayWhatIsProven(t *testing.T) {
	w := newWorld(t, begun)
	orders, _ := w.plan.System("orders")
	verdict, parts := run.Met, []string(nil)
	proved := func(id string, days int, prints outcome.Fingerprints) {
		t.Helper()
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", State: run.Recovered, EndedAt: begun.AddDate(0, 0, -days),
			Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: verdict}, SimulatedParts: parts, Fingerprints: prints}}}
		if err := outcome.Put(t.Context(), w.store, o); err != nil {
			t.Fatal(err)
		}
	}
	b := w.browser(personID(0))
	_, page := b.get("/systems")
	wants(t, "nothing proven", page, "not proven yet", "<th>restore</th>", "<th>failback</th>")
	proved("tokyo-loss-1", 120, outcome.FingerprintsOf(w.plan, orders))
	_, page = b.get("/systems")
	wants(t, "too old", page, "120 days ago: overdue", `href="/runs/tokyo-loss-1/report"`)
	proved("tokyo-loss-2", 20, outcome.Fingerprints{Plan: "another"})
	_, page = b.get("/systems")
	wants(t, "changed", page, "20 days ago: changed since", "changed: plan", `href="/runs/tokyo-loss-2/report"`)
	parts = []string{"people_s"}
	proved("tokyo-loss-2b", 10, outcome.FingerprintsOf(w.plan, orders))
	_, page = b.get("/systems")
	wants(t, "simulated", page, "≈</span> 10 days ago, people simulated", "with simulated people or steps: 1.")
	parts = nil
	proved("tokyo-loss-3", 3, outcome.FingerprintsOf(w.plan, orders))
	_, page = b.get("/systems")
	wants(t, "fresh", page, "✓</span> 3 days ago")
	b.lang = "ja"
	_, page = b.get("/systems")
	wants(t, "fresh", page, "3日前", "<th>復元</th>", "<th>切戻し</th>")
	verdict = run.Missed
	proved("tokyo-loss-4", 1, outcome.FingerprintsOf(w.plan, orders))
	_, page = b.get("/systems")
	wants(t, "missed since", page, "3日前（その後に未達）", "の実施 tokyo-loss-4 で未達")
	b.lang = "en"
	_, page = b.get("/systems")
	wants(t, "missed since", page, `<div class="bad"><dt>missed</dt><dd>1</dd></div>`, "3 days ago: missed since", "run tokyo-loss-4")
	w.shoot(t, personID(0), map[string]string{"systems-proven": "/systems"})
}
