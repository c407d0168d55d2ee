package app

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/tracing"
)

// reached is the engine that a server has reached.
type reached struct {
	namespace string
	canary    func() engine.Canary // nil with an engine of one's own
	traces    *tracing.Tracing
}

// engineNow asks the engine how it is.
func (s *server) engineNow(canary func() engine.Canary) func(context.Context) metrics.Engine {
	return func(ctx context.Context) metrics.Engine {
		took, err := s.api.EngineAnswers(ctx)
		out := metrics.Engine{Up: err == nil, Took: took}
		if canary != nil {
			c := canary()
			out.Canary = &metrics.Canary{OK: c.Err == nil, LastOK: c.LastOK, Took: c.Took, Restarts: c.Restarts}
		}
		return out
	}
}

// certificates are those that this machine has for its doors: the gateway's authority, the sites' that it
// issued, and what it shows the engine and the record store. What can't be read has none, which muster doctor tells of.
func certificates(c config.Config) []metrics.Certificate {
	var out []metrics.Certificate
	add := func(kind, site, file string) {
		cert, err := readCertificate(file)
		if err == nil {
			out = append(out, metrics.Certificate{Certificate: kind, Site: site, NotAfter: cert.NotAfter})
		}
	}
	ca, sites := gateway.Files(c.GatewayDir())
	add("gateway_ca", "", ca)
	for _, file := range sites {
		add("site", strings.TrimSuffix(filepath.Base(file), ".pem"), file)
	}
	if c.Encrypted() {
		add("server", "", c.TLS.CertFile)
	}
	if t := c.Temporal.TLS; t.CertFile != "" {
		add("engine_client", "", t.CertFile)
	}
	if t := c.Temporal.TLS; t.CAFile != "" {
		add("engine_ca", "", t.CAFile)
	}
	client, authority := journal.CertificateFiles(c.StoreURL())
	if client != "" {
		add("store_client", "", client)
	}
	if authority != "" {
		add("store_ca", "", authority)
	}
	return out
}

// storeShown is what the servers of the record store show for themselves. A file that was renewed on their machine says nothing of it: they
// show what they read at their start, or when they were told to read it again.
type storeShown struct {
	o  Options
	mu sync.Mutex
	at time.Time
	// last is the end of the certificate that ends first of those that they showed; zero: they have none, or were never reached.
	last time.Time
}

// Servers are asked once an hour, and those that did not answer a little sooner.
const (
	askShown      = time.Hour
	askShownAgain = 5 * time.Minute
)

func (s *storeShown) certificates(ctx context.Context) []metrics.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.at) > askShown {
		s.at = now
		servers, err := journal.AskServers(ctx, s.o.Config.StoreURL(), s.o.store(nil)...)
		var first time.Time
		for _, one := range servers {
			if one.NotAfter.IsZero() && one.Err != nil {
				s.at = now.Add(askShownAgain - askShown)
			} else if first.IsZero() || !one.NotAfter.IsZero() && one.NotAfter.Before(first) {
				first = one.NotAfter
			}
		}
		if err == nil && !first.IsZero() {
			s.last = first
		}
	}
	if s.last.IsZero() {
		return nil
	}
	return []metrics.Certificate{{Certificate: "store_server", NotAfter: s.last}}
}

// readCertificate reads the first certificate of a PEM file.
func readCertificate(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, os.ErrNotExist
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
		text = rest
	}
}
