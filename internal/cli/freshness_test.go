package cli

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// oneSystem are files of one system with an RTO.
type oneSystem struct{ p plan.Plan }

func (f oneSystem) Scenarios() ([]api.Scenario, error)           { return nil, nil }
func (f oneSystem) Compile(string, run.Depth) (plan.Plan, error) { return f.p, nil }
func (f oneSystem) ProofFiles() (proof.Files, error) {
	return proof.Files{Systems: f.p.Systems, Zone: "Asia/Tokyo", Compile: f.Compile}, nil
}

// What is proven, and what is due, with exit codes for a pipeline.
func TestFreshness(t *testing.T) {
	rto := run.Duration(time.Hour)
	f := oneSystem{plan.Plan{Scenario: plan.Scenario{Name: "loss"}, Systems: []plan.System{{Name: "orders", Priority: "S", Objective: plan.Objective{RTO: &rto}}}}}
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	const console = "the-server's-own-token-of-the-test"
	srv := httptest.NewServer((&api.Server{Store: store, Plans: f, Log: slog.New(slog.DiscardHandler), Identity: identity.New(store, identity.Options{Console: console})}).Handler())
	t.Cleanup(func() { srv.Close(); _ = store.Close() })
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", console)
	says := func(code int, wants string, args ...string) {
		t.Helper()
		got, out, talk := muster(t, append([]string{"freshness"}, args...)...)
		if got != code || !strings.Contains(out+talk, wants) {
			t.Errorf("muster freshness %s: exit %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, wants, out, talk)
		}
	}
	verdict, parts := run.Met, []string(nil)
	proved := func(id string, days int, prints outcome.Fingerprints) {
		t.Helper()
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Drill, Depth: run.Live, Scenario: "loss", State: run.Recovered, EndedAt: time.Now().UTC().AddDate(0, 0, -days),
			Systems: []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: verdict}, SimulatedParts: parts, Fingerprints: prints}}}
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
	}
	says(exitNotProven, "never proven", "--lang", "en")
	says(exitNotProven, "未立証", "--lang", "ja")
	proved("loss-1", 120, outcome.FingerprintsOf(f.p, f.p.Systems[0]))
	says(exitMissed, "120 days ago: OVERDUE", "--lang", "en")
	says(exitMissed, "120日前：期限超過", "--due", "--lang", "ja")
	proved("loss-2", 20, outcome.Fingerprints{Plan: "another"})
	says(exitNotProven, "20日前（その後の変更：計画", "orders", "--lang", "ja")
	proved("loss-3", 3, outcome.FingerprintsOf(f.p, f.p.Systems[0]))
	says(exitMet, "loss-3", "--lang", "en")
	says(exitMet, `"state": "fresh"`, "-o", "json")
	verdict = run.Missed
	proved("loss-4", 2, outcome.FingerprintsOf(f.p, f.p.Systems[0]))
	says(exitMissed, "3 days ago: MISSED since, in run loss-4", "--lang", "en")
	says(exitMissed, "3日前：その後の実施 loss-4 で未達", "--due", "--lang", "ja")
	verdict, parts = run.Met, []string{"people_s"}
	proved("loss-5", 1, outcome.FingerprintsOf(f.p, f.p.Systems[0]))
	says(exitMissed, "1 days ago (people simulated): MISSED since, in run loss-4", "--lang", "en")
	says(exitMistake, `no system "stock"`, "stock", "--lang", "en")
}
