package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/mail"
	"github.com/muster-dr/muster/internal/channel/slack"
	"github.com/muster-dr/muster/internal/channel/webhook"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/secret"
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
}

// Channels makes the channels that the settings name.
func Channels(o Options, d ChannelDeps) ([]channel.Channel, error) {
	var out []channel.Channel
	l, c := o.Lang, o.Config
	wrong := func(key string, err error) error {
		return &Trouble{Mistake: true, What: l.T("settings: %s", "設定: %s", key), Err: err}
	}
	if m := c.Mail; m.Host != "" {
		ch, err := mail.New(mail.Options{Host: m.Host, Port: m.Port, TLS: m.TLS, User: m.User, Password: m.Password, From: m.From, CAFile: m.CAFile, Secrets: secret.Local{}})
		if err != nil {
			return nil, wrong("mail", err)
		}
		out = append(out, ch)
	}
	if s := c.Slack; s.Token != "" {
		out = append(out, slack.New(slack.Options{Token: s.Token, AppToken: s.AppToken, SigningSecret: s.SigningSecret, HTTP: s.Mode == "http", Channel: s.Channel, PerRun: s.PerRunChannel,
			ApproveReal: s.Approve, API: s.API, Secrets: secret.Local{}, Lang: l, Store: d.Store, Addresses: channel.Addresses{Base: c.PublicURL, Links: d.Links},
			Log: o.Log.With("component", "slack"), Estate: d.Estate, Door: d.Door, Disabled: d.Disabled}))
	}
	if w := c.Webhook; w.URL != "" {
		ch, err := webhook.New(webhook.Options{URL: w.URL, Secret: w.Secret, SecretNext: w.SecretNext, Allow: w.Allow, Contacts: w.Contacts, CAFile: w.CAFile, Secrets: secret.Local{}})
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
	run      func(ctx context.Context)
	slack    http.Handler // takes what Slack sends; nil takes nothing
}

// speak sets up the channels. Nobody waits for them: a server without one works as well.
func (s *server) speak(raw journal.Store, catalog scenario.Catalog, m *metrics.Metrics, door http.Handler, links channel.Links, disabled func(context.Context, string) (bool, error)) (*speaking, error) {
	o := s.o
	estate := recent(func() (*inventory.Estate, error) { return scenario.Inventory(o.Config.Plans, catalog) })
	channels, err := Channels(o, ChannelDeps{Store: s.store, Door: door, Links: links, Estate: estate, Disabled: disabled})
	out := &speaking{channels: channels, run: func(context.Context) {}}
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
	if n, ok := raw.(journal.Notifier); ok {
		d.Changed = n.Changed
	}
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

// recent reads the estate again after some seconds: thousands who click at once must not
// each have it read.
func recent(read func() (*inventory.Estate, error)) func() (*inventory.Estate, error) {
	var mu sync.Mutex
	var at time.Time
	var known *inventory.Estate
	err := errors.New("not read yet")
	return func() (*inventory.Estate, error) {
		mu.Lock()
		defer mu.Unlock()
		if at.IsZero() || time.Since(at) > 3*time.Second {
			known, err = read()
			at = time.Now()
		}
		return known, err
	}
}
