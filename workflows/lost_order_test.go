package workflows_test

import (
	"testing"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// An order that never reached its worker is given once more, and nobody is woken to say so; one that is lost
// again is somebody's to look at.
func TestAnOrderThatWasLostIsGivenOnceMore(t *testing.T) {
	for lost := 1; lost <= 2; lost++ {
		w := newWorld(t)
		w.never["world.promote"] = true
		for range lost {
			w.faults["world.promote"] = append(w.faults["world.promote"], fault{before: errLost})
		}
		w.run(drill(t, nil))
		asked := 0
		for _, e := range w.find(run.StepWaiting) {
			if e.Step == "promote" {
				asked++
			}
		}
		tried := 0
		for _, e := range w.find(run.StepStarted) {
			if e.Step == "promote" {
				tried++
			}
		}
		if tried < 2 || asked != lost-1 {
			t.Errorf("lost %d times: tried %d times, and people were asked %d times; want at least 2, and %d", lost, tried, asked, lost-1)
		}
	}
}

// A drill is not given up for the order of an inject that was lost on its way.
func TestAnInjectThatWasLostIsOrderedOnceMore(t *testing.T) {
	for name, c := range map[string]struct {
		version workflow.Version
		lost    int
		outcome run.Outcome
		tried   int
	}{
		"lost once":                    {1, 1, run.Passed, 2},
		"lost twice":                   {1, 2, run.Failed, 2},
		"lost once in a run of before": {workflow.DefaultVersion, 1, run.Failed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.env.OnGetVersion("lost-injects", workflow.DefaultVersion, workflow.Version(1)).Return(c.version)
			w.never["world.kill"] = true
			for range c.lost {
				w.faults["world.kill"] = append(w.faults["world.kill"], fault{before: errLost})
			}
			w.run(drill(t, nil))
			var outcome run.Outcome
			for _, e := range w.find(run.StepEnded) {
				if e.Step == "kill" {
					outcome = e.Outcome
				}
			}
			tried := 0
			for _, e := range w.find(run.StepStarted) {
				if e.Step == "kill" {
					tried++
				}
			}
			if gaveUp := len(w.find(run.RunAbortRequested)) > 0; outcome != c.outcome || tried != c.tried || gaveUp != (c.outcome == run.Failed) {
				t.Errorf("the inject %s after %d tries, and the drill was given up: %v; want %s after %d", outcome, tried, gaveUp, c.outcome, c.tried)
			}
		})
	}
}
