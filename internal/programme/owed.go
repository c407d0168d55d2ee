package programme

import (
	"slices"
	"time"
)

// Owed is what a programme asks for now: the items of the present year and those of the year before that are
// still overdue. A year's end forgives nothing; a later drill of the row does, and for one who came theirs. Of rows that
// are in the plan no more and of people who left nothing is asked, though the year's coverage has what was missed.
func Owed(p *Programme, now time.Time, facts Facts) []Item {
	from, until := p.Year(now)
	before, _ := p.Year(from.Add(-time.Second))
	last, present := Coverage(p, before, from, now, facts), Coverage(p, from, until, now, facts)
	heldSince := func(of Item) bool {
		return of.Person == "" && slices.ContainsFunc(slices.Concat(last, present), func(i Item) bool {
			return i.Row == of.Row && i.Person == "" && i.Status == HeldThen && i.HeldOn.After(of.To)
		})
	}
	var out []Item
	for _, i := range last {
		if i.Status == Overdue && !heldSince(i) {
			out = append(out, i)
		}
	}
	return slices.DeleteFunc(append(out, present...), func(i Item) bool {
		_, there := p.Row(i.Row)
		return i.Status == Overdue && (!there || !i.Left.IsZero())
	})
}

// nextYears is from when on a drill is the first one of the year after, and none of this year that is
// held late; the end of that year where it has none.
func (c *covering) nextYears(row Row) time.Time {
	after := *c
	after.from, after.until = c.p.Year(c.until)
	days := after.days(row)
	switch {
	case len(days) == 0:
		return after.until
	case row.Spec != nil:
		return c.monthOf(row, days[0].From)
	}
	return days[0].From
}
