package report_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// told writes the words of a probe: changes at these times of the clock at its site, each of which
// arrives so many seconds later by the engine's.
func (s *story) told(probe string, late float64, changes ...float64) {
	for i, c := range append([]float64{0.2}, changes...) {
		s.run(c+late, run.Event{Kind: run.ProbeChanged, System: "orders", Step: probe, Site: "osaka"}, run.ProbeChange{Up: i%2 == 0, At: at(c)})
	}
}

func TestAClockBehindTheEnginesIsAFinding(t *testing.T) {
	for name, c := range map[string]struct {
		late   float64
		en, ja string
	}{
		"behind":     {32, "the clock at osaka, by which its probes tell times, is", "エンジンの時計より"},
		"ahead":      {-9, "9 s ahead of the engine's", "進んでいる"},
		"as it is":   {0.1, "", ""},
		"a bit late": {1.9, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := stay(t, 6.2, 14.42)
			s.told("orders/write", c.late, 6.2, 14.42)
			r := build(t, s)
			if got := clockFindings(r); (got == 1) != (c.en != "") || got > 1 {
				t.Errorf("%d findings about clocks: %+v", got, r.Findings)
			}
			for lang, want := range map[string]string{"en": c.en, "ja": c.ja} {
				if got := render(t, r, report.Markdown, lang); !strings.Contains(got, want) {
					t.Errorf("the report in %s does not say %q", lang, want)
				}
			}
		})
	}
}

// A word that was long under way, or tells of a look that waited for its timeout, is no clock's.
func TestAWordThatComesLateIsNoClock(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	s.told("orders/write", 8, 6.2)           // what came of a busy start
	s.told("orders/search", 0.1, 6.2, 14.42) // the same site's clock
	if n := clockFindings(build(t, s)); n != 0 {
		t.Errorf("%d findings about clocks", n)
	}
}

// A time that began by people's word and ended by the clock of a site that is behind was longer.
func TestATimeOfTwoClocksIsDoubtedWhereTheyMayDecide(t *testing.T) {
	for late, want := range map[float64]run.Verdict{0.1: run.Met, 30: run.Met, 52: run.NotProven} { // 9.42 s by two clocks, against 60 s
		s := stay(t, 6.2, 14.42)
		change(t, s, occurred, func(_ *run.Event, o *run.Occurrence) { o.At, o.Source = at(5), "reported" })
		s.told("orders/write", late, 6.2, 14.42)
		if rto := build(t, s).Systems[0].RTO; rto.Verdict != want || why(rto.Why, "clock_behind") != (want == run.NotProven) {
			t.Errorf("%v s behind: RTO %s %v, want %s", late, rto.Verdict, rto.Why, want)
		}
	}
}

// The engine's clock says when the way home began. What the probes saw of it lies before that, by a
// clock that is behind, and is no relapse all the same.
func TestTheWayHomeBeginsByTheClockOfThoseWhoLook(t *testing.T) {
	s := met(t) // the way home begins at 19
	for _, probe := range []string{"orders/write", "orders/search"} {
		s.watch(probe, 29, 6.2, 8, 13.9, 18.5).Markers = markers(96, 3, 28.8)
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == probe }, func(_ *run.Event, o *run.Observations) { *o = *s.seen[probe] })
	}
	s.told("orders/write", 10, 6.2, 8, 13.9, 18.5)
	if rto := build(t, s).Systems[0].RTO; rto.Verdict != run.Met || rto.ActualS == nil || *rto.ActualS != 2 {
		t.Errorf("RTO %s after %s s, want met after 2 s: what came 10 s later by the engine's clock was the way home", rto.Verdict, figure(rto.ActualS))
	}
}

// What the engine's clock says of the way home and of verification is looked up among what probes saw by their clock. A run
// of before is judged as it was.
func TestTheEnginesMomentsAreLookedUpByTheClockOfThoseWhoLook(t *testing.T) {
	ahead := func(down, up float64) *story { // by 10 s: the way home is from 29 to 38.5
		s := met(t)
		for _, probe := range []string{"orders/write", "orders/search"} {
			s.watch(probe, 45, 16.2, 24.42, down, up).Markers = markers(96, 3, 44)
			change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == probe }, func(_ *run.Event, o *run.Observations) { *o = *s.seen[probe] })
		}
		s.told("orders/write", -10, 16.2, 24.42, down, up)
		return s
	}
	for rules, want := range map[int]float64{2: 8.46, run.ReportRules: 3.24} {
		if fb := build(t, ahead(35, 38).byRules(rules)).Systems[0].Failback; fb.OutageS == nil || *fb.OutageS != want {
			t.Errorf("by rules %d, interrupted for %s s, want %v s", rules, figure(fb.OutageS), want)
		}
	}
	for rules, want := range map[int]run.Verdict{2: run.Met, run.ReportRules: run.NotProven} {
		if fb := build(t, ahead(38.2, 39).byRules(rules)).Systems[0].Failback; fb.Verdict != want || why(fb.Why, "home_unseen") != (want != run.Met) {
			t.Errorf("by rules %d, down when the way home ended: failback %s %v, want %s", rules, fb.Verdict, fb.Why, want)
		}
		p := aPlan()
		p.Scenario.Failback = run.PolicyStay
		s := newStory(t, p)
		s.opening()
		failedOver(t, s, run.NotResumable, 1.2, 14.9) // at 19.9 by the engine's clock; verification ended at 18
		s.told("orders/write", 5, 1.2, 14.9)
		if rto := build(t, s.byRules(rules)).Systems[0].RTO; rto.Verdict != want || why(rto.Why, "not_in_verification") != (want != run.Met) {
			t.Errorf("by rules %d, back after verification: RTO %s %v, want %s", rules, rto.Verdict, rto.Why, want)
		}
	}
}
