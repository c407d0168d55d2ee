package programme

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// perhaps says of the first due day of a row that is overdue, and of which the record has nothing, which rows that are
// in the plan no more have a record of the year by the same scenario, or equally by none. Only people can tell whether one of them is
// this one.
func (c *covering) perhaps(row Row, items []Item) {
	first := slices.IndexFunc(items, func(i Item) bool { return i.Status == Overdue && i.Occasion == "" && i.Left.IsZero() })
	if first < 0 || slices.Contains(c.facts.Untold, row.ID) {
		return
	}
	var names []string
	for _, name := range c.lost {
		if !slices.Contains(c.facts.Untold, name) && slices.ContainsFunc(c.records[name], func(r *Record) bool {
			return c.within(r.Due.At) && r.Due.Scenario == row.Scenario && (r.Due.Person != "") == (items[first].Person != "")
		}) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		items[first].Why = append(items[first].Why, plan.Say("no longer in the plan, but in the record: %s; if this row was called that before, `was: NAME` in it says so",
			"現在の訓練計画にない行の記録がある：%s。この行の以前の名前であれば、行に `was: 名前` と書くと記録が引き継がれる", strings.Join(names, ", ")))
	}
}
