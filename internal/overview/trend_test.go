package overview

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Times of blind and announced runs are never put together (requirement C-BLD-05), by whichever of
// the two it is known that a run was blind.
func TestBlindRunsStandApart(t *testing.T) {
	at := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	ran := func(id string, took float64, blind bool) outcome.Outcome {
		return outcome.Outcome{Run: id, Kind: run.Drill, Depth: run.Live, State: run.Recovered, Verdict: run.Met, EndedAt: at, Blind: blind,
			Systems: []outcome.System{{ID: "orders", Verdict: run.Met, RTO: outcome.Figure{ActualS: &took, Verdict: run.Met}}},
			Steps:   []outcome.Step{{System: "orders", Runbook: "over", Step: "promote", ElapsedS: &took, Outcome: run.Passed}}}
	}
	all := []outcome.Outcome{ran("announced", 100, false), ran("withheld", 900, true), ran("drawn", 900, false)}
	got := MakeTrend(Frame{Zone: time.UTC}, "", "", all, map[string]bool{"drawn": true})
	for _, r := range got.Runs {
		if r.Blind != (r.Run != "announced") {
			t.Errorf("%s: blind %t", r.Run, r.Blind)
		}
	}
	want := map[bool]float64{true: 900, false: 100}
	if len(got.Quarters) != 2 || len(got.Steps) != 2 {
		t.Fatalf("quarters %+v, steps %+v", got.Quarters, got.Steps)
	}
	for _, q := range got.Quarters {
		if q.RTOP50S == nil || *q.RTOP50S != want[q.Blind] || *q.RTOP95S != want[q.Blind] {
			t.Errorf("%+v", q)
		}
	}
	for _, s := range got.Steps {
		if s.P50S == nil || *s.P50S != want[s.Blind] {
			t.Errorf("%+v", s)
		}
	}
}
