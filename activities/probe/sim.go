package probe

import (
	"context"
	"errors"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/simworld"
)

// Sim is the parameters of probe.sim.
type Sim struct {
	Service activities.Target[simworld.Service] `json:"service" kind:"sim" help:"Simulated service." ja:"模擬サービス" example:"web"`
}

func lookSim(_ plan.Watch, p Sim) (looker, error) {
	return looker{look: func(context.Context, int64) (fate, string) {
		up, why, err := p.Service.Spec.Up(p.Service.Name)
		if err == nil && !up {
			err = errors.New(p.Service.Name + " is down: " + why)
		}
		return plainly(err)
	}}, nil
}
