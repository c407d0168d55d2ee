package identity

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"strings"
)

// actingCookie holds as whom the console acts in a session, signed for that session: what
// another page or another session has put there names nobody.
const actingCookie = "muster-acting"

// ActAs keeps as whom the console acts in the session of a browser. The caller has made sure
// that there is such a person.
func (s *Service) ActAs(ctx context.Context, w http.ResponseWriter, r *http.Request, person string) error {
	c, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return refuse(Nobody)
	}
	return s.actAs(ctx, w, c.Value, person)
}

func (s *Service) actAs(ctx context.Context, w http.ResponseWriter, session, person string) error {
	k, err := s.signing(ctx)
	if err != nil {
		return err
	}
	e := base64.RawURLEncoding
	http.SetCookie(w, s.cookie(actingCookie, e.EncodeToString([]byte(person))+"."+e.EncodeToString(sign(k.Keys[0].Secret, actingBytes(session, person))), s.o.Longest))
	return nil
}

func actingBytes(session, person string) []byte {
	return []byte("acting\x00" + digest(session) + "\x00" + person)
}

// acting is as whom the console acts in a session; "" is nobody yet.
func (s *Service) acting(ctx context.Context, r *http.Request, session string) (string, error) {
	c, err := r.Cookie(s.cookieName(actingCookie))
	if err != nil {
		return "", nil
	}
	name, mac, _ := strings.Cut(c.Value, ".")
	person, err1 := base64.RawURLEncoding.DecodeString(name)
	given, err2 := base64.RawURLEncoding.DecodeString(mac)
	if err1 != nil || err2 != nil {
		return "", nil
	}
	k, err := s.signing(ctx)
	if err != nil {
		return "", err
	}
	for _, key := range k.Keys {
		if hmac.Equal(given, sign(key.Secret, actingBytes(session, string(person)))) {
			return string(person), nil
		}
	}
	return "", nil
}
