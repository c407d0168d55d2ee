package identity_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

// Where a credential was used from is erased with it, and with its person.
func TestPlacesAreErased(t *testing.T) {
	w := newWorld(t)
	people := &estate{people: map[string]bool{"sato": true, "ito": true}}
	s := w.service(func(o *identity.Options) { o.People = people })
	door := s.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), identity.Gate{Refused: func(_ http.ResponseWriter, _ *http.Request, err error) { t.Error(err) }})
	id := map[string]string{}
	for _, c := range []struct {
		name, person string
		ttl          time.Duration
	}{{"kept", "sato", 24 * time.Hour}, {"revoked", "sato", 24 * time.Hour}, {"ended", "sato", time.Hour}, {"left", "ito", 24 * time.Hour}} {
		secret, token, err := s.Issue(t.Context(), c.person, c.name, c.person, c.ttl)
		if err != nil {
			t.Fatal(err)
		}
		id[c.name] = "token " + token.ID
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		door.ServeHTTP(httptest.NewRecorder(), r)
		if c.name == "revoked" {
			if _, err := s.Revoke(t.Context(), token.ID, "sato"); err != nil {
				t.Fatal(err)
			}
		}
	}
	people.people["ito"] = false
	w.later(2 * time.Hour)
	before, err := w.store.DocumentsOf(t.Context(), "places")
	if err != nil || len(before) != 4 {
		t.Fatalf("%d documents, want 4: %v", len(before), err)
	}
	if err := s.Tidy(t.Context(), 0, true); err != nil {
		t.Fatal(err)
	}
	docs, err := w.store.DocumentsOf(t.Context(), "places")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.ID)
	}
	if !slices.Equal(got, []string{id["kept"]}) {
		t.Errorf("kept %q of %v", got, id)
	}
}
