package identity_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
)

func TestTokenLetsItsPersonInUntilItExpires(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	a, err := s.Bearer(t.Context(), secret)
	if err != nil || a.Person != "sato" || a.Via != "token "+token.ID || a.Console {
		t.Fatalf("came in as %+v, %v, want sato by token %s", a, err, token.ID)
	}
	w.later(identity.TokenLife - time.Second)
	if _, err := s.Bearer(t.Context(), secret); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	w.later(time.Second)
	_, err = s.Bearer(t.Context(), secret)
	refused(t, err, identity.Expired)
}

func TestWrongTokensAreRefused(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	other, _ := w.issue(s, "tanaka")
	for name, wrong := range map[string]string{
		"empty": "", "cut off": secret[:len(secret)-1], "longer": secret + "a",
		"of another ID":    "mstr_" + token.ID + other[strings.LastIndex(other, "_"):],
		"without a secret": "mstr_" + token.ID + "_", "not one of ours": "ghp_0123456789",
		"an unknown ID": "mstr_abcdefgh_" + strings.Repeat("a", 52), "the console's beginning": console[:10],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Bearer(t.Context(), wrong)
			refused(t, err, identity.Unknown)
		})
	}
}

func TestSecretIsNotInTheStore(t *testing.T) {
	w := newWorld(t)
	secret, token := w.issue(w.service(), "sato")
	doc, err := w.store.Document(t.Context(), "token", token.ID)
	if err != nil {
		t.Fatal(err)
	}
	random := secret[strings.LastIndex(secret, "_")+1:]
	if strings.Contains(string(doc.Body), random) {
		t.Error("the store holds the secret itself")
	}
	list, err := w.service().Tokens(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := json.Marshal(list); strings.Contains(string(b), random) || strings.Contains(string(b), "hash") {
		t.Errorf("the list gives it away: %s", b)
	}
}

// Several servers read one store; what one takes back the other refuses within seconds.
func TestRevokedOnEveryServer(t *testing.T) {
	w := newWorld(t)
	one, two := w.service(), w.service()
	secret, token := w.issue(one, "sato")
	if _, err := two.Bearer(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Revoke(t.Context(), token.ID, "admin"); err != nil {
		t.Fatal(err)
	}
	_, err := one.Bearer(t.Context(), secret)
	refused(t, err, identity.Revoked)
	w.later(2 * time.Second)
	_, err = two.Bearer(t.Context(), secret)
	refused(t, err, identity.Revoked)
	if _, err := one.Revoke(t.Context(), "nothing", "admin"); !errors.Is(err, identity.ErrNoToken) {
		t.Errorf("revoking a token that is not there: %v", err)
	}
}

func TestDisabledPersonIsRefusedEverywhere(t *testing.T) {
	w := newWorld(t)
	one, two := w.service(), w.service()
	secret, _ := w.issue(one, "sato")
	cookie := w.signIn(two, identity.Actor{Person: "sato", Via: "oidc"})
	link, err := one.Link(t.Context(), "run-1", "sato", identity.ForCheckIn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	all := func(want identity.Reason) {
		t.Helper()
		_, err := two.Bearer(t.Context(), secret)
		refused(t, err, want)
		if got := w.session(two, cookie); got != want {
			t.Errorf("the session is refused as %q, want %q", got, want)
		}
		_, err = two.OpenLink(t.Context(), link)
		refused(t, err, want)
	}
	all("")
	w.later(time.Minute)
	if err := one.Disable(t.Context(), "sato", "admin", "left the company"); err != nil {
		t.Fatal(err)
	}
	w.later(2 * time.Second)
	all(identity.Disabled)
	if _, _, err := one.Issue(t.Context(), "sato", "new", "admin", 0); identity.ReasonOf(err) != identity.Disabled {
		t.Errorf("a token for somebody who is disabled: %v", err)
	}
	for _, who := range []string{"sato", "suzuki"} {
		if off, err := two.Disabled(t.Context(), who); err != nil || off != (who == "sato") {
			t.Errorf("%s is disabled: %t, %v", who, off, err)
		}
	}
	if out, err := two.DisabledPeople(t.Context()); err != nil || len(out) != 1 || out[0].Person != "sato" || out[0].Reason != "left the company" {
		t.Errorf("the list of the disabled is %+v, %v", out, err)
	}

	// Let in again, they come with something new; the old stays shut.
	w.later(time.Minute)
	if err := one.Enable(t.Context(), "sato", "admin"); err != nil {
		t.Fatal(err)
	}
	w.later(2 * time.Second)
	all(identity.Revoked)
	again, _ := w.issue(one, "sato")
	if _, err := two.Bearer(t.Context(), again); err != nil {
		t.Errorf("a new token after the enabling: %v", err)
	}
}

func TestWhoLeftTheEstateIsRefused(t *testing.T) {
	w := newWorld(t)
	people := &estate{people: map[string]bool{"sato": true}}
	s := w.service(func(o *identity.Options) { o.People = people })
	secret, _ := w.issue(s, "sato")
	delete(people.people, "sato")
	_, err := s.Bearer(t.Context(), secret)
	refused(t, err, identity.Gone)

	// A slip in the file locks nobody out.
	people.err = errors.New("estate.yaml:3:1: a slip")
	if _, err := s.Bearer(t.Context(), secret); err != nil {
		t.Errorf("while the estate can't be read: %v", err)
	}
}

func TestLastUseIsKnownWithinAnHourAndWritesLittle(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, token := w.issue(s, "sato")
	version := func() int64 {
		d, err := w.store.Document(t.Context(), "token", token.ID)
		if err != nil {
			t.Fatal(err)
		}
		return d.Version
	}
	for range 30 {
		if _, err := s.Bearer(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		w.later(time.Minute)
	}
	if v := version(); v != 2 {
		t.Errorf("30 uses in half an hour wrote %d times, want once", v-1)
	}
	w.later(time.Hour)
	if _, err := s.Bearer(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	got, err := s.TokenOf(t.Context(), token.ID)
	if err != nil || w.now().Sub(got.UsedAt) > time.Hour {
		t.Errorf("last used %v, %v, want within the hour before %v", got.UsedAt, err, w.now())
	}
}

func TestLifeOfATokenIsBounded(t *testing.T) {
	w := newWorld(t)
	for _, ttl := range []time.Duration{time.Second, -time.Hour, identity.TokenLongest + time.Second} {
		if _, _, err := w.service().Issue(t.Context(), "sato", "x", "admin", ttl); err == nil {
			t.Errorf("a token for %s was issued", ttl)
		}
	}
}

func TestConsoleIsTheServersOwnToken(t *testing.T) {
	w := newWorld(t)
	a, err := w.service().Bearer(t.Context(), console)
	if err != nil || !a.Console || a.Person != "" || a.Via != "console" {
		t.Errorf("came in as %+v, %v", a, err)
	}
	off := w.service(func(o *identity.Options) { o.Console = "" })
	for _, secret := range []string{console, ""} {
		_, err = off.Bearer(t.Context(), secret)
		refused(t, err, identity.Unknown)
	}
}

// Every refusal speaks both languages and says the way out.
func TestRefusalsSpeakBothLanguages(t *testing.T) {
	for _, why := range []identity.Reason{identity.Nobody, identity.Unknown, identity.Expired, identity.Revoked, identity.Disabled, identity.Gone,
		identity.Forged, identity.OtherRun, identity.OtherPurpose, identity.Off, identity.Provider, identity.Stranger} {
		for _, via := range []string{"token ab", "link cd"} {
			r := &identity.Refusal{Reason: why, Person: "sato", Via: via}
			en, enWay := r.In(i18n.EN)
			ja, jaWay := r.In(i18n.JA)
			if en == "" || ja == "" || en == ja || enWay == "" || jaWay == "" {
				t.Errorf("%s says %q (%q) and %q (%q)", why, en, enWay, ja, jaWay)
			}
		}
	}
}

func TestDocumentsHoldNoSecretInClear(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	secret, _ := w.issue(s, "sato")
	cookie := w.signIn(s, identity.Actor{Person: "sato", Via: "oidc"})
	for _, kind := range []string{"token", "session"} {
		docs, err := w.store.DocumentsOf(t.Context(), kind)
		if err != nil || len(docs) == 0 {
			t.Fatalf("no %s in the store: %v", kind, err)
		}
		for _, d := range docs {
			for _, s := range []string{secret, cookie.Value} {
				if strings.Contains(d.ID+string(d.Body), s) {
					t.Errorf("%s %s holds a secret in clear", kind, d.ID)
				}
			}
		}
	}
}

// Who had a token's secret first is in the record; what was issued with it falls with it.
func TestTokensOfATokenFallWithIt(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	come := func(secret string) identity.Actor {
		t.Helper()
		a, err := s.Bearer(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	given, first, err := s.Issue(t.Context(), "sato", "laptop", "mori", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a := come(given)
	if a.Via != "token "+first.ID+" issued by mori" || a.Issuer != "mori" || !a.Handed || a.Token != first.ID {
		t.Errorf("with a token of somebody else's: %+v", a)
	}
	own, second, err := s.Issue(identity.With(t.Context(), a), "sato", "own", "sato", identity.TokenLongest)
	if err != nil || second.ExpiresAt != first.ExpiresAt || second.Parent != first.ID {
		t.Errorf("issued with it: %+v, %v; want its end to be %s", second, err, first.ExpiresAt)
	}
	if a := come(own); a.Handed || a.Issuer != "mori" || !slices.Equal(a.Issuers, []string{"mori"}) || !strings.HasSuffix(a.Via, " issued by mori") {
		t.Errorf("with one's own since: %+v", a)
	}
	third, _, err := s.Issue(identity.With(t.Context(), come(own)), "tanaka", "phone", "sato", 0)
	if err != nil {
		t.Fatal(err)
	}
	if a := come(third); a.Issuer != "sato" || !a.Handed || !slices.Equal(a.Issuers, []string{"sato", "mori"}) {
		t.Errorf("of somebody else: %+v", a)
	}
	if console, _, err := s.Issue(t.Context(), "suzuki", "", identity.Console, 0); err != nil || come(console).Handed || len(come(console).Issuers) > 0 || come(console).Issuer != identity.Console {
		t.Errorf("of the console: %+v, %v", come(console), err)
	}
	// Whoever holds the server's own token had this one's line first, whoever issued it since.
	mine, _, err := s.Issue(t.Context(), "suzuki", "", identity.Console, 0)
	if err != nil {
		t.Fatal(err)
	}
	passed, _, err := s.Issue(identity.With(t.Context(), come(mine)), "tanaka", "", "suzuki", 0)
	if err != nil {
		t.Fatal(err)
	}
	signed := w.signIn(s, come(passed))
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.AddCookie(signed)
	bySession, err := s.Session(t.Context(), req)
	for _, a := range []identity.Actor{come(passed), bySession} {
		if err != nil || !strings.Contains(a.Via, " issued by suzuki") || !strings.HasSuffix(a.Via, " issued from the console") {
			t.Errorf("a line from the console: %+v", a)
		}
	}
	line := come(own)
	for err == nil {
		var secret string
		if secret, _, err = s.Issue(identity.With(t.Context(), line), "sato", "", "sato", 0); err == nil {
			line = come(secret)
		}
	}
	if !errors.Is(err, identity.ErrAsked) {
		t.Errorf("a line without end: %v", err)
	}
	if _, err := s.Revoke(t.Context(), first.ID, "mori"); err != nil {
		t.Fatal(err)
	}
	w.later(3 * time.Second)
	for _, secret := range []string{given, own, third} {
		_, err := s.Bearer(t.Context(), secret)
		refused(t, err, identity.Revoked)
	}
}

// A token that somebody works with is told of before it ends; one that lies in a drawer, was revoked or has been
// replaced is not.
func TestTheEndsOfTokensThatAreReliedOn(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	used, first := w.issue(s, "sato")
	_, idle := w.issue(s, "tanaka")
	gone, revoked := w.issue(s, "ito")
	use := func(secret string) {
		t.Helper()
		if _, err := s.Bearer(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	relied := func() map[string]time.Time {
		t.Helper()
		out, err := s.Relied(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	use(used)
	use(gone)
	if _, err := s.Revoke(t.Context(), revoked.ID, "ito"); err != nil {
		t.Fatal(err)
	}
	if got := relied(); len(got) != 1 || !got[first.ID].Equal(first.ExpiresAt) {
		t.Errorf("relied on: %v, want %s alone (idle %s, revoked %s)", got, first.ID, idle.ID, revoked.ID)
	}
	w.later(3 * time.Hour)
	next, second := w.issue(s, "sato")
	use(next)
	if got := relied(); len(got) != 1 || got[second.ID].IsZero() {
		t.Errorf("after the successor: %v, want %s", got, second.ID)
	}
	w.later(2 * time.Hour)
	use(used) // somewhere the old one is still at work
	if got := relied(); len(got) != 2 {
		t.Errorf("with the old one at work beside it: %v", got)
	}
	w.later(31 * 24 * time.Hour)
	if got := relied(); len(got) != 0 {
		t.Errorf("unused for a month: %v", got)
	}
}
