package gateway

import (
	"fmt"
	"testing"
	"time"
)

// What a probe says in the worst case is let through: bursts after each start of its worker, and one word in 10 s for
// hours. Whoever says as much as the gateway lets through for days stays far below what a run takes.
func TestHowMuchASiteMaySay(t *testing.T) {
	begun := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	say := func(w *words, of hearing, probes int, now time.Time) bool {
		if !w.known(of, now) {
			w.learn(of, probes, now)
		}
		return w.allow(of, now)
	}
	of := hearing{"tokyo", "tokyo-loss-1"}

	var honest words
	now := begun
	for start := range 3 {
		for n := range 50 {
			if !say(&honest, of, 1, now) {
				t.Fatalf("start %d, word %d of the burst was refused", start, n)
			}
			now = now.Add(100 * time.Millisecond)
		}
	}
	for n := range 4 * 360 {
		if now = now.Add(10 * time.Second); !say(&honest, of, 1, now) {
			t.Fatalf("the word after %d times 10 s was refused", n)
		}
	}

	var thief words
	n := 0
	for now = begun; now.Before(begun.Add(3 * 24 * time.Hour)); now = now.Add(time.Second) {
		if say(&thief, of, 20, now) {
			n++
		}
	}
	if n > wordsInAll+3*24*60+1 || n < wordsInAll {
		t.Errorf("%d words of one site in three days; a run takes 20,000", n)
	}
	if !say(&thief, hearing{"osaka", of.run}, 1, now) {
		t.Error("another site is not heard any more")
	}
}

// What is remembered is bounded.
func TestWhatASiteMaySayIsForgotten(t *testing.T) {
	var w words
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for n := range mostHeard + 10 {
		w.learn(hearing{"tokyo", fmt.Sprint(n)}, 1, now.Add(time.Duration(n)*time.Second))
	}
	if len(w.of) != mostHeard || w.of[hearing{"tokyo", "9"}] != nil || w.of[hearing{"tokyo", "10"}] == nil {
		t.Errorf("%d runs are remembered, want the newest %d", len(w.of), mostHeard)
	}
}
