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

// Of a run of which the engine takes little more, what is left is kept for what steers it, and for what the response rests on.
func TestWhatIsLeftOfARunIsKeptForWhatSteersIt(t *testing.T) {
	for name, c := range map[string]struct {
		size, events  int64
		acts, updates int
		want          bool
	}{
		"a month of notices, on one's own Temporal": {10 << 20, 30_000, 3000, 0, false},
		"the same in the Cloud":                     {10 << 20, 30_000, 1401, 2000, true},
		"a week of them in the Cloud":               {10 << 20, 14_000, 1400, 2000, false},
		"many events":                               {10 << 20, 41_000, 0, 0, true},
		"many bytes":                                {41 << 20, 1000, 0, 0, true},
	} {
		if got := full(c.size, c.events, c.acts, c.updates); got != c.want {
			t.Errorf("%s: full is %v", name, got)
		}
	}
	s := &Server{}
	s.pace.fill("quake-real-1", true)
	for act, refused := range map[string]bool{workflows.UpdateNotice: true, workflows.UpdateReach: true, workflows.UpdateFollowUp: true, workflows.UpdateRemark: true,
		workflows.UpdateDecide: false, workflows.UpdateApprove: false, workflows.UpdateAbort: false, workflows.UpdatePause: false, workflows.UpdateConfirm: false,
		workflows.UpdateAssess: false, workflows.UpdateInspect: false, workflows.UpdateHandover: false} {
		if err := s.paced(t.Context(), "quake-real-1", "sato", act, mostActs); (err != nil) != refused {
			t.Errorf("%s: %v", act, err)
		}
	}
	s.pace.forget(nil)
	if s.pace.keeps("quake-real-1", workflows.UpdateRemark) {
		t.Error("it is kept of a run that has ended")
	}
}
