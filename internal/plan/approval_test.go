package plan_test

import (
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// Whose yes counts: holders, the deputies of those who are away, nobody who asked,
// administers or is out; who decided only where there is nobody else.
func TestWhoseYesCounts(t *testing.T) {
	people := []plan.Person{
		{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}},
		{ID: "tanaka", Roles: []string{"operator"}},
		{ID: "suzuki"},
		{ID: "kato", Roles: []string{"commander", "admin"}},
		{ID: "mori", Roles: []string{"clerk"}},
	}
	open := plan.Plan{Scenario: plan.Scenario{Decision: plan.DecisionRule{By: "commander"}, Quorum: []plan.RoleCount{{Role: "operator", Count: 1}}}, Estate: plan.Estate{People: people}}
	granted := open
	granted.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayApprove}}, {Role: "admin", May: []plan.Permission{plan.MayAdmin}}}
	in := func(ids ...string) func(string) bool {
		return func(id string) bool { return slices.Contains(ids, id) }
	}
	for name, c := range map[string]struct {
		p    plan.Plan
		q    plan.Eyes
		want []string
	}{
		"by the roles that decide and that the quorum asks for": {open, plan.Eyes{Not: []string{"tanaka"}, Away: in(), Out: in()}, []string{"sato", "kato"}},
		"by permission, and not who administers":                {granted, plan.Eyes{Away: in(), Out: in()}, []string{"sato"}},
		"the deputy of who is away, too":                        {granted, plan.Eyes{Away: in("sato"), Out: in()}, []string{"sato", "suzuki"}},
		"the deputy in place of who is out":                     {granted, plan.Eyes{Away: in("sato"), Out: in("sato")}, []string{"suzuki"}},
		"not who decided":                                       {open, plan.Eyes{Decided: []string{"sato"}, Away: in(), Out: in()}, []string{"tanaka", "kato"}},
		"who decided, too, where everybody else is silent":      {open, plan.Eyes{Decided: []string{"sato"}, Away: in(), Out: in(), Silent: in("tanaka", "kato")}, []string{"tanaka", "kato", "sato"}},
		"not who decided, where one is awake":                   {open, plan.Eyes{Decided: []string{"sato"}, Away: in(), Out: in(), Silent: in("tanaka")}, []string{"tanaka", "kato"}},
		"who decided, where there is nobody else":               {granted, plan.Eyes{Decided: []string{"sato"}, Away: in(), Out: in()}, []string{"sato"}},
	} {
		if got := c.p.Approvers(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if granted.MaySecond("kato", in()) || granted.MaySecond("suzuki", in()) || !granted.MaySecond("suzuki", in("sato")) || granted.MaySecond("tanaka", in()) {
		t.Error("by roles, other people count than Approvers lists")
	}
}
