package report_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// activated is a response that is begun when the primary is dead already: its probes come too late to have planted
// anything that the standby could have lost.
func activated(t *testing.T, saidToHaveBegun float64, changes ...run.Transition) *story {
	p := aPlan()
	p.Scenario.Failback, p.Scenario.Simulate, p.Scenario.Injects = run.PolicyStay, nil, nil
	p.Scenario.Pass = []plan.Criterion{{ID: "nothing-lost", Text: plan.Text{EN: "Nothing was lost", JA: "損失がない"}, Expect: "systems.orders.rpo.lost_markers == 0"}}
	s := newStory(t, p)
	s.begin(0, run.Response)
	s.run(0.4, run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at(0.4), Source: "reported"})
	s.run(0.4, run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: "orders"}, run.Occurrence{At: at(saidToHaveBegun), Source: "reported"})
	s.decide("orders", run.Alternate)
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 14.5, 16, run.Passed, run.ByAcknowledge)
	s.single(17.4, "orders", run.Verification, "osaka")
	for _, probe := range []string{"orders/write", "orders/search"} {
		o := s.watch(probe, 49)
		o.Transitions = changes
		if probe == "orders/write" {
			o.Markers = markers(96, 0, 48.8)
			for _, c := range changes {
				if c.Up {
					o.Markers.FirstAckedAt = c.At
					break
				}
			}
		}
	}
	s.end(50, run.RecoveredAtAlternate)
	return s
}

// When markers begin only after the outage did, that all of them survived says nothing about what it took away.
func TestALossIsNotProvenByMarkersFromAfterTheOutage(t *testing.T) {
	drill := func(marks func(*run.Observations)) *story {
		s := stay(t, 6.2, 14.42)
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == "orders/write" }, func(_ *run.Event, o *run.Observations) { marks(o) })
		return s
	}
	for _, c := range []struct {
		name    string
		story   *story
		verdict run.Verdict
		why     string
	}{
		{"a drill whose probe planted before", drill(func(*run.Observations) {}), run.Met, ""},
		{"a response to what has happened", activated(t, 0.4, run.Transition{At: at(0.5), Error: "connection refused"}, run.Transition{At: at(14.42), Up: true}), run.NotProven, "no_marker_before"},
		{"a response to what has not stopped service yet", activated(t, 0.4, run.Transition{At: at(0.5), Up: true},
			run.Transition{At: at(13.2), LastOKAt: at(13.0)}, run.Transition{At: at(14.42), Up: true}), run.Met, ""},
		{"a response to what is said to have begun before it", activated(t, -600, run.Transition{At: at(0.5), Up: true},
			run.Transition{At: at(13.2), LastOKAt: at(13.0)}, run.Transition{At: at(14.42), Up: true}), run.NotProven, "no_marker_before"},
		{"a drill whose probe lost its log after the recovery", drill(func(o *run.Observations) {
			o.Gaps, o.Markers.FirstAckedAt = []run.Span{{From: at(20), To: at(25)}}, at(25.1)
		}), run.NotProven, "no_marker_before"},
		{"a drill whose probe did not look when service stopped", drill(func(o *run.Observations) {
			o.Gaps = []run.Span{{From: at(4), To: at(6.2)}}
		}), run.NotProven, "stop_unseen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, c.story)
			rpo := r.Systems[0].RPO
			if rpo.Verdict != c.verdict || (rpo.ActualS != nil) != (c.why == "") || c.why != "" && !why(rpo.Why, c.why) {
				t.Fatalf("RPO = %+v, want %s for %q", rpo, c.verdict, c.why)
			}
			if (rpo.LostMarkers == nil) != (c.why == "no_marker_before") {
				t.Errorf("lost markers = %v: none lost is no figure where none was there to be lost", rpo.LostMarkers)
			}
			if r.Case != nil {
				for _, p := range r.Case.Pass {
					if p.ID == "nothing-lost" && (p.Verdict == run.Met) != (c.why == "") {
						t.Errorf("the criterion that nothing was lost is %s, with RPO %s", p.Verdict, rpo.Verdict)
					}
				}
			}
			if c.why == "" {
				return
			}
			for lang, want := range map[string][]string{"en": {"Data loss is not known.", "so what was lost with it is unknown"}, "ja": {"データ損失は不明。", "停止に伴う損失は不明"}} {
				got := render(t, r, report.Markdown, lang)
				for _, w := range want {
					if !strings.Contains(got, w) {
						t.Errorf("the report in %s does not say %q", lang, w)
					}
				}
			}
		})
	}
}

// What was restored from a backup of last night holds no marker of the run: how far back the loss reaches nobody can tell,
// but all that was written in the run is lost, and that may be enough. A run of before is judged as it was.
func TestALossOfAllMarkersMissesWhatItExceeds(t *testing.T) {
	lost := func(first float64) *story {
		s := stay(t, 6.2, 14.42)
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == "orders/write" }, func(_ *run.Event, o *run.Observations) {
			o.Markers.FirstAckedAt, o.Markers.Lost = at(first), 20
			o.Markers.Losses = []run.Loss{{Seq: 20, AckedAt: at(6), Count: 20}}
		})
		return s
	}
	for first, want := range map[float64]run.Verdict{0.2: run.Missed, 2: run.NotProven} { // of an objective of 5 s
		if rpo := build(t, lost(first).byRules(1)).Systems[0].RPO; rpo.Verdict != run.NotProven || !why(rpo.Why, "no_survivor") {
			t.Errorf("as before: %+v", rpo)
		}
		r := build(t, lost(first).byRules(run.ReportRules))
		code := map[run.Verdict]string{run.Missed: "lost_at_least", run.NotProven: "no_survivor"}[want]
		if rpo := r.Systems[0].RPO; rpo.Verdict != want || rpo.ActualS != nil || !why(rpo.Why, code) {
			t.Errorf("lost since %v s: %+v, want %s for %q", first, rpo, want, code)
		}
		if want == run.Missed && (len(r.Findings) == 0 || r.Findings[0].Title != "orders: RPO was missed" || r.Findings[0].DetailJA == "") {
			t.Errorf("findings: %+v", r.Findings)
		}
	}
}

// Of two stores the markers of one are lost with their probe's worker: those of the other say nothing of it. A run of
// before is judged as it was.
func TestALossIsNotProvenWithoutTheMarkersOfEachStore(t *testing.T) {
	for uses, want := range map[string]run.Verdict{"probe.redis_markers": run.NotProven, "probe.sql": run.Met} {
		s := stay(t, 6.2, 14.42)
		sys := &s.plan.Systems[0]
		sys.Objective.RLO, sys.Probes[1].Uses = sys.Objective.RLO[:1], uses
		if err := s.plan.Seal(); err != nil {
			t.Fatal(err)
		}
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunStarted }, func(_ *run.Event, d *run.Started) { d.PlanHash = s.plan.Hash })
		for i := range s.events {
			if e := &s.events[i]; e.Kind == run.ProbeEnded && e.Step == "orders/search" {
				e.Data, e.Outcome, e.Reason = nil, run.Unknown, "its worker did not answer"
			}
		}
		if rpo := build(t, s.byRules(2)).Systems[0].RPO; rpo.Verdict != run.Met {
			t.Errorf("%s, as before: %+v", uses, rpo)
		}
		rpo := build(t, s.byRules(run.ReportRules)).Systems[0].RPO
		if rpo.Verdict != want || why(rpo.Why, "no_marker") != (want != run.Met) || (rpo.ActualS == nil || rpo.LostMarkers == nil) != (want != run.Met) {
			t.Errorf("%s: %+v, want %s", uses, rpo, want)
		}
	}
}
