package estate

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// rights reads what roles may do. A person who administers may not approve as well
// (requirement P-4EYES): that is a mistake of the file where one role has both, and of the
// people where somebody holds two roles that together have.
func (r *reading) rights() {
	i := slices.IndexFunc(r.file.Roles, func(n Role) bool { return n.May != nil })
	if i < 0 {
		return
	}
	at := r.file.Roles[i].May.Place
	r.out.grants = map[run.Kind][]plan.Grant{}
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		for _, n := range r.file.Roles {
			g := plan.Grant{Role: n.Name.V}
			for _, p := range listFor(n.May, kind) {
				if may := plan.Permission(p.V); !slices.Contains(g.May, may) {
					g.May = append(g.May, may)
				}
			}
			r.out.grants[kind] = append(r.out.grants[kind], g)
		}
		sortBy(r.out.grants[kind], func(g plan.Grant) string { return g.Role })
		r.separated(kind)
	}
	// Around runs, a right in either kind counts.
	for i, g := range r.out.grants[run.Drill] {
		for _, p := range r.out.grants[run.Response][i].May {
			if !slices.Contains(g.May, p) {
				g.May = append(slices.Clone(g.May), p)
			}
		}
		r.out.Grants = append(r.out.Grants, g)
	}
	for _, p := range []struct {
		may  plan.Permission
		what string
	}{{plan.MayStart, "nobody could start a real response"}, {plan.MayApprove, "nobody could approve a real recovery"},
		{plan.MayDecide, "nobody could decide in a real response"}, {plan.MayOperate, "nobody could settle a step of a real response"},
		{plan.MayControl, "nobody could stop a real response"}} {
		people, _ := r.out.For(run.Response)
		e := plan.Estate{People: people, Grants: r.out.grants[run.Response]}
		if !slices.ContainsFunc(people, func(h plan.Person) bool { return e.May(h.ID, p.may, false) }) {
			r.Log.Add(at, "roles: may: no person holds a role with %s under real: %s; add it to one, as in may: {real: [%s]}", p.may, p.what, p.may)
		}
	}
}

func listFor(m *May, kind run.Kind) []yamldoc.Value[string] {
	switch {
	case m == nil:
		return nil
	case kind == run.Drill:
		return m.Drill
	}
	return m.Real
}

// separated notes people who could both administer and approve.
func (r *reading) separated(kind run.Kind) {
	people, _ := r.out.For(kind)
	e := plan.Estate{People: people, Grants: r.out.grants[kind]}
	for _, p := range r.file.People {
		if e.May(p.ID.V, plan.MayAdmin, false) && e.May(p.ID.V, plan.MayApprove, false) {
			r.Log.Add(p.Place, "person %s: their roles have both admin and approve in a %s; who hands out the keys may not use them: give one of the roles to somebody else", p.ID.V, kind)
		}
	}
}
