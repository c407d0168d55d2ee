package app

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
)

// doctor in another folder than the server's judges the files that runs start from.
func TestDoctorJudgesThePlansOfTheServerThatAnswers(t *testing.T) {
	here, there, away := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	save(t, filepath.Join(there, "estate.yaml"), "kind: Estate\n\tbroken\n")
	for _, c := range []struct {
		serves *api.Health
		result Result
		says   string
	}{
		{nil, Bad, here},
		{&api.Health{OK: true}, Bad, here},
		{&api.Health{OK: true, Plans: there}, Bad, there},
		{&api.Health{OK: true, Plans: away}, Odd, away},
	} {
		e := &examination{l: i18n.EN, c: config.Config{Plans: here}}
		e.plans(c.serves)
		if len(e.checks) != 1 || e.checks[0].Result != c.result || !strings.Contains(e.checks[0].Found, c.says) {
			t.Errorf("%+v: %+v", c.serves, e.checks)
		}
	}
}
