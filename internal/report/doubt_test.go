package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// stay is the demo with the policy to stay; the probes see the given changes.
func stay(t *testing.T, changes ...float64) *story {
	p := aPlan()
	p.Scenario.Failback = run.PolicyStay
	s := newStory(t, p)
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 14.5, 16, run.Passed, run.ByAcknowledge)
	s.single(17.4, "orders", run.Verification, "osaka")
	s.phase(run.Failback, 19, 19.1, run.Passed, "")
	s.run(19, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: "orders", Reason: "the scenario's failback policy"},
		run.Decision{Question: "failback", Answer: run.Stay, Rule: "failback: stay"})
	s.watch("orders/write", 49, changes...).Markers = markers(96, 3, 48.8)
	s.watch("orders/search", 49, changes...)
	s.end(50, run.RecoveredAtAlternate)
	return s
}

// change lets a story's events be told otherwise.
func change[D any](t *testing.T, s *story, is func(run.Event) bool, to func(*run.Event, *D)) {
	t.Helper()
	done := false
	for i := range s.events {
		if e := &s.events[i]; is(*e) {
			var d D
			if err := e.Decode(&d); err != nil {
				t.Fatal(err)
			}
			to(e, &d)
			e.Data, done = run.Encode(d), true
		}
	}
	if !done {
		t.Fatal("the story has no such event")
	}
}

func occurred(e run.Event) bool { return e.Kind == run.EventOccurred }

func why(reasons []report.Reason, code string) bool {
	return slices.ContainsFunc(reasons, func(r report.Reason) bool { return r.Code == code })
}

func clockFindings(r report.Report) int {
	n := 0
	for _, f := range r.Findings {
		if f.Kind == run.FindingClock {
			n++
		}
	}
	return n
}

// The injecting worker's clock is ahead of the probe's: what the probe saw lies before
// the event. That is no proof that nobody noticed.
func TestASkewedClockDoesNotTurnAnOutageIntoMet(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	if v := build(t, s).Systems[0].RTO.Verdict; v != run.Met {
		t.Fatalf("RTO %s with clocks that agree, want met", v)
	}
	change(t, s, occurred, func(_ *run.Event, o *run.Occurrence) { o.At = at(16) })
	r := build(t, s)
	sys := r.Systems[0]
	if sys.RTO.Verdict != run.NotProven || sys.RTO.ActualS != nil || !why(sys.RTO.Why, "clocks_disagree") {
		t.Errorf("RTO = %+v, want not proven, without a figure, since the clocks disagree", sys.RTO)
	}
	if sys.RPO.Verdict != run.NotProven || !why(sys.RPO.Why, "clocks_disagree") {
		t.Errorf("RPO = %+v, want not proven for the same reason", sys.RPO)
	}
	for _, st := range sys.RLO.Stages {
		if st.Verdict != run.NotProven || st.ActualS != nil || !why(st.Why, "clocks_disagree") {
			t.Errorf("stage %+v, want not proven since the clocks disagree", st)
		}
	}
	if clockFindings(r) != 1 {
		t.Errorf("findings %+v, want the clock that is 9.9 s ahead among them", r.Findings)
	}
	for lang, want := range map[string]string{"en": "clocks of the sites disagree", "ja": "時計のずれ"} {
		if got := render(t, r, report.Markdown, lang); !strings.Contains(got, want) {
			t.Errorf("the report in %s does not say %q", lang, want)
		}
	}
}

// A stage whose level was broken before the event only, while another was broken after.
func TestASkewedClockDoesNotTurnAStageIntoMet(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	s.watch("orders/search", 49, 6.2, 14.42, 17, 17.5) // 40 %: the stage of 60 % holds without it
	change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == "orders/search" }, func(_ *run.Event, o *run.Observations) { *o = *s.seen["orders/search"] })
	change(t, s, occurred, func(_ *run.Event, o *run.Occurrence) { o.At = at(16) })
	sys := build(t, s).Systems[0]
	if st := sys.RLO.Stages[0]; st.Verdict != run.NotProven || st.ActualS != nil || !why(st.Why, "clocks_disagree") {
		t.Errorf("stage %+v, want not proven since the clocks disagree", st)
	}
	if sys.RTO.Verdict != run.NotProven || !why(sys.RTO.Why, "clocks_disagree") {
		t.Errorf("RTO = %+v, want not proven: the outage it shows is not the event's", sys.RTO)
	}
}

func TestASwitchThatNobodyNoticedIsMet(t *testing.T) {
	r := build(t, stay(t))
	rto := r.Systems[0].RTO
	if rto.Verdict != run.Met || rto.ActualS == nil || *rto.ActualS != 0 {
		t.Errorf("RTO = %+v, want met with 0 s: service held from the first look to the last", rto)
	}
	if clockFindings(r) != 0 {
		t.Errorf("findings %+v, want none about clocks", r.Findings)
	}
}

// The event struck another system: that this one was moved and never stopped proves nothing.
func TestASystemThatNothingStruckHasProvenNothing(t *testing.T) {
	s := stay(t)
	change(t, s, occurred, func(_ *run.Event, o *run.Occurrence) { o.Source = "reported" })
	rto := build(t, s).Systems[0].RTO
	if rto.Verdict != run.NotProven || !why(rto.Why, "not_interrupted") {
		t.Errorf("RTO = %+v, want not proven: nothing was put to the test", rto)
	}
}

func TestAnInjectThatTakesLongIsNoClockFinding(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	for i := range s.events {
		if e := &s.events[i]; occurred(*e) || e.Kind == run.StepEnded && e.Step == "lose-tokyo" {
			e.At = at(10)
		}
	}
	if r := build(t, s); clockFindings(r) != 0 {
		t.Errorf("findings %+v: the event lies within its inject", r.Findings)
	}
}

// The judged time goes on when a system stays, and while a person is asked whether it
// goes home.
func TestAnOutageAfterTheDecisionToStayCounts(t *testing.T) {
	long := build(t, stay(t, 6.2, 14.42, 20, 45)).Systems[0] // again away, from 20 s to 45 s
	if long.RTO.ActualS == nil || *long.RTO.ActualS != 39 {
		t.Errorf("RTO = %+v, want 39 s: the first return did not last", long.RTO)
	}
	away := build(t, stay(t, 6.2, 14.42, 46)).Systems[0]
	if away.Failback.Verdict != run.Missed || !why(away.Failback.Why, "down_at_the_end") {
		t.Errorf("failback = %+v, want missed: service was down at the end", away.Failback)
	}
	if away.RTO.Verdict == run.Met {
		t.Errorf("RTO = %+v, want not met", away.RTO)
	}

	s := met(t) // the question is put at 19 s and answered so that the way home begins at 19.1 s
	var asked []run.Event
	for _, e := range s.events {
		if e.Kind == run.PhaseStarted && e.Phase == run.Failback {
			e.At = at(17.5)
		}
		asked = append(asked, e)
	}
	s.events = asked
	change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded }, func(_ *run.Event, o *run.Observations) {
		o.Transitions = slices.Insert(o.Transitions, 3, run.Transition{At: at(18), LastOKAt: at(17.8)}, run.Transition{At: at(18.5), Up: true})
	})
	if rto := build(t, s).Systems[0].RTO; rto.RelapsedS == nil || *rto.RelapsedS != 0.5 {
		t.Errorf("RTO = %+v, want the outage while the question was open to count", rto)
	}
}

func TestAFailedCheckForOneWriterIsNotCalledTwoWriters(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	change(t, s, func(e run.Event) bool { return e.Kind == run.StepEnded && e.Step == "single-writer" }, func(e *run.Event, d *run.StepResult) {
		e.Outcome, e.Reason, d.Output = run.Failed, "no server takes writes", json.RawMessage(nil)
	})
	r := build(t, s)
	fb := r.Systems[0].Failback
	if fb.Verdict != run.Missed || len(fb.Why) != 1 || fb.Why[0] != (report.Reason{Code: "not_one_writer", Detail: "no server takes writes"}) {
		t.Errorf("failback = %+v, want missed with what the check found", fb)
	}
	if rto := r.Systems[0].RTO; rto.Verdict != run.NotProven || !why(rto.Why, "not_one_writer") {
		t.Errorf("RTO = %+v, want not proven for the same reason", rto)
	}
	if got := render(t, r, report.JSON, ""); strings.Contains(got, "two_writers") {
		t.Error("the report speaks of two writers, though nobody writes")
	}
	for _, lang := range []string{"en", "ja"} {
		if got := render(t, r, report.Markdown, lang); !strings.Contains(got, "no server takes writes") || strings.Contains(got, "not_one_writer") {
			t.Errorf("the report in %s does not say what the check found in words", lang)
		}
	}
}

// A step that did nothing is not in the list of what was undone: its remark says why.
func TestWhatAStepFoundDoneIsSaid(t *testing.T) {
	for lang, want := range map[string]string{"en": "it was so before: nothing was done", "ja": "すでにその状態だったため、何も実行していない"} {
		s := stay(t, 6.2, 14.42)
		if got := render(t, build(t, s), report.Markdown, lang); strings.Contains(got, want) {
			t.Errorf("the report in %s says %q of steps that acted", lang, want)
		}
		change(t, s, func(e run.Event) bool { return e.Kind == run.StepEnded && e.Step == "fence" }, func(_ *run.Event, d *run.StepResult) { d.Already = true })
		if got := render(t, build(t, s), report.Markdown, lang); strings.Count(got, want) != 1 {
			t.Errorf("the report in %s does not say %q once", lang, want)
		}
	}
}

func TestTheBasisSaysThatPeopleAreAsStated(t *testing.T) {
	for lang, want := range map[string]string{"en": "as the caller stated them", "ja": "呼び出し元の申告"} {
		if got := render(t, build(t, missed(t)), report.Markdown, lang); strings.Count(got, want) != 1 {
			t.Errorf("the basis in %s does not say %q once", lang, want)
		}
	}
	s := met(t) // started by nobody, answered by nobody real
	for i := range s.events {
		if s.events[i].By == "sato" {
			s.events[i].By = run.Engine
		}
	}
	if got := render(t, build(t, s), report.Markdown, "en"); strings.Contains(got, "as the caller stated them") {
		t.Error("the basis speaks of persons in a record that names none")
	}
}

// A precaution counts only the interruption that it makes; the whole move, from the
// decision on, stands beside it (requirement B-CLK-03).
func TestAPrecautionCountsOnlyItsInterruption(t *testing.T) {
	for _, c := range []struct {
		name        string
		interrupted []float64
		actual      float64
		move        float64
	}{
		{"interrupted", []float64{40.2, 44.2}, 4, 31.2},
		{"not interrupted", nil, 0, 33},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := build(t, threatened(t, c.interrupted...)).Systems[0].RTO
			if r.EventSource != run.SourceThreat || r.Verdict != run.Met || r.ActualS == nil || *r.ActualS != c.actual || r.SwitchS == nil || *r.SwitchS != c.move {
				t.Errorf("%s, %s after %s s, moved in %s s; want a threat, met after %v s, moved in %v s", r.EventSource, r.Verdict, figure(r.ActualS), figure(r.SwitchS), c.actual, c.move)
			}
		})
	}
}

func figure(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// What is struck later in a run and comes back by itself has no moments from before it was struck, and its time is none of verification.
func TestWhatCameBackByItselfHasNoMomentsFromBeforeItWasStruck(t *testing.T) {
	s := stay(t, 20.2, 23)
	s.events = slices.DeleteFunc(s.events, func(e run.Event) bool {
		return e.Kind == run.RecoveryOrdered || e.Runbook == "orders-failover"
	})
	change(t, s, func(e run.Event) bool { return e.Kind == run.DecisionMade && e.Phase == run.RecoveryDecision }, func(_ *run.Event, d *run.Decision) { d.Answer = run.StandDown })
	change(t, s, occurred, func(_ *run.Event, o *run.Occurrence) { o.At = at(20) })
	for i := range s.events {
		if e := &s.events[i]; occurred(*e) {
			e.At = at(20.1)
		}
		if e := &s.events[i]; e.Phase == run.Failback {
			e.At = e.At.Add(20 * time.Second)
		}
	}
	r := build(t, s)
	rto := r.Systems[0].RTO
	if rto.ActualS == nil || *rto.ActualS != 3 || rto.DetectedAt != nil || rto.AskedAt != nil || rto.DecidedAt != nil || len(rto.SimulatedParts) > 0 {
		t.Errorf("RTO = %+v, want 3 s, and nothing of before", rto)
	}
	if rto.Parts == nil || rto.Parts.RecoverS != 3 || rto.Parts.VerifyS != 0 {
		t.Errorf("parts = %+v, want all of it to be the recovery", rto.Parts)
	}
}
