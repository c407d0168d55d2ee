package programme_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

func wordOn(t *testing.T, row, scenario, day string) programme.Record {
	noon := at(t, day+"T12:00:00+09:00")
	return programme.Record{ID: "word-" + row, Due: run.Due{Schedule: row, Scenario: scenario, Nominal: noon, At: noon}, State: run.Held, Run: run.OccasionRun{On: day}, By: "sato"}
}

// The record follows a row to another name where it can be this row only, moved or not, and whoever held it; where two
// could be it, or nothing in the record tells which, the operator is told so and what to do.
func TestTheRecordFollowsARenamedRow(t *testing.T) {
	called := func(id string, r programme.Row) programme.Row {
		r.ID = id
		return r
	}
	under := func(name string, r programme.Record) programme.Record {
		r.Due.Schedule = name
		r.ID += name
		return r
	}
	moved := called("other", ruled(7, 10))
	monthly := programme.Row{ID: "other", Title: plan.Text{EN: "other"}, Scenario: "tokyo-loss", Months: []int{5}, ByHand: true}
	paper := programme.Row{ID: "other", Title: plan.Text{EN: "other"}, Months: []int{5}, ByHand: true}
	const held, missed, gone = "2026-06-10 other held by run-2026-06-10 on 2026-06-10", "2026-09-10 other overdue | a freeze", " | the row is no longer in the plan"
	const perhaps = " | row %, which is no longer in the plan, may be this one: give the row that name again, or record under the new one what was held (`muster coverage held other`)"
	for name, c := range map[string]struct {
		rows    []programme.Row
		records []programme.Record
		want    string
	}{
		"and moved": {[]programme.Row{moved}, []programme.Record{dueAt(t, "2026-06-10", true), dueAt(t, "2026-09-10", false)}, held + "\n" + missed},
		"and moved, and held under its new name since": {[]programme.Row{moved}, []programme.Record{dueAt(t, "2026-06-10", true), under("other", dueAt(t, "2026-10-10", true))},
			held + "\n2026-10-10 other held by run-2026-10-10 on 2026-10-10"},
		"and to people, who held it": {[]programme.Row{monthly}, []programme.Record{wordOn(t, "row", "tokyo-loss", "2026-05-20")}, "2026-05-01 other held on 2026-05-20"},
		"twice":                      {[]programme.Row{moved}, []programme.Record{under("first", dueAt(t, "2026-06-10", true)), dueAt(t, "2026-09-10", false)}, held + "\n" + missed},
		"beside one that was there before": {[]programme.Row{moved, called("old", ruled(4))}, []programme.Record{under("old", dueAt(t, "2026-04-10", true)), dueAt(t, "2026-06-10", true), dueAt(t, "2026-09-10", false)},
			"2026-04-10 old held by run-2026-04-10 on 2026-04-10\n" + held + "\n" + missed},
		"or another new one": {[]programme.Row{moved, called("new", ruled(12))}, []programme.Record{dueAt(t, "2026-06-10", true)},
			"2026-06-10 row held by run-2026-06-10 on 2026-06-10" + gone + "\n2026-07-10 other overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long" + strings.Replace(perhaps, "%", "row", 1) +
				"\n2026-10-10 other overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long" + strings.Replace(perhaps, "%", "row", 1) + "\n2026-12-10 new planned"},
		"without a scenario": {[]programme.Row{paper}, []programme.Record{wordOn(t, "row", "", "2026-05-20")},
			"2026-05-01 other overdue | no run of it, and nobody recorded that it was held" + strings.Replace(perhaps, "%", "row", 1) + "\n2026-05-20 row held on 2026-05-20" + gone},
		"of another scenario": {[]programme.Row{monthly}, []programme.Record{wordOn(t, "row", "osaka-loss", "2026-05-20")},
			"2026-05-01 other overdue | no run of it, and nobody recorded that it was held\n2026-05-20 row held on 2026-05-20" + gone},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: c.rows}
		now := at(t, "2026-11-20T09:00:00+09:00")
		from, until := p.Year(now)
		if got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: c.records})); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	// Two rows of one scenario that were held side by side are no one row under two names.
	p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{moved}}
	beside := []programme.Record{dueAt(t, "2026-06-10", true), under("second", dueAt(t, "2026-07-10", true)), dueAt(t, "2026-09-10", true)}
	if got := p.Renamed(beside); len(got) != 0 {
		t.Errorf("side by side: %v", got)
	}
	if got := p.Renamed(beside[:1]); len(got) != 1 || got["row"] != "other" {
		t.Errorf("%v", got)
	}
	// So it is of who came.
	trained := programme.Record{ID: "trained", Due: run.Due{Schedule: "row", Person: "ito", At: at(t, "2026-07-20T12:00:00+09:00")}, State: run.Held}
	p.Rows = []programme.Row{{ID: "other", Title: plan.Text{EN: "other"}, Arrivals: &programme.Arrival{Within: run.Duration(30 * 24 * time.Hour)}, ByHand: true}}
	now := at(t, "2026-11-20T09:00:00+09:00")
	from, until := p.Year(now)
	got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: []programme.Record{trained}, Arrivals: []programme.Arrived{{Person: "ito", Since: at(t, "2026-07-10T09:00:00+09:00")}, {Person: "abe", Since: at(t, "2026-07-10T09:00:00+09:00")}}}))
	if want := "2026-07-10 other overdue for ito" + strings.Replace(perhaps, "%", "row", 1) + "\n2026-07-10 other overdue for abe"; got != want {
		t.Errorf("who came:\n%s\nwant\n%s", got, want)
	}
}
