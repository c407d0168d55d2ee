// Package cloudtest is the part of three clouds that muster-cloud asks: AWS Secrets Manager (JSON 1.1, signatures of
// version 4), Google's token endpoint and Secret Manager (REST), Microsoft's sign-in and Key Vault (bearer
// challenge). They answer over TLS under their real names, behind a proxy, so that the makers' libraries are
// changed in nothing. It follows the makers' references; no account of theirs was there to compare it with.
package cloudtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// What opens the stores.
const (
	AWSKeyID     = "AKIAMUSTERTEST000001"
	AWSSecretKey = "aws-secret-access-key-of-osaka"
	AWSRegion    = "ap-northeast-1"
	AzureTenant  = "00000000-1111-2222-3333-444444444444"
	AzureClient  = "client-of-osaka"
	AzureSecret  = "azure-client-secret-of-osaka"
	bearer       = "token-that-a-cloud-gave"
)

// Fault is what a store does instead of answering.
type Fault string

// What stores do when they don't serve.
const (
	Well      Fault = ""
	Forbidden Fault = "forbidden" // the caller has no right to it
	Throttled Fault = "throttled"
	Broken    Fault = "broken"  // HTTP 503
	Garbage   Fault = "garbage" // HTTP 200 and no answer, with the secret in it
	Silent    Fault = "silent"  // nothing comes
)

// Clouds are the three, with what they keep.
type Clouds struct {
	key     *rsa.PrivateKey // of Google's service account
	keyFile string
	caFile  string
	proxy   string

	mu    sync.Mutex
	kept  map[string]string // by store/name; "" is disabled or about to be deleted
	fault Fault
	asked []string // host and path of each request to a store
	gone  chan struct{}
	wakes chan struct{} // closed when the fault changes, and with the test
}

var hosts = []string{"secretsmanager." + AWSRegion + ".amazonaws.com", "secretmanager.googleapis.com", "oauth2.googleapis.com", "orders-kv.vault.azure.net", "login.microsoftonline.com"}

// Start starts them and lets this process's environment lead there, with credentials that are right.
func Start(t testing.TB) *Clouds {
	t.Helper()
	c := &Clouds{kept: map[string]string{}, gone: make(chan struct{}, 16), wakes: make(chan struct{})}
	server := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	pair, ca := certificate(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	proxy := httptest.NewServer(tunnel(server.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	t.Cleanup(func() { c.Do(Well) }) // before the servers wait for their requests
	dir := t.TempDir()
	c.proxy, c.caFile, c.keyFile = proxy.URL, filepath.Join(dir, "clouds-ca.pem"), filepath.Join(dir, "service-account.json")
	write(t, c.caFile, ca)
	var err error
	if c.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	c.WriteAccount(t, c.keyFile, c.key)
	for _, v := range os.Environ() { // whoever runs the tests may have an account
		name, _, _ := strings.Cut(v, "=")
		for _, of := range []string{"AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "MSI_", "IDENTITY_"} {
			if strings.HasPrefix(name, of) {
				t.Setenv(name, "")
			}
		}
	}
	for name, value := range map[string]string{"HTTPS_PROXY": c.proxy, "https_proxy": c.proxy, "NO_PROXY": "", "no_proxy": "", "SSL_CERT_FILE": c.caFile,
		"AWS_ACCESS_KEY_ID": AWSKeyID, "AWS_SECRET_ACCESS_KEY": AWSSecretKey, "AWS_REGION": AWSRegion, "AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_EC2_METADATA_DISABLED": "true",
		"GOOGLE_APPLICATION_CREDENTIALS": c.keyFile,
		"AWS_MAX_ATTEMPTS":               "1", "AZURE_TENANT_ID": AzureTenant, "AZURE_CLIENT_ID": AzureClient, "AZURE_CLIENT_SECRET": AzureSecret, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"} {
		t.Setenv(name, value)
	}
	return c
}

// Put keeps a secret: "aws/NAME", "gcp/PROJECT/SECRET/VERSION", "azure/SECRET". An empty one is disabled or about to
// be deleted.
func (c *Clouds) Put(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[name] = value
}

// Do has the stores do something else from now on; those that were silent answer so.
func (c *Clouds) Do(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
	close(c.wakes)
	c.wakes = make(chan struct{})
}

// Asked are the requests to the stores so far, those for signing in left out.
func (c *Clouds) Asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// Gone gets something for each request to a silent store whose asker went away.
func (c *Clouds) Gone() <-chan struct{} { return c.gone }

// Program is the path of muster-cloud: $MUSTER_CLOUD, or bin/muster-cloud of this repository.
func Program(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("MUSTER_CLOUD"); path != "" {
		return path
	}
	from, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; from != filepath.Dir(from); from = filepath.Dir(from) {
		if _, err := os.Stat(filepath.Join(from, "go.mod")); err == nil {
			path := filepath.Join(from, "bin", "muster-cloud")
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("%v: run `make build` first, or name the file in MUSTER_CLOUD", err)
			}
			return path
		}
	}
	t.Fatal("no go.mod above this folder; name muster-cloud in MUSTER_CLOUD")
	return ""
}

func (c *Clouds) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	host, _, _ := strings.Cut(r.Host, ":")
	switch host {
	case "oauth2.googleapis.com":
		c.googleToken(w, body)
		return
	case "login.microsoftonline.com":
		microsoftToken(w, r, body)
		return
	}
	c.mu.Lock()
	fault, wakes := c.fault, c.wakes
	c.asked = append(c.asked, host+r.URL.Path)
	c.mu.Unlock()
	if fault == Silent {
		select {
		case <-r.Context().Done():
			c.gone <- struct{}{}
			return
		case <-wakes:
			c.mu.Lock()
			fault = c.fault
			c.mu.Unlock()
		}
	}
	switch {
	case strings.HasSuffix(host, ".amazonaws.com"):
		c.aws(w, r, body, fault)
	case host == "secretmanager.googleapis.com":
		c.google(w, r, fault)
	default:
		c.azure(w, r, fault)
	}
}

// look gives what is kept.
func (c *Clouds) look(name string) (value string, there bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, there = c.kept[name]
	return value, there
}

func reply(w http.ResponseWriter, kind string, status int, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// tunnel is a proxy that leads every one of the clouds' names to one server, and no other.
func tunnel(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || !slices.Contains(hosts, host) {
			http.Error(w, "no such cloud", http.StatusBadGateway)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		done := func() { _, _ = here.Close(), there.Close() }
		if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			done()
			return
		}
		go func() { defer done(); _, _ = io.Copy(there, read) }()
		go func() { defer done(); _, _ = io.Copy(here, there) }()
	})
}

func certificate(t testing.TB) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clouds of a test"}, DNSNames: hosts, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, own, own, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
