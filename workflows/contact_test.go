package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func withParties(p *plan.Plan) {
	p.Estate.Parties = []plan.Party{{Name: "carrier", Title: plan.Text{EN: "Network carrier", JA: "通信事業者"}, Contact: "0120-555-010"}, {Name: "maintainer"}}
}

// Every try to reach somebody is kept; when each party was spoken with, communications stand
// without anybody confirming it (B-STP-05).
func TestPartiesAreReached(t *testing.T) {
	w := newWorld(t)
	people(w)
	in := drill(t, func(p *plan.Plan) { withParties(p); p.Scenario.Simulate = nil })
	reach := func(party string, o run.Contact) workflows.Reach {
		return workflows.Reach{Party: party, By: "tanaka", Channel: "telephone", Outcome: o, Person: "the desk"}
	}
	w.atEvent(run.RunStarted, "", func() {
		w.refused(workflows.UpdateReach, reach("carier", run.ContactReached), "carier", "carrier, maintainer", "連絡先")
		w.refused(workflows.UpdateReach, reach("carrier", "ok"), "ok", "no_answer")
		w.refused(workflows.UpdateReach, workflows.Reach{Party: "carrier", By: "tanaka", Outcome: run.ContactReached}, "telephone", "連絡手段")
		w.do(workflows.UpdateReach, reach("carrier", run.ContactSilent))
		w.do(workflows.UpdateReach, reach("carrier", run.ContactReached))
		w.do(workflows.UpdateReach, reach("maintainer", run.ContactReached))
	})
	w.run(in)
	var ended run.Event
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.Communications {
			ended = e
		}
	}
	if ended.Outcome != run.Passed {
		t.Errorf("communications ended %s, %q", ended.Outcome, ended.Reason)
	}
	o := w.overview(in.Plan)
	if p := o.Parties[0]; p.Tries != 2 || p.ReachedAt == nil || p.Outcome != run.ContactReached || p.Contact != "0120-555-010" {
		t.Errorf("carrier = %+v", p)
	}
}

// Who was not reached is named, and nothing waits for them.
func TestPartiesThatAreNotReachedAreNamed(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.RunStarted, "", func() {
		w.do(workflows.UpdateReach, workflows.Reach{Party: "carrier", By: "tanaka", Channel: "telephone", Outcome: run.ContactReached})
	})
	w.run(drill(t, func(p *plan.Plan) { withParties(p); p.Scenario.Simulate.Silent = []string{"sato", "tanaka", "suzuki"} }))
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.Communications && (e.Outcome != run.Unknown || !strings.Contains(e.Reason, "maintainer") || strings.Contains(e.Reason, "carrier")) {
			t.Errorf("communications ended %s, %q; want maintainer named", e.Outcome, e.Reason)
		}
	}
}

// An order has the times of asking, accepting, arriving and its end, each entered by whoever
// knows it, late where it was so; and nothing waits for it (B-STP-05, 07, 09).
func TestOrdersAreFollowed(t *testing.T) {
	w := newWorld(t)
	in := drill(t, withParties)
	follow := func(id string, s run.Progress) workflows.FollowUp {
		return workflows.FollowUp{Order: id, By: "tanaka", State: s, Person: "Mr Ono"}
	}
	var asked time.Time
	w.atEvent(run.DamageAssessed, "", func() {
		w.refused(workflows.UpdateOrder, workflows.Order{By: "tanaka", To: "maintaner", What: "come"}, "maintaner", "carrier, maintainer, sato")
		w.refused(workflows.UpdateOrder, workflows.Order{By: "tanaka", To: "maintainer"}, "what is to be done", "内容")
		w.refused(workflows.UpdateOrder, workflows.Order{By: "tanaka", To: "maintainer", What: "come", System: "order"}, "order", "orders")
		asked = w.env.Now().Add(-2 * time.Second)
		w.do(workflows.UpdateOrder, workflows.Order{By: "tanaka", To: "maintainer", What: "bring a power supply", System: "orders", Site: "tokyo", At: asked.Format(time.RFC3339)})
		w.do(workflows.UpdateOrder, workflows.Order{By: "sato", To: "operator", What: "stand by at home", Purpose: run.ForStandby})
		w.do(workflows.UpdateFollowUp, follow("order-1", run.OrderDeclined))
		w.do(workflows.UpdateFollowUp, follow("order-1", run.OrderAccepted))
		w.do(workflows.UpdateFollowUp, follow("order-1", run.OrderArrived))
		w.do(workflows.UpdateFollowUp, follow("order-1", run.OrderDone))
		w.refused(workflows.UpdateFollowUp, follow("order-1", run.OrderArrived), "order-1", "already", "すでに")
		w.refused(workflows.UpdateFollowUp, follow("order-9", run.OrderDone), "order-9", "order-1, order-2")
		w.refused(workflows.UpdateFollowUp, follow("order-2", "perhaps"), "perhaps")
	})
	w.run(in)
	o := w.overview(in.Plan).Orders
	if len(o) != 2 {
		t.Fatalf("orders = %+v", o)
	}
	if x := o[0]; x.Party != "maintainer" || x.Purpose != run.ForContractor || x.AcceptedAt == nil || x.AcceptedBy != "Mr Ono" || x.ArrivedAt == nil || x.State != run.OrderDone || x.EndedAt == nil || len(x.Next) != 0 ||
		x.AskedAt.Unix() != asked.Unix() {
		t.Errorf("order-1 = %+v", x)
	}
	if x := o[1]; x.Role != "operator" || x.Purpose != run.ForStandby || x.State != "" || len(x.Next) != 5 {
		t.Errorf("order-2 = %+v", x)
	}
	told := 0
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		if e.Decode(&m) == nil && strings.Contains(m.Text, "stand by at home") {
			told++
			if !slices.Equal(m.To, []string{"tanaka"}) || !strings.Contains(m.Text, "order-2") || !strings.Contains(m.Text, "指示") || m.Ack {
				t.Errorf("the staff is told %+v; people who are simulated acknowledge nothing", m)
			}
		}
	}
	if told != 1 {
		t.Errorf("the staff was told %d times of the order", told)
	}
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s: an open order held the run up", got)
	}
}

// The custody register says of each thing who took it, from where, to where, and who has it now
// (P-CUST).
func TestCustodyIsKept(t *testing.T) {
	w := newWorld(t)
	in := drill(t, nil)
	var waiting []progress.Waiting
	w.atEvent(run.DamageAssessed, "", func() {
		w.refused(workflows.UpdateTake, workflows.Take{By: "tanaka", What: "tape 7"}, "from where", "搬出先")
		w.do(workflows.UpdateTake, workflows.Take{By: "tanaka", What: "tape 7", From: "tokyo safe", To: "osaka vault"})
		w.do(workflows.UpdateTake, workflows.Take{By: "tanaka", What: "key box", From: "tokyo", To: "osaka", TakenBy: "sato", ReceivedBy: "suzuki"})
		w.refused(workflows.UpdateReceive, workflows.Receive{By: "suzuki", Custody: "custody-2"}, "custody-2", "custody-1")
	})
	w.atEvent(run.DecisionMade, "", func() {
		waiting = w.overview(in.Plan).Waiting
		w.do(workflows.UpdateReceive, workflows.Receive{By: "suzuki", Custody: "custody-1"})
	})
	w.run(in)
	found := false
	for _, x := range waiting {
		found = found || x.For == progress.AwaitReceipt && x.Order == "custody-1"
	}
	if !found {
		t.Errorf("what is on its way is not among %+v", waiting)
	}
	c := w.overview(in.Plan).Custody
	if len(c) != 2 || c[0].TakenBy != "tanaka" || c[0].ReceivedBy != "suzuki" || c[0].ReceivedAt == nil || c[1].TakenBy != "sato" || c[1].ReceivedAt == nil {
		t.Errorf("register = %+v", c)
	}
}

// The check of readiness names entries of the contact list that would fail when they are needed.
func TestTheCheckDoubtsContacts(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Estate.Parties = []plan.Party{{Name: "carrier", Contact: "1", Confirmed: "2001-01-01"}, {Name: "friend", Contact: "2", Single: true, Confirmed: time.Now().Format(time.DateOnly)}, {Name: "fine", Contact: "3"}}
	})
	w.env.ExecuteWorkflow(workflows.TypeCheck, workflows.CheckInput{RunID: "check-1", Plan: in.Plan, By: "sato", Kind: run.Drill})
	var out run.Checked
	if err := w.env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"carrier": "2001-01-01", "friend": "緊急窓口", "fine": ""}
	for _, i := range out.Items {
		if note, party := want[i.Where]; party && i.What == "party" {
			if note == "" && i.Note != "" || !strings.Contains(i.Note, note) || len(i.Problems) > 0 {
				t.Errorf("%s: %+v; want a note on %q", i.Where, i, note)
			}
			delete(want, i.Where)
		}
	}
	if len(want) > 0 {
		t.Errorf("not checked: %v", want)
	}
}
