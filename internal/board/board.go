// Package board is muster's web board: pages rendered on the server that work without
// scripts, kept current by server-sent events where a script may run. People act through
// the API as everybody else does (api.InProcess); nothing here reaches the engine.
package board

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/board.css static/board.js static/icon.svg
var staticFiles embed.FS

// formLimit bounds what a form may carry; the largest is a few sentences.
const formLimit = 64 << 10

// People is how the board knows who asks. identity.Service is one.
type People interface {
	// Bearer returns whose a personal token (or the server's own) is.
	Bearer(ctx context.Context, secret string) (identity.Actor, error)
	SignIn(ctx context.Context, w http.ResponseWriter, r *http.Request, a identity.Actor) error
	Session(ctx context.Context, r *http.Request) (identity.Actor, error)
	SignOut(ctx context.Context, w http.ResponseWriter, r *http.Request) error
	// ActAs keeps as whom the console acts in the session of a browser.
	ActAs(ctx context.Context, w http.ResponseWriter, r *http.Request, person string) error
	// OpenLink returns for whom and what a signed link is good. It changes nothing.
	OpenLink(ctx context.Context, text string) (identity.Actor, error)
	HasOIDC() bool
	StartOIDC(w http.ResponseWriter, r *http.Request, next string) error
	FinishOIDC(w http.ResponseWriter, r *http.Request) (identity.Actor, string, error)
	// Failed enters in the access log that somebody was not let in, and slows down whoever
	// tries again and again.
	Failed(ctx context.Context, from string, err error)
	// CrossSite enters that a page of another site tried to act.
	CrossSite(r *http.Request)
}

var _ People = (*identity.Service)(nil)

// Inventory is the estate as its files say now.
type Inventory struct {
	plan.Estate
	Systems []plan.System
	Roles   map[string]plan.Text // what people call them, by name
	Numbers map[string]string    // telephone numbers, by person; plans hold none
}

// Options of a board. Store, API, Plans, Estate and People are needed.
type Options struct {
	Store journal.Store
	API   http.Handler // api.Server.Handler
	Plans api.Plans
	// Estate is the inventory as its files say now: who there is, and which systems. Every page
	// asks for it, so it has to be remembered.
	Estate func() (Inventory, error)
	People People
	Log    *slog.Logger
	Now    func() time.Time // nil is time.Now
	// PublicURL is where people find the board when a proxy stands before it; "" is the
	// address that they asked for.
	PublicURL string
	// Viewers bounds how many pages are kept current at once; 0 is 500.
	Viewers int
}

// Board answers the pages.
type Board struct {
	o      Options
	langs  map[i18n.Lang]*pages
	assets map[string]asset
	hub    *hub
	locks  locks
	// proposed are what alarms propose.
	proposed proposed
	ahead    ahead
	// uploads are places for forms with photos, which are held in memory.
	uploads chan struct{}
	handler http.Handler
}

// New returns a board. Close ends what it follows.
func New(o Options) (*Board, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Viewers == 0 {
		o.Viewers = 500
	}
	b := &Board{o: o, langs: map[i18n.Lang]*pages{}, uploads: make(chan struct{}, mostUploads)}
	var err error
	if b.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		if b.langs[l], err = loadPages(l, b.assets); err != nil {
			return nil, err
		}
	}
	b.hub = newHub(o.Store, o.Now, o.Log, b.langs, b.o.Estate)
	if b.handler, err = b.routes(); err != nil {
		return nil, err
	}
	return b, nil
}

// Close ends every follower of a run.
func (b *Board) Close() { b.hub.close() }

func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

func (b *Board) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	open := func(pattern string, h func(*visit) error) { mux.Handle(pattern, b.page(h, false)) }
	signedIn := func(pattern string, h func(*visit) error) { mux.Handle(pattern, b.page(h, true)) }

	mux.HandleFunc("GET /static/{name}", b.static)
	open("GET /login", b.showLogin)
	open("POST /login", b.login)
	open("GET "+startOpenID, b.startOpenID)
	open("GET "+identity.CallbackPath, b.finishOpenID)
	open("POST /logout", b.logout)
	open("POST /lang", b.setLang)
	open("GET /l/{link}", b.showLink)
	open("POST /l/{link}", b.useLink)

	signedIn("GET /{$}", b.showNow)
	signedIn("GET /live", b.liveNow)
	signedIn("GET /tasks", b.showTasks)
	signedIn("GET /history", b.showHistory)
	signedIn("GET /systems", b.showSystems)
	signedIn("POST /systems/{system}/release", b.release)
	signedIn("GET /scenarios", b.showScenarios)
	signedIn("GET /scenarios/{name}", b.showScenario)
	signedIn("GET /people", b.showRoster)
	signedIn("GET /programme", b.showProgramme)
	signedIn("GET /reports/{page}", b.showOverview)
	signedIn("POST /programme/held", b.rowHeld)
	signedIn("POST /programme/withdraw", b.rowWithdrawn)
	signedIn("POST /schedules/{schedule}/{act}", b.pauseSchedule)
	signedIn("GET /findings", b.showFindings)
	signedIn("POST /findings", b.addFinding)
	signedIn("GET /findings/{id}", b.showFinding)
	signedIn("POST /findings/{id}/{act}", b.onFinding)
	signedIn("GET /activate", b.showActivate)
	signedIn("POST /start", b.start)
	signedIn("POST /proposals/{id}/{act}", b.settleProposal)
	signedIn("POST /acting", b.setActing)
	signedIn("GET /runs/{run}", b.showRun)
	signedIn("GET /runs/{run}/live", b.liveRun)
	signedIn("GET /runs/{run}/people", b.showPeople)
	signedIn("GET /runs/{run}/report", b.showReport)
	signedIn("GET /runs/{run}/damage", b.showDamage)
	signedIn("GET /runs/{run}/do/{what}", b.showDo)
	signedIn("GET /runs/{run}/photos/{photo}", b.showPhoto)
	signedIn("GET /runs/{run}/control", b.showControl)
	signedIn("POST /runs/{run}/act/{act}", b.act)
	signedIn("/", func(v *visit) error {
		return &trouble{status: http.StatusNotFound, title: v.t("Nothing is here", "ページがありません"),
			detail: v.t("There is no page %s.", "%s というページはありません。", v.r.URL.Path), way: v.t("Begin at the first page", "最初のページからお進みください")}
	})

	protect := http.NewCrossOriginProtection()
	if b.o.PublicURL != "" {
		if err := protect.AddTrustedOrigin(strings.TrimRight(b.o.PublicURL, "/")); err != nil {
			return nil, err
		}
	}
	protect.SetDenyHandler(b.page(func(v *visit) error {
		b.o.People.CrossSite(v.r)
		return &trouble{status: http.StatusForbidden, title: v.t("Refused", "受け付けられません"),
			detail: v.t("A page of another site sent this request, so nothing was done.", "別のサイトのページから送られた要求のため、何も行いませんでした。"),
			way:    v.t("Open the board itself and act there", "ボードを直接開いて操作してください")}
	}, false))
	return secured(compressed(protect.Handler(mux))), nil
}

// visit is one request to the board.
type visit struct {
	b     *Board
	w     http.ResponseWriter
	r     *http.Request
	lang  i18n.Lang
	actor identity.Actor
	known bool // somebody is signed in
	// me is the person who acts: the actor's, or whom the console has named; "" is nobody.
	me string
	// photos came with the form, which holds a place among the uploads for them.
	photos []photoSent
	holds  bool
	// gives: an error page gives back what was written in the form.
	gives bool
}

func (v *visit) t(en, ja string, args ...any) string { return v.lang.T(en, ja, args...) }

// ctx is the request's context, with who asks where somebody is known.
func (v *visit) ctx() context.Context {
	if !v.known {
		return v.r.Context()
	}
	return identity.With(v.r.Context(), v.actor)
}

// client acts as the visitor; key makes a form that is sent twice count once.
func (v *visit) client(key string) *api.Client {
	return api.InProcess(v.b.o.API, string(v.lang)).Keyed(key)
}

// trouble is an error that people are told as a page.
type trouble struct {
	status             int
	title, detail, way string
	lines              []string
	back               string // where to go on; "" is the first page
	on                 string // what the way there is called; "" is Back
}

func (t *trouble) Error() string { return t.detail }

// page turns a function of a visit into a handler; its errors become pages.
func (b *Board) page(f func(*visit) error, needsPerson bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{b: b, w: w, r: r, lang: langOf(r)}
		actor, out := b.o.People.Session(r.Context(), r)
		v.actor, v.known = actor, out == nil
		v.me = v.actor.Person
		if v.actor.Console {
			v.me = b.acting(v.actor)
		}
		if needsPerson && !v.known {
			v.notIn(out)
			return
		}
		if v.known {
			w.Header().Set("Cache-Control", "no-store")
		}
		if r.Method == http.MethodPost {
			v.gives = needsPerson // a link's form holds what is private, and a sign-in a secret
			defer v.leavePlace()
			if err := v.readForm(); err != nil {
				v.fail(err)
				return
			}
		}
		if err := f(v); err != nil {
			v.fail(err)
		}
	})
}

// readForm reads a form within its limit. What is too long is read to its end first:
// a browser that is cut off shows no answer.
func (v *visit) readForm() error {
	if v.takesPicture() {
		return v.readWithPicture()
	}
	body := v.r.Body
	v.r.Body = http.MaxBytesReader(v.w, body, formLimit)
	err := v.r.ParseForm()
	if err == nil {
		return nil
	}
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		drain(body)
		return &trouble{status: http.StatusRequestEntityTooLarge, title: v.t("Too long", "長すぎます"),
			detail: v.t("The form holds more than %d KB, so nothing was done.", "入力が%d KBを超えているため、何も行いませんでした。", formLimit>>10),
			way:    v.t("Go back and shorten it", "戻って、短くしてから送信してください"), back: v.here()}
	}
	return &trouble{status: http.StatusBadRequest, title: v.t("Not understood", "読み取れません"),
		detail: v.t("The form can't be read, so nothing was done.", "入力を読み取れなかったため、何も行いませんでした。"), way: v.t("Go back and send it again", "戻って、もう一度送信してください"), back: v.here()}
}

// fail shows an error as a page.
func (v *visit) fail(err error) {
	if v.r.Context().Err() != nil {
		return // nobody reads it
	}
	t := new(trouble)
	p, gone, refused := new(api.Problem), new(api.Unreachable), new(identity.Refusal)
	switch {
	case errors.As(err, &refused):
		t = &trouble{status: http.StatusForbidden, title: v.t("You are not let in", "利用できません")}
		t.detail, t.way = refused.In(v.lang)
	case errors.As(err, &t):
	case errors.As(err, &p):
		t = &trouble{status: p.Status, title: v.problemTitle(p), detail: plain(v.lang, p.Detail), way: plain(v.lang, p.WayOut), lines: p.Lines}
	case errors.Is(err, journal.ErrNotFound):
		t = &trouble{status: http.StatusNotFound, title: v.t("Not found", "見つかりません"), detail: v.t("The record has nothing of it.", "記録に該当するものがありません。")}
	case errors.As(err, &gone):
		t = &trouble{status: http.StatusServiceUnavailable, title: v.t("Not reachable", "接続できません"), detail: err.Error()}
	default:
		// The pattern and not the path: a signed link is in the path, and lets in who reads the log.
		v.b.o.Log.Error("a page of the board failed", "page", v.r.Pattern, "err", err)
		t = &trouble{status: http.StatusInternalServerError, title: v.t("That did not work", "処理できませんでした"),
			detail: v.t("It is muster's fault; the server's log says more.", "musterの不具合です。詳細はサーバーのログにあります。"), way: v.t("Try again in a moment; the command line does the same acts", "少し待ってやり直してください。同じ操作はコマンドでもできます")}
	}
	if t.back == "" {
		t.back = v.here()
	}
	view := troubleView{Status: t.status, Title: t.title, Detail: t.detail, Way: t.way, Lines: t.lines, Back: t.back, On: either(t.on, v.t("Back", "戻る"))}
	if v.gives {
		view.Typed = v.typed()
	}
	v.show(t.status, "error", t.title, view)
}

type troubleView struct {
	Status             int
	Title, Detail, Way string
	Lines              []string
	Back, On           string
	Typed              []typedField
}

func (v *visit) problemTitle(p *api.Problem) string {
	switch p.Code {
	case api.CodeRefused, api.CodeHeld, api.CodeUnauthorized:
		return v.t("Refused: nothing was changed", "受け付けられません（何も変更していません）")
	case api.CodeEnded:
		return v.t("It has ended", "終了しています")
	case api.CodeUnknownOutcome:
		return v.t("Not known whether it was done", "結果を確認できていません")
	case api.CodeMistakes:
		return v.t("The plan files have mistakes", "計画ファイルに誤りがあります")
	case api.CodeUnknownRun, api.CodeUnknownScenario, api.CodeUnknownStep, api.CodeNotFound:
		return v.t("Not found", "見つかりません")
	}
	if p.Status >= 500 {
		return v.t("That did not work", "処理できませんでした")
	}
	return v.t("Not accepted", "受け付けられません")
}

// inCode shows what stands in back quotes, as commands do in a terminal, the way a page does.
func inCode(text string) template.HTML {
	parts := strings.Split(text, "`")
	if len(parts)%2 == 0 { // one without its other
		return template.HTML(template.HTMLEscapeString(text))
	}
	var b strings.Builder
	for i, part := range parts {
		if part = template.HTMLEscapeString(part); i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// plain picks the reader's language out of a sentence that stands in both.
func plain(l i18n.Lang, text string) string {
	mark := ""
	if rest, ok := strings.CutPrefix(text, run.Mark); ok {
		mark, text = l.T(run.MarkEN+" ", run.MarkJA), strings.TrimSpace(rest)
	}
	return mark + plan.Apart(text).In(string(l))
}
