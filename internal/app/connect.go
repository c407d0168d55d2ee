package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/metrics"
)

// Connection reads how to reach the engine that the settings name.
func Connection(ctx context.Context, o Options) (engine.Connection, error) {
	l, c := o.Lang, o.Config
	t := c.Temporal
	if c.Embedded() {
		return engine.Connection{}, &Trouble{Mistake: true,
			What:   l.T("No engine is named.", "エンジンの指定がありません。"),
			WayOut: l.T("Give the address of your Temporal as temporal.address (--temporal-address), or run `muster up`, which has an engine of its own", "temporal.address (--temporal-address) でTemporalのアドレスを指定するか、エンジン内蔵の `muster up` を使ってください")}
	}
	codec, err := payloads(ctx, o)
	if err != nil {
		return engine.Connection{}, err
	}
	out := engine.Connection{Address: t.Address, Namespace: t.Namespace, Codec: codec}
	if t.APIKey != "" {
		key, err := o.secrets().Resolve(ctx, t.APIKey)
		if err != nil {
			return out, &Trouble{Mistake: true, What: "temporal.api_key", Err: spoken{l, err}}
		}
		out.APIKey = key
	}
	if !t.TLS.Enabled && t.TLS.CAFile == "" && t.TLS.CertFile == "" && t.TLS.ServerName == "" {
		return out, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.TLS.ServerName}
	if t.TLS.CAFile != "" {
		roots, err := authorities(l, "temporal.tls.ca_file", t.TLS.CAFile)
		if err != nil {
			return out, err
		}
		conf.RootCAs = roots
	}
	if t.TLS.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.TLS.CertFile, t.TLS.KeyFile)
		if err != nil {
			return out, &Trouble{Mistake: true, What: "temporal.tls", Err: spoken{l, err}}
		}
		// Read again for every connection: a new certificate needs no restart.
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			fresh, err := tls.LoadX509KeyPair(t.TLS.CertFile, t.TLS.KeyFile)
			if err != nil {
				return &pair, nil // half written, or gone: the one of the start still counts
			}
			return &fresh, nil
		}
	}
	out.TLS = conf
	return out, nil
}

// link is a process's connection to the engine.
type link struct {
	client client.Client // for everything but workers of workflows
	flows  client.Client // for those, see engine.ForWorkflows
	codec  *keyring.Codec
	ui     string // origin of the web UI of an engine of our own; "" is none
}

func (k *link) Close() {
	k.flows.Close()
	k.client.Close()
}

// Reach is a client of the server that the settings name.
func Reach(l i18n.Lang, c config.Config, token string) (*api.Client, error) {
	client := api.Connect(c.ServerURL(), token, string(l))
	if c.ServerCAFile == "" {
		return client, nil
	}
	roots, err := authorities(l, "server_ca_file", c.ServerCAFile)
	if err != nil {
		return nil, err
	}
	return client.Trusting(roots), nil
}

// authorities reads the PEM file that a setting names.
func authorities(l i18n.Lang, setting, path string) (*x509.CertPool, error) {
	roots, err := certpool.Read(path)
	if err != nil {
		return nil, &Trouble{Mistake: true, What: setting, Err: spoken{l, err}}
	}
	return roots, nil
}

// dial connects to the engine and goes on trying as long as none answers: a site's
// worker must be there when its engine is. What will not mend by waiting ends it. starting,
// when there is one, says meanwhile what is waited for.
func dial(ctx context.Context, l i18n.Lang, c engine.Connection, log *slog.Logger, m *metrics.Metrics, starting *api.Starting) (*link, error) {
	c.Log = quiet(log)
	if m != nil {
		c.Metrics = m.SDK()
	}
	var told reminder
	var wait time.Duration
	for {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		k, err := connect(try, c)
		cancel()
		starting.EngineIs(err)
		if err == nil {
			if told.said() {
				log.Info("engine reached", "address", c.Address)
			}
			return k, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		denied, gone := new(serviceerror.PermissionDenied), new(serviceerror.NamespaceNotFound)
		if errors.As(err, &denied) || errors.As(err, &gone) || status.Code(err) == codes.Unauthenticated {
			return nil, &Trouble{Mistake: true, What: l.T("the engine turned us away", "エンジンに接続を拒否されました"), Err: spoken{l, err}}
		}
		if away := turnedAway(l, c, err); away != nil {
			return nil, away
		}
		if told.due() {
			log.Warn("no engine answers; trying again", "address", c.Address, "err", err)
		}
		if err := pause(ctx, &wait); err != nil {
			return nil, err
		}
	}
}

func connect(ctx context.Context, c engine.Connection) (*link, error) {
	cl, err := engine.Dial(ctx, c)
	if err != nil {
		return nil, err
	}
	flows, err := engine.ForWorkflows(ctx, cl, c)
	if err != nil {
		cl.Close()
		return nil, err
	}
	return &link{client: cl, flows: flows, codec: c.Codec}, nil
}

// quiet lets the SDK say only what somebody should look at; its "started worker" and
// "stopped worker" are no news.
func quiet(log *slog.Logger) *slog.Logger {
	if log.Enabled(context.Background(), slog.LevelDebug) {
		return log
	}
	return slog.New(&atLeast{Handler: log.Handler(), level: slog.LevelError}).With("component", "temporal-sdk")
}

// atLeast lets records of a level and above through.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h *atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

func (h *atLeast) WithAttrs(a []slog.Attr) slog.Handler {
	return &atLeast{Handler: h.Handler.WithAttrs(a), level: h.level}
}

func (h *atLeast) WithGroup(name string) slog.Handler {
	return &atLeast{Handler: h.Handler.WithGroup(name), level: h.level}
}
