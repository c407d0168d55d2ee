package workflows_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// ruined is a response to the loss of tokyo, whose server is down, led by people. What is fenced stays so when it is undone:
// the disaster keeps the system out of service.
func ruined(t *testing.T, w *world, change func(*plan.Plan)) workflows.Input {
	t.Helper()
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate, p.Scenario.Depth, p.Scenario.Injects = nil, run.Real, nil
		p.Scenario.Failback = run.PolicyStay
		step(p, "orders-failover", "fence").Undo[0].Uses = "world.check"
		if change != nil {
			change(p)
		}
	})
	in.Kind = run.Response
	w.tokyo = "down"
	crew(w)
	w.atEvent(run.ApprovalAsked, "", func() {
		w.update("default-test-workflow-id", workflows.UpdateApprove, workflows.Approve{By: "sato"}, nil)
	})
	return in
}

func decide(w *world, choices map[string]run.Choice) {
	w.atEvent(run.DecisionAsked, "", func() {
		for _, system := range []string{"orders", "billing"} {
			if c := choices[system]; c != "" {
				w.update("default-test-workflow-id", workflows.UpdateDecide, workflows.Decide{System: system, By: "sato", Choice: c, Reason: "Tokyo is gone"}, nil)
			}
		}
	})
}

func abort(w *world) func() {
	return func() {
		w.update("default-test-workflow-id", workflows.UpdateAbort, workflows.Control{By: "sato", Reason: "another way"}, nil)
	}
}

// announce is a step of people between fence and promote.
func announce(p *plan.Plan) {
	hold := effect("announce", "human.task", "fence")
	hold.Human, hold.Effect = &plan.Human{Role: "operator"}, run.Observe
	book := &p.Runbooks[1]
	book.Steps = slices.Insert(book.Steps, 1, hold)
	step(p, "orders-failover", "promote").Needs = []string{"announce"}
}

// A response that is aborted answers for what it did itself: when that is undone, the system is let go, though the disaster
// keeps it out of service. An undo that failed, a step of which nobody can tell, and a side that may write beside
// another keep its lock.
func TestAnAbortedResponseLetsGoOfWhatItPutBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*world, *plan.Plan)
		at     run.EventKind
		step   string
		kept   string // "" is let go
	}{
		{"all is undone", func(*world, *plan.Plan) {}, run.StepWaiting, "announce", ""},
		{"all is undone, and both sides write", func(w *world, _ *plan.Plan) {
			before := w.onEvent
			w.onEvent = func(e run.Event) {
				if before != nil {
					before(e)
				}
				if e.Kind == run.UndoEnded {
					w.tokyo, w.osaka = "primary", "primary"
				}
			}
		}, run.StepWaiting, "announce", "tokyo is primary, osaka is primary"},
		{"nothing was begun", func(*world, *plan.Plan) {}, run.EventDetected, "", ""},
		{"an undo failed", func(w *world, _ *plan.Plan) {
			w.faults["world.check"] = []fault{{before: errLost}, {before: errLost}, {before: errLost}}
		}, run.StepWaiting, "announce", "undo of fence"},
		{"a step without undo, and nobody writes", func(_ *world, p *plan.Plan) {
			step(p, "orders-failover", "fence").Undo = nil
		}, run.StepWaiting, "announce", "tokyo is fenced, osaka is standby"},
		{"a step without undo, and one side writes", func(_ *world, p *plan.Plan) {
			fence, promote := step(p, "orders-failover", "fence"), step(p, "orders-failover", "promote")
			fence.Undo, promote.Undo, promote.Needs = nil, nil, []string{"fence"}
			step(p, "orders-failover", "announce").Needs = []string{"promote"}
		}, run.StepWaiting, "announce", ""},
		{"a step without undo that nobody can tell of", func(w *world, p *plan.Plan) {
			step(p, "orders-failover", "fence").Undo = nil
			w.faults["world.fence"], w.blind["world.fence"] = []fault{{after: errLost}}, true
		}, run.StepWaiting, "fence", "step fence has no undo"},
		{"recovered, to stay, and not seen in service", func(w *world, p *plan.Plan) {
			unannounced(p)
			w.deaf, w.quiet = "world.promote", true
		}, run.PhaseStarted, "", ""},
		{"recovered, to stay, and both sides write", func(w *world, p *plan.Plan) {
			unannounced(p)
			w.deaf, w.quiet = "world.promote", true
			before := w.onEvent
			w.onEvent = func(e run.Event) {
				if before != nil {
					before(e)
				}
				if e.Kind == run.PhaseStarted && e.Phase == run.Verification {
					w.tokyo = "primary"
				}
			}
		}, run.PhaseStarted, "", "tokyo is primary, osaka is primary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			in := ruined(t, w, func(p *plan.Plan) {
				announce(p)
				c.change(w, p)
			})
			decide(w, map[string]run.Choice{"orders": run.Alternate})
			if c.at == run.PhaseStarted {
				w.atPhase(run.Verification, abort(w))
			} else {
				w.atEvent(c.at, c.step, abort(w))
			}
			if c.kept != "" {
				w.atEvent(run.RunEnded, "", func() {
					w.update(workflows.SwitchID("orders"), workflows.UpdateRelease, workflows.Control{By: "sato", Reason: "looked at"}, nil)
				})
			}
			w.run(in)
			want, kept := run.Cancelled, w.find(run.LockKept)
			if c.kept != "" {
				want = run.CleanUpIncomplete
			}
			if got := w.state(); got != want {
				t.Errorf("state = %s, want %s", got, want)
			}
			switch {
			case c.kept == "" && (len(kept) > 0 || len(w.find(run.LockReleased)) != 1):
				t.Errorf("the lock is kept: %+v", kept)
			case c.kept != "" && (len(kept) != 1 || !strings.Contains(kept[0].Reason, c.kept)):
				t.Errorf("lock kept: %+v, want for %q", kept, c.kept)
			}
		})
	}
}

// unannounced takes the step of people out again.
func unannounced(p *plan.Plan) {
	p.Runbooks[1].Steps = slices.Delete(p.Runbooks[1].Steps, 1, 2)
	step(p, "orders-failover", "promote").Needs = []string{"fence"}
}

// atPhase runs f after the start of a phase is in the journal.
func (w *world) atPhase(phase run.Phase, f func()) {
	w.t.Helper()
	before, done := w.onEvent, false
	w.onEvent = func(e run.Event) {
		if before != nil {
			before(e)
		}
		if !done && e.Kind == run.PhaseStarted && e.Phase == phase {
			done = true
			w.env.RegisterDelayedCallback(f, 1)
		}
	}
}

// What a response did nothing to it has nothing to clean up of, whatever the disaster does to it; what was recovered in
// place and is not in service was not recovered.
func TestAResponseLetsGoOfWhatTheDisasterKeeps(t *testing.T) {
	for name, choice := range map[string]run.Choice{"can't be recovered": run.NotPossible, "is left as it is": run.StandDown, "is recovered in place, without success": run.InPlace} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := ruined(t, w, func(p *plan.Plan) {
				// A system of which its probe sees nothing.
				p.Systems = append(p.Systems, plan.System{Name: "billing", Title: plan.Text{EN: "Invoices", JA: "請求"}, Home: "tokyo", Objective: p.Systems[0].Objective,
					Probes: []plan.Probe{{Name: "billing/invoice", System: "billing", Function: "invoice", Weight: 100, Uses: "probe.world", Vantage: "osaka"}}})
				if choice == run.InPlace {
					p.Systems[1].InPlace = "billing-in-place"
					p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "billing-in-place", System: "billing", Steps: []plan.Step{effect("restart", "world.check")}})
				}
			})
			decide(w, map[string]run.Choice{"orders": run.Alternate, "billing": choice})
			w.run(in)
			if got := w.state(); got != run.PartlyRecovered {
				t.Errorf("state = %s, want partly recovered", got)
			}
			// Which are not in service is told to everybody, by the names that people know.
			var told string
			for _, e := range w.find(run.MessageSent) {
				if e.Phase == run.Completion {
					told += string(e.Data)
				}
			}
			if !strings.Contains(told, "not proven to be in service: Invoices.") || !strings.Contains(told, "稼働を確認できていません：請求。") {
				t.Errorf("people were told %s", told)
			}
			if kept := w.find(run.LockKept); len(kept) > 0 || len(w.find(run.LockReleased)) != 2 {
				t.Errorf("the lock is kept: %+v", kept)
			}
		})
	}
}

// A recovery that ended on a version that did not say what it left, before the server was upgraded, may have left anything: its
// lock is kept as that version kept it.
func TestARecoveryThatDoesNotSayWhatItLeftKeepsItsLock(t *testing.T) {
	for told, want := range map[bool]run.State{false: run.CleanUpIncomplete, true: run.NotResumable} {
		w := newWorld(t)
		in := ruined(t, w, nil)
		decide(w, map[string]run.Choice{"orders": run.Alternate})
		w.env.OnWorkflow(workflows.TypeExecute, mock.Anything, mock.Anything).Return(
			workflows.Executed{Outcome: run.Failed, Reason: "the site is away", Undone: true, Told: told}, nil)
		w.atEvent(run.RunEnded, "", func() {
			if !told {
				w.update(workflows.SwitchID("orders"), workflows.UpdateRelease, workflows.Control{By: "sato", Reason: "looked at"}, nil)
			}
		})
		w.run(in)
		if got := w.state(); got != want {
			t.Errorf("told %v: state = %s, want %s", told, got, want)
		}
		if kept := w.find(run.LockKept); (len(kept) == 0) != told {
			t.Errorf("told %v: the lock is kept: %+v", told, kept)
		}
	}
}
