package board

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// perPage is how many rows a long list has on a page: a phone loads them all.
const perPage = 50

// findingView is a finding as its readers see it.
type findingView struct {
	api.Finding
	Label  string // of the system; "" is none
	Holder string // its owner by name
	Told   string // what it rests on, with people by name
	sign
}

// sign is a state as a class, a sign and a word: never a colour alone.
type sign struct{ Class, Mark, Word string }

// standing is where a finding stands, in words.
func (v *visit) standing(f api.Finding) sign {
	switch {
	case f.State == finding.Closed && f.ClosedIn != "":
		return sign{"ok", "✓", v.t("closed by %s", "解消（%s）", f.ClosedIn)}
	case f.State == finding.Closed:
		return sign{"ok", "✓", v.t("closed", "解消")}
	case f.State == finding.Waived:
		return sign{"idle", "–", v.t("waived until %s", "容認（%s まで）", f.Waiver.Until)}
	case f.Overdue && f.Reopened > 0:
		return sign{"bad", "!", v.t("overdue, and it came back", "期限超過・再発")}
	case f.Overdue:
		return sign{"bad", "!", v.t("overdue", "期限超過")}
	case f.Reopened > 0:
		return sign{"warn", "↻", v.t("came back", "再発")}
	}
	return sign{"warn", "○", v.t("open", "未解消")}
}

// pressing puts first what has waited too long, then what came back.
func pressing(f api.Finding) int {
	switch {
	case f.State == finding.Open && f.Overdue:
		return 0
	case f.State == finding.Open && f.Reopened > 0:
		return 1
	case f.State == finding.Open:
		return 2
	case f.State == finding.Waived:
		return 3
	}
	return 4
}

func byPressing(a, b api.Finding) int {
	return cmp.Or(pressing(a)-pressing(b), strings.Compare(cmp.Or(a.Due, "9999"), cmp.Or(b.Due, "9999")), b.OpenedAt.Compare(a.OpenedAt), strings.Compare(a.ID, b.ID))
}

// findingsView is the list.
type findingsView struct {
	List                           []findingView
	Open, Overdue, Reopened, Waive int // of all that the filter leaves, whatever the state
	Filter                         api.FindingsFilter
	Systems, Kinds, Owners, Steps  []choice
	Pages                          pager
	May                            bool // the viewer may add one
	Me                             string
}

// named are a system and a person as people call them.
func (v *visit) findingView(e Inventory, f api.Finding) findingView {
	out := findingView{Finding: f, sign: v.standing(f), Told: f.Detail.In(string(v.lang))}
	if f.Kind == run.FindingPeople {
		out.Told = v.byName(e, out.Told)
	}
	if f.System != "" {
		out.Label = systemTitle(v.lang, plan.Plan{Systems: e.Systems}, f.System)
	}
	if f.Owner != "" {
		out.Holder = nameIn(v.lang, e.Estate, f.Owner)
	}
	return out
}

// byName is a list of people's IDs, as a finding's record keeps it, by their names; any other text stays.
func (v *visit) byName(e Inventory, list string) string {
	who := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '、' })
	for i, id := range who {
		id = strings.TrimSpace(id)
		if _, known := e.Person(id); !known {
			return list
		}
		who[i] = nameIn(v.lang, e.Estate, id)
	}
	return strings.Join(who, v.t(", ", "、"))
}

// mayHere reports whether the viewer is somebody of the estate who is granted a permission.
func (v *visit) mayHere(e Inventory, p plan.Permission) bool {
	_, known := e.Person(v.me)
	return known && granted(e.Estate, v.me, p)
}

func (b *Board) showFindings(v *visit) error {
	q := v.r.URL.Query()
	f := api.FindingsFilter{State: cmp.Or(q.Get("state"), "open"), System: q.Get("system"), Kind: q.Get("kind"), Owner: q.Get("owner"), Run: q.Get("run"), Overdue: q.Get("overdue") != ""}
	if f.Owner == "me" {
		f.Owner = cmp.Or(v.me, "-")
	}
	wanted := f
	wanted.State, wanted.Overdue = "all", false
	all, err := v.client("").Findings(v.ctx(), wanted)
	if err != nil {
		return err
	}
	view := findingsView{Filter: f, Me: v.me}
	var shown []api.Finding
	for _, one := range all {
		switch one.State {
		case finding.Open:
			view.Open++
			if one.Overdue {
				view.Overdue++
			}
			if one.Reopened > 0 {
				view.Reopened++
			}
		case finding.Waived:
			view.Waive++
		case finding.Closed:
		}
		if (f.State == "all" || string(one.State) == f.State) && (!f.Overdue || one.Overdue) {
			shown = append(shown, one)
		}
	}
	slices.SortFunc(shown, byPressing)
	from, to := view.Pages.of(v.r, len(shown))
	e, _ := b.o.Estate() // without it, IDs stand for names
	for _, one := range shown[from:to] {
		view.List = append(view.List, v.findingView(e, one))
	}
	view.May = v.mayHere(e, plan.MayFindings)
	view.Systems = v.systemChoices(e)
	for _, k := range run.FindingKinds() {
		view.Kinds = append(view.Kinds, choice{string(k), v.lang.Finding(k)})
	}
	view.Owners = owners(v.lang, e, f.Owner)
	v.showAs(http.StatusOK, "findings", v.t("Findings", "指摘事項"), view, look{at: "findings"})
	return nil
}

func (v *visit) systemChoices(e Inventory) (out []choice) {
	for _, s := range e.Systems {
		out = append(out, choice{s.Name, either(s.Title.In(string(v.lang)), s.Name)})
	}
	return out
}

// owners are who can see to a finding: people with a role, up to what a phone can list, and
// whoever does now.
func owners(l i18n.Lang, e Inventory, now string) (out []choice) {
	for _, p := range e.People {
		if len(p.Roles) > 0 && (len(out) < mostChoices || p.ID == now) {
			out = append(out, choice{p.ID, either(p.Name.In(string(l)), p.ID)})
		}
	}
	return out
}

// changeView is one thing that became of a finding.
type changeView struct {
	finding.Change
	When, Word, Who string
	Class, Mark     string
}

var changeWords = map[finding.What]struct {
	class, mark string
	word        plan.Text
}{
	finding.WasOpened:    {"warn", "○", plan.Text{EN: "opened", JA: "検出"}},
	finding.WasReopened:  {"bad", "↻", plan.Text{EN: "came back", JA: "再発"}},
	finding.WasClosed:    {"ok", "✓", plan.Text{EN: "closed", JA: "解消"}},
	finding.WasAssigned:  {"idle", "→", plan.Text{EN: "assigned", JA: "担当・期限"}},
	finding.WasLinked:    {"idle", "#", plan.Text{EN: "linked to an issue", JA: "課題と関連付け"}},
	finding.WasWaived:    {"idle", "–", plan.Text{EN: "waived", JA: "容認"}},
	finding.WasConfirmed: {"ok", "✓", plan.Text{EN: "closed by somebody's word on a run", JA: "確認により解消"}},
	finding.WasGone:      {"idle", "–", plan.Text{EN: "closed: in no plan any more", JA: "計画から廃止され終了"}},
	finding.WasReviewed:  {"ok", "✓", plan.Text{EN: "reviewed", JA: "事後確認済み"}},
}

// oneFinding is a finding's page.
type oneFinding struct {
	findingView
	Changes                []changeView
	Owners                 []choice
	Opened, Seen, ClosedOn string
	May, MayWaive          bool
	MayClose, MayEnd       bool   // by a run; as no plan holds its place any more
	Today, LastDay         string // of a waiver
	WaivedBy               string
	ByName                 string
}

// mostWaived is for how many days ahead the form offers a waiver; the API has the last word.
const mostWaived = 400

func (b *Board) showFinding(v *visit) error {
	f, err := v.client("").Finding(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	e, _ := b.o.Estate()
	zone := zoneOf(plan.Plan{Estate: e.Estate})
	day := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04 MST") }
	now := b.o.Now().In(zone)
	view := oneFinding{findingView: v.findingView(e, f), Opened: day(f.OpenedAt), Seen: day(f.SeenAt), Owners: owners(v.lang, e, f.Owner),
		Today: now.Format(time.DateOnly), LastDay: now.AddDate(0, 0, mostWaived).Format(time.DateOnly)}
	if f.ClosedAt != nil {
		view.ClosedOn = day(*f.ClosedAt)
	}
	if f.AddedBy != "" {
		view.ByName = nameIn(v.lang, e.Estate, f.AddedBy)
	}
	if f.Waiver != nil {
		view.WaivedBy = nameIn(v.lang, e.Estate, f.Waiver.By)
	}
	for _, c := range f.History {
		w := changeWords[c.What]
		one := changeView{Change: c, When: day(c.At), Word: either(w.word.In(string(v.lang)), string(c.What)), Class: w.class, Mark: w.mark}
		if c.By != "" {
			one.Who = nameIn(v.lang, e.Estate, c.By)
		}
		if id, rest, _ := strings.Cut(c.Detail, " "); c.What == finding.WasAssigned {
			if _, known := e.Person(id); known {
				one.Detail = nameIn(v.lang, e.Estate, id) + " " + rest
			}
		}
		view.Changes = append(view.Changes, one)
	}
	open := f.State != finding.Closed
	view.May = v.mayHere(e, plan.MayFindings)
	view.MayWaive = open && v.mayHere(e, plan.MayWaive)
	view.MayClose, view.MayEnd = view.MayWaive && !f.Judged && !f.PlaceGone, view.MayWaive && f.PlaceGone
	v.showAs(http.StatusOK, "finding", f.ID, view, look{at: "findings"})
	return nil
}

// addFinding adds one of somebody's own.
func (b *Board) addFinding(v *visit) error {
	if v.me == "" {
		return v.nobody("/findings")
	}
	form := v.r.PostForm
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	f, err := v.client(form.Get("key")).AddFinding(v.ctx(), api.FindingRequest{By: v.me, Title: text("title"), System: text("system"), Step: text("step"), Owner: text("owner"),
		Due: text("due"), Link: text("link"), Reason: text("reason")})
	if err != nil {
		return err
	}
	v.redirect("/findings/" + url.PathEscape(f.ID) + "?ok=finding-add")
	return nil
}

// onFinding does something about one.
func (b *Board) onFinding(v *visit) error {
	id, act, form := v.r.PathValue("id"), v.r.PathValue("act"), v.r.PostForm
	back := "/findings/" + url.PathEscape(id)
	if v.me == "" {
		return v.nobody(back)
	}
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	in := api.FindingRequest{By: v.me, Reason: text("reason")}
	switch act {
	case "assign":
		in.Owner, in.Due = text("owner"), text("due")
	case "link":
		in.Link = text("link")
	case "waive":
		in.Until = text("until")
	case "confirm":
		in.Run, in.Gone = text("run"), text("gone") != ""
	default:
		return &trouble{status: http.StatusNotFound, title: v.t("Not found", "見つかりません"), detail: v.t("There is no act %q.", "「%s」という操作はありません。", act), back: back}
	}
	if _, err := v.client(form.Get("key")).OnFinding(v.ctx(), id, act, in); err != nil {
		return err
	}
	v.redirect(back + "?ok=finding-" + act)
	return nil
}

// myFindings are those that the viewer sees to and that are open, the pressing ones first.
func (v *visit) myFindings() []findingView {
	if v.me == "" {
		return nil
	}
	list, err := v.client("").Findings(v.ctx(), api.FindingsFilter{Owner: v.me})
	if err != nil { // what waits in an emergency is shown all the same
		v.b.o.Log.Warn("the findings of a person can't be read", "err", err)
		return nil
	}
	slices.SortFunc(list, byPressing)
	e, _ := v.b.o.Estate()
	var out []findingView
	for _, f := range list[:min(len(list), perPage)] {
		out = append(out, v.findingView(e, f))
	}
	return out
}
