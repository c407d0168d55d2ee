// Package example makes up a run of any length, for tests and benchmarks: a failover that met
// its objectives, with everything in its journal that figures rest on.
package example

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Begin is when it began.
var Begin = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func at(s float64) time.Time        { return Begin.Add(time.Duration(s * float64(time.Second))) }
func span(s float64) run.Duration   { return run.Duration(s * float64(time.Second)) }
func limit(s float64) *run.Duration { d := span(s); return &d }

// Plan is one of a system that fails over in so many steps.
func Plan(steps int) (plan.Plan, error) {
	p := plan.Plan{
		Format: plan.Format,
		Scenario: plan.Scenario{Name: "tokyo-loss", Title: plan.Text{EN: "Tokyo is lost", JA: "東京拠点の被災"}, Hazard: run.Disaster, Depth: run.Live,
			SitesLost: []string{"tokyo"}, Phases: run.Phases(run.Disaster), Hold: span(3), Baseline: span(5), Failback: run.PolicyStay,
			Injects: []plan.Step{{ID: "lose-tokyo", Uses: "postgres.kill", Site: "tokyo", Effect: run.Destroy, Timeout: span(60), Queue: span(20), Starts: "orders"}}},
		Estate: plan.Estate{Name: "acme", Zone: "Asia/Tokyo", Control: "osaka",
			Sites:  []plan.Site{{Name: "osaka", Title: plan.Text{EN: "Osaka", JA: "大阪"}}, {Name: "tokyo", Title: plan.Text{EN: "Tokyo", JA: "東京"}}},
			People: []plan.Person{{ID: "sato", Name: plan.Text{EN: "Sato Hanako", JA: "佐藤 花子"}, Roles: []string{"commander"}}}},
		Systems: []plan.System{{Name: "orders", Title: plan.Text{EN: "Order taking", JA: "受注システム"}, Priority: "S", Home: "tokyo", Alternate: "osaka",
			Objective: plan.Objective{RTO: limit(60), RPO: limit(5), RLO: []plan.Stage{{Within: span(30), Level: 100}}}, Drillable: []run.Depth{run.Live}, Failover: "orders-failover",
			Probes: []plan.Probe{{Name: "orders/write", System: "orders", Function: "write", Weight: 100, Uses: "probe.postgres", Vantage: "osaka", Interval: span(0.25)}}}},
	}
	book := plan.Runbook{Name: "orders-failover", System: "orders"}
	for i := range steps {
		s := plan.Step{ID: fmt.Sprintf("s%d", i+1), Uses: "postgres.promote", Site: "osaka", Effect: run.Disrupt, Timeout: span(120), Queue: span(20), Targets: []string{"osaka"}}
		if i > 0 {
			s.Needs = []string{fmt.Sprintf("s%d", i)}
		}
		book.Steps = append(book.Steps, s)
	}
	p.Runbooks = []plan.Runbook{book}
	return p, p.Seal()
}

// Events is the journal of a run of that plan. Service is back after 20 s.
func Events(id string, kind run.Kind, p plan.Plan) []run.Event {
	j := &journal{run: id, seq: map[string]int64{}}
	own := func(s float64, e run.Event, data any) { j.add(s, "run", e, data) }
	sys := p.Systems[0]
	own(0, run.Event{Kind: run.RunStarted, By: "sato", Reason: "quarterly drill"}, run.Started{Kind: kind, Depth: run.Live, Scenario: p.Scenario.Name, Hazard: p.Scenario.Hazard, PlanHash: p.Hash})
	own(0, run.Event{Kind: run.LockTaken, System: sys.Name}, run.Lock{Token: 7})
	own(0, run.Event{Kind: run.ProbeStarted, System: sys.Name, Step: "orders/write", Site: "osaka"}, run.Probe{Function: "write", Weight: 100, Interval: span(0.25), Vantage: "osaka"})
	own(0, run.Event{Kind: run.PhaseStarted, Phase: run.Activation}, nil)
	inject := run.Event{Phase: run.Activation, System: sys.Name, Step: "lose-tokyo", Action: "postgres.kill", Site: "tokyo", Generation: 1, Kind: run.StepIntended}
	own(5.9, inject, run.Intent{EffectKey: id + "/run/lose-tokyo/1", Effect: run.Destroy})
	inject.Kind = run.StepStarted
	own(5.9, inject, nil)
	inject.Kind, inject.Outcome = run.StepEnded, run.Passed
	own(6.1, inject, run.StepResult{SettledBy: run.ByResult, StartedAt: at(5.95), EndedAt: at(6), DurationS: 0.05, Attempts: 1, Output: json.RawMessage(`{"at":"2026-11-19T05:00:06Z"}`)})
	own(6.1, run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: sys.Name}, run.Occurrence{At: at(6), Source: "inject"})
	own(6.4, run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at(6.3), Source: "orders/write"})
	own(6.4, run.Event{Kind: run.PhaseEnded, Phase: run.Activation, Outcome: run.Passed}, nil)
	own(8, run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: sys.Name}, run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.StandDown}, Proposed: run.Alternate})
	own(9, run.Event{Kind: run.DecisionMade, Phase: run.RecoveryDecision, System: sys.Name, By: "sato", Reason: "the home site is lost"}, run.Decision{Question: "recovery", Answer: run.Alternate, WaitedS: 1})
	own(9, run.Event{Kind: run.RecoveryOrdered, Phase: run.Recovery, System: sys.Name, Runbook: "orders-failover"}, nil)
	steps := p.Runbooks[0].Steps
	for i, st := range steps {
		from := 9 + 15*float64(i)/float64(len(steps))
		to := 9 + 15*float64(i+1)/float64(len(steps))
		e := run.Event{Kind: run.StepIntended, Phase: run.Recovery, System: sys.Name, Runbook: "orders-failover", Step: st.ID, Action: st.Uses, Site: st.Site, Generation: 1}
		j.add(from, "orders/failover", e, run.Intent{EffectKey: fmt.Sprintf("%s/orders/failover/%s/1", id, st.ID), Token: 7, Effect: st.Effect})
		e.Kind = run.StepStarted
		j.add(from, "orders/failover", e, nil)
		e.Kind, e.Outcome = run.StepEnded, run.Passed
		j.add(to, "orders/failover", e, run.StepResult{SettledBy: run.ByResult, StartedAt: at(from), EndedAt: at(to), DurationS: to - from, Attempts: 1})
	}
	own(40, run.Event{Kind: run.ProbeEnded, System: sys.Name, Step: "orders/write", Site: "osaka", Outcome: run.Passed}, &run.Observations{
		Probe: "orders/write", System: sys.Name, Function: "write", Weight: 100, Vantage: "osaka", Interval: span(0.25), StartedAt: at(0.1), EndedAt: at(40), Samples: 160, OK: 90,
		Transitions: []run.Transition{{At: at(0.2), Up: true}, {At: at(6.2), LastOKAt: at(5.98), Error: "connection refused"}, {At: at(26), Up: true}},
		Markers:     &run.Markers{Acked: 90, CountedAt: at(39), Lost: 1, Losses: []run.Loss{{Seq: 24, AckedAt: at(5.97), SurvivorAt: at(5.7)}}}})
	own(40, run.Event{Kind: run.LockReleased, System: sys.Name}, nil)
	own(41, run.Event{Kind: run.RunEnded}, run.Ended{State: run.RecoveredAtAlternate})
	return j.events
}

type journal struct {
	run    string
	seq    map[string]int64
	events []run.Event
}

func (j *journal) add(s float64, writer string, e run.Event, data any) {
	j.seq[writer]++
	e.Run, e.Writer, e.Seq, e.At = j.run, writer, j.seq[writer], at(s)
	if e.By == "" {
		e.By = run.Engine
	}
	if data != nil {
		e.Data = run.Encode(data)
	}
	j.events = append(j.events, e)
}
