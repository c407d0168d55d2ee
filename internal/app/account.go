package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// tellWithin is how long each channel has for one message about a token.
	tellWithin = time.Minute
	// mostUntold wait to be told: tokens are issued by people, one at a time.
	mostUntold = 100
)

// accounts tells people that a token was issued for them, by every channel that reaches them: who
// did not ask for it knows that another one may act under their name. It holds up nobody, no
// channel waits for another one, and what is not delivered is in the log.
type accounts struct {
	log      *slog.Logger
	channels func() []channel.Channel
	about    func(identity.Token) (channel.Message, error)
	within   time.Duration
	done     through
	waiting  chan identity.Token
}

func (s *server) tellsAccounts(estate func() (*inventory.Estate, error)) *accounts {
	return &accounts{log: s.o.Log, channels: func() []channel.Channel { return s.says.channels }, within: tellWithin, done: through{heard: s.heard}, waiting: make(chan identity.Token, mostUntold),
		about: func(t identity.Token) (channel.Message, error) {
			e, err := estate()
			if e == nil {
				return channel.Message{}, err
			}
			who, _ := e.Person(t.Person)
			return aboutToken(t, who.Name.In, e.Contacts[t.Person], s.o.Lang, i18n.Zone(e.Zone)), nil
		}}
}

// issued has somebody told of a token.
func (a *accounts) issued(_ context.Context, t identity.Token) {
	select {
	case a.waiting <- t:
	default:
		a.nobody(t, errors.New("too many tokens were issued at once"))
	}
}

// run tells until ctx ends. It returns when nothing is being told any more.
func (a *accounts) run(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	for {
		select {
		case t := <-a.waiting:
			telling.Go(func() { a.tell(ctx, t) })
		case <-ctx.Done():
			for {
				select {
				case t := <-a.waiting:
					a.nobody(t, context.Cause(ctx))
				default:
					return
				}
			}
		}
	}
}

// tell tells one person by every channel that reaches them, each in its own time.
func (a *accounts) tell(ctx context.Context, t identity.Token) {
	m, err := a.about(t)
	if err != nil {
		a.nobody(t, err)
		return
	}
	reached := false
	var telling sync.WaitGroup
	for _, c := range a.channels() {
		if !c.Reaches(m) {
			continue
		}
		reached = true
		telling.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, a.within)
			defer cancel()
			if err := a.done.send(ctx, c, m, false); err != nil {
				a.log.Warn("that a token was issued for somebody was not told by "+c.Name(), "person", t.Person, "token", t.ID, "channel", c.Name(), "err", err)
			}
		})
	}
	telling.Wait()
	if !reached {
		a.nobody(t, errors.New("no channel reaches them"))
	}
}

func (a *accounts) nobody(t identity.Token, err error) {
	a.log.Warn("nobody was told that a token was issued for them", "person", t.Person, "token", t.ID, "err", err)
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
