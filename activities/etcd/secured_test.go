package etcd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/etcdtest"
	"github.com/muster-dr/muster/internal/plan"
)

const canary = "kanariya-secret"

// A cluster with certificates and logins is reached with them, what is restored of it too,
// and no error tells a secret.
func TestCertificatesAndLogins(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	c := &config{Cluster: etcdtest.Start(t, etcdtest.Options{CA: cert, Cert: cert, Key: key}), store: place(t)}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	c.target = Target{Name: "config", Spec: Cluster{Endpoints: c.URLs(), CA: cert, Cert: cert, Key: activities.NewSecret(string(private))}}
	ctx := t.Context()
	if err := activities.Until(ctx, 30*time.Second, every, func(ctx context.Context) error {
		_, err := status(ctx, Status{c.target})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	enableLogins(t, c)

	bare := c.target
	bare.Spec.Cert = ""
	_, err = status(ctx, Status{bare})
	want(t, "without a client certificate", err, "", c.URLs()[0])
	bare = c.target
	bare.Spec.CA = ""
	_, err = status(ctx, Status{bare})
	want(t, "an unknown authority", err, "", "certificate")
	bare = c.target
	bare.Spec.Key = activities.NewSecret(canary)
	_, err = status(ctx, Status{bare})
	want(t, "a key that is none", err, plan.ErrRefused, "do not make a client certificate")
	secretless(t, err)

	c.target.Spec.User, c.target.Spec.Password = "root", activities.NewSecret("wrong-"+canary)
	_, err = snapshot(c.call(t), Take{c.target, c.store})
	want(t, "a wrong password", err, plan.ErrRefused, "does not accept the user")
	secretless(t, err)
	c.target.Spec.User, c.target.Spec.Password = "reader", activities.NewSecret("reader-"+canary)
	_, err = snapshot(c.call(t), Take{c.target, c.store})
	want(t, "a user without rights", err, plan.ErrRefused, "give it the role root")
	secretless(t, err)

	c.target.Spec.User, c.target.Spec.Password = "root", activities.NewSecret(canary)
	taken, _ := c.take(t)
	ctx = c.call(t)
	_, err = restore(ctx, Restore{Snapshots: c.store})
	want(t, "a restore without its login", err, plan.ErrRefused, "")
	c.store.Spec.User, c.store.Spec.Password = "root", activities.NewSecret(canary)
	done, err := restore(ctx, Restore{Snapshots: c.store, Prefixes: []Prefix{{"/secured", 1}}})
	if err != nil || done.Hash != "same" || done.Revision != taken.Revision {
		t.Errorf("%+v %v", done, err)
	}
	if _, err := discard(ctx, Discard{c.store}); err != nil {
		t.Error(err)
	}
}

func secretless(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "kanariya") {
		t.Errorf("the error tells a secret: %v", err)
	}
}

// enableLogins makes the users root and reader, with passwords that hold the canary.
func enableLogins(t *testing.T, c *config) {
	t.Helper()
	encryption, err := encryption(c.target)
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: c.URLs(), TLS: encryption, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := t.Context()
	_, e0 := client.Put(ctx, "/secured", "1")
	_, e1 := client.UserAdd(ctx, "root", canary)
	_, e2 := client.UserGrantRole(ctx, "root", "root")
	_, e3 := client.UserAdd(ctx, "reader", "reader-"+canary)
	_, e4 := client.AuthEnable(ctx)
	for _, err := range []error{e0, e1, e2, e3, e4} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// certificate makes one that signs itself and serves for members, clients and authority.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}
