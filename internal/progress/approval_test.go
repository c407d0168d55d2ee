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
}
