package watch

import (
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Name is a person as people call them; who is not in the plan, or has no name, by their ID.
func Name(l i18n.Lang, of plan.Plan, id string) string {
	p, _ := of.Estate.Person(id)
	if name := p.Name.In(string(l)); name != "" {
		return name
	}
	return id
}

// actor is who did something, and whether the engine did it for them.
func actor(l i18n.Lang, of plan.Plan, by string) string {
	name := Name(l, of, run.Person(by))
	if run.IsSimulated(by) {
		return name + l.T(", simulated", "・模擬")
	}
	return name
}

func names(l i18n.Lang, of plan.Plan, ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, Name(l, of, id))
	}
	return strings.Join(out, l.T(", ", "、"))
}

// place is a muster place as people call it.
func place(l i18n.Lang, of plan.Plan, name string) string {
	for _, p := range of.Estate.Places {
		if title := p.Title.In(string(l)); p.Name == name && title != "" {
			return title
		}
	}
	return name
}
