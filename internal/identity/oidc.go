package identity

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// CallbackPath is where the OpenID provider sends browsers back to: PublicURL + CallbackPath
// is the redirect URI to enter at the provider.
const CallbackPath = "/sign-in/oidc/callback"

// OIDC is an OpenID provider to sign in with. Its zero value is none.
type OIDC struct {
	Issuer   string
	ClientID string
	// Secret of the client; nil or "" for a public client, which PKCE alone protects.
	Secret func() (string, error)
	// ByMail lets people in by a mail address that the provider has verified, when the estate
	// knows no such subject. Off unless said: whoever can get an address at the provider would
	// be whom it names.
	ByMail bool
	Scopes []string // besides openid
	// HTTP reaches the provider; nil is a client that waits 10 s.
	HTTP *http.Client
}

// provider is the provider as discovered, once it has answered.
type provider struct {
	mu     sync.Mutex
	made   *oidc.Provider
	asking *discovery
}

// discovery is one question to the provider, for all who wait for its answer.
type discovery struct {
	done chan struct{}
	made *oidc.Provider
	err  error
}

// attempt is a sign-in under way. It lies in a signed cookie of the browser and not in the
// store: nobody who has not signed in can make the server keep anything.
type attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Next     string    `json:"to"`
	Until    time.Time `json:"u"`
}

const (
	attemptCookie = "muster-oidc"
	attemptLife   = 10 * time.Minute
)

// HasOIDC reports whether people can sign in with an OpenID provider.
func (s *Service) HasOIDC() bool { return s.o.OIDC.Issuer != "" }

func (s *Service) providerNow(ctx context.Context) (*oidc.Provider, error) {
	s.provider.mu.Lock()
	made, d := s.provider.made, s.provider.asking
	if made == nil && d == nil {
		d = &discovery{done: make(chan struct{})}
		s.provider.asking = d
		// What it makes keeps the context for fetching keys later, so it may not end.
		go s.discover(s.reach(context.WithoutCancel(ctx)), d)
	}
	s.provider.mu.Unlock()
	if made != nil {
		return made, nil
	}
	// A provider that does not answer holds up who signs in, each as long as they wait, and
	// nobody behind them.
	select {
	case <-d.done:
		return d.made, d.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Service) discover(ctx context.Context, d *discovery) {
	d.made, d.err = oidc.NewProvider(ctx, s.o.OIDC.Issuer)
	s.provider.mu.Lock()
	s.provider.made, s.provider.asking = d.made, nil
	s.provider.mu.Unlock()
	close(d.done)
}

func (s *Service) reach(ctx context.Context) context.Context {
	c := s.o.OIDC.HTTP
	if c == nil {
		c = &http.Client{Timeout: 10 * time.Second}
	}
	return oidc.ClientContext(ctx, c)
}

func (s *Service) oauth(p *oidc.Provider) (*oauth2.Config, error) {
	secret := ""
	if s.o.OIDC.Secret != nil {
		var err error
		if secret, err = s.o.OIDC.Secret(); err != nil {
			return nil, fmt.Errorf("the client's secret: %w", err)
		}
	}
	return &oauth2.Config{
		ClientID: s.o.OIDC.ClientID, ClientSecret: secret, Endpoint: p.Endpoint(),
		RedirectURL: strings.TrimRight(s.o.PublicURL, "/") + CallbackPath,
		Scopes:      append([]string{oidc.ScopeOpenID}, s.o.OIDC.Scopes...),
	}, nil
}

// StartOIDC sends the browser to the provider. next is the path of this server to go to
// afterwards; anything else is "/".
func (s *Service) StartOIDC(w http.ResponseWriter, r *http.Request, next string) error {
	if !s.HasOIDC() {
		return refuse(Off)
	}
	p, err := s.providerNow(r.Context())
	if err != nil {
		return &Refusal{Reason: Provider, Via: "oidc", Err: err}
	}
	config, err := s.oauth(p)
	if err != nil {
		return &Refusal{Reason: Provider, Via: "oidc", Err: err}
	}
	a := attempt{State: text(20), Nonce: text(20), Verifier: oauth2.GenerateVerifier(), Next: Local(next), Until: s.o.Now().Add(attemptLife).UTC()}
	sealed, err := s.seal(r.Context(), a)
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(attemptCookie, sealed, attemptLife))
	http.Redirect(w, r, config.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), http.StatusFound)
	return nil
}

// FinishOIDC takes what the provider sent back, begins a session for the person it names and
// says where to go next. A failure is counted and entered in the access log; the error is
// for the person, see Refusal.In.
func (s *Service) FinishOIDC(w http.ResponseWriter, r *http.Request) (a Actor, next string, err error) {
	from := Origin(r)
	ctx := withOrigin(r.Context(), from)
	// Whatever comes of it, this attempt is over.
	http.SetCookie(w, s.cookie(attemptCookie, "", 0))
	a, next, err = s.finish(ctx, r)
	if err == nil {
		err = s.SignIn(ctx, w, r, a)
	}
	if err != nil {
		if c := errors.Unwrap(err); c != nil {
			s.o.Log.Warn("a sign-in with the OpenID provider was not accepted", "reason", ReasonOf(err), "err", c)
		}
		s.Failed(ctx, from, err)
		return Actor{}, "", err
	}
	return a, next, nil
}

func (s *Service) finish(ctx context.Context, r *http.Request) (Actor, string, error) {
	bad := func(format string, args ...any) error {
		return &Refusal{Reason: Provider, Via: "oidc", Err: fmt.Errorf(format, args...)}
	}
	if !s.HasOIDC() {
		return Actor{}, "", refuse(Off)
	}
	c, err := r.Cookie(s.cookieName(attemptCookie))
	if err != nil {
		return Actor{}, "", bad("this browser has begun no sign-in")
	}
	begun, err := s.unseal(ctx, c.Value)
	if err != nil {
		return Actor{}, "", bad("the sign-in that this browser began: %w", err)
	}
	q := r.URL.Query()
	if !hmac.Equal([]byte(q.Get("state")), []byte(begun.State)) {
		return Actor{}, "", bad("the answer belongs to another sign-in (state)")
	}
	if e := q.Get("error"); e != "" {
		return Actor{}, "", bad("the provider said %q: %q", cut(e), cut(q.Get("error_description")))
	}
	p, err := s.providerNow(ctx)
	if err != nil {
		return Actor{}, "", bad("%w", err)
	}
	config, err := s.oauth(p)
	if err != nil {
		return Actor{}, "", bad("%w", err)
	}
	tokens, err := config.Exchange(s.reach(ctx), q.Get("code"), oauth2.VerifierOption(begun.Verifier))
	if err != nil {
		return Actor{}, "", bad("exchange the code: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return Actor{}, "", bad("the provider gave no ID token")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: s.o.OIDC.ClientID, Now: s.o.Now}).Verify(s.reach(ctx), raw)
	if err != nil {
		return Actor{}, "", bad("%w", err)
	}
	if !hmac.Equal([]byte(id.Nonce), []byte(begun.Nonce)) {
		return Actor{}, "", bad("the ID token belongs to another sign-in (nonce)")
	}
	person, err := s.personOf(ctx, id)
	if err != nil {
		return Actor{}, "", err
	}
	return Actor{Person: person, Via: "oidc"}, begun.Next, nil
}

// personOf is the person whom an ID token names: by its subject, which the provider never
// gives to anybody else.
func (s *Service) personOf(ctx context.Context, id *oidc.IDToken) (string, error) {
	stranger := &Refusal{Reason: Stranger, Via: "oidc", Err: fmt.Errorf("subject %q", cut(id.Subject))}
	if s.o.People == nil || id.Subject == "" {
		return "", stranger
	}
	person, err := s.o.People.BySubject(ctx, id.Subject)
	if err != nil || person != "" {
		return person, err
	}
	var claims struct {
		Mail     string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if !s.o.OIDC.ByMail || id.Claims(&claims) != nil || !claims.Verified || claims.Mail == "" {
		return "", stranger
	}
	if person, err = s.o.People.ByMail(ctx, claims.Mail); err != nil {
		return "", err
	}
	if person == "" {
		return "", stranger
	}
	return person, nil
}

func cut(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// seal signs a sign-in under way, with the key of the links under another label, so that
// neither passes for the other.
func (s *Service) seal(ctx context.Context, a attempt) (string, error) {
	k, err := s.signing(ctx)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	e := base64.RawURLEncoding
	return e.EncodeToString(b) + "." + e.EncodeToString(sign(k.Keys[0].Secret, append([]byte("oidc\x00"), b...))), nil
}

func (s *Service) unseal(ctx context.Context, sealed string) (attempt, error) {
	k, err := s.signing(ctx)
	if err != nil {
		return attempt{}, err
	}
	body, mac, _ := strings.Cut(sealed, ".")
	b, err1 := base64.RawURLEncoding.DecodeString(body)
	m, err2 := base64.RawURLEncoding.DecodeString(mac)
	good := false
	for _, key := range k.Keys {
		good = good || hmac.Equal(m, sign(key.Secret, append([]byte("oidc\x00"), b...)))
	}
	var a attempt
	if err1 != nil || err2 != nil || !good || json.Unmarshal(b, &a) != nil {
		return attempt{}, errors.New("its cookie was changed")
	}
	if !s.o.Now().Before(a.Until) {
		return attempt{}, fmt.Errorf("it was begun more than %s ago", attemptLife)
	}
	return a, nil
}

// Local is a path of this server to go to, or "/": a sign-in must not send people elsewhere.
func Local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
