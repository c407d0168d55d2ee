package plan_test

import (
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// Who may settle a step: holders of its role and all their deputies, by the right to operate, and
// of what a machine could not do also by the right to decide, which is all that a commander has.
func TestWhoMaySettleAStep(t *testing.T) {
	open := plan.Estate{People: []plan.Person{
		{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}},
		{ID: "suzuki", Roles: []string{"staff"}, Deputies: []string{"mori"}},
		{ID: "tanaka", Roles: []string{"operator"}, Deputies: []string{"ito"}},
		{ID: "ito", Roles: []string{"staff"}},
		{ID: "mori", Roles: []string{"clerk"}},
	}}
	granted := open
	granted.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayDecide, plan.MayControl}}, {Role: "operator", May: []plan.Permission{plan.MayOperate}}, {Role: "clerk", May: []plan.Permission{plan.MayReport}}}
	nobody := func(string) bool { return false }
	for name, c := range map[string]struct {
		e         plan.Estate
		role      string
		forPerson bool
		out       func(string) bool
		want      []string
	}{
		"what failed, by the right to decide":      {granted, "commander", false, nobody, []string{"sato", "suzuki"}},
		"what is a person's, by that to operate":   {granted, "commander", true, nobody, nil},
		"an operator's, and their deputy's":        {granted, "operator", true, nobody, []string{"tanaka", "ito"}},
		"a role without either right":              {granted, "clerk", false, nobody, nil},
		"without rights, whoever fills the role":   {open, "commander", true, nobody, []string{"sato", "suzuki"}},
		"nobody in particular":                     {granted, "", false, nobody, []string{"sato", "suzuki", "tanaka", "ito"}},
		"a drill without the commander":            {granted, "commander", false, func(id string) bool { return id == "sato" }, []string{"suzuki", "mori"}},
		"the plan's own list is left as it is":     {granted, "commander", false, nobody, []string{"sato", "suzuki"}},
		"a drill without an operator's one deputy": {granted, "operator", false, func(id string) bool { return id == "ito" }, []string{"tanaka"}},
	} {
		if got := c.e.Settlers(c.role, c.forPerson, c.out); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
