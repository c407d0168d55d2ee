package gateway

import (
	"testing"
	"time"
)

// In a month of the worst flapping all that probes say is heard, also that a hundred of them are back at once; and whoever has
// the key of a site instead does not use up the 20,000 signals of a run.
func TestWhatProbesSayInAMonthIsHeard(t *testing.T) {
	const probes, honest, month = 100, 8500, 30 * 24 * time.Hour
	of, t0 := hearing{"tokyo", "r1"}, time.Now()
	for _, stolen := range []bool{false, true} {
		var w words
		w.learn(of, probes, t0)
		heard := 0
		say := func(now time.Time) bool {
			if !w.known(of, now) {
				w.learn(of, probes, now)
			}
			if !w.allow(of, now) {
				return false
			}
			heard++
			return true
		}
		every := month / honest
		if stolen {
			every = time.Second
		}
		now := t0
		for ; now.Before(t0.Add(month)); now = now.Add(every) {
			if !say(now) && !stolen {
				t.Fatalf("word %d is not heard", heard+1)
			}
		}
		if stolen && heard > 15_000 {
			t.Errorf("%d words are let through in a month", heard)
		}
		for range probes {
			if !stolen && !say(now) {
				t.Fatalf("that a probe is back is not heard, after %d words", heard)
			}
		}
		// Even past that, what all of them answer is.
		for heard < wordsInAll && !stolen {
			say(now)
		}
		for range wordsLeft * probes {
			if !stolen && !say(now) {
				t.Fatalf("an answer is not heard, after %d words", heard)
			}
		}
	}
}
