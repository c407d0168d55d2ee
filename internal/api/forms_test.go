package api_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
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

// The contact lists hold names and numbers: they are for whose part it is to call people, their
// reading is noted, and a link for one purpose does not open them.
func TestContactListsAreReadByRight(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	e := plan.Estate{People: []plan.Person{{ID: "tanaka", Roles: []string{"operator"}}, {ID: "sato", Roles: []string{"commander"}}, {ID: "suzuki"}},
		Grants: []plan.Grant{{Role: "operator", May: []plan.Permission{plan.MayReport}}, {Role: "commander", May: []plan.Permission{plan.MayPeople}}}}
	var broken error
	in := api.InProcess((&api.Server{Store: store, Plans: files{}, Token: token, Log: slog.New(slog.DiscardHandler),
		Estate: func(context.Context) (plan.Estate, error) { return e, broken }}).Handler(), "en")
	read := func(a identity.Actor) error {
		_, err := in.Parties(identity.With(t.Context(), a))
		return err
	}
	for _, a := range []identity.Actor{{Console: true, Via: "console"}, {Person: "tanaka", Via: "session 9c01"}, {Person: "sato"}} {
		if err := read(a); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	for _, a := range []identity.Actor{{Person: "suzuki"}, {Person: "stranger"}, {Person: "tanaka", Limit: &identity.Limit{Purpose: identity.ForAck}}} {
		if p := problem(t, read(a)); p.Status != 403 {
			t.Errorf("%+v: %+v", a, p)
		}
	}
	broken = errors.New("estate.yaml:3: a slip")
	if err := read(identity.Actor{Person: "tanaka"}); err == nil {
		t.Error("the lists are open while nobody can tell who may read them")
	}
	broken, e.Grants = nil, nil
	if err := read(identity.Actor{Person: "suzuki"}); err != nil {
		t.Errorf("where nothing is regulated: %v", err)
	}
	log, err := store.Accesses(t.Context(), 0, 0)
	n := 0
	for _, x := range log {
		if x.Act == "read contact lists" {
			n++
		}
	}
	if err != nil || n != 4 {
		t.Errorf("%d readings noted, %v: %+v", n, err, log)
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
