package report_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// failedOver is the demo whose failover passed every step and brought nothing back; what the
// probes see changes at the given seconds.
func failedOver(t *testing.T, s *story, state run.State, changes ...float64) *story {
	t.Helper()
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 14.5, 16, run.Passed, run.ByAcknowledge)
	s.phase(run.Verification, 16, 18, run.Failed, "orders did not hold full service")
	if s.plan.Scenario.Failback == run.PolicyReturn {
		s.wayHome(19)
	}
	s.watch("orders/write", 59, changes...).Markers = markers(96, 3, 58.8)
	s.watch("orders/search", 59, changes...)
	s.end(60, state)
	return s
}

// putBack undoes what the drill had broken.
func (s *story) putBack(second float64) {
	inject := s.plan.Scenario.Injects[0]
	e := run.Event{Kind: run.UndoStarted, Phase: run.Closing, System: inject.Starts, Step: inject.ID, Action: "postgres.start", Site: inject.Site}
	s.run(second, e, nil)
	e.Kind, e.Outcome = run.UndoEnded, run.Passed
	s.run(second+1, e, run.StepResult{SettledBy: run.ByResult, Attempts: 1, Output: json.RawMessage(`{}`)})
}

// Service that only the way home or the drill's own clean-up brought back was not recovered,
// however early it was.
func TestWhatTheRecoveryDidNotBringBackIsNotMet(t *testing.T) {
	home := newStory(t, aPlan())
	home.opening()
	failedOver(t, home, run.NotResumable, 6.2, 25)

	p := aPlan()
	p.Scenario.Failback = run.PolicyStay
	undone := newStory(t, p)
	undone.opening()
	failedOver(t, undone, run.NotResumable, 6.2, 25)
	undone.putBack(24)

	later := newStory(t, p)
	later.opening()
	failedOver(t, later, run.NotResumable, 6.2, 25) // by nothing that is in the record

	for _, c := range []struct {
		name string
		s    *story
		rto  run.Verdict
		why  string
	}{
		{"the way home", home, run.Missed, "back_afterwards"},
		{"the drill's clean-up", undone, run.Missed, "back_afterwards"},
		{"after verification, by itself", later, run.NotProven, "not_in_verification"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys := build(t, c.s).Systems[0]
			if sys.RTO.Verdict != c.rto || !why(sys.RTO.Why, c.why) {
				t.Errorf("RTO %s %v, want %s for %s", sys.RTO.Verdict, sys.RTO.Why, c.rto, c.why)
			}
			if c.rto == run.Missed && (sys.RTO.ActualS != nil || !why(sys.RTO.Why, "given_up")) {
				t.Errorf("RTO %+v, want no figure, and that the run ended without a recovery", sys.RTO)
			}
			for _, st := range sys.RLO.Stages {
				if st.Verdict == run.Met {
					t.Errorf("stage %+v is met", st)
				}
			}
			if sys.RPO.Verdict == run.Met {
				t.Errorf("RPO %+v is met", sys.RPO)
			}
			if sys.Verdict == run.Met {
				t.Error("the system is met")
			}
		})
	}
}

// What came back in time stays met, also where the drill then puts back what it had broken, and
// where verification failed for another reason.
func TestWhatTheRecoveryBroughtBackStaysMet(t *testing.T) {
	s := stay(t, 6.2, 14.42)
	s.putBack(40)
	s.phase(run.Verification, 16, 18, run.Failed, "billing did not hold full service")
	if sys := build(t, s).Systems[0]; sys.RTO.Verdict != run.Met || sys.RPO.Verdict != run.Met || slices.ContainsFunc(sys.RLO.Stages, func(st report.Stage) bool { return st.Verdict != run.Met }) {
		t.Errorf("%+v, want met", sys)
	}
}

// Probes are not stopped in one instant, and one whose target does not answer is cut off in the
// middle of its last look: it has usually ended before those that see service.
func TestDownAtTheEndIsSeenWhicheverProbeEndedLast(t *testing.T) {
	for end, what := range map[float64]string{28.8: "earlier", 29: "together", 29.2: "later"} {
		s := met(t)
		s.watch("orders/search", end, 6.25, 14.2, 23.9, 24.3, 27)
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == "orders/search" }, func(_ *run.Event, o *run.Observations) { *o = *s.seen["orders/search"] })
		if fb := build(t, s).Systems[0].Failback; fb.Verdict != run.Missed || !why(fb.Why, "down_at_the_end") {
			t.Errorf("the probe of what is down ended %s: failback %s %v, want missed", what, fb.Verdict, fb.Why)
		}
		s.watch("orders/search", end, 6.25, 14.2, 23.9, 24.3)
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == "orders/search" }, func(_ *run.Event, o *run.Observations) { *o = *s.seen["orders/search"] })
		if fb := build(t, s).Systems[0].Failback; fb.Verdict != run.Met {
			t.Errorf("the probe of what is up ended %s: failback %s %v, want met", what, fb.Verdict, fb.Why)
		}
	}
}

// What was down when somebody last looked, before the way home had ended, was not seen home; nor
// was, of a system that stays, what nobody looked at in the end.
func TestServiceIsSeenAtTheEnd(t *testing.T) {
	is := func(probe string) func(run.Event) bool {
		return func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == probe }
	}
	s := met(t) // the way home ends at 28.5
	for _, probe := range []string{"orders/write", "orders/search"} {
		s.watch(probe, 28.4, 6.2, 14.42, 23.9, 24.4, 28.3).Markers = markers(96, 3, 28.35)
		change(t, s, is(probe), func(_ *run.Event, o *run.Observations) { *o = *s.seen[probe] })
	}
	if fb := build(t, s).Systems[0].Failback; fb.Verdict == run.Met {
		t.Errorf("failback %+v, want not met: the last look saw it down", fb)
	}

	s = stay(t, 6.2, 14.42)
	if fb := build(t, s).Systems[0].Failback; fb.Verdict != run.Met {
		t.Fatalf("failback %+v, want met", fb)
	}
	s.watch("orders/search", 30, 6.2, 14.42)
	change(t, s, is("orders/search"), func(_ *run.Event, o *run.Observations) { *o = *s.seen["orders/search"] })
	if fb := build(t, s).Systems[0].Failback; fb.Verdict != run.NotProven || !why(fb.Why, "end_unseen") {
		t.Errorf("failback %s %v, want not proven: nobody looked at search for the last 19 s", fb.Verdict, fb.Why)
	}
}

// An undo of several parts that got no further than its first, a look, put nothing back.
func TestAnUndoIsDoneWithItsLastPart(t *testing.T) {
	for name, c := range map[string]struct {
		second  run.Outcome // of the undo's second part; "" is that it was not begun
		verdict run.Verdict
		why     string
	}{
		"all of it":       {run.Passed, run.NotProven, "undone"},
		"only the look":   {"", run.Missed, "never_came_home"},
		"the rest failed": {run.Failed, run.Missed, "never_came_home"},
	} {
		t.Run(name, func(t *testing.T) {
			s := aborted(t)
			promote := &s.plan.Runbooks[1].Steps[1]
			promote.Undo = append([]plan.Undo{{Uses: "postgres.single_writer", Site: "osaka", Effect: run.Observe, Timeout: dur(30), Queue: dur(20)}}, promote.Undo...)
			if err := s.plan.Seal(); err != nil {
				t.Fatal(err)
			}
			s.events = slices.DeleteFunc(s.events, func(e run.Event) bool {
				return c.second == "" && (e.Kind == run.UndoStarted || e.Kind == run.UndoEnded)
			})
			for i := range s.events {
				switch e := &s.events[i]; {
				case e.Kind == run.RunStarted:
					var started run.Started
					if err := e.Decode(&started); err != nil {
						t.Fatal(err)
					}
					started.PlanHash = s.plan.Hash
					e.Data = run.Encode(started)
				case e.Kind == run.UndoEnded:
					e.Outcome = c.second
				}
			}
			look := run.Event{Kind: run.UndoStarted, Phase: run.Recovery, System: "orders", Runbook: "orders-failover", Step: "promote", Action: "postgres.single_writer", Site: "osaka"}
			s.on(14.62, "orders/failover", look, nil)
			look.Kind, look.Outcome = run.UndoEnded, run.Passed
			s.on(14.65, "orders/failover", look, run.StepResult{SettledBy: run.ByResult, Attempts: 1})
			was := build(t, s).Systems[0].Failback
			if fb := build(t, s.byRules(run.ReportRules)).Systems[0].Failback; fb.Verdict != c.verdict || !why(fb.Why, c.why) {
				t.Errorf("failback %s %v, want %s for %s", fb.Verdict, fb.Why, c.verdict, c.why)
			}
			if was.Verdict != run.NotProven || !why(was.Why, "undone") {
				t.Errorf("of a run of before: failback %s %v, so that what was sealed of it does not follow", was.Verdict, was.Why)
			}
		})
	}
}

// What was to stay at the alternate site and was undone sits at home: that nobody brought it back proves no way home, and
// no stay. A run of before is judged as it was.
func TestWhatWasUndoneDoesNotStay(t *testing.T) {
	for name, c := range map[string]struct {
		undone run.Outcome // how the undo ended
		why    string
	}{
		"all of it":  {run.Passed, "undone"},
		"not proven": {run.Unknown, "writer_home"},
	} {
		s := aborted(t)
		s.plan.Scenario.Failback = run.PolicyStay
		if err := s.plan.Seal(); err != nil {
			t.Fatal(err)
		}
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunStarted }, func(_ *run.Event, d *run.Started) { d.PlanHash = s.plan.Hash })
		change(t, s, func(e run.Event) bool { return e.Kind == run.UndoEnded }, func(e *run.Event, _ *run.StepResult) { e.Outcome = c.undone })
		if fb := build(t, s.byRules(2)).Systems[0].Failback; fb.Verdict != run.Met {
			t.Errorf("%s, of a run of before: failback %s %v, so that what was sealed of it does not follow", name, fb.Verdict, fb.Why)
		}
		if fb := build(t, s.byRules(run.ReportRules)).Systems[0].Failback; fb.Verdict != run.NotProven || len(fb.Why) != 1 || !why(fb.Why, c.why) {
			t.Errorf("%s: failback %s %v, want not proven for %s", name, fb.Verdict, fb.Why, c.why)
		}
	}
	if fb := build(t, stay(t, 6.2, 14.42).byRules(run.ReportRules)).Systems[0].Failback; fb.Verdict != run.Met {
		t.Errorf("what stays: failback %s %v, want met", fb.Verdict, fb.Why)
	}
}

// A precaution that was given up while service went on has interrupted nothing, so it is not missed; one that stopped
// service and did not bring it back is. A run of before is judged as it was.
func TestWhatWasGivenUpIsMissedOnlyWhereServiceStopped(t *testing.T) {
	for name, c := range map[string]struct {
		interrupted []float64
		verdict     run.Verdict
		why         string
	}{
		"service went on": {nil, run.NotProven, "not_interrupted"},
		"it stopped":      {[]float64{40.2}, run.Missed, "given_up"},
	} {
		s := threatened(t, c.interrupted...)
		s.events = slices.DeleteFunc(s.events, func(e run.Event) bool { return e.Step == "promote" || e.Step == "announce" })
		change(t, s, func(e run.Event) bool { return e.Kind == run.StepEnded && e.Step == "fence" }, func(e *run.Event, _ *run.StepResult) { e.Outcome = run.Failed })
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunEnded }, func(_ *run.Event, d *run.Ended) { d.State = run.NotResumable })
		if rto := build(t, s.byRules(2)).Systems[0].RTO; rto.Verdict != run.Missed || !why(rto.Why, "given_up") {
			t.Errorf("%s, of a run of before: RTO %s %v, so that what was sealed of it does not follow", name, rto.Verdict, rto.Why)
		}
		if rto := build(t, s.byRules(run.ReportRules)).Systems[0].RTO; rto.Verdict != c.verdict || !why(rto.Why, c.why) {
			t.Errorf("%s: RTO %s %v, want %s for %s", name, rto.Verdict, rto.Why, c.verdict, c.why)
		}
	}
}

// An abort that a response gets on its way home leaves what it has recovered: nothing of that is undone then. A run of
// before is judged as it was.
func TestAnAbortOnTheWayHomeLeavesWhatWasRecovered(t *testing.T) {
	for name, c := range map[string]struct {
		kind     run.Kind
		verified run.Outcome
		aborted  float64
		want     run.Verdict
	}{
		"at the question whether to return": {run.Response, run.Passed, 30, run.Met},
		"on the way home in a drill":        {run.Drill, run.Passed, 30, run.NotProven},
		"of what was not verified":          {run.Response, run.Failed, 30, run.NotProven},
		"before the way home":               {run.Response, run.Passed, 18.5, run.NotProven},
	} {
		s := activated(t, 0.4, run.Transition{At: at(0.5), Up: true}, run.Transition{At: at(13.2), LastOKAt: at(13.0)}, run.Transition{At: at(14.42), Up: true})
		s.phase(run.Verification, 16, 18, c.verified, "")
		s.phase(run.Failback, 19, 31, run.Passed, "")
		s.run(c.aborted, run.Event{Kind: run.RunAbortRequested, By: "sato", Reason: "for the next response"}, nil)
		s.run(30.5, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: "orders", By: "sato"}, run.Decision{Question: "failback", Answer: run.Stay})
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunStarted }, func(_ *run.Event, d *run.Started) { d.Kind = c.kind })
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunEnded }, func(_ *run.Event, d *run.Ended) { d.State = run.Cancelled })
		for rules, want := range map[int]run.Verdict{2: run.NotProven, run.ReportRules: c.want} {
			sys := build(t, s.byRules(rules)).Systems[0]
			got := map[string]run.Verdict{"RTO": sys.RTO.Verdict, "RPO": sys.RPO.Verdict, "stage": sys.RLO.Stages[0].Verdict}
			for what, v := range got {
				if v != want || why(sys.RTO.Why, "ended_cancelled") != (want == run.NotProven) {
					t.Errorf("aborted %s, by rules %d: %s is %s (RTO %v), want %s", name, rules, what, v, sys.RTO.Why, want)
				}
			}
		}
		s.events = slices.DeleteFunc(s.events, func(e run.Event) bool { return e.Kind == run.RunEnded })
		if rto := build(t, s).Systems[0].RTO; rto.Verdict != run.NotProven {
			t.Errorf("aborted %s, and going on: RTO %s", name, rto.Verdict)
		}
	}
}

// A system's way home begins with its own first step and ends with its own check: what the run's phase holds besides, the
// wait for the word to return and other systems' turns, is none of it. A run of before is judged as it was.
func TestTheWayHomeIsTheSystemsOwn(t *testing.T) {
	for rules, want := range map[int][2]float64{2: {11.9, 1.24}, run.ReportRules: {9.2, 0.74}} {
		s := met(t) // its way home is from 19.1 to 28.3
		for i := range s.events {
			switch e := &s.events[i]; {
			case e.Kind == run.PhaseStarted && e.Phase == run.Failback:
				e.At = at(17.6)
			case e.Kind == run.PhaseEnded && e.Phase == run.Failback:
				e.At = at(29.5)
			}
		}
		for _, probe := range []string{"orders/write", "orders/search"} {
			s.watch(probe, 29.7, 6.2, 14.42, 17.9, 18.9, 23.9, 24.4).Markers = markers(96, 3, 28.8)
			change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded && e.Step == probe }, func(_ *run.Event, o *run.Observations) { *o = *s.seen[probe] })
		}
		fb := build(t, s.byRules(rules)).Systems[0].Failback
		if fb.ActualS == nil || *fb.ActualS != want[0] || fb.OutageS == nil || *fb.OutageS != want[1] || fb.Verdict != run.Met {
			t.Errorf("by rules %d: home in %s s, interrupted for %s s (%s %v), want %v", rules, figure(fb.ActualS), figure(fb.OutageS), fb.Verdict, fb.Why, want)
		}
	}
}
