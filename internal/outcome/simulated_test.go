package outcome_test

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A task of people is a simulation only where the engine ticked it off in their place; it is one of people
// then and not of steps, and no data is made up by it.
func TestATaskOfPeopleIsNoSimulatedStep(t *testing.T) {
	at := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	step := func(action, by, purpose string) report.Step {
		return report.Step{System: "orders", Runbook: "move", ID: "x", Action: action, Purpose: purpose, Human: action == "human.task", By: by, Outcome: run.Passed}
	}
	for name, c := range map[string]struct {
		step   report.Step
		parts  []string
		people bool // the run's
		want   map[outcome.Property][]outcome.Simulated
		whole  []outcome.Simulated
	}{
		"done by people": {step: step("human.task", "sato", "failover")},
		"ticked off by the engine": {step("human.task", run.Simulated("sato"), "failover"), []string{"recover_s"}, true,
			map[outcome.Property][]outcome.Simulated{outcome.RTO: {outcome.SimulatedPeople}, outcome.RLO: {outcome.SimulatedPeople}, outcome.Failback: {outcome.SimulatedPeople}}, []outcome.Simulated{outcome.SimulatedPeople}},
		"ticked off on the way home": {step("human.task", run.Simulated("sato"), "failback"), nil, true,
			map[outcome.Property][]outcome.Simulated{outcome.Failback: {outcome.SimulatedPeople}}, []outcome.Simulated{outcome.SimulatedPeople}},
		"a step of the simulator": {step: step("sim.step", run.Engine, "failover"),
			want: map[outcome.Property][]outcome.Simulated{outcome.RTO: {outcome.SimulatedSteps}, outcome.RPO: {outcome.SimulatedSteps}, outcome.RLO: {outcome.SimulatedSteps}}, whole: []outcome.Simulated{outcome.SimulatedSteps}},
	} {
		r := report.Report{Run: report.Run{ID: "r1", EndedAt: &at}, Systems: []report.System{{ID: "orders", RTO: report.RTO{SimulatedParts: c.parts}}}, Steps: []report.Step{c.step}, People: report.People{Simulated: c.people}}
		o, err := outcome.Of(plan.Plan{}, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range outcome.Properties() {
			if got := o.Systems[0].Simulations(p); !slices.Equal(got, c.want[p]) {
				t.Errorf("%s: %s rests on simulated %v, want %v", name, p, got, c.want[p])
			}
		}
		if got := o.Simulations(); !slices.Equal(got, c.whole) {
			t.Errorf("%s: the run rests on simulated %v, want %v", name, got, c.whole)
		}
	}
}
