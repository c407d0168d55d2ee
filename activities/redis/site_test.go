package redis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/sitetest"
)

// The steps of a failover as a site worker gets them: names and secret references in,
// JSON out, each effect under its key.
func TestFailoverThroughASiteWorker(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	s := sitetest.New(t, Actions())
	file := redistest.PasswordFile(t)
	s.Targets = []plan.Target{p.Tokyo.Plan(file), p.Osaka.Plan(file)}
	with := func(raw string) json.RawMessage { return json.RawMessage(raw) }
	var last plan.Call
	for _, c := range []struct{ uses, with string }{
		{"redis.status", `{"server": "tokyo"}`},
		{"redis.wait_caught_up", `{"server": "osaka", "follow": "tokyo"}`},
		{"redis.fence", `{"server": "tokyo"}`},
		{"redis.promote", `{"server": "osaka"}`},
		{"redis.single_writer", `{"servers": ["tokyo", "osaka"], "expect": "osaka"}`},
		{"redis.rejoin", `{"server": "tokyo", "follow": "osaka"}`},
		{"redis.switchover", `{"from": "osaka", "to": "tokyo"}`},
	} {
		last = s.Step(c.uses, with(c.with))
		r, err := s.Act(last, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.uses, err)
		}
		if r.Already || strings.Contains(string(r.Output), redistest.Password) {
			t.Errorf("%s: already %v, output %s", c.uses, r.Already, r.Output)
		}
	}
	// A second delivery of a step whose goal holds does nothing.
	if r, err := s.Act(last, nil); err != nil || !r.Already {
		t.Errorf("the switchover delivered twice = %+v, %v", r, err)
	}
	if strings.Contains(s.Logged.String(), redistest.Password) {
		t.Error("the log holds the password")
	}
}

// With TLS the server's certificate is held against the authority and the name, and ours
// is asked for.
func TestEncryptedAndBothSidesKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, caKey := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "server", ca, caKey)
	certificate(t, dir, "client", ca, caKey)
	certificate(t, dir, "stranger", nil, nil)
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	s := redistest.Start(t, "tokyo", fmt.Sprintf("tls-port %d", port), "tls-cert-file "+filepath.Join(dir, "server.pem"), "tls-key-file "+filepath.Join(dir, "server.key"),
		"tls-ca-cert-file "+filepath.Join(dir, "ca.pem"), "tls-auth-clients yes")
	at := func(ca, client string) Target {
		key, err := os.ReadFile(filepath.Join(dir, client+".key"))
		if err != nil {
			t.Fatal(err)
		}
		out := s.Target
		out.Spec.Port, out.Spec.TLS, out.Spec.CA = port, true, filepath.Join(dir, ca+".pem")
		out.Spec.Cert, out.Spec.Key = filepath.Join(dir, client+".pem"), activities.NewSecret(string(key))
		return out
	}
	ctx := as(t, "r")
	if st := must[Status](t)(status(ctx, Inspect{Server: at("ca", "client")})); st.Role != "master" {
		t.Errorf("status = %+v", st)
	}
	must[Fenced](t)(fence(ctx, Fence{Server: at("ca", "client"), Restart: true}))
	other := at("ca", "client")
	other.Spec.Name = "redis.example.com"
	plainly := s.Target
	plainly.Spec.Port = port
	for what, target := range map[string]Target{"another authority": at("stranger", "client"), "a stranger's certificate of ours": at("ca", "stranger"), "another name": other, "no encryption": plainly} {
		if _, err := status(ctx, Inspect{Server: target}); err == nil || redislink.Refused(err) {
			t.Errorf("%s: %v, want it refused", what, err)
		} else if strings.Contains(err.Error(), "PRIVATE KEY") || strings.Contains(err.Error(), redistest.Password) {
			t.Errorf("%s: the error holds a secret: %v", what, err)
		}
	}
}

// certificate writes name.pem and name.key, signed by parent or by itself.
func certificate(t *testing.T, dir, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// only lets one host be reached.
type only string

func (o only) Permit(_ context.Context, a activities.Ask) error {
	if a.Reach != nil {
		for _, h := range a.Reach.Hosts {
			if h != string(o) {
				return fmt.Errorf("not %s", h)
			}
		}
	}
	return nil
}

// The master that only a replica names is reached when the worker's policy allows it.
func TestThePolicyHoldsForTheOldMasterToo(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	s := sitetest.New(t, Actions())
	s.Targets = []plan.Target{p.Osaka.Plan(redistest.PasswordFile(t))}
	tokyo := redislink.Address(p.Tokyo.Target.Spec)
	s.Policy = only(redislink.Address(p.Osaka.Target.Spec))
	promotion := s.Step("redis.promote", json.RawMessage(`{"server": "osaka"}`))
	_, err := s.Act(promotion, nil)
	sitetest.Want(t, err, plan.ErrRefused, "not "+tokyo)
	if ready := s.Ready(promotion); len(ready.Problems) != 1 || !strings.Contains(ready.Problems[0].EN, "not "+tokyo) {
		t.Errorf("readiness: %v, want not %s", ready.Problems, tokyo)
	}
	s.Policy = nil
	if seen := s.Look(promotion); seen.Sight != plan.HoldsNot {
		t.Errorf("it was promoted all the same: %+v", seen)
	}
}

// The sites of a system are built alike. Here is osaka's worker, and tokyo's file exists
// on its machine: it is not tokyo's all the same, and no process of this machine is.
func TestAnotherSitesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	s := sitetest.New(t, Actions())
	file := redistest.PasswordFile(t)
	s.Targets = []plan.Target{p.Tokyo.Plan(file), p.Osaka.Plan(file)}
	p.Tokyo.Freeze(t)
	_, err := s.Act(s.Step("redis.fence", json.RawMessage(`{"server": "tokyo"}`)), nil)
	if err == nil || !strings.Contains(err.Error(), "end its process on its host") {
		t.Errorf("fence of tokyo by osaka's worker = %v", err)
	}
	p.Tokyo.Thaw(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the server whose path is called as tokyo's was touched: %v", err)
	}
}

// Two machines of one site are built alike too: what is reached at another address than
// this machine's is not on it.
func TestTheNextMachinesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	t.Parallel()
	p := redistest.StartPair(t)
	next := p.Tokyo.Target
	next.Spec.Host = "192.0.2.7" // RFC 5737: nobody's
	if redislink.Here(next) || !redislink.Here(p.Tokyo.Target) {
		t.Errorf("here: the next machine's %v, this machine's %v", redislink.Here(next), redislink.Here(p.Tokyo.Target))
	}
}
