package progress_test

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// Whom an approval waits for follows handovers, deputies of those who are not there, and
// what the run says of who asked and decided.
func TestWhomAnApprovalWaitsFor(t *testing.T) {
	p := plan.Plan{
		Scenario: plan.Scenario{Phases: []run.Phase{run.RecoveryDecision}, Decision: plan.DecisionRule{By: "commander"}},
		Estate: plan.Estate{People: []plan.Person{
			{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}},
			{ID: "tanaka", Roles: []string{"commander"}, Deputies: []string{"mori"}}, {ID: "suzuki"}, {ID: "ito"}, {ID: "mori"},
			{ID: "kato", Roles: []string{"commander"}},
		}},
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var entries []journal.Entry
	add := func(e run.Event, data any) {
		e.Run, e.Writer, e.Seq, e.At = "r-1", "run", int64(len(entries)+1), at
		if data != nil {
			e.Data = run.Encode(data)
		}
		entries = append(entries, journal.Entry{Position: e.Seq, Event: e})
	}
	add(run.Event{Kind: run.RunStarted, By: "kato"}, run.Started{Kind: run.Response})
	add(run.Event{Kind: run.PersonArrived, Person: "tanaka", By: "tanaka"}, nil)
	add(run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, By: run.Engine}, run.Ask{Need: 2, Not: []string{"kato"}, Decided: []string{"sato"}})
	waits := func() progress.Waiting {
		for _, w := range progress.Of(p, entries, at).Waiting {
			if w.For == progress.AwaitApproval {
				return w
			}
		}
		t.Fatal("no approval is waited for")
		return progress.Waiting{}
	}
	// sato is not there, so suzuki counts; tanaka is, so mori does not.
	if w := waits(); !slices.Equal(w.People, []string{"tanaka", "suzuki"}) || w.Asked != 3 || w.Need != 2 {
		t.Errorf("waits for %v, asked %d, need %d", w.People, w.Asked, w.Need)
	}
	add(run.Event{Kind: run.RoleHandedOver, Person: "ito", By: "tanaka"}, run.Handover{Role: "commander", From: "tanaka", To: "ito"})
	add(run.Event{Kind: run.ApprovalGiven, By: "suzuki"}, run.Approval{})
	if w := waits(); !slices.Equal(w.People, []string{"ito"}) || w.Need != 1 {
		t.Errorf("after a handover and one approval: waits for %v, need %d", w.People, w.Need)
	}
	// Only a reminded ito is left, and nothing came. suzuki, who has approved, is one who could in place of sato, who decided.
	add(run.Event{Kind: run.PersonCalled, Person: "ito", By: run.Engine}, run.Call{})
	add(run.Event{Kind: run.PersonReminded, Person: "ito", By: run.Engine}, nil)
	if w := waits(); !slices.Equal(w.People, []string{"ito"}) {
		t.Errorf("with a silent approver: waits for %v", w.People)
	}
	// Once suzuki is hurt sato may. An act of ito's is a sign of life.
	add(run.Event{Kind: run.PersonAnswered, Person: "suzuki", By: "suzuki"}, run.Answer{Safety: run.BadlyHurt})
	if w := waits(); !slices.Equal(w.People, []string{"ito", "sato"}) {
		t.Errorf("with a silent approver and a hurt one: waits for %v", w.People)
	}
	add(run.Event{Kind: run.OrderGiven, By: "ito"}, run.Order{ID: "order-1"})
	if w := waits(); !slices.Equal(w.People, []string{"ito"}) {
		t.Errorf("once the silent one has acted: waits for %v", w.People)
	}
}

// Whom a step waits for follows handovers, and a drill that takes somebody out.
func TestWhomAStepWaitsFor(t *testing.T) {
	p := plan.Plan{Scenario: plan.Scenario{Decision: plan.DecisionRule{By: "commander"}}, Estate: plan.Estate{
		Grants: []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayDecide}}, {Role: "operator", May: []plan.Permission{plan.MayOperate}}},
		People: []plan.Person{{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"mori"}}, {ID: "suzuki", Deputies: []string{"ito"}}, {ID: "tanaka", Roles: []string{"operator"}}, {ID: "mori"}, {ID: "ito"}}}}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var entries []journal.Entry
	add := func(e run.Event, data any) {
		e.Run, e.Writer, e.Seq, e.At = "r-1", "run", int64(len(entries)+1), at
		if data != nil {
			e.Data = run.Encode(data)
		}
		entries = append(entries, journal.Entry{Position: e.Seq, Event: e})
	}
	waits := func(want ...string) {
		t.Helper()
		if w := progress.Of(p, entries, at).Waiting; len(w) != 1 || !slices.Equal(w[0].People, want) {
			t.Errorf("waits for %+v, want %v", w, want)
		}
	}
	add(run.Event{Kind: run.RunStarted, By: "tanaka"}, run.Started{Kind: run.Drill})
	add(run.Event{Kind: run.PersonArrived, Person: "sato", By: "sato"}, nil)
	add(run.Event{Kind: run.StepWaiting, System: "orders", Step: "promote", By: run.Engine}, run.Wait{Kind: run.WaitFailed, Role: "commander", Acts: []run.Act{run.ActRetry, run.ActSkip}})
	waits("sato", "mori") // a deputy whose principal is there is the second pair of eyes
	add(run.Event{Kind: run.RoleHandedOver, Person: "suzuki", By: "sato"}, run.Handover{Role: "commander", From: "sato", To: "suzuki"})
	waits("suzuki", "ito")
	add(run.Event{Kind: run.PersonAbsent, Person: "suzuki", By: run.Engine}, nil)
	waits("ito")
}

// An abort lets a paused run go on to be undone: it is not paused any more, until it is held anew.
func TestAnAbortEndsAPause(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	tr := progress.New(plan.Plan{})
	for i, c := range []struct {
		kind     run.EventKind
		state    run.State
		aborting bool
	}{{run.RunStarted, run.Running, false}, {run.RunPaused, run.Paused, false}, {run.RunAbortRequested, run.Running, true}, {run.RunPaused, run.Paused, true}, {run.RunResumed, run.Running, true}} {
		tr.Apply(journal.Entry{Position: int64(i + 1), Event: run.Event{Run: "r-1", Writer: "run", Seq: int64(i + 1), At: at, Kind: c.kind, By: "sato", Data: run.Encode(run.Started{Kind: run.Response})}})
		if o := tr.Overview(at); o.State != c.state || o.Aborting != c.aborting {
			t.Errorf("after %s: %s, aborting %v, want %s, %v", c.kind, o.State, o.Aborting, c.state, c.aborting)
		}
	}
}
