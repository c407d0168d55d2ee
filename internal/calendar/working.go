package calendar

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Calendar says which days are worked on. Without a weekend and holidays all are.
type Calendar struct {
	Zone     string         `json:"zone"`
	Weekend  []time.Weekday `json:"weekend,omitempty"`
	Holidays string         `json:"holidays,omitempty"` // HolidaysJapan, or "" for none
	Closed   []Span         `json:"closed,omitempty"`   // days off of one's own
	Open     []Date         `json:"open,omitempty"`     // worked on whatever else is said
}

// HolidaysJapan are the public holidays of Japan.
const HolidaysJapan = "japan"

// Span is some days, both ends included.
type Span struct {
	Name  string    `json:"name,omitempty"`
	Title plan.Text `json:"title,omitzero"`
	From  Date      `json:"from"`
	To    Date      `json:"to"`
	// Systems are those that nothing is begun with; none is all.
	Systems []string `json:"systems,omitempty"`
}

// Holds reports whether a day lies in it.
func (s Span) Holds(d Date) bool { return !d.Before(s.From) && !s.To.Before(d) }

// Touches reports whether it is about one of the systems.
func (s Span) Touches(systems []string) bool {
	return len(s.Systems) == 0 || slices.ContainsFunc(systems, func(x string) bool { return slices.Contains(s.Systems, x) })
}

// Weekdays are the working days where no calendar names them.
func Weekdays() Calendar { return Calendar{Weekend: []time.Weekday{time.Saturday, time.Sunday}} }

// mostOff is for how long a calendar may be closed: beyond it days count, worked on or not.
const mostOff = 366

// Working is the day that is so many working days after another.
func (c Calendar) Working(after Date, days int) Date {
	day := after
	for range days {
		day = day.Plus(1)
		for range mostOff {
			if _, off := c.Off(day); !off {
				break
			}
			day = day.Plus(1)
		}
	}
	return day
}

// Off reports whether a day is none to work on, and why.
func (c Calendar) Off(d Date) (plan.Text, bool) {
	if slices.Contains(c.Open, d) {
		return plan.Text{}, false
	}
	for _, s := range c.Closed {
		if s.Holds(d) {
			return plan.Say("%s: %s", "%s：%s", d, s.Called()), true
		}
	}
	if c.Holidays == HolidaysJapan {
		if name, ok := Japan(d); ok {
			return plan.Say("%s is a public holiday (%s)", "%s は祝日（%s）", d, name), true
		}
	}
	if slices.Contains(c.Weekend, d.Weekday()) {
		return plan.Say("%s is a %s", "%s は%s", d, weekday(d.Weekday())), true
	}
	return plan.Text{}, false
}

// Called is what people call it.
func (s Span) Called() plan.Text {
	if s.Title != (plan.Text{}) {
		return s.Title
	}
	return plan.Text{EN: s.Name, JA: s.Name}
}

func weekday(d time.Weekday) plan.Text {
	return plan.Text{EN: d.String(), JA: []string{"日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"}[d]}
}

// Shift is one move of an occasion, and why.
type Shift struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  plan.Text `json:"why"`
}

// mostShifts bounds the moving: a year in which nothing may begin is a mistake of the file.
const mostShifts = 400

// Settle moves an occasion off days that are not worked on, if working is set, and out of
// freezes that touch its systems, to the same time of a later day. It is false when there is
// no such day within a year.
func (c Calendar) Settle(t time.Time, working bool, freezes []Span, systems []string) (time.Time, []Shift, bool) {
	zone := Rule{Zone: c.Zone}.Location()
	local := t.In(zone)
	hour, minute := local.Hour(), local.Minute()
	d, at := DateOf(local), t
	var shifts []Shift
	for range mostShifts {
		to, why, moved := d, plan.Text{}, false
		for _, f := range freezes {
			if f.Holds(d) && f.Touches(systems) {
				to, why, moved = f.To.Plus(1), plan.Say("frozen until %s: %s", "%s まで凍結期間：%s", f.To, f.Called()), true
				break
			}
		}
		if off, closed := c.Off(d); !moved && working && closed {
			to, why, moved = d.Plus(1), off, true
		}
		if !moved {
			return at, shifts, true
		}
		next, _ := At(to, hour, minute, zone)
		shifts = append(shifts, Shift{From: at, To: next, Why: why})
		d, at = to, next
	}
	return t, shifts, false
}

// Frozen is the freeze that a moment lies in for one of the systems.
func (c Calendar) Frozen(t time.Time, freezes []Span, systems []string) (Span, bool) {
	d := DateOf(t.In(Rule{Zone: c.Zone}.Location()))
	for _, f := range freezes {
		if f.Holds(d) && f.Touches(systems) {
			return f, true
		}
	}
	return Span{}, false
}

// Hours is a part of each working day.
type Hours struct {
	From string `json:"from"` // 15:04
	To   string `json:"to"`
}

// Span is the part of a day as moments.
func (h Hours) Span(d Date, zone *time.Location) (from, to time.Time, ok bool) {
	a, err := time.Parse("15:04", h.From)
	b, err2 := time.Parse("15:04", h.To)
	if err != nil || err2 != nil {
		return from, to, false
	}
	from, _ = At(d, a.Hour(), a.Minute(), zone)
	to, _ = At(d, b.Hour(), b.Minute(), zone)
	return from, to, to.After(from)
}

// Windows are the parts of the next working days in which something may begin: as many days
// as asked for, from a moment on.
func (c Calendar) Windows(from time.Time, days int, h Hours, freezes []Span, systems []string) [][2]time.Time {
	zone := Rule{Zone: c.Zone}.Location()
	var out [][2]time.Time
	d := DateOf(from.In(zone))
	for range mostShifts {
		if len(out) == days {
			break
		}
		_, off := c.Off(d)
		begin, end, ok := h.Span(d, zone)
		if _, frozen := c.Frozen(begin, freezes, systems); ok && !off && !frozen {
			if begin.Before(from) {
				begin = from
			}
			if begin.Before(end) {
				out = append(out, [2]time.Time{begin, end})
			}
		}
		d = d.Plus(1)
	}
	return out
}

// Within is the moment that lies so far into the windows, laid end to end.
func Within(windows [][2]time.Time, into time.Duration) (time.Time, bool) {
	for _, w := range windows {
		long := w[1].Sub(w[0])
		if into < long {
			return w[0].Add(into), true
		}
		into -= long
	}
	return time.Time{}, false
}

// Length is how long the windows are together.
func Length(windows [][2]time.Time) (sum time.Duration) {
	for _, w := range windows {
		sum += w[1].Sub(w[0])
	}
	return sum
}
