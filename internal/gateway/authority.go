package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/wholefile"
)

// Authority signs the certificates of one gateway and of the sites that it lets in. It
// lives in a folder: ca.pem, ca-key.pem, token-key, and sites/, a certificate for each
// site that is let in. To shut a site out, remove its file there: it counts for who is in, too.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	// Key seals task tokens (Options.Key).
	Key []byte
}

const (
	caYears     = 10
	serverDays  = 30
	caFile      = "ca.pem"
	caKeyFile   = "ca-key.pem"
	tokenFile   = "token-key"
	sitesFolder = "sites"
	// soonDays is when the coming end of a site's certificate is told of.
	soonDays = 30
)

// OpenAuthority reads the authority in a folder, and makes it the first time.
func OpenAuthority(dir string) (*Authority, error) {
	if err := os.MkdirAll(filepath.Join(dir, sitesFolder), 0o700); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir}
	err := a.read()
	if errors.Is(err, fs.ErrNotExist) {
		if err = a.create(); err == nil {
			err = a.read()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the gateway's certificates in %s: %w", dir, err)
	}
	return a, nil
}

func (a *Authority) read() error {
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, caFile), filepath.Join(a.dir, caKeyFile))
	if err != nil {
		return err
	}
	a.cert = pair.Leaf
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return fmt.Errorf("%s holds another kind of key than ECDSA", caKeyFile)
	}
	a.key = key
	a.Key, err = os.ReadFile(filepath.Join(a.dir, tokenFile))
	return err
}

func (a *Authority) create() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	t := template("muster gateway of "+host, caYears*366*24*time.Hour)
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	sealing := make([]byte, 32)
	if _, err := rand.Read(sealing); err != nil {
		return err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return err
	}
	// The certificate goes last: it is what says that the authority is complete.
	for _, f := range []struct {
		name string
		text []byte
	}{{tokenFile, sealing}, {caKeyFile, keyPEM}, {caFile, encode("CERTIFICATE", der)}} {
		if err := wholefile.Write(filepath.Join(a.dir, f.name), f.text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Issued is a site's certificate with what the worker needs beside it, as PEM.
type Issued struct {
	CA, Certificate, Key []byte
	NotAfter             time.Time
}

// Issue makes a certificate for a site's worker and lets it in from now on. An earlier
// one of the same site is shut out.
func (a *Authority) Issue(site string, valid time.Duration) (Issued, error) {
	out, err := a.Make(site, valid)
	if err != nil {
		return Issued{}, err
	}
	return out, a.Admit(site, out)
}

// Make makes a certificate for a site's worker, which opens nothing until Admit.
func (a *Authority) Make(site string, valid time.Duration) (Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	t := template("muster worker of site "+site, valid)
	t.URIs = []*url.URL{{Scheme: "muster", Host: "site", Path: "/" + site}}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return Issued{}, err
	}
	out := Issued{CA: encode("CERTIFICATE", a.cert.Raw), Certificate: encode("CERTIFICATE", der), NotAfter: t.NotAfter}
	if out.Key, err = encodeKey(key); err != nil {
		return Issued{}, err
	}
	return out, nil
}

// Admit lets a site's worker in with this certificate, and with no earlier one.
func (a *Authority) Admit(site string, made Issued) error {
	return wholefile.Write(a.siteFile(site), made.Certificate, 0o600)
}

func (a *Authority) siteFile(site string) string {
	return filepath.Join(a.dir, sitesFolder, filepath.Base(site)+".pem")
}

// Server is the gateway's side of TLS: a certificate for the names that workers call it
// by, renewed by itself, and only sites' certificates that Issue made last are let in.
func (a *Authority) Server(names []string, log *slog.Logger) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	mine := &serverCertificate{authority: a, names: names}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return mine.current(time.Now()) },
		ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: roots,
		VerifyConnection: func(s tls.ConnectionState) error {
			err := a.letIn(s.PeerCertificates[0], log)
			if err != nil {
				log.Warn("a site worker was turned away", "err", err)
			}
			return err
		},
	}
}

// letIn refuses certificates that were replaced or removed.
func (a *Authority) letIn(c *x509.Certificate, log *slog.Logger) error {
	if err := a.Holds(c); err != nil {
		return err
	}
	if left := time.Until(c.NotAfter); left < soonDays*24*time.Hour {
		site, _ := Site(c)
		log.Warn("a site's certificate ends soon; make a new one with `muster site certificate`", "site", site, "ends", c.NotAfter)
	}
	return nil
}

// Holds is why a certificate that this authority made opens nothing, as far as the site's file says; nil is that it does
// (Options.Holds).
func (a *Authority) Holds(c *x509.Certificate) error {
	site, ok := Site(c)
	if !ok {
		return errors.New("the certificate names no site")
	}
	text, err := os.ReadFile(a.siteFile(site))
	if err != nil {
		return refusedSite{site, fmt.Errorf("site %s is not let in: %w", site, err)}
	}
	block, _ := pem.Decode(text)
	if block == nil || !bytes.Equal(block.Bytes, c.Raw) {
		return refusedSite{site, fmt.Errorf("site %s has a newer certificate than this one; give its worker that", site)}
	}
	return nil
}

// serverCertificate is made anew when half of its time is over, and when that has not begun: the clock was ahead when it
// was made, and has been set right.
type serverCertificate struct {
	authority *Authority
	names     []string
	mu        sync.Mutex
	made      *tls.Certificate
}

func (s *serverCertificate) current(now time.Time) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != nil && !now.Before(s.made.Leaf.NotBefore) && now.Before(s.made.Leaf.NotAfter.Add(-serverDays*12*time.Hour)) {
		return s.made, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template("muster gateway", serverDays*24*time.Hour)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, s.authority.cert, &key.PublicKey, s.authority.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	s.made = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return s.made, nil
}

// template begins an hour ago: a site's clock may be behind.
func template(name string, valid time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid)}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("PRIVATE KEY", der), nil
}

// Files are an authority's own certificate and those of the sites that it lets in, in a folder where
// there may be none.
func Files(dir string) (ca string, sites []string) {
	sites, _ = filepath.Glob(filepath.Join(dir, sitesFolder, "*.pem"))
	return filepath.Join(dir, caFile), sites
}
