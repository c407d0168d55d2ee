package channel

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// roster is who holds which role as the run goes on: after handovers, without those who were
// taken out of the drill, and with those who stand in. Taking an event in again changes
// nothing.
type roster struct {
	now      plan.Plan // the plan, with roles as they are now
	absent   map[string]bool
	arrived  map[string]bool
	unfit    map[string]bool
	left     map[string]bool // came, and said since that they have to go
	reminded map[string]bool
	heardOf  map[string]bool     // has answered, arrived or done something
	standsIn map[string][]string // by whom they stand in for
	waits    map[string]run.Wait // of steps, by writer and step
	approval run.Ask             // the one that is asked for
	phase    run.Phase           // of it
	approved map[string]bool     // since it was asked for
}

func newRoster(p plan.Plan) roster {
	return roster{now: p, absent: map[string]bool{}, arrived: map[string]bool{}, unfit: map[string]bool{}, left: map[string]bool{}, reminded: map[string]bool{}, heardOf: map[string]bool{}, standsIn: map[string][]string{}, waits: map[string]run.Wait{}, approved: map[string]bool{}}
}

func (r *roster) apply(e run.Event) {
	if who := e.Acted(); who != "" {
		r.heardOf[who] = true
	}
	switch e.Kind {
	case run.PersonAbsent:
		r.absent[e.Person] = true
	case run.PersonReminded:
		r.reminded[e.Person] = true
	case run.PersonArrived:
		r.arrived[e.Person], r.left[e.Person], r.heardOf[e.Person] = true, false, true
	case run.PersonAnswered:
		r.heardOf[e.Person] = true
		var a run.Answer
		_ = e.Decode(&a)
		r.unfit[e.Person], r.left[e.Person] = !a.Safety.Fit(), r.left[e.Person] || r.arrived[e.Person] && a.Leaves() // back once they arrive again
	case run.PersonStandsIn:
		var s run.StandIn
		_ = e.Decode(&s)
		if !slices.Contains(r.standsIn[s.For], e.Person) {
			r.standsIn[s.For] = append(r.standsIn[s.For], e.Person)
		}
	case run.RoleHandedOver:
		var h run.Handover
		_ = e.Decode(&h)
		r.handOver(h)
	case run.StepWaiting:
		var w run.Wait
		_ = e.Decode(&w)
		r.waits[e.Writer+" "+e.Step] = w
	case run.ApprovalAsked:
		r.approval, r.phase = run.Ask{}, e.Phase
		_ = e.Decode(&r.approval)
		clear(r.approved)
	case run.ApprovalGiven:
		r.approved[e.By] = true
	}
}

func (r *roster) handOver(h run.Handover) {
	people := slices.Clone(r.now.Estate.People)
	for i, p := range people {
		if p.ID != h.From && p.ID != h.To {
			continue
		}
		people[i].Roles = slices.DeleteFunc(slices.Clone(p.Roles), func(role string) bool { return role == h.Role })
		if p.ID == h.To {
			people[i].Roles = append(people[i].Roles, h.Role)
		}
	}
	r.now.Estate.People = people
}

// acts reports whether somebody came, has not left and is not hurt.
func (r *roster) acts(id string) bool { return r.arrived[id] && !r.left[id] && !r.unfit[id] }

// holders are those who hold a role now, and those who stand in for one of them who is not there,
// has left, or is there and hurt.
func (r *roster) holders(role string) []string {
	var out []string
	for _, h := range r.now.Estate.InRole(role) {
		out = append(out, h.ID)
		if !r.acts(h.ID) {
			out = append(out, r.standsIn[h.ID]...)
		}
	}
	return out
}

// settlers are those who may settle a step: holders of a role, and who stands in for one of them,
// also once that one is there (plan.Settlers).
func (r *roster) settlers(role string) []string {
	var out []string
	for _, h := range r.now.Estate.InRole(role) {
		out = append(append(out, h.ID), r.standsIn[h.ID]...)
	}
	return out
}

// approvers are those whose yes counts (plan.Approvers), by what the event that asks says.
func (r *roster) approvers(e run.Event, by string) []string {
	var ask run.Ask
	_ = e.Decode(&ask)
	q := plan.Eyes{Not: append([]string{by}, ask.Not...), Decided: ask.Decided,
		Away: func(id string) bool { return !r.acts(id) },
		Out:  func(id string) bool { return r.absent[id] || r.unfit[id] }, Silent: func(id string) bool { return r.reminded[id] && !r.heardOf[id] }}
	if e.Phase == run.Failback && ask.Need > 0 { // who asked for the recovery may approve the return
		q.Not = ask.Not
	}
	return r.now.Approvers(q)
}

// forcers are those who may confirm that a step is forced: who may do what it waits for,
// besides who asked.
func (r *roster) forcers(e run.Event) []string {
	w := r.waits[e.Writer+" "+e.Step]
	forPerson := w.Kind == run.WaitHuman || w.Kind == run.WaitAck
	var ids []string
	switch {
	case w.Role != "":
		ids = r.settlers(w.Role)
	case r.now.Estate.Regulated():
		for _, role := range r.now.Estate.Granted(plan.MayOperate) {
			ids = append(ids, r.settlers(role)...)
		}
	default: // anybody may: those who lead are asked
		ids = r.settlers(r.now.Scenario.Decision.By)
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		return id == e.By || r.now.Estate.Regulated() && !forPerson && !r.now.Estate.May(id, plan.MayOperate, true) && !r.now.Estate.May(id, plan.MayDecide, true)
	})
}

// enough reports whether as many have approved as were asked for.
func (r *roster) enough() bool {
	need := r.approval.Need
	if need == 0 { // a record of before it said so
		need = 1
		if r.phase != run.Failback {
			need = max(need, r.now.Scenario.Approvals)
		}
	}
	return len(r.approved) >= need
}
