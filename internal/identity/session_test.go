package identity_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

// signIn begins a session and returns its cookie.
func (w *world) signIn(s *identity.Service, a identity.Actor, with ...*http.Cookie) *http.Cookie {
	w.t.Helper()
	rec, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/sign-in", nil)
	for _, c := range with {
		req.AddCookie(c)
	}
	if err := s.SignIn(w.t.Context(), rec, req, a); err != nil {
		w.t.Fatal(err)
	}
	cookies := rec.Result().Cookies()
	if len(cookies) != 1 {
		w.t.Fatalf("signing in set %d cookies", len(cookies))
	}
	return cookies[0]
}

// session is why a cookie lets nobody in through the guard; "" when it does.
func (w *world) session(s *identity.Service, c *http.Cookie) identity.Reason {
	w.t.Helper()
	var why identity.Reason
	h := s.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), identity.Gate{
		Refused: func(_ http.ResponseWriter, _ *http.Request, err error) { why = identity.ReasonOf(err) }})
	req := httptest.NewRequest("GET", "/", nil)
	req.AddCookie(c)
	h.ServeHTTP(httptest.NewRecorder(), req)
	if _, err := s.Session(w.t.Context(), req); (err == nil) != (why == "") {
		w.t.Errorf("Session says %v and the guard %q", err, why)
	}
	return why
}

func TestSessionCookieIsLockedDown(t *testing.T) {
	w := newWorld(t)
	plain := w.signIn(w.service(), identity.Actor{Person: "sato", Via: "oidc"})
	if !plain.HttpOnly || plain.SameSite != http.SameSiteLaxMode || plain.Path != "/" || plain.Domain != "" || plain.Secure {
		t.Errorf("over http the cookie is %+v", plain)
	}
	secure := w.signIn(w.service(func(o *identity.Options) { o.PublicURL = "https://muster.example" }), identity.Actor{Person: "sato", Via: "oidc"})
	if !secure.Secure || !strings.HasPrefix(secure.Name, "__Host-") || !secure.HttpOnly {
		t.Errorf("over https the cookie is %+v", secure)
	}
}

func TestUnusedSessionEnds(t *testing.T) {
	w := newWorld(t)
	s := w.service(func(o *identity.Options) { o.Idle, o.Longest = time.Hour, 12*time.Hour })
	c := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	for range 12 { // used, it goes on
		w.later(50 * time.Minute)
		if why := w.session(s, c); why != "" {
			t.Fatalf("a session in use was refused as %s", why)
		}
	}
	w.later(time.Hour)
	if why := w.session(s, c); why != identity.Expired {
		t.Errorf("after an idle hour: %q", why)
	}
}

func TestSessionHasAnEndHoweverMuchItIsUsed(t *testing.T) {
	w := newWorld(t)
	s := w.service(func(o *identity.Options) { o.Idle, o.Longest = time.Hour, 3*time.Hour })
	c := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	for range 5 {
		w.later(30 * time.Minute)
		if why := w.session(s, c); why != "" {
			t.Fatalf("refused as %s", why)
		}
	}
	w.later(30 * time.Minute)
	if why := w.session(s, c); why != identity.Expired {
		t.Errorf("after its longest time: %q", why)
	}
}

func TestSigningInRotatesTheSession(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	old := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	planted := w.signIn(s, identity.Actor{Person: "tanaka", Via: "oidc"}, old)
	if old.Value == planted.Value {
		t.Error("the session kept its cookie")
	}
	if why := w.session(s, old); why != identity.Expired {
		t.Errorf("the session before is refused as %q", why)
	}
}

func TestSignOutEndsTheSessionOnTheServer(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	c := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	rec, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/sign-out", nil)
	req.AddCookie(c)
	if err := s.SignOut(t.Context(), rec, req); err != nil {
		t.Fatal(err)
	}
	if got := rec.Result().Cookies(); len(got) != 1 || got[0].MaxAge >= 0 {
		t.Errorf("the cookie was not taken away: %v", got)
	}
	if why := w.session(s, c); why != identity.Expired {
		t.Errorf("a kept copy of the cookie is refused as %q", why)
	}
}

func TestSessionEndsWithTheTokenItBeganWith(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	a, err := s.Bearer(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	c := w.signIn(s, a)
	if why := w.session(s, c); why != "" {
		t.Fatalf("refused as %s", why)
	}
	if _, err := s.Revoke(t.Context(), token.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	if why := w.session(s, c); why != identity.Revoked {
		t.Errorf("after its token was revoked: %q", why)
	}
}

func TestSessionOfTheConsoleEndsWithItsToken(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	c := w.signIn(s, identity.Actor{Console: true, Via: "console"})
	if why := w.session(s, c); why != "" {
		t.Fatalf("refused as %s", why)
	}
	for name, token := range map[string]string{"another token": "another-token-of-the-server", "switched off": ""} {
		next := w.service(func(o *identity.Options) { o.Console = token })
		if why := w.session(next, c); why != identity.Revoked {
			t.Errorf("%s: refused as %q", name, why)
		}
	}
}

func TestLinkBeginsNoSession(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	rec, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/sign-in", nil)
	err := s.SignIn(t.Context(), rec, req, identity.Actor{Person: "sato", Via: "link ab", Limit: &identity.Limit{Run: "r", Purpose: identity.ForCheckIn}})
	refused(t, err, identity.OtherPurpose)
	if len(rec.Result().Cookies()) != 0 {
		t.Error("a link set a cookie")
	}
}

func TestTidyErasesWhatIsOver(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	w.later(identity.SessionIdle)
	kept := w.signIn(s, identity.Actor{Person: "tanaka", Via: "oidc"})
	if err := s.Tidy(t.Context(), time.Hour, true); err != nil {
		t.Fatal(err)
	}
	docs, err := w.store.DocumentsOf(t.Context(), "session")
	if err != nil || len(docs) != 1 {
		t.Errorf("%d sessions are left, %v, want 1", len(docs), err)
	}
	if why := w.session(s, kept); why != "" {
		t.Errorf("the one in use was refused as %s", why)
	}
	// The access log is kept for a year, whatever was asked for.
	before, err := s.Accesses(t.Context(), 0, 0)
	if err != nil || len(before) < 2 {
		t.Errorf("the access log has %d entries, %v", len(before), err)
	}
	// With a clock that may be ahead nothing goes that would be missed once it is set right.
	if err := s.RevokeLinks(t.Context(), identity.Links{Person: "sato"}, "mori"); err != nil {
		t.Fatal(err)
	}
	w.later(400 * 24 * time.Hour)
	for _, believed := range []bool{false, true} {
		if err := s.Tidy(t.Context(), time.Hour, believed); err != nil {
			t.Fatal(err)
		}
		log, err := s.Accesses(t.Context(), 0, 0)
		bans, berr := w.store.DocumentsOf(t.Context(), "link-ban")
		if err != nil || berr != nil || (len(log) >= len(before)) == believed || (len(bans) == 1) == believed {
			t.Errorf("believed %v: %d entries of %d and %d bans are left, %v, %v", believed, len(log), len(before), len(bans), err, berr)
		}
	}
}

// A session that began with a token is of the same hands as the token.
func TestASessionHasTheHandsOfItsToken(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, _, err := s.Issue(t.Context(), "sato", "laptop", "mori", 0)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Bearer(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest("GET", "/", nil)
	req.AddCookie(w.signIn(s, a))
	if a, err := s.Session(t.Context(), req); err != nil || !slices.Equal(a.Issuers, []string{"mori"}) {
		t.Errorf("the session is %+v", a)
	}
}
