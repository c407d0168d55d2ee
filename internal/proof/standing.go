package proof

import (
	"errors"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// standing is the newest miss of a property that no later run has made good: one of the same scenario or as hard,
// and of the real thing where the miss was. What a scenario missed that the files hold no more any run makes good.
// runs are the newest first.
func (c *currents) standing(p outcome.Property, runs []outcome.SystemAt) (outcome.SystemAt, bool) {
	var met []outcome.SystemAt
	for _, one := range runs {
		if !one.Depth.Allows(run.Observe) {
			continue
		}
		switch one.Of(p) {
		case run.Met:
			met = append(met, one)
		case run.Missed:
			if !c.madeGood(p, one, met) {
				return one, true
			}
		case run.NotProven, run.NoObjective:
		}
	}
	return outcome.SystemAt{}, false
}

func (c *currents) madeGood(p outcome.Property, miss outcome.SystemAt, met []outcome.SystemAt) bool {
	for _, one := range met {
		if len(one.Simulations(p)) > 0 && len(miss.Simulations(p)) == 0 {
			continue
		}
		if one.Against().AsHardAs(miss.Against()) || c.gone(miss) {
			return true
		}
	}
	return false
}

// gone reports whether the files hold a run's scenario no more, or it no longer recovers the system.
func (c *currents) gone(of outcome.SystemAt) bool {
	if c.past {
		return false
	}
	now := c.of(compiled{of.Scenario, of.Depth})
	if now.err != nil {
		return errors.Is(now.err, ErrNoScenario)
	}
	_, ok := now.plan.System(of.ID)
	return !ok
}
