package app

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
)

// The doctor says whom security alarms are told, whom of them no channel reaches, how many there were,
// and finds a name that is nobody's.
func TestTheDoctorKnowsWhomSecurityAlarmsAreTold(t *testing.T) {
	dir := plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop})
	posted := config.Mail{Host: "mail.example.jp", Port: 587, From: "muster@example.jp"}
	for _, c := range []struct {
		tell       []string
		mail       config.Mail
		result     Result
		found, way string
	}{
		{nil, posted, Good, "told: kagi, kansa; alarms of the last 24 h: 1", ""},
		{nil, config.Mail{}, Odd, "nobody is reached: no channel is set up (to be told: kagi, kansa); alarms of the last 24 h: 1", "Set mail.host, slack.token or webhook.url"},
		{[]string{"commander"}, posted, Odd, "nobody is reached: no channel has a way to sato, tanaka; alarms of the last 24 h: 1", "Give them mail"},
		{[]string{"commander", "mori"}, posted, Odd, "told: mori, sato, tanaka; no channel has a way to: sato, tanaka; alarms of the last 24 h: 1", "Give them mail"},
		{[]string{"comander"}, posted, Bad, `security.tell names "comander", which is nobody's role and no person of the estate`, "Name roles or people"},
	} {
		o, _ := options(t, dir)
		o.Config.Security.Tell, o.Config.Mail = c.tell, c.mail
		o.Config.Store = "sqlite:" + t.TempDir() + "/journal.db"
		store, err := journal.Open(t.Context(), o.Config.Store)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, a := range []journal.Access{
			{At: now.Add(-25 * time.Hour), Act: lookout.ActRaised, Object: "guessing: 192.0.2.1", Outcome: "raised"},
			{At: now.Add(-time.Hour), Act: lookout.ActRaised, Object: "guessing: 192.0.2.1", Outcome: "raised"},
			{At: now.Add(-time.Hour), Act: lookout.ActRaised, Object: "new_place: person sato", Outcome: "raised"}, // a notice
			{At: now.Add(-time.Hour), Act: "sign in", Outcome: "unknown"},
		} {
			if err := store.Note(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		e := &examination{l: i18n.EN, c: o.Config}
		e.store(t.Context(), nil)
		e.checks = nil
		e.security()
		if len(e.checks) != 1 || e.checks[0].Result != c.result || e.checks[0].Found != c.found || !strings.Contains(e.checks[0].WayOut, c.way) {
			t.Errorf("%v: %+v", c.tell, e.checks)
		}
	}
}
