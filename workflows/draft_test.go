package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func made(t *testing.T, w *world) []run.Decision {
	t.Helper()
	var out []run.Decision
	for _, e := range w.find(run.DecisionMade) {
		var d run.Decision
		if err := e.Decode(&d); err != nil {
			t.Fatal(err)
		}
		if d.Question == "recovery" {
			out = append(out, d)
		}
	}
	return out
}

// The lead drafts, the chief decides after consulting; what is decided is as drafted unless said
// otherwise, and in a response nobody decides on their own draft (B-STP-08, B-DEC-07, B-DEC-08).
func TestTheLeadDraftsAndTheChiefDecides(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Depth, p.Scenario.Simulate, p.Scenario.Injects = run.Real, nil, nil
		p.Scenario.Decision.Draft, p.Scenario.Decision.Rule = "lead", plan.RuleWait
		p.Scenario.Approvals = 1
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "yamada", Roles: []string{"lead", "commander"}})
		inPlace(p, time.Hour)
	})
	in.Kind, in.Reason, in.Since = run.Response, "smoke", time.Now().Add(-time.Minute).Format(time.RFC3339)
	policy := run.Policy{Place: "osaka", Level: 80, Method: "failover of the database", Order: 1, Requests: []string{"tell the branches"},
		Rejected: []run.Rejected{{Choice: run.InPlace, Reason: "no power until tomorrow"}}}
	draft := func(by string, p run.Policy) workflows.Draft {
		return workflows.Draft{System: "orders", By: by, Choice: run.Alternate, Reason: "Tokyo is dark", Policy: p}
	}
	w.atEvent(run.PersonArrived, "", func() {
		w.refused(workflows.UpdateDraft, draft("tanaka", policy), "lead", "tanaka")
		w.refused(workflows.UpdateDraft, draft("yamada", run.Policy{Level: 120}), "120")
		w.refused(workflows.UpdateDraft, draft("yamada", run.Policy{Place: "kobe"}), "kobe", "osaka")
		w.refused(workflows.UpdateDraft, draft("yamada", run.Policy{Rejected: []run.Rejected{{Choice: run.Alternate, Reason: "x"}}}), "at once")
		w.do(workflows.UpdateDraft, draft("yamada", policy))
		w.do(workflows.UpdateConsult, workflows.Consult{By: "sato", With: "headquarters"})
		w.refused(workflows.UpdateConsult, workflows.Consult{By: "sato", With: "headquarters"}, "already")
		w.refused(workflows.UpdateConsult, workflows.Consult{By: "sato", With: "head office", Ended: true}, "head office", "headquarters")
		w.do(workflows.UpdateConsult, workflows.Consult{By: "sato", With: "headquarters", Ended: true, Note: "agreed"})
	})
	var waiting []progress.Waiting
	w.atEvent(run.DecisionAsked, "", func() {
		waiting = w.overview(in.Plan).Waiting
		w.refused(workflows.UpdateDecide, workflows.Decide{System: "orders", By: "yamada", Choice: run.Alternate, Reason: "mine"}, "drafted", "案の作成者")
	})
	w.atEvent(run.ApprovalAsked, "", func() { w.do(workflows.UpdateApprove, workflows.Approve{By: "yamada"}) })
	people(w)                         // sato decides, after yamada's try
	w.env.SetDetachedChildWait(false) // nobody decides on the way home: the environment ends the run, and its lock outlives it
	w.env.RegisterDelayedCallback(func() { w.env.CancelWorkflow() }, 3*time.Hour)
	w.run(in)
	d := made(t, w)
	if len(d) == 0 || d[0].Drafter != "yamada" || !d[0].AsDrafted || d[0].Level != 80 || d[0].Place != "osaka" || len(d[0].Rejected) != 1 {
		t.Fatalf("decided: %+v; want it as drafted by yamada", d)
	}
	o := w.overview(in.Plan)
	if len(o.Drafts) != 1 || o.Drafts[0].By != "yamada" || len(o.Consultations) != 1 || o.Consultations[0].EndedAt == nil || o.Consultations[0].Note != "agreed" {
		t.Errorf("drafts %+v, consultations %+v", o.Drafts, o.Consultations)
	}
	aided := false
	for _, x := range waiting {
		aided = aided || x.For == progress.AwaitDecision && x.Aid != nil && x.Aid.Proposed == run.Alternate
	}
	if !aided {
		t.Errorf("the aid is not beside the question: %+v", waiting)
	}
}

// When who should decide has not by half of the time, their deputies are told and may; the rule
// comes after that (B-FLW-09).
func TestDeputiesDecideWhenTheChiefIsSilent(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Scenario.Decision.Within, p.Scenario.Decision.DeputyAfter = d(10*time.Minute), d(2*time.Minute)
	})
	arrive := func(p string) {
		w.do(workflows.UpdateCheckIn, workflows.CheckIn{Person: p, By: p, Safety: run.Safe, CanCome: true})
		w.do(workflows.UpdateArrive, workflows.Arrive{Person: p, By: p})
	}
	w.atEvent(run.PersonCalled, "", func() { arrive("sato"); arrive("tanaka") })
	w.atEvent(run.DecisionAsked, "", func() {
		w.refused(workflows.UpdateDecide, workflows.Decide{By: "suzuki", Choice: run.Alternate, Reason: "early"}, "commander")
	})
	w.atEvent(run.DeputiesAsked, "", func() {
		w.do(workflows.UpdateDecide, workflows.Decide{By: "suzuki", Choice: run.Alternate, Reason: "sato does not answer"})
	})
	w.run(in)
	e := w.find(run.DeputiesAsked)
	var asked run.Deputies
	if len(e) != 1 || e[0].Decode(&asked) != nil || strings.Join(asked.People, ",") != "suzuki" || asked.AfterS != 120 {
		t.Fatalf("deputies: %+v", e)
	}
	got := w.find(run.DecisionMade)
	if x := made(t, w); len(x) != 1 || !x[0].Deputy || got[0].By != "suzuki" || x[0].Rule != "" {
		t.Errorf("decided: %+v by %s; want suzuki as deputy", x, got[0].By)
	}
	told := false
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		told = told || e.Decode(&m) == nil && strings.Join(m.To, ",") == "suzuki" && strings.Contains(m.Text, "代行者として決定できます") && strings.HasPrefix(m.Text, "[DRILL]")
	}
	if !told {
		t.Error("the deputy was not told, or without the drill's mark")
	}
}

// A recovery that slips past its target while it runs puts the decision up for review, once; it is
// kept with a reason, and both are in the journal (B-DEC-10).
func TestASlippingRecoveryIsReviewed(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		s := step(p, "orders-failover", "fence")
		s.Effect, s.Uses, s.Undo, s.CanLook = run.Observe, "human.task", nil, false
		s.Human, s.Timeout = &plan.Human{Role: "operator", Text: plan.Text{EN: "Call the carrier", JA: "通信事業者へ連絡"}}, d(time.Hour)
		step(p, "orders-failover", "promote").Budget = d(2 * time.Minute)
		p.Scenario.Simulate = nil
	})
	people(w)
	w.atEvent(run.ReviewAsked, "", func() {
		w.refused(workflows.UpdateDecide, workflows.Decide{By: "tanaka", Choice: run.Alternate, Reason: "go on"}, "commander")
		w.refused(workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.StandDown, Reason: "stop"}, "abort", "継続する場合")
		w.do(workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "nothing else is faster"})
	})
	w.atEvent(run.ReviewMade, "", func() {
		w.update(workflows.ExecuteID(in.RunID, "orders", workflows.ForFailover), workflows.UpdateStep, workflows.Step{Step: "fence", By: "tanaka", Act: run.ActDone}, nil)
	})
	w.run(in)
	asked, answered := w.find(run.ReviewAsked), w.find(run.ReviewMade)
	if len(asked) != 1 || len(answered) != 1 || answered[0].By != "sato" || answered[0].Reason != "nothing else is faster" {
		t.Fatalf("asked %+v, answered %+v; want one of each", asked, answered)
	}
	var v run.Review
	if err := asked[0].Decode(&v); err != nil || v.MissS <= 0 || v.MissS > 30 || v.RemainingS != 120 || v.ObjectiveS != 600 {
		t.Errorf("review = %+v %v; want it as soon as what is left no longer fits", v, err)
	}
}
