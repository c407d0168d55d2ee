package report_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// markers are what the marker probe counted.
func markers(acked, unknown int64, counted float64, losses ...run.Loss) *run.Markers {
	return &run.Markers{Acked: acked, Unknown: unknown, FirstAckedAt: at(0.2), CountedAt: at(counted), Lost: int64(len(losses)), Losses: losses}
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

// threatened moves before anything has stopped. Interrupted names when service stopped
// for the move and came back; none is a move that nobody noticed.
func threatened(t *testing.T, interrupted ...float64) *story {
	p := aPlan()
	p.Scenario.Trigger, p.Scenario.Injects, p.Scenario.SitesLost, p.Scenario.Failback = plan.TriggerThreat, nil, nil, run.PolicyStay
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.run(6, run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at(6), Source: run.SourceThreat})
	s.run(6, run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: "orders"}, run.Occurrence{At: at(6), Source: run.SourceThreat})
	s.muster()
	s.decide("orders", run.Alternate)
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "fence", 13.1, 40, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "promote", 40, 44.5, run.Passed, run.ByResult)
	s.step("orders/failover", "orders-failover", "announce", 44.5, 46, run.Passed, run.ByAcknowledge)
	s.watch("orders/write", 59, interrupted...).Markers = markers(96, 0, 58)
	s.watch("orders/search", 59, interrupted...)
	s.end(60, run.RecoveredAtAlternate)
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
	{"gap", gap}, {"unfinished", unfinished}, {"incident", incident}, {"two_systems", twoSystems}, {"half", half},
}
