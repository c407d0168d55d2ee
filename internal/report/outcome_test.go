package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func outcomeOf(t *testing.T, s *story) outcome.Outcome {
	t.Helper()
	o, err := outcome.Of(s.plan, build(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// What a run found is at places that another run of the same files can be seen to pass, and no
// place names a person.
func TestAFindingHasThePlaceThatAnotherRunPasses(t *testing.T) {
	good := outcomeOf(t, met(t))
	slow := outcomeOf(t, missed(t))
	places := map[string]bool{}
	for _, f := range slow.Findings {
		places[f.Place] = true
		if got := slow.Shows(f.Place).Shown; got != outcome.Failed {
			t.Errorf("%s: the run that found it shows %q", f.Place, got)
		}
		for _, p := range aPlan().Estate.People {
			if strings.Contains(f.Place, p.ID) || strings.Contains(f.Title.EN, p.ID) && f.Kind == run.FindingPeople {
				t.Errorf("%s (%s) names a person", f.Place, f.Title.EN)
			}
		}
	}
	for _, want := range []string{"objective/orders/rto", "objective/orders/rlo-60", "budget/orders/orders-failover/promote", "people/answer/operator"} {
		if !places[want] {
			t.Errorf("no finding at %s; there are %v", want, places)
		}
	}
	for place, want := range map[string]outcome.Shown{
		"objective/orders/rto": outcome.Passed, "objective/orders/rpo": outcome.Passed, "objective/orders/rlo-60": outcome.Passed,
		"objective/orders/failback": outcome.Passed, "objective/orders/restore": outcome.Nothing, "objective/stock/rto": outcome.Nothing,
		"budget/orders/orders-failover/promote": outcome.Passed, "budget/orders/orders-failover/fence": outcome.Nothing, // it has none
		"step/orders/orders-failover/fence": outcome.Passed, "retry/orders/orders-failover/fence": outcome.Passed,
		"hand/orders/orders-failover/announce": outcome.Passed, "step/orders/orders-restore/fence": outcome.Nothing,
		"people/answer/operator": outcome.Passed, "people/answer/board": outcome.Nothing, "people/quorum/operator": outcome.Passed,
		"people/deputy/operator": outcome.Nothing, "worker/osaka": outcome.Passed, "worker/sapporo": outcome.Nothing,
		"cleanup/orders": outcome.Passed, "record/events": outcome.Passed, "record/probe/orders.write": outcome.Passed,
		"remark/drl-20261119-1400/1": outcome.Nothing, "clock/site/osaka": outcome.Passed,
	} {
		if got := good.Shows(place).Shown; got != want {
			t.Errorf("%s: a run that met everything shows %q, want %q", place, got, want)
		}
	}
	if !good.Shows("people/answer/operator").Simulated || slow.Shows("people/answer/operator").Simulated {
		t.Error("answers of simulated people are not told from those of real ones")
	}
}

// What a run that was broken off did not get to is no finding against it: nobody has looked.
func TestABrokenOffRunShowsNothingOfWhatItDidNotReach(t *testing.T) {
	o := outcomeOf(t, aborted(t))
	for place, want := range map[string]outcome.Shown{"objective/orders/rto": outcome.Nothing, "objective/orders/rpo": outcome.Nothing,
		"step/orders/orders-failover/fence": outcome.Passed, "hand/orders/orders-failover/announce": outcome.Nothing} {
		if got := o.Shows(place).Shown; got != want {
			t.Errorf("%s: %q, want %q", place, got, want)
		}
	}
}

// At a tabletop nothing runs, so it shows nothing of any objective.
func TestATabletopShowsNoObjective(t *testing.T) {
	p := aPlan()
	p.Scenario.Depth = run.Tabletop
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.muster()
	s.end(40, run.TalkedThrough)
	// What probes happen to see of the service that goes on beside it is not of the drill.
	s.event("orders")
	s.watch("orders/write", 39, 6.2)
	r := build(t, s)
	if l := r.Systems[0].RLO; len(l.Curve) > 0 || l.Floor != nil || l.Level != nil || l.CapacityLostS != nil {
		t.Errorf("a level that nobody saw: %+v", l)
	}
	for lang, want := range map[string]string{"en": "Not observed at this depth", "ja": "観測なし"} {
		if text := render(t, r, report.Markdown, lang); !strings.Contains(text, want) {
			t.Errorf("%s: the report does not say %q", lang, want)
		}
	}
	o := outcomeOf(t, s)
	if got := o.Shows("objective/orders/rto").Shown; got != outcome.Nothing || o.Ran() {
		t.Errorf("rto: %q, ran %v", got, o.Ran())
	}
	if got := o.Shows("people/answer/operator").Shown; got != outcome.Passed {
		t.Errorf("people answered, and it shows %q", got)
	}
}

// A restore that took too long is a finding, as any objective that is missed.
func TestASlowRestoreIsAFinding(t *testing.T) {
	s := restored(t, 90)
	o := outcomeOf(t, s)
	i := slices.IndexFunc(o.Findings, func(f outcome.Finding) bool { return f.Place == "objective/orders/restore" })
	if i < 0 || o.Findings[i].Verdict != run.Missed || !strings.Contains(o.Findings[i].Title.JA, "バックアップからの復元") {
		t.Fatalf("findings: %+v", o.Findings)
	}
	if got := outcomeOf(t, restored(t, 20)).Shows("objective/orders/restore").Shown; got != outcome.Passed {
		t.Errorf("a restore in time shows %q", got)
	}
}

// The same record makes the same outcome, in whatever order its events come.
func TestAnOutcomeIsTheSameFromAnyCopyOfTheRecord(t *testing.T) {
	s := missed(t)
	first := outcomeOf(t, s)
	back := slices.Clone(s.journal())
	slices.Reverse(back)
	r, err := report.Build(s.plan, back)
	if err != nil {
		t.Fatal(err)
	}
	again, err := outcome.Of(s.plan, r)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := run.Encode(first), run.Encode(again); string(a) != string(b) {
		t.Errorf("%s\nand\n%s", a, b)
	}
}

// Several roles that were silent are a place each, each said in a line of its own.
func TestSilentRolesAreAPlaceEach(t *testing.T) {
	p := aPlan()
	s := newStory(t, p)
	s.opening("sato", "suzuki")
	s.end(60, run.NotResumable)
	got := map[string]string{}
	for _, f := range outcomeOf(t, s).Findings {
		got[f.Place] = f.Title.EN
	}
	if a, b := got["people/answer/commander"], got["people/answer/operator"]; !strings.HasSuffix(a, ": commander") || !strings.HasSuffix(b, ": operator") {
		t.Errorf("places: %v", got)
	}
}

// A drill that is aborted before the time to answer is over finds nobody silent; one that is aborted
// after it finds those who were, and counts each role by itself.
func TestWhoHadTimeLeftIsNotSilent(t *testing.T) {
	short := func(abort float64) *story {
		s := newStory(t, aPlan())
		s.begin(0, run.Drill)
		for _, p := range s.plan.Estate.People {
			s.run(1, run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: p.ID}, run.Call{Channel: "journal"})
		}
		s.run(1, run.Event{Kind: run.PhaseStarted, Phase: run.SafetyCheck}, nil)
		s.on(2, "people/takahashi", run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: "takahashi", By: "takahashi"}, run.Answer{Safety: run.Safe})
		s.run(abort, run.Event{Kind: run.RunAbortRequested, By: "sato", Reason: "a test"}, nil)
		s.run(abort, run.Event{Kind: run.PhaseEnded, Phase: run.SafetyCheck, Outcome: run.Failed, Reason: "3 of those called did not answer"}, nil)
		s.end(abort+80, run.Cancelled)
		return s
	}
	said := func(s *story) []string {
		var out []string
		for _, f := range outcomeOf(t, s).Findings {
			if strings.HasPrefix(f.Place, "people/answer/") {
				out = append(out, f.Title.EN)
			}
		}
		return out
	}
	if got := said(short(3)); len(got) > 0 {
		t.Errorf("aborted 2 s after the check began: %q", got)
	}
	if p := build(t, short(3)).People; p.Silent != 0 || p.NotDue != 3 {
		t.Errorf("silent %d, with time left %d", p.Silent, p.NotDue)
	}
	want := []string{"1 of 1 called did not answer the safety check: commander", "2 of 3 called did not answer the safety check: operator"}
	if got := said(short(70)); !slices.Equal(got, want) {
		t.Errorf("aborted after the deadline: %q, want %q", got, want)
	}
}
