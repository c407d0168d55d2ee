package api_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// A system is a person's to release only when its run has left it.
func TestReleasingASystem(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w, ctx := worldOn(t, c), t.Context()
	held := func(id string) {
		t.Helper()
		if sys, err := w.System(ctx, "orders"); err != nil || sys.Held != (id != "") || sys.Run != id {
			t.Fatalf("orders: %+v, %v, want it held by %q", sys, err, id)
		}
	}
	refused := func(name string, in workflows.Control, status int, code api.Code, says string) {
		t.Helper()
		_, err := w.Release(ctx, "orders", in)
		if p := problem(t, err); p.Status != status || p.Code != code || !strings.Contains(p.Error(), says) {
			t.Errorf("%s: %+v, want %d %s that says %q", name, p, status, code, says)
		}
	}
	byHand := workflows.Control{By: "tanaka", Reason: "put right by hand"}

	refused("held by nobody", byHand, 409, api.CodeRefused, "No run holds orders")
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.DecisionAsked)
	held(id)
	refused("its run moves it", byHand, 409, api.CodeHeld, "muster drill abort "+id)
	lie := byHand
	lie.Orphaned = true
	refused("the caller says that the run is gone", lie, 409, api.CodeHeld, id)

	// Ended in the engine, the run can't let go itself.
	if err := c.TerminateWorkflow(ctx, id, "", "end of the test"); err != nil {
		t.Fatal(err)
	}
	held(id)
	if sys, err := w.System(ctx, "orders"); err != nil || !sys.Orphaned || sys.Kept {
		t.Errorf("its run was ended in the engine: %+v, %v", sys, err)
	}
	if sum, err := w.Activation(ctx, "tokyo-fire"); err != nil || sum.Systems[0].HeldBy != id || !sum.Systems[0].HeldOrphaned {
		t.Errorf("what is said before an activation: %+v, %v", sum.Systems, err)
	}
	refused("a stranger", workflows.Control{By: "tanakka", Reason: "x"}, 422, api.CodeBadRequest, `"tanaka"`)
	refused("without a reason", workflows.Control{By: "tanaka"}, 409, api.CodeRefused, "why it is safe")
	first, body := w.send("/api/v1/systems/orders/release", "one-click", byHand)
	again, same := w.send("/api/v1/systems/orders/release", "one-click", byHand)
	if first != 200 || again != 200 || string(body) != string(same) {
		t.Errorf("released: %d %s, and the second click %d %s", first, body, again, same)
	}
	held("")
	// Who released it and why stands there once, and nothing of what was refused.
	if all := releases(t, w); len(all) != 1 || all[0].Person != "" || all[0].Outcome != "ok" || all[0].Object != "orders of "+id+", as tanaka: put right by hand" {
		t.Errorf("access log: %+v", all)
	}
	refused("released already", byHand, 409, api.CodeRefused, "No run holds orders")

	// Its run says that the clean-up is incomplete.
	id = w.start(response("tokyo-fire", "sato")).Run
	w.until(id, run.DecisionAsked)
	if err := c.SignalWorkflow(ctx, workflows.SwitchID("orders"), "", "keep", "tokyo would not start"); err != nil {
		t.Fatal(err)
	}
	if sys, err := w.System(ctx, "orders"); err != nil || !sys.Kept || sys.Reason != "tokyo would not start" {
		t.Errorf("orders: %+v, %v, want it kept", sys, err)
	}
	if _, err := w.as("tanaka").Release(ctx, "orders", workflows.Control{Reason: "restarted\nby hand"}); err != nil {
		t.Errorf("release: %v", err)
	}
	held("")
	if all := releases(t, w); len(all) != 2 || all[1].Person != "tanaka" || all[1].Object != "orders of "+id+": restarted by hand" {
		t.Errorf("access log: %+v", all)
	}
	if err := c.TerminateWorkflow(ctx, id, "", "end of the test"); err != nil {
		t.Fatal(err)
	}
}

// releases are the entries of the access log about locks.
func releases(t *testing.T, w *world) (out []journal.Access) {
	t.Helper()
	log, err := w.store.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range log {
		if a.Act == "release lock" {
			out = append(out, a)
		}
	}
	return out
}
