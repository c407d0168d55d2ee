package programme

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
)

// Owed is what a programme asks for now: the items of the present year and those of the year before that are
// still overdue. A year's end forgives nothing; a later drill of the row does, and for one who came theirs.
func Owed(p *Programme, now time.Time, facts Facts) []Item {
	from, until := p.Year(now)
	before, _ := p.Year(from.Add(-time.Second))
	last, present := Coverage(p, before, from, now, facts), Coverage(p, from, until, now, facts)
	heldSince := func(of Item) bool {
		return of.Person == "" && slices.ContainsFunc(slices.Concat(last, present), func(i Item) bool {
			return i.Row == of.Row && i.Person == "" && i.Status == HeldThen && i.HeldOn.After(of.To)
		})
	}
	var overdue []Item
	for _, i := range last {
		if i.Status == Overdue && !heldSince(i) {
			overdue = append(overdue, i)
		}
	}
	return append(settled(last, overdue, before, from, facts), present...)
}

// nextYears is from when on a drill is the first one of the year after, and none of this year that is
// held late; the end of that year where it has none.
func (c *covering) nextYears(row Row) time.Time {
	after := *c
	after.from, after.until = c.p.Year(c.until)
	items := after.planned(row)
	switch {
	case len(items) == 0:
		return after.until
	case row.Spec != nil:
		return row.Spec.monthOf(items[0].From)
	}
	return items[0].From
}

// monthOf is from when on a drill that was started by hand is that of a due day: its month's beginning.
func (s Spec) monthOf(due time.Time) time.Time {
	zone := s.Rule.Location()
	local := due.In(zone)
	at, _ := calendar.At(calendar.Date{Year: local.Year(), Month: local.Month(), Day: 1}, 0, 0, zone)
	return at
}
