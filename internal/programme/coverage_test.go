package programme_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

func year(t testing.TB) *programme.Programme {
	spec := monthly(t)
	spec.Schedule, spec.Rule.Months = "recovery", []time.Month{6, 9}
	return &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
		{ID: "recovery", Title: plan.Text{EN: "recovery"}, Scenario: "tokyo-loss", Spec: &spec, Planner: "sato"},
		{ID: "review", Title: plan.Text{EN: "review"}, Months: []int{4}, ByHand: true},
		{ID: "safety", Title: plan.Text{EN: "safety"}, Times: 4, Scenario: "safety-report", ByHand: true},
		{ID: "arrivals", Title: plan.Text{EN: "arrivals"}, Arrivals: &programme.Arrival{Within: 30 * 24 * hour}, ByHand: true},
	}}
}

func lines(items []programme.Item) string {
	var out []string
	for _, i := range items {
		line := i.From.Format(time.DateOnly) + " " + i.Row + " " + string(i.Status)
		if i.Person != "" {
			line += " for " + i.Person
		}
		if i.Run != "" {
			line += " by " + i.Run
		}
		if !i.HeldOn.IsZero() {
			line += " on " + i.HeldOn.Format(time.DateOnly)
		}
		for _, w := range i.Why {
			line += " | " + w.EN
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func TestCoverageSaysWhatBecameOfEachRow(t *testing.T) {
	p := year(t)
	now := at(t, "2026-12-01T00:00:00+09:00")
	from, until := p.Year(now)
	nominal := p.Rows[0].Spec.Rule.Between(from, until) // 8 June and 14 September, at 14:00
	facts := programme.Facts{
		Records: []programme.Record{
			{ID: "o1", Due: run.Due{Schedule: "recovery", Nominal: nominal[0], At: nominal[0]}, State: run.Held, Run: run.OccasionRun{Run: "tokyo-loss-1"}, HeldAt: nominal[0].Add(time.Hour),
				Postponed: []run.Postponed{{Why: []run.Problem{{EN: "run x is at the same systems"}}}}},
			{ID: "o2", Due: run.Due{Schedule: "recovery", Nominal: nominal[1], At: nominal[1]}, State: run.NotHeld, Missed: []run.Problem{{EN: "a real response is under way: r"}}},
			{ID: "h1", Due: run.Due{Schedule: "review", At: at(t, "2026-04-20T12:00:00+09:00")}, State: run.Held},
			{ID: "h2", Due: run.Due{Schedule: "arrivals", At: at(t, "2026-07-10T12:00:00+09:00"), Person: "ito"}, State: run.Held},
		},
		Runs: []programme.Ran{
			{Run: "tokyo-loss-1", Scenario: "tokyo-loss", Kind: run.Drill, State: run.Recovered, StartedAt: nominal[0].Add(time.Hour)},
			{Run: "safety-report-1", Scenario: "safety-report", Kind: run.Drill, State: run.TalkedThrough, StartedAt: at(t, "2026-05-01T10:00:00+09:00")},
			{Run: "safety-report-2", Scenario: "safety-report", Kind: run.Drill, State: run.Cancelled, StartedAt: at(t, "2026-08-01T10:00:00+09:00")},
			{Run: "safety-report-3", Scenario: "safety-report", Kind: run.Drill, State: run.Running, StartedAt: at(t, "2026-11-30T10:00:00+09:00")},
			{Run: "safety-report-real-1", Scenario: "safety-report", Kind: run.Response, State: run.Recovered, StartedAt: at(t, "2026-08-02T10:00:00+09:00")},
		},
		Arrivals: []programme.Arrived{{Person: "ito", Since: at(t, "2026-07-01T09:00:00+09:00")}, {Person: "mori", Since: at(t, "2026-11-20T09:00:00+09:00")}, {Person: "abe", Since: at(t, "2026-09-01T09:00:00+09:00")}},
	}
	want := `2026-04-01 review held on 2026-04-20
2026-04-01 safety held by safety-report-1 on 2026-05-01
2026-06-08 recovery held by tokyo-loss-1 on 2026-06-08 | run x is at the same systems
2026-07-01 safety overdue | no run of it, and nobody recorded that it was held
2026-07-01 arrivals held for ito on 2026-07-10
2026-09-01 arrivals overdue for abe
2026-09-14 recovery overdue | a real response is under way: r
2026-09-30 safety under_way by safety-report-3
2026-11-20 arrivals due for mori
2026-12-30 safety planned`
	if got := lines(programme.Coverage(p, from, until, now, facts)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Held late, by hand, it counts, with the reason why it was late.
	facts.Runs = append(facts.Runs, programme.Ran{Run: "tokyo-loss-2", Scenario: "tokyo-loss", Kind: run.Drill, State: run.Recovered, StartedAt: at(t, "2026-10-05T10:00:00+09:00")})
	if got := lines(programme.Coverage(p, from, until, now, facts)); !strings.Contains(got, "2026-09-14 recovery held by tokyo-loss-2 on 2026-10-05 | a real response is under way: r") {
		t.Errorf("held late:\n%s", got)
	}
	// A run that an occasion started and that was aborted was not held.
	facts.Runs[0].State = run.Cancelled
	if got := lines(programme.Coverage(p, from, until, now, facts)); !strings.Contains(got, "2026-06-08 recovery overdue by tokyo-loss-1 | run x is at the same systems | run tokyo-loss-1 was aborted, or refused") {
		t.Errorf("aborted:\n%s", got)
	}
}

// No planned drill is ever left out, none is held twice by one run, and none is held by what
// is no drill; whatever the record holds, in whatever order.
// What somebody held by hand in the place of a schedule that was not in effect is in the record:
// nothing says beside it that the record has nothing.
func TestADrillByHandIsInTheRecord(t *testing.T) {
	p := year(t)
	p.Rows = p.Rows[:1]
	now := at(t, "2026-12-01T00:00:00+09:00")
	from, until := p.Year(now)
	nominal := p.Rows[0].Spec.Rule.Between(from, until)
	got := lines(programme.Coverage(p, from, until, now, programme.Facts{Runs: []programme.Ran{
		{Run: "tokyo-loss-1", Scenario: "tokyo-loss", Kind: run.Drill, State: run.Recovered, StartedAt: nominal[0].Add(time.Hour)}}}))
	if held, missed, _ := strings.Cut(got, "\n"); !strings.Contains(held, "held by tokyo-loss-1") || strings.Contains(held, "nothing of it") || !strings.Contains(missed, "nothing of it") {
		t.Error(got)
	}
}

func TestCoverageHolds(t *testing.T) {
	p := year(t)
	rapid.Check(t, func(r *rapid.T) {
		from, until := p.Year(at(t, "2026-12-01T00:00:00+09:00"))
		now := from.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(from))).Draw(r, "now")))
		var facts programme.Facts
		for i := range rapid.IntRange(0, 20).Draw(r, "runs") {
			facts.Runs = append(facts.Runs, programme.Ran{Run: "r" + calendar.Date{Day: i}.String(), Scenario: rapid.SampledFrom([]string{"tokyo-loss", "safety-report", "other"}).Draw(r, "scenario"),
				Kind:  rapid.SampledFrom([]run.Kind{run.Drill, run.Response}).Draw(r, "kind"),
				State: rapid.SampledFrom([]run.State{run.Recovered, run.Cancelled, run.Refused, run.Running}).Draw(r, "state"), StartedAt: from.Add(time.Duration(rapid.Int64Range(0, int64(until.Sub(from))).Draw(r, "at")))})
		}
		items := programme.Coverage(p, from, until, now, facts)
		if len(items) != 2+1+4 {
			r.Fatalf("%d items", len(items))
		}
		used := map[string]bool{}
		for _, i := range items {
			if i.Run == "" {
				continue
			}
			if used[i.Run] {
				r.Fatalf("%s counts twice", i.Run)
			}
			used[i.Run] = true
			for _, x := range facts.Runs {
				if x.Run == i.Run && (x.Kind != run.Drill || x.State == run.Cancelled || x.State == run.Refused || x.Scenario != i.Scenario) {
					r.Fatalf("%+v counts for %+v", x, i)
				}
			}
			if i.Status != programme.HeldThen && i.Status != programme.UnderWay {
				r.Fatalf("%+v has a run", i)
			}
		}
		for _, i := range items {
			if i.Status == programme.Planned && now.After(i.To) || i.Status == programme.Overdue && !now.After(i.To) {
				r.Fatalf("%s at %s, until %s", i.Status, now, i.To)
			}
		}
	})
}

// A run that is shallower than the scenario, or months late, is not what the plan asked for.
func TestShallowRunsHoldNothingAndLateOnesAreMarked(t *testing.T) {
	p := &programme.Programme{Name: "x", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{{ID: "switch", Kind: "switchover", Title: plan.Text{EN: "switch"}, Scenario: "live-loss", Depth: run.Live, Months: []int{5}, ByHand: true}}}
	now := at(t, "2026-12-01T00:00:00+09:00")
	from, until := p.Year(now)
	tabletop := programme.Ran{Run: "live-loss-1", Scenario: "live-loss", Kind: run.Drill, State: run.TalkedThrough, Depth: run.Tabletop, StartedAt: at(t, "2026-05-20T00:00:00+09:00")}
	live := programme.Ran{Run: "live-loss-2", Scenario: "live-loss", Kind: run.Drill, State: run.Recovered, Depth: run.Live, StartedAt: at(t, "2026-05-21T00:00:00+09:00")}
	late := live
	late.StartedAt = at(t, "2026-11-20T00:00:00+09:00")
	for name, c := range map[string]struct {
		runs []programme.Ran
		want string
		late bool
	}{
		"a tabletop":     {[]programme.Ran{tabletop}, "2026-05-01 switch overdue | run live-loss-1 does not hold it: it was at depth tabletop, and the scenario is of depth live", false},
		"the live one":   {[]programme.Ran{tabletop, live}, "2026-05-01 switch held by live-loss-2 on 2026-05-21", false},
		"half a year on": {[]programme.Ran{tabletop, late}, "2026-05-01 switch held by live-loss-2 on 2026-11-20", true},
	} {
		items := programme.Coverage(p, from, until, now, programme.Facts{Runs: c.runs})
		if got := lines(items); got != c.want || len(items) != 1 || items[0].Late != c.late {
			t.Errorf("%s: %s, late: %+v", name, got, items)
		}
	}
}

// A programme that begins in the course of a year owes nothing of what was due before: not from the day
// that it names, and without one not from the day on which muster first had it.
func TestWhatWasDueBeforeItIsInForceIsNotOwed(t *testing.T) {
	now := at(t, "2026-12-01T00:00:00+09:00")
	held := programme.Facts{Runs: []programme.Ran{{Run: "safety-report-1", Scenario: "safety-report", Kind: run.Drill, State: run.TalkedThrough, StartedAt: at(t, "2026-05-01T10:00:00+09:00")}}}
	for name, c := range map[string]struct {
		from, row string
		since     string
		want      string
	}{
		"named": {"2026-09-01", "", "", `2026-04-01 review not_owed | in force from 2026-09-01 on
2026-04-01 safety held by safety-report-1 on 2026-05-01
2026-06-08 recovery not_owed | in force from 2026-09-01 on
2026-07-01 safety overdue | no run of it, and nobody recorded that it was held
2026-09-14 recovery overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long
2026-09-30 safety planned
2026-12-30 safety planned`},
		"remembered": {"", "", "2026-11-20T15:00:00+09:00", `2026-04-01 review not_owed | muster has had a programme since 2026-11-20; if it was in force before, write the day as ` + "`from`" + ` in the programme
2026-04-01 safety held by safety-report-1 on 2026-05-01
2026-06-08 recovery not_owed | muster has had a programme since 2026-11-20; if it was in force before, write the day as ` + "`from`" + ` in the programme
2026-07-01 safety not_owed | muster has had a programme since 2026-11-20; if it was in force before, write the day as ` + "`from`" + ` in the programme
2026-09-14 recovery not_owed | muster has had a programme since 2026-11-20; if it was in force before, write the day as ` + "`from`" + ` in the programme
2026-09-30 safety planned
2026-12-30 safety planned`},
		"named, and older than muster's": {"2026-04-01", "", "2026-11-20T15:00:00+09:00", `2026-04-01 review overdue | no run of it, and nobody recorded that it was held
2026-04-01 safety held by safety-report-1 on 2026-05-01
2026-06-08 recovery overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long
2026-07-01 safety overdue | no run of it, and nobody recorded that it was held
2026-09-14 recovery overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long
2026-09-30 safety planned
2026-12-30 safety planned`},
		"of one row": {"2026-04-01", "2026-10-01", "", `2026-04-01 review not_owed | in force from 2026-10-01 on
2026-04-01 safety held by safety-report-1 on 2026-05-01
2026-06-08 recovery overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long
2026-07-01 safety overdue | no run of it, and nobody recorded that it was held
2026-09-14 recovery overdue | the record has nothing of it: the schedule was not in effect, or nothing ran for too long
2026-09-30 safety planned
2026-12-30 safety planned`},
	} {
		p := year(t)
		if c.from != "" {
			p.From = date(t, c.from)
		}
		if c.row != "" {
			p.Rows[1].From = date(t, c.row)
		}
		facts := held
		if c.since != "" {
			facts.Since = at(t, c.since)
		}
		from, until := p.Year(now)
		if got := lines(programme.Coverage(p, from, until, now, facts)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	// A due day whose record says that it was not held stays overdue: a later day in the file takes nothing back.
	p := year(t)
	p.From = date(t, "2026-11-01")
	from, until := p.Year(now)
	nominal := p.Rows[0].Spec.Rule.Between(from, until)[1]
	got := lines(programme.Coverage(p, from, until, now, programme.Facts{Records: []programme.Record{{ID: "o2", Due: run.Due{Schedule: "recovery", Nominal: nominal, At: nominal}, State: run.NotHeld, Missed: []run.Problem{{EN: "a real response is under way: r"}}}}}))
	if !strings.Contains(got, "2026-09-14 recovery overdue | a real response is under way: r") {
		t.Error(got)
	}
}
