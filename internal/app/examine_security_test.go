package app

import "testing"

// The doctor says whom security alarms are told, and finds a name that is nobody's.
func TestTheDoctorKnowsWhomSecurityAlarmsAreTold(t *testing.T) {
	dir := plansDir(t, map[string]string{"estate.yaml": guarded, "runbook.yaml": runbook, "tokyo.yaml": tabletop})
	for _, c := range []struct {
		tell   []string
		result Result
		found  string
	}{
		{nil, Good, "told: kagi, kansa"},
		{[]string{"commander", "mori"}, Good, "told: mori, sato, tanaka"},
		{[]string{"comander"}, Bad, `security.tell names "comander", which is nobody's role and no person of the estate`},
	} {
		o, _ := options(t, dir)
		o.Config.Security.Tell = c.tell
		e := &examination{l: o.Lang, c: o.Config}
		e.security()
		if len(e.checks) != 1 || e.checks[0].Result != c.result || e.checks[0].Found != c.found {
			t.Errorf("%v: %+v", c.tell, e.checks)
		}
	}
}
