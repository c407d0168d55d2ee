package board

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
)

const langCookie = "muster_lang"

// langOf is the reader's language: as they set it here, else as their browser asks.
func langOf(r *http.Request) i18n.Lang {
	if c, err := r.Cookie(langCookie); err == nil && (c.Value == "ja" || c.Value == "en") {
		return i18n.Lang(c.Value)
	}
	// A browser lists what its person reads, best first; the first that we have counts.
	for tag := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		switch tag = strings.ToLower(strings.TrimSpace(tag)); {
		case strings.HasPrefix(tag, "ja"):
			return i18n.JA
		case strings.HasPrefix(tag, "en"):
			return i18n.EN
		}
	}
	return i18n.EN
}

func (b *Board) setLang(v *visit) error {
	l := v.r.PostForm.Get("lang")
	if l != "ja" && l != "en" {
		return &trouble{status: http.StatusBadRequest, title: "lang", detail: v.t("The board speaks en and ja.", "表示言語は en と ja です。")}
	}
	http.SetCookie(v.w, &http.Cookie{Name: langCookie, Value: l, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, Secure: v.secure(), SameSite: http.SameSiteLaxMode})
	v.redirect(identity.Local(v.r.PostForm.Get("back")))
	return nil
}

// secure reports whether the visitor came over TLS, here or at the proxy before it.
func (v *visit) secure() bool {
	return v.r.TLS != nil || strings.HasPrefix(v.b.o.PublicURL, "https://")
}

// here is the page that the visitor asked for, as far as a GET may go back to it.
func (v *visit) here() string {
	if v.r.Method == http.MethodPost {
		return identity.Local(v.r.PostFormValue("back"))
	}
	return "/"
}

func (v *visit) redirect(to string) {
	v.w.Header().Set("Location", to)
	v.w.WriteHeader(http.StatusSeeOther)
}

func (v *visit) sendToLogin() {
	if strings.HasSuffix(v.r.URL.Path, "/live") { // a stream can't follow to a form: its page says it
		v.streams()
		var buf bytes.Buffer
		event(&buf, "signedout", "")
		_, _ = v.w.Write(buf.Bytes())
		return
	}
	to := "/login"
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		to += "?" + url.Values{"back": {v.r.URL.RequestURI()}}.Encode()
	}
	v.redirect(to)
}

// loginView is what the sign-in page shows.
type loginView struct {
	Back    string
	OpenID  string // begins a sign-in with the organisation's account; "" is none
	What    string // why the last try did not work
	Way     string
	Console bool
}

type choice struct{ Value, Label string }

const startOpenID = "/sign-in/oidc"

func (v *visit) loginView(back string) loginView {
	view := loginView{Back: back}
	if v.b.o.People.HasOIDC() {
		view.OpenID = startOpenID + "?" + url.Values{"back": {back}}.Encode()
	}
	return view
}

func (b *Board) showLogin(v *visit) error {
	back := identity.Local(v.r.URL.Query().Get("back"))
	if v.known {
		v.redirect(back)
		return nil
	}
	v.show(http.StatusOK, "login", v.t("Sign in", "サインイン"), v.loginView(back))
	return nil
}

// login takes a personal token. Whoever holds the server's own token also says as whom
// they act: every act has a person.
func (b *Board) login(v *visit) error {
	view := v.loginView(identity.Local(v.r.PostForm.Get("back")))
	actor, err := b.o.People.Bearer(v.r.Context(), strings.TrimSpace(v.r.PostForm.Get("token")))
	if err == nil && actor.Limit != nil {
		err = &identity.Refusal{Reason: identity.OtherPurpose, Person: actor.Person, Via: actor.Via}
	}
	if refused := new(identity.Refusal); errors.As(err, &refused) {
		b.o.People.Failed(v.r.Context(), identity.Origin(v.r), err)
		view.What, view.Way = refused.In(v.lang)
		v.show(http.StatusForbidden, "login", v.t("Sign in", "サインイン"), view)
		return nil
	}
	if err != nil {
		return err
	}
	if person := strings.TrimSpace(v.r.PostForm.Get("person")); actor.Console && person != "" {
		if err := v.inEstate(person); err != nil {
			return err
		}
		actor.Acting = person
	}
	if err := b.o.People.SignIn(v.r.Context(), v.w, v.r, actor); err != nil {
		return err
	}
	v.redirect(view.Back)
	return nil
}

func (b *Board) startOpenID(v *visit) error {
	return b.o.People.StartOIDC(v.w, v.r, identity.Local(v.r.URL.Query().Get("back")))
}

// finishOpenID takes the browser that the provider sent back. It is a GET, as the
// protocol has it; what it may do is guarded by the state in the browser's own cookie.
func (b *Board) finishOpenID(v *visit) error {
	_, next, err := b.o.People.FinishOIDC(v.w, v.r)
	if err != nil {
		return err
	}
	v.redirect(identity.Local(next))
	return nil
}

func (b *Board) logout(v *visit) error {
	if err := b.o.People.SignOut(v.r.Context(), v.w, v.r); err != nil {
		return err
	}
	v.redirect("/login")
	return nil
}

// acting is whom the console has named, if the estate knows them.
func (b *Board) acting(a identity.Actor) string {
	if !b.inEstate(a.Acting) {
		return ""
	}
	return a.Acting
}

// inEstate refuses to act as somebody whom the estate does not know.
func (v *visit) inEstate(person string) error {
	if !v.b.inEstate(person) {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not known", "該当者がいません"),
			detail: v.t("The estate knows no person %q.", "構成台帳に「%s」という人はいません。", person), way: v.t("Give an ID of the estate", "構成台帳のIDを入力してください"), back: v.here()}
	}
	return nil
}

// setActing lets whoever holds the server's own token act for a person: every act has
// one, and the record says that it was entered at the console.
func (b *Board) setActing(v *visit) error {
	if !v.actor.Console {
		return &trouble{status: http.StatusForbidden, title: v.t("Refused", "受け付けられません"),
			detail: v.t("Only whoever signed in with the server's own token may act for others here.", "ほかの人として操作できるのは、サーバーのトークンでサインインした場合だけです。")}
	}
	person := strings.TrimSpace(v.r.PostForm.Get("person"))
	if err := v.inEstate(person); err != nil {
		return err
	}
	if err := b.o.People.ActAs(v.r.Context(), v.w, v.r, person); err != nil {
		return err
	}
	v.redirect(identity.Local(v.r.PostForm.Get("back")))
	return nil
}
