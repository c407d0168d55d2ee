package i18n

import "time"

// Zone is the time zone of an estate by its IANA name, UTC for one that is not known here:
// whoever reads a time reads its zone beside it.
func Zone(name string) *time.Location {
	if name != "" && name != "Local" {
		if z, err := time.LoadLocation(name); err == nil {
			return z
		}
	}
	return time.UTC
}

// Moment is a day and a time as people read it, with the name of its zone; "" for none.
// Machines get RFC 3339.
func Moment(t time.Time, in *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(known(in)).Format("2006-01-02 15:04:05 MST")
}

// Clock is a time of day as people read it, with the name of its zone; "" for none.
func Clock(t time.Time, in *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(known(in)).Format("15:04:05 MST")
}

// known is UTC for a zone that nobody could tell.
func known(in *time.Location) *time.Location {
	if in == nil {
		return time.UTC
	}
	return in
}
