package scenario

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

func (r *reading) people() {
	f, e, out := &r.out.file, r.bundle.estate, &r.out.plan
	for _, q := range f.Quorum {
		e.Role(r.Decoder, "quorum", q.Key)
		if have, kind := e.Holders(q.Key.V); q.Value.Set && have > 0 && q.Value.V > have {
			var in plan.Text
			if kind != "" {
				in = plan.Say(" in a %s", "（種別 %s）", kind)
			}
			r.Log.Add(q.Value.Place, "quorum: %d with the role %s are asked for, and the estate has %d%s; lower it, or give the role to more people", "quorum: 役割 %[2]s が %[1]d 人必要ですが、構成台帳には%[4]s %[3]d 人しかいません。必要人数を減らすか、この役割を担う人を増やしてください", q.Value.V, q.Key.V, have, in)
		}
		out.Quorum = append(out.Quorum, plan.RoleCount{Role: q.Key.V, Count: q.Value.V})
	}
	slices.SortFunc(out.Quorum, func(a, b plan.RoleCount) int { return strings.Compare(a.Role, b.Role) })
	by := f.Decision.By
	if by.Set {
		e.Role(r.Decoder, "decision: by", by)
	} else if !slices.Contains(e.Roles, by.V) {
		r.Log.Add(f.Place, "decision: nobody has the role commander, which decides unless said; add decision: {by: ROLE}%s", "decision: 決定者の既定である役割 commander を担う人がいません。decision: {by: 役割} を追加してください%s", yamldoc.Meant("", e.Roles))
	}
	if n, kind := e.Holders(by.V); !by.Set && n == 0 && slices.Contains(e.Roles, by.V) {
		r.Log.Add(f.Place, "decision: in a %s nobody may act as commander (only), which decides unless said; add decision: {by: ROLE}", "decision: 種別 %s では、決定者の既定である役割 commander として操作できる人がいません（only）。decision: {by: 役割} を追加してください", kind)
	}
	if f.Decision.Draft.By.Set {
		e.Role(r.Decoder, "decision: draft: by", f.Decision.Draft.By)
		out.Decision.Draft = f.Decision.Draft.By.V
	}
	if after := f.Decision.Deputy; after.Set {
		out.Decision.DeputyAfter = after.V
		if after.V >= f.Decision.Within.V && f.Decision.Within.V > 0 {
			r.Log.Add(after.Place, "decision: deputy_after: %s leaves deputies no time before the rule decides, within %s; make it shorter", "decision: deputy_after: %s では、規則による自動判断（within %s）までに代行者の時間がありません。短くしてください", after.V, f.Decision.Within.V)
		}
	}
	r.reports()
	estate.Known(r.Decoder, "muster_place", estate.APlace, f.MusterAt, e.PlaceNames())
	out.Place = f.MusterAt.V
	if out.Place == "" {
		out.Place = firstPlace(e.Places, out.Hazard)
	}
	if s := f.People.Simulate; s != nil {
		out.Simulate = &plan.Simulate{After: s.After.V, Spread: s.Spread.V}
		for _, l := range []struct {
			name  string
			what  plan.Text
			from  []text
			to    *[]string
			known []string
		}{
			{"silent", estate.APerson, s.Silent, &out.Simulate.Silent, e.PersonIDs()}, {"injured", estate.APerson, s.Injured, &out.Simulate.Injured, e.PersonIDs()},
			{"away", estate.APerson, s.Away, &out.Simulate.Away, e.PersonIDs()}, {"unsafe", estate.ASite, s.Unsafe, &out.Simulate.Unsafe, e.SiteNames()},
		} {
			for _, id := range l.from {
				estate.Known(r.Decoder, "people: simulate: "+l.name, l.what, id, l.known)
				*l.to = append(*l.to, id.V)
			}
			slices.Sort(*l.to)
		}
	}
}

// shortestReports keeps reports from drowning what else is said.
const shortestReports = run.Duration(time.Minute)

// reports reads the cadence of status reports.
func (r *reading) reports() {
	f, e := r.out.file.Reports, r.bundle.estate
	if f == nil {
		return
	}
	out := &plan.Reports{Every: f.Every.V}
	if f.Every.Set && f.Every.V < shortestReports {
		r.Log.Add(f.Every.Place, "reports: every %s is more than anybody reads; use %s or more", "reports: %s ごとでは多すぎて読みきれません。%s 以上にしてください", f.Every.V, shortestReports)
	}
	if len(f.To) == 0 {
		r.Log.Add(f.Place, "reports: they go to nobody; add to: [ROLE, PERSON or PARTY]", "reports: 送付先がありません。to: [役割、要員または連絡先] を追加してください")
	}
	names := slices.Concat(e.Roles, e.PersonIDs())
	for _, p := range e.Parties {
		names = append(names, p.Name)
	}
	for _, to := range f.To {
		estate.Known(r.Decoder, "reports: to", plan.Text{EN: "role, person or party", JA: "役割・要員・連絡先"}, to, names)
		out.To = append(out.To, to.V)
	}
	r.out.plan.Reports = out
}

// firstPlace is the muster place of a scenario that names none.
func firstPlace(places []plan.Place, h run.Hazard) string {
	for _, p := range places {
		if h != run.Pandemic || p.Online {
			return p.Name
		}
	}
	return ""
}

// blind reads from whom the scenario is withheld.
func (r *reading) blind() {
	f := &r.out.file
	for _, p := range f.Facilitators {
		estate.Known(r.Decoder, "facilitators", estate.APerson, p, r.bundle.estate.PersonIDs())
		r.out.plan.Facilitators = append(r.out.plan.Facilitators, p.V)
	}
	slices.Sort(r.out.plan.Facilitators)
	r.out.info.Blind, r.out.info.Facilitators = f.Blind.V, r.out.plan.Facilitators
	switch {
	case f.Blind.V && len(f.Facilitators) == 0:
		r.Log.Add(f.Blind.Place, "blind: nobody could read the scenario, not even who planned it; add facilitators: [PERSON]", "blind: 企画した人も含めて誰もシナリオを読めません。facilitators: [PERSON] を書いてください")
	case !f.Blind.V && len(f.Facilitators) > 0:
		r.Log.Add(f.Facilitators[0].Place, "facilitators: the scenario is not blind, so that everybody may read it; add blind: true, or leave facilitators out", "facilitators: 非提示型ではないシナリオは誰でも読めます。blind: true を書くか、facilitators を外してください")
	}
}
