package app

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/scenario"
)

// security looks whom security alarms would be told.
func (e *examination) security() {
	title := e.t("security alarms", "セキュリティ警報")
	estate, _ := scenario.Inventory(e.c.Plans, all.Registry(all.Options{}))
	if estate == nil {
		return // plans says so
	}
	for _, name := range e.c.Security.Tell {
		_, person := estate.Person(name)
		if !person && len(estate.InRole(name)) == 0 {
			e.add("security", title, Bad, e.t("security.tell names %q, which is nobody's role and no person of the estate", "security.tellの %q は、構成台帳の要員でも、誰かが持つ役割でもありません", name),
				e.t("Name roles or people as the estate does", "構成台帳の役割名または要員のIDで指定してください"))
			return
		}
	}
	var told []string
	for _, p := range inCharge(estate, e.c.Security.Tell) {
		told = append(told, p.ID)
	}
	slices.Sort(told)
	if len(told) == 0 {
		e.add("security", title, Odd, e.t("nobody would be told", "伝える相手がいません"), e.t("Name roles or people as security.tell", "security.tellに役割または要員を指定してください"))
		return
	}
	e.add("security", title, Good, e.t("told: %s", "通知先: %s", strings.Join(told, ", ")), "")
}
