package programme_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// A word names a day and no hour: what was due at ten and held that day is not late, and is that of the drill due that day.
func TestAWordIsHeldByTheDay(t *testing.T) {
	scheduled := programme.Row{ID: "row", Title: plan.Text{EN: "row"}, Scenario: "tokyo-loss", Spec: &programme.Spec{Scenario: "tokyo-loss", Late: run.Duration(time.Hour),
		Rule: calendar.Rule{Months: []time.Month{6, 9}, Day: 10, Hour: 14, Zone: "Asia/Tokyo"}}}
	early := scheduled
	spec := *scheduled.Spec
	spec.Rule.Hour = 10
	early.Spec = &spec
	monthly := programme.Row{ID: "row", Title: plan.Text{EN: "row"}, Months: []int{6}, ByHand: true}
	for name, c := range map[string]struct {
		row      programme.Row
		day      string
		which    int // of the year's items
		late     bool
		unproven bool
	}{
		"the day, before noon":            {early, "2026-06-10", 0, false, true},
		"the day after":                   {early, "2026-06-11", 0, true, true},
		"the day of the next one":         {scheduled, "2026-09-10", 1, false, true},
		"the last day of its month":       {monthly, "2026-06-30", 0, false, false},
		"the first day of the next month": {monthly, "2026-07-01", 0, true, false},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{c.row}}
		from, until := p.Year(at(t, "2026-12-01T00:00:00+09:00"))
		noon, said := at(t, c.day+"T12:00:00+09:00"), at(t, "2026-11-30T17:00:00+09:00")
		items := programme.Coverage(p, from, until, at(t, "2026-12-01T00:00:00+09:00"), programme.Facts{Records: []programme.Record{
			{ID: "w", Due: run.Due{Schedule: "row", Nominal: noon, At: noon}, State: run.Held, Run: run.OccasionRun{On: c.day}, HeldAt: said, By: "sato", Reason: "done"}}})
		it := items[c.which]
		if !it.ByWord() || it.Late != c.late || it.Unproven != c.unproven || !it.RecordedAt.Equal(said) || it.By != "sato" || it.Reason != "done" {
			t.Errorf("%s: %+v", name, it)
		}
	}
}

// What was recorded by hand can be taken back, and recorded again; the record has all of it.
func TestAWordIsTakenBack(t *testing.T) {
	events := []run.Event{
		{Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Occasion})},
		{Kind: run.OccasionDue, Data: run.Encode(run.Due{Schedule: "row"})},
		{Kind: run.OccasionHeld, By: "sato", Reason: "done", Data: run.Encode(run.OccasionRun{On: "2026-06-10"})},
		{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})},
		{Kind: run.OccasionWithdrawn, By: "tanaka", Reason: "it was the other row"},
		{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.NotHeld})},
		{Kind: run.OccasionHeld, By: "sato", Reason: "it was this one", Data: run.Encode(run.OccasionRun{On: "2026-06-10"})},
		{Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Held})},
	}
	r, err := programme.ReadRecord("w", events[:6])
	if err != nil || r.State != run.NotHeld || r.Withdrawn == nil || r.Withdrawn.By != "tanaka" || r.Withdrawn.Reason != "it was the other row" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = programme.ReadRecord("w", events)
	if err != nil || r.State != run.Held || r.Withdrawn != nil || r.Reason != "it was this one" {
		t.Errorf("%+v, %v", r, err)
	}
}
