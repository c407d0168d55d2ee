package params

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Catalog knows the actions there are.
type Catalog interface {
	Action(id string) (activities.Action, bool)
	Actions() []activities.Action
}

// Uses finds the action that a file names, or notes that there is none.
func Uses(d *yamldoc.Decoder, where string, uses yamldoc.Value[string], catalog Catalog) (activities.Action, bool) {
	if !uses.Set {
		return activities.Action{}, false // noted when it was read
	}
	a, ok := catalog.Action(uses.V)
	if !ok {
		d.Log.Add(uses.Place, "%s: unknown action %q%s", "%s: %q というアクションはありません%s", where, yamldoc.Short(uses.V), meantAction(uses.V, catalog))
	}
	return a, ok
}

func meantAction(id string, catalog Catalog) plan.Text {
	var ids, families []string
	for _, a := range catalog.Actions() {
		ids = append(ids, a.ID)
		if f := activities.Family(a.ID); !slices.Contains(families, f) {
			families = append(families, f)
		}
	}
	if near := yamldoc.Near(id, ids); near != (plan.Text{}) {
		return near
	}
	if f := activities.Family(id); slices.Contains(families, f) {
		return plan.Say(`; "muster actions %s" lists that family`, `。この系統の一覧は "muster actions %s" で確認できます`, f)
	}
	return plan.Say("; there are the families %s", "。系統: %s", strings.Join(families, ", "))
}
