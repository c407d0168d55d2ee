package config

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

// clear reports whether an address is read by anybody on the way to it: http, and not to this
// machine itself.
func clear(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}

// checkChannels judges how people are reached.
func (c Config) checkChannels(say wrong, oneOf func(key, value string, allowed ...string)) {
	web := func(key, value string) {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil) {
			say(key, "is no URL such as https://muster.example.jp, without a user or a password in it", "https://muster.example.jp のようなURLではありません（ユーザー名とパスワードは含めない）")
		}
	}
	reference := func(key, value string) {
		if value != "" && !strings.HasPrefix(value, "secret://") {
			say(key, "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
		}
	}
	web("public_url", c.PublicURL)
	web("slack.api", c.Slack.API)
	web("webhook.url", c.Webhook.URL)
	web("findings.webhook", c.Findings.Webhook)
	c.checkFindings(say)
	if c.Webhook.Contacts && clear(c.Webhook.URL) {
		say("webhook.url", "is http, and webhook.contacts sends names, telephone numbers and personal links there for anybody on the way to read; write https, or take webhook.contacts away",
			"httpのため、webhook.contacts で送る氏名・電話番号・個人用リンクが経路上で読まれます。httpsにするか、webhook.contacts を外してください")
	}
	reference("mail.password", c.Mail.Password)
	reference("slack.token", c.Slack.Token)
	reference("slack.app_token", c.Slack.AppToken)
	reference("slack.signing_secret", c.Slack.SigningSecret)
	reference("webhook.secret", c.Webhook.Secret)
	reference("webhook.secret_next", c.Webhook.SecretNext)

	oneOf("mail.tls", c.Mail.TLS, "", "starttls", "tls", "none")
	oneOf("slack.mode", c.Slack.Mode, "", "socket", "http")
	if c.Mail.Host != "" {
		if a, err := mail.ParseAddress(c.Mail.From); err != nil || a.Address != c.Mail.From {
			say("mail.from", "%q is no mail address; write one such as muster@example.jp", "%q はメールアドレスではありません。muster@example.jp のように書いてください", c.Mail.From)
		}
		if c.Mail.User != "" && c.Mail.Password == "" {
			say("mail.password", "is needed with mail.user; write secret://env/NAME or secret://file/PATH", "mail.user を使う場合は必須です。secret://env/NAME か secret://file/PATH で書いてください")
		}
		if c.Mail.Port < 0 || c.Mail.Port > 65535 {
			say("mail.port", "%d is no port; write one such as 587, or 0 for the usual one", "%d はポート番号ではありません。587 などを書くか、既定値なら 0 にしてください", c.Mail.Port)
		}
	} else if c.Mail.From != "" || c.Mail.User != "" {
		say("mail.host", "is empty, so no mail is sent; name the mail server, or take the other mail settings away", "空のため、メールは送信されません。メールサーバーを指定するか、ほかのmailの設定を外してください")
	}
	if c.Slack.Token != "" {
		if c.Slack.Mode != "http" && c.Slack.AppToken == "" {
			say("slack.app_token", "is needed for socket mode; write secret://env/NAME, or set slack.mode to http", "socketモードでは必須です。secret://env/NAME で書くか、slack.mode を http にしてください")
		}
		if c.Slack.Mode == "http" && c.Slack.SigningSecret == "" {
			say("slack.signing_secret", "is needed for http mode: without it anybody could act in Slack's name", "httpモードでは必須です。ないと、誰でもSlackを装って操作できてしまいます")
		}
	} else if c.Slack.AppToken != "" || c.Slack.SigningSecret != "" || c.Slack.Channel != "" || c.Slack.PerRunChannel {
		say("slack.token", "is empty, so Slack is not used; give the bot token, or take the other slack settings away", "空のため、Slackは使われません。ボットトークンを指定するか、ほかのslackの設定を外してください")
	}
	if c.Webhook.URL != "" && c.Webhook.Secret == "" {
		say("webhook.secret", "is needed with webhook.url: the other side can't tell who sent it without a signature", "webhook.url を使う場合は必須です。署名がないと、受信側が送信元を確認できません")
	}
	for _, a := range c.Webhook.Allow {
		if _, err := netip.ParsePrefix(a); err != nil {
			if _, err := netip.ParseAddr(a); err != nil {
				say("webhook.allow", "%q is neither an address nor a network such as 10.1.2.0/24", "%q はIPアドレスでも、10.1.2.0/24 のようなネットワークでもありません", a)
			}
		}
	}
}
