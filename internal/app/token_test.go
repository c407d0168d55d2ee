package app

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
)

// Whoever guesses the server's token is its administrator.
func TestShortTokensAreRefused(t *testing.T) {
	for _, token := range []string{"a", "                     a", "nineteen-characters"} {
		if got, err := serverToken(i18n.EN, config.Config{Token: token}); got != "" || err == nil || !strings.Contains(err.Error(), "fewer than 20") {
			t.Errorf("%q: %q, %v", token, got, err)
		}
	}
	const good = "twenty-characters-ok"
	if got, err := serverToken(i18n.JA, config.Config{Token: good}); got != good || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
