package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// judged is a failover whose announcement was forced, with these criteria.
func judged(t *testing.T, ended bool, pass ...plan.Criterion) report.Report {
	t.Helper()
	p := aPlan()
	p.Scenario.Requirements, p.Scenario.Pass = []string{"E-X1"}, pass
	s := newStory(t, p)
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.phase(run.Verification, 16, 17.6, run.Passed, "")
	s.wayHome(19)
	s.watch("orders/write", 29, 6.2, 14.42)
	s.watch("orders/search", 29, 6.25, 14.2)
	if ended {
		s.end(30, run.Recovered)
	}
	return build(t, s)
}

func TestPassCriteriaAreJudgedFromTheRecord(t *testing.T) {
	is := func(id, expect string) plan.Criterion {
		return plan.Criterion{ID: id, Text: plan.Text{EN: id}, Expect: expect}
	}
	r := judged(t, true,
		is("met", "systems.orders.rto.actual_s <= 60 && steps.promote.outcome == 'passed' && steps.fence.ended_at <= steps.promote.started_at"),
		is("missed", "systems.orders.rto.actual_s > 60"),
		is("null", "systems.orders.rpo.actual_s <= 5"),
		is("never-begun", "steps.announce.outcome == ''"),
		is("times", "double(systems.orders.rto.restored_at) - double(systems.orders.rto.event_at) >= 8.0 && run.ended_at == 30"),
		plan.Criterion{ID: "cannot", Text: plan.Text{EN: "No smoke"}, Cannot: plan.Text{EN: "nothing smells", JA: "検知できない"}},
	)
	want := map[string]run.Verdict{"met": run.Met, "missed": run.Missed, "null": run.NotProven, "never-begun": run.Met, "times": run.Met, "cannot": run.NotProven}
	if r.Case == nil || r.Case.Verdict != run.Missed || r.Case.Requirements[0] != "E-X1" {
		t.Fatalf("%+v", r.Case)
	}
	for _, p := range r.Case.Pass {
		if v, ok := want[p.ID]; ok && p.Verdict != v {
			t.Errorf("%s is %s, want %s (%s)", p.ID, p.Verdict, v, p.Why.EN)
		}
		if p.Verdict != run.Met && p.Why.EN == "" {
			t.Errorf("%s does not say why", p.ID)
		}
		if strings.HasPrefix(p.ID, "every-") && p.Verdict != run.Met {
			t.Errorf("%s is %s: %s", p.ID, p.Verdict, p.Why.EN)
		}
	}
	for _, f := range []report.Format{report.Text, report.Markdown, report.HTML} {
		for _, want := range []string{"要件と合格基準", "検知できない"} {
			if !strings.Contains(render(t, r, f, "ja"), want) {
				t.Errorf("the report as %s does not say %q", f, want)
			}
		}
	}
}

// That the phase of the way home ended says nothing of whether anybody came home.
func TestWhatFailedOnItsWayHomeIsNotHome(t *testing.T) {
	home := func(s *story) report.Pass {
		s.plan.Scenario.Requirements, s.plan.Scenario.Pass = []string{"E-X1"}, []plan.Criterion{{ID: "a", Text: plan.Text{EN: "a"}, Expect: "true"}}
		if err := s.plan.Seal(); err != nil {
			t.Fatal(err)
		}
		change(t, s, func(e run.Event) bool { return e.Kind == run.RunStarted }, func(_ *run.Event, d *run.Started) { d.PlanHash = s.plan.Hash })
		for _, p := range build(t, s).Case.Pass {
			if p.ID == "every-system-home" {
				return p
			}
		}
		t.Fatal("there is no such criterion")
		return report.Pass{}
	}
	of := func(id string, to func(*run.Event, *run.StepResult)) *story {
		s := met(t)
		change(t, s, func(e run.Event) bool { return e.Kind == run.StepEnded && e.Step == id }, to)
		return s
	}
	failed := of("switchover", func(e *run.Event, _ *run.StepResult) { e.Outcome = run.Failed })
	byHand := of("switchover", func(_ *run.Event, d *run.StepResult) { d.SettledBy = run.ByPerson })
	unchecked := met(t) // a system whose plan has no such check
	unchecked.events = slices.DeleteFunc(unchecked.events, func(e run.Event) bool { return e.Step == "single-writer" })
	goesDown := func(s *story) *story {
		change(t, s, func(e run.Event) bool { return e.Kind == run.ProbeEnded }, func(_ *run.Event, o *run.Observations) {
			o.Transitions = append(o.Transitions, run.Transition{At: at(28.7), LastOKAt: at(28.65)})
		})
		return s
	}
	down := goesDown(met(t)) // it came home, and went down later
	downByHand := goesDown(of("switchover", func(_ *run.Event, d *run.StepResult) { d.SettledBy = run.ByPerson }))
	if fb := build(t, down).Systems[0].Failback; fb.Verdict != run.Missed || !why(fb.Why, "down_at_the_end") {
		t.Fatalf("failback %+v, want missed", fb)
	}
	unseen := met(t) // nobody looked at its end
	change(t, unseen, func(e run.Event) bool { return e.Kind == run.ProbeEnded }, func(_ *run.Event, o *run.Observations) { o.EndedAt = at(27) })
	for _, c := range []struct {
		name string
		s    *story
		want run.Verdict
	}{{"down at the end", down, run.Met}, {"by hand, and down at the end", downByHand, run.NotProven}, {"not seen at the end", unseen, run.Met}, {"down at the end, where it stays", stay(t, 6.2, 14.42, 46), run.Met}, {"without a check for one writer", unchecked, run.Met}, {"as it should be", met(t), run.Met}, {"failed", failed, run.Missed}, {"by hand", byHand, run.NotProven}, {"stays", stay(t, 6.2, 14.42), run.Met}} {
		if p := home(c.s); p.Verdict != c.want || (p.Why.EN == "") != (c.want == run.Met) {
			t.Errorf("%s: %s (%s), want %s", c.name, p.Verdict, p.Why.EN, c.want)
		}
	}
}

func TestNothingIsProvenWhileTheRunGoesOn(t *testing.T) {
	r := judged(t, false, plan.Criterion{ID: "a", Text: plan.Text{EN: "a"}, Expect: "true"})
	for _, p := range r.Case.Pass {
		if p.Verdict != run.NotProven {
			t.Errorf("%s is %s of a run that goes on", p.ID, p.Verdict)
		}
	}
}

func TestNoCriteriaNoCase(t *testing.T) {
	if r := build(t, met(t)); r.Case != nil {
		t.Errorf("%+v", r.Case)
	}
}

// What a criterion rests on says whether it was real.
func TestSimulationIsNamed(t *testing.T) {
	r := judged(t, true,
		plan.Criterion{ID: "people", Text: plan.Text{EN: "a"}, Expect: "people.called > 0"},
		plan.Criterion{ID: "server", Text: plan.Text{EN: "b"}, Expect: "steps.promote.outcome == 'passed'"})
	if got := r.Case.Pass[0].Simulated; len(got) != 1 || got[0] != "people" {
		t.Errorf("people: %v", got)
	}
	if got := r.Case.Pass[1].Simulated; len(got) != 0 {
		t.Errorf("a real server: %v", got)
	}
}

// A figure of a real system to which simulated people gave their answers rests on them, and so
// does how long a phase took, what was found and how the run ended.
func TestWhatRestsOnSimulatedPeopleSaysSo(t *testing.T) {
	for expect, want := range map[string]string{
		"systems.orders.rto.actual_s < 7200":                              "people",
		"runbooks.`orders-failover`.announce.outcome == ''":               "people",
		"runbooks.`orders-failover`.promote.outcome == 'passed'":          "",
		"phases.verification.outcome == 'passed'":                         "people",
		"timeline.exists(p, p.id == 'verification')":                      "people",
		"findings.all(f, f.kind != 'step')":                               "people",
		"undone.size() == 0":                                              "people",
		"run.state == 'recovered'":                                        "people",
		"probes.all(p, p.gaps == 0)":                                      "",
		"steps.fence.outcome == 'passed' && steps.fence.attempts <= 1":    "",
		"systems.orders.failback.verdict == 'met' && run.kind == 'drill'": "people",
	} {
		r := judged(t, true, plan.Criterion{ID: "a", Text: plan.Text{EN: "a"}, Expect: expect})
		if got := strings.Join(r.Case.Pass[0].Simulated, ","); got != want || r.Case.Pass[0].Verdict != run.Met {
			t.Errorf("%s: %s, simulated %q, want met, %q", expect, r.Case.Pass[0].Verdict, got, want)
		}
	}
}
