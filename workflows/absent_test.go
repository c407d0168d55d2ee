package workflows_test

import (
	"slices"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// gone is what the engine says when no worker of a site took an order in time.
func gone() fault {
	return fault{before: temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)}
}

// A site's worker that is away is handled as the runbook, else the scenario, says.
func TestAnAbsentSiteIsHandledAsThePlanSays(t *testing.T) {
	for _, c := range []struct {
		name           string
		scenario, step string
		state          run.State
		fence          run.Outcome
		settled        run.SettledBy
		acts           []string // after the kill
	}{
		{"another site does it", "osaka", "", run.Recovered, run.Passed, run.ByResult,
			[]string{"world.fence", "world.promote", "world.rejoin", "world.switchover"}},
		{"the runbook can do without it", "", plan.AbsentSkip, run.Recovered, run.Skipped, run.ByAbsence,
			[]string{"world.promote", "world.rejoin", "world.switchover"}},
		{"it fails at once", plan.AbsentFail, "", run.NotResumable, run.Failed, run.ByObservation, []string{"world.start"}},
		{"the step's own word goes before", plan.AbsentFail, plan.AbsentSkip, run.Recovered, run.Skipped, run.ByAbsence,
			[]string{"world.promote", "world.rejoin", "world.switchover"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults["world.fence"] = []fault{gone()}
			w.run(drill(t, func(p *plan.Plan) {
				p.Scenario.WhenAbsent = c.scenario
				fence := step(p, "orders-failover", "fence")
				fence.Site, fence.WhenAbsent, fence.Retry = "tokyo", c.step, 2
			}))
			if got := w.state(); got != c.state {
				t.Errorf("state = %s, want %s", got, c.state)
			}
			e := w.step("fence")
			var res run.StepResult
			if err := e.Decode(&res); err != nil || e.Outcome != c.fence || res.SettledBy != c.settled {
				t.Errorf("fence %s by %s, want %s by %s (%v)", e.Outcome, res.SettledBy, c.fence, c.settled, err)
			}
			if c.fence == run.Passed && (e.Site != "osaka" || e.Generation != 2) {
				t.Errorf("fenced at %q as generation %d, want osaka, 2", e.Site, e.Generation)
			}
			if len(w.acts) == 0 || !slices.Equal(w.acts[1:], c.acts) {
				t.Errorf("acts %v, want %v after the kill", w.acts, c.acts)
			}
			if n := len(w.find(run.WorkerAbsent)); n != 1 {
				t.Errorf("the absence is told %d times", n)
			}
		})
	}
}

// A runbook that has failed asks nobody about its other steps, and begins nothing more: what was begun is undone.
func TestAFailedRunbookAsksNobody(t *testing.T) {
	w := newWorld(t)
	in := ruined(t, w, func(p *plan.Plan) {
		announce(p)
		beside := effect("beside", "world.check")
		beside.Retry = 1
		p.Runbooks[1].Steps = append(p.Runbooks[1].Steps, beside)
		step(p, "orders-failover", "promote").WhenAbsent = plan.AbsentFail
	})
	decide(w, map[string]run.Choice{"orders": run.Alternate})
	full := fault{before: temporal.NewNonRetryableApplicationError("the disk is full", plan.ErrFinding, nil)}
	w.faults["world.check"] = []fault{full, full}
	w.faults["world.promote"] = []fault{gone()}
	w.atEvent(run.StepWaiting, "beside", func() {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "announce", By: "tanaka", Act: run.ActDone}, nil)
	})
	w.run(in) // stands still where "beside" waits for somebody
	if e := w.find(run.UndoEnded); len(e) != 1 || e[0].Step != "fence" {
		t.Errorf("undone: %+v, want the fence", e)
	}
}

// An order that was taken and then lost with its site may still be carried out there: it
// is never given to another site nor left out, whatever the plan says. A person decides. So it is with one
// that was seen half done before its site fell silent.
func TestALostOrderIsNotMovedToAnotherSite(t *testing.T) {
	for _, c := range []struct {
		name           string
		scenario, step string
		half           bool
		outcome        run.Outcome
	}{
		{"another site", "osaka", "", false, run.Unknown},
		{"the runbook can do without it", "", plan.AbsentSkip, false, run.Unknown},
		{"half done, and the runbook can do without it", "", plan.AbsentSkip, true, run.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.faults["world.fence"] = []fault{{before: errLost}, gone()}
			w.half["world.fence"], w.lookGone = c.half, map[string]bool{"world.fence": !c.half}
			w.run(drill(t, func(p *plan.Plan) {
				p.Scenario.WhenAbsent = c.scenario
				fence := step(p, "orders-failover", "fence")
				fence.Site, fence.WhenAbsent, fence.Retry = "tokyo", c.step, 1
			}))
			if e := w.step("fence"); e.Outcome != c.outcome || e.Site != "tokyo" {
				t.Errorf("fence %s at %s, want %s at tokyo", e.Outcome, e.Site, c.outcome)
			}
			if slices.Contains(w.acts, "world.fence") || slices.Contains(w.acts, "world.promote") {
				t.Errorf("acts %v: nothing may be fenced elsewhere or promoted after that", w.acts)
			}
			if n := len(w.find(run.StepWaiting)); n != 1 {
				t.Errorf("a person was asked %d times, want once", n)
			}
		})
	}
}
