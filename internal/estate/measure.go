package estate

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// levels checks what is said of a component's levels. No plan holds them: they change nothing of a run.
func (r *reading) levels(where string, c Component) {
	if c.Target.Set && !c.Current.Set {
		r.Log.Add(c.Target.Place, "%s: a target level without the level of now; add current_level, 0 where nothing is in place", "%s: 目標対策レベルがありますが、現状がありません。current_level を追加してください（対策がなければ 0）", where)
	}
	if c.Kind.V == "contractor" {
		for _, l := range []number{c.Current, c.Target} {
			if l.Set && l.V > 3 {
				r.Log.Add(l.Place, "%s: the levels of a contractor go to 3 (agreed in the contract)", "%s: 外部委託先の対策レベルは 3（契約で合意済み）までです", where)
			}
		}
	}
}

// measures checks the plan of measures of a system.
func (r *reading) measures(where string, s System) {
	once(r.Decoder, where+": measure", s.Measures, func(m Measure) yamldoc.Value[string] { return m.Name })
	var components []string
	for _, c := range s.Components {
		components = append(components, c.Name.V)
	}
	answers := slices.Concat(r.out.Roles, r.out.PersonIDs())
	for _, m := range s.Measures {
		where := where + ": measure " + m.Name.V
		for _, c := range m.Components {
			Known(r.Decoder, where, plan.Text{EN: "component of the system", JA: "このシステムの構成要素"}, c, components)
		}
		Known(r.Decoder, where+": owner", plan.Text{EN: "role or person", JA: "役割・人"}, m.Owner, answers)
		if m.Level.Set && len(m.Components) == 0 {
			r.Log.Add(m.Level.Place, "%s: a level is reached, but by nothing; add components: [NAME]", "%s: 到達レベルがありますが、対象がありません。components: [名前] を追加してください", where)
		}
		if m.To.Set && m.From.Set && m.To.V < m.From.V {
			r.Log.Add(m.To.Place, "%s: it is finished in %d, before it begins in %d", "%s: 完了年度 %d が開始年度 %d より前です", where, m.To.V, m.From.V)
		}
		if _, err := time.Parse(time.DateOnly, m.Done.V); m.Done.Set && m.Done.V != "" && err != nil {
			r.Log.Add(m.Done.Place, "%s: done %q is no day; write it as 2027-03-31", "%s: done の %q は日付ではありません。2027-03-31 のように書いてください", where, m.Done.V)
		}
	}
}
