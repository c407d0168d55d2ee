package workflows_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// An inject is released by what people do, so long after, with both times in the record
// (requirement C-BLD-03); what comes by the clock has come before.
func TestInjectsAreReleasedByPhasesAndActs(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		by := func(id string, r plan.Release, after time.Duration) plan.Step {
			s := undoBy(effect(id, "world.kill"), "world.start")
			s.Release, s.After = &r, d(after)
			return s
		}
		p.Scenario.Injects = append(p.Scenario.Injects,
			by("at-assessment", plan.Release{Phase: run.DamageAssessment}, 3*time.Second),
			by("at-decision", plan.Release{Act: "decision"}, 0),
			by("never", plan.Release{Act: "containment"}, 1000*time.Hour))
	}))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered", got)
	}
	at := map[string]time.Time{}
	for _, e := range w.find(run.InjectReleased) {
		at[e.Step] = e.At
		var by run.Released
		if err := e.Decode(&by); err != nil || by.Kind == "" {
			t.Errorf("%s does not say by what: %s", e.Step, e.Data)
		}
	}
	if len(at) != 2 {
		t.Fatalf("released: %v; want two, since the third is never due", at)
	}
	for _, e := range w.find(run.PhaseStarted) {
		if e.Phase == run.DamageAssessment && at["at-assessment"].Sub(e.At) < 3*time.Second {
			t.Errorf("released %s after the phase began, want 3 s", at["at-assessment"].Sub(e.At))
		}
	}
	made := w.find(run.DecisionMade)
	if len(made) == 0 || at["at-decision"].Before(made[0].At) {
		t.Errorf("released at %s, decided %+v", at["at-decision"], made)
	}
	for _, id := range []string{"at-assessment", "at-decision"} {
		if e := w.step(id); e.Kind != run.StepEnded || e.Outcome != run.Passed || e.At.Before(at[id]) {
			t.Errorf("%s: %+v", id, e)
		}
	}
	if e := w.step("kill"); !e.At.Before(at["at-assessment"]) {
		t.Error("what comes by the clock came later")
	}
}

// A run that is aborted lets no more out, and puts right what was.
func TestNoInjectIsReleasedOnTheWayHome(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		late := undoBy(effect("late", "world.kill"), "world.start")
		late.Release, late.After = &plan.Release{Phase: run.Verification}, d(time.Hour)
		p.Scenario.Injects = append(p.Scenario.Injects, late)
	}))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered", got)
	}
	if list := w.find(run.InjectReleased); len(list) != 0 {
		t.Errorf("released on the way home: %+v", list)
	}
}
