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

// came lists who came, or has a new role, that a row is for. What comes on one day asks for it once: with a person their
// roles, or several roles, of which the one that lasts longest counts.
func (c *covering) came(row Row) []Arrived {
	type coming struct {
		person string
		day    calendar.Date
	}
	var out []Arrived
	seen := map[coming]int{}
	for _, a := range c.facts.Arrivals {
		wanted := len(row.Arrivals.Roles) == 0 || a.Role != "" && slices.Contains(row.Arrivals.Roles, a.Role)
		if !wanted || !c.within(a.Since) {
			continue
		}
		at := coming{a.Person, c.dayOf(a.Since)}
		i, again := seen[at]
		switch {
		case !again:
			seen[at] = len(out)
			out = append(out, a)
		case !out[i].Left.IsZero() && (a.Left.IsZero() || a.Left.After(out[i].Left)):
			out[i].Role, out[i].Left = a.Role, a.Left
		}
	}
	return out
}

func (c *covering) dayOf(t time.Time) calendar.Date { return calendar.DateOf(c.p.local(t)) }

// arrivals lists who needs a row because they came, or have a new role.
func (c *covering) arrivals(row Row) []Item {
	if row.Arrivals == nil {
		return nil
	}
	var out []Item
	for _, a := range c.came(row) {
		it := row.item()
		it.From, it.To, it.Status, it.Person, it.Role, it.Left = a.Since, a.Since.Add(row.Arrivals.Within.Std()), Arriving, a.Person, a.Role, a.Left
		c.over(row, &it)
		if !it.Left.IsZero() && it.Status != NotOwed {
			it.leave(c.dayOf(it.Left))
		}
		earliest := c.dayOf(a.Since).Plus(-1) // who is noted after midnight may have been trained the day before
		for _, r := range c.records[row.ID] {
			if r.Due.Person != a.Person || r.State != run.Held || c.dayOf(r.Due.At).Before(earliest) || it.Status == HeldThen && !r.Due.At.Before(it.HeldOn) {
				continue
			}
			it.byWord(*r, c.p)
			it.Why = nil
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
