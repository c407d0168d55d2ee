package app

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tsatest"
)

// bundleOf waits until a run is sealed and takes its bundle.
func bundleOf(t *testing.T, m running, id string) []byte {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		b, err := m.Bundle(t.Context(), id, keep.BundleOptions{})
		if err == nil {
			return b
		}
		if p := new(api.Problem); !errors.As(err, &p) || time.Now().After(deadline) {
			t.Fatalf("the bundle of %s did not come within a minute: %v", id, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// A real run of `muster up` is sealed by itself; its bundle verifies in a folder that has
// nothing but it and the key, and a manipulated copy does not.
func TestARunOfUpIsSealedAndVerifies(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "osaka")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "scenario.yaml": tabletop}))
	o.Config.Evidence.CopyTo = []string{other}
	m := begin(t, o)
	defer func() { _ = m.stop() }()
	s, err := m.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Hold(t.Context(), s.Run, api.EvidenceAct{By: "sato", Reason: "an enquiry of the authority"}); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, m, s.Run)
	b := bundleOf(t, m, s.Run)

	public, _, err := keep.PublicKey(o.Config.EvidenceDir())
	if err != nil {
		t.Fatal(err)
	}
	r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"})
	if !r.Sound || r.Run != s.Run || len(r.Systems) != 1 || r.Entries < 2 {
		t.Fatalf("%+v", r)
	}
	if r := evidence.Verify(append([]byte{}, b[:len(b)-100]...), evidence.Options{Keys: []string{public}, Version: "test"}); r.Sound {
		t.Error("a copy without its end was accepted")
	}
	copied := filepath.Join(other, r.Log, s.Run+".part-1.zip")
	arrives(t, "the copy at the other place", func() (bool, error) {
		e, err := m.EvidenceList(t.Context(), s.Run)
		if err != nil {
			return false, err
		}
		for _, x := range e.Entries {
			if x.Kind == evidence.EntryCopied {
				return true, nil
			}
		}
		return false, nil
	})
	there, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	if r := evidence.Verify(there, evidence.Options{Keys: []string{public}, Version: "test"}); !r.Sound {
		t.Errorf("the copy: %+v", r.Findings)
	}
	figures := metricsOf(t, m)
	for _, want := range []string{`muster_evidence_runs{state="sealed"} 1`, `muster_evidence_runs{state="damaged"} 0`, `muster_evidence_copies_waiting{place="1"} 0`} {
		if !strings.Contains(figures, want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	if h, err := m.Health(t.Context()); err != nil || h.Evidence != "ok" || h.Places["file:"+other] != "ok" {
		t.Errorf("health: %+v, %v", h, err)
	}
}

// arrives waits for a condition with a deadline.
func arrives(t *testing.T, what string, is func() (bool, error)) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		ok, err := is()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come within a minute: %v", what, err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}

// `muster up` has what it seals stamped by a real authority; one that is away is told of in health, in
// doctor's words and as a metric, and holds up no run.
func TestWhatUpSealsIsStamped(t *testing.T) {
	a := tsatest.Start(t, tsatest.Options{User: "muster", Password: "s3cret-of-the-tsa"})
	a.Lies(tsatest.Away)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "scenario.yaml": tabletop}))
	ca := filepath.Join(t.TempDir(), "tsa.pem")
	if err := os.WriteFile(ca, a.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("MUSTER_TEST_TSA", "s3cret-of-the-tsa")
	o.Config.Evidence.Timestamps, o.Config.Evidence.TimestampsCAFile, o.Config.Evidence.TimestampsEvery = []string{a.URL}, ca, time.Minute
	o.Config.Evidence.TimestampsUser, o.Config.Evidence.TimestampsPassword = "muster", "secret://env/MUSTER_TEST_TSA"
	m := begin(t, o)
	defer func() { _ = m.stop() }()
	s, err := m.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	untilEnded(t, m, s.Run)
	if r := evidence.Verify(bundleOf(t, m, s.Run), evidence.Options{Version: "test"}); !r.Sound || len(r.Stamps) != 0 {
		t.Fatalf("while the authority is away: %+v", r.Findings)
	}
	arrives(t, "the trouble of the authority", func() (bool, error) {
		h, err := m.Health(t.Context())
		return strings.Contains(h.Timestamps, "HTTP 503") && h.Evidence == "ok", err
	})
	a.Lies(tsatest.Honest)
	var b []byte
	arrives(t, "a time stamp", func() (bool, error) {
		var err error
		b, err = m.Bundle(t.Context(), s.Run, keep.BundleOptions{})
		return len(evidence.Verify(b, evidence.Options{Version: "test"}).Stamps) > 0, err
	})
	r := evidence.Verify(b, evidence.Options{Version: "test", Authorities: a.Certificates()})
	if !r.Sound || !r.Stamps[0].Trusted || len(r.Unstamped) > 0 {
		t.Errorf("%+v %v", r.Stamps, r.Findings)
	}
	log, err := m.EvidenceLog(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := evidence.Verify(b, evidence.Options{Version: "test", Later: log, Authorities: a.Certificates()}); !r.Sound || r.Continued == nil {
		t.Errorf("against the log: %+v", r.Findings)
	}
	if h, err := m.Health(t.Context()); err != nil || h.Timestamps != "ok" {
		t.Errorf("health: %+v, %v", h, err)
	}
	if got := metricsOf(t, m); !strings.Contains(got, "muster_evidence_stamped_timestamp_seconds 1.") || !strings.Contains(got, "muster_evidence_stamp_overdue_seconds 0") {
		t.Error("the metrics do not say that the log has a stamp")
	}
}

func metricsOf(t *testing.T, m running) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.at+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The record of a run in which break-glass was used is kept until somebody has reviewed that: it tells who may.
func TestARunIsKeptUntilItsBreakGlassIsReviewed(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	const place = "glass/r1/approval"
	for id, found := range map[string]string{"r1": place, "r2": "step/orders/failover/promote"} {
		o := outcome.Outcome{Version: outcome.Version, Run: id, Kind: run.Response, Depth: run.Real, Scenario: "tokyo-loss", State: run.Recovered, Verdict: run.Met, StartedAt: at, EndedAt: at,
			Findings: []outcome.Finding{{Place: found, Kind: run.FindingHand, System: "orders", Title: plan.Text{EN: "x", JA: "x"}, Owner: "sato"}}}
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
	}
	ledger := &finding.Ledger{Store: store}
	kept := func(want ...string) {
		t.Helper()
		got, err := toReview(t.Context(), ledger)
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
			t.Errorf("kept: %v, %v; want %v", got, err, want)
		}
	}
	kept("r1")
	if err := ledger.Act(t.Context(), run.Event{Run: "findings", Writer: "findings", Seq: 1, At: at.AddDate(0, 0, 1), Kind: run.FindingConfirmed, By: "tanaka", Reason: "it was right", Data: run.Encode(run.FindingAct{ID: finding.IDOf(place)})}); err != nil {
		t.Fatal(err)
	}
	kept()
}
