package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// placeFor is where somebody musters: the place that was ordered, else the first of their
// roles' places that can be used, else the scenario's (requirements A-MUS-06, A-MUS-07).
func (r *response) placeFor(m *member) string {
	if m := r.plan.Estate.Muster; m == nil || r.ordered != "" {
		return r.mustered
	}
	own := func(role string) bool {
		return slices.ContainsFunc(r.plan.Estate.Muster.Ranks, func(p plan.PlaceRank) bool { return p.Role == role && role != "" })
	}
	if !slices.ContainsFunc(m.plan.Roles, own) {
		return r.mustered
	}
	for _, name := range r.plan.Estate.Muster.RankFor(m.plan.Roles) {
		if r.usable(name) {
			return name
		}
	}
	return r.mustered
}

// callPlace is the place that a call names; "" in plans of before places had ranks.
func (r *response) callPlace(m *member) string {
	if r.plan.Estate.Muster == nil {
		return ""
	}
	return r.placeFor(m)
}

// usable reports whether people may come to a place, as far as anybody knows.
func (r *response) usable(name string) bool {
	site := r.placeOf(name).Site
	found, seen := r.inspected[site]
	return site == "" || !slices.Contains(r.plan.Scenario.SitesLost, site) && (!seen || found)
}

// nextPlace is the next muster place in rank that can be used; "" is none.
func (r *response) nextPlace() string {
	ranked := r.plan.Estate.Muster.RankFor(nil)
	for _, p := range r.plan.Estate.Places {
		if !slices.Contains(ranked, p.Name) {
			ranked = append(ranked, p.Name)
		}
	}
	for _, name := range ranked {
		if r.usable(name) {
			return name
		}
	}
	return ""
}

// onsite is where each person musters now.
func (r *response) onsite() map[string]string {
	out := map[string]string{}
	for _, m := range r.people {
		out[m.plan.ID] = r.placeFor(m)
	}
	return out
}

// tellMoved tells those who were called and now muster elsewhere than before.
func (r *response) tellMoved(ctx workflow.Context, before map[string]string, why plan.Text) {
	var places []string
	to := map[string][]string{}
	for _, m := range r.people {
		now := r.placeFor(m)
		if !m.called || now == before[m.plan.ID] {
			continue
		}
		if !slices.Contains(places, now) {
			places = append(places, now)
		}
		to[now] = append(to[now], m.plan.ID)
	}
	for _, name := range places {
		p := r.placeOf(name)
		r.tellToAck(ctx, to[name], fmt.Sprintf("Go to %s. %s", titleOf(p).In("en"), why.In("en")),
			fmt.Sprintf("参集場所を%sに変更します。%s", titleOf(p).In("ja"), why.In("ja")))
	}
}

func titleOf(p plan.Place) plan.Text {
	if p.Title == (plan.Text{}) {
		return plan.Text{EN: p.Name, JA: p.Name}
	}
	return p.Title
}

// leading is the role that leads the work.
func (r *response) leading() string {
	if l := r.plan.Scenario.Lead; l != "" {
		return l
	}
	return r.plan.Scenario.Decision.By
}

// leads refuses who may not order the work: that is for the role that leads, the one that
// drafts the decision and the one that takes it.
func (r *response) leads(person string) error {
	d := r.plan.Scenario.Decision
	roles := []string{r.leading(), d.By}
	if d.Draft != "" {
		roles = append(roles, d.Draft)
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	for _, role := range roles {
		if ok, _ := r.holds(person, role); ok {
			return nil
		}
	}
	return refuse("this is for the role %[1]s; %[2]s does not hold it, nor stands in for somebody who does and is not there, or is hurt",
		"この操作は役割 %[1]s の人が行います。%[2]s はその役割を担っておらず、不在または負傷・体調不良の人の代行者でもありません", strings.Join(roles, " / "), person)
}

func (r *response) mayRelocate(a Relocate) error {
	if err := r.running(a.By); err != nil {
		return err
	}
	if err := r.leads(a.By); err != nil {
		return err
	}
	if strings.TrimSpace(a.Reason) == "" {
		return refuse("a reason is needed: people are told why they go elsewhere", "参集場所を変更する理由を記入してください（全員に伝えられます）")
	}
	p := r.placeOf(a.Place)
	if p.Name == "" {
		var names []string
		for _, p := range r.plan.Estate.Places {
			names = append(names, p.Name)
		}
		return refuse("%q is not a muster place of the estate; there are %s", "参集場所 %q は構成台帳にありません。登録済み：%s", a.Place, strings.Join(names, ", "))
	}
	if r.ordered == a.Place {
		return refuse("%s is the muster place already", "参集場所はすでに %s です", a.Place)
	}
	if usable, seen := r.inspected[p.Site]; p.Site != "" && seen && !usable {
		return refuse("%s was found unsafe (%s); name another place, or have it inspected again", "%s は危険と報告されています（%s）。別の場所を指定するか、再点検を行ってください", a.Place, p.Site)
	}
	return nil
}

// onRelocate moves everybody to the place that the lead names.
func (r *response) onRelocate(ctx workflow.Context, a Relocate) (Done, error) {
	before, from := r.onsite(), r.mustered
	r.mustered, r.ordered = a.Place, a.Place
	seq := r.log.add(ctx, run.Event{Kind: run.MusterMoved, Phase: r.phase, By: a.By, Via: a.Via, Reason: a.Reason,
		Data: run.Encode(run.MusterMove{From: from, To: a.Place, Ordered: true})})
	r.tellMoved(ctx, before, plan.Text{EN: a.Reason, JA: a.Reason})
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// leave moves the muster away from a site that was found unsafe; "" when there is nowhere
// to go.
func (r *response) leave(ctx workflow.Context, site string, before map[string]string) string {
	from := r.mustered
	if !r.usable(r.mustered) {
		to := r.nextPlace()
		if to == "" {
			return ""
		}
		r.mustered, r.ordered = to, ""
		r.log.add(ctx, run.Event{Kind: run.MusterMoved, Phase: r.phase, Site: site, By: run.Engine, Data: run.Encode(run.MusterMove{From: from, To: to})})
	}
	title := siteName(r.plan, site)
	r.tellMoved(ctx, before, plan.Text{EN: title.In("en") + " is not safe.", JA: title.In("ja") + "は安全を確保できません。"})
	return r.mustered
}

// siteName is what people call a site.
func siteName(p plan.Plan, site string) plan.Text {
	if s, ok := p.Estate.Site(site); ok && s.Title != (plan.Text{}) {
		return s.Title
	}
	return plan.Text{EN: site, JA: site}
}
