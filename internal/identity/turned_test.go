package identity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
)

func (w *world) entered(s *identity.Service, is func(journal.Access) bool) (out []journal.Access) {
	w.t.Helper()
	log, err := s.Accesses(w.t.Context(), 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range log {
		if is(a) {
			out = append(out, a)
		}
	}
	return out
}

// A browser whose sign-in is over is in the access log, once for all that its page asks.
func TestAnExpiredSessionIsEntered(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	c := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	w.later(identity.SessionIdle)
	req := httptest.NewRequest("GET", "/", nil)
	req.AddCookie(c)
	for range 20 {
		if _, err := s.Session(t.Context(), req); err == nil {
			t.Fatal("an expired session lets in")
		}
	}
	if got := w.entered(s, func(a journal.Access) bool { return a.Outcome == "expired" }); len(got) != 1 || got[0].Person != "sato" || got[0].From != "192.0.2.1" || !strings.HasPrefix(got[0].Via, "session ") {
		t.Errorf("entered: %+v", got)
	}
	nobody := httptest.NewRequest("GET", "/", nil)
	_, _ = s.Session(t.Context(), nobody)
	if got := w.entered(s, func(a journal.Access) bool { return a.Outcome == "nobody" }); len(got) != 0 {
		t.Errorf("who has no cookie tried nothing: %+v", got)
	}
}

// Who makes cookies up, or signatures, fills no log, and is counted; others are not hidden by it.
func TestWhatIsTurnedAwayIsBounded(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	for n := range 250 {
		req := httptest.NewRequest("GET", "/", nil)
		req.AddCookie(&http.Cookie{Name: "muster", Value: fmt.Sprint("made-up-", n)})
		_, _ = s.Session(t.Context(), req)
	}
	if got := w.entered(s, func(a journal.Access) bool { return a.Outcome != "ok" }); len(got) != 7 || !strings.Contains(got[6].Outcome, "200 within 1m") {
		t.Errorf("%d entries of 250 tries within a minute, want 5 and each hundredth: %+v", len(got), got)
	}
	forged := &identity.Refusal{Reason: identity.Forged}
	// What is made up at one door hides nothing at another, nor another kind at the same.
	if !s.Turned(t.Context(), "192.0.2.1", "slack", "/command", forged) {
		t.Error("the noise at the board hides what comes to Slack's door")
	}
	for range 20 {
		s.Turned(t.Context(), "192.0.2.1", "slack", "/interact", forged)
	}
	if s.Turned(t.Context(), "192.0.2.1", "slack", "/command", forged) {
		t.Error("the same address again")
	}
	if !s.Turned(t.Context(), "192.0.2.1", "slack", "/command", &identity.Refusal{Reason: identity.Replayed}) {
		t.Error("forged requests hide a replayed one")
	}
	if !s.Turned(t.Context(), "192.0.2.2", "slack", "/command", forged) {
		t.Error("another address was hidden by the first")
	}
	w.later(time.Minute)
	if !s.Turned(t.Context(), "192.0.2.1", "slack", "/command", forged) {
		t.Error("a minute later nothing is entered any more")
	}
	if got := w.entered(s, func(a journal.Access) bool {
		return a.Act == "slack" && a.Object == "/command" && a.Outcome == "forged"
	}); len(got) != 3 {
		t.Errorf("entered: %+v", got)
	}
}

// Addresses are cheap: whoever comes from ten thousand fills no log either, and hides nobody who has a token.
func TestACrowdOfAddressesFillsNoLog(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	for n := range 5000 {
		from := fmt.Sprintf("2001:db8::%x", n)
		s.Turned(t.Context(), from, "slack", "/command", &identity.Refusal{Reason: identity.Forged})
		s.Failed(t.Context(), from, &identity.Refusal{Reason: identity.Unknown})
	}
	got := w.entered(s, func(journal.Access) bool { return true })
	if len(got) != 256+5 || !strings.HasSuffix(got[len(got)-1].Outcome, "(of all addresses 8192 within 1m0s)") {
		t.Errorf("%d entries, the last %+v; want 256 and those of 512, 1024, 2048, 4096 and 8192", len(got), got[len(got)-1])
	}
	s.Failed(t.Context(), "2001:db8::1:1", &identity.Refusal{Reason: identity.Expired, Person: "sato", Via: "token t1"})
	if got := w.entered(s, func(a journal.Access) bool { return a.Person == "sato" }); len(got) != 1 || got[0].Outcome != "expired" {
		t.Errorf("a token of somebody is hidden by the crowd: %+v", got)
	}
	w.later(time.Minute)
	if !s.Turned(t.Context(), "192.0.2.1", "slack", "/command", &identity.Refusal{Reason: identity.Forged}) {
		t.Error("a minute later nothing is entered any more")
	}
}

// As whom the console acts is signed for its session: no other page, session or person comes by it.
func TestAsWhomTheConsoleActsIsOfItsSession(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	signIn := func(a identity.Actor) map[string]*http.Cookie {
		rec := httptest.NewRecorder()
		if err := s.SignIn(t.Context(), rec, httptest.NewRequest("POST", "/", nil), a); err != nil {
			t.Fatal(err)
		}
		out := map[string]*http.Cookie{}
		for _, c := range rec.Result().Cookies() {
			out[c.Name] = c
		}
		return out
	}
	acts := func(cookies ...*http.Cookie) string {
		req := httptest.NewRequest("GET", "/", nil)
		for _, c := range cookies {
			req.AddCookie(c)
		}
		a, err := s.Session(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return a.Acting
	}
	console := identity.Actor{Console: true, Via: "console"}
	plain := signIn(console)["muster"]
	console.Acting = "佐藤 sato"
	first, second := signIn(console), signIn(identity.Actor{Person: "tanaka", Via: "oidc"})
	acting := first["muster-acting"]
	if acting == nil || !acting.HttpOnly || acting.SameSite != http.SameSiteLaxMode {
		t.Fatalf("the cookie is %+v", acting)
	}
	if got := acts(first["muster"], acting); got != "佐藤 sato" {
		t.Errorf("the console acts as %q", got)
	}
	for name, got := range map[string]string{"another session of the console": acts(plain, acting), "a person": acts(second["muster"], acting),
		"a name alone":   acts(first["muster"], &http.Cookie{Name: "muster-acting", Value: "c2F0bw"}),
		"another's name": acts(first["muster"], &http.Cookie{Name: "muster-acting", Value: "c2F0bw" + acting.Value[strings.Index(acting.Value, "."):]})} {
		if got != "" {
			t.Errorf("%s acts as %q", name, got)
		}
	}
	rec, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/acting", nil)
	req.AddCookie(plain)
	if err := s.ActAs(t.Context(), rec, req, "suzuki"); err != nil {
		t.Fatal(err)
	}
	if got := acts(plain, rec.Result().Cookies()[0]); got != "suzuki" {
		t.Errorf("set later: %q", got)
	}
}

// Guesses without end hide no token that was taken back and is tried among them.
func TestGuessesHideNothing(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	if _, err := s.Revoke(t.Context(), token.ID, "sato"); err != nil {
		t.Fatal(err)
	}
	try := func(secret string) {
		t.Helper()
		_, err := s.Bearer(t.Context(), secret)
		if err == nil {
			t.Fatal("let in")
		}
		s.Failed(t.Context(), "192.0.2.1", err)
	}
	for n := range 30 {
		try(fmt.Sprintf("mstr_made%d_up", n))
	}
	try(secret)
	try(secret)
	if got := w.entered(s, func(a journal.Access) bool { return strings.HasPrefix(a.Outcome, "revoked") }); len(got) != 1 || got[0].Via != "token "+token.ID || got[0].Person != "sato" {
		t.Errorf("entered: %+v", got)
	}
}

// A network is new to a token once, the first of all is its own, and another token's is not its.
func TestANewNetworkIsEnteredOnce(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	first, _ := w.issue(s, "sato")
	second, other := w.issue(s, "sato")
	door := s.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), identity.Gate{Refused: func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) }})
	from := func(address, secret string) {
		req := httptest.NewRequest("GET", "/", nil)
		req.RemoteAddr = address
		req.Header.Set("Authorization", "Bearer "+secret)
		door.ServeHTTP(httptest.NewRecorder(), req)
	}
	for range 3 {
		for _, address := range []string{"192.0.2.1:1", "192.0.2.200:1", "[2001:db8:1::1]:1", "[2001:db8:1:2::1]:1", "198.51.100.1:1"} {
			from(address, first)
			w.later(30 * time.Hour)
		}
	}
	from("203.0.113.1:1", second)
	s2 := w.service() // another server knows them too
	door = s2.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), identity.Gate{Refused: func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) }})
	from("203.0.113.99:1", second)
	from("198.51.100.7:1", second)
	var got []string
	for _, a := range w.entered(s, func(a journal.Access) bool { return a.Outcome == identity.OutNewPlace }) {
		got = append(got, a.Object)
		if a.Person != "sato" {
			t.Errorf("%+v", a)
		}
		if a.Object == "198.51.100.0/24" && a.From == "198.51.100.7" && a.Via != "token "+other.ID {
			t.Errorf("%+v", a)
		}
	}
	if want := "2001:db8:1::/48 198.51.100.0/24 198.51.100.0/24"; strings.Join(got, " ") != want {
		t.Errorf("new were %q, want %q", got, want)
	}
}
