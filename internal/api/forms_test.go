package api_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The forms are acts like any other: they answer when they are in the journal, say what they
// made, and the run shows them.
func TestFormsAreHandedIn(t *testing.T) {
	w := newWorld(t)
	id, ctx := w.start(drill("sato")).Run, t.Context()
	order, err := w.Order(ctx, id, workflows.Order{By: "sato", To: "operator", What: "stand by"})
	if err != nil || order.ID != "order-1" {
		t.Fatalf("order: %+v %v", order, err)
	}
	if _, err := w.FollowUp(ctx, id, workflows.FollowUp{By: "tanaka", Order: order.ID, State: run.OrderAccepted}); err != nil {
		t.Error(err)
	}
	if p := problem(t, func() error {
		_, err := w.FollowUp(ctx, id, workflows.FollowUp{By: "tanaka", Order: order.ID, State: run.OrderAccepted})
		return err
	}()); p.Status != 409 {
		t.Errorf("accepted twice: %+v", p)
	}
	if c, err := w.Take(ctx, id, workflows.Take{By: "tanaka", What: "tape 7", From: "safe", To: "vault"}); err != nil || c.ID != "custody-1" {
		t.Errorf("take: %+v %v", c, err)
	}
	if _, err := w.Receive(ctx, id, workflows.Receive{By: "suzuki", Custody: "custody-1"}); err != nil {
		t.Error(err)
	}
	if _, err := w.Prioritize(ctx, id, workflows.Prioritize{By: "sato", Order: []string{"orders"}}); err != nil {
		t.Error(err)
	}
	if p := problem(t, func() error {
		_, err := w.Reach(ctx, id, workflows.Reach{By: "sato", Party: "carrier", Channel: "telephone", Outcome: run.ContactReached})
		return err
	}()); p.Status != 409 {
		t.Errorf("a party that the estate has not: %+v", p)
	}
	if _, err := w.Notice(ctx, id, workflows.Notice{By: "sato", Who: "departments", Text: "use paper"}); err != nil {
		t.Error(err)
	}
	if _, err := w.Remark(ctx, id, workflows.Remark{By: "tanaka", Text: "the list was old", Final: true}); err != nil {
		t.Error(err)
	}
	if p := problem(t, func() error {
		_, err := w.Situation(ctx, id, workflows.Control{By: "sato"})
		return err
	}()); p.Status != 409 {
		t.Errorf("a report that nobody is to get: %+v", p)
	}
	r, err := w.Run(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Overview; len(o.Records) != 1 || !o.Records[0].Signed {
		t.Errorf("records = %+v", o.Records)
	}
	if o := r.Overview; len(o.Orders) != 1 || o.Orders[0].AcceptedBy != "tanaka" || len(o.Custody) != 1 || o.Custody[0].ReceivedBy != "suzuki" {
		t.Errorf("orders %+v, custody %+v", o.Orders, o.Custody)
	}
}

// The contact lists hold names and numbers: reading them is noted, and a link for one purpose
// does not open them.
func TestContactListsAreRead(t *testing.T) {
	w := newWorld(t)
	if list, err := w.Parties(t.Context()); err != nil || len(list) != 1 || list[0].Desk != "0120-555-010" {
		t.Errorf("parties = %+v %v", list, err)
	}
	in := w.inProcess()
	if _, err := in.Parties(identity.With(t.Context(), identity.Actor{Person: "tanaka", Limit: &identity.Limit{Purpose: identity.ForAck}})); err == nil {
		t.Error("a link opens the contact lists")
	}
	if _, err := in.Parties(identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "session 9c01"})); err != nil {
		t.Error(err)
	}
	log, err := w.store.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 3 || log[0].Via != "console" || log[1].Outcome != "forbidden" || log[2].Person != "tanaka" {
		t.Errorf("access log = %+v %v; want both readings with who it was, and the link that was refused between them", log, err)
	}
}

// A draft and what is decided with a choice come through the API as one flat form.
func TestADecisionIsDraftedThroughTheAPI(t *testing.T) {
	w := newWorld(t)
	id, ctx := w.start(drill("sato")).Run, t.Context()
	w.until(id, run.DecisionAsked)
	if _, err := w.Draft(ctx, id, workflows.Draft{System: "orders", By: "tanaka", Choice: run.Alternate, Reason: "Tokyo is dark", Policy: run.Policy{Level: 80, Place: "osaka"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Consult(ctx, id, workflows.Consult{By: "sato", NoHeadquarters: true}); err != nil {
		t.Error(err)
	}
	status, body := w.send("/api/v1/runs/"+id+"/decide", "k", map[string]any{"by": "sato", "choice": "alternate", "reason": "as proposed"})
	if status != 200 {
		t.Fatalf("decide: %d %s", status, body)
	}
	var d run.Decision
	if e := w.until(id, run.DecisionMade); e.Decode(&d) != nil || d.Drafter != "tanaka" || !d.AsDrafted || d.Level != 80 {
		t.Errorf("decided: %+v", d)
	}
}
