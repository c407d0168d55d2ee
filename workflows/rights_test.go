package workflows_test

import (
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// granted is a drill whose estate grants rights by role.
func granted(t *testing.T, grants ...plan.Grant) workflows.Input {
	t.Helper()
	return drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "guest", Roles: []string{"guest"}}, plan.Person{ID: "keeper", Roles: []string{"keeper", "commander"}})
		p.Estate.Grants = append(grants, plan.Grant{Role: "guest"},
			plan.Grant{Role: "keeper", May: []plan.Permission{plan.MayAdmin, plan.MayApprove}})
	})
}

var (
	commander = plan.Grant{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayApprove, plan.MayControl, plan.MayReport}}
	operator  = plan.Grant{Role: "operator", May: []plan.Permission{plan.MayStart, plan.MayOperate, plan.MayReport, plan.MayProxy}}
)

func TestWithoutTheRightNothingStarts(t *testing.T) {
	w := newWorld(t)
	in := granted(t, commander, operator)
	in.Requester = "guest"
	w.run(in)
	if w.state() != run.Refused || len(w.find(run.LockTaken)) != 0 {
		t.Errorf("state = %s, locks %v: a guest may not start", w.state(), w.find(run.LockTaken))
	}
}

func TestRightsAreHeldByTheRunItself(t *testing.T) {
	w := newWorld(t)
	in := granted(t, commander, operator)
	people(w)
	no := map[string]*error{}
	refuse := func(what, name string, arg any) {
		no[what] = new(error)
		w.update(theRun, name, arg, no[what])
	}
	w.atEvent(run.PersonCalled, "", func() {
		w.update(theRun, workflows.UpdateCheckIn, workflows.CheckIn{By: "guest", Person: "guest", Safety: run.Safe}, nil)
		refuse("entering for somebody", workflows.UpdateCheckIn, workflows.CheckIn{By: "guest", Person: "sato", Safety: run.Safe})
		refuse("arriving for somebody", workflows.UpdateArrive, workflows.Arrive{By: "guest", Person: "sato"})
		refuse("assessing", workflows.UpdateAssess, workflows.Assess{By: "guest", System: "orders", Damage: run.DamageNone})
		refuse("inspecting", workflows.UpdateInspect, workflows.Inspect{By: "guest", Site: "osaka", Usable: true})
		refuse("confirming", workflows.UpdateConfirm, workflows.Confirm{By: "guest", Phase: run.Containment})
		refuse("pausing", workflows.UpdatePause, workflows.Control{By: "tanaka", Reason: "x"})
		refuse("aborting", workflows.UpdateAbort, workflows.Control{By: "guest", Reason: "x"})
		w.update(theRun, workflows.UpdateCheckIn, workflows.CheckIn{By: "tanaka", Person: "guest", Safety: run.Safe}, nil)
	})
	w.atEvent(run.DecisionAsked, "", func() {
		refuse("deciding", workflows.UpdateDecide, workflows.Decide{By: "guest", Choice: run.Alternate, Reason: "x"})
	})
	w.run(in)
	for what, err := range no {
		if *err == nil {
			t.Errorf("%s was not refused", what)
		} else if what != "deciding" && !said(*err, "permission") {
			t.Errorf("%s: %v, want which permission it takes", what, *err)
		}
	}
	if len(no) != 8 {
		t.Errorf("%d acts were tried", len(no))
	}
	if w.state() != run.Recovered {
		t.Errorf("state = %s: those with the rights could not lead it through", w.state())
	}
}

// Who hands out the keys may not use them.
func TestAdministratorDoesNotApprove(t *testing.T) {
	w := newWorld(t)
	in := granted(t, commander, operator)
	in.Plan.Scenario.Approvals = 1
	if err := in.Plan.Seal(); err != nil {
		t.Fatal(err)
	}
	people(w)
	var keeper, guest error
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "keeper"}, &keeper)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "guest"}, &guest)
		w.update(theRun, workflows.UpdateApprove, workflows.Approve{By: "sato"}, nil)
	})
	w.run(in)
	if !said(keeper, "administers rights") || !said(guest, "permission approve") {
		t.Errorf("the administrator: %v; a guest: %v", keeper, guest)
	}
}

func TestStepIsSettledByWhoMayOperate(t *testing.T) {
	w := newWorld(t)
	lead := commander
	lead.May = []plan.Permission{plan.MayReport} // may neither decide nor operate
	in := granted(t, lead, operator)
	people(w)
	w.faults["world.promote"] = []fault{{before: temporal.NewNonRetryableApplicationError("the disk is full", plan.ErrFinding, nil)}}
	w.onEvent = nil // nobody decides: the rule does
	var no error
	w.atEvent(run.StepWaiting, "promote", func() {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "promote", By: "sato", Act: run.ActRetry}, &no)
	})
	w.run(in)
	if !said(no, "permission operate") {
		t.Errorf("settling a step without the right: %v", no)
	}
}
