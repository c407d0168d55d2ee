package identity

import (
	"context"
	"net/http"
	"strings"
)

// Gate says how a Guard stands before something.
type Gate struct {
	// Open is what needs nobody, such as health and the sign-in pages; nil is nothing. Who
	// comes there with a good session is known all the same.
	Open func(*http.Request) bool
	// For lets in whoever comes with a token that is good for this alone, too.
	For Purpose
	// Refused answers somebody who is not let in: a problem for a program, a sign-in page for
	// a browser. The error is a *Refusal, or says that the record store can't be read.
	Refused func(http.ResponseWriter, *http.Request, error)
}

// Guard lets a request through to next under its actor: by a bearer token, personal or the
// server's own, or by a session's cookie. A caller in this process that has made sure of the
// actor (With) is not asked again.
func (s *Service) Guard(next http.Handler, g Gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := From(r.Context()); known {
			next.ServeHTTP(w, r)
			return
		}
		from := Origin(r)
		ctx := withOrigin(r.Context(), from)
		r = r.WithContext(ctx)
		a, err := s.who(r)
		if err == nil && a.Limit != nil && a.Limit.Purpose != g.For {
			err = &Refusal{Reason: OtherPurpose, Person: a.Person, Via: a.Via}
		}
		if err == nil {
			s.came(ctx, a, from)
			ctx = context.WithValue(With(ctx, a), againKey{}, func() error {
				now, err := s.who(r)
				if err == nil && (now.Person != a.Person || now.Console != a.Console) {
					err = refuse(Revoked) // another session in its place
				}
				return err
			})
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		if g.Open != nil && g.Open(r) {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		s.Failed(ctx, from, err)
		g.Refused(w, r, err)
	})
}

type againKey struct{}

// Still looks again at whoever asks, for a request that lasts: the error is why they would not be
// let in any more. An actor whom another way in has made sure of is looked at as a person.
func (s *Service) Still(ctx context.Context) error {
	if again, ok := ctx.Value(againKey{}).(func() error); ok {
		return again()
	}
	if a, ok := From(ctx); ok && a.Person != "" {
		return s.standing(ctx, a.Person, a.Via, s.o.Now())
	}
	return nil
}

// who looks at what a request carries. A bearer token goes before a cookie: a program that
// gives a wrong one is told so.
func (s *Service) who(r *http.Request) (Actor, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, secret, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || secret == "" {
			return Actor{}, refuse(Unknown)
		}
		return s.Bearer(r.Context(), strings.TrimSpace(secret))
	}
	return s.session(r.Context(), r)
}
