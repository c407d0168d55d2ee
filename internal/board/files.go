package board

import (
	"net/http"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

// filesProblem is a page for plan files that have mistakes, with all of them.
func (v *visit) filesProblem(err error) error {
	return &trouble{status: http.StatusUnprocessableEntity, title: v.t("The plan files have mistakes", "計画ファイルに誤りがあります"), lines: strings.Split(strings.TrimSpace(plan.SaidBy(err).In(string(v.lang))), "\n"),
		detail: v.t("Nothing can be read from them until they are corrected.", "修正するまで内容を読み取れません。"), way: v.t("`muster validate` checks them without starting anything", "`muster validate` で開始せずに確認できます")}
}

func (b *Board) showScenarios(v *visit) error {
	list, err := v.client("").Scenarios(v.ctx())
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b api.Scenario) int { return strings.Compare(a.Name, b.Name) })
	e, _ := b.o.Estate() // without it, systems go by their names
	files := plan.Plan{Systems: e.Systems}
	rows := make([]scenarioRow, len(list))
	for i, s := range list {
		rows[i].Scenario = s
		for _, name := range s.Systems {
			rows[i].Of = append(rows[i].Of, systemTitle(v.lang, files, name))
		}
	}
	v.showAs(http.StatusOK, "scenarios", v.t("Scenarios", "シナリオ"), rows, look{at: "scenarios"})
	return nil
}

type scenarioRow struct {
	api.Scenario
	Of []string // its systems as people call them
}

// scenarioView is what a run of a scenario would use: what would run, by whom, and what
// has to be approved.
type scenarioView struct {
	Simulated string // what was simulated in the run that proved it; "" is nothing
	Plan      plan.Plan
	Title     string
	Depth     run.Depth
	Depths    []run.Depth
	Books     []bookView
	Places    []choice
	Readiness *api.Readiness
	Reasons   []string
	Me        string
	Approvals int
	Real      bool
	L         i18n.Lang
	Roles     map[string]plan.Text
	// Problems are what the newest check found in the way, made At.
	Problems []string
	At       string
	// Chances is how likely the objectives are met; nil could not be made.
	Chances *chancesView
}

// Role is a role as people call it.
func (v scenarioView) Role(name string) string { return roleTitle(v.L, v.Roles, name) }

// problemsOf is what a check found in the way, each with where.
func problemsOf(l i18n.Lang, p plan.Plan, c *run.Checked) (out []string) {
	if c == nil {
		return nil
	}
	for _, i := range c.Items {
		var at []string
		for _, x := range []string{systemTitle(l, p, i.System), siteTitle(l, p, i.Site), i.Where} {
			if x != "" && !slices.Contains(at, x) {
				at = append(at, x)
			}
		}
		for _, x := range i.Problems {
			text := plan.Text{EN: x.EN, JA: x.JA}.In(string(l))
			if len(at) > 0 {
				text = strings.Join(at, " · ") + l.T(": ", "：") + text
			}
			out = append(out, text)
		}
	}
	return out
}

func (b *Board) showScenario(v *visit) error {
	name, depth := v.r.PathValue("name"), run.Depth(v.r.URL.Query().Get("depth"))
	p, err := v.client("").Plan(v.ctx(), name, depth)
	if err != nil {
		return err
	}
	e, _ := b.o.Estate() // without it, roles go by their names
	view := scenarioView{Plan: p, L: v.lang, Roles: e.Roles, Title: p.Scenario.Title.In(string(v.lang)), Depth: p.Scenario.Depth, Me: v.me, Approvals: p.Scenario.Approvals,
		Depths: []run.Depth{run.Tabletop, run.Walkthrough, run.IsolatedRun, run.Live}, Real: p.Scenario.Depth == run.Real}
	if !granted(p.Estate, v.me, plan.MayStart) {
		view.Me = ""
	}
	if view.Title == "" {
		view.Title = name
	}
	for _, rb := range inOrder(p) {
		view.Books = append(view.Books, bookOf(v.lang, p, rb, e.Roles))
	}
	if f, err := v.client("").Forecast(v.ctx(), name, depth); err == nil && len(f.Ways) > 0 {
		c := chancesOf(v.lang, p, f)
		view.Chances = &c
	}
	if r, err := v.client("").Readiness(v.ctx(), name); err == nil {
		view.Readiness = &r
		view.Simulated = proof.SimulatedText(r.Proof.Simulated).In(string(v.lang))
		for _, why := range r.Proof.Reasons {
			view.Reasons = append(view.Reasons, why.In(string(v.lang)))
		}
		view.Problems = problemsOf(v.lang, p, r.Checked)
		if r.At != nil {
			view.At = r.At.In(zoneOf(p)).Format("2006-01-02 15:04 MST")
		}
	}
	v.showAs(http.StatusOK, "scenario", view.Title, view, look{at: "scenarios"})
	return nil
}

// rosterView is everybody of the estate.
type rosterView struct {
	People   []plan.Person
	Files    Inventory
	Numbers  map[string]string // by person
	Contacts bool              // the viewer may see how people are reached
	L        i18n.Lang
	Me       string
}

// RolesOf are roles as people call them.
func (v rosterView) RolesOf(names []string) (out []string) {
	for _, n := range names {
		out = append(out, roleTitle(v.L, v.Files.Roles, n))
	}
	return out
}

// NamesOf are people by their names.
func (v rosterView) NamesOf(ids []string) (out []string) {
	for _, id := range ids {
		out = append(out, nameIn(v.L, v.Files.Estate, id))
	}
	return out
}

func (b *Board) showRoster(v *visit) error {
	e, err := b.o.Estate()
	if err != nil {
		return v.filesProblem(err)
	}
	view := rosterView{People: e.People, Files: e, Numbers: e.Numbers, L: v.lang, Me: v.me}
	view.Contacts = v.actor.Console || looksAfter(e.Estate, v.me, "")
	v.showAs(http.StatusOK, "roster", v.t("People", "要員名簿"), view, look{at: "people"})
	return nil
}

// activateView is the summary before the real thing begins: the API's own, which every
// front end shows alike.
type activateView struct {
	List []api.Scenario
	Sum  *api.Activation
	// Refused are the systems for whose sake a start would be refused now.
	Refused []refusedView
	Title   string
	Me      string
	Now     string
	Files   Inventory
	L       i18n.Lang
}

// Site is a site as people call it.
func (v activateView) Site(name string) string {
	return siteTitle(v.L, plan.Plan{Estate: v.Files.Estate}, name)
}

// Role is a role as people call it.
func (v activateView) Role(name string) string { return roleTitle(v.L, v.Files.Roles, name) }

// Changes are how many steps change something.
func (v activateView) Changes(effects map[string]int) int {
	return effects[string(run.Disrupt)] + effects[string(run.Destroy)] + effects[string(run.Isolated)]
}

func (b *Board) showActivate(v *visit) error {
	e, _ := b.o.Estate() // without it, roles go by their names
	view := activateView{Me: v.me, Now: b.o.Now().In(zoneOf(plan.Plan{Estate: e.Estate})).Format("15:04 MST"), Files: e, L: v.lang}
	if !granted(e.Estate, v.me, plan.MayStart) {
		view.Me = ""
	}
	if name := v.r.URL.Query().Get("scenario"); name != "" {
		sum, err := v.client("").Activation(v.ctx(), name)
		if err != nil {
			return err
		}
		view.Sum, view.Title = &sum, either(sum.Title.In(string(v.lang)), name)
		view.Refused = refusedBy(v.lang, sum)
	} else {
		list, err := v.client("").Scenarios(v.ctx())
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Hazard != run.RestoreTest {
				view.List = append(view.List, s)
			}
		}
	}
	v.showAs(http.StatusOK, "activate", v.t("Start the real response", "本番対応の発動"), view, look{at: "scenarios", kind: run.Response})
	return nil
}
