// Package calendar says when something is due: rules by month, week and weekday in a zone,
// working days, and spans in which nothing is begun. It is pure: it asks no clock.
package calendar

import (
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Date is a day by the calendar, in whatever zone it is read.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that a moment falls on in its own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads a day as in 2026-04-01; the 30th of February is no day.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, plan.Wrong("%q is not a day such as \"2026-04-01\"", "%q は日付ではありません。\"2026-04-01\" のように書いてください", s)
	}
	return DateOf(t), nil
}

func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

// utc is the day's midnight where days have 24 hours.
func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Plus is the day that many days later.
func (d Date) Plus(days int) Date { return DateOf(d.utc().AddDate(0, 0, days)) }

func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

func (d Date) Before(o Date) bool { return d.utc().Before(o.utc()) }

// Days is how many days there are from o to d.
func (d Date) Days(o Date) int { return int(d.utc().Sub(o.utc()).Hours() / 24) }

func (d Date) IsZero() bool { return d == Date{} }

// daysIn is how many days a month has.
func daysIn(year int, m time.Month) int {
	return time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Clash is what a change of a zone's clock does to a time of day.
type Clash string

const (
	NoClash Clash = ""
	Gap     Clash = "gap"     // the clock jumps over it: it does not exist on that day
	Overlap Clash = "overlap" // the clock is put back: it comes twice
)

// At is the moment of a time of day. One that the clock jumps over is as long after the
// jump as it would have been, and of one that comes twice it is the first.
func At(d Date, hour, minute int, zone *time.Location) (time.Time, Clash) {
	wall := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC)
	offset := func(near time.Time) time.Duration {
		_, s := near.In(zone).Zone()
		return time.Duration(s) * time.Second
	}
	before, after := wall.Add(-offset(wall.Add(-24*time.Hour))), wall.Add(-offset(wall.Add(24*time.Hour)))
	is := func(t time.Time) bool {
		l := t.In(zone)
		return DateOf(l) == d && l.Hour() == hour && l.Minute() == minute
	}
	switch b, a := is(before), is(after); {
	case b && a && !before.Equal(after):
		if after.Before(before) {
			before = after
		}
		return before.In(zone), Overlap
	case b:
		return before.In(zone), NoClash
	case a:
		return after.In(zone), NoClash
	}
	return before.In(zone), Gap
}
