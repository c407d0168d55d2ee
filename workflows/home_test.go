package workflows_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// homeward is a response on its way home: tokyo follows osaka, people are asked, and the primary goes over. The first is
// undone by fencing tokyo again.
func homeward(t *testing.T, w *world, change func(*plan.Plan)) workflows.Input {
	t.Helper()
	in := real(t, w, func(p *plan.Plan) {
		p.Scenario.Failback = run.PolicyReturn
		hold := effect("hold", "human.task", "rejoin")
		hold.Human, hold.Effect = &plan.Human{Role: "operator"}, run.Observe
		book := &p.Runbooks[0]
		book.Steps = slices.Insert(book.Steps, 1, hold)
		*step(p, "orders-failback", "rejoin") = undoBy(*step(p, "orders-failback", "rejoin"), "world.fence")
		step(p, "orders-failback", "switchover").Needs = []string{"hold"}
		if change != nil {
			change(p)
		}
	})
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) { w.approve("yamada", nil) })
	w.on(run.ApprovalAsked, run.Failback, func(run.Event) { w.approve("yamada", nil) })
	return in
}

// goHome decides for the return of each system that is asked about.
func goHome(w *world) {
	w.on(run.DecisionAsked, run.Failback, func(e run.Event) {
		w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: e.System, By: "sato", Choice: run.GoHome, Reason: "Tokyo is sound"}, nil)
	})
}

// holdDone has the people's step on the way home done.
func holdDone(w *world) {
	w.atEvent(run.StepWaiting, "hold", func() {
		w.update("tokyo-loss-1/orders/failback", workflows.UpdateStep, workflows.Step{Step: "hold", By: "tanaka", Act: run.ActDone}, nil)
	})
}

// An abort on the way home of a response stops it before its next effect, also where a step waits because it failed and
// where the run is held. What was done of it is undone, the system stays away, and its lock is given back unless
// something is left half-way.
func TestAnAbortStopsTheWayHomeOfAResponse(t *testing.T) {
	refused := fault{before: temporal.NewNonRetryableApplicationError("tokyo is gone again", plan.ErrRefused, nil)}
	for name, c := range map[string]struct {
		how    func(*world)
		change func(*plan.Plan)
		tokyo  string
		kept   string // "" is let go
	}{
		"between two effects": {how: func(w *world) { w.atEvent(run.StepWaiting, "hold", abort(w)) }, tokyo: "fenced"},
		"a step failed": {how: func(w *world) {
			w.faults["world.switchover"] = []fault{refused}
			holdDone(w)
			w.atEvent(run.StepWaiting, "switchover", abort(w))
		}, tokyo: "fenced"},
		"while it is held": {how: func(w *world) {
			holdDone(w)
			w.atEvent(run.StepStarted, "rejoin", func() {
				w.update(theRun, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "it looks wrong"}, nil)
				w.env.RegisterDelayedCallback(abort(w), time.Hour)
			})
		}, tokyo: "fenced"},
		"what was done has no undo": {
			how:    func(w *world) { w.atEvent(run.StepWaiting, "hold", abort(w)) },
			change: func(p *plan.Plan) { step(p, "orders-failback", "rejoin").Undo = nil }, tokyo: "standby"},
		"what was done has no undo, and nobody can look": {
			how: func(w *world) { w.atEvent(run.StepWaiting, "hold", abort(w)) },
			change: func(p *plan.Plan) {
				step(p, "orders-failback", "rejoin").Undo = nil
				p.Systems[0].Probes = nil
			}, tokyo: "standby", kept: "stopped after rejoin, and no probe tells of service"},
		"an undo failed": {how: func(w *world) {
			w.atEvent(run.StepWaiting, "hold", func() {
				w.faults["world.fence"] = []fault{{before: errLost}, {before: errLost}, {before: errLost}}
				abort(w)()
			})
		}, tokyo: "standby", kept: "undo of rejoin"},
		"nobody can tell of a step without undo": {how: func(w *world) {
			w.faults["world.rejoin"], w.blind["world.rejoin"] = []fault{{after: errLost}}, true
			w.atEvent(run.StepWaiting, "rejoin", abort(w))
		}, change: func(p *plan.Plan) { step(p, "orders-failback", "rejoin").Undo = nil }, tokyo: "standby", kept: "step rejoin has no undo"},
		"service does not come back": {how: func(w *world) {
			w.atEvent(run.StepWaiting, "hold", func() {
				w.mu.Lock()
				w.osaka = "down"
				w.tell()
				w.mu.Unlock()
				abort(w)()
			})
			w.onEvent = wrapped(w.onEvent, func(e run.Event) {
				if e.Kind == run.RunEnded {
					w.osaka = "primary" // for what all cases look at
				}
			})
		}, change: func(p *plan.Plan) {
			step(p, "orders-failback", "rejoin").Undo = nil
			p.Systems[0].SingleWriter = nil
		}, tokyo: "standby", kept: "service was not back"},
		"two sides write": {how: func(w *world) {
			w.atEvent(run.StepWaiting, "hold", abort(w))
			w.onEvent = wrapped(w.onEvent, func(e run.Event) {
				if e.Kind == run.UndoEnded {
					w.tokyo = "primary"
				}
			})
		}, tokyo: "primary", kept: "tokyo is primary, osaka is primary"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := homeward(t, w, c.change)
			goHome(w)
			c.how(w)
			if c.kept != "" {
				w.atEvent(run.RunEnded, "", func() {
					w.update(workflows.SwitchID("orders"), workflows.UpdateRelease, workflows.Control{By: "sato", Reason: "looked at"}, nil)
				})
			}
			w.run(in)
			if slices.Contains(w.acts, "world.switchover") || w.osaka != "primary" || w.tokyo != c.tokyo {
				t.Errorf("tokyo is %s, osaka %s after %v; want it to stay away", w.tokyo, w.osaka, w.acts)
			}
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
			for _, e := range w.find(run.PhaseEnded) {
				if e.Phase == run.Failback && e.Outcome != run.Failed {
					t.Errorf("the way home ended %s", e.Outcome)
				}
			}
		})
	}
}

// Of several systems what is home stays so, and those that have not begun stay away, by whoever aborted.
func TestAnAbortOnTheWayHomeLeavesTheNextSystemsAway(t *testing.T) {
	w := newWorld(t)
	in := homeward(t, w, func(p *plan.Plan) {
		// The world has one pair of servers: shop stands before and after it.
		for _, name := range []string{"first", "last"} {
			s := plan.System{Name: name, Home: "tokyo", Alternate: "osaka", Failover: name + "-failover", Failback: name + "-failback"}
			for _, way := range []string{s.Failover, s.Failback} {
				p.Runbooks = append(p.Runbooks, plan.Runbook{Name: way, System: name, Steps: []plan.Step{effect(way, "world.check")}})
			}
			if name == "first" {
				p.Systems = slices.Insert(p.Systems, 0, s)
			} else {
				p.Systems = append(p.Systems, s)
			}
		}
	})
	goHome(w)
	w.atEvent(run.StepWaiting, "hold", abort(w))
	w.run(in)
	if got := w.step("first-failback").Outcome; got != run.Passed {
		t.Errorf("the first system's way home ended %q", got)
	}
	if e := w.step("last-failback"); e.Kind != "" || w.osaka != "primary" {
		t.Errorf("after the abort osaka is %s, and the last system went home: %+v", w.osaka, e)
	}
	made := w.find(run.DecisionMade)
	var last run.Decision
	if e := made[len(made)-1]; e.System != "last" || e.By != "sato" || e.Decode(&last) != nil || last.Answer != run.Stay || last.Instead != run.GoHome {
		t.Errorf("the record ends with %+v", e)
	}
	if got := w.state(); got != run.Cancelled || len(w.find(run.LockKept)) > 0 {
		t.Errorf("state = %s, locks kept: %+v", got, w.find(run.LockKept))
	}
}

// Where a system did not come home, or two sides may take writes there, what depends on it is not moved, also by way of
// another; what does not goes home. A response leaves it in service and lets it go; a drill, which owes its return, keeps it.
func TestWhatDependsOnASystemThatDidNotComeHomeStaysAway(t *testing.T) {
	refused := fault{before: temporal.NewNonRetryableApplicationError("tokyo is gone again", plan.ErrRefused, nil)}
	for name, c := range map[string]struct {
		kind run.Kind
		how  func(*world)
		kept int
	}{
		"a response": {run.Response, func(w *world) {
			w.onEvent = wrapped(w.onEvent, func(e run.Event) {
				if e.Kind == run.StepEnded && e.Step == "switchover" {
					w.osaka = "primary"
				}
			})
		}, 1},
		"a drill": {run.Drill, func(w *world) { w.faults["world.switchover"] = []fault{refused} }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			systems := func(p *plan.Plan) {
				for _, s := range []plan.System{{Name: "desk", DependsOn: []string{"shop"}}, {Name: "shop", DependsOn: []string{"orders"}}, {Name: "wiki"}} {
					s.Home, s.Alternate, s.Drillable, s.Failover, s.Failback = "tokyo", "osaka", []run.Depth{run.Live}, s.Name+"-failover", s.Name+"-failback"
					for _, way := range []string{s.Failover, s.Failback} {
						p.Runbooks = append(p.Runbooks, plan.Runbook{Name: way, System: s.Name, Steps: []plan.Step{effect(way, "world.check")}})
					}
					p.Systems = slices.Insert(p.Systems, len(p.Systems)-1, s)
				}
			}
			in := drill(t, systems)
			if c.kind == run.Response {
				w = newWorld(t)
				in = homeward(t, w, systems)
				goHome(w)
				holdDone(w)
			}
			c.how(w)
			w.atEvent(run.RunEnded, "", func() {
				for _, e := range w.find(run.LockKept) {
					w.update(workflows.SwitchID(e.System), workflows.UpdateRelease, workflows.Control{By: "sato", Reason: "looked at"}, nil)
				}
			})
			w.run(in)
			for id, home := range map[string]bool{"desk-failback": false, "shop-failback": false, "wiki-failback": true} {
				if e := w.step(id); (e.Outcome == run.Passed) != home {
					t.Errorf("%s ended %q", id, e.Outcome)
				}
			}
			told, stays := "", []string{}
			for _, e := range w.find(run.MessageSent) {
				if e.Phase == run.Failback {
					told += string(e.Data)
				}
			}
			if !strings.Contains(told, "shop is not brought home: it depends on orders") || !strings.Contains(told, "deskは切戻しません") || strings.Contains(told, "wiki") {
				t.Errorf("people were told %s", told)
			}
			why := "depends on orders, which did not come home"
			for _, e := range append(w.find(run.FindingOpened), w.find(run.LockKept)...) {
				if strings.Contains(string(e.Data)+e.Reason, why) {
					stays = append(stays, e.System)
				}
			}
			if slices.Sort(stays); !slices.Equal(stays, []string{"desk", "shop"}) {
				t.Errorf("the record says so of %v", stays)
			}
			if got, kept := w.state(), w.find(run.LockKept); got != run.CleanUpIncomplete || len(kept) != c.kept {
				t.Errorf("state = %s, locks kept: %+v", got, kept)
			}
		})
	}
}

// What came home before the abort is looked at like any other way home, and is not undone.
func TestAnAbortAfterTheSwitchHomeLeavesItHome(t *testing.T) {
	w := newWorld(t)
	in := homeward(t, w, nil)
	goHome(w)
	holdDone(w)
	w.on(run.StepEnded, run.Failback, func(e run.Event) {
		if e.Step == "switchover" {
			w.env.RegisterDelayedCallback(abort(w), time.Second)
		}
	})
	w.run(in)
	if got := w.state(); got != run.Cancelled || w.tokyo != "primary" || len(w.find(run.LockKept)) > 0 {
		t.Errorf("state = %s, tokyo is %s, locks kept: %+v; want home", got, w.tokyo, w.find(run.LockKept))
	}
}

// Where a response waits for return or stay, for days perhaps, an abort means stay: also one that comes after another,
// which was of what came before. A third is refused.
func TestAnAbortMeansStayWhereThatIsAsked(t *testing.T) {
	for name, before := range map[string]bool{"the first": false, "after one of the verification": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			in := homeward(t, w, nil)
			if before {
				w.atPhase(run.Verification, abort(w))
			}
			var again error
			w.on(run.DecisionAsked, run.Failback, func(run.Event) {
				w.env.RegisterDelayedCallback(func() {
					abort(w)()
					w.update(theRun, workflows.UpdateAbort, workflows.Control{By: "yamada", Reason: "me too"}, &again)
				}, 48*time.Hour)
			})
			w.run(in)
			if got := w.state(); got != run.Cancelled || w.osaka != "primary" || len(w.find(run.LockReleased)) != 1 {
				t.Errorf("state = %s, osaka is %s, locks released: %+v", got, w.osaka, w.find(run.LockReleased))
			}
			made := w.find(run.DecisionMade)
			var last run.Decision
			if e := made[len(made)-1]; e.By != "sato" || e.Decode(&last) != nil || last.Answer != run.Stay || last.Instead != "" {
				t.Errorf("the record ends with %+v", e)
			}
			if !said(again, "being aborted already, by sato") {
				t.Errorf("a second abort there: %v", again)
			}
		})
	}
}

// A held recovery that is aborted is never told to go on: the engine may deliver that before its end, and the next
// effect would begin.
func TestAHeldRecoveryThatIsAbortedIsNotLetGo(t *testing.T) {
	w, words := newWorld(t), &slow{was: true}
	w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second, Interceptors: []interceptor.WorkerInterceptor{words}})
	in := ruined(t, w, announce)
	decide(w, map[string]run.Choice{"orders": run.Alternate})
	w.atEvent(run.StepWaiting, "announce", func() {
		w.update(theRun, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait"}, nil)
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "announce", By: "tanaka", Act: run.ActDone}, nil)
		w.env.RegisterDelayedCallback(abort(w), time.Minute)
	})
	w.run(in)
	if got := w.state(); got != run.Cancelled || slices.Contains(w.acts, "world.promote") {
		t.Errorf("state = %s after %v", got, w.acts)
	}
	if !reflect.DeepEqual(words.told, []any{true}) {
		t.Errorf("the runbook was told %v, want only that it is held", words.told)
	}
}

// Who should decide on the return, and is asleep, holds it up no longer than the recovery: their deputies are asked.
func TestDeputiesDecideOnTheReturn(t *testing.T) {
	for version, decider := range map[workflow.Version]string{1: "suzuki", workflow.DefaultVersion: "sato"} {
		w := newWorld(t)
		w.env.OnGetVersion("deputy-decides-home", workflow.DefaultVersion, workflow.Version(1)).Return(version)
		in := real(t, w, func(p *plan.Plan) { p.Scenario.Failback = run.PolicyReturn })
		w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) { w.approve("yamada", nil) })
		decide := func(by string) func() {
			return func() {
				w.update(theRun, workflows.UpdateDecide, workflows.Decide{System: "orders", By: by, Choice: run.Stay, Reason: "Tokyo is a ruin"}, nil)
			}
		}
		w.on(run.DeputiesAsked, run.Failback, func(run.Event) { decide("suzuki")() })
		w.on(run.DecisionAsked, run.Failback, func(run.Event) {
			if version != 1 {
				w.env.RegisterDelayedCallback(decide("sato"), time.Hour)
			}
		})
		w.run(in)
		made := w.find(run.DecisionMade)
		if last := made[len(made)-1]; last.Phase != run.Failback || last.By != decider {
			t.Errorf("version %d: decided by %s in %s, want %s", version, last.By, last.Phase, decider)
		}
		if n := len(w.told("has decided on the return for 5 min")); (n == 1) != (version == 1) {
			t.Errorf("version %d: told %d times that the return is theirs to decide", version, n)
		}
	}
}
