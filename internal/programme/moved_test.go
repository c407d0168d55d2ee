package programme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// ruled is a row that is due at 14:00 on the tenth of months.
func ruled(months ...time.Month) programme.Row {
	return programme.Row{ID: "row", Title: plan.Text{EN: "row"}, Scenario: "tokyo-loss", Spec: &programme.Spec{Scenario: "tokyo-loss", Late: run.Duration(time.Hour),
		Rule: calendar.Rule{Months: months, Day: 10, Hour: 14, Zone: "Asia/Tokyo"}}}
}

func dueAt(t *testing.T, day string, held bool) programme.Record {
	due := at(t, day+"T14:00:00+09:00")
	r := programme.Record{ID: "due-" + day, Due: run.Due{Schedule: "row", Scenario: "tokyo-loss", Nominal: due, At: due}, State: run.NotHeld, Missed: []run.Problem{{EN: "a freeze"}}}
	if held {
		r.State, r.Missed, r.Run, r.HeldAt = run.Held, nil, run.OccasionRun{Run: "run-" + day}, due
	}
	return r
}

// What the record has as due stands, whatever is done to the row afterwards: what was held stays held, what was missed
// stays missed, and the days of the new rule that were over before it was made are not overdue beside them.
func TestARecordedDueDayStandsWhateverBecomesOfItsRow(t *testing.T) {
	spring := ruled(6, 9, 12, 3)
	hour, months, renamed := ruled(6, 9, 12, 3), ruled(3), spring
	hour.Spec.Rule.Hour, hour.Spec.Rule.Minute = 13, 30
	renamed.ID, renamed.Was = "other", []string{"row"}
	byHand := programme.Row{ID: "row", Title: plan.Text{EN: "row"}, Scenario: "tokyo-loss", Months: []int{6, 9}, ByHand: true}
	inForce := hour
	inForce.From = date(t, "2026-11-01")
	const held, missed = "2026-06-10 row held by run-2026-06-10 on 2026-06-10", "2026-09-10 row overdue | a freeze"
	const toCome = "\n2026-12-10 row planned\n2027-03-10 row planned"
	for name, c := range map[string]struct {
		rows []programme.Row
		want string
	}{
		"as it was":                {[]programme.Row{spring}, held + "\n" + missed + toCome},
		"at another hour":          {[]programme.Row{hour}, held + "\n" + missed + toCome},
		"from November on":         {[]programme.Row{inForce}, held + "\n" + missed + toCome},
		"to another month":         {[]programme.Row{months}, held + "\n" + missed + "\n2027-03-10 row planned"},
		"to a month that was over": {[]programme.Row{ruled(8)}, held + "\n" + missed},
		"to people":                {[]programme.Row{byHand}, held + "\n" + missed},
		"under another name":       {[]programme.Row{renamed}, strings.ReplaceAll(held+"\n"+missed+toCome, " row ", " other ")},
		"taken out":                {nil, held + " | the row is no longer in the plan\n" + missed + " | the row is no longer in the plan"},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: c.rows}
		now := at(t, "2026-11-20T09:00:00+09:00")
		from, until := p.Year(now)
		facts := programme.Facts{Records: []programme.Record{dueAt(t, "2026-09-10", false), dueAt(t, "2026-06-10", true), dueAt(t, "2025-06-10", true)}}
		if got := lines(programme.Coverage(p, from, until, now, facts)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
		// So it stands a year later, as what is still owed does.
		for _, i := range programme.Coverage(p, from, until, now.AddDate(1, 0, 0), facts) {
			if jun := i.From.Month() == time.June; (i.From.Month() == time.September || jun) && (i.Status == programme.HeldThen) != jun {
				t.Errorf("%s, a year later: %+v", name, i)
			}
		}
		owed := 0
		for _, i := range programme.Owed(p, now, facts) {
			if i.Status == programme.Overdue {
				owed++
			}
		}
		if want := min(1, len(c.rows)); owed != want { // of a row that is gone nobody can hold anything
			t.Errorf("%s: %d are owed, want %d", name, owed, want)
		}
		// A drill by hand makes good what was missed, and no other.
		if len(c.rows) == 0 {
			continue
		}
		facts.Runs = []programme.Ran{{Run: "by-hand", Scenario: "tokyo-loss", Kind: run.Drill, State: run.Recovered, StartedAt: at(t, "2026-09-20T10:00:00+09:00")}}
		if got := lines(programme.Coverage(p, from, until, now, facts)); !strings.Contains(got, "held by by-hand on 2026-09-20 | a freeze") || strings.Contains(got, "overdue") {
			t.Errorf("%s, and held by hand:\n%s", name, got)
		}
	}
}

// Where the new rule was never applied, what it had due since the last day of the old one is overdue.
func TestADayOfTheNewRuleThatNothingStandsForIsOverdue(t *testing.T) {
	row := ruled(6, 9, 12)
	row.Spec.Rule.Hour = 15
	p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{row}}
	now := at(t, "2026-12-20T09:00:00+09:00")
	from, until := p.Year(now)
	got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: []programme.Record{dueAt(t, "2026-06-10", true), dueAt(t, "2026-09-10", true)}}))
	if want := "2026-12-10 row overdue | the record has nothing of it"; strings.Count(got, "\n") != 2 || strings.Count(got, "overdue") != 1 || !strings.Contains(got, want) {
		t.Error(got)
	}
}

// What people said of a row that is gone stands; of one that is there it stands for a due day or for none.
func TestAWordOnARowThatIsGoneStands(t *testing.T) {
	said := at(t, "2026-05-20T12:00:00+09:00")
	facts := programme.Facts{Records: []programme.Record{{ID: "h1", By: "sato", Due: run.Due{Schedule: "row", Nominal: said, At: said}, State: run.Held}}}
	p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo"}
	now := at(t, "2026-11-20T09:00:00+09:00")
	from, until := p.Year(now)
	if got := lines(programme.Coverage(p, from, until, now, facts)); got != "2026-05-20 row held on 2026-05-20 | the row is no longer in the plan" {
		t.Error(got)
	}
	p.Rows = []programme.Row{{ID: "row", Title: plan.Text{EN: "row"}, Months: []int{9}, ByHand: true}}
	if got := lines(programme.Coverage(p, from, until, now, facts)); got != "2026-09-01 row overdue | no run of it, and nobody recorded that it was held" {
		t.Error(got)
	}
}

// What was due before the programme was in force is not owed, and a later drill holds nothing that is not owed.
func TestNothingIsHeldLateThatIsNotOwed(t *testing.T) {
	p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", From: date(t, "2026-09-01"), Rows: []programme.Row{
		{ID: "row", Title: plan.Text{EN: "row"}, Scenario: "tokyo-loss", Months: []int{2}, ByHand: true}}}
	now := at(t, "2026-11-20T09:00:00+09:00")
	until, _ := p.Year(now)
	from, _ := p.Year(until.Add(-time.Hour))
	drill := func(day string) programme.Facts {
		return programme.Facts{Runs: []programme.Ran{{Run: "drill", Scenario: "tokyo-loss", Kind: run.Drill, State: run.Recovered, StartedAt: at(t, day+"T10:00:00+09:00")}}}
	}
	for day, want := range map[string]string{
		"2026-02-20": "2026-02-01 row held by drill on 2026-02-20", // in its time, though nobody asked for it
		"2026-06-20": "2026-02-01 row not_owed | in force from 2026-09-01 on",
	} {
		if got := lines(programme.Coverage(p, from, until, now, drill(day))); got != want {
			t.Errorf("%s: %s, want %s", day, got, want)
		}
	}
}
