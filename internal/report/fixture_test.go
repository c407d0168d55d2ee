package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// t0 is 14:00 in Tokyo.
var t0 = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }

func dur(s float64) run.Duration { return run.Duration(s * float64(time.Second)) }

func within(s float64) *run.Duration { d := dur(s); return &d }

// aPlan is a plan like that of the demo: orders, at home in Tokyo, with a standby in Osaka.
func aPlan() plan.Plan {
	step := func(id, uses, site string, e run.Effect, needs ...string) plan.Step {
		return plan.Step{ID: id, Uses: uses, Site: site, Effect: e, Needs: needs, Timeout: dur(120), Queue: dur(20), Targets: []string{"tokyo"}}
	}
	promote := step("promote", "postgres.promote", "osaka", run.Disrupt, "fence")
	promote.Budget = dur(30)
	promote.Undo = []plan.Undo{{Uses: "postgres.rejoin", Site: "osaka", Effect: run.Disrupt, Timeout: dur(120), Queue: dur(20)}}
	announce := plan.Step{ID: "announce", Uses: "human.task", Effect: run.Observe, Needs: []string{"promote"}, Timeout: dur(600),
		Human: &plan.Human{Role: "operator", Text: plan.Text{EN: "Tell the branches that orders are taken from Osaka.", JA: "受注が大阪に切り替わったことを各拠点に伝える。"}}}
	single := step("single-writer", "postgres.single_writer", "osaka", run.Observe)
	p := plan.Plan{
		Format: plan.Format,
		Scenario: plan.Scenario{
			Name: "demo-tokyo-loss", Title: plan.Text{EN: "Tokyo is lost", JA: "東京拠点の被災"}, Hazard: run.Disaster, Depth: run.Live,
			SitesLost: []string{"tokyo"}, Phases: run.Phases(run.Disaster), Place: "osaka-room",
			Quorum:   []plan.RoleCount{{Role: "commander", Count: 1}, {Role: "operator", Count: 2}},
			Safety:   plan.SafetyRules{Remind: dur(10), Within: dur(60), Muster: dur(60), Task: dur(60)},
			Decision: plan.DecisionRule{By: "commander", Within: dur(600), Rule: plan.RuleAlternateWhenAtRisk},
			Injects:  []plan.Step{{ID: "lose-tokyo", Uses: "postgres.kill", Site: "tokyo", Effect: run.Destroy, Timeout: dur(60), Queue: dur(20), Starts: "orders"}},
			Failback: run.PolicyReturn, Hold: dur(3), Baseline: dur(5), DetectWait: dur(30), VerifyWait: dur(60), FailWait: dur(60),
			Simulate: &plan.Simulate{After: dur(0.5), Spread: dur(2)},
		},
		Estate: plan.Estate{
			Name: "acme", Zone: "Asia/Tokyo", Control: "osaka",
			Sites:   []plan.Site{{Name: "osaka", Title: plan.Text{EN: "Osaka", JA: "大阪"}}, {Name: "tokyo", Title: plan.Text{EN: "Tokyo", JA: "東京"}}},
			Targets: []plan.Target{{Name: "osaka", Kind: "postgres", Site: "osaka"}, {Name: "tokyo", Kind: "postgres", Site: "tokyo"}},
			People: []plan.Person{
				{ID: "sato", Name: plan.Text{EN: "Sato Hanako", JA: "佐藤 花子"}, Roles: []string{"commander"}, Deputies: []string{"takahashi"}},
				{ID: "suzuki", Name: plan.Text{EN: "Suzuki Ichiro", JA: "鈴木 一郎"}, Roles: []string{"operator"}},
				{ID: "takahashi", Name: plan.Text{EN: "Takahashi Jun", JA: "髙橋 淳"}, Roles: []string{"operator"}},
				{ID: "yamazaki", Name: plan.Text{EN: "Yamazaki Mei", JA: "山﨑 芽衣"}, Roles: []string{"operator"}},
			},
			Places: []plan.Place{{Name: "osaka-room", Title: plan.Text{EN: "Osaka, room 3", JA: "大阪 第3会議室"}, Site: "osaka"}},
		},
		Systems: []plan.System{{
			Name: "orders", Title: plan.Text{EN: "Order taking", JA: "受注システム"}, Priority: "S", Home: "tokyo", Alternate: "osaka",
			Objective: plan.Objective{RTO: within(60), RPO: within(5), RLO: []plan.Stage{{Within: dur(30), Level: 60}, {Within: dur(60), Level: 100}}},
			Drillable: []run.Depth{run.Live},
			Probes: []plan.Probe{
				{Name: "orders/write", System: "orders", Function: "write", Weight: 60, Uses: "probe.postgres", Vantage: "osaka", Interval: dur(0.25)},
				{Name: "orders/search", System: "orders", Function: "search", Weight: 40, Uses: "probe.sql", Vantage: "osaka", Interval: dur(0.25)},
			},
			Failover: "orders-failover", Failback: "orders-failback", SingleWriter: &single,
		}},
		Runbooks: []plan.Runbook{
			{Name: "orders-failback", System: "orders", Steps: []plan.Step{
				step("rejoin", "postgres.rejoin", "tokyo", run.Disrupt), step("switchover", "postgres.switchover", "tokyo", run.Disrupt, "rejoin")}},
			{Name: "orders-failover", System: "orders", Steps: []plan.Step{step("fence", "postgres.fence", "osaka", run.Disrupt), promote, announce}},
		},
	}
	return p
}

// story writes a journal. Each writer numbers its own events.
type story struct {
	t      *testing.T
	plan   plan.Plan
	events []run.Event
	seen   map[string]*run.Observations
	// sim is how people's acts are signed.
	sim func(string) string
}

func newStory(t *testing.T, p plan.Plan) *story {
	t.Helper()
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, plan: p, seen: map[string]*run.Observations{}, sim: run.Simulated}
	if p.Scenario.Simulate == nil {
		s.sim = func(person string) string { return person }
	}
	return s
}

// on writes an event of a writer at a second.
func (s *story) on(second float64, writer string, e run.Event, data any) {
	e.Run, e.Writer, e.At = "drl-20261119-1400", writer, at(second)
	if e.By == "" {
		e.By = run.Engine
	}
	if data != nil {
		e.Data = run.Encode(data)
	}
	s.events = append(s.events, e)
}

// journal is the events as the store gives them back: each writer's in the order of
// their time, numbered from 1.
func (s *story) journal() []run.Event {
	slices.SortStableFunc(s.events, func(a, b run.Event) int { return a.At.Compare(b.At) })
	seq := map[string]int64{}
	for i := range s.events {
		w := s.events[i].Writer
		seq[w]++
		s.events[i].Seq = seq[w]
	}
	return s.events
}

func (s *story) run(second float64, e run.Event, data any) { s.on(second, "run", e, data) }

func (s *story) begin(second float64, kind run.Kind) {
	sc := s.plan.Scenario
	s.run(second, run.Event{Kind: run.RunStarted, By: "sato", Reason: "quarterly drill"},
		run.Started{Kind: kind, Depth: sc.Depth, Scenario: sc.Name, Hazard: sc.Hazard, PlanHash: s.plan.Hash, Simulated: sc.Simulate != nil})
	for _, sys := range s.plan.Systems {
		s.run(second, run.Event{Kind: run.LockTaken, System: sys.Name}, run.Lock{Token: 7})
		for _, p := range sys.Probes {
			s.run(second, run.Event{Kind: run.ProbeStarted, System: sys.Name, Step: p.Name, Site: p.Vantage}, run.Probe{Function: p.Function, Weight: p.Weight, Interval: p.Interval, Vantage: p.Vantage})
		}
	}
}

// byRules has the run begun under rules of the report; it has to have begun.
func (s *story) byRules(rules int) *story {
	s.t.Helper()
	for i := range s.events {
		if s.events[i].Kind == run.RunStarted {
			var started run.Started
			if err := s.events[i].Decode(&started); err != nil {
				s.t.Fatal(err)
			}
			started.Rules = rules
			s.events[i].Data = run.Encode(started)
		}
	}
	return s
}

func (s *story) phase(p run.Phase, from, to float64, o run.Outcome, reason string) {
	s.run(from, run.Event{Kind: run.PhaseStarted, Phase: p}, nil)
	s.run(to, run.Event{Kind: run.PhaseEnded, Phase: p, Outcome: o, Reason: reason}, nil)
}

// step writes a whole step of a runbook.
func (s *story) step(writer, runbook, id string, from, to float64, o run.Outcome, by run.SettledBy) *run.Event {
	system, phase := s.plan.Systems[0].Name, run.Recovery
	for _, sys := range s.plan.Systems {
		if len(writer) > len(sys.Name) && writer[:len(sys.Name)+1] == sys.Name+"/" {
			system = sys.Name
		}
	}
	if writer == system+"/failback" {
		phase = run.Failback
	}
	var planned plan.Step
	if rb, ok := s.plan.Runbook(runbook); ok {
		for _, st := range rb.Steps {
			if st.ID == id {
				planned = st
			}
		}
	}
	e := run.Event{Phase: phase, System: system, Runbook: runbook, Step: id, Action: planned.Uses, Site: planned.Site, Generation: 1}
	if o != run.Skipped {
		if planned.Effect.Once() {
			e.Kind = run.StepIntended
			s.on(from, writer, e, run.Intent{EffectKey: fmt.Sprintf("drl/%s/%s/1", writer, id), Token: 7, Effect: planned.Effect})
		}
		e.Kind = run.StepStarted
		s.on(from, writer, e, nil)
	}
	e.Kind, e.Outcome = run.StepEnded, o
	if planned.Human != nil && by == run.ByAcknowledge {
		e.By = s.sim("suzuki")
	}
	res := run.StepResult{SettledBy: by, Attempts: 1}
	if o != run.Skipped {
		res.StartedAt, res.EndedAt, res.DurationS = at(from+0.02), at(to-0.02), to-from-0.04
		if b := planned.Budget.Seconds(); b > 0 && res.DurationS > b {
			res.OverS = res.DurationS - b
		}
	}
	s.on(to, writer, e, res)
	return &s.events[len(s.events)-1]
}

// event lets Tokyo die at second 6.
func (s *story) event(system string) {
	inject := s.plan.Scenario.Injects[0]
	e := run.Event{Kind: run.StepIntended, Phase: run.Activation, System: system, Step: inject.ID, Action: inject.Uses, Site: inject.Site, Generation: 1}
	s.run(5.95, e, run.Intent{EffectKey: "drl/run/lose-tokyo/1", Effect: run.Destroy})
	e.Kind = run.StepStarted
	s.run(5.95, e, nil)
	e.Kind, e.Outcome = run.StepEnded, run.Passed
	s.run(6.1, e, run.StepResult{SettledBy: run.ByResult, StartedAt: at(5.98), EndedAt: at(6.02), DurationS: 0.04, Attempts: 1, Output: json.RawMessage(`{"at":"2026-11-19T05:00:06Z"}`)})
	s.run(6.1, run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: system}, run.Occurrence{At: at(6), Source: "inject"})
}

// muster calls everybody and lets all but the silent answer and come. It ends about
// second 10.
func (s *story) muster(silent ...string) {
	isSilent := func(id string) bool {
		for _, x := range silent {
			if x == id {
				return true
			}
		}
		return false
	}
	s.run(6.4, run.Event{Kind: run.MessageSent, Phase: run.Activation}, run.Message{To: []string{"sato"}, Channel: "journal", Text: "[DRILL]【訓練】"})
	for _, p := range s.plan.Estate.People {
		s.run(6.4, run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: p.ID}, run.Call{Channel: "journal", Roles: p.Roles})
	}
	present := map[string]int{}
	for i, p := range s.plan.Estate.People {
		if isSilent(p.ID) {
			s.run(16.4, run.Event{Kind: run.PersonReminded, Phase: run.SafetyCheck, Person: p.ID}, nil)
			continue
		}
		s.run(7+0.4*float64(i), run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: p.ID, By: s.sim(p.ID)}, run.Answer{Safety: run.Safe, CanCome: true})
		s.run(8+0.4*float64(i), run.Event{Kind: run.PersonArrived, Phase: run.Muster, Person: p.ID, By: s.sim(p.ID)}, run.Arrival{Place: "osaka-room"})
		for _, r := range p.Roles {
			present[r]++
		}
	}
	strength := run.Quorum{Need: map[string]int{}, Present: map[string]int{}}
	kind := run.QuorumReached
	for _, q := range s.plan.Scenario.Quorum {
		strength.Need[q.Role], strength.Present[q.Role] = q.Count, present[q.Role]
		if present[q.Role] < q.Count {
			kind = run.QuorumMissed
		}
	}
	s.run(9.3, run.Event{Kind: kind, Phase: run.Muster}, strength)
}

// decide asks at second 11 and answers at 13.
func (s *story) decide(system string, answer run.Choice) {
	seconds := func(v float64) *float64 { return &v }
	s.run(11, run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: system, Reason: "the home site tokyo is lost"},
		run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.StandDown, run.NotPossible}, Proposed: run.Alternate,
			Ground: "the home site tokyo is lost", UsedS: 5, ObjectiveS: seconds(60), AlternateS: seconds(30), DeadlineS: 600})
	s.run(13, run.Event{Kind: run.DecisionMade, Phase: run.RecoveryDecision, System: system, By: s.sim("sato"), Reason: "the home site tokyo is lost"},
		run.Decision{Question: "recovery", Answer: answer, WaitedS: 2})
}

func (s *story) order(second float64, system, runbook string) {
	s.run(second, run.Event{Kind: run.RecoveryOrdered, Phase: run.Recovery, System: system, Runbook: runbook}, nil)
}

// single writes the check for exactly one writer.
func (s *story) single(second float64, system string, phase run.Phase, writer string) {
	e := run.Event{Kind: run.StepStarted, Phase: phase, System: system, Step: "single-writer", Action: "postgres.single_writer", Site: "osaka", Generation: 1}
	s.run(second, e, nil)
	e.Kind, e.Outcome = run.StepEnded, run.Passed
	s.run(second+0.1, e, run.StepResult{SettledBy: run.ByResult, StartedAt: at(second), EndedAt: at(second + 0.1), DurationS: 0.1, Attempts: 1,
		Output: json.RawMessage(fmt.Sprintf(`{"single":true,"writer":%q}`, writer))})
}

// watch gives a probe's observations: up from second 0, then failing and succeeding in
// turn at the changes.
func (s *story) watch(probe string, end float64, changes ...float64) *run.Observations {
	o := &run.Observations{Probe: probe, Interval: dur(0.25), StartedAt: at(0.1), EndedAt: at(end), Vantage: "osaka",
		Samples: int64(end * 4), OK: int64(end * 3), Transitions: []run.Transition{{At: at(0.2), Up: true}}}
	for _, sys := range s.plan.Systems {
		for _, p := range sys.Probes {
			if p.Name == probe {
				o.System, o.Function, o.Weight = sys.Name, p.Function, p.Weight
			}
		}
	}
	for i, c := range changes {
		t := run.Transition{At: at(c), Up: i%2 == 1}
		if !t.Up {
			t.LastOKAt, t.Error = at(c-0.24), "connection refused"
		}
		o.Transitions = append(o.Transitions, t)
	}
	s.seen[probe] = o
	return o
}

// end writes what the probes saw and closes the run.
func (s *story) end(second float64, state run.State) {
	for _, sys := range s.plan.Systems {
		for _, p := range sys.Probes {
			if o := s.seen[p.Name]; o != nil {
				s.run(second-0.2, run.Event{Kind: run.ProbeEnded, System: sys.Name, Step: p.Name, Site: p.Vantage, Outcome: run.Passed}, o)
			}
		}
		s.run(second-0.1, run.Event{Kind: run.LockReleased, System: sys.Name}, nil)
	}
	s.run(second, run.Event{Kind: run.RunEnded}, run.Ended{State: state})
}

// opening is everything of a drill until the recovery is decided.
func (s *story) opening(silent ...string) {
	s.begin(0, run.Drill)
	s.run(0, run.Event{Kind: run.PhaseStarted, Phase: run.Activation}, nil)
	s.event("orders")
	s.run(6.4, run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at(6.3), Source: "orders/write"})
	s.run(6.4, run.Event{Kind: run.PhaseEnded, Phase: run.Activation, Outcome: run.Passed}, nil)
	s.phase(run.SafetyCheck, 6.4, 8.2, run.Passed, "")
	s.phase(run.Muster, 6.4, 9.3, run.Passed, "")
	s.muster(silent...)
	s.phase(run.SiteInspection, 9.3, 10, run.Passed, "")
	s.run(10, run.Event{Kind: run.SiteInspected, Phase: run.SiteInspection, Site: "osaka", By: s.sim("suzuki")}, run.Inspection{Usable: true})
	s.phase(run.Communications, 10, 11.5, run.Passed, "")
	s.run(11.5, run.Event{Kind: run.PartyReached, Phase: run.Communications, By: s.sim("suzuki")}, nil)
	s.phase(run.DamageAssessment, 10, 11, run.Passed, "")
	s.run(10, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: "orders"}, run.Assessment{Damage: run.DamageStopped, Source: "probe"})
	s.run(10.9, run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: "orders", By: s.sim("suzuki")}, run.Assessment{Damage: run.DamageStopped, Source: "person"})
	s.phase(run.Containment, 11, 12.2, run.Passed, "")
	s.phase(run.RecoveryDecision, 11, 13, run.Passed, "")
	s.decide("orders", run.Alternate)
}

// wayHome is the failback of orders, from a second on.
func (s *story) wayHome(from float64) {
	s.run(from, run.Event{Kind: run.PhaseStarted, Phase: run.Failback}, nil)
	s.run(from, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: "orders", Reason: "the scenario's failback policy"},
		run.Decision{Question: "failback", Answer: run.GoHome, Rule: "failback: return"})
	s.step("orders/failback", "orders-failback", "rejoin", from+0.1, from+4, run.Passed, run.ByResult)
	s.step("orders/failback", "orders-failback", "switchover", from+4, from+6, run.Passed, run.ByResult)
	s.single(from+9.2, "orders", run.Failback, "tokyo")
	s.run(from+9.5, run.Event{Kind: run.PhaseEnded, Phase: run.Failback, Outcome: run.Passed}, nil)
}
