package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/mail"
	"github.com/muster-dr/muster/internal/channel/slack"
	"github.com/muster-dr/muster/internal/channel/webhook"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// ChannelDeps are what channels need of the server that they speak for. All may be left out
// where nothing but a test message is said.
type ChannelDeps struct {
	Store  journal.Store
	Door   http.Handler // the API
	Links  channel.Links
	Estate func() (*inventory.Estate, error)
	// Disabled reports whether a person may not act any more.
	Disabled func(ctx context.Context, person string) (bool, error)
	// Unsigned is as in slack.Options.
	Unsigned func(r *http.Request, replay bool) bool
}

// Channels makes the channels that the settings name.
func Channels(o Options, d ChannelDeps) ([]channel.Channel, error) {
	var out []channel.Channel
	l, c := o.Lang, o.Config
	wrong := func(key string, err error) error {
		return &Trouble{Mistake: true, What: l.T("settings: %s", "設定: %s", key), Err: spoken{l, err}}
	}
	if m := c.Mail; m.Host != "" {
		ch, err := mail.New(mail.Options{Host: m.Host, Port: m.Port, TLS: m.TLS, User: m.User, Password: m.Password, From: m.From, CAFile: m.CAFile, Secrets: o.secrets()})
		if err != nil {
			return nil, wrong("mail", err)
		}
		out = append(out, ch)
	}
	if s := c.Slack; s.Token != "" {
		out = append(out, slack.New(slack.Options{Token: s.Token, AppToken: s.AppToken, SigningSecret: s.SigningSecret, HTTP: s.Mode == "http", Channel: s.Channel, PerRun: s.PerRunChannel,
			ApproveReal: s.Approve, API: s.API, Secrets: o.secrets(), Lang: l, Store: d.Store, Addresses: channel.Addresses{Base: c.PublicURL, Links: d.Links},
			Log: o.Log.With("component", "slack"), Estate: d.Estate, Door: d.Door, Disabled: d.Disabled, Unsigned: d.Unsigned}))
	}
	if w := c.Webhook; w.URL != "" {
		ch, err := webhook.New(webhook.Options{URL: w.URL, Secret: w.Secret, SecretNext: w.SecretNext, Allow: w.Allow, Contacts: w.Contacts, CAFile: w.CAFile, Secrets: o.secrets()})
		if err != nil {
			return nil, wrong("webhook", err)
		}
		out = append(out, ch)
	}
	return out, nil
}

// speaking is the part of the server that says what happens to people.
type speaking struct {
	channels []channel.Channel
	heard    func(channel string, err error)
	run      func(ctx context.Context)
	slack    http.Handler // takes what Slack sends; nil takes nothing
}

// heard tells the channels' state what came of a message that went past the dispatcher.
func (s *server) heard(channel string, err error) { s.says.heard(channel, err) }

// speak sets up the channels. Nobody waits for them: a server without one works as well.
func (s *server) speak(estate func() (*inventory.Estate, error), m *metrics.Metrics, door http.Handler, links channel.Links, disabled func(context.Context, string) (bool, error)) (*speaking, error) {
	o := s.o
	channels, err := Channels(o, ChannelDeps{Store: s.store, Door: door, Links: links, Estate: estate, Disabled: disabled, Unsigned: s.unsigned})
	out := &speaking{channels: channels, heard: func(string, error) {}, run: func(context.Context) {}}
	if err != nil || len(channels) == 0 {
		return out, err
	}
	var names []string
	var serve []func(context.Context)
	for _, c := range channels {
		names = append(names, c.Name())
		if in, ok := c.(*slack.Channel); ok {
			serve = append(serve, in.Serve)
			if o.Config.Slack.Mode == "http" {
				out.slack = in.Handler()
			}
		}
	}
	d := &channel.Dispatcher{
		Store: s.store, Channels: channels, Addresses: channel.Addresses{Base: o.Config.PublicURL, Links: links}, Estate: estate,
		Lang: o.Lang, Log: o.Log.With("component", "channels"), Metrics: m.Channels(names...),
	}
	s.api.Channels, out.heard = d.State, d.Heard
	d.Changed = s.store.Changed
	m.ChannelStates(d.State)
	out.run = func(ctx context.Context) {
		var g sync.WaitGroup
		g.Go(func() { d.Run(ctx) })
		for _, in := range serve {
			g.Go(func() { in(ctx) })
		}
		g.Wait()
		for _, c := range channels {
			if closer, ok := c.(interface{ Close() }); ok {
				closer.Close()
			}
		}
	}
	return out, nil
}

// TestChannel sends somebody a test message by one channel, now and once.
func TestChannel(ctx context.Context, o Options, name, person string) error {
	o = o.guarded()
	l := o.Lang
	channels, err := Channels(o, ChannelDeps{})
	if err != nil {
		return err
	}
	var names []string
	var way channel.Channel
	for _, c := range channels {
		names = append(names, c.Name())
		if c.Name() == name {
			way = c
		}
		if closer, ok := c.(interface{ Close() }); ok {
			defer closer.Close()
		}
	}
	if way == nil {
		if len(names) == 0 {
			return &Trouble{Mistake: true, What: l.T("No channel is set up.", "通知手段が設定されていません。"), WayOut: l.T("Set mail.host, slack.token or webhook.url in muster.yaml", "muster.yamlで mail.host、slack.token、webhook.url のいずれかを設定してください")}
		}
		return &Trouble{Mistake: true, What: l.T("There is no channel %q.", "通知手段 %q はありません。", name), WayOut: l.T("Set up are: %s", "設定済み: %s", strings.Join(names, ", "))}
	}
	e, err := scenario.Inventory(o.Config.Plans, all.Registry(all.Options{}))
	if err != nil || e == nil {
		return &Trouble{Mistake: true, What: l.T("the estate can't be read", "構成台帳を読み取れません"), Err: spoken{l, err}, WayOut: l.T("`muster validate` names the mistakes", "`muster validate` で誤りを確認できます")}
	}
	who, ok := e.Person(person)
	if !ok {
		return &Trouble{Mistake: true, What: l.T("The estate has no person %q.", "構成台帳に %q という人はいません。", person), WayOut: l.T("Give an ID of the estate's people", "構成台帳の人のIDを指定してください")}
	}
	contact := e.Contacts[person]
	lang := contact.Language(l)
	m := channel.TestMessage(rand.Text(), person, who.Name.In(string(lang)), contact, l, time.Now())
	if !way.Reaches(m) {
		return &Trouble{Mistake: true, What: l.T("%s has no way to %s.", "%s で %s に届ける宛先がありません。", name, person), WayOut: l.T("The estate's person needs mail, slack or contact for it; the webhook also webhook.contacts", "構成台帳のその人に mail、slack、contact のいずれかが必要です。Webhookは webhook.contacts も必要です")}
	}
	if err := way.Send(ctx, m, false); err != nil {
		return &Trouble{What: l.T("it was not delivered: %s", "届けられませんでした: %s", plan.Apart(o.seen.Text(err.Error())).In(string(l))), Err: o.clean(errors.Unwrap(err))}
	}
	return nil
}

// channels asks each way to people whether it works.
func (e *examination) channels(ctx context.Context) {
	title := e.t("channels", "通知手段")
	o := e.options() // a far end may tell what it was told
	o.Log = slog.New(slog.DiscardHandler)
	channels, err := Channels(o, ChannelDeps{})
	if err != nil {
		e.trouble("channels", title, err)
		return
	}
	if len(channels) == 0 {
		e.add("channels", title, Good, e.t("none set up: people are told by the board and the command line only", "未設定。通知はボードとコマンドのみで行われます"), "")
		return
	}
	if e.c.PublicURL == "" {
		e.add("public_url", e.t("links in messages", "通知内のリンク"), Odd, e.t("none: public_url is not set", "なし。public_urlが未設定です"), e.t("Set public_url to where people reach the board", "ボードのURLをpublic_urlに設定してください"))
	}
	for _, c := range channels {
		ask, cancel := context.WithTimeout(ctx, 15*time.Second)
		err := c.Works(ask)
		cancel()
		if closer, ok := c.(interface{ Close() }); ok {
			closer.Close()
		}
		name := title + " " + c.Name()
		if err != nil {
			found := plan.Apart(err.Error()).In(string(e.l))
			if why := errors.Unwrap(err); why != nil {
				found += ": " + why.Error()
			}
			way := e.t("Correct its settings; runs go on without it, and other channels say the same", "設定を確認してください。実施は止まらず、他の通知手段は動作します")
			if knows, ok := c.(interface{ WayOut(error) plan.Text }); ok {
				if set := knows.WayOut(err); set != (plan.Text{}) {
					way = set.In(string(e.l)) + "\n" + e.t("Until then runs go on without it, and other channels say the same", "それまでも実施は止まらず、他の通知手段は動作します")
				}
			}
			e.add("channel "+c.Name(), name, Bad, found, way)
			continue
		}
		e.add("channel "+c.Name(), name, Good, e.t("works; `muster channel test %s --to PERSON` tries it out", "動作しています。`muster channel test %s --to PERSON` で試せます", c.Name()), "")
	}
}
