package board

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// What a page offers goes by the rights that the estate grants. It is only what is shown:
// whether an act is let through is for the API and the run itself to say.

// absent reports whether a drill has taken somebody out: they have no right in it, whatever
// their roles.
func (p picture) absent(person string) bool {
	i := slices.IndexFunc(p.People, func(v personView) bool { return v.ID == person })
	return i >= 0 && p.People[i].Absent
}

// controls reports whether somebody may hold or abort the run.
func (p picture) controls(person string) bool {
	_, inPlan := p.Plan.Estate.Person(person)
	return inPlan && !p.absent(person) && granted(p.Plan.Estate, person, plan.MayControl) && !p.Overview.State.Ended()
}

// Abortable reports whether an abort is still to be asked for: once, and anew on the way home of a
// response, which one from before does not stop.
func (p picture) Abortable() bool {
	return !p.Overview.Aborting || p.Overview.Kind == run.Response && slices.ContainsFunc(p.Overview.Phases, func(ph progress.Phase) bool {
		return ph.ID == run.Failback && ph.Progress == progress.Now
	})
}

// granted reports whether a person has a permission, or rights are not regulated.
func granted(e plan.Estate, person string, p plan.Permission) bool {
	return !e.Regulated() || e.May(person, p, true)
}

// needed is the permission that answering a wait takes; "" is none.
func needed(f progress.Awaited) plan.Permission {
	switch f {
	case progress.AwaitDecision, progress.AwaitReview:
		return plan.MayDecide
	case progress.AwaitApproval, progress.AwaitActivation:
		return plan.MayApprove
	case progress.AwaitCallOut:
		return plan.MayControl
	case progress.AwaitInspect, progress.AwaitAssess, progress.AwaitStatement, progress.AwaitConfirm, progress.AwaitReach, progress.AwaitOrder, progress.AwaitReceipt:
		return plan.MayReport
	}
	return ""
}

// looksAfter reports whether a person may see what others said of themselves, and how they
// are reached. Where no rights are granted, those who lead or help to may.
func looksAfter(e plan.Estate, person, decides string) bool {
	if e.Regulated() {
		return e.May(person, plan.MayPeople, true)
	}
	me, ok := e.Person(person)
	return ok && slices.ContainsFunc(me.Roles, func(r string) bool { return r == decides && r != "" || slices.Contains(leads, r) })
}

// leads are roles of the shipped plans that look after people (requirement A.2).
var leads = []string{"chief", "commander", "deputy-commander", "manager", "lead", "secretariat"}
