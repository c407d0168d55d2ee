package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// assessDamage puts what the probes see and what people report side by side, per
// system. When nobody reports in time the probes' word stands (B-STP-06).
func (r *response) assessDamage(ctx workflow.Context) (run.Outcome, string) {
	for _, s := range r.systems {
		damage := r.seenDamage(s.plan.Name)
		r.log.add(ctx, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: s.plan.Name, By: run.Engine,
			Data: run.Encode(run.Assessment{Damage: damage, Source: "probe"})})
		r.simulateAct(ctx, "", "assess "+s.plan.Name, func(ctx workflow.Context, m *member) {
			_, _ = r.assess(ctx, Assess{System: s.plan.Name, Damage: r.seenDamage(s.plan.Name)}, run.Simulated(m.plan.ID))
		})
	}
	limit := r.plan.Scenario.Safety.Task
	done, _ := workflow.AwaitWithTimeout(ctx, limit.Std(), func() bool {
		for _, s := range r.systems {
			if !s.assessed {
				return false
			}
		}
		return true
	})
	if !done {
		return run.Unknown, both("not every system was assessed by a person within %s; the probes' word stands", "%s 以内に要員による確認が済まないシステムがあったため、監視の結果による", limit)
	}
	return run.Passed, ""
}

// seenDamage is what the probes say of a system.
func (r *response) seenDamage(system string) run.Damage {
	level, ok := r.level(system)
	switch {
	case !ok:
		return run.DamageUnknown
	case level == 0:
		return run.DamageStopped
	case level < 100:
		return run.DamageDegraded
	}
	return run.DamageNone
}

func (r *response) mayAssess(a Assess) error {
	switch a.Damage {
	case run.DamageNone, run.DamageDegraded, run.DamageStopped, run.DamageDestroyed, run.DamageUnknown:
	default:
		return fmt.Errorf("damage is none, degraded, stopped, destroyed or unknown, not %q", a.Damage)
	}
	if _, ok := r.plan.System(a.System); !ok {
		return fmt.Errorf("%q is not a system of this run", a.System)
	}
	return r.running(a.By)
}

func (r *response) onAssess(ctx workflow.Context, a Assess) (Done, error) {
	return r.assess(ctx, a, a.By)
}

func (r *response) assess(ctx workflow.Context, a Assess, by string) (Done, error) {
	for _, s := range r.systems {
		if s.plan.Name == a.System {
			s.assessed = true
			s.damaged = s.damaged || a.Damage != run.DamageNone && a.Damage != run.DamageUnknown
		}
	}
	return r.log.record(ctx, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: a.System, By: by, Reason: a.Note,
		Data: run.Encode(run.Assessment{Component: a.Component, Damage: a.Damage, Source: "person"})})
}
