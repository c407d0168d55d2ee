package run

import (
	"fmt"
	"time"
)

// mostAgo is how far back a bare time of day is taken without asking: beyond it the
// writer's clock and the reader's are more likely in different zones than the event old.
const mostAgo = 12 * time.Hour

// LongAgo is a bare time of day that would lie more than half a day back.
type LongAgo struct{ At time.Time }

func (e *LongAgo) Error() string {
	return fmt.Sprintf("%s is more than 12 h ago", e.At.Format("2006-01-02 15:04 MST"))
}

// Dated reports whether a time as people write it says its own zone, or is a span: then
// nobody's zone matters.
func Dated(text string) bool {
	if _, err := time.Parse(time.RFC3339, text); err == nil {
		return true
	}
	_, err := ParseDuration(text)
	return err == nil
}

// ReadPast reads when something was, in the zone of now: a time of day (the latest that is
// not to come), a day and a time, an RFC 3339 time, or a span before now.
func ReadPast(text string, now time.Time) (time.Time, error) {
	if d, err := ParseDuration(text); err == nil {
		return now.Add(-d.Std()), nil
	}
	at, bare, err := readTime(text, now)
	if err != nil || !bare {
		return at, err
	}
	if at.After(now) {
		at = at.AddDate(0, 0, -1)
	}
	if now.Sub(at) > mostAgo {
		return at, &LongAgo{at}
	}
	return at, nil
}

// ReadComing reads when something will be, in the zone of now: a time of day to come, a day
// and a time, an RFC 3339 time, or a span from now.
func ReadComing(text string, now time.Time) (time.Time, error) {
	if d, err := ParseDuration(text); err == nil {
		return now.Add(d.Std()).Truncate(time.Second), nil
	}
	at, bare, err := readTime(text, now)
	if err == nil && bare && at.Before(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, err
}

// readTime reads a time; bare is one without a day, which is today's then.
func readTime(text string, now time.Time) (at time.Time, bare bool, err error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, false, nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return at, false, nil
		}
	}
	for _, form := range []string{"15:04", time.TimeOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), true, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%q is no time", text)
}
