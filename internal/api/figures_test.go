package api_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// A system's figures are those of the newest run that met or missed the objective, its verdict that of
// the newest run that judged it at all.
func TestFiguresAreOfTheNewestRunThatMeasured(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	hour := 3600.0
	at := time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)
	put := func(id string, days int, depth run.Depth, verdict run.Verdict, took float64) {
		t.Helper()
		f := outcome.Figure{ObjectiveS: &hour, Verdict: verdict}
		if took > 0 {
			f.ActualS = &took
		}
		err := outcome.Put(context.Background(), store, outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: depth, Scenario: "loss", State: run.Recovered,
			StartedAt: at, EndedAt: at.AddDate(0, 0, days), Verdict: verdict, Systems: []outcome.System{{ID: "orders", RTO: f,
				RLO: []outcome.Stage{{Level: 50, Figure: f}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("a", 1, run.Live, run.Met, 600)
	put("b", 2, run.Live, run.Missed, 5000)
	put("c", 3, run.Live, run.NotProven, 0)
	put("d", 4, run.Tabletop, run.Met, 1) // moves nothing
	s := &api.Server{Store: store, Log: slog.New(slog.DiscardHandler)}
	s.Handler()
	list, err := s.Attained(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := map[outcome.Property]metrics.Attained{}
	for _, a := range list {
		of[a.Property] = a
	}
	rto, rlo := of[outcome.RTO], of[outcome.RLO]
	if rto.System != "orders" || rto.Verdict != run.NotProven || len(rto.Figures) != 1 || *rto.Figures[0].ActualS != 5000 || *rto.Figures[0].ObjectiveS != hour {
		t.Errorf("RTO = %+v, want not proven now and 5000 of 3600 s measured", rto)
	}
	if rlo.Verdict != run.NotProven || len(rlo.Figures) != 1 || rlo.Figures[0].Level != 50 || *rlo.Figures[0].ActualS != 5000 {
		t.Errorf("RLO = %+v, want 50 %% in 5000 s", rlo)
	}
	if len(list) != 2 {
		t.Errorf("%d properties, want the two that were judged: %+v", len(list), list)
	}
}
