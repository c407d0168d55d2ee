package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A probe knows with how many others it shares what a run can be told, and how far apart its markers may be for the RPO to be
// measured by them.
func TestAProbeKnowsWhatItMayTellAndHowSeldomItMayWrite(t *testing.T) {
	second := run.Duration(time.Second)
	for name, c := range map[string]struct{ rpo, spacing *run.Duration }{
		"no objective": {nil, span(5 * second)}, "nothing may be lost": {span(0), span(0)}, "20 s": {span(20 * second), span(2 * second)}, "an hour": {span(3600 * second), span(5 * second)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var got plan.Watch
			w.env.RegisterActivityWithOptions(func(_ context.Context, p plan.Watch) (run.Observations, error) {
				got = p
				return run.Observations{Probe: p.Probe.Name, System: p.Probe.System, Function: p.Probe.Function}, nil
			}, activity.RegisterOptions{Name: "probe.other"})
			w.run(drill(t, func(p *plan.Plan) {
				p.Systems[0].Objective.RPO = c.rpo
				p.Systems[0].Probes = append(p.Systems[0].Probes, plan.Probe{Name: "orders/other", System: "orders", Function: "other", Uses: "probe.other", Vantage: "osaka"})
			}))
			if got.Probes != 2 || got.Spacing != *c.spacing {
				t.Errorf("the probe shares with %d and has its markers %v apart, want 2 and %v", got.Probes, got.Spacing, *c.spacing)
			}
		})
	}
}

func span(d run.Duration) *run.Duration { return &d }
