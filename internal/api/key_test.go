package api

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Whose word a run may wait for goes by the roles of its frozen plan, and by handovers in it.
func TestWhoseWordARunWaitsFor(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p := plan.Plan{Scenario: plan.Scenario{Name: "x", Lead: "lead", Decision: plan.DecisionRule{By: "chief"}, Quorum: []plan.RoleCount{{Role: "member", Count: 1}}},
		Estate: plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"chief"}}, {ID: "ito", Roles: []string{"lead"}}, {ID: "mori", Roles: []string{"member"}}, {ID: "abe", Roles: []string{"staff"}}}}}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	s := &Server{Store: store}
	add := func(seq int64, e run.Event) {
		t.Helper()
		e.Run, e.Writer, e.Seq, e.At = "x-1", "run", seq, time.Now().UTC()
		if err := store.Append(t.Context(), []run.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	keys := func() (out []string) {
		for _, who := range p.Estate.People {
			if s.isKeyNow(t.Context(), "x-1", p, who.ID) {
				out = append(out, who.ID)
			}
		}
		return out
	}
	add(1, run.Event{Kind: run.RunStarted, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "x", PlanHash: p.Hash})})
	if got := keys(); len(got) != 3 {
		t.Errorf("key are %v, want who decides, who leads and who is of the quorum", got)
	}
	add(2, run.Event{Kind: run.RoleHandedOver, Person: "abe", By: "sato", Data: run.Encode(run.Handover{Role: "chief", From: "sato", To: "abe"})})
	if got := keys(); len(got) != 4 {
		t.Errorf("after a handover to abe key are %v", got)
	}
}
