package workflows_test

import (
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

// A site without a worker costs a run with many probes there no more time than one with one: they are started again at
// once, and are waited for together at the end, while the locks are held.
func TestManySilentProbesCostNoMoreThanOne(t *testing.T) {
	w := newWorld(t)
	w.away, w.deaf, w.others = true, "world.promote", []string{"orders/search", "orders/list"}
	w.run(drill(t, func(p *plan.Plan) {
		first := p.Systems[0].Probes[0]
		first.Weight = 40
		p.Systems[0].Probes = []plan.Probe{first}
		for _, name := range w.others {
			o := first
			o.Name, o.Function, o.Weight = name, name, 30
			p.Systems[0].Probes = append(p.Systems[0].Probes, o)
		}
	}))
	if len(w.starts) < 6 {
		t.Fatalf("probes were started at %v, want three twice", w.starts)
	}
	if apart := w.starts[5].Sub(w.starts[3]); apart > time.Second {
		t.Errorf("the first and the last of them were started again %s apart, want at once", apart)
	}
	var closing time.Time
	for _, e := range w.find(run.PhaseStarted) {
		if e.Phase == run.Closing {
			closing = e.At
		}
	}
	if ended := w.find(run.ProbeEnded); len(ended) != 3 || ended[0].Outcome != run.Unknown {
		t.Errorf("probes ended %+v, want three of whose observations nobody knows", ended)
	} else if took := ended[2].At.Sub(closing); took > 90*time.Second {
		t.Errorf("the run waited %s for its probes, want a minute for all", took)
	}
}

// A run that gives up while it is paused goes home: nobody may know that it waits.
func TestGivingUpWhilePausedGoesHome(t *testing.T) {
	for name, how := range map[string]func(*world){
		"an inject failed": func(w *world) {
			w.faults["world.check"] = []fault{{before: temporal.NewNonRetryableApplicationError("no such host", plan.ErrRefused, nil)}}
		},
		"cancelled in the engine": func(w *world) {
			w.atEvent(run.RunPaused, "", func() { w.env.RegisterDelayedCallback(w.env.CancelWorkflow, time.Minute) })
		},
	} {
		w := newWorld(t)
		how(w)
		w.atEvent(run.StepEnded, "promote", func() {
			w.update("default-test-workflow-id", workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait"}, nil)
		})
		w.run(drill(t, func(p *plan.Plan) {
			if len(w.faults) == 0 {
				return
			}
			late := effect("late", "world.check")
			late.Release, late.After = &plan.Release{Phase: run.Recovery}, d(time.Minute)
			p.Scenario.Injects = append(p.Scenario.Injects, late)
		}))
		if got := w.state(); got != run.Cancelled || w.tokyo != "primary" || len(w.find(run.RunPaused)) != 1 {
			t.Errorf("%s: state = %s, tokyo is %s; want cancelled, and home", name, got, w.tokyo)
		}
	}
}

// slow delivers the first word of a run to a runbook a minute late.
type slow struct {
	interceptor.WorkerInterceptorBase
	was  bool
	told []any // all such words
}

func (s *slow) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	in := &slowInbound{slow: s}
	in.Next = next
	return in
}

type slowInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	slow *slow
}

func (s *slowInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	out := &slowOutbound{slow: s.slow}
	out.Next = next
	return s.Next.Init(out)
}

type slowOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	slow *slow
}

func (s *slowOutbound) SignalChildWorkflow(ctx workflow.Context, id, name string, arg any) workflow.Future {
	if name == "pause" {
		s.slow.told = append(s.slow.told, arg)
	}
	if name != "pause" || s.slow.was {
		return s.Next.SignalChildWorkflow(ctx, id, name, arg)
	}
	s.slow.was = true
	done, settle := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		_ = workflow.Sleep(ctx, time.Minute)
		settle.Set(nil, s.Next.SignalChildWorkflow(ctx, id, name, arg).Get(ctx, nil))
	})
	return done
}

// A pause that is slow on its way does not overtake the resume that took it back.
func TestAPauseIsNotToldAfterItsResume(t *testing.T) {
	w := newWorld(t)
	w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second, Interceptors: []interceptor.WorkerInterceptor{&slow{}}})
	const id = "default-test-workflow-id"
	w.atEvent(run.StepStarted, "fence", func() {
		w.update(id, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait for the network team"}, nil)
		w.env.RegisterDelayedCallback(func() { w.update(id, workflows.UpdateResume, workflows.Control{By: "sato"}, nil) }, 10*time.Second)
	})
	w.run(drill(t, func(p *plan.Plan) {
		// The first step takes so long that both come before its end.
		hold := effect("hold", "human.task", "fence")
		hold.Human, hold.Effect, hold.Timeout = &plan.Human{Role: "operator"}, run.Observe, d(time.Hour)
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, hold)
		step(p, "orders-failover", "promote").Needs = []string{"hold"}
		p.Scenario.Simulate.After = d(5 * time.Minute)
	}))
	if got := w.state(); got != run.Recovered {
		t.Errorf("state = %s, want recovered", got)
	}
}

// Of a pause or a resume and an abort at the same moment the abort has the last word in the record, by which every screen
// goes: what is let go is not shown as held. Who is refused is told what comes of what they wanted.
func TestAnAbortHasTheLastWordOverAPauseOfTheSameMoment(t *testing.T) {
	pause := func(w *world, refused *error) {
		w.update(theRun, workflows.UpdatePause, workflows.Control{By: "sato", Reason: "wait for the network team"}, refused)
	}
	held := func(then func(*world, *error)) func(*world, *error) {
		return func(w *world, refused *error) {
			pause(w, nil)
			w.env.RegisterDelayedCallback(func() {
				abort(w)()
				then(w, refused)
			}, 2*time.Minute)
		}
	}
	for name, c := range map[string]struct {
		both    func(*world, *error)
		refused string
		pauses  int // in the record
	}{
		"the pause is on its way to a runbook": {func(w *world, _ *error) {
			pause(w, nil)
			w.env.RegisterDelayedCallback(abort(w), 10*time.Second)
		}, "", 1},
		"the abort is on its way to the record": {func(w *world, refused *error) {
			abort(w)()
			pause(w, refused)
		}, "ask for the pause in a moment", 0},
		"a pause of what is held": {held(pause), "ask for the pause in a moment", 1},
		"a resume": {held(func(w *world, refused *error) {
			w.update(theRun, workflows.UpdateResume, workflows.Control{By: "sato"}, refused)
		}), "its pause ends with that", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second, Interceptors: []interceptor.WorkerInterceptor{&slow{}}})
			var refused error
			w.atEvent(run.StepWaiting, "announce", func() { c.both(w, &refused) })
			w.run(drill(t, func(p *plan.Plan) {
				announce(p)
				p.Scenario.Simulate.After = d(5 * time.Minute)
			}))
			if want := "being aborted, by sato: "; (c.refused == "") != (refused == nil) || refused != nil && (!said(refused, want) || !said(refused, c.refused)) {
				t.Errorf("told: %v, want %q", refused, c.refused)
			}
			aborted, paused := w.find(run.RunAbortRequested), w.find(run.RunPaused)
			if len(aborted) != 1 || len(paused) != c.pauses || len(w.find(run.RunResumed)) > 0 {
				t.Fatalf("aborts: %+v, pauses: %+v, want %d", aborted, paused, c.pauses)
			}
			for _, e := range paused {
				if e.Seq > aborted[0].Seq {
					t.Errorf("the pause is number %d of the record, after the abort, number %d", e.Seq, aborted[0].Seq)
				}
			}
		})
	}
}
