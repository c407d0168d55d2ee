package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A site on another machine is heard about its own probes, and not about another site's: what a stolen key says of these
// is nowhere in the run.
func TestASiteIsHeardAboutItsOwnProbesOnly(t *testing.T) {
	w := newWorld(t)
	w.speaksAt = "osaka"
	w.env.RegisterActivityWithOptions(func(_ context.Context, p plan.Watch) (run.Observations, error) {
		w.env.SignalWorkflow(plan.SignalObservedAt("tokyo"), plan.Observed{Probe: p.Probe.Name, Up: true, At: time.Now()})
		return run.Observations{Probe: p.Probe.Name, System: p.Probe.System, Function: p.Probe.Function}, nil
	}, activity.RegisterOptions{Name: "probe.tokyo"})
	in := drill(t, func(p *plan.Plan) {
		p.Systems[0].Probes = append(p.Systems[0].Probes,
			plan.Probe{Name: "orders/from-tokyo", System: "orders", Function: "from-tokyo", Uses: "probe.tokyo", Vantage: "tokyo"})
	})
	const lie = "tokyo says that osaka's probe sees nothing"
	w.atEvent(run.StepEnded, "promote", func() {
		w.env.SignalWorkflow(plan.SignalObservedAt("tokyo"), plan.Observed{Probe: "orders/take-orders", At: time.Now().Add(time.Hour), Error: lie})
	})
	w.run(in)
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s", got)
	}
	heard := map[string]int{}
	for _, e := range w.find(run.ProbeChanged) {
		heard[e.Step]++
		if e.Reason == lie {
			t.Errorf("the run heard of osaka's probe from tokyo: %+v", e)
		}
	}
	if heard["orders/take-orders"] == 0 || heard["orders/from-tokyo"] == 0 {
		t.Errorf("words that the run heard of each probe: %v, want some of both", heard)
	}
}
