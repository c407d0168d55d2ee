package probe

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// flap has a target change every so often, for so long, and returns how many words the probe's run was told, in all and
// in the first hour: each change as soon as it may be told, and of one that is up for longer also three spans that it held.
func flap(a *allowance, every, span time.Duration) (words, early int) {
	due := 0
	for now, up, changed := time.Duration(0), false, time.Duration(0); now < span; {
		if now >= changed {
			up, due = !up, 1
			if up && every >= 3*time.Second {
				due = 4
			}
			a.sees(plan.Observed{Up: up}, t0.Add(now))
			changed = now + every
		}
		if due == 0 {
			now = changed
			continue
		}
		wait, _ := a.take(t0.Add(now))
		if wait == 0 {
			due--
			if words++; now < time.Hour {
				early++
			}
			continue
		}
		now = min(now+wait, changed)
	}
	return words, early
}

// However the targets of a run flap, and however long, what its probes tell stays within what the engine takes: 20,000 signals in
// a workflow's life, and a history of 51,200 events, of which a word that comes alone is ten: itself, the task that hears it, and the
// journal's timer, task and marker (see workflows/testdata/histories/silent-probe-beside.json).
func TestFlappingProbesDoNotUseUpTheirRun(t *testing.T) {
	for _, probes := range []int{1, 4, 20, 100, 200} {
		for _, every := range []time.Duration{2 * time.Second, 11 * time.Second, 5 * time.Minute, 3 * time.Hour} {
			a := newAllowance(probes, t0)
			n, first := flap(&a, every, 30*24*time.Hour)
			if all := n * probes; 10*all > 45_000 {
				t.Errorf("%d probes whose targets change every %v told the run %d words in 30 days", probes, every, all)
			}
			if first*probes < 20 && every < time.Minute {
				t.Errorf("%d probes told the run %d words in the first hour", probes, first*probes)
			}
			// Then the run waits for all of them, four times in vain for the default of 5 minutes, and starts each anew
			// that it has not heard for 20 s.
			now, up, spoke := t0.Add(30*24*time.Hour), false, time.Duration(0)
			for s := time.Duration(0); s < 20*time.Minute; s += time.Second {
				if s%every == 0 {
					up = !up
					a.sees(plan.Observed{Up: up}, now.Add(s))
				}
				if s-spoke >= 20*time.Second {
					a.asked(now.Add(s))
				}
				if wait, _ := a.take(now.Add(s)); wait == 0 {
					n, spoke = n+1, s
				}
			}
			if all := n * probes; all > 15_000 && probes <= 100 {
				t.Errorf("%d probes whose targets change every %v told the run %d words, also while it waited", probes, every, all)
			}
		}
	}
}

// What a run waits for is told within about 10 s, however long its targets have flapped: that one comes back after an outage, that it
// goes down on its way home, that it holds, and what the run asks for anew.
func TestWhatARunWaitsForIsToldAfterDaysOfFlapping(t *testing.T) {
	for _, probes := range []int{1, 20, 100, 200} {
		a := newAllowance(probes, t0)
		flap(&a, 2*time.Second, 4*24*time.Hour)
		now := t0.Add(4*24*time.Hour + time.Minute)
		told := func(what string) {
			t.Helper()
			wait, _ := a.take(now)
			if wait > settled {
				t.Errorf("%d probes: %s waits %v", probes, what, wait)
				return
			}
			if now = now.Add(wait); wait > 0 {
				if again, _ := a.take(now); again > 0 {
					t.Errorf("%d probes: %s waits %v, and then %v", probes, what, wait, again)
				}
			}
		}
		sees := func(up bool, after time.Duration) {
			now = now.Add(after)
			a.sees(plan.Observed{Up: up}, now)
		}
		for range 2 {
			sees(!a.up, 0)
			sees(false, time.Second)
			told("that it is down")
			sees(true, 2*time.Minute)
			told("that it is back")
			sees(true, 3*time.Second)
			told("that it held 3 s")
			sees(true, 27*time.Second)
			told("that it held 30 s")
		}
		for a.kept.spare > 0 || a.flaps.spare > 0 { // whatever is left
			a.calm = true
			a.take(now)
		}
		sees(!a.up, time.Second)
		sees(!a.up, time.Second)
		for range 20 {
			now = now.Add(20 * time.Second)
			a.asked(now)
			told("the answer to a new start")
		}
	}
}

func TestAProbeTellsAtOnceWhatItMay(t *testing.T) {
	p := newPurse(50, 10*time.Second, time.Hour, t0)
	for n := range 50 {
		if wait := p.take(t0); wait != 0 {
			t.Fatalf("word %d waits %v", n, wait)
		}
	}
	if wait := p.take(t0.Add(3 * time.Second)); wait != 7*time.Second {
		t.Errorf("the next waits %v, want 7 s", wait)
	}
	// What did not arrive costs nothing: after an hour without the engine the word is told at once.
	for range 1000 {
		if p.take(t0.Add(10*time.Second)) == 0 {
			p.giveBack()
		}
	}
	if wait := p.take(t0.Add(10 * time.Second)); wait != 0 {
		t.Errorf("it waits %v", wait)
	}
	// A target that was calm for long is told of at once again.
	later := t0.Add(24 * time.Hour)
	for n := range 50 {
		if wait := p.take(later); wait != 0 {
			t.Fatalf("word %d after a calm day waits %v", n, wait)
		}
	}
}

func TestAnAnswerThatDidNotArriveCostsNothing(t *testing.T) {
	a := newAllowance(100, t0)
	a.sees(plan.Observed{}, t0)
	for a.flaps.spare+a.kept.spare > 0 {
		a.take(t0)
	}
	a.asked(t0)
	for range 100 {
		wait, giveBack := a.take(t0)
		if wait != 0 {
			t.Fatalf("it waits %v", wait)
		}
		giveBack()
	}
}
