package app

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/gateway"
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
// issued, and what it shows the engine. What can't be read has none, which muster doctor tells of.
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
	return out
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
