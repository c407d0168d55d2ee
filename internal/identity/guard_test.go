package identity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

// come sends a request through a guard and says who the handler saw, or why not.
func come(s *identity.Service, from string, header map[string]string, cookies ...*http.Cookie) (a identity.Actor, err error) {
	h := s.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { a, _ = identity.From(r.Context()) }),
		identity.Gate{Refused: func(_ http.ResponseWriter, _ *http.Request, e error) { err = e },
			Open: func(r *http.Request) bool { return r.URL.Path == "/open" }})
	req := httptest.NewRequest("GET", "/closed", nil)
	req.RemoteAddr = from + ":4711"
	for k, v := range header {
		req.Header.Set(k, v)
	}
	for _, c := range cookies {
		req.AddCookie(c)
	}
	h.ServeHTTP(httptest.NewRecorder(), req)
	return a, err
}

func bearer(secret string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + secret}
}

func TestGuardTellsWhoComes(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, _ := w.issue(s, "sato")
	if a, err := come(s, "192.0.2.1", bearer(secret)); err != nil || a.Person != "sato" {
		t.Errorf("by token: %+v, %v", a, err)
	}
	if a, err := come(s, "192.0.2.1", bearer(console)); err != nil || !a.Console {
		t.Errorf("by the server's token: %+v, %v", a, err)
	}
	cookie := w.signIn(s, identity.Actor{Person: "tanaka", Via: "oidc"})
	if a, err := come(s, "192.0.2.1", nil, cookie); err != nil || a.Person != "tanaka" {
		t.Errorf("by session: %+v, %v", a, err)
	}
	// A program that gives a wrong token hears of it, whatever cookie is there.
	_, err := come(s, "192.0.2.1", bearer("wrong"), cookie)
	refused(t, err, identity.Unknown)
	_, err = come(s, "192.0.2.1", nil)
	refused(t, err, identity.Nobody)
	_, err = come(s, "192.0.2.1", map[string]string{"Authorization": "Basic " + secret})
	refused(t, err, identity.Unknown)
}

func TestFailedSignInsAreCountedSlowedAndNoted(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	for range 8 {
		_, err := come(s, "198.51.100.7", bearer("mstr_guess_"+strings.Repeat("x", 52)))
		refused(t, err, identity.Unknown)
	}
	if n := strings.Count(w.log.String(), "repeated failed sign-ins"); n != 1 || !strings.Contains(w.log.String(), "198.51.100.7") {
		t.Errorf("eight failures made %d log lines, want one: %s", n, w.log.String())
	}
	if len(w.held) != 4 || w.held[3] <= w.held[0] {
		t.Errorf("answers were held back %v, want the fifth and on, longer each time", w.held)
	}
	log, err := s.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 8 {
		t.Fatalf("the access log has %d entries, %v, want 8", len(log), err)
	}
	if e := log[0]; e.Outcome != "unknown" || e.From != "198.51.100.7" || e.Act != "sign in" {
		t.Errorf("the access log says %+v", e)
	}
	// The right secret is never held up, from the same place.
	secret, _ := w.issue(s, "sato")
	held := len(w.held)
	if _, err := come(s, "198.51.100.7", bearer(secret)); err != nil || len(w.held) != held {
		t.Errorf("the right token after wrong ones: %v, held %v", err, w.held)
	}
	// Nor is somebody else.
	_, _ = come(s, "203.0.113.9", bearer("wrong"))
	if len(w.held) != held {
		t.Error("one failure from elsewhere was held up")
	}
	// After a while it is forgotten.
	w.later(10 * time.Minute)
	_, _ = come(s, "198.51.100.7", bearer("wrong"))
	if len(w.held) != held {
		t.Error("a failure was held up for those of long ago")
	}
}

func TestSomebodyWhoTriesForEverDoesNotFillTheLog(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	for range 1000 {
		_, _ = come(s, "198.51.100.7", bearer("wrong"))
	}
	log, err := s.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 20 {
		t.Errorf("1000 tries made %d entries, %v, want 20", len(log), err)
	}
	if last := log[len(log)-1]; !strings.Contains(last.Outcome, "try 1000") {
		t.Errorf("the last entry is %+v", last)
	}
}

// Without a bound, an attacker with many addresses would fill the memory.
func TestManyAddressesAreForgotten(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	for i := range 5000 {
		w.later(time.Second)
		s.Failed(t.Context(), fmt.Sprintf("2001:db8::%x", i), &identity.Refusal{Reason: identity.Unknown})
	}
	if n := s.SourcesRemembered(); n > 4096 {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestDisabledPersonsTryNamesThem(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	w.later(time.Second)
	if err := s.Disable(t.Context(), "sato", "admin", "left"); err != nil {
		t.Fatal(err)
	}
	_, err := come(s, "192.0.2.1", bearer(secret))
	refused(t, err, identity.Disabled)
	log, err := s.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e := log[len(log)-1]; e.Person != "sato" || e.Via != "token "+token.ID || e.Outcome != "disabled" {
		t.Errorf("the access log says %+v", e)
	}
}
