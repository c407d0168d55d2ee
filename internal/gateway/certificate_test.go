package gateway

import (
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"
)

// A clock that was hours ahead when the gateway made its certificate, and is then set right, shuts no site out.
func TestACertificateOfTheFutureIsMadeAnew(t *testing.T) {
	a, err := OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &serverCertificate{authority: a, names: []string{"127.0.0.1"}}
	now := time.Now()
	first, err := s.current(now)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := s.current(now); err != nil || same != first {
		t.Errorf("a certificate that holds is made anew: %v", err)
	}
	first.Leaf.NotBefore = now.Add(8 * time.Hour)
	if second, err := s.current(now); err != nil || second == first || now.Before(second.Leaf.NotBefore) {
		t.Errorf("a certificate whose time has not begun is served: %v", err)
	}
}

// Whose certificate is over is in no more; that a disk can't be read for a moment is no reason.
func TestWhoIsInIsLookedAtAgain(t *testing.T) {
	a, err := OpenAuthority(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.Issue("tokyo", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issued.Certificate)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	o, now := Options{Holds: a.Holds}, time.Now()
	looks := func(when time.Time, want Why) {
		t.Helper()
		if why, err := o.overFor(c, when); why != want || (err == nil) != (want == "") {
			t.Errorf("%q, %v; want %q", why, err, want)
		}
	}
	looks(now, "")
	looks(now.Add(2*time.Hour), EndedCertificate)
	o.Holds = func(*x509.Certificate) error {
		return refusedSite{"tokyo", &fs.PathError{Op: "open", Err: syscall.EMFILE}}
	}
	looks(now, "")
	o.Holds = a.Holds
	if err := os.Remove(a.siteFile("tokyo")); err != nil {
		t.Fatal(err)
	}
	looks(now, ReplacedCertificate)
}
