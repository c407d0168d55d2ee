package finding

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var noon = time.Date(2026, 11, 19, 3, 0, 0, 0, time.UTC)

func day(n int) time.Time { return noon.AddDate(0, 0, n) }

const promote = "budget/orders/failover/promote"

// ran is a run of orders whose promote took too long, or not.
func ran(n int, depth run.Depth, slow bool) outcome.Outcome {
	budget, over := 30.0, 11.0
	s := outcome.Step{System: "orders", Runbook: "failover", Step: "promote", Action: "postgres.promote", Outcome: run.Passed, Attempts: 1, SettledBy: run.ByResult, BudgetS: &budget}
	o := outcome.Outcome{Version: outcome.Version, Run: fmt.Sprintf("r%02d", n), Kind: run.Drill, Depth: depth, State: run.Recovered, EndedAt: day(n),
		Systems: []outcome.System{{ID: "orders"}}}
	if slow {
		s.OverS = &over
		o.Findings = []outcome.Finding{{Place: promote, Kind: run.FindingBudget, System: "orders", Step: "promote", Title: plan.Text{EN: "slow", JA: "遅い"}, Owner: "sato", Due: "2026-12-19"}}
	}
	o.Steps = []outcome.Step{s}
	return o
}

// judged is a run whose report judges the RTO of orders.
func judgedRun(n int, depth run.Depth, v run.Verdict) outcome.Outcome {
	o := ran(n, depth, false)
	o.Steps = nil
	o.Systems = []outcome.System{{ID: "orders", RTO: outcome.Figure{Verdict: v}}}
	if v != run.Met {
		o.Findings = []outcome.Finding{{Place: "objective/orders/rto", Kind: run.FindingObjective, System: "orders", Title: plan.Text{EN: "RTO"}, Verdict: v}}
	}
	return o
}

func folded(all ...outcome.Outcome) *fold {
	f := newFold()
	for _, o := range all {
		f.outcome(o)
	}
	return f
}

func states(f *fold, place string) []What {
	var out []What
	if e := f.Findings[place]; e != nil {
		for _, c := range e.History {
			out = append(out, c.What)
		}
	}
	return out
}

func TestOnlyARunThatExercisesAPlaceAtItsDepthClosesIt(t *testing.T) {
	other := ran(2, run.Live, false)
	other.Systems, other.Steps = []outcome.System{{ID: "stock"}}, nil
	already := ran(2, run.Live, false)
	already.Steps[0].Already = true
	byHand := ran(2, run.Live, false)
	byHand.Steps[0].SettledBy = run.ByPerson
	earlier := ran(0, run.Live, false)
	noBudget := ran(2, run.Live, false)
	noBudget.Steps[0].BudgetS = nil
	for name, c := range map[string]struct {
		next outcome.Outcome
		want []What
	}{
		"passed":                     {ran(2, run.Live, false), []What{WasOpened, WasClosed}},
		"the real thing":             {ran(2, run.Real, false), []What{WasOpened, WasClosed}},
		"not as deep":                {ran(2, run.IsolatedRun, false), []What{WasOpened}},
		"read only":                  {ran(2, run.Walkthrough, false), []What{WasOpened}},
		"another system":             {other, []What{WasOpened}},
		"it had nothing to do":       {already, []What{WasOpened}},
		"somebody did it by hand":    {byHand, []What{WasOpened}},
		"the budget was taken away":  {noBudget, []What{WasOpened}},
		"seen again":                 {ran(2, run.Live, true), []What{WasOpened}},
		"a run that ended before it": {earlier, []What{WasOpened}},
	} {
		if got := states(folded(ran(1, run.Live, true), c.next), promote); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAFindingComesBack(t *testing.T) {
	f := folded(ran(1, run.Live, true), ran(2, run.Live, false), ran(3, run.Live, true), ran(4, run.Live, true))
	e := f.Findings[promote]
	if want := []What{WasOpened, WasClosed, WasReopened}; !slices.Equal(states(f, promote), want) || e.Reopened != 1 || e.SeenIn != "r04" || e.OpenedAt != day(3) || e.ClosedAt != nil {
		t.Errorf("%+v", e.Finding)
	}
}

// A drill that can prove less than the one before takes nothing back by not proving it; what it sees
// to be missed counts all the same.
func TestAShallowerRunTakesNothingBackByNotProving(t *testing.T) {
	met := []outcome.Outcome{judgedRun(1, run.Live, run.Missed), judgedRun(2, run.Live, run.Met)}
	for _, c := range []struct {
		next outcome.Outcome
		want What
	}{
		{judgedRun(3, run.IsolatedRun, run.NotProven), WasClosed},
		{judgedRun(3, run.Tabletop, run.NotProven), WasClosed},
		{judgedRun(3, run.IsolatedRun, run.Missed), WasReopened},
		{judgedRun(3, run.Live, run.NotProven), WasReopened},
	} {
		got := states(folded(append(slices.Clone(met), c.next)...), "objective/orders/rto")
		if got[len(got)-1] != c.want {
			t.Errorf("%s %s: %v, want %s at the end", c.next.Depth, c.next.Systems[0].RTO.Verdict, got, c.want)
		}
	}
	if got := states(folded(judgedRun(1, run.Tabletop, run.NotProven)), "objective/orders/rto"); got != nil {
		t.Errorf("a tabletop opened a finding that nothing was proven: %v", got)
	}
}

// Answers that the engine gave prove nothing of people.
func TestSimulatedPeopleCloseNothingOfRealOnes(t *testing.T) {
	asked := func(n int, silent, simulated bool) outcome.Outcome {
		o := ran(n, run.Tabletop, false)
		o.People = outcome.People{Simulated: simulated, Roles: []outcome.Role{{Role: "operator", Called: 2, Answered: 2}}}
		if silent {
			o.People.Roles[0].Answered = 1
			o.Findings = []outcome.Finding{{Place: "people/answer/operator", Kind: run.FindingPeople}}
		}
		return o
	}
	for _, c := range []struct {
		first, next bool
		want        []What
	}{{false, true, []What{WasOpened}}, {false, false, []What{WasOpened, WasClosed}}, {true, true, []What{WasOpened, WasClosed}}, {true, false, []What{WasOpened, WasClosed}}} {
		if got := states(folded(asked(1, true, c.first), asked(2, false, c.next)), "people/answer/operator"); !slices.Equal(got, c.want) {
			t.Errorf("first simulated %v, then %v: %v, want %v", c.first, c.next, got, c.want)
		}
	}
}

// Nor does an objective that was met because the engine answered for people, or since nothing was really
// done: it closes what was found so, and nothing of the real thing.
func TestASimulatedRunClosesNoObjectiveOfARealOne(t *testing.T) {
	simulated := func(n int, v run.Verdict, parts []string, action string) outcome.Outcome {
		o := judgedRun(n, run.Live, v)
		o.Systems[0].SimulatedParts = parts
		o.Systems[0].RPO = outcome.Figure{Verdict: v}
		if v != run.Met {
			o.Findings = append(o.Findings, outcome.Finding{Place: "objective/orders/rpo", Kind: run.FindingObjective, System: "orders", Verdict: v})
		}
		o.Steps = []outcome.Step{{System: "orders", Runbook: "failover", Purpose: "failover", Step: "promote", Action: action, Human: action == "human.task", Simulated: action != "postgres.promote", Outcome: run.Passed}}
		return o
	}
	real := simulated(1, run.Missed, nil, "postgres.promote")
	opened, closed := []What{WasOpened}, []What{WasOpened, WasClosed}
	for name, c := range map[string]struct {
		first, next outcome.Outcome
		rto, rpo    []What
	}{
		"by people who were simulated":   {real, simulated(2, run.Met, []string{"people_s", "decide_s"}, "postgres.promote"), opened, closed},
		"by a step that was simulated":   {real, simulated(2, run.Met, nil, "sim.step"), opened, opened},
		"by a task that nobody did":      {real, simulated(2, run.Met, []string{"recover_s"}, "human.task"), opened, closed},
		"by the real thing":              {real, simulated(2, run.Met, nil, "postgres.promote"), closed, closed},
		"what was found so is closed so": {simulated(1, run.Missed, []string{"people_s"}, "sim.step"), simulated(2, run.Met, []string{"people_s"}, "sim.step"), closed, closed},
	} {
		f := folded(c.first, c.next)
		if rto, rpo := states(f, "objective/orders/rto"), states(f, "objective/orders/rpo"); !slices.Equal(rto, c.rto) || !slices.Equal(rpo, c.rpo) {
			t.Errorf("%s: RTO %v, RPO %v, want %v and %v", name, rto, rpo, c.rto, c.rpo)
		}
	}
}

// A step that was only simulated to be undone, a channel and a party that nobody used, show nothing either.
func TestWhatNobodyReallyDidClosesNothing(t *testing.T) {
	used := func(n int, found, simulated bool) outcome.Outcome {
		o := ran(n, run.Live, false)
		o.People.Simulated, o.Passed = simulated, []string{"party/carrier"}
		o.Channels = []outcome.Channel{{Name: "mail", Delivered: 2}}
		o.Undone = []outcome.Step{{System: "orders", Runbook: "failover", Step: "promote", Simulated: simulated, Outcome: run.Passed}}
		if found {
			o.Passed, o.Channels, o.Undone = nil, nil, nil
			o.Findings = []outcome.Finding{{Place: "party/carrier"}, {Place: "channel/mail"}, {Place: "undo/orders/failover/promote", System: "orders"}}
		}
		return o
	}
	for _, place := range []string{"party/carrier", "channel/mail", "undo/orders/failover/promote"} {
		if got := states(folded(used(1, true, false), used(2, false, true)), place); !slices.Equal(got, []What{WasOpened}) {
			t.Errorf("%s: %v", place, got)
		}
		if got := states(folded(used(1, true, false), used(2, false, false)), place); !slices.Equal(got, []What{WasOpened, WasClosed}) {
			t.Errorf("%s, really: %v", place, got)
		}
	}
}

func acted(n int, kind run.EventKind, d run.FindingAct) run.Event {
	return run.Event{Run: run.FindingsRecord, Writer: fmt.Sprintf("people/%d", n), Seq: 1, At: day(n), Kind: kind, By: "sato", Reason: "the vendor delivers in May", Data: run.Encode(d)}
}

// A waiver holds until its last day, in the estate's zone, and for this time only: what comes back
// after it was closed is open.
func TestAWaiverEndsByItself(t *testing.T) {
	tokyo := time.FixedZone("JST", 9*60*60)
	id := IDOf(promote)
	f := folded(ran(1, run.Live, true))
	f.act(acted(2, run.FindingWaived, run.FindingAct{ID: id, Until: "2026-11-25"}))
	for at, want := range map[time.Time]State{
		time.Date(2026, 11, 25, 23, 59, 0, 0, tokyo): Waived,
		time.Date(2026, 11, 26, 0, 0, 0, 0, tokyo):   Open,
	} {
		if got := f.Findings[promote].On(at, tokyo, calendar.Weekdays()).State; got != want {
			t.Errorf("at %v: %s, want %s", at, got, want)
		}
	}
	f.outcome(ran(3, run.Live, false))
	f.outcome(ran(4, run.Live, true))
	if got := f.Findings[promote].On(day(4), tokyo, calendar.Weekdays()); got.State != Open || got.Waiver == nil || got.Overdue {
		t.Errorf("after it came back: %+v", got)
	}
	if got := f.Findings[promote].On(day(60), tokyo, calendar.Weekdays()); !got.Overdue {
		t.Error("its date has passed and it is not overdue")
	}
}

// The state depends on nothing but what happened and when: a copy that was kept half-way and gone on
// with is the same as one made anew.
func TestTheFoldIsTheSameFromAnyStart(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	for range 50 {
		var all []piece
		for n := 1; n <= 30; n++ {
			if rng.IntN(4) == 0 {
				e := acted(n, run.FindingWaived, run.FindingAct{ID: IDOf(promote), Until: "2026-12-01"})
				all = append(all, piece{act: &e})
				continue
			}
			o := ran(n, run.Depths()[2+rng.IntN(3)], rng.IntN(3) == 0)
			all = append(all, piece{outcome: &o})
		}
		play := func(f *fold, pieces []piece) *fold {
			for _, p := range pieces {
				if p.outcome != nil {
					f.outcome(*p.outcome)
				} else {
					f.act(*p.act)
				}
			}
			return f
		}
		whole := run.Encode(play(newFold(), all))
		cut := rng.IntN(len(all))
		half := newFold()
		if err := (run.Event{Data: run.Encode(play(newFold(), all[:cut]))}).Decode(half); err != nil {
			t.Fatal(err)
		}
		half.index()
		if again := run.Encode(play(half, all[cut:])); string(again) != string(whole) {
			t.Fatalf("cut at %d:\n%s\nand\n%s", cut, again, whole)
		}
	}
}

func TestAnIDIsTheSameEverywhereAndTypedInShort(t *testing.T) {
	id := IDOf(promote)
	if id != IDOf(promote) || len(id) != 10 || id == IDOf("step/orders/failover/promote") {
		t.Errorf("ID %s", id)
	}
	for typed, want := range map[string]bool{id: true, id[2:]: true, id[:6]: true, "": false, "F-": true, "x": false} {
		if got := Named(id, typed); got != want {
			t.Errorf("%q means %s: %v", typed, id, got)
		}
	}
}

// A milder scenario makes no objective good that a harder one missed: one server that is started again says nothing of the
// loss of a site.
func TestAMilderScenarioClosesNoObjectiveOfAHarderOne(t *testing.T) {
	in := func(n int, scenario string, v run.Verdict, lost ...string) outcome.Outcome {
		o := judgedRun(n, run.Live, v)
		o.Scenario, o.Systems[0].SitesLost = scenario, lost
		return o
	}
	opened, closed := []What{WasOpened}, []What{WasOpened, WasClosed}
	for name, c := range map[string]struct {
		runs []outcome.Outcome
		want []What
		in   []string
	}{
		"the same":                      {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "tokyo", run.Met, "tokyo")}, closed, nil},
		"a milder one":                  {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "server", run.Met)}, opened, []string{"tokyo"}},
		"another site":                  {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "osaka", run.Met, "osaka")}, opened, []string{"tokyo"}},
		"one that loses more":           {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "kanto", run.Met, "chiba", "tokyo")}, closed, nil},
		"another without a lost site":   {[]outcome.Outcome{in(1, "server", run.Missed), in(2, "disk", run.Met)}, opened, []string{"server"}},
		"not proven":                    {[]outcome.Outcome{in(1, "tokyo", run.NotProven, "tokyo"), in(2, "server", run.Met)}, opened, []string{"tokyo"}},
		"two, and one of them met":      {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "server", run.Missed), in(3, "server", run.Met)}, opened, []string{"tokyo"}},
		"two, and both met":             {[]outcome.Outcome{in(1, "tokyo", run.Missed, "tokyo"), in(2, "server", run.Missed), in(3, "tokyo", run.Met, "tokyo"), in(4, "server", run.Met)}, closed, nil},
		"met, and missed by a mild one": {[]outcome.Outcome{in(1, "server", run.Missed), in(2, "server", run.Met), in(3, "tokyo", run.Missed, "tokyo"), in(4, "server", run.Met)}, []What{WasOpened, WasClosed, WasReopened}, []string{"tokyo"}},
	} {
		f := folded(c.runs...)
		if got := states(f, "objective/orders/rto"); !slices.Equal(got, c.want) || !slices.Equal(f.Findings["objective/orders/rto"].Scenarios(), c.in) {
			t.Errorf("%s: %v of %v, want %v of %v", name, got, f.Findings["objective/orders/rto"].Scenarios(), c.want, c.in)
		}
	}
}

// Whatever a report opens, some way leads out of it: a run that passes it, or a person who names one.
func TestEveryPlaceHasAWayOut(t *testing.T) {
	for place, byRun := range map[string]bool{
		"objective/orders/rto": true, "step/orders/failover/promote": true, "undo/orders/failover/promote": true, "worker/osaka": true, "cleanup/-": true, "cleanup/orders": true,
		"people/answer/operator": true, "people/quorum/-": true, "people/reach": true, "people/decision/orders": true, "channel/mail": true, "party/carrier": true,
		"record/events": true, "record/probe/orders.page": true, "clock/engine": true, "clock/site/osaka": true, "region/orders/copies": true, "conflict/orders/-": true,
		"remark/r1/1": false, "glass/r1/approval": false, "own/12ab": false, "order/r1/order-1": false, "custody/r1/custody-1": false,
		"people/-/-": false, "step/orders/promote": false, "hand/orders/promote": false, "record/-/-": false, "what/ever": false,
	} {
		if got := judged(place); got != byRun {
			t.Errorf("%s: closed by a run: %v, want %v", place, got, byRun)
		}
	}
}

// Break-glass is to be reviewed within two working days of the calendar, whatever a report of before says; a date
// that somebody names stays.
func TestBreakGlassIsDueInTwoWorkingDays(t *testing.T) {
	friday := time.Date(2026, 12, 25, 9, 0, 0, 0, time.UTC)
	f, tokyo := newFold(), time.FixedZone("JST", 9*3600)
	f.outcome(outcome.Outcome{Run: "r1", Kind: run.Response, Depth: run.Real, State: run.Recovered, EndedAt: friday,
		Findings: []outcome.Finding{{Place: "glass/r1/approval", Kind: run.FindingHand, Due: "2027-01-24"}}})
	days := calendar.Weekdays()
	days.Closed = []calendar.Span{{From: calendar.Date{Year: 2026, Month: time.December, Day: 29}, To: calendar.Date{Year: 2027, Month: time.January, Day: 3}}}
	got := f.Findings["glass/r1/approval"].On(friday, tokyo, days)
	if got.Due != "2027-01-04" || got.Overdue {
		t.Errorf("due %s, overdue %t; want the second working day", got.Due, got.Overdue)
	}
	if got := f.Findings["glass/r1/approval"].On(friday, tokyo, calendar.Weekdays()); got.Due != "2026-12-29" {
		t.Errorf("due %s by the week, want 2026-12-29", got.Due)
	}
	if got := f.Findings["glass/r1/approval"].On(friday.AddDate(0, 0, 11), tokyo, days); !got.Overdue {
		t.Errorf("%+v, want it overdue", got.Due)
	}
	f.act(run.Event{Kind: run.FindingAssigned, By: "sato", At: friday, Data: run.Encode(run.FindingAct{ID: IDOf("glass/r1/approval"), Due: "2027-01-08"})})
	if got := f.Findings["glass/r1/approval"].On(friday, tokyo, days); got.Due != "2027-01-08" {
		t.Errorf("due %s, want the date that was named", got.Due)
	}
}
