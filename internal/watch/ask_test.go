package watch

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
)

// A command that is pasted a moment later must not settle another system's step of that name.
func TestACommandForAStepNamesTheSystemWhereSeveralHaveIt(t *testing.T) {
	w := progress.Waiting{For: progress.AwaitStep, Role: "operator", System: "orders", Step: "promote", Acts: []string{"done"}}
	one := plan.Plan{Systems: []plan.System{{Name: "orders"}, {Name: "billing"}},
		Runbooks: []plan.Runbook{{System: "orders", Steps: []plan.Step{{ID: "promote"}}}, {System: "billing", Steps: []plan.Step{{ID: "start"}}}}}
	two := one
	two.Runbooks = append(two.Runbooks[:1:1], plan.Runbook{System: "billing", Steps: []plan.Step{{ID: "promote"}}})
	for name, c := range map[string]struct {
		p    plan.Plan
		want bool
	}{"one": {one, false}, "two": {two, true}, "a plan that can't be seen": {plan.Plan{}, true}} {
		if _, _, how := Ask(i18n.EN, c.p, "r-1", w); strings.Contains(how.Commands[0].Text, "--system orders") != c.want {
			t.Errorf("%s: %q", name, how)
		}
	}
}
