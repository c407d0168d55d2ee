package config

import (
	"net"
	"net/url"
	"strings"
	"time"
)

// Identity is how people are known.
type Identity struct {
	// Console lets whoever holds the server's own token act as any person; nil does.
	Console *bool `mapstructure:"console"`
	// Idle ends a browser's session that nobody uses, Longest every session.
	Idle    time.Duration `mapstructure:"idle"`
	Longest time.Duration `mapstructure:"longest"`
	// LogKept is how long the access log is kept, a year at least.
	LogKept time.Duration `mapstructure:"log_kept"`
	OIDC    OIDC          `mapstructure:"oidc"`
}

// OIDC is an OpenID provider to sign in with. An empty Issuer is none.
type OIDC struct {
	Issuer   string   `mapstructure:"issuer"`
	ClientID string   `mapstructure:"client_id"`
	Secret   string   `mapstructure:"client_secret"`
	Scopes   []string `mapstructure:"scopes"`
	ByMail   bool     `mapstructure:"by_mail"`
}

func identityKeys() []Key {
	return []Key{
		{"identity.console", "true", "whether the server's own token lets its holder act as any person; switch it off once everybody has a personal token", "サーバーのトークンで任意の人として操作できるか。全員が個人トークンを持ったらfalseにする"},
		{"identity.idle", "8h", "a browser's sign-in that is not used for so long ends", "使われないブラウザーのサインインが切れるまでの時間"},
		{"identity.longest", "24h", "every sign-in of a browser ends after so long", "ブラウザーのサインインの最長時間"},
		{"identity.log_kept", "9600h", "how long the access log is kept, 8760h (a year) at least", "アクセス記録の保存期間。8760h（1年）以上"},
		{"identity.oidc.issuer", "", "OpenID provider to sign in with, as its issuer's URL; empty is none", "サインインに使うOpenIDプロバイダーのissuerのURL。空なら使わない"},
		{"identity.oidc.client_id", "", "what the provider knows muster as", "プロバイダーに登録したクライアントID"},
		{"identity.oidc.client_secret", "", "the client's secret, as secret://env/NAME or secret://file/PATH; empty for a public client", "クライアントシークレット。secret://env/NAME か secret://file/PATH で書く。公開クライアントなら空"},
		{"identity.oidc.scopes", "", "scopes besides openid, comma-separated", "openid以外のスコープ (カンマ区切り)"},
		{"identity.oidc.by_mail", "false", "let people in by a mail address that the provider has verified, when the estate has no subject of theirs", "構成台帳にsubjectがない人を、プロバイダーが確認済みのメールアドレスで認める"},
	}
}

// checkIdentity judges how people are known.
func (c Config) checkIdentity(say wrong) {
	i := c.Identity
	if i.Idle < time.Minute || i.Longest < i.Idle {
		say("identity.idle", "%s: write a minute or more, and no longer than identity.longest (%s)", "%s は使えません。1分以上、identity.longest（%s）以下にしてください", i.Idle, i.Longest)
	}
	if i.Longest > 30*24*time.Hour {
		say("identity.longest", "%s is too long; write 720h or less", "%s は長すぎます。720h 以下にしてください", i.Longest)
	}
	if i.LogKept < 365*24*time.Hour {
		say("identity.log_kept", "%s is too short: the access log is kept for a year at least; write 8760h or more", "%s は短すぎます。アクセス記録の保存期間は最短1年です。8760h 以上にしてください", i.LogKept)
	}
	o := i.OIDC
	if o.Issuer == "" {
		if o.ClientID != "" || o.Secret != "" || o.ByMail {
			say("identity.oidc.issuer", "is empty, so nobody can sign in that way; name the provider, or take the other identity.oidc settings away",
				"空のため、この方法ではサインインできません。プロバイダーを指定するか、ほかのidentity.oidcの設定を外してください")
		}
		return
	}
	if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		say("identity.oidc.issuer", "%q is not an https URL such as https://login.example.jp", "%q は https://login.example.jp のようなhttpsのURLではありません", o.Issuer)
	}
	if o.ClientID == "" {
		say("identity.oidc.client_id", "is empty; write what the provider knows muster as", "空です。プロバイダーに登録したクライアントIDを書いてください")
	}
	if o.Secret != "" && !strings.HasPrefix(o.Secret, "secret://") {
		say("identity.oidc.client_secret", "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL == "" || err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
		say("public_url", "is needed with identity.oidc.issuer, and is https: the provider sends browsers back to it", "identity.oidc.issuer を使う場合は必須で、httpsにする必要があります（プロバイダーがブラウザーをこのURLへ戻します）")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
