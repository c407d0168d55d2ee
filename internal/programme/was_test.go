package programme_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

func wordOn(t *testing.T, row, scenario, day string) programme.Record {
	noon := at(t, day+"T12:00:00+09:00")
	return programme.Record{ID: "word-" + row + day, Due: run.Due{Schedule: row, Scenario: scenario, Nominal: noon, At: noon}, State: run.Held, Run: run.OccasionRun{On: day}, By: "sato"}
}

// The record is that of a row under another name where the row says so, and for no other reason: not because a row beside
// it runs the same scenario, at the same time too, nor because nothing is in the record of a new one.
func TestTheRecordFollowsTheRowThatSaysWhatItWas(t *testing.T) {
	called := func(id string, r programme.Row, was ...string) programme.Row {
		r.ID, r.Was = id, was
		return r
	}
	under := func(name string, r programme.Record) programme.Record {
		r.Due.Schedule = name
		r.ID += name
		if r.Run.Run != "" {
			r.Run.Run += "-" + name
		}
		return r
	}
	byHand := func(scenario string, months ...int) programme.Row {
		return programme.Row{Title: plan.Text{EN: "row"}, Scenario: scenario, Months: months, ByHand: true}
	}
	words := func(row string, days ...string) (out []programme.Record) {
		for _, day := range days {
			out = append(out, wordOn(t, row, "tokyo-loss", day))
		}
		return out
	}
	row := []programme.Record{dueAt(t, "2026-06-10", true), dueAt(t, "2026-09-10", false)}
	const held, missed = "2026-06-10 other held by run-2026-06-10 on 2026-06-10", "2026-09-10 other overdue | a freeze"
	const gone, nothing = " | the row is no longer in the plan", " | the record has nothing of it: the schedule was not in effect, or nothing ran for too long"
	const unsaid = " | no run of it, and nobody recorded that it was held"
	const goneRow = "2026-06-10 row held by run-2026-06-10 on 2026-06-10" + gone
	hint := func(names string) string {
		return " | no longer in the plan, but in the record: " + names + "; if this row was called that before, `was: NAME` in it says so"
	}
	all := byHand("tokyo-loss", 4, 5, 6, 7, 8, 9)
	const months = "2026-04-01 desk held on 2026-04-10\n2026-05-01 desk held on 2026-05-10\n2026-06-01 desk held on 2026-06-10\n2026-07-01 desk held on 2026-07-10\n2026-08-01 desk held on 2026-08-10\n2026-09-01 desk held on 2026-09-10"
	spring := words("paper", "2026-04-10", "2026-05-10", "2026-06-10", "2026-07-10", "2026-09-10")
	for name, c := range map[string]struct {
		rows    []programme.Row
		records []programme.Record
		want    string
	}{
		"moved":                           {[]programme.Row{called("other", ruled(7, 10), "row")}, row, held + "\n" + missed},
		"twice":                           {[]programme.Row{called("other", ruled(7, 10), "first", "row")}, []programme.Record{under("first", row[0]), row[1]}, strings.Replace(held, "by run-2026-06-10", "by run-2026-06-10-first", 1) + "\n" + missed},
		"of two of one day one was held":  {[]programme.Row{called("other", ruled(9), "row", "first")}, []programme.Record{row[1], under("first", dueAt(t, "2026-09-10", true))}, "2026-09-10 other held by run-2026-09-10-first on 2026-09-10\n" + missed},
		"held by word":                    {[]programme.Row{called("other", byHand("", 5), "row")}, []programme.Record{wordOn(t, "row", "", "2026-05-20")}, "2026-05-01 other held on 2026-05-20"},
		"by word under both of its names": {[]programme.Row{called("other", byHand("", 5, 6), "row")}, []programme.Record{wordOn(t, "row", "", "2026-05-20"), wordOn(t, "other", "", "2026-05-20")}, "2026-05-01 other held on 2026-05-20\n2026-06-01 other overdue" + unsaid},
		"without a word of it":            {[]programme.Row{called("other", ruled(7, 10))}, row, goneRow + "\n2026-07-10 other overdue" + nothing + hint("row") + "\n2026-09-10 row overdue | a freeze" + gone + "\n2026-10-10 other overdue" + nothing},
		"two that it may be":              {[]programme.Row{called("other", byHand("", 5))}, []programme.Record{wordOn(t, "row", "", "2026-05-20"), wordOn(t, "old", "", "2026-06-20")}, "2026-05-01 other overdue" + unsaid + hint("old, row") + "\n2026-05-20 row held on 2026-05-20" + gone + "\n2026-06-20 old held on 2026-06-20" + gone},
		"another scenario":                {[]programme.Row{called("other", byHand("tokyo-loss", 5))}, []programme.Record{wordOn(t, "row", "osaka-loss", "2026-05-20")}, "2026-05-01 other overdue" + unsaid + "\n2026-05-20 row held on 2026-05-20" + gone},
		"a sibling is taken out":          {[]programme.Row{called("paper-b", byHand("tokyo-loss", 5))}, words("paper-a", "2026-05-20"), "2026-05-01 paper-b overdue" + unsaid + hint("paper-a") + "\n2026-05-20 paper-a held on 2026-05-20" + gone},
		"a sibling of the same schedule":  {[]programme.Row{called("other", ruled(6, 9))}, row, "2026-06-10 other overdue" + nothing + hint("row") + "\n" + goneRow + "\n2026-09-10 other overdue" + nothing + "\n2026-09-10 row overdue | a freeze" + gone},
		"one of two is held by word under its new name": {[]programme.Row{called("other", ruled(7, 10)), called("new", ruled(8))}, append(words("other", "2026-07-20"), row...),
			goneRow + "\n2026-07-10 other held on 2026-07-20\n2026-08-10 new overdue" + nothing + hint("row") + "\n2026-09-10 row overdue | a freeze" + gone + "\n2026-10-10 other overdue" + nothing + hint("row")},
		"one of two says so":              {[]programme.Row{called("other", ruled(7, 10), "row"), called("new", ruled(8))}, row, held + "\n2026-08-10 new overdue" + nothing + "\n" + missed},
		"and what was forgotten is added": {[]programme.Row{called("desk", all, "paper")}, append(words("desk", "2026-08-10"), spring...), months},
		"and back again":                  {[]programme.Row{called("paper", all, "desk")}, append(words("desk", "2026-08-10"), spring...), strings.ReplaceAll(months, "desk", "paper")},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: c.rows}
		now := at(t, "2026-11-20T09:00:00+09:00")
		from, until := p.Year(now)
		if got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: c.records})); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
		// Who may not be told of a row reads the same without the hint.
		untold := programme.Facts{Records: c.records}
		for _, r := range c.records {
			untold.Untold = append(untold.Untold, r.Due.Schedule)
		}
		if got := lines(programme.Coverage(p, from, until, now, untold)); strings.Contains(got, "was:") {
			t.Errorf("%s, untold:\n%s", name, got)
		}
		untold.Untold = nil
		for _, r := range c.rows {
			untold.Untold = append(untold.Untold, r.ID)
		}
		if got := lines(programme.Coverage(p, from, until, now, untold)); strings.Contains(got, "was:") {
			t.Errorf("%s, of rows that are withheld:\n%s", name, got)
		}
	}
	// So it is of who came; what is said of it is said once.
	people := []programme.Record{{ID: "trained", Due: run.Due{Schedule: "row", Person: "ito", At: at(t, "2026-07-20T12:00:00+09:00")}, State: run.Held}}
	arrivals := programme.Row{Title: plan.Text{EN: "other"}, Arrivals: &programme.Arrival{Within: 30 * 24 * hour}, ByHand: true}
	came := []programme.Arrived{{Person: "ito", Since: at(t, "2026-07-10T09:00:00+09:00")}, {Person: "abe", Since: at(t, "2026-07-10T09:00:00+09:00")}}
	now := at(t, "2026-11-20T09:00:00+09:00")
	for want, row := range map[string]programme.Row{
		"2026-07-10 other held for ito on 2026-07-20\n2026-07-10 other overdue for abe":         called("other", arrivals, "row"),
		"2026-07-10 other overdue for ito" + hint("row") + "\n2026-07-10 other overdue for abe": called("other", arrivals),
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{row}}
		from, until := p.Year(now)
		if got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: people, Arrivals: came})); got != want {
			t.Errorf("who came:\n%s\nwant\n%s", got, want)
		}
		if i := slices.IndexFunc(programme.Owed(p, now, programme.Facts{Records: people, Arrivals: came}), func(i programme.Item) bool { return i.Person == "abe" }); i < 0 {
			t.Error("abe is owed nothing")
		}
	}
}
