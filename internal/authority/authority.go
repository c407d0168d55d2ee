// Package authority makes the certificates of a reference installation: an authority of its
// own, whose key lies in the memory of whoever made it and goes with it, and short-lived
// certificates in files.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// Authority signs certificates.
type Authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	valid time.Duration
}

// New makes an authority whose certificates end after valid.
func New(name string, valid time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t, err := template(name, valid)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert: cert, key: key, valid: valid}, err
}

// keptFor is how long an authority that is kept lasts itself.
const keptFor = 10 * 365 * 24 * time.Hour

// Open reads the authority that lies in a folder as FILE.pem and FILE-key.pem, and makes it the first
// time. Its certificates end after valid, it itself after ten years.
func Open(dir, file, name string, valid time.Duration) (*Authority, error) {
	p := Pair{Cert: filepath.Join(dir, file+".pem"), Key: filepath.Join(dir, file+"-key.pem")}
	if err := p.complete(); err != nil {
		return nil, err
	}
	pair, err := p.Load()
	if errors.Is(err, fs.ErrNotExist) {
		// A new authority shuts every door that trusts the old one, so half of one is not made whole.
		for file, other := range map[string]string{p.Cert: p.Key, p.Key: p.Cert} {
			if _, err := os.Stat(file); err == nil {
				return nil, plan.Wrong("%s is there and %s is not: bring the authority's folder back from where it is kept; or, to begin anew everywhere, remove both and every certificate made by it",
					"%s はありますが %s がありません。認証局のフォルダーを保管先から戻してください。すべてを作り直す場合は、両方とそこから発行した証明書をすべて削除してください", file, other)
			}
		}
		made, err := New(name, keptFor)
		if err != nil {
			return nil, err
		}
		made.valid = valid
		key, err := x509.MarshalPKCS8PrivateKey(made.key)
		if err != nil {
			return nil, err
		}
		return made, p.keep(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), made.PEM())
	}
	if err != nil {
		return nil, plan.Caused(err, "the authority in %s can't be used", "%s の認証局を使用できません", dir)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, plan.Wrong("%s is no authority of muster's", "%s はmusterの認証局ではありません", p.Cert)
	}
	return &Authority{cert: pair.Leaf, key: key, valid: valid}, nil
}

// Fresh reports whether a pair is this authority's, names all hosts, and is in the first half of its time.
// One that was left half replaced is completed first.
func (a *Authority) Fresh(p Pair, now time.Time, hosts ...string) bool {
	if p.complete() != nil {
		return false
	}
	pair, err := p.Load()
	if err != nil || pair.Leaf.CheckSignatureFrom(a.cert) != nil {
		return false
	}
	for _, h := range hosts {
		if pair.Leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	half := pair.Leaf.NotBefore.Add(pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore) / 2)
	return !now.Before(pair.Leaf.NotBefore) && now.Before(half)
}

// PEM is the authority's own certificate.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Roots trust this authority and nobody else.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Pair is where a certificate and its key lie.
type Pair struct{ Cert, Key string }

// Load reads the pair.
func (p Pair) Load() (tls.Certificate, error) { return tls.LoadX509KeyPair(p.Cert, p.Key) }

// Issue writes a certificate for name into a folder, as name.pem and name-key.pem, that serves at
// hosts (names and IP addresses) and proves who it is to servers. A former pair of that name
// is replaced, the key first: whoever reads between the two finds that they don't belong
// together and keeps the last pair.
func (a *Authority) Issue(dir, name string, hosts ...string) (Pair, error) {
	return a.IssueAs(dir, name, name, hosts...)
}

// IssueAs is Issue into files of another name.
func (a *Authority) IssueAs(dir, file, name string, hosts ...string) (Pair, error) {
	p := Pair{Cert: filepath.Join(dir, file+".pem"), Key: filepath.Join(dir, file+"-key.pem")}
	// Should this renewal fail, what was left half replaced serves all the same.
	if err := p.complete(); err != nil {
		return p, plan.Caused(err, "the certificate of %s was not made", "%s の証明書を作成できませんでした", name)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	t, err := template(name, a.valid)
	if err != nil {
		return p, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	if len(hosts) > 0 {
		t.ExtKeyUsage = append(t.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return p, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return p, err
	}
	err = p.keep(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	if err != nil {
		return p, plan.Caused(err, "the certificate of %s was not made", "%s の証明書を作成できませんでした", name)
	}
	return p, nil
}

// keep puts a pair in the place of a former one. Both files are on disk before either takes its
// place, so that a full disk leaves the former pair as it was. The certificate goes last: it says
// that the pair is complete.
func (p Pair) keep(key, cert []byte) error {
	if err := errors.Join(prepare(p.Key, key, 0o600), prepare(p.Cert, cert, 0o644)); err != nil {
		return errors.Join(err, discard(p.Key), discard(p.Cert))
	}
	if err := os.Rename(p.Key+prepared, p.Key); err != nil {
		return err
	}
	if err := os.Rename(p.Cert+prepared, p.Cert); err != nil {
		return err
	}
	return wholefile.SyncDir(filepath.Dir(p.Cert))
}

// complete puts the certificate in its place of a pair whose writer was killed between the two: the
// former certificate, or none, lies beside the new key.
func (p Pair) complete() error {
	if _, err := p.Load(); err == nil {
		return nil
	}
	half := Pair{Cert: p.Cert + prepared, Key: p.Key}
	if wholefile.Place(half.Cert) != nil || wholefile.Place(p.Cert) != nil { // a link is nobody's who writes here
		return nil
	}
	if _, err := half.Load(); err != nil { // there is none, or it belongs to another key
		return nil
	}
	if err := os.Rename(half.Cert, p.Cert); err != nil {
		return err
	}
	return wholefile.SyncDir(filepath.Dir(p.Cert))
}

// prepared ends the name of a file that has yet to take its place.
const prepared = ".new"

// prepare writes what is to take a file's place, and has it on disk.
func prepare(path string, b []byte, mode os.FileMode) error {
	if err := errors.Join(wholefile.Place(path), discard(path)); err != nil {
		return err
	}
	f, err := os.OpenFile(path+prepared, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func discard(path string) error {
	if err := os.Remove(path + prepared); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// template begins a minute ago: clocks of one installation differ a little.
func template(name string, valid time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(valid)}, nil
}
