package programme

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// day is a due day of a row: by the rule of now, by the record, or by both.
type day struct {
	Item
	record *Record // nil: the record has nothing of it
}

// has reports whether it is the day of a record; one row under another name may have been due at the same moment.
func (d day) has(r *Record) bool {
	return d.record != nil && d.From.Equal(r.Due.Nominal) && d.record.Due.Schedule == r.Due.Schedule
}

// word reports whether a record is somebody's word that a row was held.
func (r *Record) word() bool {
	return r.Due.Person == "" && r.State == run.Held && r.Run.Run == ""
}

// due reports whether a record is of a schedule's due day, and not of what people said, whatever became of that.
func (r *Record) due() bool {
	return r.Due.Person == "" && !r.word() && r.Run.On == ""
}

// days lists when a row is due, or was, in order. What the record has as due stands, by whatever rule it was: a row that
// is moved afterwards is neither held nor missed on other days than it was.
func (c *covering) days(row Row) []day {
	var out []day
	for _, it := range c.planned(row) {
		out = append(out, day{it, c.recordOf(row.ID, it.From)})
	}
	ruled := len(out)
	for _, r := range c.records[row.ID] {
		if !r.due() || !c.within(r.Due.Nominal) || slices.ContainsFunc(out, func(d day) bool { return d.has(r) }) {
			continue
		}
		out = append(out, day{c.recordedItem(row, r), r})
	}
	out = c.inEffect(out[:ruled], out[ruled:])
	slices.SortStableFunc(out, func(a, b day) int { return a.From.Compare(b.From) })
	return out
}

// inEffect leaves out of the past days of the rule of now those of the time of another rule, of which others were due:
// those before its own first in the record, and those that the days of the other stand for. Of a year that is over,
// the record alone says by which rule it was held.
func (c *covering) inEffect(ruled, others []day) []day {
	if len(others) == 0 {
		return ruled
	}
	stoodFor := map[int]bool{}
	var began time.Time
	for _, o := range others {
		nearest := -1
		for i, d := range ruled {
			if nearest < 0 || d.From.Sub(o.From).Abs() < ruled[nearest].From.Sub(o.From).Abs() {
				nearest = i
			}
		}
		stoodFor[nearest] = true
		began = maxTime(began, o.From)
	}
	if !c.now.Before(c.until) {
		began = c.until
	}
	if first := slices.IndexFunc(ruled, func(d day) bool { return d.record != nil }); first >= 0 {
		began = ruled[first].From
	}
	out := slices.Clone(others)
	for i, d := range ruled {
		past := d.Status == Overdue || d.Status == NotOwed
		if d.record == nil && past && (stoodFor[i] || d.From.Before(began)) {
			continue
		}
		out = append(out, d)
	}
	return out
}

// recordOf is what the record has of a due day of a row.
func (c *covering) recordOf(row string, due time.Time) *Record {
	for _, r := range c.records[row] {
		if r.due() && r.Due.Nominal.Equal(due) {
			return r
		}
	}
	return nil
}

// lateUnknown is how late a drill may begin where the plan does not say so any more.
const lateUnknown = run.Duration(time.Hour)

func (c *covering) recordedItem(row Row, r *Record) Item {
	it, late := row.item(), lateUnknown
	if row.Spec != nil {
		late = row.Spec.Late
	}
	it.Scenario = cmp.Or(row.Scenario, r.Due.Scenario)
	it.Blind = r.Due.Blind
	it.From, it.To, it.Status = r.Due.Nominal, maxTime(r.Due.At, r.Due.Until).Add(late.Std()), Planned
	return it
}

// byWord counts what somebody said was held in a year that is over, and no due day of now stands for: the row was due
// on other days then. So many days of now that the record has nothing of are left out.
func (c *covering) byWord(row Row, items []Item) []Item {
	if c.now.Before(c.until) {
		return items
	}
	for _, said := range c.words(row) {
		i := slices.IndexFunc(items, func(i Item) bool { return i.Status == Overdue && i.Occasion == "" })
		if i < 0 {
			break
		}
		items[i] = said
	}
	return items
}

// words are the words on a row in the year that count for no item yet.
func (c *covering) words(row Row) []Item {
	var out []Item
	for _, r := range c.records[row.ID] {
		if !r.word() || c.used[r.ID] || !c.within(r.Due.At) {
			continue
		}
		it := row.item()
		it.From, it.Scenario = r.Due.At, cmp.Or(row.Scenario, r.Due.Scenario)
		it.byWord(*r, c.p)
		out = append(out, it)
	}
	return out
}

// gone lists what was due or held of rows that are in the plan no more. Runs by hand count for none: what they would
// have to be is not known.
func (c *covering) gone() []Item {
	var out []Item
	for _, id := range c.lost {
		row := Row{ID: id, Title: plan.Text{EN: id, JA: id}}
		items := c.row(row)
		items = append(items, c.words(row)...)
		for i := range items {
			items[i].Why = append(items[i].Why, plan.Text{EN: "the row is no longer in the plan", JA: "現在の訓練計画にない行"})
		}
		out = append(out, items...)
	}
	return out
}

// monthOf is from when on a drill that was started by hand is that of a due day: its month's beginning.
func (c *covering) monthOf(row Row, due time.Time) time.Time {
	zone := calendar.Rule{Zone: c.p.Zone}.Location()
	if row.Spec != nil {
		zone = row.Spec.Rule.Location()
	}
	local := due.In(zone)
	at, _ := calendar.At(calendar.Date{Year: local.Year(), Month: local.Month(), Day: 1}, 0, 0, zone)
	return at
}
