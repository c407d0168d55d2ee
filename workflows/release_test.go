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

// The clock of a system that a released inject strikes starts with that and not with the event
// of the others; what is whole when it is decided on is left as it is.
func TestTheClockOfWhatIsStruckLaterStartsThen(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.ProbeStarted, "tool/answers", func() {
		w.env.SignalWorkflow(plan.SignalObserved, plan.Observed{Probe: "tool/answers", Up: true, At: time.Now()})
	})
	w.run(drill(t, func(p *plan.Plan) {
		rto := d(5 * time.Minute)
		p.Systems = append(p.Systems, plan.System{Name: "tool", Home: "osaka", Objective: plan.Objective{RTO: &rto}, Drillable: []run.Depth{run.Live},
			Probes: []plan.Probe{{Name: "tool/answers", System: "tool", Function: "answers", Weight: 100, Uses: "probe.world", Vantage: "osaka"}}})
		strike := undoBy(effect("strike", "world.kill"), "world.start")
		strike.Release, strike.After, strike.Starts = &plan.Release{Phase: run.Verification}, d(2*time.Second), "tool"
		p.Scenario.Injects = append(p.Scenario.Injects, strike)
	}))
	var clocks []run.Event
	for _, e := range w.find(run.EventOccurred) {
		if e.System == "tool" {
			clocks = append(clocks, e)
		}
	}
	struck := w.step("strike")
	if len(clocks) != 1 || clocks[0].At.Before(struck.At) {
		t.Errorf("the clock started %+v; it was struck at %s", clocks, struck.At)
	}
	for _, e := range w.find(run.DecisionAsked) {
		var ask run.DecisionAsk
		if err := e.Decode(&ask); err != nil {
			t.Fatal(err)
		}
		if e.System == "tool" && (ask.Proposed != run.StandDown || ask.UsedS != 0 || !ask.Intact) {
			t.Errorf("asked of what is whole: %+v", ask)
		}
	}
}
