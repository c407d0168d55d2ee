package mail

import (
	"html/template"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/run"
)

// compose makes the message: plain text, and the same as HTML that needs nothing from
// anywhere.
func (c *Channel) compose(m channel.Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	// Structured, so that no name can add a header.
	msg.FromMailAddress(&mail.Address{Name: "muster", Address: c.o.From})
	to, err := mail.ParseAddress(m.Contact.Mail)
	if err != nil {
		return nil, err
	}
	msg.ToMailAddress(&mail.Address{Name: plainName(m.Name), Address: to.Address})
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(c.messageID(m))
	msg.SetDateWithValue(m.At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("List-Id", "muster <muster."+c.domain+">")
	if m.Matter == channel.Call || m.Kind == run.Response {
		msg.SetImportance(gomail.ImportanceHigh)
	}
	msg.SetBodyString(gomail.TypeTextPlain, plain(m))
	page, err := html(m)
	if err != nil {
		return nil, err
	}
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	return msg, nil
}

// plainName keeps what a display name may hold.
func plainName(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }), " ")
}

func plain(m channel.Message) string {
	var b strings.Builder
	b.WriteString(m.Text + "\n")
	for _, l := range m.Links {
		b.WriteString("\n" + l.Label + ":\n" + l.URL + "\n")
	}
	b.WriteString("\n-- \n" + foot(m) + "\n")
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}

// foot says what this mail is, and that its links are one's own.
func foot(m channel.Message) string {
	s := m.Lang.T("Sent by muster for run %s. Nobody reads answers to this mail.", "musterによる自動送信です（%s）。このメールへの返信は確認されません。", m.Run)
	if m.Matter == channel.Account {
		s = m.Lang.T("Sent by muster. Nobody reads answers to this mail.", "musterによる自動送信です。このメールへの返信は確認されません。")
	}
	for _, l := range m.Links {
		if l.Personal {
			return s + "\n" + m.Lang.T("The links are yours alone: do not pass them on.", "リンクはあなた専用です。転送しないでください。")
		}
	}
	return s
}

var page = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Subject}}</title></head>
<body style="font-family:sans-serif;font-size:16px;line-height:1.5;color:#111;background:#fff;max-width:40em">
{{range .Lines}}<p style="margin:0 0 .5em">{{.}}</p>
{{end}}{{range .Links}}<p style="margin:1em 0"><a href="{{.URL}}" style="{{if .Personal}}display:inline-block;padding:.8em 1.2em;background:#0072B2;color:#fff;text-decoration:none;border-radius:4px{{else}}color:#0072B2{{end}}">{{.Label}}</a></p>
{{end}}{{range .Foot}}<p style="margin:1em 0 0;font-size:13px;color:#555">{{.}}</p>
{{end}}</body></html>
`))

func html(m channel.Message) (string, error) {
	var b strings.Builder
	err := page.Execute(&b, map[string]any{"Lang": string(m.Lang), "Subject": m.Subject, "Lines": strings.Split(m.Text, "\n"),
		"Links": m.Links, "Foot": strings.Split(foot(m), "\n")})
	return b.String(), err
}
