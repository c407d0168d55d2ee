package slack

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
)

// users are Slack's word on who somebody is, for a while.
type users struct {
	mu    sync.Mutex
	known map[string]known
}

type known struct {
	at   time.Time
	full bool // a full member of the workspace
}

// trustUsers is how long Slack's word on an account is taken.
const trustUsers = 5 * time.Minute

// person is whoever clicked or typed, once it is sure.
type person struct {
	id   string
	user string
	lang i18n.Lang
}

// refused is why somebody may not act, in their language as far as it is known.
type refused string

func (r refused) Error() string { return string(r) }

// who makes sure of a person: an account that the estate names, a full member, not disabled.
func (c *Channel) who(ctx context.Context, user string) (person, error) {
	return c.whoFor(ctx, user, false)
}

// aboutThemselves reports whether an act says nothing but how somebody is and that they have come.
func aboutThemselves(action string) bool {
	return strings.HasPrefix(action, "checkin.") || action == "arrive"
}

// whoFor is who for somebody who perhaps only says how they are: when everybody answers at once Slack
// tells of some 100 accounts a minute, and an answer of an account that the estate names is not lost
// for that. One that Slack has said to be no full member stays out.
func (c *Channel) whoFor(ctx context.Context, user string, aboutThemselves bool) (person, error) {
	l := c.o.Lang
	e, err := c.o.Estate()
	if err != nil || e == nil {
		return person{}, refused(l.T("Who you are can't be told now: the estate's file has mistakes. `muster validate` names them.", "構成台帳のファイルに誤りがあるため、本人を確認できません。`muster validate` で確認してください。"))
	}
	id, contact := bySlack(e, user)
	l = contact.Language(l)
	if id == "" {
		return person{}, refused(l.T("muster does not know this Slack account (%s). Who keeps the estate can add it as slack: %s.", "このSlackアカウント（%s）は構成台帳に登録されていません。台帳の管理者に slack: %s の追加を依頼してください。", user, user))
	}
	full, err := c.full(ctx, user)
	if limited := new(slackgo.RateLimitedError); aboutThemselves && errors.As(err, &limited) {
		full, err = c.lastSaid(user), nil
	}
	switch {
	case err != nil:
		return person{}, refused(l.T("Slack can't say now who you are; try again in a moment, or use the board.", "Slackで本人を確認できません。少し待って再度お試しいただくか、ボードをご利用ください。"))
	case !full:
		return person{}, refused(l.T("Guests, bots and accounts of other workspaces can't act here.", "ゲスト、ボット、他のワークスペースのアカウントでは操作できません。"))
	}
	if c.o.Disabled != nil {
		off, err := c.o.Disabled(ctx, id)
		switch {
		case err != nil:
			return person{}, refused(l.T("Whether you may act can't be told now; try again in a moment.", "操作の可否を確認できません。少し待って再度お試しください。"))
		case off:
			return person{}, refused(l.T("Your account in muster is disabled.", "あなたのアカウントは無効化されています。"))
		}
	}
	return person{id: id, user: user, lang: l}, nil
}

func bySlack(e *estate.Estate, user string) (string, estate.Contact) {
	for id, c := range e.Contacts {
		if user != "" && c.Slack == user {
			return id, c
		}
	}
	return "", estate.Contact{}
}

// lastSaid is Slack's last word on an account, however old; of one that it was never asked about it
// is that it is a full member.
func (c *Channel) lastSaid(user string) bool {
	c.users.mu.Lock()
	defer c.users.mu.Unlock()
	k, ok := c.users.known[user]
	return !ok || k.full
}

// full asks Slack whether an account is a full member of the app's own workspace.
func (c *Channel) full(ctx context.Context, user string) (bool, error) {
	now := c.o.Clock.Time()
	c.users.mu.Lock()
	k, ok := c.users.known[user]
	c.users.mu.Unlock()
	if ok && now.Sub(k.at) < trustUsers {
		return k.full, nil
	}
	client, err := c.client(ctx)
	if err != nil {
		return false, err
	}
	u, err := client.GetUserInfoContext(ctx, user)
	var no slackgo.SlackErrorResponse
	switch {
	case errors.As(err, &no) && (no.Err == "user_not_found" || no.Err == "user_not_visible"):
		u = &slackgo.User{Deleted: true}
	case err != nil:
		return false, err
	}
	full := !u.Deleted && !u.IsBot && !u.IsRestricted && !u.IsUltraRestricted && !u.IsStranger
	c.users.mu.Lock()
	defer c.users.mu.Unlock()
	if len(c.users.known) > 20_000 {
		clear(c.users.known)
	}
	c.users.known[user] = known{at: now, full: full}
	return full, nil
}

// as is the context in which a person acts.
func (p person) as(ctx context.Context) context.Context {
	return identity.With(ctx, identity.Actor{Person: p.id, Via: "slack " + p.user})
}
