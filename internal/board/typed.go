package board

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/photo"
	"github.com/muster-dr/muster/internal/plan"
)

// written are the fields of forms that people write sentences into, in the order in which an error
// page gives them back. What was chosen is chosen again in a moment.
var written = []struct {
	name  string
	label plan.Text
}{
	{"title", plan.Text{EN: "Title", JA: "件名"}},
	{"text", plan.Text{EN: "Text", JA: "本文"}},
	{"what", plan.Text{EN: "What", JA: "内容"}},
	{"reason", plan.Text{EN: "Reason", JA: "理由"}},
	{"note", plan.Text{EN: "Note", JA: "メモ"}},
	{"ground", plan.Text{EN: "Ground", JA: "根拠"}},
	{"restrictions", plan.Text{EN: "Restrictions", JA: "残っている制限"}},
	{"who", plan.Text{EN: "Who", JA: "対応者"}},
	{"with", plan.Text{EN: "With whom", JA: "相手"}},
}

// typedField is what somebody wrote, given back to them.
type typedField struct{ Label, Value string }

// typed is what the visitor wrote in the form that was not taken.
func (v *visit) typed() (out []typedField) {
	for _, f := range written {
		for _, value := range v.r.PostForm[f.name] {
			if value = strings.TrimSpace(value); value != "" {
				out = append(out, typedField{f.label.In(string(v.lang)), value})
			}
		}
	}
	return out
}

// readWords reads the words of a form whose sender is not known: photos are let go.
func (v *visit) readWords() {
	if kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, formLimit)
		_ = v.r.ParseForm() // what can't be read is not given back
		return
	}
	v.r.PostForm = url.Values{}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, formLimit+mostPictures*photo.MaxSize)
	form, err := v.r.MultipartReader()
	for left := int64(formLimit); err == nil && left > 0; {
		part, next := form.NextPart()
		if err = next; err != nil || part.FileName() != "" {
			continue
		}
		var b []byte
		b, err = io.ReadAll(io.LimitReader(part, left))
		left -= int64(len(b) + len(part.FormName()))
		v.r.PostForm.Add(part.FormName(), string(b))
	}
	v.r.Form = v.r.PostForm
}

// notIn answers whoever is not let in, and says why: that they have not signed in, or that the
// record store can't say whether they have. A form is never left without a word.
func (v *visit) notIn(err error) {
	refused := new(identity.Refusal)
	out := errors.As(err, &refused)
	live, posts := strings.HasSuffix(v.r.URL.Path, "/live"), v.r.Method == http.MethodPost
	if out && !posts {
		v.sendToLogin()
		return
	}
	v.w.Header().Set("Cache-Control", "no-store")
	if !out {
		v.b.o.Log.Warn("the board can't tell who is signed in", "page", v.r.Pattern, "err", err)
		if live { // the page asks again, and says meanwhile how old it is
			http.Error(v.w, "the record store is away", http.StatusServiceUnavailable)
			return
		}
	}
	if posts {
		v.readWords()
		v.gives = true
	}
	switch {
	case out:
		back := v.cameFrom()
		v.fail(&trouble{status: http.StatusForbidden, title: v.t("You are signed out: nothing was done", "サインインの有効期限切れ（何も行っていません）"),
			detail: v.t("Your sign-in has run out or was ended, so what you sent was not taken.", "サインインの期限が切れたか、終了しているため、送信内容を受け付けませんでした。"),
			way:    v.t("Sign in again, look at the page anew, and send it once more", "サインインし直し、画面を確認してから、もう一度送信してください"),
			back:   "/login?" + url.Values{"back": {back}}.Encode(), on: v.t("Sign in", "サインイン")})
	case posts:
		v.fail(&trouble{status: http.StatusServiceUnavailable, title: v.t("The record store is away: nothing was done", "記録の保存先に接続できません（何も行っていません）"),
			detail: v.t("Who you are can't be told while the record store can't be reached, so what you sent was not taken.", "記録の保存先に接続できず、本人を確認できないため、送信内容を受け付けませんでした。"),
			way:    v.t("Try again in a moment; runs go on by themselves once it is back", "少し待って再度送信してください。進行中の実施は、復帰後に自動で続行します"), back: v.cameFrom()})
	default:
		v.w.Header().Set("Refresh", "10") // a wall comes back by itself
		v.fail(&trouble{status: http.StatusServiceUnavailable, title: v.t("The record store is away", "記録の保存先に接続できません"),
			detail: v.t("Who you are can't be told while the record store can't be reached. You are not signed out.", "記録の保存先に接続できないため、本人を確認できません。サインインは有効なままです。"),
			way:    v.t("This page tries again by itself every 10 seconds; runs go on by themselves once it is back", "この画面は10秒ごとに自動で再試行します。進行中の実施は、復帰後に自動で続行します"), back: identity.Local(v.r.URL.RequestURI())})
	}
}

// cameFrom is the page on which the form stood.
func (v *visit) cameFrom() string {
	if back := v.r.PostForm.Get("back"); back != "" {
		return identity.Local(back)
	}
	if from, err := url.Parse(v.r.Referer()); err == nil && from.Host == v.r.Host {
		return identity.Local(from.RequestURI())
	}
	return "/"
}
