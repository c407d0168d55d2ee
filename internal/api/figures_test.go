package api_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// A system's figures are those of the newest run that met or missed the objective, its verdict that of the newest
// run that judged it. What was broken off, or could not prove it, ends no miss.
func TestFiguresAreOfTheNewestRunThatMeasured(t *testing.T) {
	s, put := attaining(t)
	put("a", 1, run.Live, run.Recovered, run.Missed, 5000)
	put("b", 2, run.Live, run.Recovered, run.Met, 600)
	verdict := func(name string, want run.Verdict, took float64) {
		t.Helper()
		of := attained(t, s)
		rto, rlo := of[outcome.RTO], of[outcome.RLO]
		if rto.System != "orders" || rto.Verdict != want || len(rto.Figures) != 1 || *rto.Figures[0].ActualS != took || *rto.Figures[0].ObjectiveS != 3600 {
			t.Errorf("%s: RTO = %+v, want %s, and %v of 3600 s measured", name, rto, want, took)
		}
		if rlo.Verdict != want || len(rlo.Figures) != 1 || rlo.Figures[0].Level != 50 || *rlo.Figures[0].ActualS != took {
			t.Errorf("%s: RLO = %+v, want %s, 50 %% in %v s", name, rlo, want, took)
		}
		if len(of) != 2 {
			t.Errorf("%s: %d properties, want the two that were judged: %+v", name, len(of), of)
		}
	}
	verdict("met", run.Met, 600)
	put("c", 3, run.Live, run.Cancelled, run.NotProven, 0)
	verdict("met, and one broken off", run.Met, 600)
	put("d", 4, run.Live, run.Recovered, run.NotProven, 0)
	verdict("met, and one that did not prove it", run.NotProven, 600)
	put("e", 5, run.Live, run.Recovered, run.Missed, 4000)
	put("f", 6, run.Tabletop, run.TalkedThrough, run.Met, 1) // moves nothing
	verdict("missed", run.Missed, 4000)
	put("g", 7, run.Live, run.Cancelled, run.NotProven, 0)
	verdict("missed, and one broken off", run.Missed, 4000)
	put("h", 8, run.Live, run.Recovered, run.NotProven, 0)
	verdict("missed, and one that did not prove it", run.Missed, 4000)
	put("i", 9, run.Live, run.Recovered, run.Met, 700)
	verdict("met again", run.Met, 700)
}

// What the files hold no more is nobody's to meet: a system that is gone, an objective that was dropped. A mistake in
// a file drops nothing.
func TestFiguresAreOfWhatTheFilesHold(t *testing.T) {
	s, put := attaining(t)
	put("a", 1, run.Live, run.Recovered, run.Missed, 5000)
	hour := run.Duration(time.Hour)
	plans := &proofFiles{now: proof.Files{Systems: []plan.System{{Name: "orders", Objective: plan.Objective{RTO: &hour}}}}, err: errors.New("a mistake")}
	s.Plans = plans
	has := func(name string, want ...outcome.Property) {
		t.Helper()
		of := attained(t, s)
		for _, p := range want {
			if of[p].Verdict != run.Missed {
				t.Errorf("%s: %s = %+v, want missed", name, p, of[p])
			}
		}
		if len(of) != len(want) {
			t.Errorf("%s: %+v, want %v", name, of, want)
		}
	}
	has("nobody has read good files yet", outcome.RTO, outcome.RLO)
	plans.err = nil
	has("no RLO any more", outcome.RTO)
	plans.err = errors.New("a mistake")
	has("files with a mistake", outcome.RTO)
	hold := plans.now
	plans.now.Compile, plans.err = func(string, run.Depth) (plan.Plan, error) { return plan.Plan{Systems: hold.Systems}, nil }, nil
	err := outcome.Put(t.Context(), s.Store, outcome.Outcome{Version: outcome.Version, Run: "b", Kind: run.Drill, Depth: run.Live, Scenario: "milder", State: run.Recovered,
		StartedAt: time.Now(), EndedAt: time.Now(), Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: run.Met}}}})
	if err != nil {
		t.Fatal(err)
	}
	has("met in a milder scenario", outcome.RTO)
	plans.now, plans.err = proof.Files{}, nil
	has("no such system any more")
}

// proofFiles are files that may have a mistake.
type proofFiles struct {
	files
	now proof.Files
	err error
}

func (f *proofFiles) ProofFiles() (proof.Files, error) {
	if f.err != nil {
		return proof.Files{}, f.err
	}
	return f.now, nil
}

// attaining is a server of whose runs one decides what they came to.
func attaining(t *testing.T) (*api.Server, func(id string, days int, depth run.Depth, state run.State, verdict run.Verdict, took float64)) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	hour := 3600.0
	at := time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)
	s := &api.Server{Store: store, Log: slog.New(slog.DiscardHandler)}
	s.Handler()
	return s, func(id string, days int, depth run.Depth, state run.State, verdict run.Verdict, took float64) {
		t.Helper()
		f := outcome.Figure{ObjectiveS: &hour, Verdict: verdict}
		if took > 0 {
			f.ActualS = &took
		}
		err := outcome.Put(context.Background(), store, outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: depth, Scenario: "loss", State: state,
			StartedAt: at, EndedAt: at.AddDate(0, 0, days), Verdict: verdict, Systems: []outcome.System{{ID: "orders", RTO: f,
				RLO: []outcome.Stage{{Level: 50, Figure: f}}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func attained(t *testing.T, s *api.Server) map[outcome.Property]metrics.Attained {
	t.Helper()
	list, err := s.Attained(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	of := map[outcome.Property]metrics.Attained{}
	for _, a := range list {
		of[a.Property] = a
	}
	return of
}
