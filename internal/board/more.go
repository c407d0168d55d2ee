package board

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// What nobody is waited for and people do all the same: a panel on the run's page leads to a
// page for each, so that the run's page stays calm and small.

// deed is one of them, with the words of its link.
type deed struct{ What, Label string }

// deeds are those that belong together.
type deeds struct {
	Title string
	List  []deed
}

// deedsFor are those that this person is offered in a run.
func deedsFor(l i18n.Lang, p picture, me string) []deeds {
	one, ok := p.Plan.Estate.Person(me)
	if !ok || p.absent(me) || p.Overview.State.Ended() {
		return nil
	}
	reports, leads := granted(p.Plan.Estate, me, plan.MayReport), leadsWork(p, one)
	var people, seen, outside []deed
	if leads && len(p.Plan.Estate.Places) > 1 {
		people = append(people, deed{"relocate", l.T("Move the muster elsewhere", "参集場所を変更する")})
	}
	people = append(people, ownAnswer(l, p, me)...)
	if len(held(l, p, me)) > 0 {
		people = append(people, deed{"handover", l.T("Hand a role over", "役割を引き継ぐ")})
	}
	if reports {
		people = append(people, deed{"strength", l.T("Report or confirm who is here", "参集人数の報告・確認")})
		seen = append(seen, deed{"assess", l.T("Report damage", "被害状況を報告する")}, deed{"inspect", l.T("Report a site inspection", "安全点検の結果を報告する")})
		if leads && slices.Contains(p.Plan.Scenario.Phases, run.DamageAssessment) && len(targets(l, p)) > 1 {
			seen = append(seen, deed{"priorities", l.T("Set the order in which damage is looked at", "被害確認の優先順位を決める")})
		}
		outside = append(outside, deed{"order", l.T("Orders: ask, and say how far they are", "指示・依頼と進捗")}, deed{"custody", l.T("Custody: take and receive", "搬出・受領の記録")},
			deed{"notice", l.T("Notice given or received", "通知・指示の記録")})
		if r := p.Plan.Scenario.Reports; r != nil && len(r.To) > 0 {
			outside = append(outside, deed{"situation", l.T("Send a situation report now", "状況報告を送信する")})
		}
	}
	var out []deeds
	for _, g := range []deeds{{l.T("People", "要員"), people}, {l.T("What is seen", "現地の状況"), seen}, {l.T("Others", "社内外への対応"), outside}} {
		if len(g.List) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// ownAnswer is what somebody who has answered may say of themselves all the same: what has changed,
// and that they have come although they could not.
func ownAnswer(l i18n.Lang, p picture, me string) (out []deed) {
	i := slices.IndexFunc(p.People, func(v personView) bool { return v.ID == me })
	if i < 0 || !p.People[i].Called || p.People[i].AnsweredAt == nil || p.Plan.Scenario.Simulate != nil {
		return nil
	}
	if answers(p.Plan.Scenario) {
		out = append(out, deed{"answer", l.T("Change my answer", "回答を訂正する")})
	}
	if slices.Contains(p.Plan.Scenario.Phases, run.Muster) && !p.People[i].CanCome && p.People[i].ArrivedAt == nil {
		out = append(out, deed{"arrive", l.T("I have come after all", "参集を記録する")})
	}
	return out
}

// targets are what damage is looked at on, as whoever leads names it: systems and their parts,
// in the order of looking.
func targets(l i18n.Lang, p picture) (out []choice) {
	for _, d := range p.Overview.Damage {
		c := choice{d.System, systemTitle(l, p.Plan, d.System)}
		if d.Component != "" {
			c.Value += "/" + d.Component
			c.Label += l.T(": ", "：") + either(d.Title.In(string(l)), d.Component)
		}
		out = append(out, c)
	}
	return out
}

// placesShown bounds the list of priorities: it is for what comes first.
const placesShown = 8

// priority is a place in the order, and what has it now.
type priority struct {
	N   int
	Now string
}

// leadsWork reports whether somebody may order the work: who leads it, drafts the decision or
// takes it, and who acts in the place of one of them.
func leadsWork(p picture, me plan.Person) bool {
	d := p.Plan.Scenario.Decision
	for _, role := range []string{p.Plan.Scenario.Lead, d.By, d.Draft} {
		if role != "" && stands(p, me, role) {
			return true
		}
	}
	return false
}

// held are the roles that this person can hand over: their own, and of those who hold a role
// that the run counts on, if they lead.
func held(l i18n.Lang, p picture, me string) (out []choice) {
	one, ok := p.Plan.Estate.Person(me)
	if !ok {
		return nil
	}
	d := p.Plan.Scenario.Decision
	counted := []string{d.By, d.Draft, p.Plan.Scenario.Lead}
	for _, q := range p.Plan.Scenario.Quorum {
		counted = append(counted, q.Role)
	}
	leads := leadsWork(p, one)
	for _, x := range p.People {
		for _, role := range x.Roles {
			if role == "" || x.ID != me && (!leads || !slices.Contains(counted, role)) || len(out) >= mostChoices {
				continue
			}
			out = append(out, choice{role + "/" + x.ID, l.T("%s of %s", "%s（%s）", roleTitle(l, p.Titles, role), either(x.Name.In(string(l)), x.ID))})
		}
	}
	return out
}

// mostChoices bounds a list to choose from: it has to fit a phone.
const mostChoices = 200

// doView is the page of one of them.
type doView struct {
	runView
	What, Head, Back string
	Me               string
	Tasks            []task // forms of what a system or a site is reported with
	Pick             []choice
	Places, Held     []choice
	Here             []choice // people who can take something over
	Parties, Roles   []choice
	Targets          []choice
	Order            []priority
	Open             []progress.Order
	OnTheWay         []progress.Custody
}

func (b *Board) showDo(v *visit) error {
	p, err := v.picture()
	if err != nil {
		return err
	}
	l, what := v.lang, v.r.PathValue("what")
	home := "/runs/" + url.PathEscape(p.Overview.Run)
	view := doView{runView: viewOf(l, p, b.o.Now()), What: what, Me: v.me, Back: home}
	for _, g := range deedsFor(l, p, v.me) {
		for _, d := range g.List {
			if d.What == what {
				view.Head = d.Label
			}
		}
	}
	if view.Head == "" {
		return &trouble{status: http.StatusForbidden, title: v.t("Not offered", "操作できません"), detail: v.t("This is not for you, or the run has ended.", "この操作の権限がないか、この実施は終了しています。"),
			way: v.t("Ask somebody who leads the run", "実施の指揮者に依頼してください"), back: home}
	}
	for _, x := range p.Plan.Estate.Places {
		view.Places = append(view.Places, choice{x.Name, either(x.Title.In(string(l)), x.Name)})
	}
	for _, x := range p.Plan.Estate.Parties {
		view.Parties = append(view.Parties, choice{x.Name, either(x.Title.In(string(l)), x.Name)})
	}
	for _, x := range p.Plan.Estate.People {
		for _, role := range x.Roles {
			if c := (choice{role, roleTitle(l, p.Titles, role)}); !slices.Contains(view.Roles, c) && len(view.Roles) < mostChoices {
				view.Roles = append(view.Roles, c)
			}
		}
	}
	view.Held = held(l, p, v.me)
	if what == "priorities" {
		view.Targets = targets(l, p)
		for n := range min(len(view.Targets), placesShown) {
			one := priority{N: n + 1}
			if n < len(p.Overview.Priorities) {
				one.Now = p.Overview.Priorities[n]
			}
			view.Order = append(view.Order, one)
		}
	}
	for _, came := range []bool{true, false} { // who is here comes first
		for _, x := range p.People {
			if (x.ArrivedAt != nil && !x.Left) == came && x.Safety.Fit() && (came || x.Called && x.CanCome) && len(view.Here) < mostChoices {
				view.Here = append(view.Here, choice{x.ID, either(x.Name.In(string(l)), x.ID)})
			}
		}
	}
	view.Open = slices.DeleteFunc(slices.Clone(p.Overview.Orders), func(o progress.Order) bool { return o.EndedAt != nil })
	view.OnTheWay = slices.DeleteFunc(slices.Clone(p.Overview.Custody), func(c progress.Custody) bool { return c.ReceivedAt != nil || c.ReceivedBy != "" })
	if what == "order" || what == "custody" { // there is more of it on the same page
		view.Back = home + "/do/" + what
	}
	view.pick(p, v.r.URL.Query().Get("of"), v.me)
	v.showAs(http.StatusOK, "do", view.Head, view, look{at: "run", kind: p.Overview.Kind})
	return nil
}

// pick is the form of a system or a site, or the choice among several.
func (d *doView) pick(p picture, of, me string) {
	var w progress.Waiting
	switch d.What {
	case "answer", "arrive":
		w.For, w.Phase, w.People = progress.AwaitSafety, run.SafetyCheck, []string{me}
		if d.What == "arrive" {
			w.For, w.Phase = progress.AwaitArrival, run.Muster
		}
		d.Tasks = []task{taskOf(d.L, p, w, me, d.Back)}
		return
	case "assess":
		w.For = progress.AwaitAssess
		for _, s := range p.Plan.Systems {
			d.Pick = append(d.Pick, choice{s.Name, systemTitle(d.L, p.Plan, s.Name)})
		}
	case "inspect":
		w.For = progress.AwaitInspect
		for _, s := range p.Plan.Estate.Sites {
			d.Pick = append(d.Pick, choice{s.Name, siteTitle(d.L, p.Plan, s.Name)})
		}
	default:
		return
	}
	if len(d.Pick) == 1 {
		of = d.Pick[0].Value
	}
	if !slices.ContainsFunc(d.Pick, func(c choice) bool { return c.Value == of }) {
		return
	}
	if d.What == "assess" {
		w.System, w.Phase = of, run.DamageAssessment
	} else {
		w.Site, w.Phase = of, run.SiteInspection
	}
	d.Tasks = []task{taskOf(d.L, p, w, me, d.Back)}
}

// AskedOf is whom an order was given to, as people call them.
func (d doView) AskedOf(o progress.Order) string {
	switch {
	case o.Party != "":
		if x, ok := d.Plan.Estate.Party(o.Party); ok {
			return either(x.Title.In(string(d.L)), o.Party)
		}
		return o.Party
	case o.Person != "":
		return nameIn(d.L, d.Plan.Estate, o.Person)
	}
	return d.Role(o.Role)
}

// Confirms reports whether this viewer's count would confirm somebody else's.
func (d doView) Confirms() bool {
	c := d.O.People.Strength
	return c != nil && c.ConfirmedBy == "" && c.By != d.Me
}
