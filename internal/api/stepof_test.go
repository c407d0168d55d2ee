package api_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// twoAlike are plans of two systems whose runbooks call their step by the same name.
type twoAlike struct{ files }

func (f twoAlike) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	billing, rb := p.Systems[0], p.Runbooks[0]
	billing.Name, billing.Failover = "billing", "billing-failover"
	rb.Name, rb.System = "billing-failover", "billing"
	p.Systems, p.Runbooks = append(p.Systems, billing), append(p.Runbooks, rb)
	return p, p.Seal()
}

// Whoever follows the same hint as a colleague a moment later, or sends an act again whose answer
// was lost, must not settle another system's step of that name.
func TestAStepThatTwoSystemsHaveIsSettledByItsSystem(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, twoAlike{})
	ctx := t.Context()
	id := w.start(response("tokyo-loss", "sato")).Run
	w.until(id, run.DecisionAsked)
	for _, system := range []string{"orders", "billing"} {
		if _, err := w.Decide(ctx, id, workflows.Decide{System: system, By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}); err != nil {
			t.Fatal(err)
		}
	}
	w.until(id, run.ApprovalAsked)
	if _, err := w.Approve(ctx, id, workflows.Approve{By: "suzuki"}); err != nil {
		t.Fatal(err)
	}
	waits := func(system string) func(run.Event) bool {
		return func(e run.Event) bool { return e.Kind == run.StepWaiting && e.System == system }
	}
	w.follow(id, "orders' step", waits("orders"))
	w.follow(id, "billing's step", waits("billing"))
	path, body := "/api/v1/runs/"+id+"/steps/announce", api.StepRequest{Act: run.ActDone, By: "tanaka", System: "orders"}
	status, first := w.send(path, "one-act", body)
	if status != 200 {
		t.Fatalf("orders: %d %s", status, first)
	}
	if status, again := w.send(path, "one-act", body); status != 200 || string(again) != string(first) {
		t.Errorf("the same act sent again: %d %s, want %s", status, again, first)
	}
	// Only billing waits now.
	_, err := w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "suzuki", System: "ordres"})
	if p := problem(t, err); p.Status != 404 || !strings.Contains(p.Detail, `"ordres"`) || !strings.Contains(p.WayOut, `"orders"`) {
		t.Errorf("a mistyped system: %+v", p)
	}
	_, err = w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "suzuki", System: "orders"})
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "announce of orders") || !strings.Contains(p.WayOut, "announce of billing") {
		t.Errorf("the one that does not wait: %+v", p)
	}
	_, err = w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "suzuki"})
	if err == nil {
		t.Fatal("a step was settled that nobody named")
	}
	if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, "several systems") || !strings.Contains(p.WayOut, "--system") || !strings.Contains(p.WayOut, "billing") {
		t.Errorf("without a system: %+v", p)
	}
	r, err := w.Run(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	for _, x := range r.Overview.Waiting {
		if x.For == progress.AwaitStep && x.System == "billing" {
			open++
		}
	}
	if open != 1 {
		t.Errorf("billing's step is settled: %+v", r.Overview.Waiting)
	}
	if _, err := w.Step(ctx, id, "announce", api.StepRequest{Act: run.ActDone, By: "suzuki", System: "billing"}); err != nil {
		t.Errorf("billing's: %v", err)
	}
}
