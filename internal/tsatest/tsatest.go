// Package tsatest is a real time-stamping authority for tests: `openssl ts` behind HTTP, with a CA
// and a certificate of its own. It can be told to lie.
package tsatest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	tsp "github.com/notaryproject/tspclient-go"
)

// Policy is what it stamps under unless it is asked for another; Other it stamps under too.
const (
	Policy = "1.2.392.99999.1"
	Other  = "1.2.392.99999.2"
)

// Lie is how an answer is not what it should be.
type Lie string

// What it can be told.
const (
	Honest      Lie = ""
	WrongDigest Lie = "digest"   // of something else
	WrongNonce  Lie = "nonce"    // an answer to another question
	OtherPolicy Lie = "policy"   // not the one that was asked for
	Altered     Lie = "altered"  // a bit was turned after it was signed
	Away        Lie = "away"     // HTTP 503
	Page        Lie = "page"     // a page of a proxy instead
	Silent      Lie = "silent"   // it takes the question and says nothing
	Replayed    Lie = "replayed" // its first answer again
)

// T is what it needs of a test, or of a script.
type T interface {
	Helper()
	Fatal(args ...any)
	TempDir() string
	Cleanup(func())
}

// Options of an Authority.
type Options struct {
	Name           string // of its CA
	User, Password string // asked for where there is one
	NotAfter       time.Time
}

// Authority is a running one.
type Authority struct {
	URL string
	CA  []byte // PEM

	t   T
	o   Options
	dir string

	mu    sync.Mutex
	lie   Lie
	asked int
	first []byte
	gone  chan struct{}
}

// Start starts one, until the test ends.
func Start(t T, o Options) *Authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: apt-get install openssl")
	}
	if o.Name == "" {
		o.Name = "Test time stamps"
	}
	if o.NotAfter.IsZero() {
		o.NotAfter = time.Now().Add(10 * 365 * 24 * time.Hour)
	}
	a := &Authority{t: t, o: o, dir: t.TempDir(), gone: make(chan struct{})}
	a.certificates()
	config := fmt.Sprintf(`[tsa]
default_tsa = one
[one]
serial = %[1]s/serial
signer_cert = %[1]s/tsa.pem
certs = %[1]s/ca.pem
signer_key = %[1]s/tsa.key
signer_digest = sha256
default_policy = %[2]s
other_policies = %[3]s
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
clock_precision_digits = 3
ess_cert_id_alg = sha256
`, a.dir, Policy, Other)
	a.write("tsa.conf", []byte(config))
	a.write("serial", []byte("1000\n"))
	server := httptest.NewServer(a)
	a.URL = server.URL + "/tsa"
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(a.gone) })
	return a
}

// Lies makes it lie from now on; Honest ends that.
func (a *Authority) Lies(l Lie) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lie = l
}

// Asked is how often it was.
func (a *Authority) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// Certificates are those that its stamps are made sure of with.
func (a *Authority) Certificates() []*x509.Certificate {
	block, _ := pem.Decode(a.CA)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		a.t.Fatal(err)
	}
	return []*x509.Certificate{c}
}

func (a *Authority) write(name string, b []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), b, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func (a *Authority) certificates() {
	a.t.Helper()
	begin := min(time.Now().Unix(), a.o.NotAfter.Unix()) - 7200
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: a.o.Name + " CA", Country: []string{"JP"}}, NotBefore: time.Unix(begin, 0),
		NotAfter: time.Now().Add(20 * 365 * 24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootKey, rootDER := a.make(root, nil, nil)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		a.t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: a.o.Name, Country: []string{"JP"}}, NotBefore: time.Unix(begin, 0), NotAfter: a.o.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}
	key, der := a.make(leaf, root, rootKey)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	a.write("ca.pem", a.CA)
	a.write("tsa.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	a.write("tsa.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func (a *Authority) make(c, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if by == nil {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, der
}

// ServeHTTP answers as RFC 3161, 3.4 says.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked++
	lie := a.lie
	a.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != a.o.User || password != a.o.Password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	query, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != tsp.MediaTypeTimestampQuery {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch lie {
	case Away:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case Page:
		_, _ = io.WriteString(w, "<html>Please sign in to the proxy</html>")
		return
	case Silent:
		select {
		case <-r.Context().Done():
		case <-a.gone:
		}
		return
	}
	answer, err := a.reply(query, lie)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", tsp.MediaTypeTimestampReply)
	_, _ = w.Write(answer)
}

// reply has openssl answer, one at a time: it counts in a file.
func (a *Authority) reply(query []byte, lie Lie) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if lie == Replayed && a.first != nil {
		return a.first, nil
	}
	query, err := bent(query, lie)
	if err != nil {
		return nil, err
	}
	in, out := filepath.Join(a.dir, "query.tsq"), filepath.Join(a.dir, "answer.tsr")
	if err := os.WriteFile(in, query, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("openssl", "ts", "-reply", "-config", filepath.Join(a.dir, "tsa.conf"), "-queryfile", in, "-out", out)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("openssl ts: %w: %s", err, bytes.TrimSpace(said))
	}
	answer, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	if a.first == nil {
		a.first = answer
	}
	if lie == Altered {
		answer[len(answer)-8] ^= 1 // of the signature, which stands last
	}
	return answer, nil
}

// bent is the question that a lying authority answers instead.
func bent(query []byte, lie Lie) ([]byte, error) {
	var q tsp.Request
	if err := q.UnmarshalBinary(query); err != nil {
		return nil, err
	}
	switch lie {
	case WrongDigest:
		q.MessageImprint.HashedMessage[0] ^= 1
	case WrongNonce:
		q.Nonce.Add(q.Nonce, big.NewInt(1))
	case OtherPolicy:
		q.ReqPolicy = asn1.ObjectIdentifier{1, 2, 392, 99999, 2}
	default:
		return query, nil
	}
	return q.MarshalBinary()
}
