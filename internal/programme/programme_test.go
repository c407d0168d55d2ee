package programme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

func date(t testing.TB, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const hour = run.Duration(time.Hour)

// monthly is due on the second Monday of each month at 14:00 in Tokyo.
func monthly(t testing.TB) programme.Spec {
	return programme.Spec{Schedule: "monthly", Scenario: "tokyo-loss", Systems: []string{"orders"},
		Rule:     calendar.Rule{Week: 2, Weekday: time.Monday, Hour: 14, Zone: "Asia/Tokyo"},
		Calendar: calendar.Calendar{Zone: "Asia/Tokyo", Weekend: []time.Weekday{0, 6}, Holidays: calendar.HolidaysJapan},
		Freezes:  []calendar.Span{{Name: "upgrade", From: date(t, "2027-02-08"), To: date(t, "2027-02-19"), Systems: []string{"orders"}}},
		Shift:    true, Every: hour / 2, For: 2 * hour, GiveUp: 14 * 24 * hour, Late: hour}
}

func TestNextStartsSayWhatMovesThem(t *testing.T) {
	var got []string
	for _, s := range monthly(t).Next(at(t, "2026-12-20T00:00:00Z"), 4) {
		line := s.At.Format(time.RFC3339)
		for _, m := range s.Shifts {
			line += " | " + m.Why.EN
		}
		got = append(got, line)
	}
	want := `2027-01-12T14:00:00+09:00 | 2027-01-11 is a public holiday (Coming of Age Day)
2027-02-22T14:00:00+09:00 | frozen until 2027-02-19: upgrade | 2027-02-20 is a Saturday | 2027-02-21 is a Sunday
2027-03-08T14:00:00+09:00
2027-04-12T14:00:00+09:00`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	// One that moved is still to come when its own day is over.
	if next := monthly(t).Next(at(t, "2027-02-15T00:00:00Z"), 1); next[0].At.Format(time.DateOnly) != "2027-02-22" {
		t.Errorf("while it is postponed: %s", next[0].At)
	}
}

func TestWhatIsHeldUpIsLookedAtAgain(t *testing.T) {
	s := monthly(t)
	nominal := at(t, "2027-03-08T14:00:00+09:00")
	for _, c := range []struct{ now, want string }{
		{"2027-03-08T14:00:00+09:00", "2027-03-08T14:30:00+09:00"},
		{"2027-03-08T15:45:00+09:00", "2027-03-09T14:00:00+09:00"}, // its two hours are over
		{"2027-03-12T16:00:00+09:00", "2027-03-15T14:00:00+09:00"}, // a weekend
		{"2027-03-21T16:00:00+09:00", "2027-03-23T14:00:00+09:00 given up"},
	} {
		next, in := s.Again(nominal, nominal, at(t, c.now))
		got := next.Format(time.RFC3339)
		if !in {
			got += " given up"
		}
		if got != c.want {
			t.Errorf("held up at %s: again at %s, want %s", c.now, got, c.want)
		}
	}
	s.Blind = &programme.Window{Days: 3, From: "10:00", To: "16:00"}
	st := s.Begins(nominal)
	if st.At.Format(time.RFC3339) != "2027-03-08T10:00:00+09:00" || st.Until.Format(time.RFC3339) != "2027-03-10T16:00:00+09:00" || !st.Blind {
		t.Errorf("the window is %s to %s", st.At, st.Until)
	}
	if next, _ := s.Again(nominal, st.At, at(t, "2027-03-08T12:00:00+09:00")); next.Format(time.RFC3339) != "2027-03-09T00:00:00+09:00" {
		t.Errorf("a blind drill that is held up is drawn again on %s", next)
	}
}

func TestYearOfTheProgramme(t *testing.T) {
	p := programme.Programme{Begins: 4, Zone: "Asia/Tokyo"}
	for day, want := range map[string]string{"2027-03-31T23:59:00+09:00": "2026-04-01", "2027-04-01T00:00:00+09:00": "2027-04-01"} {
		from, until := p.Year(at(t, day))
		if from.Format(time.DateOnly) != want || until.Sub(from) < 365*24*time.Hour {
			t.Errorf("%s lies in the year from %s to %s", day, from, until)
		}
	}
}
