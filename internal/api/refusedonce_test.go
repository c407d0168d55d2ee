package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// A proposal that was refused because another run held its systems is started as soon as that is no more so:
// each time that somebody does what the refusal says. While it holds them, asking adds no refused runs.
func TestAProposalThatWasRefusedIsStartedAfterwards(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w, ctx := worldOn(t, c), t.Context()
	body, err := json.Marshal(alarm.Proposal{ID: "p-1", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-fire", Source: "jma", Summary: plan.Text{EN: "a quake", JA: "地震"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.PutDocument(ctx, journal.Document{Kind: "proposal", ID: "p-1", Body: body}); err != nil {
		t.Fatal(err)
	}
	refused := func(says string, runs int) {
		t.Helper()
		_, err := w.StartProposal(ctx, "p-1", api.ProposalRequest{By: "sato"})
		if p := problem(t, err); p.Status != 409 || p.Code != api.CodeHeld || !strings.Contains(p.Error(), says) {
			t.Errorf("answered %+v, want it held and %q", p, says)
		}
		if list, err := w.Runs(ctx, journal.Filter{Scenario: "tokyo-fire"}); err != nil || len(list) != runs {
			t.Errorf("%d runs, %v, want %d", len(list), err, runs)
		}
	}
	held := w.start(response("tokyo-loss", "sato")).Run
	refused("moved by run "+held, 1)
	refused("moved by run "+held, 1)
	w.abort(held)

	kept := w.start(response("tokyo-loss", "sato")).Run
	w.until(kept, run.DecisionAsked)
	refused("moved by run "+kept, 2)
	if err := c.SignalWorkflow(ctx, workflows.SwitchID("orders"), "", "keep", "tokyo would not start"); err != nil {
		t.Fatal(err)
	}
	if sys, err := w.System(ctx, "orders"); err != nil || !sys.Kept {
		t.Fatalf("orders: %+v, %v, want it kept", sys, err)
	}
	refused("muster drill release orders", 2)
	if _, err := w.Release(ctx, "orders", workflows.Control{By: "tanaka", Reason: "put right by hand"}); err != nil {
		t.Fatal(err)
	}
	begun, err := w.StartProposal(ctx, "p-1", api.ProposalRequest{By: "sato"})
	if err != nil || begun.Run != "tokyo-fire-real-3" {
		t.Errorf("released, and it answers %+v, %v; want the response begun", begun, err)
	}
	if err := c.TerminateWorkflow(ctx, kept, "", "end of the test"); err != nil {
		t.Fatal(err)
	}
	w.abort(begun.Run)
}
