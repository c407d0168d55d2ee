package identity_test

import (
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

func (w *world) link(s *identity.Service, run, person string) string {
	w.t.Helper()
	l, err := s.Link(w.t.Context(), run, person, identity.ForCheckIn, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func TestLinkIsForOnePersonRunAndPurpose(t *testing.T) {
	w := newWorld(t)
	one, two := w.service(), w.service()
	a, err := two.OpenLink(t.Context(), w.link(one, "tokyo-loss-real-12", "佐藤"))
	if err != nil || a.Person != "佐藤" || a.Limit == nil || a.Limit.Run != "tokyo-loss-real-12" || a.Limit.Purpose != identity.ForCheckIn || a.Console {
		t.Fatalf("opened as %+v (%+v), %v", a, a.Limit, err)
	}
	if err := a.Allows("tokyo-loss-real-12", identity.ForCheckIn); err != nil {
		t.Errorf("what it is for: %v", err)
	}
	refused(t, a.Allows("tokyo-loss-real-13", identity.ForCheckIn), identity.OtherRun)
	refused(t, a.Allows("tokyo-loss-real-12", identity.ForArrival), identity.OtherPurpose)
}

// Opening uses nothing up: programs that fetch links for a preview do no harm.
func TestLinkMayBeOpenedAgain(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	l := w.link(s, "run-1", "sato")
	for range 3 {
		if _, err := s.OpenLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForgedLinksAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	l := w.link(s, "run-1", "sato")
	// Every bit of it is signed.
	b, err := base64.RawURLEncoding.DecodeString(l)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		c := append([]byte(nil), b...)
		c[i] ^= 1
		if _, err := s.OpenLink(t.Context(), base64.RawURLEncoding.EncodeToString(c)); identity.ReasonOf(err) != identity.Forged {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	foreign := newWorld(t)
	for name, text := range map[string]string{
		"empty": "", "no link": "hello", "cut off": l[:len(l)-4], "twice": l + l, "with a tail": l + "!", "padded": l + "=",
		"of another server": foreign.link(foreign.service(), "run-1", "sato"), "huge": strings.Repeat("A", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.OpenLink(t.Context(), text)
			refused(t, err, identity.Forged)
		})
	}
}

func TestExpiredLinkSaysSo(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	l := w.link(s, "run-1", "sato")
	w.later(time.Hour)
	_, err := s.OpenLink(t.Context(), l)
	refused(t, err, identity.Expired)
}

func TestLinksAreRevokedByLinkPersonAndRun(t *testing.T) {
	for name, which := range map[string]func(via string) identity.Links{
		"link":   func(via string) identity.Links { return identity.Links{ID: strings.TrimPrefix(via, "link ")} },
		"person": func(string) identity.Links { return identity.Links{Person: "sato"} },
		"run":    func(string) identity.Links { return identity.Links{Run: "run-1"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one, two := w.service(), w.service()
			l, other := w.link(one, "run-1", "sato"), w.link(one, "run-2", "tanaka")
			a, err := two.OpenLink(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			w.later(time.Second)
			if err := one.RevokeLinks(t.Context(), which(a.Via), "admin"); err != nil {
				t.Fatal(err)
			}
			w.later(2 * time.Second)
			_, err = two.OpenLink(t.Context(), l)
			refused(t, err, identity.Revoked)
			if _, err := two.OpenLink(t.Context(), other); err != nil {
				t.Errorf("another link: %v", err)
			}
			if name != "link" { // one sent afterwards is good
				if _, err := two.OpenLink(t.Context(), w.link(one, "run-1", "sato")); err != nil {
					t.Errorf("a new link: %v", err)
				}
			}
		})
	}
}

// Servers that start together on an empty store agree on one key.
func TestServersShareOneKey(t *testing.T) {
	w := newWorld(t)
	links := make([]string, 8)
	services := make([]*identity.Service, len(links))
	var wg sync.WaitGroup
	for i := range links {
		services[i] = w.service()
		wg.Go(func() { links[i], _ = services[i].Link(t.Context(), "run-1", "sato", identity.ForArrival, time.Hour) })
	}
	wg.Wait()
	for i, l := range links {
		if _, err := services[(i+1)%len(services)].OpenLink(t.Context(), l); err != nil {
			t.Errorf("link %d at another server: %v", i, err)
		}
	}
}

func TestKeyIsRotated(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	old := w.link(s, "run-1", "sato")
	if err := s.RotateKey(t.Context(), "admin", false); err != nil {
		t.Fatal(err)
	}
	fresh := w.link(s, "run-1", "sato")
	for _, l := range []string{old, fresh} {
		if _, err := s.OpenLink(t.Context(), l); err != nil {
			t.Errorf("after a rotation: %v", err)
		}
	}
	if err := s.RotateKey(t.Context(), "admin", true); err != nil {
		t.Fatal(err)
	}
	for _, l := range []string{old, fresh} {
		_, err := s.OpenLink(t.Context(), l)
		refused(t, err, identity.Forged)
	}
}

func TestLinksThatLastForEverAreNotMade(t *testing.T) {
	w := newWorld(t)
	for _, ttl := range []time.Duration{0, -time.Hour, identity.LinkLongest + time.Second} {
		if _, err := w.service().Link(t.Context(), "run-1", "sato", identity.ForCheckIn, ttl); err == nil {
			t.Errorf("a link for %s was made", ttl)
		}
	}
}

func FuzzOpenLink(f *testing.F) {
	w := newWorld(f)
	s := w.service()
	f.Add(w.link(s, "run-1", "sato"))
	f.Add("AQ")
	good := w.link(s, "run-1", "sato")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := s.OpenLink(t.Context(), text); err == nil && (a.Person != "sato" || a.Limit == nil) && text != good {
			t.Errorf("%q opened as %+v", text, a)
		}
	})
}
