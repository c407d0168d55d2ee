package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// At tabletop people decide and nothing runs, and the end says no more than that.
func TestTabletopIsTalkedThrough(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) { p.Scenario.Depth = run.Tabletop }))
	if len(w.acts) > 0 {
		t.Errorf("a tabletop did %v", w.acts)
	}
	if made := w.find(run.DecisionMade); len(made) == 0 {
		t.Error("nobody decided")
	}
	if got := w.state(); got != run.TalkedThrough {
		t.Errorf("state = %s, want talked_through: nothing was recovered", got)
	}
}

// waitsOf are the waits for acknowledgement, by step.
func waitsOf(t *testing.T, w *world) map[string]run.Wait {
	t.Helper()
	out := map[string]run.Wait{}
	for _, e := range w.find(run.StepWaiting) {
		var wait run.Wait
		if err := e.Decode(&wait); err != nil {
			t.Fatal(err)
		}
		out[e.Step] = wait
	}
	return out
}

// A walkthrough puts each step of the way there and of the way home before its owner, and
// runs nothing.
func TestWalkthroughIsAcknowledged(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) {
		p.Scenario.Depth = run.Walkthrough
		promote := step(p, "orders-failover", "promote")
		promote.Owner, promote.Targets = "operator", []string{"osaka-db"}
		promote.With = []byte(`{"server":"osaka-db","password":"secret://env/A\"B","max_lag":"16MB"}`)
		tell := plan.Step{ID: "tell", Uses: "human.task", Needs: []string{"promote"}, Effect: run.Observe, Timeout: d(time.Minute),
			Human: &plan.Human{Role: "operator", Text: plan.Text{EN: "Tell the branches.", JA: "各支店に連絡する。"}}}
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, tell)
	}))
	if len(w.acts) > 0 {
		t.Errorf("a walkthrough did %v", w.acts)
	}
	if got := w.state(); got != run.WalkedThrough {
		t.Errorf("state = %s, want walked_through", got)
	}
	waits := waitsOf(t, w)
	for id, role := range map[string]string{"fence": "commander", "promote": "operator", "tell": "operator", "rejoin": "commander", "switchover": "commander"} {
		wait, e := waits[id], w.step(id)
		var res run.StepResult
		if err := e.Decode(&res); err != nil || e.Outcome != run.Passed || res.SettledBy != run.ByAcknowledge {
			t.Errorf("%s = %s by %s, want read and acknowledged", id, e.Outcome, res.SettledBy)
		}
		if holder := map[string]string{"commander": "simulated:sato", "operator": "simulated:tanaka"}[role]; wait.Kind != run.WaitAck || wait.Role != role || e.By != holder {
			t.Errorf("%s was put before %s as %s and acknowledged by %s, want %s, %s", id, wait.Role, wait.Kind, e.By, role, holder)
		}
	}
	if got, want := waits["promote"].Text, `[DRILL]【訓練】would run world.promote, at site osaka, on osaka-db, effect disrupt, with {"server":"osaka-db","password":"***","max_lag":"16MB"}, undone by world.rejoin, world.switchover`+
		` / 本番で実行する内容: world.promote、拠点 osaka、対象 osaka-db、影響 中断、パラメーター {"server":"osaka-db","password":"***","max_lag":"16MB"}、取り消し world.rejoin, world.switchover`; got != want {
		t.Errorf("promote is shown as\n%s\nwant\n%s", got, want)
	}
	if got, want := waits["tell"].Text, "[DRILL]【訓練】would have to do: Tell the branches. / 本番で行う作業: 各支店に連絡する。"; got != want {
		t.Errorf("a person's step is shown as %q, want %q: nobody may do it", got, want)
	}
}

// Only the owner acknowledges; a step that nobody reads leaves the walkthrough incomplete
// and nothing to clean up.
func TestWalkthroughIsItsOwners(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth = nil, run.Walkthrough
		step(p, "orders-failover", "fence").Owner = "operator"
	})
	people(w)
	var wrong error
	w.atEvent(run.StepWaiting, "fence", func() {
		id := workflows.ExecuteID(in.RunID, "orders", workflows.ForFailover)
		w.update(id, workflows.UpdateStep, workflows.Step{Step: "fence", By: "sato", Act: run.ActDone}, &wrong)
		w.update(id, workflows.UpdateStep, workflows.Step{Step: "fence", By: "tanaka", Act: run.ActDone}, nil)
	})
	w.run(in)
	if wrong == nil || !strings.Contains(wrong.Error(), "operator") {
		t.Errorf("the commander acknowledged the operators' step: %v", wrong)
	}
	if e := w.step("fence"); e.By != "tanaka" || e.Outcome != run.Passed {
		t.Errorf("fence = %s by %s, want passed by tanaka", e.Outcome, e.By)
	}
	if got := w.state(); got != run.PartlyWalkedThrough {
		t.Errorf("state = %s, want partly_walked_through: nobody read promote", got)
	}
	if kept := w.find(run.LockKept); len(kept) > 0 || len(w.acts) > 0 {
		t.Errorf("locks kept: %v, acts: %v; nothing was done", kept, w.acts)
	}
}

// A step that its owner skips was not walked through, whatever became of the others.
func TestASkippedStepIsNotWalkedThrough(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth = nil, run.Walkthrough
	})
	people(w)
	for _, c := range []struct {
		purpose workflows.Purpose
		step    string
	}{{workflows.ForFailover, "fence"}, {workflows.ForFailover, "promote"}, {workflows.ForFailback, "rejoin"}, {workflows.ForFailback, "switchover"}} {
		w.atEvent(run.StepWaiting, c.step, func() {
			act := workflows.Step{Step: c.step, By: "sato", Act: run.ActDone}
			if c.step == "promote" {
				act.Act, act.Reason = run.ActSkip, "nobody knows it here"
			}
			w.update(workflows.ExecuteID(in.RunID, "orders", c.purpose), workflows.UpdateStep, act, nil)
		})
	}
	w.run(in)
	if e := w.step("promote"); e.Outcome != run.Skipped {
		t.Fatalf("promote = %s", e.Outcome)
	}
	if e := w.step("switchover"); e.Outcome != run.Passed {
		t.Errorf("switchover = %s, want read: the rest goes on", e.Outcome)
	}
	if got := w.state(); got != run.PartlyWalkedThrough {
		t.Errorf("state = %s, want partly_walked_through: promote was skipped", got)
	}
}

// A plan that was made by hand starts nothing on a system that no drill of its depth may
// touch, and its calls carry what the worker refuses by.
func TestDrillableIsHeldByTheRun(t *testing.T) {
	w := newWorld(t)
	w.run(drill(t, func(p *plan.Plan) { p.Systems[0].Drillable = []run.Depth{run.IsolatedRun} }))
	if got := w.state(); got != run.Refused || len(w.acts) > 0 {
		t.Errorf("state = %s, acts %v, want refused and none", got, w.acts)
	}
	if refused := w.find(run.RunRefused); len(refused) != 1 || !strings.Contains(refused[0].Reason, "system orders") {
		t.Errorf("refused with %+v", refused)
	}

	w = newWorld(t)
	w.run(drill(t, nil))
	if !slices.Equal(w.spared, []run.Depth{run.IsolatedRun}) {
		t.Errorf("calls spare %v, want isolated: orders is drillable live only", w.spared)
	}
}

// Everything that a drill says to people is marked; a response says nothing that is.
func TestMarksOfMessages(t *testing.T) {
	announced := func(p *plan.Plan) {
		p.Scenario.Title = plan.Text{EN: "[DRILL] Loss of Tokyo", JA: "【訓練】東京拠点の喪失"} // its author meant well
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, plan.Step{ID: "tell", Uses: "human.task", Effect: run.Observe, Timeout: d(time.Minute),
			Human: &plan.Human{Role: "operator", Text: plan.Text{EN: "Tell the branches.", JA: "各支店に連絡する。"}}})
	}
	for _, kind := range []run.Kind{run.Drill, run.Response} {
		w := newWorld(t)
		in := drill(t, func(p *plan.Plan) {
			announced(p)
			if kind == run.Response {
				p.Scenario.Depth, p.Scenario.Injects = run.Real, nil
			}
		})
		in.Kind = kind
		w.run(in)
		var said []string
		for _, e := range w.find(run.MessageSent) {
			var m run.Message
			if err := e.Decode(&m); err != nil {
				t.Fatal(err)
			}
			said = append(said, m.Text)
		}
		for _, wait := range waitsOf(t, w) {
			said = append(said, wait.Text)
		}
		if len(said) < 3 {
			t.Fatalf("a %s said only %q", kind, said)
		}
		for _, text := range said {
			if marked := strings.HasPrefix(text, run.Mark); marked != (kind == run.Drill) || kind == run.Response && strings.ContainsAny(text, "[【") {
				t.Errorf("a %s says %q", kind, text)
			}
		}
	}
}
