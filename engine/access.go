package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/rpc/encryption"
)

// tokenMapper gives whoever holds the one token every right and everybody else none:
// a loopback port is open to every user of the machine.
type tokenMapper struct{ header []byte }

func newTokenMapper(token string) authorization.ClaimMapper {
	return tokenMapper{[]byte("Bearer " + token)}
}

func (m tokenMapper) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	if subtle.ConstantTimeCompare([]byte(info.AuthToken), m.header) != 1 {
		return nil, errors.New("a call without the engine's token was refused")
	}
	return &authorization.Claims{Subject: "muster", System: authorization.RoleAdmin}, nil
}

var _ authorization.ClaimMapper = tokenMapper{}

// inner is mutual TLS between the server's own services under a certificate that only
// this process ever has. Without it their ports, which trust each other, would be a
// way around the token.
type inner struct{ server, client *tls.Config }

var _ encryption.TLSConfigProvider = inner{}

func newInner() (inner, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return inner{}, err
	}
	// Valid for ever: it dies with the process, and a clock that steps must not
	// make the services refuse each other.
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "muster-engine"},
		DNSNames:              []string{"muster-engine"},
		NotBefore:             time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return inner{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return inner{}, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	pair := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}}
	return inner{
		server: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
		client: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: pair, RootCAs: pool, ServerName: "muster-engine"},
	}, nil
}

func (t inner) GetInternodeServerConfig() (*tls.Config, error) { return t.server.Clone(), nil }
func (t inner) GetInternodeClientConfig() (*tls.Config, error) { return t.client.Clone(), nil }

// The frontend's clients are muster's own processes on this machine: no TLS.
func (t inner) GetFrontendServerConfig() (*tls.Config, error)                     { return nil, nil }
func (t inner) GetFrontendClientConfig() (*tls.Config, error)                     { return nil, nil }
func (t inner) GetRemoteClusterClientConfig(hostname string) (*tls.Config, error) { return nil, nil }
func (t inner) GetExpiringCerts(time.Duration) (expiring, expired encryption.CertExpirationMap, err error) {
	return nil, nil, nil
}

func claimMapper(token string) func(*config.Config) authorization.ClaimMapper {
	return func(*config.Config) authorization.ClaimMapper { return newTokenMapper(token) }
}
