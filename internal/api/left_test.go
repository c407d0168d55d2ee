package api_test

import (
	"errors"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// A system whose clean-up was left to people is held whatever the files say: a mistake in one of them, or its being
// taken out of them, must not end the alert.
func TestWhatIsLeftToPeopleStandsWithoutTheFiles(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	plans := &proofFiles{now: proof.Files{Systems: []plan.System{{Name: "orders"}, {Name: "stock"}}}}
	w, ctx := worldWith(t, c, plans), t.Context()
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.DecisionAsked)
	if err := c.SignalWorkflow(ctx, workflows.SwitchID("orders"), "", "keep", "tokyo would not start"); err != nil {
		t.Fatal(err)
	}
	left := func(name string, want bool, others ...string) {
		t.Helper()
		var got map[string]bool
		for deadline := time.Now().Add(patience); ; {
			var err error
			if got, err = w.server.LeftToPeople(ctx); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if is, there := got["orders"]; there && is == want || time.Now().After(deadline) { // the engine's list lags
				break
			}
		}
		if is, there := got["orders"]; !there || is != want || len(got) != 1+len(others) {
			t.Errorf("%s: %v, want orders %v, and %v", name, got, want, others)
		}
		for _, o := range others {
			if is, there := got[o]; !there || is {
				t.Errorf("%s: %v, want %s false", name, got, o)
			}
		}
	}
	left("good files", true, "stock")
	plans.err = errors.New("a mistake")
	left("files with a mistake", true, "stock")
	plans.now, plans.err = proof.Files{Systems: []plan.System{{Name: "stock"}}}, nil
	left("files without the system", true, "stock")
	if _, err := w.Release(ctx, "orders", workflows.Control{By: "tanaka", Reason: "put right by hand"}); err != nil {
		t.Fatal(err)
	}
	plans.now.Systems = append(plans.now.Systems, plan.System{Name: "orders"})
	left("released", false, "stock")
	if err := c.TerminateWorkflow(ctx, id, "", "end of the test"); err != nil {
		t.Fatal(err)
	}
}
