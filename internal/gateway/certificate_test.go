package gateway

import (
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
