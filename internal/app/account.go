package app

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

// tokenIssued tells somebody that a token was issued for them, by every channel that reaches
// them: who did not ask for it knows that another one may act under their name. It holds up
// nobody, and what is not delivered is in the log.
func (s *server) tokenIssued(estate func() (*inventory.Estate, error)) func(context.Context, identity.Token) {
	return func(ctx context.Context, t identity.Token) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		go func() {
			defer cancel()
			e, err := estate()
			if e == nil {
				s.o.Log.Warn("nobody was told that a token was issued for them", "person", t.Person, "token", t.ID, "err", err)
				return
			}
			who, _ := e.Person(t.Person)
			m := aboutToken(t, who.Name.In, e.Contacts[t.Person], s.o.Lang, i18n.Zone(e.Zone))
			for _, c := range s.says.channels {
				if !c.Reaches(m) {
					continue
				}
				if err := c.Send(ctx, m, false); err != nil {
					s.o.Log.Warn("nobody was told that a token was issued for them", "person", t.Person, "token", t.ID, "channel", c.Name(), "err", err)
				}
			}
		}()
	}
}

func aboutToken(t identity.Token, name func(lang string) string, contact inventory.Contact, server i18n.Lang, zone *time.Location) channel.Message {
	l := contact.Language(server)
	by := t.By
	switch by {
	case identity.Console:
		by = l.T("the server's own token", "サーバー本体のトークン")
	case t.Person:
		by = l.T("yourself", "本人")
	}
	// Of no drill, so without the mark of one.
	m := channel.Message{ID: "token/" + t.ID, Run: "token " + t.ID, Kind: run.Response, Matter: channel.Account, Person: t.Person, Name: name(string(l)), Contact: contact, Lang: l, At: t.CreatedAt}
	m.Subject = l.T("A muster token was issued for you", "musterのトークンがあなたの名前で発行されました")
	m.Text = l.T("Token %s was issued by %s at %s. With it one acts under your name until %s.\nIf you did not expect it: tell an administrator, who takes it back with `muster people revoke %[1]s`.",
		"トークン %s が発行されました。発行者：%s、日時：%s。%s まで、このトークンであなたとして操作できます。\n心当たりがない場合は、管理者に連絡してください。管理者は `muster people revoke %[1]s` で取り消せます。",
		t.ID, by, i18n.Moment(t.CreatedAt, zone), i18n.Moment(t.ExpiresAt, zone))
	return m
}
