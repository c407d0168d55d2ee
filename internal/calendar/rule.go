package calendar

import (
	"slices"
	"time"
)

// Last is the last week or the last day of a month.
const Last = -1

// Rule says on which days something is due, and at which time of day. Days are one of: the
// Week-th Weekday of a month, the Day of a month, or every Weeks weeks from Anchor.
type Rule struct {
	Months  []time.Month `json:"months,omitempty"` // none is every month
	Week    int          `json:"week,omitempty"`   // 1 to 4, or Last
	Weekday time.Weekday `json:"weekday"`          // 0 is Sunday
	Day     int          `json:"day,omitempty"`    // 1 to 28 (to what the months have), or Last
	Weeks   int          `json:"weeks,omitempty"`
	Anchor  Date         `json:"anchor,omitzero"`
	Hour    int          `json:"hour"`
	Minute  int          `json:"minute"`
	Zone    string       `json:"zone"`
	From    Date         `json:"from,omitzero"` // never due before that day
}

// Location is the rule's zone; UTC where the host does not know it, which the check of the
// file has refused.
func (r Rule) Location() *time.Location {
	if l, err := time.LoadLocation(r.Zone); err == nil && r.Zone != "Local" {
		return l
	}
	return time.UTC
}

// in lists the days of a month on which it is due; by a rule that the check let pass it is
// one, or as many as its weeks bring.
func (r Rule) in(year int, m time.Month) []Date {
	if len(r.Months) > 0 && !slices.Contains(r.Months, m) {
		return nil
	}
	n := daysIn(year, m)
	switch {
	case r.Weeks > 0:
		var out []Date
		for day := 1; day <= n; day++ {
			d := Date{year, m, day}
			if gone := d.Days(r.Anchor); gone >= 0 && gone%(7*r.Weeks) == 0 {
				out = append(out, d)
			}
		}
		return out
	case r.Day == Last:
		return []Date{{year, m, n}}
	case r.Day > 0:
		if r.Day > n {
			return nil
		}
		return []Date{{year, m, r.Day}}
	case r.Week == Last:
		end := Date{year, m, n}
		return []Date{end.Plus(-int((end.Weekday() - r.Weekday + 7) % 7))}
	}
	first := Date{year, m, 1}
	d := first.Plus(int((r.Weekday-first.Weekday()+7)%7) + 7*(r.Week-1))
	if d.Month != m {
		return nil
	}
	return []Date{d}
}

// farAhead bounds the looking: every rule that the check let pass is due once a year.
const farAhead = 12 * 30

// Each calls f with the days on which it is due, from a day on, until f says enough.
func (r Rule) Each(from Date, f func(Date) bool) {
	if from.Before(r.From) {
		from = r.From
	}
	year, month := from.Year, from.Month
	for range farAhead {
		for _, d := range r.in(year, month) {
			if !d.Before(from) && !f(d) {
				return
			}
		}
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
}

// Between lists the moments from one (included) to another (not included).
func (r Rule) Between(from, until time.Time) []time.Time {
	var out []time.Time
	zone := r.Location()
	r.Each(DateOf(from.In(zone)), func(d Date) bool {
		t, _ := At(d, r.Hour, r.Minute, zone)
		if !t.Before(until) {
			return false
		}
		if !t.Before(from) {
			out = append(out, t)
		}
		return true
	})
	return out
}

// Next lists the next n moments after one.
func (r Rule) Next(after time.Time, n int) []time.Time {
	var out []time.Time
	zone := r.Location()
	r.Each(DateOf(after.In(zone)), func(d Date) bool {
		if t, _ := At(d, r.Hour, r.Minute, zone); t.After(after) {
			out = append(out, t)
		}
		return len(out) < n
	})
	return out
}

// Occurs reports whether the rule is due at that very moment.
func (r Rule) Occurs(t time.Time) bool {
	return len(r.Between(t, t.Add(time.Nanosecond))) == 1
}

// lookahead is how many years are searched for clashes: after 28 every day of every month
// has been every weekday.
const lookahead = 28

// Clashes finds the first day in the years after one on which the clock of the zone jumps
// over the time, or has it twice.
func (r Rule) Clashes(from Date) (Date, Clash) {
	zone, until := r.Location(), Date{from.Year + lookahead, from.Month, 1}
	var at Date
	var found Clash
	r.Each(from, func(d Date) bool {
		if _, c := At(d, r.Hour, r.Minute, zone); c != NoClash {
			at, found = d, c
		}
		return found == NoClash && d.Before(until)
	})
	return at, found
}
