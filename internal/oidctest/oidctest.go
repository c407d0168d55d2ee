// Package oidctest is a real OpenID provider on loopback, for tests: discovery, keys, an
// authorisation page that says yes, and a token endpoint that checks client, redirect, code
// and PKCE as the standards ask.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Provider is a running OpenID provider with one client.
type Provider struct {
	URL      string
	ClientID string
	Secret   string

	mu       sync.Mutex
	subject  string
	mail     string
	verified bool
	redirect string
	change   func(claims map[string]any)
	codes    map[string]grant
	key      *ecdsa.PrivateKey
	other    *ecdsa.PrivateKey
	forge    bool
	now      func() time.Time
}

type grant struct {
	challenge, nonce, redirect, subject, mail string
	verified                                  bool
}

// Start starts a provider whose client may be sent back to redirect only.
func Start(t testing.TB, redirect string) *Provider {
	t.Helper()
	p := &Provider{ClientID: "muster", Secret: "client-secret-of-the-test", redirect: redirect, codes: map[string]grant{}, now: time.Now}
	for _, k := range []**ecdsa.PrivateKey{&p.key, &p.other} {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		*k = made
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// SignedInAs sets who sits at the browser, for the provider.
func (p *Provider) SignedInAs(subject, mail string, verified bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subject, p.mail, p.verified = subject, mail, verified
}

// Change lets a test spoil the claims of the next ID tokens; nil leaves them right.
func (p *Provider) Change(f func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change = f
}

// Forge signs the next ID tokens with a key that is not the provider's.
func (p *Provider) Forge(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forge = on
}

// SetNow sets the provider's clock.
func (p *Provider) SetNow(now func() time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	if q.Get("client_id") != p.ClientID || q.Get("redirect_uri") != p.redirect || q.Get("response_type") != "code" {
		http.Error(w, "unknown client or redirect", http.StatusBadRequest)
		return
	}
	back, _ := url.Parse(p.redirect)
	out := url.Values{"state": {q.Get("state")}}
	if p.subject == "" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" {
		out.Set("error", "access_denied")
	} else {
		code := rand.Text()
		p.codes[code] = grant{q.Get("code_challenge"), q.Get("nonce"), p.redirect, p.subject, p.mail, p.verified}
		out.Set("code", code)
	}
	back.RawQuery = out.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != p.ClientID || secret != p.Secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	g, ok := p.codes[code]
	delete(p.codes, code) // a code is good once
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	now := p.now()
	claims := map[string]any{"iss": p.URL, "aud": p.ClientID, "sub": g.subject, "nonce": g.nonce,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "email": g.mail, "email_verified": g.verified}
	if p.change != nil {
		p.change(claims)
	}
	key := p.key
	if p.forge {
		key = p.other
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": raw})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may be gone
}
