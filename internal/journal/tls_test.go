package journal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A server that does not prove who it is gets no password: with a certificate of the named CA and for its
// name it is taken, with another CA's it is not.
func testTheServerProvesWhoItIs(t *testing.T, pair *pgtest.Pair) {
	dir := pgtest.Dir(t)
	own, other := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "other.pem")
	certificate(t, own, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	certificate(t, other, filepath.Join(dir, "x.pem"), filepath.Join(dir, "x.key"))
	for _, name := range []string{"server.pem", "server.key"} {
		if err := pair.Tokyo.Own(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		pair.Tokyo.Exec(t, "ALTER SYSTEM SET "+map[string]string{"server.pem": "ssl_cert_file", "server.key": "ssl_key_file"}[name]+" = '"+filepath.Join(dir, name)+"'")
	}
	pair.Tokyo.Exec(t, "ALTER SYSTEM SET ssl = on")
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	address, password := pair.NewDatabase(t)
	at, err := url.Parse(address[:len("postgres://")] + pair.User + "@" + net.JoinHostPort(pair.Tokyo.Host, port(pair.Tokyo.Port)) + address[lastSlash(address):])
	if err != nil {
		t.Fatal(err)
	}
	with := func(ca string) string {
		at.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ca}}.Encode()
		return at.String()
	}
	pgtest.Eventually(t, 20*time.Second, func() string { // until the setting counts
		s, err := journal.Open(t.Context(), with(own), journal.Password(password))
		if err != nil {
			return err.Error()
		}
		return errTextOrNothing(s.Close())
	})
	unknown := new(x509.UnknownAuthorityError)
	_, err = journal.Open(t.Context(), with(other), journal.Password(password))
	if !errors.As(err, unknown) {
		t.Errorf("a server of another CA: %v, want x509.UnknownAuthorityError", err)
	}
	bilingual(t, err, "does not prove", "確認できません")

	// Which certificate a server shows is asked of it: what lies on its disk is nothing before it is told to read it again.
	shows := func(want string) {
		t.Helper()
		pgtest.Eventually(t, 20*time.Second, func() string {
			servers, err := journal.AskServers(t.Context(), with(own), journal.Password(password))
			if err != nil || len(servers) != 1 {
				t.Fatalf("%+v, %v", servers, err)
			}
			if is := servers[0]; is.Err != nil || !is.NotAfter.Equal(ends(t, want)) {
				return fmt.Sprintf("%+v, want the end of %s, %s", is, want, ends(t, want))
			}
			return ""
		})
	}
	kept := filepath.Join(dir, "kept.pem")
	writeFile(t, kept, readFile(t, filepath.Join(dir, "server.pem")))
	shows(kept)
	facts, err := journal.Inspect(t.Context(), with(own), journal.Password(password))
	if err != nil || len(facts.Servers) != 1 || !facts.Servers[0].NotAfter.Equal(ends(t, kept)) {
		t.Errorf("looked at: %+v, %v", facts.Servers, err)
	}
	if refused, err := journal.AskServers(t.Context(), with(other), journal.Password(password)); err != nil || len(refused) != 1 || refused[0].Err == nil || !refused[0].NotAfter.Equal(ends(t, kept)) {
		t.Errorf("one that is not believed: %+v, %v", refused, err)
	}
	// The one that has ended is told as that.
	certificate(t, filepath.Join(dir, "over-ca.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"), -time.Minute)
	if err := errors.Join(pair.Tokyo.Own(filepath.Join(dir, "server.pem")), pair.Tokyo.Own(filepath.Join(dir, "server.key"))); err != nil {
		t.Fatal(err)
	}
	shows(kept)
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, 20*time.Second, func() string {
		_, err := journal.Open(t.Context(), with(filepath.Join(dir, "over-ca.pem")), journal.Password(password))
		if said := plan.SaidBy(err); err == nil || !strings.Contains(said.EN, "pg_reload_conf()") || !strings.Contains(said.JA, "期限が切れています") {
			return fmt.Sprintf("a certificate that is over: %v", err)
		}
		return ""
	})
	second, renewed := filepath.Join(dir, "ca2.pem"), filepath.Join(dir, "server.pem")
	certificate(t, second, renewed, filepath.Join(dir, "server.key"), 90*time.Minute)
	writeFile(t, own, append(readFile(t, own), readFile(t, second)...))
	if err := errors.Join(pair.Tokyo.Own(filepath.Join(dir, "server.pem")), pair.Tokyo.Own(filepath.Join(dir, "server.key"))); err != nil {
		t.Fatal(err)
	}
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	shows(renewed)

	// A client's certificate is renewed by writing its files, the key first: no restart.
	issuers := [2]string{filepath.Join(dir, "first.pem"), filepath.Join(dir, "second.pem")}
	var authorities, certs, keys [2][]byte
	for i, ca := range issuers {
		certificate(t, ca, filepath.Join(dir, "c.pem"), filepath.Join(dir, "c.key"))
		authorities[i], certs[i], keys[i] = readFile(t, ca), readFile(t, filepath.Join(dir, "c.pem")), readFile(t, filepath.Join(dir, "c.key"))
	}
	both, cert, key := filepath.Join(dir, "clients.pem"), filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	writeFile(t, both, append(authorities[0], authorities[1]...))
	writeFile(t, cert, certs[0])
	writeFile(t, key, keys[0])
	if err := pair.Tokyo.Own(both); err != nil {
		t.Fatal(err)
	}
	pair.Tokyo.Exec(t, "ALTER SYSTEM SET ssl_ca_file = '"+both+"'")
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	at.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {own}, "sslcert": {cert}, "sslkey": {key}}.Encode()
	var notes told
	s := opened(t, at.String(), journal.Password(password), journal.Notices(notes.hear))
	on := databaseOf(pair.Tokyo, address)
	connectedBy := func(ca string) {
		t.Helper()
		pgtest.Eventually(t, 20*time.Second, func() string {
			on.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			if err := s.Append(t.Context(), []run.Event{remark("r1", "w", 1)}); err != nil {
				return err.Error()
			}
			got := pgtest.Value[string](t, on, "SELECT coalesce(string_agg(DISTINCT issuer_dn, ' '), '') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database()")
			if got != "/CN="+ca {
				return "connected with certificates of " + got + ", want " + ca
			}
			return ""
		})
	}
	connectedBy(issuers[0])
	writeFile(t, key, keys[1])
	connectedBy(issuers[0])
	if !notes.says("were read last go on", "前回読み込んだ証明書") {
		t.Errorf("told %q of a key that is not the certificate's", notes.said)
	}
	writeFile(t, cert, certs[1])
	connectedBy(issuers[1])
}

// ends is when the certificate in a file does.
func ends(t *testing.T, file string) time.Time {
	t.Helper()
	block, _ := pem.Decode(readFile(t, file))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c.NotAfter
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func port(n int) string { return big.NewInt(int64(n)).String() }

func lastSlash(s string) int {
	i := len(s) - 1
	for s[i] != '/' {
		i--
	}
	return i
}

// certificate makes a CA and a server's certificate for loopback.
func certificate(t *testing.T, ca, cert, key string, lasts ...time.Duration) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		return k
	}
	write := func(name, kind string, der []byte) {
		must(os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	caKey, serverKey := newKey(), newKey()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: ca}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(append(lasts, time.Hour)[0]),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, caKey.Public(), caKey)
	must(err)
	write(ca, "CERTIFICATE", der)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err = x509.CreateCertificate(rand.Reader, leaf, root, serverKey.Public(), caKey)
	must(err)
	write(cert, "CERTIFICATE", der)
	der, err = x509.MarshalECPrivateKey(serverKey)
	must(err)
	write(key, "EC PRIVATE KEY", der)
}
