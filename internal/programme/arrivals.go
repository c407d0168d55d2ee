package programme

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Arrived is somebody who is newly in the estate, or has a new role.
type Arrived struct {
	Person string    `json:"person"`
	Role   string    `json:"role,omitempty"` // "" is the person itself
	Since  time.Time `json:"since"`
	Left   time.Time `json:"left,omitzero"` // zero: is there still, or still has the role
}

// arrivals lists who needs a row because they came, or have a new role. What comes at once asks for it once: with a
// person their roles, or several roles.
func (c *covering) arrivals(row Row) []Item {
	if row.Arrivals == nil {
		return nil
	}
	type coming struct {
		person string
		since  int64
	}
	var out []Item
	seen := map[coming]bool{}
	for _, a := range c.facts.Arrivals {
		wanted := len(row.Arrivals.Roles) == 0 || a.Role != "" && slices.Contains(row.Arrivals.Roles, a.Role)
		at := coming{a.Person, a.Since.UnixNano()}
		if !wanted || seen[at] || !c.within(a.Since) {
			continue
		}
		seen[at] = true
		it := row.item()
		it.From, it.To, it.Status, it.Person, it.Role, it.Left = a.Since, a.Since.Add(row.Arrivals.Within.Std()), Arriving, a.Person, a.Role, a.Left
		c.over(row, &it)
		if !it.Left.IsZero() && it.Status != NotOwed {
			it.leave(calendar.DateOf(it.Left.In(calendar.Rule{Zone: c.p.Zone}.Location())))
		}
		for _, r := range c.records[row.ID] {
			if r.Due.Person != a.Person || r.State != run.Held || r.Due.At.Before(a.Since.Add(-24*time.Hour)) || it.Status == HeldThen && !r.Due.At.Before(it.HeldOn) {
				continue
			}
			it.byWord(*r, c.p)
			it.Why = nil
		}
		if it.Status == Overdue && it.Left.IsZero() {
			it.Why = append(it.Why, c.perhaps(row, func(r *Record) bool { return r.Due.Person == a.Person && c.within(r.Due.At) })...)
		}
		it.Late = it.tardy()
		out = append(out, it)
	}
	return out
}

// leave takes what somebody who left does not need any more; what was overdue by then was missed.
func (it *Item) leave(day calendar.Date) {
	if it.Left.After(it.To) {
		it.Why = append(it.Why, plan.Say("nobody recorded that it was held by %s, when they left", "%sに対象から外れるまでに、実施の記録がない", day))
		return
	}
	it.Status = NotOwed
	it.Why = []plan.Text{plan.Say("left on %s, before its time was over", "期限前の%sに対象から外れた", day)}
}
