package api

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/workflows"
)

// An alarm is not held to a person's pace, and is the first to act in a server that starts.
func TestAnAlarmIsTheFirstToAct(t *testing.T) {
	var p pace
	if p.done("quake-real-1", "alarm:jma", "abort") {
		t.Error("the first act has the run weighed")
	}
}

// Whoever settles every step of a large plan can still steer the run; and whoever has steered it as often as
// anybody may, or has just done very much at once, can still stop it.
func TestStepsKeepNobodyFromSteering(t *testing.T) {
	var p pace
	now := time.Now()
	most := mostSteps(plan.Plan{Runbooks: []plan.Runbook{{Steps: make([]plan.Step, 400)}, {Steps: make([]plan.Step, 100)}}})
	acts := func(act string, most, times int) (taken int) {
		t.Helper()
		for range times {
			now = now.Add(time.Second)
			if ok, _ := p.may("quake-real-1", "sato", act, most, now); ok {
				p.done("quake-real-1", "sato", act)
				taken++
			}
		}
		return taken
	}
	if n := acts(workflows.UpdateStep, most, 500); n != 500 {
		t.Errorf("%d of 500 steps settled", n)
	}
	for act, want := range map[string]int{workflows.UpdateApprove: 1, workflows.UpdateDecide: 1, workflows.UpdatePause: 1, workflows.UpdateResume: 1, workflows.UpdateAbort: 1} {
		if n := acts(act, mostActs, 1); n != want {
			t.Errorf("after the steps: %s is refused", act)
		}
	}
	if n := acts(workflows.UpdateStep, most, 5000); n >= 4000 {
		t.Errorf("%d more steps taken: they have no bound", n)
	}
	if n := acts(workflows.UpdateApprove, mostActs, 500); n >= mostActs {
		t.Errorf("%d approvals taken, and the bound is %d", n, mostActs)
	}
	for range 100 { // all at this moment
		if ok, _ := p.may("quake-real-1", "sato", workflows.UpdateRemark, mostActs, now); ok {
			p.done("quake-real-1", "sato", workflows.UpdateRemark)
		}
	}
	for _, act := range []string{workflows.UpdateAbort, workflows.UpdatePause} {
		if ok, _ := p.may("quake-real-1", "sato", act, mostActs, now); !ok {
			t.Errorf("%s is refused", act)
		}
	}
}
