package progress

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var begin = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

func testPlan() plan.Plan {
	rto := run.Duration(5 * time.Minute)
	return plan.Plan{
		Hash: "abc",
		Scenario: plan.Scenario{Name: "tokyo-loss", Hazard: run.Disaster, Depth: run.Live, Phases: run.Phases(run.Disaster), Place: "hall", Approvals: 1,
			Quorum: []plan.RoleCount{{Role: "operator", Count: 1}},
			Safety: plan.SafetyRules{Within: run.Duration(time.Hour), Muster: run.Duration(time.Hour), Task: run.Duration(time.Hour)}},
		Estate: plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"commander"}}, {ID: "tanaka", Roles: []string{"operator"}}},
			Places: []plan.Place{{Name: "hall", Site: "osaka"}}},
		Systems: []plan.System{{Name: "orders", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto},
			Probes: []plan.Probe{{Name: "orders/write", System: "orders", Function: "write", Weight: 60}, {Name: "orders/read", System: "orders", Function: "read", Weight: 40}}}},
		Runbooks: []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{{ID: "fence"}, {ID: "promote", Budget: run.Duration(10 * time.Second)}}}},
	}
}

// story numbers events as a journal would.
func story(events ...run.Event) []journal.Entry {
	var out []journal.Entry
	for i, e := range events {
		e.Run, e.Seq = "tokyo-loss-1", int64(i+1)
		if e.Writer == "" {
			e.Writer = "run"
		}
		out = append(out, journal.Entry{Position: int64(i + 1), Event: e})
	}
	return out
}

func started() run.Event {
	return run.Event{At: at(0), Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "tokyo-loss", Hazard: run.Disaster})}
}

func probe(name string, up bool, s float64) run.Event {
	return run.Event{At: at(s + 0.1), Kind: run.ProbeChanged, System: "orders", Step: name, Data: run.Encode(run.ProbeChange{Up: up, At: at(s)})}
}

func occurred(s float64) run.Event {
	return run.Event{At: at(s), Kind: run.EventOccurred, System: "orders", Data: run.Encode(run.Occurrence{At: at(s), Source: "inject"})}
}

func threatened(s float64) run.Event {
	return run.Event{At: at(s), Kind: run.EventOccurred, System: "orders", Data: run.Encode(run.Occurrence{At: at(s), Source: run.SourceThreat})}
}

func TestTheClockRunsFromTheEventToFullService(t *testing.T) {
	both := []run.Event{started(), probe("orders/write", true, 1), probe("orders/read", true, 1)}
	unmeasured := func(name string, s float64) run.Event {
		return run.Event{At: at(s + 0.1), Kind: run.ProbeChanged, System: "orders", Step: name, Data: run.Encode(run.ProbeChange{Up: true, Level: run.LevelUnknown, At: at(s)})}
	}
	for name, c := range map[string]struct {
		events  []run.Event
		now     float64
		used    float64
		ticking bool
		level   int // -1: not known
	}{
		"before the event":                               {both, 5, 0, false, 100},
		"nobody has looked":                              {[]run.Event{started(), probe("orders/write", true, 1), occurred(2)}, 10, 8, true, -1},
		"struck, not yet seen":                           {append(both[:3:3], occurred(10)), 11, 1, true, 100},
		"half of it is back":                             {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), probe("orders/read", false, 10.2), probe("orders/read", true, 40)), 60, 50, true, 40},
		"all of it is back":                              {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), probe("orders/write", true, 70)), 100, 60, false, 100},
		"and lost again":                                 {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), probe("orders/write", true, 70), probe("orders/write", false, 80)), 100, 90, true, 40},
		"seen before it was reported":                    {append(both[:3:3], probe("orders/write", false, 10.2), occurred(10), probe("orders/write", true, 70)), 100, 60, false, 100},
		"a threat uses nothing up":                       {append(both[:3:3], threatened(10)), 60, 0, false, 100},
		"a threat, and the interruption that is made":    {append(both[:3:3], threatened(10), probe("orders/write", false, 50)), 60, 10, true, 40},
		"it is back, and nobody measured how much":       {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), unmeasured("orders/write", 70)), 100, 90, true, -1},
		"and then it was measured":                       {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), unmeasured("orders/write", 70), probe("orders/write", true, 80)), 100, 70, false, 100},
		"another is lost where nobody measures the rest": {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), probe("orders/write", true, 70), unmeasured("orders/read", 80), probe("orders/write", false, 85)), 100, 90, true, -1},
		"the way home is another outage": {append(both[:3:3], occurred(10), probe("orders/write", false, 10.2), probe("orders/write", true, 70),
			run.Event{At: at(80), Kind: run.PhaseEnded, Phase: run.Verification, Outcome: run.Passed}, probe("orders/write", false, 90)), 100, 60, false, 40},
	} {
		t.Run(name, func(t *testing.T) {
			s := Of(testPlan(), story(c.events...), at(c.now)).Systems[0]
			level := -1
			if s.Level != nil {
				level = *s.Level
			}
			if s.UsedS != c.used || s.Ticking != c.ticking || level != c.level {
				t.Errorf("used %v s, ticking %v, level %d; want %v s, %v, %d", s.UsedS, s.Ticking, level, c.used, c.ticking, c.level)
			}
		})
	}
}

func TestTheCurveSinceTheEvent(t *testing.T) {
	part := func(level int, s float64) run.Event {
		return run.Event{At: at(s + 0.1), Kind: run.ProbeChanged, System: "orders", Step: "orders/write", Data: run.Encode(run.ProbeChange{Up: true, Level: level, At: at(s)})}
	}
	events := story(started(), probe("orders/write", true, 1), probe("orders/read", true, 1), occurred(10),
		probe("orders/write", false, 12), part(50, 32), part(0, 52))
	for _, c := range []struct {
		n     int // events so far
		now   float64
		floor int
		lost  float64
		curve []Point
	}{
		{4, 12, 100, 0, []Point{{0, 100}}},
		{5, 22, 40, 6, []Point{{0, 100}, {2, 40}}},
		{6, 42, 40, 15, []Point{{0, 100}, {2, 40}, {22, 70}}},
		{7, 200, 40, 18, []Point{{0, 100}, {2, 40}, {22, 70}}}, // restored: the rest is not the RTO's
	} {
		s := Of(testPlan(), events[:c.n], at(c.now)).Systems[0]
		if s.Floor == nil || *s.Floor != c.floor || math.Abs(*s.LostS-c.lost) > 1e-9 || !slices.Equal(s.Curve, c.curve) {
			t.Errorf("after %d events: %+v; want floor %d, %v s lost, %v", c.n, s, c.floor, c.lost, c.curve)
		}
	}
	if s := Of(testPlan(), events[:3], at(5)).Systems[0]; s.Floor != nil || s.Curve != nil {
		t.Errorf("before the event: %+v", s)
	}
}

func TestWhoIsWaitedFor(t *testing.T) {
	phase := func(p run.Phase, s float64) run.Event { return run.Event{At: at(s), Kind: run.PhaseStarted, Phase: p} }
	events := []run.Event{
		started(),
		{At: at(1), Kind: run.PersonCalled, Person: "sato"}, {At: at(1), Kind: run.PersonCalled, Person: "tanaka"},
		phase(run.SafetyCheck, 2), phase(run.Muster, 2),
		{At: at(3), Kind: run.PersonAnswered, Person: "tanaka", Data: run.Encode(run.Answer{Safety: run.Safe, CanCome: true})},
	}
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for _, w := range Of(testPlan(), story(events...), at(100)).Waiting {
			got = append(got, fmt.Sprint(w.For, w.People, w.System, w.Site, w.Step, w.Need))
		}
		if !slices.Equal(got, want) {
			t.Errorf("waiting for %q, want %q", got, want)
		}
	}
	expect("safety[sato]1", "arrival[tanaka]1")
	events = append(events, run.Event{At: at(4), Kind: run.PersonArrived, Person: "tanaka"}, run.Event{At: at(4), Kind: run.PhaseEnded, Phase: run.Muster, Outcome: run.Passed},
		phase(run.SiteInspection, 5), phase(run.DamageAssessment, 5), phase(run.Communications, 5))
	expect("safety[sato]1", "inspect[]osaka0", "confirm[]0", "assess[]orders0")
	events = append(events, run.Event{At: at(6), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.Injured})},
		run.Event{At: at(6), Kind: run.SiteInspected, Site: "osaka"}, run.Event{At: at(6), Kind: run.DamageAssessed, System: "orders", Data: run.Encode(run.Assessment{Source: "probe"})},
		run.Event{At: at(6), Kind: run.PartyReached, Phase: run.Communications})
	expect("assess[]orders0") // a probe's word is not a person's
	events = append(events, run.Event{At: at(7), Kind: run.PhaseEnded, Phase: run.DamageAssessment},
		run.Event{At: at(8), Kind: run.DecisionAsked, System: "orders", Phase: run.RecoveryDecision, Data: run.Encode(run.DecisionAsk{Question: "recovery", Role: "commander", DeadlineS: 60})})
	expect("decision[sato]orders0")
	events = append(events, run.Event{At: at(9), Kind: run.DecisionMade, System: "orders", By: "sato", Data: run.Encode(run.Decision{Answer: run.Alternate})},
		run.Event{At: at(9), Kind: run.ApprovalAsked})
	expect("approval[tanaka]1")
	events = append(events, run.Event{At: at(10), Kind: run.ApprovalGiven, By: "tanaka"}, run.Event{At: at(10), Kind: run.RecoveryOrdered, System: "orders"},
		run.Event{At: at(11), Writer: "orders/failover", Kind: run.StepStarted, System: "orders", Step: "promote", Generation: 1},
		run.Event{At: at(12), Writer: "orders/failover", Kind: run.StepWaiting, System: "orders", Step: "promote", Data: run.Encode(run.Wait{Kind: run.WaitUnknown, Role: "operator"})})
	expect("step[tanaka]orderspromote0")
	events = append(events, run.Event{At: at(13), Writer: "orders/failover", Kind: run.StepActed, System: "orders", Step: "promote", By: "tanaka"})
	expect()
	o := Of(testPlan(), story(events...), at(100))
	if p := o.People; p.Called != 2 || p.Safe != 1 || p.Injured != 1 || p.Silent != 0 || p.Mustered != 1 || p.Need[0].Present != 1 {
		t.Errorf("people = %+v", p)
	}
	events = append(events, run.Event{At: at(20), Kind: run.DecisionAsked, System: "orders"}, run.Event{At: at(50), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Cancelled})})
	expect() // an ended run waits for nobody
	o = Of(testPlan(), story(events...), at(1000))
	if !o.At.Equal(at(50)) || o.State != run.Cancelled || o.Phases[len(o.Phases)-1].Progress != LeftOut {
		t.Errorf("the end is at %v, %s, its last phase %s", o.At, o.State, o.Phases[len(o.Phases)-1].Progress)
	}
}

// A remark is asked of everybody, the closing of the records of who leads.
func TestWhoMayCloseTheRecords(t *testing.T) {
	events := []run.Event{started(), {At: at(1), Kind: run.PersonCalled, Person: "sato"}, {At: at(1), Kind: run.PersonCalled, Person: "tanaka"},
		{At: at(2), Kind: run.PhaseStarted, Phase: run.Closing},
		{At: at(2), Kind: run.RecordsAsked, Phase: run.Closing, Data: run.Encode(run.Asked{People: []string{"sato", "tanaka"}})}}
	p := testPlan()
	p.Scenario.Decision.By = "commander"
	var got []string
	for _, w := range Of(p, story(events...), at(10)).Waiting {
		got = append(got, fmt.Sprint(w.For, w.People, w.Role))
	}
	if want := []string{"remark[sato tanaka]", "confirm[sato]commander"}; !slices.Equal(got, want) {
		t.Errorf("waiting for %q, want %q", got, want)
	}
}

func TestStepsKeepTheirTries(t *testing.T) {
	x := func(k run.EventKind, s float64, gen int, o run.Outcome) run.Event {
		return run.Event{At: at(s), Writer: "orders/failover", Kind: k, System: "orders", Runbook: "orders-failover", Step: "promote", Generation: gen, Outcome: o}
	}
	o := Of(testPlan(), story(started(), x(run.StepStarted, 1, 1, ""), x(run.StepWaiting, 2, 1, ""), x(run.StepStarted, 5, 2, ""), x(run.StepEnded, 9, 2, run.Passed),
		x(run.UndoStarted, 10, 1, ""), x(run.UndoEnded, 11, 1, run.Failed)), at(60))
	if len(o.Steps) != 1 {
		t.Fatalf("%d steps, want 1: %+v", len(o.Steps), o.Steps)
	}
	s := o.Steps[0]
	if s.Attempts != 2 || s.Outcome != run.Passed || s.Progress != StepUndone || s.Undo != run.Failed || *s.BudgetS != 10 || s.UsedS != 8 {
		t.Errorf("step = %+v", s)
	}
}

// Whatever is in a journal, in whatever order, shows: nothing panics, the level stays
// within bounds, and taking events in one by one is the same as all at once.
func TestAnyJournalShows(t *testing.T) {
	kinds := []run.EventKind{run.RunStarted, run.RunPaused, run.RunResumed, run.RunAbortRequested, run.RunEnded, run.PhaseStarted, run.PhaseEnded, run.EventOccurred,
		run.EventDetected, run.PersonCalled, run.PersonAnswered, run.PersonArrived, run.QuorumReached, run.SiteInspected, run.DamageAssessed, run.DecisionAsked, run.DecisionMade,
		run.ApprovalAsked, run.ApprovalGiven, run.RecoveryOrdered, run.StepStarted, run.StepWaiting, run.StepActed, run.StepEnded, run.UndoStarted, run.UndoEnded,
		run.ProbeChanged, run.WorkerAbsent, run.MessageSent, run.LockTaken, run.LockKept, run.LockReleased, "later.addition"}
	rapid.Check(t, func(t *rapid.T) {
		var events []run.Event
		for i := range rapid.IntRange(0, 60).Draw(t, "events") {
			e := run.Event{At: at(float64(i)), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
				Writer: rapid.SampledFrom([]string{"run", "orders/failover"}).Draw(t, "writer"),
				Phase:  rapid.SampledFrom(append(run.Phases(run.Disaster), "another")).Draw(t, "phase"),
				System: rapid.SampledFrom([]string{"orders", "", "nothing"}).Draw(t, "system"),
				Step:   rapid.SampledFrom([]string{"orders/write", "orders/read", "promote"}).Draw(t, "step"),
				Person: rapid.SampledFrom([]string{"sato", "tanaka", "stranger"}).Draw(t, "person"),
				Site:   "osaka", By: "sato"}
			e.Data = rapid.SampledFrom([][]byte{nil, []byte(`{"up":true,"at":"2026-11-19T05:00:30Z"}`), []byte(`{"up":false}`), []byte(`{"state":"recovered"}`), []byte(`[1]`), []byte(`{"deadline_s":5,"role":"commander"}`)}).Draw(t, "data")
			events = append(events, e)
		}
		all := story(events...)
		once := Of(testPlan(), all, at(100))
		tr := New(testPlan())
		for _, e := range all {
			tr.Apply(e)
			_ = tr.Overview(e.Event.At)
		}
		if a, b := fmt.Sprintf("%+v", tr.Overview(at(100)).Waiting), fmt.Sprintf("%+v", once.Waiting); len(a) != len(b) {
			t.Fatalf("one by one: %s\nall at once: %s", a, b)
		}
		if l := once.Systems[0].Level; l != nil && (*l < 0 || *l > 100) || once.Systems[0].UsedS < 0 {
			t.Fatalf("level %v, used %v s", l, once.Systems[0].UsedS)
		}
	})
}

// People's word and the probes' stand side by side, and where one says that nothing is wrong and
// the other that something is, it shows; after the order to recover the probes see the recovery
// and not the damage (B-STP-06).
func TestPeopleAndProbesContradictEachOther(t *testing.T) {
	p := testPlan()
	p.Systems[0].Components = []plan.Component{{Name: "db", Function: "write"}, {Name: "line"}}
	said := func(component string, d run.Damage, s float64) run.Event {
		return run.Event{At: at(s), Kind: run.DamageAssessed, System: "orders", By: "tanaka", Data: run.Encode(run.Assessment{Component: component, Damage: d, Source: "person"})}
	}
	events := []run.Event{started(), probe("orders/write", true, 1), probe("orders/read", true, 1), occurred(2), probe("orders/write", false, 2),
		{At: at(3), Kind: run.PhaseStarted, Phase: run.DamageAssessment}, said("db", run.DamageNone, 4)}
	find := func(component string) Damage {
		for _, d := range Of(p, story(events...), at(60)).Damage {
			if d.Component == component {
				return d
			}
		}
		t.Fatalf("there is no %q", component)
		return Damage{}
	}
	if d := find("db"); !d.Conflict || d.Machine.Damage != run.DamageStopped || !d.Machine.Since.Equal(at(2)) {
		t.Errorf("db: said to be whole, its probe fails: %+v %+v", d, d.Machine)
	}
	if d := find(""); d.Conflict || d.Machine.Damage != run.DamageDegraded || d.Human != nil {
		t.Errorf("the system: half of it answers and nobody has spoken: %+v", d)
	}
	if d := find("line"); d.Machine != nil || d.Conflict {
		t.Errorf("line has no probe: %+v", d)
	}
	waits := func() (out []string) {
		for _, w := range Of(p, story(events...), at(60)).Waiting {
			out = append(out, w.System+"/"+w.Component)
		}
		return out
	}
	if got := waits(); !slices.Equal(got, []string{"orders/line"}) {
		t.Errorf("waiting for %q, want the one component that nobody has looked at", got)
	}
	events = append(events, said("db", run.DamageStopped, 5), said("line", run.DamageUnknown, 5))
	if d := find("db"); d.Conflict || d.Reports != 2 {
		t.Errorf("corrected: %+v", d)
	}
	if got := waits(); got != nil {
		t.Errorf("waiting for %q when all has been looked at", got)
	}
	events = append(events, run.Event{At: at(6), Kind: run.RecoveryOrdered, System: "orders"}, probe("orders/write", true, 7))
	if d := find("db"); d.Conflict || d.Machine.Damage != run.DamageStopped {
		t.Errorf("recovered, and the damage report was right all the same: %+v %+v", d, d.Machine)
	}
}

// In the place of a commander who came and is hurt, or had to go, the deputy is waited for, and counts, until that one is back.
func TestTheDeputyOfWhoCameAndIsHurtIsWaitedFor(t *testing.T) {
	p := testPlan()
	p.Scenario.Decision.By = "commander"
	p.Scenario.Quorum = []plan.RoleCount{{Role: "commander", Count: 1}}
	events := story(started(),
		run.Event{At: at(1), Kind: run.PersonCalled, Person: "sato", Data: run.Encode(run.Call{Roles: []string{"commander"}})},
		run.Event{At: at(2), Kind: run.PersonArrived, Person: "sato"},
		run.Event{At: at(3), Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", Data: run.Encode(run.DecisionAsk{Question: "where", Role: "commander"})},
		run.Event{At: at(4), Kind: run.PersonStandsIn, Person: "suzuki", Data: run.Encode(run.StandIn{For: "sato", Why: run.WhyHurt})},
		run.Event{At: at(5), Kind: run.PersonArrived, Person: "suzuki"},
		run.Event{At: at(6), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.BadlyHurt})},
		run.Event{At: at(6), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.LightlyHurt})},
		run.Event{At: at(6), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.Safe})},
		run.Event{At: at(6), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.LightlyHurt, CanCome: true})}, // on the road
		run.Event{At: at(6), Kind: run.PersonArrived, Person: "sato"})
	instead := []string{"suzuki", "sato"}
	for n, want := range map[int][]string{len(events) - 5: {"sato"}, len(events) - 4: instead, len(events) - 3: {"sato"}, len(events) - 2: instead, len(events) - 1: instead, len(events): {"sato"}} {
		o := Of(p, events[:n], at(7))
		var people []string
		for _, w := range o.Waiting {
			if w.For == AwaitDecision {
				people = w.People
			}
		}
		if !slices.Equal(people, want) || o.People.Need[0].Present != 1 {
			t.Errorf("after %d events: waits for %v, want %v; there are %+v", n, people, want, o.People.Need)
		}
		left := n == len(events)-1 || n == len(events)-2
		if here := map[bool]int{n < 6: 1, n >= 6: 2, left: 1}[true]; o.People.Mustered != here {
			t.Errorf("after %d events: %d are there, want %d", n, o.People.Mustered, here)
		}
	}
}

// Deputies who were asked are waited for with the decision, on the way home too.
func TestDeputiesWhoWereAskedAreWaitedFor(t *testing.T) {
	p := testPlan()
	for _, phase := range []run.Phase{run.RecoveryDecision, run.Failback} {
		o := Of(p, story(started(),
			run.Event{At: at(3), Kind: run.DecisionAsked, Phase: phase, System: "orders", Data: run.Encode(run.DecisionAsk{Question: "where", Role: "commander"})},
			run.Event{At: at(4), Kind: run.DeputiesAsked, Phase: phase, Data: run.Encode(run.Deputies{People: []string{"suzuki"}})}), at(5))
		if n := len(o.Waiting); n == 0 || !slices.Contains(o.Waiting[n-1].People, "suzuki") {
			t.Errorf("%s: waits for %+v", phase, o.Waiting)
		}
	}
}

// Whoever stands in for somebody who is not there is waited for before them: for a decision, a review and an order. Who is
// taken out of the drill is not waited for at all, and the deputies whom the run has asked are.
func TestWhoStandsInIsNamedFirst(t *testing.T) {
	p := testPlan()
	p.Scenario.Decision.By = "commander"
	standsIn := func(why string) run.Event {
		return run.Event{At: at(3), Kind: run.PersonStandsIn, Person: "suzuki", Data: run.Encode(run.StandIn{For: "sato", Why: why})}
	}
	cannot := run.Event{At: at(2), Kind: run.PersonAnswered, Person: "sato", Data: run.Encode(run.Answer{Safety: run.Safe})}
	out := run.Event{At: at(2), Kind: run.PersonAbsent, Person: "sato"}
	arrived := run.Event{At: at(4), Kind: run.PersonArrived, Person: "sato"}
	asked := run.Event{At: at(5), Kind: run.DeputiesAsked, Data: run.Encode(run.Deputies{People: []string{"mori"}})}
	for name, c := range map[string]struct {
		events        []run.Event
		decide, order []string
	}{
		"is on the way":   {nil, []string{"sato"}, []string{"sato"}},
		"can't come":      {[]run.Event{cannot, standsIn(run.WhyCannotCome)}, []string{"suzuki", "sato"}, []string{"suzuki", "sato"}},
		"is silent":       {[]run.Event{standsIn(run.WhySilent)}, []string{"suzuki", "sato"}, []string{"suzuki", "sato"}},
		"is out":          {[]run.Event{out, standsIn(run.WhyAbsent)}, []string{"suzuki"}, []string{"suzuki"}},
		"came after all":  {[]run.Event{cannot, standsIn(run.WhyCannotCome), arrived}, []string{"sato"}, []string{"sato"}},
		"has not decided": {[]run.Event{arrived, asked}, []string{"sato", "mori"}, []string{"sato"}},
	} {
		events := append([]run.Event{started(), {At: at(1), Kind: run.PersonCalled, Person: "sato", Data: run.Encode(run.Call{})}}, c.events...)
		events = append(events,
			run.Event{At: at(6), Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: "orders", Data: run.Encode(run.DecisionAsk{Role: "commander"})},
			run.Event{At: at(6), Kind: run.ReviewAsked, Phase: run.Recovery, System: "orders", Data: run.Encode(run.Review{})},
			run.Event{At: at(6), Kind: run.OrderGiven, By: "tanaka", Data: run.Encode(run.Order{ID: "order-1", Role: "commander"})})
		got := map[Awaited][]string{}
		for _, w := range Of(p, story(events...), at(7)).Waiting {
			got[w.For] = w.People
		}
		for f, want := range map[Awaited][]string{AwaitDecision: c.decide, AwaitReview: c.decide, AwaitOrder: c.order} {
			if !slices.Equal(got[f], want) {
				t.Errorf("the commander %s: %s waits for %v, want %v", name, f, got[f], want)
			}
		}
	}
}

// An abort takes back what was asked, but not whether a system returns home: that is still to be answered.
func TestAnAbortedRunAsksForNothingOfBefore(t *testing.T) {
	p := testPlan()
	p.Scenario.Decision.By = "commander"
	asks := func(phase run.Phase) run.Event {
		return run.Event{At: at(3), Kind: run.DecisionAsked, Phase: phase, System: "orders", Data: run.Encode(run.DecisionAsk{Question: "where", Role: "commander"})}
	}
	for name, c := range map[string]struct {
		asked run.Event
		want  []Awaited
	}{
		"the recovery": {asks(run.RecoveryDecision), nil},
		"the way home": {asks(run.Failback), []Awaited{AwaitDecision}},
	} {
		o := Of(p, story(started(),
			run.Event{At: at(1), Kind: run.ActivationAsked, Phase: run.Activation, Data: run.Encode(run.Ask{Need: 1})},
			run.Event{At: at(2), Kind: run.CallHeld, Phase: run.Activation, Data: run.Encode(run.CallHold{Until: at(30)})},
			c.asked,
			run.Event{At: at(4), Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, Data: run.Encode(run.Ask{Need: 1})},
			run.Event{At: at(5), Kind: run.RunAbortRequested, By: "sato", Reason: "another way"}), at(6))
		var got []Awaited
		for _, w := range o.Waiting {
			got = append(got, w.For)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: waits for %v, want %v", name, got, c.want)
		}
	}
}
