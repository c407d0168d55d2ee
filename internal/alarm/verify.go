package alarm

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Verify is how a sender shows that it knows the secret.
type Verify string

const (
	// Bearer: Authorization: Bearer SECRET.
	Bearer Verify = "bearer"
	// Signature: Muster-Signature: t=UNIX,v1=HEX of HMAC-SHA256(secret, "UNIX.BODY").
	Signature Verify = "signature"
	// Hub: X-Hub-Signature-256 or X-Hub-Signature: sha256=HEX of HMAC-SHA256(secret, BODY),
	// as WebSub hubs and others sign. It carries no time: only the message's own tells a replay.
	Hub Verify = "hub"
	// PagerDutyV1: X-PagerDuty-Signature: v1=HEX,v1=HEX of HMAC-SHA256(secret, BODY).
	PagerDutyV1 Verify = "pagerduty"
)

// Ways lists those that settings may name.
func Ways() []Verify { return []Verify{Bearer, Signature, Hub, PagerDutyV1} }

var usual = map[Kind]Verify{JMA: Signature, Alertmanager: Bearer, PagerDuty: PagerDutyV1, Webhook: Signature}

// timeless reports whether nothing of a message tells when it was sent, so that a copy of it
// looks as good for ever: it is signed without a time, and its own is not held to an age.
func (s *source) timeless(a Alarm) bool {
	return (s.Verify == Hub || s.Verify == PagerDutyV1) && (a.At.IsZero() || s.MaxAge <= 0)
}

// replay is how long a signature is good for.
const replay = 5 * time.Minute

var (
	errUnsigned = errors.New("the message is not signed, or its token is missing")
	errWrong    = errors.New("the signature or token is wrong")
	errStale    = errors.New("the signature is older than 5 minutes, or of the future")
)

// shows refuses by the headers alone what can't be of the sender, before anything is read: a
// token is there whole, a signature says when it was made. The error is one of those above.
func (s *source) shows(h http.Header, now time.Time) error {
	switch s.Verify {
	case Bearer:
		return s.verify(h, nil, now)
	case Signature:
		at, given := signature(h)
		if at == "" || len(given) == 0 {
			return errUnsigned
		}
		return timely(at, now)
	case Hub:
		if h.Get("X-Hub-Signature-256") != "" || h.Get("X-Hub-Signature") != "" {
			return nil
		}
	case PagerDutyV1:
		if h.Get("X-PagerDuty-Signature") != "" {
			return nil
		}
	}
	return errUnsigned
}

// signature takes a Muster-Signature apart.
func signature(h http.Header) (at string, given []string) {
	for _, part := range strings.Split(h.Get("Muster-Signature"), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			at = value
		case "v1":
			given = append(given, value)
		}
	}
	return at, given
}

func timely(at string, now time.Time) error {
	unix, err := strconv.ParseInt(at, 10, 64)
	if age := now.Sub(time.Unix(unix, 0)); err != nil || age > replay || age < -replay {
		return errStale
	}
	return nil
}

// verify makes sure of the sender.
func (s *source) verify(h http.Header, body []byte, now time.Time) error {
	switch s.Verify {
	case Bearer:
		given, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
		if !ok || given == "" {
			return errUnsigned
		}
		got := sha256.Sum256([]byte(given))
		for _, secret := range s.secrets() {
			if want := sha256.Sum256([]byte(secret)); subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
				return nil
			}
		}
		return errWrong
	case Signature:
		at, given := signature(h)
		if at == "" || len(given) == 0 {
			return errUnsigned
		}
		if !s.signed(given, []byte(at+"."), body) {
			return errWrong
		}
		return timely(at, now)
	case Hub:
		value := h.Get("X-Hub-Signature-256")
		if value == "" {
			value = h.Get("X-Hub-Signature")
		}
		given, ok := strings.CutPrefix(value, "sha256=")
		switch {
		case !ok:
			return errUnsigned
		case !s.signed([]string{given}, body):
			return errWrong
		}
		return nil
	case PagerDutyV1:
		var given []string
		for _, part := range strings.Split(h.Get("X-PagerDuty-Signature"), ",") {
			if hexed, ok := strings.CutPrefix(strings.TrimSpace(part), "v1="); ok {
				given = append(given, hexed)
			}
		}
		switch {
		case len(given) == 0:
			return errUnsigned
		case !s.signed(given, body):
			return errWrong
		}
		return nil
	}
	return errWrong
}

// mostSignatures bounds what a header may make the server compute.
const mostSignatures = 8

// signed reports whether one of the signatures was made with one of the secrets.
func (s *source) signed(given []string, parts ...[]byte) bool {
	ok := false
	for _, secret := range s.secrets() {
		mac := hmac.New(sha256.New, []byte(secret))
		for _, p := range parts {
			mac.Write(p)
		}
		want := mac.Sum(nil)
		for _, g := range given[:min(len(given), mostSignatures)] {
			if got, err := hex.DecodeString(g); err == nil && hmac.Equal(got, want) {
				ok = true
			}
		}
	}
	return ok
}

// Sign is the value of Muster-Signature for a body, for those who send to a source.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
