package workflows_test

import (
	"testing"

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
