package identity

import (
	"errors"

	"github.com/muster-dr/muster/internal/i18n"
)

// Reason says why somebody was not let in. Reasons are stable: they stand in the access log.
type Reason string

const (
	Nobody       Reason = "nobody"        // no token, session or link was given
	Unknown      Reason = "unknown"       // a token or session that the server does not know
	Expired      Reason = "expired"       // it was good once
	Revoked      Reason = "revoked"       // somebody took it back
	Disabled     Reason = "disabled"      // the person may not come any more
	Gone         Reason = "gone"          // the estate has no such person now
	Forged       Reason = "forged"        // a link that this server did not sign, or that was changed
	Replayed     Reason = "replayed"      // a message that was taken already, or is too old
	OtherSite    Reason = "other_site"    // a page of another site sent it
	Misnamed     Reason = "misnamed"      // this server was called by a name that is not its own
	OtherRun     Reason = "other_run"     // a link of another run
	OtherPurpose Reason = "other_purpose" // a link or token for something else
	Off          Reason = "off"           // this way in is switched off
	Provider     Reason = "provider"      // the OpenID provider's answer was not accepted
	Stranger     Reason = "stranger"      // the provider knows somebody whom the estate does not
)

// Refusal is why somebody was not let in, in words for that very person. It is the error of
// everything in this package that looks at who comes.
type Refusal struct {
	Reason Reason
	Person string // when it is known whose it was
	Via    string // as in Actor
	Err    error  // the cause, for the log; nil when the reason says it all
}

func (r *Refusal) Error() string {
	what, _ := r.In(i18n.EN)
	if r.Err != nil {
		what += ": " + r.Err.Error()
	}
	return what
}

func (r *Refusal) Unwrap() error { return r.Err }

// ReasonOf is why an error refuses somebody; "" when it is of another kind, such as a record
// store that can't be read.
func ReasonOf(err error) Reason {
	if r := new(Refusal); errors.As(err, &r) {
		return r.Reason
	}
	return ""
}

func refuse(why Reason) *Refusal { return &Refusal{Reason: why} }

// In says what is wrong and the way out, in the reader's language.
func (r *Refusal) In(l i18n.Lang) (what, way string) {
	again := l.T("Ask for a new one: muster people token PERSON, or muster people link RUN PERSON", "新しいものの発行を依頼してください: muster people token PERSON または muster people link RUN PERSON")
	switch r.Reason {
	case Nobody:
		return l.T("The token is missing or wrong.", "トークンがないか、正しくありません。"),
			l.T("Give your personal token, or the server's own from the file DATA/token, with --token-file, MUSTER_TOKEN or token_file in muster.yaml",
				"個人トークン、またはサーバーのトークン（DATA/token）を、--token-file、MUSTER_TOKEN、muster.yamlのtoken_fileのいずれかで指定してください")
	case Unknown:
		return l.T("The token is missing or wrong.", "トークンがないか、正しくありません。"),
			l.T("Check that it was copied whole; the server's own is in the file DATA/token, a personal one comes from `muster people token`",
				"全体が正しくコピーされているか確認してください。サーバーのトークンは DATA/token にあり、個人トークンは `muster people token` で発行します")
	case Expired:
		if r.isLink() {
			return l.T("This link has expired.", "このリンクは有効期限が切れています。"), again
		}
		return l.T("This sign-in or token has expired.", "サインインまたはトークンの有効期限が切れています。"), l.T("Sign in again, or ask for a new token", "再度サインインするか、新しいトークンの発行を依頼してください")
	case Revoked:
		if r.isLink() {
			return l.T("This link was revoked.", "このリンクは取り消されています。"), again
		}
		return l.T("This token was revoked.", "このトークンは取り消されています。"), again
	case Disabled:
		return l.T("%s is disabled and may not come in.", "%s は利用停止中のため、利用できません。", r.Person),
			l.T("An administrator can let them in again: muster people enable %s", "管理者が再開できます: muster people enable %s", r.Person)
	case Gone:
		return l.T("The estate has no person %s any more.", "%s は現在の構成台帳に載っていません。", r.Person),
			l.T("Add them to the estate again, or use the token of somebody who is there", "構成台帳に追加するか、載っている人のトークンを使ってください")
	case Forged:
		return l.T("This link was not made by this server, or was changed on its way.", "このリンクは、このサーバーが発行したものではないか、途中で書き換えられています。"),
			l.T("Open it exactly as it was sent, the whole line; or ask for a new one", "届いたリンクを改変せず、全体を開いてください。開けない場合は再発行を依頼してください")
	case Replayed:
		return l.T("This message was sent before, or is too old.", "このメッセージは受け付け済みか、古すぎます。"),
			l.T("Compare the sender's clock with the server's", "送信元とサーバーの時計を比べてください")
	case OtherRun:
		return l.T("This link belongs to another run.", "このリンクは別の実施のものです。"), again
	case OtherPurpose:
		if !r.isLink() {
			return l.T("This token is for the figures (/metrics) alone.", "このトークンで読み取れるのは、メトリクス（/metrics）だけです。"),
				l.T("Use a personal token without a purpose: muster people token PERSON", "用途の指定のない個人トークンを使ってください: muster people token PERSON")
		}
		return l.T("This link is not for that.", "このリンクではその操作はできません。"),
			l.T("It lets its person do one thing in one run; sign in for the rest", "リンクでできるのは、1つの実施での1つの操作だけです。その他の操作にはサインインしてください")
	case Off:
		return l.T("This way of signing in is switched off.", "このサインイン方法は無効になっています。"),
			l.T("Use a personal token, or see the identity settings in muster.yaml", "個人トークンを使うか、muster.yamlのidentityの設定を確認してください")
	case Provider:
		return l.T("The sign-in provider's answer was not accepted.", "認証プロバイダーからの応答を受け付けられませんでした。"),
			l.T("Begin the sign-in again, in the same browser; if it happens again, sign in with a personal token and tell the administrator", "同じブラウザーでサインインをやり直してください。繰り返す場合は個人トークンでサインインし、管理者に連絡してください")
	case Stranger:
		return l.T("The sign-in provider knows you, and the estate does not.", "認証は成功しましたが、構成台帳に該当する人が載っていません。"),
			l.T("Have your subject entered in the estate: people: - {id: ..., subject: ...}", "構成台帳に subject を登録してもらってください（people: - {id: ..., subject: ...}）")
	}
	return l.T("You are not let in.", "利用できません。"), ""
}

func (r *Refusal) isLink() bool { return len(r.Via) > 4 && r.Via[:4] == "link" }
