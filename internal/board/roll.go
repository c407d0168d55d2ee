package board

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// roll is who is safe and here, by person, as the journal tells it.
type roll struct {
	plan   plan.Plan
	people map[string]*personView
}

// personView is one person in a run.
type personView struct {
	ID         string
	Name       plan.Text
	Section    string
	Roles      []string
	Called     bool
	DeputyFor  string
	Reminded   int
	Safety     run.Safety // "" has not answered
	CanCome    bool
	AnsweredAt *time.Time // the first answer
	ArrivedAt  *time.Time
	Place      string
}

func newRoll(p plan.Plan) *roll {
	r := &roll{plan: p, people: map[string]*personView{}}
	for _, m := range p.Estate.People {
		r.people[m.ID] = &personView{ID: m.ID, Name: m.Name, Section: m.Section, Roles: m.Roles}
	}
	return r
}

func (r *roll) apply(e run.Event) {
	p := r.people[e.Person]
	if p == nil {
		return
	}
	at := e.At
	switch e.Kind {
	case run.PersonCalled:
		var c run.Call
		_ = e.Decode(&c)
		p.Called, p.DeputyFor = true, c.Deputy
	case run.PersonReminded:
		p.Reminded++
	case run.PersonAnswered:
		var a run.Answer
		_ = e.Decode(&a)
		p.Safety, p.CanCome = a.Safety, a.CanCome
		if p.AnsweredAt == nil {
			p.AnsweredAt = &at
		}
	case run.PersonArrived:
		var a run.Arrival
		_ = e.Decode(&a)
		p.Place = a.Place
		if p.ArrivedAt == nil {
			p.ArrivedAt = &at
		}
	}
}

// list is everybody in the plan's order, as they are now.
func (r *roll) list() []personView {
	out := make([]personView, 0, len(r.plan.Estate.People))
	for _, m := range r.plan.Estate.People {
		out = append(out, *r.people[m.ID])
	}
	return out
}

// tally counts people; the total of a section or a role.
type tally struct {
	Name                                                  string
	Called, Answered, Safe, Injured, Silent, Coming, Here int
}

func (t *tally) add(p personView) {
	if !p.Called {
		return
	}
	t.Called++
	switch {
	case p.AnsweredAt == nil:
		t.Silent++
	case p.Safety.Hurt():
		t.Injured++
	case p.Safety.Fine():
		t.Safe++
	}
	if p.AnsweredAt != nil {
		t.Answered++
		if p.CanCome {
			t.Coming++
		}
	}
	if p.ArrivedAt != nil {
		t.Here++
	}
}

// tallies counts by a name that each person has one or more of, in order of first use.
func tallies(people []personView, names func(personView) []string) []tally {
	var out []tally
	for _, p := range people {
		for _, n := range names(p) {
			i := slices.IndexFunc(out, func(t tally) bool { return t.Name == n })
			if i < 0 {
				out, i = append(out, tally{Name: n}), len(out)
			}
			out[i].add(p)
		}
	}
	return slices.DeleteFunc(out, func(t tally) bool { return t.Called == 0 })
}

// handOver keeps the roles as they are after they have changed hands: what waits for a role is
// offered to whoever has it now. Pictures that were taken before keep the list they have.
func (f *follower) handOver(e run.Event) {
	var h run.Handover
	if e.Kind != run.RoleHandedOver || e.Decode(&h) != nil {
		return
	}
	people := slices.Clone(f.plan.Estate.People)
	for i, p := range people {
		roles := slices.DeleteFunc(slices.Clone(p.Roles), func(role string) bool { return role == h.Role })
		switch p.ID {
		case h.From:
			people[i].Roles = roles
		case h.To:
			people[i].Roles = append(roles, h.Role)
		default:
			continue
		}
		if one := f.people.people[p.ID]; one != nil {
			one.Roles = people[i].Roles
		}
	}
	f.plan.Estate.People = people
}
