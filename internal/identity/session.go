package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// session is a browser that has signed in. Its ID in the store is the hash of the cookie.
type session struct {
	Person    string    `json:"person"`
	Via       string    `json:"via"`             // how they signed in
	Token     string    `json:"token,omitempty"` // the token they signed in with: its end is the session's
	Issuer    string    `json:"issuer,omitempty"`
	Handed    bool      `json:"handed,omitempty"`
	Console   string    `json:"console,omitempty"` // hash of the server's token they signed in with
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"` // within idleSteps of an idle time
	ExpiresAt time.Time `json:"expires_at"`
}

// idleSteps is how exactly the last use of a session is known: one write in so much of the
// idle time.
const idleSteps = 16

// cookieName is the session's cookie. With __Host- a browser takes it over https only, for
// this host alone and all its paths, so that no neighbour can plant one.
func (s *Service) cookieName(what string) string {
	if s.secure {
		return "__Host-" + what
	}
	return what
}

// cookie is how every cookie of this package is set. SameSite is Lax and not Strict: links in
// mail and Slack have to open the board signed in, and the OpenID provider sends its browser
// back from another site. It costs nothing: a GET changes nothing, and the API refuses
// changes from other sites' pages by http.CrossOriginProtection as well.
func (s *Service) cookie(what, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{Name: s.cookieName(what), Value: value, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	} else {
		c.MaxAge = int(life.Seconds())
	}
	return c
}

const sessionCookie = "muster"

// SignIn begins a session for an actor that the caller has made sure of, by token, provider
// or console, and sets its cookie. A session that the browser had before is ended: nobody can
// plant one and wait for somebody to sign in with it.
func (s *Service) SignIn(ctx context.Context, w http.ResponseWriter, r *http.Request, a Actor) error {
	if a.Limit != nil {
		return &Refusal{Reason: OtherPurpose, Person: a.Person, Via: a.Via}
	}
	now := s.o.Now().UTC()
	k := session{Person: a.Person, Via: a.Via, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.o.Longest)}
	switch {
	case a.Console:
		k.Console = digest(s.o.Console)
	case a.Person == "":
		return refuse(Nobody)
	default:
		if err := s.standing(ctx, a.Person, a.Via, now); err != nil {
			return err
		}
		k.Token, k.Issuer, k.Handed = a.Token, a.Issuer, a.Handed
	}
	if old, err := r.Cookie(s.cookieName(sessionCookie)); err == nil {
		if err := s.end(ctx, digest(old.Value)); err != nil {
			return err
		}
	}
	body, err := json.Marshal(k)
	if err != nil {
		return err
	}
	value := text(32)
	if _, err := s.store.PutDocument(ctx, journal.Document{Kind: kindSession, ID: digest(value), ChangedAt: now, Body: body}); err != nil {
		return err
	}
	http.SetCookie(w, s.cookie(sessionCookie, value, s.o.Longest))
	if a.Console && a.Acting != "" {
		if err := s.actAs(ctx, w, value, a.Acting); err != nil {
			return err
		}
	}
	s.came(ctx, a, Origin(r))
	s.note(ctx, journal.Access{Person: a.Person, Via: a.Via, Act: "sign in", Object: "session " + short(digest(value)), Outcome: "ok", From: Origin(r)})
	return nil
}

// short is enough of a hash to find a session by, and nothing to come in with.
func short(hash string) string { return hash[:8] }

// Session is who a browser has signed in as. A *Refusal is that nobody has, or not any more, which
// is entered in the access log; any other error is that nobody can say.
func (s *Service) Session(ctx context.Context, r *http.Request) (Actor, error) {
	a, err := s.session(ctx, r)
	if err != nil {
		s.Turned(ctx, Origin(r), "sign in", "", err)
		return a, err
	}
	s.came(ctx, a, Origin(r))
	return a, nil
}

// session is Session with the reason.
func (s *Service) session(ctx context.Context, r *http.Request) (Actor, error) {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil || c.Value == "" {
		return Actor{}, refuse(Nobody)
	}
	id := digest(c.Value)
	var k session
	found, err := s.document(ctx, kindSession, id, &k)
	if err != nil {
		return Actor{}, err
	}
	via := "session " + short(id)
	if !found {
		return Actor{}, &Refusal{Reason: Expired, Via: via}
	}
	now := s.o.Now()
	if !now.Before(k.ExpiresAt) || now.Sub(k.SeenAt) >= s.o.Idle {
		return Actor{}, &Refusal{Reason: Expired, Person: k.Person, Via: via}
	}
	a := Actor{Person: k.Person, Via: Token{Person: k.Person, By: k.Person, Issuer: k.Issuer}.via(via), Token: k.Token, Issuer: k.Issuer, Handed: k.Handed}
	if k.Console != "" {
		// A new token of the server, or none, ends what began with the old one.
		if s.o.Console == "" || k.Console != digest(s.o.Console) {
			return Actor{}, &Refusal{Reason: Revoked, Via: via}
		}
		a = Actor{Console: true, Via: "console " + via}
		if a.Acting, err = s.acting(ctx, r, c.Value); err != nil {
			return Actor{}, err
		}
	} else if err = s.stillGood(ctx, k, via, &a); err != nil {
		return Actor{}, err
	}
	if now.Sub(k.SeenAt) >= s.o.Idle/idleSteps {
		err := change(ctx, s, kindSession, id, func(k *session, found bool) error {
			if !found { // signed out meanwhile
				return errKeep
			}
			k.SeenAt = now.UTC()
			return nil
		})
		if err != nil {
			s.o.Log.Warn("the use of a session is not in the record store", "err", err)
		}
	}
	return a, nil
}

// stillGood looks at the person behind a session, and at the token it began with; it enters who
// else had a secret of that.
func (s *Service) stillGood(ctx context.Context, k session, via string, a *Actor) error {
	if k.Token != "" {
		var t keptToken
		found, err := s.document(ctx, kindToken, k.Token, &t)
		if err != nil {
			return err
		}
		if !found || !t.RevokedAt.IsZero() || !s.o.Now().Before(t.ExpiresAt) {
			return &Refusal{Reason: Revoked, Person: k.Person, Via: via}
		}
		line, gone, err := s.above(ctx, t.Token)
		if err != nil {
			return err
		}
		if gone {
			return &Refusal{Reason: Revoked, Person: k.Person, Via: via}
		}
		a.Issuers, a.Via = t.issuers(line), t.fromConsole(a.Via, line)
	}
	return s.standing(ctx, k.Person, via, k.CreatedAt)
}

// SignOut ends the session of a browser and takes its cookie away.
func (s *Service) SignOut(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	http.SetCookie(w, s.cookie(sessionCookie, "", 0))
	if _, err := r.Cookie(s.cookieName(actingCookie)); err == nil {
		http.SetCookie(w, s.cookie(actingCookie, "", 0))
	}
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return nil
	}
	return s.end(ctx, digest(c.Value))
}

func (s *Service) end(ctx context.Context, id string) error {
	d, err := s.store.Document(ctx, kindSession, id)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.store.DropDocument(ctx, kindSession, id); err != nil {
		return err
	}
	s.seen.forget(kindSession, id)
	var k session
	_ = json.Unmarshal(d.Body, &k) // only for the log
	s.note(ctx, journal.Access{Person: k.Person, Act: "sign out", Object: "session " + short(id), Outcome: "ok"})
	return nil
}

// Tidy erases sessions and bans that are over, and what the access log need not keep any
// more. The server calls it once a day. With a clock that may be ahead nothing goes that would be missed once it is
// set right: without its ban a link that was taken back is good again.
func (s *Service) Tidy(ctx context.Context, keepLog time.Duration, believed bool) error {
	now := s.o.Now()
	docs, err := s.store.DocumentsOf(ctx, kindSession)
	if err != nil {
		return err
	}
	for _, d := range docs {
		var k session
		if err := json.Unmarshal(d.Body, &k); err != nil {
			return fmt.Errorf("session %s in the record store: %w", short(d.ID), err)
		}
		if !now.Before(k.ExpiresAt) || now.Sub(k.SeenAt) >= s.o.Idle {
			if err := s.store.DropDocument(ctx, kindSession, d.ID); err != nil {
				return err
			}
		}
	}
	if !believed {
		return nil
	}
	if docs, err = s.store.DocumentsOf(ctx, kindLinkBan); err != nil {
		return err
	}
	for _, d := range docs {
		var b ban
		if err := json.Unmarshal(d.Body, &b); err != nil {
			return fmt.Errorf("ban %s in the record store: %w", d.ID, err)
		}
		if now.Sub(b.At) > 2*LinkLongest { // no link it bans could be good
			if err := s.store.DropDocument(ctx, kindLinkBan, d.ID); err != nil {
				return err
			}
		}
	}
	if err := s.tidyPlaces(ctx); err != nil {
		return err
	}
	return s.store.DropAccesses(ctx, now.Add(-max(keepLog, journal.AccessKept)), now)
}
