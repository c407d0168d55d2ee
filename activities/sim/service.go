// Package sim is a system whose parameters set its failure: for first runs, for tests
// and for drills of people alone. Its effects are files, so that they can be looked at
// and counted like those of a real system.
package sim

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/simworld"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{step, breakIt, restore, status} }

// TargetKinds lists the family's kind of target.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[simworld.Service]("sim", plan.Text{EN: "A simulated service: up or down, as files say.", JA: "模擬サービス。稼働か停止かはファイルで決まる。"})}
}

type service = activities.Target[simworld.Service]

// OfService is the parameters of sim.break and sim.restore.
type OfService struct {
	Service service `json:"service" kind:"sim" help:"Simulated service." ja:"模擬サービス" example:"web"`
}

// Status is the parameters of sim.status.
type Status struct {
	Service service `json:"service" kind:"sim" help:"Simulated service." ja:"模擬サービス" example:"web"`
	Expect  string  `json:"expect" help:"State that it must be in." ja:"あるべき状態" default:"any" enum:"any,up,down"`
}

// State is what a service's files say.
type State struct {
	State string `json:"state" help:"up or down." ja:"up または down"`
}

var breakIt = activities.Define("sim.break", activities.Doc{
	Summary:   "Take a simulated service down.",
	SummaryJA: "模擬サービスを停止させる。",
	Effect:    run.Disrupt,
	Undo:      "sim.restore",
}, switching("down"), looking("down"))

var restore = activities.Define("sim.restore", activities.Doc{
	Summary:   "Bring a simulated service up.",
	SummaryJA: "模擬サービスを復旧させる。",
	Effect:    run.Disrupt,
	Undo:      "sim.break",
}, switching("up"), looking("up"))

var status = activities.Define("sim.status", activities.Doc{
	Summary:    "Say whether a simulated service is up.",
	SummaryJA:  "模擬サービスが稼働しているかを調べる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(_ context.Context, p Status) (State, error) {
	state, why, err := stateOf(p.Service)
	if err == nil && p.Expect != "any" && state != p.Expect {
		err = activities.FindingBoth("%s is %s, not %s%s", "%s は %s であり、%s ではない%s", p.Service.Name, state, p.Expect, because(why))
	}
	return State{state}, err
})

func switching(to string) func(context.Context, OfService) (State, error) {
	return func(_ context.Context, p OfService) (State, error) {
		if err := p.Service.Spec.Switch(p.Service.Name, to == "up"); err != nil {
			return State{}, err
		}
		state, why, err := stateOf(p.Service)
		if err == nil && state != to {
			err = activities.FindingBoth("%s is %s, not %s%s", "%s は %s であり、%s ではない%s", p.Service.Name, state, to, because(why))
		}
		return State{state}, err
	}
}

// looking goes by the switch when a service is to be down: one that lacks what it needs is
// down already and would come back by itself.
func looking(to string) activities.Option[OfService] {
	return activities.Look(func(_ context.Context, p OfService) (activities.Seen, error) {
		state, why, err := stateOf(p.Service)
		if err != nil {
			return activities.Seen{}, err
		}
		on, err := simworld.On(p.Service.Spec.Dir, p.Service.Name)
		if err != nil {
			return activities.Seen{}, err
		}
		seen := activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is %s%s", "%s は %s%s", p.Service.Name, state, because(why)).Both(), Output: State{state}}
		if state == to && (to == "up" || !on) {
			seen.Sight = plan.Holds
		}
		return seen, nil
	})
}

func stateOf(s service) (state, why string, err error) {
	up, why, err := s.Spec.Up(s.Name)
	if up {
		return "up", "", err
	}
	return "down", why, err
}

func because(why string) plan.Text {
	if why == "" {
		return plan.Text{}
	}
	return plan.Text{EN: ": " + why, JA: "：" + why}
}
