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

// The last month of a fiscal year is over when the next year has begun: what was due in it, and what has been
// overdue since before, is still owed then, until it is held.
func TestTheYearsEndForgivesNoOverdueDrill(t *testing.T) {
	p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
		{ID: "review", Title: plan.Text{EN: "review"}, Months: []int{3}, ByHand: true},
		{ID: "safety", Title: plan.Text{EN: "safety"}, Times: 4, Scenario: "safety-report", ByHand: true},
		{ID: "arrivals", Title: plan.Text{EN: "arrivals"}, Arrivals: &programme.Arrival{Within: 30 * 24 * hour}, ByHand: true},
	}}
	safety := func(id, day string) programme.Ran {
		return programme.Ran{Run: id, Scenario: "safety-report", Kind: run.Drill, State: run.TalkedThrough, StartedAt: at(t, day+"T10:00:00+09:00")}
	}
	held := func(id, row, person, day string) programme.Record {
		return programme.Record{ID: id, Due: run.Due{Schedule: row, Person: person, At: at(t, day+"T12:00:00+09:00")}, State: run.Held}
	}
	facts := programme.Facts{
		Since:    at(t, "2026-04-01T00:00:00+09:00"),
		Runs:     []programme.Ran{safety("s1", "2026-04-10"), safety("s3", "2026-10-10")}, // that of July was made good in October
		Arrivals: []programme.Arrived{{Person: "ito", Since: at(t, "2027-03-20T09:00:00+09:00")}},
	}
	overdue := func(day string) string {
		var out []string
		for _, i := range programme.Owed(p, at(t, day+"T09:00:00+09:00"), facts) {
			if i.Status == programme.Overdue {
				out = append(out, strings.TrimSpace(i.From.In(time.FixedZone("JST", 9*3600)).Format(time.DateOnly)+" "+i.Row+" "+i.Person))
			}
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct{ day, want string }{
		{"2027-03-31", "2026-07-01 safety"},
		{"2027-04-02", "2026-12-30 safety; 2027-03-01 review"},
		{"2027-04-25", "2026-12-30 safety; 2027-03-01 review; 2027-03-20 arrivals ito"},
	} {
		if got := overdue(c.day); got != c.want {
			t.Errorf("%s: overdue %q, want %q", c.day, got, c.want)
		}
	}
	facts.Records = append(facts.Records, held("h1", "review", "", "2027-04-26"), held("h2", "arrivals", "ito", "2027-04-27"))
	facts.Runs = append(facts.Runs, safety("s4", "2027-04-28"))
	if got := overdue("2027-04-30"); got != "" {
		t.Errorf("held since, and still overdue: %q", got)
	}
	// What made good the one of March is none of the new year's, and stands in the year that it was due in.
	from, until := p.Year(at(t, "2027-03-01T09:00:00+09:00"))
	if got := lines(programme.Coverage(p, from, until, at(t, "2027-04-30T09:00:00+09:00"), facts)); !strings.Contains(got, "review held on 2027-04-26") {
		t.Error(got)
	}
}

// A year that was held by the rules of then is not overdue by those of now: a row that was moved for the new year, or
// is due more often since, owes of the year before what its record has as missed.
func TestANewRuleMakesNoHeldYearOverdue(t *testing.T) {
	spec := func(months ...time.Month) *programme.Spec {
		return &programme.Spec{Scenario: "tokyo-loss", Rule: calendar.Rule{Months: months, Day: 10, Hour: 14, Zone: "Asia/Tokyo"}}
	}
	occasion := func(row, day string, held bool) programme.Record {
		due := at(t, day+"T14:00:00+09:00")
		r := programme.Record{ID: row + day, Due: run.Due{Schedule: row, Nominal: due, At: due}, State: run.NotHeld, Missed: []run.Problem{{EN: "a freeze"}}}
		if held {
			r.State, r.Missed, r.Run, r.HeldAt = run.Held, nil, run.OccasionRun{Run: row + "-" + day}, due
		}
		return r
	}
	said := at(t, "2026-05-20T12:00:00+09:00")
	byWord := programme.Record{ID: "h1", Due: run.Due{Schedule: "row", Nominal: said, At: said}, State: run.Held}
	for name, c := range map[string]struct {
		row     programme.Row
		records []programme.Record
		want    int
	}{
		"moved, and held":             {programme.Row{Spec: spec(9)}, []programme.Record{occasion("row", "2026-05-10", true)}, 0},
		"moved, and missed":           {programme.Row{Spec: spec(9)}, []programme.Record{occasion("row", "2026-05-10", false)}, 1},
		"more often since":            {programme.Row{Spec: spec(6, 9, 12, 3)}, []programme.Record{occasion("row", "2026-05-10", true)}, 0},
		"the same rule, none of it":   {programme.Row{Spec: spec(6, 9)}, nil, 2},
		"the same rule, one was lost": {programme.Row{Spec: spec(6, 9)}, []programme.Record{occasion("row", "2026-06-10", true)}, 1},
		"changed in summer, one lost": {programme.Row{Spec: spec(6, 9, 12)}, []programme.Record{occasion("row", "2026-05-10", false), occasion("row", "2026-09-10", true)}, 1},
		"moved, and held by hand":     {programme.Row{Months: []int{9}, ByHand: true}, []programme.Record{byWord}, 0},
		"twice, and held once":        {programme.Row{Months: []int{5, 9}, ByHand: true}, []programme.Record{byWord}, 1},
	} {
		c.row.ID, c.row.Title = "row", plan.Text{EN: "row"}
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{c.row}}
		got := 0
		for _, i := range programme.Owed(p, at(t, "2027-04-02T09:00:00+09:00"), programme.Facts{Since: at(t, "2026-04-01T00:00:00+09:00"), Records: c.records}) {
			if i.Status == programme.Overdue {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d overdue, want %d", name, got, c.want)
		}
	}
}
