package app

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/mailtest"
)

// Somebody for whom a token is issued hears of it: who did not ask for one knows that another
// can act under their name.
func TestWhoGetsATokenIsTold(t *testing.T) {
	o, _ := options(t, crowdPlans(t, 3))
	f := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	mailSettings(t, &o, f)
	up := begin(t, o)
	issued, err := up.IssueToken(t.Context(), api.TokenRequest{Person: "p01", Name: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the letter", func() bool { return len(f.Letters()) > 0 })
	l := f.Letters()
	text := l[0].Parts["text/plain"]
	if len(l) != 1 || l[0].To != "p01@example.jp" || !strings.Contains(text, issued.ID) || !strings.Contains(text, "muster people revoke "+issued.ID) || strings.Contains(text, "run ") {
		t.Errorf("%d letters, to %s: %s\n%s", len(l), l[0].To, l[0].Subject, text)
	}
	if strings.Contains(l[0].Raw, issued.Secret) || strings.HasPrefix(l[0].Subject, "【") || strings.HasPrefix(l[0].Subject, "[") {
		t.Errorf("it holds the secret, or says that it is a drill: %s", l[0].Raw)
	}
}
