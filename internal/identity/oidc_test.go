package identity_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/oidctest"
)

// site is a muster server that people sign in to with a provider, and the browser they use.
type site struct {
	*world
	s        *identity.Service
	provider *oidctest.Provider
	url      string
	browser  *http.Client
	last     error
}

func newSite(t *testing.T, change ...func(*identity.Options)) *site {
	w := newWorld(t)
	x := &site{world: w}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in/oidc", func(rw http.ResponseWriter, r *http.Request) {
		if x.last = x.s.StartOIDC(rw, r, r.URL.Query().Get("next")); x.last != nil {
			http.Error(rw, x.last.Error(), http.StatusForbidden)
		}
	})
	mux.HandleFunc("GET "+identity.CallbackPath, func(rw http.ResponseWriter, r *http.Request) {
		_, next, err := x.s.FinishOIDC(rw, r)
		if x.last = err; err != nil {
			http.Error(rw, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(rw, r, next, http.StatusSeeOther)
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		a, _ := x.s.Session(r.Context(), r)
		_, _ = rw.Write([]byte(r.URL.Path + " " + a.Person))
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	x.url = srv.URL
	x.provider = oidctest.Start(t, srv.URL+identity.CallbackPath)
	x.provider.SetNow(w.now)
	x.s = w.service(append([]func(*identity.Options){func(o *identity.Options) {
		o.PublicURL = srv.URL
		o.People = &estate{people: map[string]bool{"sato": true, "tanaka": true}, subjects: map[string]string{"sub-sato": "sato"},
			mails: map[string]string{"tanaka@example.jp": "tanaka"}}
		o.OIDC = identity.OIDC{Issuer: x.provider.URL, ClientID: x.provider.ClientID, Secret: func() (string, error) { return x.provider.Secret, nil }}
	}}, change...)...)
	x.newBrowser()
	return x
}

func (x *site) newBrowser() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.browser = &http.Client{Jar: jar, Timeout: 20 * time.Second}
}

func (x *site) get(path string) string {
	x.t.Helper()
	res, err := x.browser.Get(x.url + path)
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 4096)
	n, _ := res.Body.Read(b)
	return string(b[:n])
}

func TestSignInWithAnOpenIDProvider(t *testing.T) {
	x := newSite(t)
	x.provider.SignedInAs("sub-sato", "", false)
	if got := x.get("/sign-in/oidc?next=/runs/tokyo-loss-1"); got != "/runs/tokyo-loss-1 sato" {
		t.Fatalf("ended at %q (%v), want the run's page as sato", got, x.last)
	}
	if got := x.get("/"); got != "/ sato" {
		t.Errorf("the next page is %q", got)
	}
	log, err := x.s.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 1 || log[0].Person != "sato" || log[0].Via != "oidc" || log[0].Outcome != "ok" || log[0].From != "127.0.0.1" {
		t.Errorf("the access log says %+v, %v", log, err)
	}
}

func TestProviderAnswersThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(x *site)
		want    identity.Reason
	}{
		"a wrong nonce": {func(x *site) { x.provider.Change(func(c map[string]any) { c["nonce"] = "another" }) }, identity.Provider},
		"no nonce":      {func(x *site) { x.provider.Change(func(c map[string]any) { c["nonce"] = nil }) }, identity.Provider},
		"for another client": {func(x *site) { x.provider.Change(func(c map[string]any) { c["aud"] = "another" }) },
			identity.Provider},
		"of another issuer": {func(x *site) { x.provider.Change(func(c map[string]any) { c["iss"] = "https://evil.example" }) },
			identity.Provider},
		"expired": {func(x *site) {
			x.provider.Change(func(c map[string]any) { c["exp"] = x.now().Add(-time.Minute).Unix() })
		}, identity.Provider},
		"signed by somebody else":  {func(x *site) { x.provider.Forge(true) }, identity.Provider},
		"an unknown subject":       {func(x *site) { x.provider.SignedInAs("sub-nobody", "", false) }, identity.Stranger},
		"a mail address alone":     {func(x *site) { x.provider.SignedInAs("sub-nobody", "tanaka@example.jp", true) }, identity.Stranger},
		"nobody signed in there":   {func(x *site) { x.provider.SignedInAs("", "", false) }, identity.Provider},
		"the client's secret lost": {func(x *site) { x.provider.Secret = "rotated" }, ""},
		"a disabled person": {func(x *site) {
			if err := x.s.Disable(x.t.Context(), "sato", "admin", "left"); err != nil {
				x.t.Fatal(err)
			}
		}, identity.Disabled},
	} {
		t.Run(name, func(t *testing.T) {
			x := newSite(t)
			x.provider.SignedInAs("sub-sato", "", false)
			c.prepare(x)
			if name == "the client's secret lost" {
				x.s = x.service(func(o *identity.Options) {
					o.PublicURL = x.url
					o.OIDC = identity.OIDC{Issuer: x.provider.URL, ClientID: x.provider.ClientID, Secret: func() (string, error) { return "old", nil }}
				})
				c.want = identity.Provider
			}
			x.get("/sign-in/oidc")
			refused(t, x.last, c.want)
			x.t.Log(x.last)
			if got := x.get("/"); got != "/ " {
				t.Errorf("signed in all the same: %q", got)
			}
		})
	}
}

func TestVerifiedMailCountsOnlyWhereTheOwnerSaidSo(t *testing.T) {
	byMail := func(o *identity.Options) { o.OIDC.ByMail = true }
	x := newSite(t, byMail)
	x.provider.SignedInAs("sub-nobody", "tanaka@example.jp", true)
	if got := x.get("/sign-in/oidc"); got != "/ tanaka" {
		t.Errorf("by a verified address: %q, %v", got, x.last)
	}
	x = newSite(t, byMail)
	x.provider.SignedInAs("sub-nobody", "tanaka@example.jp", false)
	x.get("/sign-in/oidc")
	refused(t, x.last, identity.Stranger)
}

// An answer of the provider is good once, in the browser that asked for it.
func TestReplayedAndForeignAnswersAreRefused(t *testing.T) {
	x := newSite(t)
	x.provider.SignedInAs("sub-sato", "", false)
	var callback *url.URL
	var cookies []*http.Cookie
	x.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == identity.CallbackPath {
			callback = r.URL
			for _, c := range x.browser.Jar.Cookies(r.URL) {
				cookies = append(cookies, &http.Cookie{Name: c.Name, Value: c.Value})
			}
		}
		return nil
	}
	if got := x.get("/sign-in/oidc"); got != "/ sato" {
		t.Fatalf("%q, %v", got, x.last)
	}
	// Another browser is given the address of the answer: it must not be signed in.
	x.newBrowser()
	x.get(callback.RequestURI())
	refused(t, x.last, identity.Provider)
	// The same browser's cookies and all, once more: the code is used up.
	req := httptest.NewRequest("GET", callback.RequestURI(), nil)
	for _, c := range cookies {
		req.AddCookie(c)
	}
	_, _, err := x.s.FinishOIDC(httptest.NewRecorder(), req)
	refused(t, err, identity.Provider)
	if !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("refused for %v, want because the code was used", err)
	}
	// Ten minutes later the browser's own attempt is over.
	x.later(11 * time.Minute)
	_, _, err = x.s.FinishOIDC(httptest.NewRecorder(), req)
	refused(t, err, identity.Provider)
	if !strings.Contains(err.Error(), "ago") {
		t.Errorf("refused for %v, want because it is over", err)
	}
}

func TestAnswerToAnotherAttemptIsRefused(t *testing.T) {
	x := newSite(t)
	x.provider.SignedInAs("sub-sato", "", false)
	x.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == identity.CallbackPath {
			q := r.URL.Query()
			q.Set("state", "of-somebody-else")
			r.URL.RawQuery = q.Encode()
		}
		return nil
	}
	x.get("/sign-in/oidc")
	refused(t, x.last, identity.Provider)
	if !strings.Contains(x.last.Error(), "state") {
		t.Errorf("refused for %v", x.last)
	}
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/runs/1?x=2": "/runs/1?x=2", "": "/", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/",
		"javascript:alert(1)": "/", "runs": "/", "/\r\nSet-Cookie: a=b": "/",
	} {
		if got := identity.Local(next); got != want {
			t.Errorf("Local(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestProviderThatIsDownIsSaidAndTriedAgain(t *testing.T) {
	w := newWorld(t)
	s := w.service(func(o *identity.Options) {
		o.PublicURL = "http://127.0.0.1:1"
		o.OIDC = identity.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "muster"}
	})
	err := s.StartOIDC(httptest.NewRecorder(), httptest.NewRequest("GET", "/sign-in/oidc", nil), "/")
	refused(t, err, identity.Provider)
	refused(t, w.service().StartOIDC(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), "/"), identity.Off)
}
