package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// mostTurned of one address are entered within turnedWindow, and then each hundredth, with the
// count: who comes again and again must not fill the log.
const (
	mostTurned   = 5
	turnedWindow = time.Minute
	// mostOfAll of strangers are entered within turnedWindow, and then when there were twice as many, and so on: addresses
	// are cheap, and a disk is full once. A power of two.
	mostOfAll = 256
)

// CrossSite enters that a page of another site sent a request, and in whose browser: only one that is
// signed in shows that it did; anybody can claim to be such a page.
func (s *Service) CrossSite(r *http.Request) {
	a, _ := s.session(r.Context(), r) // nobody's, if it is not good
	s.Turned(r.Context(), Origin(r), ActCrossSite, r.URL.Path, &Refusal{Reason: OtherSite, Person: a.Person, Via: a.Via})
}

// Misnamed enters that somebody called this server by a name that is not its own.
func (s *Service) Misnamed(r *http.Request) {
	s.Turned(r.Context(), Origin(r), ActCalled, r.Host, &Refusal{Reason: Misnamed})
}

// Acts at doors that slow nobody down, in the access log.
const (
	ActSignIn    = "sign in"
	ActSlack     = "slack"
	ActCrossSite = "cross-site"
	ActCalled    = "called"
	ActUseToken  = "use token" // once an hour
)

// Turned enters in the access log that something was refused at a door which slows nobody down:
// a browser whose sign-in is over, a message whose signature is not its sender's. It reports
// whether it was entered. An error that is no *Refusal is not.
func (s *Service) Turned(ctx context.Context, from, act, object string, err error) bool {
	r := new(Refusal)
	if !errors.As(err, &r) || r.Reason == Nobody {
		return false
	}
	now := s.o.Now()
	// A page that was left open asks again every few seconds.
	if r.Via != "" && s.turned.recently(string(r.Reason)+"\x00"+r.Via+"\x00"+from, now, readAgain) {
		return false
	}
	// Noise of one kind must not hide another.
	noise := from + "\x00" + act + "\x00" + string(r.Reason)
	if r.Reason == OtherSite {
		noise += "\x00" + r.Via // a session that is good
	}
	n := s.turned.count(noise, now, turnedWindow)
	if n > mostTurned && n%100 != 0 {
		return false
	}
	outcome := string(r.Reason)
	if n >= mostTurned {
		outcome = fmt.Sprintf("%s (%d within %s)", r.Reason, n, turnedWindow)
	}
	if outcome = s.amongAll(r, outcome, now); outcome == "" {
		return false
	}
	s.note(ctx, journal.Access{Person: r.Person, Via: r.Via, Act: act, Object: run.OneLine(object, 200), Outcome: outcome, From: from})
	return true
}

// OfAll stands in the outcome of an entry that counts refusals which were left out, of any address.
const OfAll = "of all addresses "

// amongAll is the outcome to be entered of something that was refused, "" if it is left out as one of too many from all
// addresses together. What names a credential that there is, is never left out.
func (s *Service) amongAll(r *Refusal, outcome string, now time.Time) string {
	if r.Via != "" {
		return outcome
	}
	switch n := s.strangers.count("", now, turnedWindow); {
	case n < mostOfAll:
		return outcome
	case n&(n-1) == 0:
		return fmt.Sprintf("%s (%s%d within %s)", outcome, OfAll, n, turnedWindow)
	}
	return ""
}
