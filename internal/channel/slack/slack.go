// Package slack is the channel in Slack: it says what happens in direct messages and in the
// channel of a run, keeps one message a run and one a matter up to date, and takes people's
// acts through the same door as everybody else's. A run waits for none of it.
package slack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/secret"
)

// Options of the channel.
type Options struct {
	Token, AppToken, SigningSecret string // references (secret://)
	HTTP                           bool   // Slack calls us; else Socket Mode
	Channel                        string // in which runs are shown; "" shows none
	PerRun                         bool   // a channel for each run
	ApproveReal                    bool   // decisions and approvals of a real response by Slack alone
	API                            string // "" is Slack's
	Secrets                        secret.Resolver
	Lang                           i18n.Lang
	Store                          journal.Store
	Addresses                      channel.Addresses
	Log                            *slog.Logger
	// Estate is the inventory as it is now.
	Estate func() (*estate.Estate, error)
	// Door answers the API; acts go through it.
	Door http.Handler
	// Disabled reports whether a person may not act any more; nil is nobody.
	Disabled func(ctx context.Context, person string) (bool, error)
	// Unsigned enters that a request was not Slack's, or replays one that was, and reports whether
	// it did: there may be many. nil enters none.
	Unsigned func(r *http.Request, replay bool) bool
	Clock    channel.Clock
	// PerChannel and Overall are the least time between two messages to one conversation and
	// to any; zero is what Slack asks for, 1 s and 200 ms.
	PerChannel, Overall time.Duration
}

const (
	atOnce       = 4
	answerWithin = 15 * time.Second
)

// Channel is Slack.
type Channel struct {
	o      Options
	rate   *limiter
	http   *http.Client
	mu     sync.Mutex
	api    *slackgo.Client
	token  string
	app    string // token of Socket Mode
	bot    string
	users  users
	seen   *seen
	away   atomic.Bool   // Socket Mode is not connected; what people answer does not arrive
	work   chan struct{} // places for what is done behind an acknowledgement
	turned chan struct{} // and for telling that there is none
}

var _ channel.Channel = (*Channel)(nil)

// New makes the channel. It connects when there is something to say.
func New(o Options) *Channel {
	o.API = cmp.Or(o.API, slackgo.APIURL)
	if !strings.HasSuffix(o.API, "/") {
		o.API += "/"
	}
	o.PerChannel, o.Overall = cmp.Or(o.PerChannel, time.Second), cmp.Or(o.Overall, 200*time.Millisecond)
	c := &Channel{o: o, rate: newLimiter(o.Clock, o.PerChannel, o.Overall), seen: newSeen(), http: &http.Client{Timeout: answerWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	c.users.known = map[string]known{}
	c.work, c.turned = make(chan struct{}, mostWork), make(chan struct{}, mostTurnedAway)
	return c
}

func (c *Channel) Name() string { return "slack" }

func (c *Channel) AtOnce() int { return atOnce }

// Reaches: people directly; the room of a run with what has no message of its own there.
func (c *Channel) Reaches(m channel.Message) bool {
	if m.Person != "" {
		return m.Contact.Slack != ""
	}
	return (c.o.Channel != "" || c.o.PerRun) && m.Matter == channel.Notice
}

// client is one with the tokens as they are now.
func (c *Channel) client(ctx context.Context) (*slackgo.Client, error) {
	token, err := c.o.Secrets.Resolve(ctx, c.o.Token)
	if err != nil {
		return nil, channel.Down(channel.Says("the Slack token can't be read", "Slackのトークンを読み取れない"), 0, err)
	}
	app, socket := "", c.o.AppToken != "" && !c.o.HTTP
	if socket {
		app, err = c.o.Secrets.Resolve(ctx, c.o.AppToken)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil { // nothing is sent with it: the last one does
		if app = c.app; app == "" {
			return nil, channel.Down(channel.Says("the Slack app token can't be read", "Slackのアプリトークンを読み取れない"), 0, err)
		}
	}
	if c.api == nil || token != c.token || app != c.app {
		options := []slackgo.Option{slackgo.OptionAPIURL(c.o.API), slackgo.OptionHTTPClient(c.http)}
		if socket {
			options = append(options, slackgo.OptionAppLevelToken(app))
		}
		c.api, c.token, c.app, c.bot = slackgo.New(token, options...), token, app, ""
	}
	return c.api, nil
}

// Deaf is why nothing that people do in Slack arrives; "" while it does. In HTTP mode nobody knows.
func (c *Channel) Deaf() string {
	if !c.away.Load() {
		return ""
	}
	return channel.Says("messages go out, but Slack's buttons and commands do not arrive: Socket Mode is not connected (check slack.app_token)",
		"送信はできるが、Slackのボタンとコマンドが届かない。Socket Modeに接続できていない（slack.app_tokenを確認）")
}

// Works asks Slack who we are.
func (c *Channel) Works(ctx context.Context) error {
	api, err := c.client(ctx)
	if err != nil {
		return err
	}
	who, err := api.AuthTestContext(ctx)
	if err != nil {
		return c.judge(err)
	}
	c.mu.Lock()
	c.bot = who.UserID
	c.mu.Unlock()
	return nil
}

// mark tells one of our messages from all others, in its metadata.
func mark(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

const metadata = "muster_message"

// placed is where a message stands.
type placed struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Person  string `json:"person,omitempty"`
	User    string `json:"user,omitempty"`
}

// Send says a message to a person, or into the thread of the run.
func (c *Channel) Send(ctx context.Context, m channel.Message, again bool) error {
	if err := m.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	api, err := c.client(ctx)
	if err != nil {
		return err
	}
	to, thread := m.Contact.Slack, ""
	if m.Person == "" {
		room, err := c.roomOf(ctx, m.Run)
		if err != nil {
			return err
		}
		to, thread = room.Channel, room.Cards[runCard].TS
		if thread == "" {
			return &channel.Failure{Text: channel.Says("the run's message is not in Slack yet", "実施のメッセージがまだSlackにない"), Temporary: true, After: time.Second}
		}
	}
	if again {
		if at, err := c.find(ctx, api, to, thread, m); err != nil || at != nil {
			if at != nil {
				return c.note(ctx, m, *at)
			}
			return err
		}
	}
	if err := c.rate.wait(ctx, to); err != nil {
		return err
	}
	options := append(c.content(m), slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: metadata, EventPayload: map[string]any{"id": mark(m.ID)}}))
	if thread != "" {
		options = append(options, slackgo.MsgOptionTS(thread))
	}
	at, ts, err := api.PostMessageContext(ctx, to, options...)
	if err != nil {
		return c.judge(err)
	}
	return c.note(ctx, m, placed{Channel: at, TS: ts})
}

// find looks whether a message that may have been sent was.
func (c *Channel) find(ctx context.Context, api *slackgo.Client, to, thread string, m channel.Message) (*placed, error) {
	at := to
	if m.Person != "" {
		conversation, _, _, err := api.OpenConversationContext(ctx, &slackgo.OpenConversationParameters{Users: []string{to}})
		if err != nil {
			return nil, c.judge(err)
		}
		at = conversation.ID
	}
	ts, err := c.search(ctx, api, at, thread, mark(m.ID))
	if err != nil || ts == "" {
		return nil, err
	}
	return &placed{Channel: at, TS: ts}, nil
}

// search finds the message with a mark among the newest of a conversation or a thread.
func (c *Channel) search(ctx context.Context, api *slackgo.Client, at, thread, mark string) (ts string, err error) {
	cursor := ""
	for range 5 { // a thousand messages back is before this run
		var messages []slackgo.Message
		var next string
		if thread != "" {
			messages, _, next, err = api.GetConversationRepliesContext(ctx, &slackgo.GetConversationRepliesParameters{ChannelID: at, Timestamp: thread, Cursor: cursor, Limit: 200, IncludeAllMetadata: true})
		} else {
			var h *slackgo.GetConversationHistoryResponse
			if h, err = api.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{ChannelID: at, Cursor: cursor, Limit: 200, IncludeAllMetadata: true}); err == nil {
				messages, next = h.Messages, h.ResponseMetaData.NextCursor
			}
		}
		if err != nil {
			return "", c.judge(err)
		}
		for _, m := range messages {
			if m.Metadata.EventType == metadata && m.Metadata.EventPayload["id"] == mark {
				return m.Timestamp, nil
			}
		}
		if next == "" {
			return "", nil
		}
		cursor = next
	}
	return "", nil
}

// note remembers where a message with buttons stands, so that they vanish when the matter
// is settled.
func (c *Channel) note(ctx context.Context, m channel.Message, at placed) error {
	key := matterKey(m.Event)
	if m.Person == "" || key == "" || c.o.Store == nil {
		return nil
	}
	at.Person, at.User = m.Person, m.Contact.Slack
	for range 20 {
		doc, list, err := c.placements(ctx, m.Run, key)
		if err != nil {
			break
		}
		for _, p := range list {
			if p == at {
				return nil
			}
		}
		body, err := json.Marshal(append(list, at))
		if err != nil {
			return err
		}
		doc.Body = body
		if _, err = c.o.Store.PutDocument(ctx, doc); err == nil {
			return nil
		} else if !errors.Is(err, journal.ErrChanged) {
			break
		}
	}
	// The message is out: not knowing its place only leaves its buttons, which then say that
	// the matter is settled.
	return nil
}

const kindPlaced = "slack.placed"

func (c *Channel) placements(ctx context.Context, runID, key string) (journal.Document, []placed, error) {
	doc, err := c.o.Store.Document(ctx, kindPlaced, runID+"|"+key)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Document{Kind: kindPlaced, ID: runID + "|" + key}, nil, nil
	}
	var list []placed
	if err == nil {
		err = json.Unmarshal(doc.Body, &list)
	}
	return doc, list, err
}

// judge tells what concerns this receiver from what concerns Slack.
func (c *Channel) judge(err error) error {
	limited, status, answer := new(slackgo.RateLimitedError), slackgo.StatusCodeError{}, slackgo.SlackErrorResponse{}
	switch {
	case errors.As(err, &limited):
		return channel.Down(channel.Says("Slack asks us to slow down (429)", "Slackの送信制限に達した（429）"), limited.RetryAfter, err)
	case errors.As(err, &status):
		f := channel.Down(channel.Says("Slack does not work (%d)", "Slackが応答しない（%d）", status.Code), 0, err)
		f.Unsure = true
		return f
	case errors.As(err, &answer):
		return refusal(answer.Err, err)
	}
	f := channel.Down(channel.Says("Slack can't be reached", "Slackに接続できない"), 0, err)
	f.Unsure = true
	return f
}

// refusal is an answer of Slack's that says no.
func refusal(code string, err error) *channel.Failure {
	switch code {
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "org_login_required", "ekm_access_denied":
		return channel.Down(channel.Says("Slack does not accept the token (%s)", "Slackのトークンが受け付けられない（%s）", code), 0, err)
	case "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout":
		return channel.Down(channel.Says("Slack does not work (%s)", "Slackが応答しない（%s）", code), 0, err)
	}
	return &channel.Failure{Text: channel.Says("Slack refuses this receiver (%s)", "Slackがこの宛先を受け付けない（%s）", code), Err: err}
}

// limiter keeps to Slack's rates: about a message a second to a conversation, and some
// hundreds a minute in all.
type limiter struct {
	clock               channel.Clock
	perChannel, overall time.Duration

	mu   sync.Mutex
	next time.Time
	of   map[string]time.Time
}

func newLimiter(c channel.Clock, perChannel, overall time.Duration) *limiter {
	return &limiter{clock: c, perChannel: perChannel, overall: overall, of: map[string]time.Time{}}
}

// wait holds a message back until it may be sent.
func (l *limiter) wait(ctx context.Context, to string) error {
	now := l.clock.Time()
	l.mu.Lock()
	at := now
	if l.next.After(at) {
		at = l.next
	}
	l.next = at.Add(l.overall)
	if own := l.of[to]; own.After(at) {
		at = own
	}
	l.of[to] = at.Add(l.perChannel)
	if len(l.of) > 1000 {
		for k, t := range l.of {
			if t.Before(now) {
				delete(l.of, k)
			}
		}
	}
	l.mu.Unlock()
	if at.After(now) {
		return l.clock.Wait(ctx, at.Sub(now))
	}
	return ctx.Err()
}
