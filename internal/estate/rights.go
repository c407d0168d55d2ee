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
		what plan.Text
	}{{plan.MayStart, plan.Text{EN: "nobody could start a real response", JA: "本番対応を開始できる人がいません"}}, {plan.MayApprove, plan.Text{EN: "nobody could approve a real recovery", JA: "本番の復旧を承認できる人がいません"}},
		{plan.MayDecide, plan.Text{EN: "nobody could decide in a real response", JA: "本番対応で判断できる人がいません"}}, {plan.MayOperate, plan.Text{EN: "nobody could settle a step of a real response", JA: "本番対応のステップを処理できる人がいません"}},
		{plan.MayControl, plan.Text{EN: "nobody could stop a real response", JA: "本番対応を中止できる人がいません"}}} {
		people, _ := r.out.For(run.Response)
		e := plan.Estate{People: people, Grants: r.out.grants[run.Response]}
		if !slices.ContainsFunc(people, func(h plan.Person) bool { return e.May(h.ID, p.may, false) }) {
			r.Log.Add(at, "roles: may: no person holds a role with %s under real: %s; add it to one, as in may: {real: [%s]}", "roles: may: 本番（real）で %s の権限を持つ役割を、誰も担っていません（%s）。may: {real: [%s]} のように、いずれかの役割に追加してください", p.may, p.what, p.may)
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
			r.Log.Add(p.Place, "person %s: their roles have both admin and approve in a %s; who hands out the keys may not use them: give one of the roles to somebody else", "要員 %s: 種別 %s で、admin と approve の両方の権限を持つことになります。権限を管理する人は承認できません。どちらかの役割を別の人に割り当ててください", p.ID.V, kind)
		}
	}
}
