package scenario

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// ruled is the base estate with rights by role.
func ruled(t *testing.T, roles string) Sources {
	t.Helper()
	files := base(t)
	files["estate.yaml"] = []byte(strings.Replace(string(files["estate.yaml"]), "muster_places:", "roles:\n"+roles+"muster_places:", 1))
	return files
}

const rightly = `  - {name: commander, may: {drill: [start, decide, approve, control], real: [start, decide, approve, control, operate]}}
  - {name: operator, may: {drill: [start, operate, report]}}
  - {name: service-desk}
`

func TestRightsAreFrozenByKindOfRun(t *testing.T) {
	b := loaded(t, ruled(t, rightly))
	drill, real := compiled(t, b, "tokyo-loss", run.Live).Estate, compiled(t, b, "tokyo-loss", run.Real).Estate
	for _, c := range []struct {
		e      plan.Estate
		person string
		p      plan.Permission
		want   bool
	}{
		{drill, "sato", plan.MayStart, true}, {drill, "tanaka", plan.MayStart, true}, {drill, "tanaka", plan.MayApprove, false},
		{real, "tanaka", plan.MayStart, false}, {real, "tanaka", plan.MayOperate, false}, {real, "sato", plan.MayOperate, true},
		{real, "nobody", plan.MayStart, false}, {b.Estate(), "tanaka", plan.MayOperate, true},
	} {
		if !c.e.Regulated() || c.e.May(c.person, c.p, false) != c.want {
			t.Errorf("%s may %s: %v, want %v", c.person, c.p, !c.want, c.want)
		}
	}
	// A deputy stands in for the rights too, where that is asked.
	if !real.May("suzuki", plan.MayDecide, true) || real.May("suzuki", plan.MayDecide, false) {
		t.Error("suzuki is sato's deputy and no commander")
	}
	// Nobody regulates anything: the plan is what it was.
	if e := compiled(t, loaded(t, base(t)), "tokyo-loss", run.Real).Estate; e.Regulated() || e.Grants != nil {
		t.Errorf("without may there are grants: %+v", e.Grants)
	}
}

func TestRightsThatWouldLeaveSomethingUndoneAreMistakes(t *testing.T) {
	for name, c := range map[string]struct{ roles, want string }{
		"nobody could approve": {strings.Replace(rightly, "real: [start, decide, approve,", "real: [start, decide,", 1), "nobody could approve a real recovery"},
		"nobody could start":   {strings.Replace(rightly, "real: [start, ", "real: [", 1), "nobody could start a real response"},
		"both keys and locks":  {strings.Replace(rightly, "real: [start, ", "real: [admin, start, ", 1), "both admin and approve"},
		"a word that is none":  {strings.Replace(rightly, "operate, report", "operte, report", 1), "operte"},
	} {
		t.Run(name, func(t *testing.T) {
			_, mistakes := LoadSources(catalog(), ruled(t, c.roles))
			if got := mistakes.Error(); !strings.Contains(got, c.want) || !strings.Contains(got, "estate.yaml:") {
				t.Errorf("mistakes:\n%s\nwant one that says %q, with its place", got, c.want)
			}
		})
	}
}
