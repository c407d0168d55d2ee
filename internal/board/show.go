package board

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// nowView is the first page: every run that is open.
type nowView struct {
	Runs []runView
	// Unread are open runs that can't be read, by ID and kind.
	Unread []unreadView
	Tasks  int
	Now    time.Time
	Wall   bool
	// Locks are systems that runs which are over still hold.
	Locks []lockView
	// Proposals are what alarms propose, and nobody has answered.
	Proposals []proposalView
	Ahead     aheadView
	Me        string
}

type unreadView struct {
	Run  string
	Kind run.Kind
}

func nowViewOf(l i18n.Lang, pictures []picture, now time.Time) nowView {
	out := nowView{Now: now}
	for _, p := range pictures {
		if p.Unread {
			out.Unread = append(out.Unread, unreadView{p.Overview.Run, p.Overview.Kind})
			continue
		}
		out.Runs = append(out.Runs, viewOf(l, p, now))
	}
	return out
}

// parts are the fragments of a page: each is drawn by the template of its name.
func parts(p *pages, prefix string, names []string, data any) ([]fragment, error) {
	var out []fragment
	for _, n := range names {
		text, err := p.draw(prefix+n, data)
		if err != nil {
			return nil, err
		}
		out = append(out, fragment{id: n, html: string(text)})
	}
	return out, nil
}

func drawNow(p *pages, pictures []picture, now time.Time) ([]fragment, error) {
	return parts(p, "now-", []string{"runs", "wall"}, nowViewOf(p.lang, pictures, now))
}

// runParts are the fragments of a run's page, without what is for its viewer alone.
var runParts = []string{"head", "systems", "phases", "waiting", "crowd", "damage", "steps", "said", "wall"}

func drawRun(p *pages, pictures []picture, now time.Time) ([]fragment, error) {
	return parts(p, "run-", runParts, viewOf(p.lang, pictures[0], now))
}

// personal draws what is for this viewer alone, when it has changed: what waits for them.
// A form that somebody is filling in is drawn again only when its question is another one.
func (v *visit) personal(page string) func([]picture, *string) []fragment {
	me, l := v.me, v.lang
	back := "/tasks"
	switch page {
	case "now":
		return v.personalNow()
	case "wall":
		return v.personalWall()
	case "people":
		return v.personalPeople(v.r.URL.Query().Get("only"))
	}
	if page != "tasks" && page != "" {
		back = "/runs/" + url.PathEscape(page)
	}
	return func(pictures []picture, last *string) []fragment {
		tasks := tasksIn(l, pictures, v, back)
		keys := make([]string, len(tasks))
		for i, t := range tasks {
			keys[i] = t.Key + t.Text + strings.Join(t.Acts, ",")
			if t.Forced != nil {
				keys[i] += t.Forced.By + string(t.Forced.Act)
			}
		}
		key := strings.Join(keys, "\n")
		var panel []deeds
		if page != "tasks" && page != "" && len(pictures) > 0 {
			panel = deedsFor(l, pictures[0], me)
		}
		if len(pictures) > 0 {
			key += "\n" + string(pictures[0].Overview.State) + fmt.Sprint(panel)
		}
		if key == *last {
			return nil
		}
		*last = key
		p := v.b.langs[l]
		var out []fragment
		if page != "" {
			if text, err := p.draw("mine", mineView{tasks, me}); err == nil {
				out = append(out, fragment{id: "mine", html: string(text)})
			}
		}
		if page != "tasks" && page != "" && len(pictures) > 0 {
			view := runPage{runView: runView{O: pictures[0].Overview}, Me: me, Deeds: panel}
			if text, err := p.draw("more", view); err == nil {
				out = append(out, fragment{id: "more", html: string(text)})
			}
		}
		return out
	}
}

type mineView struct {
	Tasks []task
	Me    string
}

// tasksView is what waits for somebody: now, and until a day.
type tasksView struct {
	mineView
	Findings []findingView
}

func tasksIn(l i18n.Lang, pictures []picture, v *visit, back string) []task {
	var out []task
	for _, p := range pictures {
		if p.Unread {
			continue
		}
		out = append(out, forPerson(l, p, v.me, back)...)
	}
	return out
}

func (b *Board) showNow(v *visit) error {
	pictures, err := b.hub.readNow(v.r.Context())
	if err != nil {
		return err
	}
	view := nowViewOf(v.lang, pictures, b.o.Now())
	if view.Proposals, err = v.proposals(time.Now()); err != nil {
		return err
	}
	view.Me, view.Locks = v.me, v.lockViews()
	view.Tasks, view.Wall = len(tasksIn(v.lang, pictures, v, "")), v.r.URL.Query().Has("wall")
	name, title, live := "now", v.t("Now", "現在の状況"), "/live?own=now"
	kind := run.Kind("")
	for _, p := range pictures {
		if kind != run.Response {
			kind = p.Overview.Kind
		}
	}
	if !view.Wall && kind != run.Response { // in an emergency nobody reads the calendar
		view.Ahead = v.aheadView()
	}
	if view.Wall {
		name, live = "now-wall-page", "/live?own=wall"
		view.Proposals = realOnes(view.Proposals)
	}
	v.showAs(http.StatusOK, name, title, view, look{at: "now", live: live, wall: view.Wall, refresh: true, kind: kind})
	return nil
}

func (b *Board) showTasks(v *visit) error {
	pictures, err := b.hub.readNow(v.r.Context())
	if err != nil {
		return err
	}
	view := tasksView{mineView: mineView{tasksIn(v.lang, pictures, v, "/tasks"), v.me}}
	if !slices.ContainsFunc(pictures, func(p picture) bool { return p.Overview.Kind == run.Response }) { // in an emergency nothing else
		view.Findings = v.myFindings()
	}
	v.showAs(http.StatusOK, "tasks", v.t("My tasks", "自分のタスク"), view, look{at: "tasks", live: "/live?own=tasks"})
	return nil
}

// runPage is a run's page.
type runPage struct {
	runView
	Mine mineView
	Me   string
	Acts bool // the viewer may hold or abort it
	// Deeds are what nobody waits for and the viewer may do.
	Deeds []deeds
	// Proposals are what alarms propose for real: on the wall.
	Proposals []proposalView
}

// picture is where the run of this request stands.
func (v *visit) picture() (picture, error) {
	f, err := v.b.hub.follow(v.r.Context(), v.r.PathValue("run"))
	if err == journal.ErrNotFound {
		_, err = v.client("").Run(v.ctx(), v.r.PathValue("run")) // says what is near
		if err == nil {
			err = journal.ErrNotFound
		}
	}
	if err != nil {
		return picture{}, err
	}
	p, err := f.look(v.r.Context())
	if err == nil {
		err = v.b.hub.besides(v.r.Context(), &p)
	}
	return p.seenBy(v.reader()), err
}

func (b *Board) showRun(v *visit) error {
	p, err := v.picture()
	if err != nil {
		return err
	}
	if v.r.URL.Query().Has("wall") {
		p = p.seenBy("")
	}
	id := p.Overview.Run
	view := runPage{runView: viewOf(v.lang, p, b.o.Now()), Me: v.me}
	view.Mine = mineView{forPerson(v.lang, p, v.me, "/runs/"+url.PathEscape(id)), v.me}
	view.Deeds = deedsFor(v.lang, p, v.me)
	view.Acts = p.controls(v.me)
	as := look{at: "run", kind: p.Overview.Kind, wall: v.r.URL.Query().Has("wall")}
	if !p.Overview.State.Ended() {
		as.live = "/runs/" + url.PathEscape(id) + "/live?own=" + url.QueryEscape(id)
		as.refresh = as.wall || len(view.Mine.Tasks) == 0
	}
	name := "run"
	if as.wall {
		name, as.live = "run-wall-page", strings.Replace(as.live, "?own=", "?own=wall&wall=", 1)
		if list, err := v.proposals(time.Now()); err == nil { // without them the run is shown all the same
			view.Proposals = realOnes(list)
		}
	}
	v.showAs(http.StatusOK, name, p.Overview.Title.In(string(v.lang)), view, as)
	return nil
}

func (b *Board) showControl(v *visit) error {
	p, err := v.picture()
	if err != nil {
		return err
	}
	v.showAs(http.StatusOK, "control", v.t("Hold or abort", "一時停止・中止"), runPage{runView: viewOf(v.lang, p, b.o.Now()), Me: v.me, Acts: p.controls(v.me)}, look{at: "run", kind: p.Overview.Kind})
	return nil
}

// peopleView is who is safe and here.
type peopleView struct {
	runView
	Total    tally
	Sections []tally
	Roles    []tally
	List     []personView
	Only     string // drill-down: a section, a role, or "silent"
	Me       string
	Named    bool // the viewer may see who is who
	Private  map[string]*api.PrivateAnswer
	// For whom the viewer may answer, correct the answer, or say that they have come.
	Silent, Answered, Coming []choice
	Ask                      ask
}

// private are the parts of answers that are kept apart, as far as the API shows them to
// this viewer, by person. Without them the page shows the rest.
func (v *visit) private(p picture) map[string]*api.PrivateAnswer {
	all, err := v.client("").People(v.ctx(), p.Overview.Run, api.PeopleFilter{As: v.me})
	if err != nil {
		v.b.o.Log.Warn("the private parts of answers can't be read", "run", p.Overview.Run, "err", err)
		return nil
	}
	out := map[string]*api.PrivateAnswer{}
	for _, one := range all.People {
		if one.Private != nil {
			out[one.ID] = one.Private
		}
	}
	return out
}

// peopleOf is who is safe and here, as this viewer may see it: all, a section, a role, or the silent.
func (v *visit) peopleOf(p picture, only string) peopleView {
	view := peopleView{runView: viewOf(v.lang, p, v.b.o.Now()), Me: v.me, Only: only, Named: v.seesNames(p)}
	for _, one := range p.People {
		view.Total.add(one)
	}
	none := v.t("no section", "所属なし")
	view.Sections = tallies(p.People, func(one personView) []string {
		if one.Section == "" {
			return []string{none}
		}
		return []string{one.Section}
	})
	view.Roles = tallies(p.People, func(one personView) []string { return one.Roles })
	if open := !p.Overview.State.Ended() && p.Plan.Scenario.Simulate == nil; open && v.speaksForOthers(p) {
		view.Ask = askOf(v.lang, p.Plan)
		for _, one := range p.People {
			c := choice{one.ID, either(one.Name.In(string(v.lang)), one.ID)}
			if !one.Called {
				continue
			}
			if one.AnsweredAt == nil {
				view.Silent = append(view.Silent, c)
			} else {
				view.Answered = append(view.Answered, c)
			}
			if one.ArrivedAt == nil || one.Left {
				view.Coming = append(view.Coming, c)
			}
		}
	}
	if view.Named {
		for _, one := range p.People {
			section := one.Section
			if section == "" {
				section = none
			}
			if !one.Called && !one.Absent || view.Only == "silent" && (one.AnsweredAt != nil || one.Absent) || view.Only != "" && view.Only != "silent" && section != view.Only && !slices.Contains(one.Roles, view.Only) {
				continue
			}
			view.List = append(view.List, one)
		}
		view.Private = v.private(p)
		slices.SortStableFunc(view.List, func(a, b personView) int { return urgency(a) - urgency(b) })
	}
	return view
}

func (b *Board) showPeople(v *visit) error {
	p, err := v.picture()
	if err != nil {
		return err
	}
	only := v.r.URL.Query().Get("only")
	as := look{at: "run", kind: p.Overview.Kind}
	if !p.Overview.State.Ended() {
		as.live, as.refresh = "/runs/"+url.PathEscape(p.Overview.Run)+"/live?own=people&only="+url.QueryEscape(only), true
	}
	v.showAs(http.StatusOK, "people", v.t("People", "要員"), v.peopleOf(p, only), as)
	return nil
}

// tablesApart is the least time between two drawings of the tables of people for one viewer:
// each reads what is private anew.
const tablesApart = 2 * time.Second

// personalPeople draws the tables of people again when they have changed.
func (v *visit) personalPeople(only string) func([]picture, *string) []fragment {
	var drawn time.Time
	return func(pictures []picture, last *string) []fragment {
		if len(pictures) == 0 || time.Since(drawn) < tablesApart {
			return nil // the next beat draws it
		}
		drawn = time.Now()
		text, err := v.b.langs[v.lang].draw("people-tables", v.peopleOf(pictures[0], only))
		if err != nil || string(text) == *last {
			return nil
		}
		*last = string(text)
		return []fragment{{id: "tables", html: string(text)}}
	}
}

// speaksForOthers reports whether the viewer may answer for somebody who can't.
func (v *visit) speaksForOthers(p picture) bool {
	if p.absent(v.me) {
		return false
	}
	if e := p.Plan.Estate; e.Regulated() {
		return e.May(v.me, plan.MayProxy, true)
	}
	return v.me != "" && v.seesNames(p)
}

// urgency puts first who needs somebody: the hurt, then the silent.
func urgency(p personView) int {
	switch {
	case p.Safety.Hurt():
		return 0
	case p.Absent:
		return 3
	case p.AnsweredAt == nil:
		return 1
	}
	return 2
}

// seesNames reports whether the viewer may see who answered what: whoever leads the run,
// or helps to.
func (v *visit) seesNames(p picture) bool {
	if v.actor.Console {
		return true
	}
	return !p.absent(v.me) && looksAfter(p.Plan.Estate, v.me, p.Plan.Scenario.Decision.By)
}

var ownPolicy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)

// showReport is the run's report as everybody gets it from the API: one file that fetches
// nothing, under the policy that it carries.
func (b *Board) showReport(v *visit) error {
	id := v.r.PathValue("run")
	return v.document(id, func(format string) ([]byte, error) {
		return v.client("").Report(v.ctx(), id, format, string(v.lang))
	})
}

// showOverview is a page over many runs.
func (b *Board) showOverview(v *visit) error {
	page, q := v.r.PathValue("page"), v.r.URL.Query()
	of := api.ReportOf{System: q.Get("system"), Scenario: q.Get("scenario"), Before: q.Get("before"), After: q.Get("after")}
	of.Fiscal, _ = strconv.Atoi(q.Get("fiscal")) // what is no year is this year
	return v.document(page, func(format string) ([]byte, error) {
		return v.client("").Overview(v.ctx(), page, of, format, string(v.lang))
	})
}

// formats are the media type and the ending of what documents are saved as; what has no
// ending is shown.
var formats = map[string]struct{ media, ending string }{
	"html": {"text/html; charset=utf-8", ""}, "text": {"text/plain; charset=utf-8", ""}, "markdown": {"text/markdown; charset=utf-8", ".md"},
	"json": {"application/json", ".json"}, "record": {"application/json", ".record.json"}, "csv": {"application/zip", ".csv.zip"},
	"pdf": {"application/pdf", ".pdf"},
}

// document answers with a report in the format that is asked for.
func (v *visit) document(name string, set func(format string) ([]byte, error)) error {
	format := v.r.URL.Query().Get("format")
	if format == "" {
		format = "html"
	}
	body, err := set(format)
	if err != nil {
		return err
	}
	h, f := v.w.Header(), formats[format]
	h.Set("Content-Type", f.media)
	if format == "html" {
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if m := ownPolicy.FindSubmatch(body[:min(len(body), 4096)]); m != nil {
			h.Set("Content-Security-Policy", html.UnescapeString(string(m[1]))+"; frame-ancestors 'none'")
		}
	}
	if f.ending != "" {
		h.Set("Content-Disposition", `attachment; filename="`+safeName(name)+f.ending+`"`)
	}
	_, err = bytes.NewReader(body).WriteTo(v.w)
	return err
}

// safeName keeps of a run's ID what a file's name may hold.
func safeName(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, id)
}

// inEstate reports whether the estate's files know a person now.
func (b *Board) inEstate(id string) bool {
	e, err := b.o.Estate()
	if err != nil {
		return false
	}
	_, ok := e.Person(id)
	return ok
}
