package api

import (
	"testing"

	"github.com/muster-dr/muster/internal/identity"
)

// The console is nobody's name: who waits there in one browser takes no place of another.
func TestWaitsAtTheConsoleAreCountedBySession(t *testing.T) {
	var w waits
	at := func(a identity.Actor) error {
		_, err := w.enter(identity.With(t.Context(), a))
		return err
	}
	one := identity.Actor{Console: true, Via: "console session 1"}
	for range mostWaits {
		if err := at(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := at(one); err == nil {
		t.Error("one too many")
	}
	for _, other := range []identity.Actor{{Console: true, Via: "console session 2"}, {Console: true, Via: "console session 1", Acting: "sato"}, {Person: "sato", Via: "token 1"}} {
		if err := at(other); err != nil {
			t.Errorf("%+v: %v", other, err)
		}
	}
}
