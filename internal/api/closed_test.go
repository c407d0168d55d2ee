package api

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A way in that forgot to make sure of the actor shows nothing of people or pictures. No
// request from outside gets there, so this asks the inside.
func TestNobodyKnownSeesNothing(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p := plan.Plan{Scenario: plan.Scenario{Name: "x"}, Estate: plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"chief"}}}, Grants: []plan.Grant{{Role: "chief", May: []plan.Permission{plan.MayPeople}}}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(t.Context(), []run.Event{{Run: "x-1", Writer: "run", Seq: 1, At: time.Now().UTC(), Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "x", PlanHash: p.Hash})}}); err != nil {
		t.Fatal(err)
	}
	s := &Server{Store: store, Now: time.Now}
	now, err := s.follow(t.Context(), "x-1", p)
	if err != nil {
		t.Fatal(err)
	}
	no := new(Problem)
	if err := s.ofTheRun(t.Context(), "x-1"); !errors.As(err, &no) || no.Status != 403 {
		t.Errorf("pictures for nobody: %v", err)
	}
	if s.seesList(t.Context(), now, p, "") || s.seesList(t.Context(), now, p, "sato") {
		t.Error("the list of people for nobody")
	}
	sato := identity.With(t.Context(), identity.Actor{Person: "sato"})
	if err := s.ofTheRun(sato, "x-1"); err != nil || !s.seesList(sato, now, p, "sato") {
		t.Errorf("for one of the run: %v", err)
	}
}
