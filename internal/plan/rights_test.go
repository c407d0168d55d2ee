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

// What a runbook is given of the estate, by which the run refuses, names the same people as the whole of it, by which
// they are asked: also who has their right as the deputy of somebody whom no step asks for, and where a drill takes people out.
func TestARunbookKnowsWhoMaySettleItsSteps(t *testing.T) {
	e := plan.Estate{
		Grants: []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayDecide}}, {Role: "operator", May: []plan.Permission{plan.MayOperate}}},
		People: []plan.Person{
			{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}},
			{ID: "suzuki", Roles: []string{"clerk"}, Deputies: []string{"mori"}},
			{ID: "tanaka", Roles: []string{"operator"}, Deputies: []string{"suzuki", "ito"}},
			{ID: "kato", Roles: []string{"operator"}, Deputies: []string{"ito"}},
			{ID: "mori"}, {ID: "ito"},
		}}
	for _, role := range []string{"clerk", "commander", "operator"} {
		book := plan.Runbook{Steps: []plan.Step{{Human: &plan.Human{Role: role}}}}
		for _, gone := range []string{"", "sato", "suzuki", "tanaka"} {
			out := func(id string) bool { return id == gone }
			for _, forPerson := range []bool{false, true} {
				want := e.Settlers(role, forPerson, out)
				if got := e.Without(out).For(book, role).Settlers(role, forPerson, func(string) bool { return false }); !slices.Equal(got, want) {
					t.Errorf("a step for the role %s, a person's: %t, without %q: %v, of the whole %v", role, forPerson, gone, got, want)
				}
			}
		}
	}
	if slices.ContainsFunc(e.For(plan.Runbook{}, "commander").People, func(p plan.Person) bool { return p.ID == "kato" }) {
		t.Error("it is given somebody of whom nobody has a right there")
	}
}
