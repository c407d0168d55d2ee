package calendar_test

import (
	_ "embed"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/calendar"
)

//go:embed testdata/japan.txt
var japan string

func TestJapanIsAsTheCabinetOfficeLists(t *testing.T) {
	listed := map[calendar.Date]bool{}
	for _, line := range strings.Split(strings.TrimSpace(japan), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		d, err := calendar.ParseDate(line)
		if err != nil {
			t.Fatal(err)
		}
		listed[d] = true
	}
	if len(listed) < 600 {
		t.Fatalf("only %d days are listed", len(listed))
	}
	for d := (calendar.Date{Year: 2016, Month: 1, Day: 1}); d.Year < 2050; d = d.Plus(1) {
		name, is := calendar.Japan(d)
		if is != listed[d] {
			t.Errorf("%s (%s): holiday = %v (%s), listed = %v", d, d.Weekday(), is, name.JA, listed[d])
		}
		if is && (name.EN == "" || name.JA == "") {
			t.Errorf("%s has no name in one of the languages: %+v", d, name)
		}
	}
}

func date(t *testing.T, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRules(t *testing.T) {
	quarters := []time.Month{3, 6, 9, 12}
	for name, c := range map[string]struct {
		rule  calendar.Rule
		after string
		want  string
	}{
		"first Saturday of each quarter's last month": {calendar.Rule{Months: quarters, Week: 1, Weekday: time.Saturday, Hour: 2, Zone: "Asia/Tokyo"}, "2026-11-20T00:00:00Z",
			"2026-12-05T02:00:00+09:00 2027-03-06T02:00:00+09:00 2027-06-05T02:00:00+09:00 2027-09-04T02:00:00+09:00"},
		"third Thursday": {calendar.Rule{Week: 3, Weekday: time.Thursday, Hour: 14, Zone: "Asia/Tokyo"}, "2026-11-20T00:00:00Z", "2026-12-17T14:00:00+09:00 2027-01-21T14:00:00+09:00"},
		"last Friday":    {calendar.Rule{Months: []time.Month{2}, Week: calendar.Last, Weekday: time.Friday, Hour: 9, Zone: "UTC"}, "2026-01-01T00:00:00Z", "2026-02-27T09:00:00Z 2027-02-26T09:00:00Z 2028-02-25T09:00:00Z"},
		"last day of February": {calendar.Rule{Months: []time.Month{2}, Day: calendar.Last, Hour: 9, Zone: "UTC"}, "2026-01-01T00:00:00Z",
			"2026-02-28T09:00:00Z 2027-02-28T09:00:00Z 2028-02-29T09:00:00Z"},
		"every second Monday": {calendar.Rule{Weeks: 2, Weekday: time.Monday, Anchor: date(t, "2026-04-06"), Hour: 9, Zone: "UTC"}, "2026-04-06T10:00:00Z", "2026-04-20T09:00:00Z 2026-05-04T09:00:00Z"},
		"a summer clock keeps the time of day": {calendar.Rule{Day: 10, Hour: 9, Zone: "Europe/Berlin"}, "2026-03-01T00:00:00Z",
			"2026-03-10T09:00:00+01:00 2026-04-10T09:00:00+02:00"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range c.rule.Next(after, strings.Count(c.want, " ")+1) {
			got = append(got, at.Format(time.RFC3339))
			if !c.rule.Occurs(at) || c.rule.Occurs(at.Add(time.Minute)) {
				t.Errorf("%s: Occurs does not agree at %s", name, at)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, " "), c.want)
		}
	}
}

func TestClockChanges(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day    string
		hour   int
		want   string
		clash  calendar.Clash
		reason string
	}{
		{"2027-03-14", 2, "2027-03-14T03:30:00-04:00", calendar.Gap, "jumped over"},
		{"2027-11-07", 1, "2027-11-07T01:30:00-04:00", calendar.Overlap, "comes twice: the first"},
		{"2027-03-14", 1, "2027-03-14T01:30:00-05:00", calendar.NoClash, "before the jump"},
		{"2027-03-14", 3, "2027-03-14T03:30:00-04:00", calendar.NoClash, "after the jump"},
		{"2027-11-07", 2, "2027-11-07T02:30:00-05:00", calendar.NoClash, "after it was put back"},
	} {
		at, clash := calendar.At(date(t, c.day), c.hour, 30, newYork)
		if at.Format(time.RFC3339) != c.want || clash != c.clash {
			t.Errorf("%s %d:30 (%s): %s %q, want %s %q", c.day, c.hour, c.reason, at.Format(time.RFC3339), clash, c.want, c.clash)
		}
	}
	second := calendar.Rule{Months: []time.Month{3}, Week: 2, Weekday: time.Sunday, Hour: 2, Minute: 30, Zone: "America/New_York"}
	if d, clash := second.Clashes(date(t, "2026-01-01")); clash != calendar.Gap || d != date(t, "2026-03-08") {
		t.Errorf("the second Sunday in March at 2:30: %s %q", d, clash)
	}
	second.Hour = 9
	if d, clash := second.Clashes(date(t, "2026-01-01")); clash != calendar.NoClash {
		t.Errorf("at 9:30: %s %q", d, clash)
	}
}

func office(t *testing.T) calendar.Calendar {
	return calendar.Calendar{Zone: "Asia/Tokyo", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Holidays: calendar.HolidaysJapan,
		Closed: []calendar.Span{{Name: "new-year", From: date(t, "2026-12-29"), To: date(t, "2027-01-03")}}}
}

// Constitution Day of 2026 is a Sunday, so that Wednesday the 6th is off in its place.
func TestSettleMovesToTheNextWorkingDayAndSaysWhy(t *testing.T) {
	zone, _ := time.LoadLocation("Asia/Tokyo")
	freeze := []calendar.Span{{Name: "upgrade", From: date(t, "2026-05-07"), To: date(t, "2026-05-08"), Systems: []string{"orders"}}}
	at, shifts, ok := office(t).Settle(time.Date(2026, 5, 3, 14, 0, 0, 0, zone), true, freeze, []string{"orders"})
	if !ok || at.Format(time.RFC3339) != "2026-05-11T14:00:00+09:00" {
		t.Fatalf("%s %v", at, ok)
	}
	var why []string
	for _, s := range shifts {
		why = append(why, s.Why.EN)
	}
	for _, want := range []string{"2026-05-03 is a public holiday (Constitution Day)", "2026-05-06 is a public holiday (substitute holiday for Constitution Day)", "frozen until 2026-05-08: upgrade", "2026-05-09 is a Saturday"} {
		if !strings.Contains(strings.Join(why, "\n"), want) {
			t.Errorf("%q is not among\n%s", want, strings.Join(why, "\n"))
		}
	}
	// A freeze of other systems holds nobody up.
	if at, _, _ := office(t).Settle(time.Date(2026, 5, 7, 14, 0, 0, 0, zone), true, freeze, []string{"mail"}); at.Day() != 7 {
		t.Errorf("a freeze of orders moved mail to %s", at)
	}
	always := []calendar.Span{{Name: "never", From: date(t, "2026-01-01"), To: date(t, "2026-12-31")}, {Name: "never", From: date(t, "2026-01-01"), To: date(t, "2028-12-31")}}
	closed := office(t)
	closed.Weekend = []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	if at, _, ok := closed.Settle(time.Date(2026, 5, 7, 14, 0, 0, 0, zone), true, always, nil); ok {
		t.Errorf("settled on %s where no day is worked on", at)
	}
}

// anyRule is a rule that the check of a file lets pass.
func anyRule() *rapid.Generator[calendar.Rule] {
	return rapid.Custom(func(t *rapid.T) calendar.Rule {
		r := calendar.Rule{Weekday: time.Weekday(rapid.IntRange(0, 6).Draw(t, "weekday")), Hour: rapid.IntRange(0, 23).Draw(t, "hour"), Minute: rapid.IntRange(0, 59).Draw(t, "minute"),
			Zone: rapid.SampledFrom([]string{"Asia/Tokyo", "UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Africa/Casablanca"}).Draw(t, "zone")}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			r.Week = rapid.SampledFrom([]int{1, 2, 3, 4, calendar.Last}).Draw(t, "week")
		case 1:
			r.Day = rapid.SampledFrom([]int{1, 15, 28, calendar.Last}).Draw(t, "day")
		default:
			r.Weeks, r.Anchor = rapid.IntRange(1, 9).Draw(t, "weeks"), calendar.Date{Year: 2026, Month: 1, Day: 4}.Plus(int(r.Weekday))
		}
		if r.Weeks == 0 {
			for m := time.January; m <= time.December; m++ {
				if rapid.Bool().Draw(t, "month") {
					r.Months = append(r.Months, m)
				}
			}
		}
		return r
	})
}

func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRule().Draw(t, "rule")
		from := time.Unix(rapid.Int64Range(1_767_225_600, 2_500_000_000).Draw(t, "from"), 0)
		list := r.Next(from, 30)
		if len(list) != 30 {
			t.Fatalf("%+v is due only %d times", r, len(list))
		}
		last := from
		for _, at := range list {
			if !at.After(last) {
				t.Fatalf("%s is not after %s", at, last)
			}
			last = at
			local := at.In(r.Location())
			if r.Day == 0 && local.Weekday() != r.Weekday {
				t.Fatalf("%s is a %s", at, local.Weekday())
			}
			if len(r.Months) > 0 && !has(r.Months, local.Month()) {
				t.Fatalf("%s is in %s", at, local.Month())
			}
			if _, clash := calendar.At(calendar.DateOf(local), r.Hour, r.Minute, r.Location()); clash != calendar.Gap && (local.Hour() != r.Hour || local.Minute() != r.Minute) {
				t.Fatalf("%s is not at %d:%d", local, r.Hour, r.Minute)
			}
			if !r.Occurs(at) {
				t.Fatalf("%s does not occur", at)
			}
		}
		// What comes between is the same as what comes next.
		between := r.Between(list[0], list[29])
		if len(between) != 29 || !between[28].Equal(list[28]) {
			t.Fatalf("%d between, want 29", len(between))
		}
	})
}

func has(list []time.Month, m time.Month) bool {
	for _, x := range list {
		if x == m {
			return true
		}
	}
	return false
}

func TestSettlingHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar.Calendar{Zone: "Asia/Tokyo", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Holidays: calendar.HolidaysJapan}
		day := func(name string) calendar.Date {
			return calendar.Date{Year: 2026, Month: 1, Day: 1}.Plus(rapid.IntRange(0, 3000).Draw(t, name))
		}
		var freezes []calendar.Span
		for range rapid.IntRange(0, 4).Draw(t, "freezes") { // they may overlap
			from := day("freeze")
			freezes = append(freezes, calendar.Span{Name: "f", From: from, To: from.Plus(rapid.IntRange(0, 40).Draw(t, "long"))})
		}
		r := anyRule().Draw(t, "rule")
		r.Zone = "Asia/Tokyo"
		nominal := r.Next(time.Unix(rapid.Int64Range(1_767_225_600, 2_000_000_000).Draw(t, "after"), 0), 1)[0]
		at, shifts, ok := c.Settle(nominal, true, freezes, nil)
		if !ok {
			t.Fatal("it could not be settled")
		}
		d := calendar.DateOf(at)
		if why, off := c.Off(d); off {
			t.Fatalf("settled on %s: %s", d, why.EN)
		}
		if f, frozen := c.Frozen(at, freezes, nil); frozen {
			t.Fatalf("settled in the freeze to %s", f.To)
		}
		if at.Before(nominal) || at.Hour() != nominal.In(r.Location()).Hour() {
			t.Fatalf("%s became %s", nominal, at)
		}
		if at.Equal(nominal) != (len(shifts) == 0) || len(shifts) > 0 && (!shifts[0].From.Equal(nominal) || !shifts[len(shifts)-1].To.Equal(at)) {
			t.Fatalf("%s to %s by %+v", nominal, at, shifts)
		}
		again, more, _ := c.Settle(at, true, freezes, nil)
		if !again.Equal(at) || len(more) > 0 {
			t.Fatal("what is settled moves again")
		}
	})
}

func TestWindowsLieOnWorkingDaysWithinTheirHours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := calendar.Calendar{Zone: "Asia/Tokyo", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Holidays: calendar.HolidaysJapan}
		from := time.Unix(rapid.Int64Range(1_767_225_600, 2_000_000_000).Draw(t, "from"), 0)
		n := rapid.IntRange(1, 10).Draw(t, "days")
		w := c.Windows(from, n, calendar.Hours{From: "10:00", To: "16:00"}, nil, nil)
		if len(w) != n {
			t.Fatalf("%d windows, want %d", len(w), n)
		}
		into := time.Duration(rapid.Int64Range(0, int64(calendar.Length(w))-1).Draw(t, "into"))
		at, ok := calendar.Within(w, into)
		if !ok || at.Before(from) {
			t.Fatalf("%s %v", at, ok)
		}
		zone, _ := time.LoadLocation(c.Zone)
		local := at.In(zone)
		if _, off := c.Off(calendar.DateOf(local)); off || local.Hour() < 10 || local.Hour() >= 16 {
			t.Fatalf("%s lies outside", local)
		}
		if _, ok := calendar.Within(w, calendar.Length(w)); ok {
			t.Fatal("the end lies inside")
		}
	})
}
