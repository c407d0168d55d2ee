package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Order asks somebody to do something: a party, a person or the holders of a role. Nothing
// waits for it; what came of it is entered by FollowUp (B-STP-05, 07, 09).
type Order struct {
	By      string      `json:"by,omitempty"`
	Via     string      `json:"via,omitempty"`
	To      string      `json:"to"` // a party, a person or a role of the estate
	What    string      `json:"what"`
	Purpose run.Purpose `json:"purpose,omitempty"` // contractor for a party, else recovery
	System  string      `json:"system,omitempty"`
	Site    string      `json:"site,omitempty"`
	At      string      `json:"at,omitempty"`
}

// FollowUp says how far an order has come.
type FollowUp struct {
	Order  string       `json:"order"` // as in order-1
	By     string       `json:"by,omitempty"`
	Via    string       `json:"via,omitempty"`
	State  run.Progress `json:"state"`
	Person string       `json:"person,omitempty"` // who accepted or came, when that is somebody else
	Note   string       `json:"note,omitempty"`
	At     string       `json:"at,omitempty"`
}

// given is an order as the run knows it.
type given struct {
	run.Order
	states []run.Progress
}

// to finds whom an order is for. Parties come first, then people, then roles.
func (r *response) to(name string) (o run.Order, err error) {
	if _, ok := r.plan.Estate.Party(name); ok {
		return run.Order{Party: name, Purpose: run.ForContractor}, nil
	}
	o.Purpose = run.ForRecovery
	if _, ok := r.plan.Estate.Person(name); ok {
		o.Person = name
		return o, nil
	}
	if len(r.plan.Estate.InRole(name)) > 0 {
		o.Role = name
		return o, nil
	}
	there := r.partyNames()
	for _, p := range r.plan.Estate.People {
		there = append(there, p.ID)
	}
	return o, unknownName("party, person or role of the estate", "連絡先・要員・役割", name, there)
}

func (r *response) mayOrder(ctx workflow.Context, o Order) error {
	if err := errors.Join(r.mayAct(o.By, plan.MayReport), r.late(ctx, o.At)); err != nil {
		return err
	}
	if o.What == "" {
		return refuse("say what is to be done", "指示・依頼の内容を記入してください")
	}
	if _, err := r.to(o.To); err != nil {
		return err
	}
	if !slices.Contains([]run.Purpose{"", run.ForContractor, run.ForContainment, run.ForRecovery, run.ForStandby}, o.Purpose) {
		return refuse("an order is for contractor, containment, recovery or standby, not %q", "指示の目的は contractor・containment・recovery・standby のいずれかです（%q は不可）", o.Purpose)
	}
	return r.placed(o.System, o.Site)
}

// placed refuses a system or a site that there is not; "" is none in particular.
func (r *response) placed(system, site string) error {
	if system != "" {
		if err := r.nameable(system, ""); err != nil {
			return err
		}
	}
	if _, ok := r.plan.Estate.Site(site); site != "" && !ok {
		var names []string
		for _, s := range r.plan.Estate.Sites {
			names = append(names, s.Name)
		}
		return unknownName("site of the estate", "拠点", site, names)
	}
	return nil
}

func (r *response) onOrder(ctx workflow.Context, o Order) (Done, error) {
	to, _ := r.to(o.To)
	to.ID, to.What = fmt.Sprintf("order-%d", len(r.orders)+1), o.What
	if o.Purpose != "" {
		to.Purpose = o.Purpose
	}
	r.orders = append(r.orders, &given{Order: to})
	done, err := r.log.record(ctx, run.Event{Kind: run.OrderGiven, Phase: r.phase, System: o.System, Site: o.Site, By: o.By, Via: o.Via, Happened: r.happened(ctx, o.At), Data: run.Encode(to)})
	done.ID = to.ID
	r.tellOrdered(ctx, to, o.By)
	return done, err
}

// versionOrdersTold is the change by which whoever is ordered to do something is told, and
// asked to acknowledge it (B-STP-09).
const versionOrdersTold = "orders-told"

func ordersTold(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, versionOrdersTold, workflow.DefaultVersion, 1) >= 1
}

// tellOrdered tells the staff whom an order is for. Parties are told by whoever orders.
func (r *response) tellOrdered(ctx workflow.Context, o run.Order, by string) {
	if o.Party != "" || !ordersTold(ctx) {
		return
	}
	to := []string{o.Person}
	if o.Role != "" {
		to = r.holders([]string{o.Role})
	}
	who := plan.Text{EN: by, JA: by}
	if m := r.member(run.Person(by)); m != nil {
		who = personNamed(m.plan)
	}
	to = slices.DeleteFunc(to, func(id string) bool { return r.absent[id] })
	if len(to) > 0 {
		r.tellToAck(ctx, to, fmt.Sprintf("%s orders (%s): %s", who.In("en"), o.ID, o.What), fmt.Sprintf("%sからの指示（%s）：%s", who.In("ja"), o.ID, o.What))
	}
}

// tellRecovery tells those who have steps to do that the recovery of a system is ordered.
func (r *response) tellRecovery(ctx workflow.Context, s *system, book plan.Runbook) {
	var roles []string
	for _, st := range book.Steps {
		if st.Human != nil && !slices.Contains(roles, st.Human.Role) {
			roles = append(roles, st.Human.Role)
		}
	}
	if len(roles) == 0 || r.plan.Scenario.Simulate != nil || !ordersTold(ctx) {
		return
	}
	title := s.title()
	to := slices.DeleteFunc(r.holders(roles), func(id string) bool { return r.absent[id] })
	if len(to) > 0 {
		r.tellToAck(ctx, to, fmt.Sprintf("The recovery of %s is ordered; steps of it are for you.", title.In("en")),
			fmt.Sprintf("%sの復旧が指示されました。担当する作業があります。", title.In("ja")))
	}
}

// holders are those who hold one of these roles now, and who stands in for them and can act, each once.
func (r *response) holders(roles []string) []string {
	standing := map[string][]string{} // by whom they stand in for
	for _, d := range r.people {
		if r.deputiesTold && d.answer.Safety.Fit() {
			for _, of := range d.standsIn {
				standing[of] = append(standing[of], d.plan.ID)
			}
		}
	}
	var out []string
	named := map[string]bool{}
	add := func(ids ...string) {
		for _, id := range ids {
			if !named[id] {
				named[id], out = true, append(out, id)
			}
		}
	}
	for _, m := range r.people {
		if !slices.ContainsFunc(m.plan.Roles, func(role string) bool { return slices.Contains(roles, role) }) {
			continue
		}
		add(m.plan.ID)
		if r.replaced(m) {
			add(standing[m.plan.ID]...)
		}
	}
	return out
}

func (r *response) order(id string) (*given, error) {
	var open []string
	for _, o := range r.orders {
		if o.ID == id {
			return o, nil
		}
		open = append(open, o.ID)
	}
	return nil, unknownName("order of this run", "この実施の指示・依頼", id, open)
}

func (r *response) mayFollowUp(ctx workflow.Context, f FollowUp) error {
	if err := errors.Join(r.mayAct(f.By, plan.MayReport), r.late(ctx, f.At)); err != nil {
		return err
	}
	o, err := r.order(f.Order)
	if err != nil {
		return err
	}
	if !slices.Contains([]run.Progress{run.OrderAccepted, run.OrderDeclined, run.OrderArrived, run.OrderDone, run.OrderWithdrawn}, f.State) {
		return refuse("an order is accepted, declined, arrived, done or withdrawn, not %q", "指示の状態は accepted・declined・arrived・done・withdrawn のいずれかです（%q は不可）", f.State)
	}
	for _, s := range o.states {
		if s == run.OrderDone || s == run.OrderWithdrawn || s == f.State {
			return refuse("%[1]s is %[2]s already", "%[1]s はすでに %[2]s です", f.Order, s)
		}
	}
	return nil
}

func (r *response) onFollowUp(ctx workflow.Context, f FollowUp) (Done, error) {
	o, err := r.order(f.Order)
	if err != nil {
		return Done{}, err
	}
	if f.State == run.OrderAccepted { // they may have said no before
		o.states = slices.DeleteFunc(o.states, func(s run.Progress) bool { return s == run.OrderDeclined })
	}
	o.states = append(o.states, f.State)
	return r.log.record(ctx, run.Event{Kind: run.OrderFollowed, Phase: r.phase, By: f.By, Via: f.Via, Reason: f.Note, Happened: r.happened(ctx, f.At),
		Data: run.Encode(run.OrderState{ID: f.Order, State: f.State, Person: f.Person})})
}
