package board

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// errNotSaid: a choice that the form asks for was not made.
var errNotSaid = errors.New("not said")

// act carries out a form on a run and leads back to where it stood.
func (b *Board) act(v *visit) error {
	do, ok := doers[v.r.PathValue("act")]
	if !ok {
		return &trouble{status: http.StatusNotFound, title: v.t("Not found", "見つかりません"), detail: v.t("There is no act %q.", "「%s」という操作はありません。", v.r.PathValue("act")), back: v.here()}
	}
	if v.me == "" {
		return v.nobody(v.here())
	}
	return v.do(v.r.PathValue("act"), do, v.r.PathValue("run"), identity.Local(v.r.PostForm.Get("back")))
}

func (v *visit) do(name string, do func(context.Context, *api.Client, sent) error, runID, back string) error {
	s := sent{Values: v.r.PostForm, run: runID, by: v.me, now: v.b.o.Now(), photos: v.photos}
	// What can't be taken back asks for a tick beside the button: a slip of the thumb is
	// no order.
	if name == "abort" && s.text("sure") != "yes" {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not confirmed", "確認されていません"), detail: v.t("An abort is confirmed by the tick beside its button; nothing was done.", "中止するには確認欄にチェックが必要です。何も行いませんでした。"),
			way: v.t("Go back and tick it", "戻ってチェックを入れてください"), back: back}
	}
	if name == "step" && s.text("break_glass") == "yes" && (s.text("sure") != "yes" || s.text("reason") == "") {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not confirmed", "確認されていません"), detail: v.t("To break the glass takes a reason and its tick; nothing was done.", "緊急権限の行使には理由と確認欄へのチェックが必要です。何も行いませんでした。"),
			way: v.t("Go back and fill in both", "戻って、両方を入力してください"), back: back}
	}
	err := do(v.ctx(), v.client(v.r.PostForm.Get("key")), s)
	if errors.Is(err, errNotSaid) {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Something is missing", "未入力の項目があります"), detail: v.t("A choice was not made; nothing was done.", "選択されていない項目があるため、何も行いませんでした。"), way: v.t("Go back and choose", "戻って選択してください"), back: back}
	}
	if errors.Is(err, errNoGround) {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Something is missing", "未入力の項目があります"), detail: v.t("An estimate of the repair needs its ground; nothing was reported.", "修理の見込みには根拠が必要です。何も報告していません。"),
			way: v.t("Go back and say what it rests on, or leave the estimate out", "戻って根拠を記入するか、見込みを空欄にしてください"), back: back}
	}
	if p := new(api.Problem); errors.As(err, &p) {
		t := &trouble{status: p.Status, title: v.problemTitle(p), detail: plain(v.lang, p.Detail), way: plain(v.lang, p.WayOut), lines: p.Lines, back: back}
		if name == "decide" && t.way == "" { // of two who decide at once one is told
			t.way = v.t("Go back and look at what was decided; until the recovery begins, the form there revises it", "戻って決定内容を確認してください。復旧の開始前であれば、そこから方針を変更できます")
		}
		if name == "approve" {
			v.outdated(t, runID, s.text("asked"))
		}
		return t
	}
	if err != nil {
		return err
	}
	v.redirect(withDone(back, name))
	return nil
}

// outdated says of an approval that was refused, when its page asked something that is not
// asked any more, what holds now.
func (v *visit) outdated(t *trouble, runID, asked string) {
	f, err := v.b.hub.follow(v.r.Context(), runID)
	if err != nil || asked == "" {
		return
	}
	p, err := f.look(v.r.Context())
	if err != nil || slices.ContainsFunc(p.Overview.Waiting, func(w progress.Waiting) bool { return strconv.FormatInt(w.Asked, 10) == asked }) {
		return
	}
	t.title, t.lines = v.t("The page was out of date: nothing was approved", "画面の内容が古くなっています（承認していません）"), append(t.lines, decisionsOf(v.lang, p)...)
	t.way = v.t("Above is what holds now; go back to see it, and approve it there if it is right", "現在の決定内容は上記のとおりです。戻って内容を確認し、問題がなければ改めて承認してください")
}

// withDone adds to a way back what the page says there.
func withDone(back, what string) string {
	u, err := url.Parse(back)
	if err != nil {
		return back
	}
	q := u.Query()
	q.Set("ok", what)
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// nobody says that the console acts as somebody, or not at all.
func (v *visit) nobody(back string) error {
	return &trouble{status: http.StatusConflict, title: v.t("Who are you?", "操作者が指定されていません"), detail: v.t("Every act has a person, and the console is none.", "すべての操作には操作者が必要です。"),
		way: v.t("Say at the top of the page as whom you act", "ページ上部で操作者を選んでください"), back: back}
}

// start begins a drill, or the real thing after its name was typed.
func (b *Board) start(v *visit) error {
	form := v.r.PostForm
	scenario, kind := strings.TrimSpace(form.Get("scenario")), run.Kind(form.Get("kind"))
	back := "/scenarios/" + url.PathEscape(scenario)
	if kind == run.Response {
		back = "/activate?" + url.Values{"scenario": {scenario}}.Encode()
		if strings.TrimSpace(form.Get("typed")) != scenario {
			return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not confirmed", "確認されていません"),
				detail: v.t("The real response is confirmed by typing %q; %q was typed, and nothing was started.", "本番対応の開始には「%s」の入力が必要です。入力は「%s」でした。何も開始していません。", scenario, form.Get("typed")),
				way:    v.t("Go back and type the name as it stands there", "戻って、表示どおりに入力してください"), back: back}
		}
	}
	if v.me == "" {
		return v.nobody(back)
	}
	since, wrong := v.happened(form.Get("since"), back)
	if wrong != nil {
		return wrong
	}
	out, err := v.client(form.Get("key")).Start(v.ctx(), api.StartRequest{Scenario: scenario, Kind: kind, Depth: run.Depth(form.Get("depth")), By: v.me,
		Reason: strings.TrimSpace(form.Get("reason")), Since: since, PlanHash: form.Get("plan_hash"), RequestID: form.Get("key")})
	if p := new(api.Problem); errors.As(err, &p) {
		t := &trouble{status: p.Status, title: v.problemTitle(p), detail: plain(v.lang, p.Detail), way: plain(v.lang, p.WayOut), lines: p.Lines, back: back}
		if p.Holder != "" {
			t.back = "/runs/" + url.PathEscape(p.Holder)
		}
		return t
	}
	if err != nil {
		return err
	}
	what := "start"
	if out.Attached {
		what = "join"
	}
	v.redirect("/runs/" + url.PathEscape(out.Run) + "?ok=" + what)
	return nil
}

// proposesDrill reports whether a proposal is of a drill: only the real thing is typed.
func (v *visit) proposesDrill(id string) (bool, error) {
	list, err := v.client("").Proposals(v.ctx(), "")
	at := slices.IndexFunc(list, func(p api.Proposal) bool { return p.ID == id })
	return at >= 0 && list[at].Kind == run.Drill, err
}

// happened reads when an event was, as people write it, in the estate's zone.
func (v *visit) happened(text, back string) (string, *trouble) {
	if text = strings.TrimSpace(text); text == "" {
		return "", nil
	}
	e, err := v.b.o.Estate()
	if err != nil {
		return text, nil // the start tells what is wrong with the files
	}
	now := v.b.o.Now().In(zoneOf(plan.Plan{Estate: e.Estate}))
	at, err := run.ReadPast(text, now)
	if long := new(run.LongAgo); errors.As(err, &long) {
		shown := long.At.Format("2006-01-02 15:04")
		return "", &trouble{status: http.StatusUnprocessableEntity, title: v.t("Is that time right?", "時刻を確認してください"), back: back,
			detail: v.t("%s would be %s, more than 12 hours ago; nothing was started. It is %s now.", "%s は %s となり、12時間以上前です。何も開始していません。現在は %s です。", text, shown, now.Format("15:04 MST")),
			way:    v.t("If it is right, write it with its day: %s", "正しい場合は日付も入力してください：%s", shown)}
	}
	if err != nil {
		return "", &trouble{status: http.StatusUnprocessableEntity, title: v.t("Is that time right?", "時刻を確認してください"), detail: v.t("%q is no time; nothing was started.", "「%s」は時刻として読めません。何も開始していません。", text),
			way: v.t("Write it as 06:40 or 2026-11-19 06:40", "06:40 または 2026-11-19 06:40 の形で入力してください"), back: back}
	}
	return at.Format(time.RFC3339), nil
}

// settleProposal starts what an alarm proposes, or closes the proposal.
func (b *Board) settleProposal(v *visit) error {
	id, act, form := v.r.PathValue("id"), v.r.PathValue("act"), v.r.PostForm
	in := api.ProposalRequest{By: v.me, Reason: strings.TrimSpace(form.Get("reason"))}
	if v.me == "" {
		return v.nobody("")
	}
	switch act {
	case "dismiss":
		if _, err := v.client(form.Get("key")).DismissProposal(v.ctx(), id, in); err != nil {
			return err
		}
		v.redirect("/?ok=dismiss")
		return nil
	case "start":
		drill, err := v.proposesDrill(id)
		if err != nil {
			return err
		}
		if typed := strings.TrimSpace(form.Get("typed")); !drill && (form.Get("confirm") == "" || typed != form.Get("confirm")) {
			return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not confirmed", "確認されていません"),
				detail: v.t("It is confirmed by typing %q; %q was typed, and nothing was started.", "開始には「%s」の入力が必要です。入力は「%s」でした。何も開始していません。", form.Get("confirm"), typed), way: v.t("Go back and type the name as it stands there", "戻って、表示どおりに入力してください")}
		}
		out, err := v.client(form.Get("key")).StartProposal(v.ctx(), id, in)
		if err != nil {
			return err
		}
		v.redirect("/runs/" + url.PathEscape(out.Run) + "?ok=start")
		return nil
	}
	return &trouble{status: http.StatusNotFound, title: v.t("Not found", "見つかりません"), detail: v.t("There is no act %q.", "「%s」という操作はありません。", act)}
}

// linkView is the page of a signed link.
type linkView struct {
	Purpose identity.Purpose
	Link    string
	Run     string
	Title   string
	Kind    run.Kind
	Name    string
	Place   string
	Ended   bool
	Done    bool // answered before: it may be corrected
	Places  []choice
	Me      *personView
	Ask     ask
	Acks    []ackView
}

// ackView is a message that its reader is asked to acknowledge.
type ackView struct {
	Of, Text string
	At       time.Time
	Done     bool
}

// acksOf are the messages that ask this person to acknowledge them, the newest first.
func acksOf(l i18n.Lang, o progress.Overview, person string) []ackView {
	var out []ackView
	for _, a := range slices.Backward(o.Acks) {
		if slices.Contains(a.To, person) {
			done := slices.ContainsFunc(a.Acknowledged, func(x progress.Acknowledged) bool { return x.Person == person })
			out = append(out, ackView{Of: a.Of, Text: plain(l, a.Text), At: a.At, Done: done})
		}
	}
	return out
}

// openLink is the actor and the run of a signed link, or a page that says why not.
func (v *visit) openLink() (*follower, picture, error) {
	a, err := v.b.o.People.OpenLink(v.r.Context(), v.r.PathValue("link"))
	if err != nil || a.Limit == nil {
		t := &trouble{status: http.StatusForbidden, title: v.t("This link does not work", "このリンクは使えません"),
			detail: v.t("It has expired, was withdrawn, or was not copied whole.", "有効期限が切れているか、取り消されたか、正しくコピーされていません。"),
			way:    v.t("Answer the newest message that you got, or call your office or the response room", "最新のメッセージのリンクを使うか、職場または対策本部へ連絡してください")}
		if refused := new(identity.Refusal); errors.As(err, &refused) {
			t.detail, _ = refused.In(v.lang)
			v.b.o.People.Failed(v.r.Context(), identity.Origin(v.r), err)
		} else if err != nil {
			return nil, picture{}, err
		}
		return nil, picture{}, t
	}
	v.actor, v.known, v.me = a, true, a.Person
	f, err := v.b.hub.follow(v.r.Context(), a.Limit.Run)
	if err != nil {
		return nil, picture{}, err
	}
	p, err := f.look(v.r.Context())
	return f, p.seenBy(""), err
}

func (v *visit) linkView(p picture) linkView {
	l := linkView{Purpose: v.actor.Limit.Purpose, Link: v.r.PathValue("link"), Run: p.Overview.Run, Title: p.Overview.Title.In(string(v.lang)),
		Kind: p.Overview.Kind, Name: nameIn(v.lang, p.Plan.Estate, v.actor.Person), Ended: p.Overview.State.Ended()}
	l.Ask = askOf(v.lang, p.Plan)
	if l.Purpose == identity.ForAck {
		l.Acks = acksOf(v.lang, p.Overview, v.actor.Person)
	}
	for _, place := range p.Plan.Estate.Places {
		name := place.Title.In(string(v.lang))
		if name == "" {
			name = place.Name
		}
		l.Places = append(l.Places, choice{place.Name, name})
		if place.Name == p.Plan.Scenario.Place {
			l.Place = name
		}
	}
	for i := range p.People {
		if p.People[i].ID == v.actor.Person {
			l.Me = &p.People[i]
		}
	}
	return l
}

// showLink shows what the link is for. It changes nothing: whatever fetches links to
// preview them does no harm.
func (b *Board) showLink(v *visit) error {
	_, p, err := v.openLink()
	if err != nil {
		return err
	}
	view := v.linkView(p)
	view.Done = v.r.URL.Query().Get("ok") != ""
	v.known = false // the page is that of a link, not of somebody signed in
	v.showAs(http.StatusOK, "link", view.Title, view, look{kind: p.Overview.Kind})
	return nil
}

// useLink is the one act that the link is good for.
func (b *Board) useLink(v *visit) error {
	_, p, err := v.openLink()
	if err != nil {
		return err
	}
	back := identity.LinkPath + url.PathEscape(v.r.PathValue("link"))
	name := map[identity.Purpose]string{identity.ForCheckIn: "checkin", identity.ForArrival: "arrive", identity.ForAck: "ack"}[v.actor.Limit.Purpose]
	do, ok := doers[name]
	if !ok {
		return &trouble{status: http.StatusForbidden, title: v.t("This link does not work", "このリンクは使えません"), detail: v.t("It is for nothing that can be done here.", "このリンクで行える操作がありません。"), back: back}
	}
	v.r.PostForm.Del("person") // it is about its own person, whatever the form says
	return v.do(name, do, p.Overview.Run, back)
}
