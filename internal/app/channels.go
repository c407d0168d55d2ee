package app

import (
	"context"
	"sync"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/channel/mail"
	"github.com/muster-dr/muster/internal/config"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/secret"
)

// Channels makes the channels that the settings name.
func Channels(l i18n.Lang, c config.Config) ([]channel.Channel, error) {
	var out []channel.Channel
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
	return out, nil
}

// speaking is the part of the server that says what happens to people.
type speaking struct {
	channels []channel.Channel
	run      func(ctx context.Context)
}

// speak sets up the channels. Nobody waits for them: a server without one works as well.
func (s *server) speak(raw journal.Store, catalog scenario.Catalog, m *metrics.Metrics, links channel.Links) (*speaking, error) {
	o := s.o
	channels, err := Channels(o.Lang, o.Config)
	if err != nil || len(channels) == 0 {
		return &speaking{run: func(context.Context) {}}, err
	}
	var names []string
	for _, c := range channels {
		names = append(names, c.Name())
	}
	d := &channel.Dispatcher{
		Store: s.store, Channels: channels, Addresses: channel.Addresses{Base: o.Config.PublicURL, Links: links},
		Estate: func() (*inventory.Estate, error) { return scenario.Inventory(o.Config.Plans, catalog) },
		Lang:   o.Lang, Log: o.Log.With("component", "channels"), Metrics: m.Channels(names...),
	}
	if n, ok := raw.(journal.Notifier); ok {
		d.Changed = n.Changed
	}
	return &speaking{channels: channels, run: func(ctx context.Context) {
		var g sync.WaitGroup
		g.Go(func() { d.Run(ctx) })
		g.Wait()
		for _, c := range channels {
			if closer, ok := c.(interface{ Close() }); ok {
				closer.Close()
			}
		}
	}}, nil
}
