package probe

import (
	"testing"
	"time"
)

// However long the targets of a run flap, what its probes tell stays within what the engine takes: 10,000 signals in
// a workflow's life where nobody raised that, and a history of 51,200 events, of which a word is five.
func TestFlappingProbesDoNotUseUpTheirRun(t *testing.T) {
	for _, probes := range []int{1, 4, 20, 40, 100} {
		a := newAllowance(probes, t0)
		words := map[time.Duration]int{}
		n, end := 0, 30*24*time.Hour
		for now := time.Duration(0); now < end; {
			if wait := a.take(t0.Add(now)); wait > 0 {
				now += wait
				continue
			}
			n++
			words[now.Truncate(time.Hour)] += probes
		}
		if all := n * probes; all > 8500 {
			t.Errorf("%d probes told the run %d words in 30 days", probes, all)
		}
		if first := words[0]; first < 20 {
			t.Errorf("%d probes told the run %d words in the first hour", probes, first)
		}
	}
}

func TestAProbeTellsAtOnceWhatItMay(t *testing.T) {
	a := newAllowance(1, t0)
	for n := range 50 {
		if wait := a.take(t0); wait != 0 {
			t.Fatalf("word %d waits %v", n, wait)
		}
	}
	if wait := a.take(t0.Add(3 * time.Second)); wait != 7*time.Second {
		t.Errorf("the next waits %v, want 7 s", wait)
	}
	// What did not arrive costs nothing: after an hour without the engine the word is told at once.
	for range 1000 {
		if a.take(t0.Add(10*time.Second)) == 0 {
			a.giveBack()
		}
	}
	if wait := a.take(t0.Add(10 * time.Second)); wait != 0 {
		t.Errorf("it waits %v", wait)
	}
	// A target that was calm for long is told of at once again.
	later := t0.Add(24 * time.Hour)
	for n := range 50 {
		if wait := a.take(later); wait != 0 {
			t.Fatalf("word %d after a calm day waits %v", n, wait)
		}
	}
}
