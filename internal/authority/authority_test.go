package authority_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
)

// A set opens what it is for and nothing else, is left alone while it is fresh, and is renewed by the same authority
// when half of its time is over.
func TestASetIsMadeOnceAndRenewedInTime(t *testing.T) {
	dir := t.TempDir()
	set := authority.Set{Dir: dir, Sites: []string{"tokyo"}, Lasts: 90 * 24 * time.Hour, Hosts: map[string][]string{"server": {"muster.example.jp"}}}
	now := time.Now()
	made, err := set.Write(now)
	if err != nil || len(made) != 8 {
		t.Fatalf("made %v, %v", made, err)
	}
	leaf := func(name string) *x509.Certificate {
		t.Helper()
		p, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return p.Leaf
	}
	pool := func(name string) *x509.CertPool {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		p := x509.NewCertPool()
		if err != nil || !p.AppendCertsFromPEM(b) {
			t.Fatalf("%s: %v", name, err)
		}
		return p
	}
	verify := func(name, ca, host string, usage x509.ExtKeyUsage) error {
		_, err := leaf(name).Verify(x509.VerifyOptions{Roots: pool(ca), DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	for _, good := range [][3]string{{"server/server", "tokyo/ca.pem", "muster.example.jp"}, {"temporal/temporal", "tokyo/engine-ca.pem", "temporal"}, {"postgres/postgres", "server/ca.pem", "postgres"}} {
		if err := verify(good[0], good[1], good[2], x509.ExtKeyUsageServerAuth); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	if err := verify("tokyo/engine", "temporal/engine-ca.pem", "", x509.ExtKeyUsageClientAuth); err != nil {
		t.Errorf("a site's worker does not get into the engine: %v", err)
	}
	for _, bad := range []string{"server/server", "server/database", "postgres/postgres", "prometheus/prometheus"} {
		if verify(bad, "temporal/engine-ca.pem", "", x509.ExtKeyUsageClientAuth) == nil {
			t.Errorf("%s opens the engine", bad)
		}
	}
	if verify("tokyo/engine", "tokyo/engine-ca.pem", "temporal", x509.ExtKeyUsageServerAuth) == nil {
		t.Error("a site's worker can pass for the engine")
	}
	if db := leaf("server/database"); db.Subject.CommonName != "muster" {
		t.Errorf("the server is the database user %q", db.Subject.CommonName)
	}
	for _, key := range []string{"authority/ca-key.pem", "server/engine-key.pem"} {
		if st, err := os.Stat(filepath.Join(dir, key)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", key, st.Mode(), err)
		}
	}
	before := leaf("tokyo/engine").SerialNumber
	if made, err := set.Write(now.Add(44 * 24 * time.Hour)); err != nil || len(made) != 0 {
		t.Errorf("before half of the time: %v, %v", made, err)
	}
	set.Sites = []string{"tokyo", "osaka"}
	if made, err := set.Write(now); err != nil || len(made) != 1 {
		t.Errorf("one site more: %v, %v", made, err)
	}
	if made, err := set.Write(now.Add(46 * 24 * time.Hour)); err != nil || len(made) != 9 {
		t.Errorf("after half of the time: %v, %v", made, err)
	}
	if err := verify("tokyo/engine", "temporal/engine-ca.pem", "", x509.ExtKeyUsageClientAuth); err != nil || leaf("tokyo/engine").SerialNumber.Cmp(before) == 0 {
		t.Errorf("renewed: %v", err)
	}
}

// A name that is new is in the next certificate; half an authority is not replaced by another.
func TestNewNamesAndAHalfAuthority(t *testing.T) {
	set := authority.Set{Dir: t.TempDir(), Lasts: 90 * 24 * time.Hour}
	if _, err := set.Write(time.Now()); err != nil {
		t.Fatal(err)
	}
	set.Hosts = map[string][]string{"server": {"muster.example.jp"}}
	made, err := set.Write(time.Now())
	if want := filepath.Join(set.Dir, "server", "server.pem"); err != nil || len(made) != 1 || made[0] != want {
		t.Errorf("made %v, %v, want %s", made, err, want)
	}
	before, err := os.ReadFile(filepath.Join(set.Dir, "server", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(set.Dir, "authority", "ca-key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Write(time.Now()); err == nil || !strings.Contains(err.Error(), "bring the authority's folder back") {
		t.Errorf("with half an authority: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(set.Dir, "server", "ca.pem")); err != nil || string(after) != string(before) {
		t.Errorf("the authority that others trust was replaced (%v)", err)
	}
}

// A disk that is full at the wrong moment: a pair stays as it was, and both belong together.
func TestAPairIsReplacedWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	a, err := authority.Open(dir, "ca", "test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue(dir, "osaka")
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"the certificate": p.Cert, "the key": p.Key} {
		in := filepath.Join(file+".new", "way")
		if err := os.MkdirAll(in, 0o755); err != nil { // nothing can be written there
			t.Fatal(err)
		}
		if _, err := a.Issue(dir, "osaka"); err == nil {
			t.Fatalf("%s can't be written, and it is not said", name)
		}
		after, err := p.Load()
		if err != nil || !after.Leaf.Equal(before.Leaf) {
			t.Errorf("%s can't be written, and the pair is another: %v", name, err)
		}
		if err := os.RemoveAll(file + ".new"); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
			t.Errorf("%s: %v are left", name, left)
		}
	}
	if _, err := a.Issue(dir, "osaka"); err != nil {
		t.Fatal(err)
	}
	if after, err := p.Load(); err != nil || after.Leaf.Equal(before.Leaf) {
		t.Errorf("afterwards it is not replaced: %v", err)
	}
}

// Killed between its key and its certificate an authority is completed by the next who opens it; a
// certificate of another key is not.
func TestAnAuthorityThatWasBegunIsCompleted(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		if _, err := authority.Open(d, "ca", "test", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	made, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.pem.new")); err != nil {
		t.Fatal(err)
	}
	a, err := authority.Open(dir, "ca", "test", time.Hour)
	if err != nil || !bytes.Equal(a.PEM(), made) {
		t.Fatalf("begun and not completed: %v", err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "ca.pem")), os.Rename(filepath.Join(other, "ca.pem"), filepath.Join(dir, "ca.pem.new"))); err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Open(dir, "ca", "test", time.Hour); err == nil || !strings.Contains(err.Error(), "bring the authority's folder back") {
		t.Errorf("with the certificate of another: %v", err)
	}
}

// Killed while it replaces a pair, between the new key and its certificate, it is completed at the next look: the
// new certificate takes the place of the old one, whose key is gone.
func TestAPairThatWasHalfReplacedIsCompleted(t *testing.T) {
	dir := t.TempDir()
	a, err := authority.Open(dir, "ca", "test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue(dir, "osaka")
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(dir, "osaka"); err != nil {
		t.Fatal(err)
	}
	renewed, err := os.ReadFile(p.Cert)
	if err != nil {
		t.Fatal(err)
	}
	half := func() {
		t.Helper()
		if err := errors.Join(os.WriteFile(p.Cert+".new", renewed, 0o644), os.WriteFile(p.Cert, old, 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Load(); err == nil {
			t.Fatal("the old certificate and the new key belong together")
		}
	}
	half()
	if !a.Fresh(p, time.Now()) {
		t.Error("the pair that was on its way is not fresh")
	}
	if a.Fresh(p, time.Now().Add(-9*time.Hour)) {
		t.Error("a pair that was made while the clock was nine hours ahead is fresh")
	}
	if now, err := os.ReadFile(p.Cert); err != nil || !bytes.Equal(now, renewed) {
		t.Errorf("the certificate is not the renewed one: %v", err)
	}
	// Where the next renewal fails too, what serves is a pair all the same.
	half()
	if err := os.MkdirAll(filepath.Join(p.Key+".new", "way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(dir, "osaka"); err == nil {
		t.Fatal("the key can't be written, and it is not said")
	}
	if _, err := p.Load(); err != nil {
		t.Errorf("after a renewal that failed: %v", err)
	}
}

// Two who make an installation's certificates at once make one authority.
func TestTwoMakeOneSet(t *testing.T) {
	dir := t.TempDir()
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			if _, err := (authority.Set{Dir: dir, Sites: []string{"osaka"}, Lasts: time.Hour}).Write(time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	ca, err := authority.Open(filepath.Join(dir, "authority"), "engine-ca", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if p := (authority.Pair{Cert: filepath.Join(dir, "osaka", "engine.pem"), Key: filepath.Join(dir, "osaka", "engine-key.pem")}); !ca.Fresh(p, time.Now()) {
		t.Error("the site's certificate is not the authority's")
	}
}

// Whoever owns a folder can lead root, who renews the certificates in it, to no other file.
func TestALinkInTheFolderLeadsNowhere(t *testing.T) {
	set := authority.Set{Dir: t.TempDir(), Lasts: 90 * 24 * time.Hour}
	if _, err := set.Write(time.Now()); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(other, []byte("of the system"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := func() {
		t.Helper()
		if b, err := os.ReadFile(other); err != nil || string(b) != "of the system" {
			t.Errorf("another file was written: %q, %v", b, err)
		}
	}
	key := filepath.Join(set.Dir, "server", "server-key.pem")
	if err := os.Symlink(other, key+".new"); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Write(time.Now().Add(60 * 24 * time.Hour)); err != nil {
		t.Error(err)
	}
	whole()
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, key); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Write(time.Now()); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("a link in the key's place: %v", err)
	}
	whole()
}
