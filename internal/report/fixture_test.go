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

// markers are what the marker probe counted.
func markers(acked, unknown int64, counted float64, losses ...run.Loss) *run.Markers {
	return &run.Markers{Acked: acked, Unknown: unknown, CountedAt: at(counted), Lost: int64(len(losses)), Losses: losses}
}

// met is the demo as it should go.
func met(t *testing.T) *story {
	s := newStory(t, aPlan())
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	s.run(13.1, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 14.5, 16, run.Passed, run.ByAcknowledge)
	s.run(16, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Passed}, nil)
	s.phase(run.Verification, 16, 17.6, run.Passed, "")
	s.single(17.4, "orders", run.Verification, "osaka")
	s.phase(run.Completion, 17.6, 19, run.Passed, "")
	s.run(19, run.Event{Kind: run.CompletionReport, Phase: run.Completion, By: s.sim("sato")}, nil)
	s.wayHome(19)
	s.phase(run.Closing, 28.6, 30, run.Passed, "")
	s.watch("orders/write", 29, 6.2, 14.42, 23.9, 24.4).Markers = markers(96, 3, 28.8)
	s.watch("orders/search", 29, 6.25, 14.2, 23.9, 24.3)
	s.end(30, run.Recovered)
	return s
}

// missed takes too long: fencing waits for a site that does not answer.
func missed(t *testing.T) *story {
	p := aPlan()
	p.Scenario.Simulate = nil
	p.Scenario.Approvals = 1
	s := newStory(t, p)
	s.opening("yamazaki")
	s.run(13, run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, Reason: "1 besides sato, who asked for it"}, nil)
	s.run(15, run.Event{Kind: run.ApprovalGiven, Phase: run.RecoveryDecision, By: "takahashi", Reason: "agreed"}, run.Approval{})
	s.order(15.1, "orders", "orders-failover")
	s.run(15.1, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	s.step("orders/failover", "orders-failover", "fence", 15.1, 55, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 55, 96, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 96, 98, run.Passed, run.ByAcknowledge)
	s.run(98, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Passed}, nil)
	s.phase(run.Verification, 98, 100, run.Passed, "")
	s.single(99.5, "orders", run.Verification, "osaka")
	s.phase(run.Completion, 100, 103, run.Passed, "")
	s.wayHome(103)
	s.run(112.8, run.Event{Kind: run.RemarkMade, Phase: run.Closing, By: "suzuki", Reason: "フェンシングの接続待ちが長すぎた。別経路が要る。"}, nil)
	s.phase(run.Closing, 112.6, 114, run.Passed, "")
	s.watch("orders/write", 113, 6.2, 95.8, 108.5, 109).Markers = markers(140, 1, 112.7, run.Loss{Seq: 24, AckedAt: at(5.9), SurvivorAt: at(5.65)})
	s.watch("orders/search", 113, 6.25, 62, 108.5, 109)
	s.end(114, run.Recovered)
	return s
}

// lostMarkers keeps the times and loses data.
func lostMarkers(t *testing.T) *story {
	s := met(t)
	for i, e := range s.events {
		if e.Kind == run.ProbeEnded && e.Step == "orders/write" {
			var o run.Observations
			if err := e.Decode(&o); err != nil {
				t.Fatal(err)
			}
			o.Markers = markers(96, 3, 28.8, run.Loss{Seq: 3, AckedAt: at(0.8), SurvivorAt: at(0.6)}, run.Loss{Seq: 22, AckedAt: at(5.9), SurvivorAt: at(0.6)})
			s.events[i].Data = run.Encode(o)
		}
	}
	return s
}

// aborted is stopped by a person in the middle of the failover and undone.
func aborted(t *testing.T) *story {
	s := newStory(t, aPlan())
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	s.run(13.1, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.run(14.6, run.Event{Kind: run.RunAbortRequested, Phase: run.Recovery, By: "sato", Reason: "本番の問い合わせが増えたため中止"}, nil)
	s.step("orders/failover", "orders-failover", "announce", 14.6, 14.7, run.Skipped, run.ByResult).Reason = "aborted"
	undo := run.Event{Kind: run.UndoStarted, Phase: run.Recovery, System: "orders", Runbook: "orders-failover", Step: "promote", Action: "postgres.rejoin", Site: "osaka"}
	s.on(14.7, "orders/failover", undo, nil)
	undo.Kind, undo.Outcome = run.UndoEnded, run.Passed
	s.on(18, "orders/failover", undo, run.StepResult{SettledBy: run.ByResult, Attempts: 1, DurationS: 3.2})
	s.run(18.1, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Skipped, Reason: "aborted"}, nil)
	s.single(22, "orders", run.Closing, "tokyo")
	s.phase(run.Closing, 18.2, 23, run.Passed, "")
	s.watch("orders/write", 22.5, 6.2, 14.42, 15, 18.5).Markers = markers(70, 2, 22.4)
	s.watch("orders/search", 22.5, 6.25, 14.2, 15, 18.5)
	s.end(23, run.Cancelled)
	return s
}

// byHand has a promotion whose outcome nobody could tell, settled by a person.
func byHand(t *testing.T) *story {
	s := met(t)
	for i, e := range s.events {
		if e.Kind == run.StepEnded && e.Step == "promote" {
			var res run.StepResult
			if err := e.Decode(&res); err != nil {
				t.Fatal(err)
			}
			res.SettledBy = run.ByPerson
			s.events[i].Data, s.events[i].By = run.Encode(res), "suzuki"
			s.events[i].Reason = "大阪のコンソールで昇格を確認した"
		}
	}
	return s
}

// gap has the vantage's worker killed across the restoration.
func gap(t *testing.T) *story {
	s := met(t)
	for i, e := range s.events {
		if e.Kind == run.ProbeEnded {
			var o run.Observations
			if err := e.Decode(&o); err != nil {
				t.Fatal(err)
			}
			o.Gaps = []run.Span{{From: at(12), To: at(o.Transitions[2].At.Sub(t0).Seconds() - 0.05)}}
			s.events[i].Data = run.Encode(o)
		}
	}
	s.run(12.5, run.Event{Kind: run.WorkerAbsent, Phase: run.Recovery, System: "orders", Step: "fence", Site: "osaka", Reason: "no worker of site osaka took the step within 20s"}, nil)
	return s
}

// unfinished is met, as it stood during the recovery.
func unfinished(t *testing.T) *story {
	s := met(t)
	var kept []run.Event
	for _, e := range s.events {
		if e.At.Before(at(14)) {
			kept = append(kept, e)
		}
	}
	s.events = kept
	return s
}

// incident is a security incident: no safety check, recovery in place, nothing moves.
func incident(t *testing.T) *story {
	p := aPlan()
	p.Scenario.Name, p.Scenario.Hazard, p.Scenario.Phases = "orders-tampered", run.SecurityIncident, run.Phases(run.SecurityIncident)
	p.Scenario.Title = plan.Text{EN: "Orders were tampered with", JA: "受注データの改ざん"}
	p.Scenario.SitesLost, p.Scenario.Place, p.Scenario.Quorum = nil, "", []plan.RoleCount{{Role: "operator", Count: 1}}
	p.Systems[0].InPlace, p.Systems[0].Objective.RLO = "orders-restore", nil
	p.Systems[0].Objective.RPO = nil
	p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-restore", System: "orders", Steps: []plan.Step{
		{ID: "restore", Uses: "postgres.restore", Site: "tokyo", Effect: run.Destroy, Timeout: dur(600), Queue: dur(20), Budget: dur(10)}}})
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.event("orders")
	s.run(6.4, run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at(6.3), Source: "orders/write"})
	s.phase(run.Activation, 0, 6.4, run.Passed, "")
	s.phase(run.Muster, 6.4, 9.3, run.Passed, "")
	s.muster()
	s.phase(run.Containment, 9.3, 11, run.Passed, "")
	s.run(11, run.Event{Kind: run.ContainmentDone, Phase: run.Containment, By: s.sim("takahashi"), Reason: "接続元を遮断し、証拠を保全した"}, nil)
	s.phase(run.RecoveryDecision, 11, 13, run.Passed, "")
	s.decide("orders", run.InPlace)
	s.order(13.1, "orders", "orders-restore")
	s.run(13.1, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	s.step("orders/in_place", "orders-restore", "restore", 13.1, 40, run.Passed, run.ByResult)
	s.run(40, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Passed}, nil)
	s.phase(run.Verification, 40, 43.5, run.Passed, "")
	s.single(43.2, "orders", run.Verification, "tokyo")
	s.watch("orders/write", 45, 6.2, 39.9).Markers = markers(60, 0, 44)
	s.watch("orders/search", 45, 6.2, 39.9)
	s.end(46, run.Recovered)
	return s
}

// twoSystems moves orders and leaves billing, whose level comes back in stages and which
// has no RTO, at its alternate site.
func twoSystems(t *testing.T) *story {
	p := aPlan()
	p.Scenario.Failback = run.PolicyStay
	single := *p.Systems[0].SingleWriter
	p.Systems = append(p.Systems, plan.System{
		Name: "billing", Title: plan.Text{EN: "Billing <b>&", JA: "請求システム①㈱"}, Priority: "A", Home: "tokyo", Alternate: "osaka", DependsOn: []string{"orders"},
		Objective: plan.Objective{RLO: []plan.Stage{{Within: dur(20), Level: 50}, {Within: dur(120), Level: 100}}},
		Probes: []plan.Probe{{Name: "billing/api", System: "billing", Function: "api", Weight: 50, Uses: "probe.http", Vantage: "osaka", Interval: dur(0.25)},
			{Name: "billing/batch", System: "billing", Function: "batch", Weight: 50, Uses: "probe.http", Vantage: "osaka", Interval: dur(0.25)}},
		Failover: "billing-failover", SingleWriter: &single})
	p.Runbooks = append([]plan.Runbook{{Name: "billing-failover", System: "billing", Steps: []plan.Step{
		{ID: "start-api", Uses: "exec.run", Site: "osaka", Effect: run.Disrupt, Timeout: dur(60), Queue: dur(20), Retry: 2},
		{ID: "start-batch", Uses: "exec.run", Site: "osaka", Effect: run.Disrupt, Timeout: dur(60), Queue: dur(20), If: "false"}}}}, p.Runbooks...)
	s := newStory(t, p)
	s.opening()
	s.run(6.1, run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: "billing"}, run.Occurrence{At: at(6.3), Source: "probe"})
	s.decide("billing", run.Alternate)
	s.order(13.1, "orders", "orders-failover")
	s.run(13.1, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	s.step("orders/failover", "orders-failover", "fence", 13.1, 13.6, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 14.5, 16, run.Passed, run.ByAcknowledge)
	s.order(16, "billing", "billing-failover")
	e := s.step("billing/failover", "billing-failover", "start-api", 16, 24, run.Passed, run.ByResult)
	e.Generation = 2
	e.Data = run.Encode(run.StepResult{SettledBy: run.ByResult, Attempts: 2, DurationS: 3.1, StartedAt: at(20), EndedAt: at(23.1)})
	s.step("billing/failover", "billing-failover", "start-batch", 24, 24, run.Skipped, run.ByGuard).Reason = "if: is false"
	s.run(24, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Passed}, nil)
	s.phase(run.Verification, 24, 44, run.Passed, "")
	s.single(43, "orders", run.Verification, "osaka")
	s.single(43.5, "billing", run.Verification, "osaka")
	s.run(44, run.Event{Kind: run.PhaseStarted, Phase: run.Failback}, nil)
	for _, sys := range []string{"billing", "orders"} {
		s.run(44, run.Event{Kind: run.DecisionMade, Phase: run.Failback, System: sys, Reason: "the scenario's failback policy"}, run.Decision{Question: "failback", Answer: run.Stay, Rule: "failback: stay"})
	}
	s.run(44.1, run.Event{Kind: run.PhaseEnded, Phase: run.Failback, Outcome: run.Passed}, nil)
	s.watch("orders/write", 49, 6.2, 14.42).Markers = markers(160, 1, 48)
	s.watch("orders/search", 49, 6.25, 14.2)
	s.watch("billing/api", 49, 6.3, 23)
	s.watch("billing/batch", 49, 6.3, 40)
	s.end(50, run.RecoveredAtAlternate)
	return s
}

// stories are all journals, by the name of their golden files.
var stories = []struct {
	name string
	tell func(*testing.T) *story
}{
	{"met", met}, {"missed", missed}, {"lost_markers", lostMarkers}, {"aborted", aborted}, {"by_hand", byHand},
	{"gap", gap}, {"unfinished", unfinished}, {"incident", incident}, {"two_systems", twoSystems},
}
