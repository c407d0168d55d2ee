package probe

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/run"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }

func TestTransitionsCarryTheContractsTimes(t *testing.T) {
	var y tally
	for n, f := range []fate{ok, ok, failed, unknown, ok} {
		y.add(sample{Began: at(n * 250), Ended: at(n*250 + 10), Fate: f, Error: "why"})
	}
	want := []run.Transition{
		{At: at(10), Up: true},
		{At: at(500), LastOKAt: at(260), Error: "why"}, // when the first failed sample began
		{At: at(1010), Up: true},                       // when the first good one ended
	}
	got := y.observations()
	if len(got.Transitions) != len(want) {
		t.Fatalf("transitions = %+v", got.Transitions)
	}
	for n := range want {
		if got.Transitions[n] != want[n] {
			t.Errorf("transition %d = %+v, want %+v", n, got.Transitions[n], want[n])
		}
	}
	if got.Samples != 5 || got.OK != 3 || got.StartedAt != at(0) || got.EndedAt != at(1010) {
		t.Errorf("observations = %+v", got)
	}
}

// A worker that is stopped, or whose machine stands still, looks at nothing meanwhile: the
// span is a gap, and service is not said to have been seen through it.
func TestAStandstillIsAGap(t *testing.T) {
	tl := &tally{silence: 750 * time.Millisecond, holds: []run.Duration{run.Duration(time.Second)}}
	for _, ms := range []int{0, 250, 500, 5500, 5750} {
		tl.add(sample{Began: at(ms), Ended: at(ms + 5), Fate: ok})
	}
	if len(tl.obs.Gaps) != 1 || tl.obs.Gaps[0] != (run.Span{From: at(505), To: at(5500)}) {
		t.Errorf("gaps = %+v", tl.obs.Gaps)
	}
	if w := tl.word(); w.Since != at(5505) || w.Until != at(5755) || tl.held() != 0 {
		t.Errorf("word = %+v, held %d", w, tl.held())
	}
}

func TestTransitionsPastTheCapAreCounted(t *testing.T) {
	var y tally
	for n := range maxTransitions + 5 {
		y.add(sample{Began: at(n), Ended: at(n), Fate: fate(n % 2)})
	}
	if o := y.observations(); len(o.Transitions) != maxTransitions || o.TransitionsCut != 5 || o.Samples != maxTransitions+5 {
		t.Errorf("%d transitions kept, %d cut, %d samples", len(o.Transitions), o.TransitionsCut, o.Samples)
	}
	if b := y.brief(); len(b.Transitions) != 100 || b.TransitionsCut != maxTransitions+5-100 {
		t.Errorf("brief: %d transitions, %d cut", len(b.Transitions), b.TransitionsCut)
	}
}

// A worker whose machine stands still again and again hands in what the engine takes: the first and the last gaps, and one for those between.
func TestGapsPastTheCapAreJoined(t *testing.T) {
	y := tally{silence: 5 * time.Millisecond}
	for n := range 40_000 {
		y.add(sample{Began: at(n * 10), Ended: at(n*10 + 1), Fate: ok})
	}
	for name, c := range map[string]struct {
		o    run.Observations
		most int
	}{"observations": {y.observations(), maxGaps}, "brief": {y.brief(), 100}} {
		gaps := c.o.Gaps
		if len(gaps) != c.most || gaps[0] != (run.Span{From: at(1), To: at(10)}) || gaps[len(gaps)-1] != (run.Span{From: at(399_981), To: at(399_990)}) {
			t.Fatalf("%s: %d gaps, from %v to %v", name, len(gaps), gaps[0], gaps[len(gaps)-1])
		}
		all := int64(0)
		for i, g := range gaps {
			all += max(1, g.Joined)
			if i > 0 && g.From.Before(gaps[i-1].To) || (g.Joined > 0) != (i == c.most/2) {
				t.Fatalf("%s: gap %d is %+v after %+v", name, i, g, gaps[i-1])
			}
		}
		if all != 39_999 {
			t.Errorf("%s speaks of %d gaps, want 39,999", name, all)
		}
	}
}

func TestLossesNameTheSurvivorBefore(t *testing.T) {
	y := tally{obs: run.Observations{Markers: &run.Markers{}}}
	for n := range 6 {
		f := ok
		if n == 3 {
			f = unknown
		}
		y.add(sample{Began: at(n * 10), Ended: at(n*10 + 1), Fate: f, Seq: int64(n + 1)})
	}
	y.count([]int64{1, 2, 4}, 6, at(100)) // 4 was never answered, and survived all the same
	m := y.obs.Markers
	if m.Acked != 5 || m.Unknown != 1 || m.Lost != 3 || m.CountedAt != at(100) {
		t.Errorf("markers = %+v", m)
	}
	if want := (run.Loss{Seq: 6, AckedAt: at(51), SurvivorAt: at(11), Count: 3}); len(m.Losses) != 1 || m.Losses[0] != want {
		t.Errorf("losses = %+v, want one stretch, %+v", m.Losses, want)
	}
	y.count([]int64{1, 2, 3, 4, 5}, 5, at(200)) // 6 was acknowledged after the count began
	if m.Lost != 0 || len(m.Losses) != 0 {
		t.Errorf("counted anew: %+v", m)
	}
}

// Once service has held for long, samples between two markers leave none: what was written until the last of them that was served
// is lost with the marker before it, so that a loss is never short by what lies between markers, and too long by no more.
func TestALossReachesToTheLastSampleServed(t *testing.T) {
	y := tally{obs: run.Observations{Markers: &run.Markers{}}}
	for n := range 12 { // a marker a second, a sample each quarter
		s := sample{Began: at(n * 250), Ended: at(n*250 + 1), Fate: ok}
		if n%4 == 0 {
			s.Seq = int64(n/4 + 1)
		}
		y.add(s)
	}
	y.add(sample{Began: at(3000), Ended: at(3001), Fate: failed})
	y.add(sample{Began: at(3250), Ended: at(3251), Fate: ok, Seq: 4})
	y.add(sample{Began: at(3500), Ended: at(3501), Fate: ok})
	y.count([]int64{1, 4}, 4, at(4000))
	want := run.Loss{Seq: 3, AckedAt: at(2001), SurvivorAt: at(1), Count: 2, TakenUntil: at(2751)}
	m := y.obs.Markers
	if len(m.Losses) != 1 || m.Losses[0] != want {
		t.Fatalf("losses = %+v, want %+v", m.Losses, want)
	}
	// Replication stood at some moment after 1 was kept and before 2 was written; service, after the last sample served.
	if span := m.Losses[0].Span(); span != 2750*time.Millisecond {
		t.Errorf("span = %s, want 2.75s: until writes were last seen taken", span)
	}
}

// However much was lost, the span of it is known: a standby that was 20 minutes behind lost one
// stretch of markers, and each stretch is in the list with its newest.
func TestALargeLossIsKnownInFull(t *testing.T) {
	y := tally{obs: run.Observations{Markers: &run.Markers{}}}
	var found []int64
	for n := range 10_000 {
		y.add(sample{Began: at(n * 250), Ended: at(n*250 + 1), Fate: ok, Seq: int64(n + 1)})
		if n < 5_200 {
			found = append(found, int64(n+1))
		}
	}
	y.count(found, 10_000, at(3_000_000))
	for name, o := range map[string]run.Observations{"observations": y.observations(), "brief": y.brief()} {
		want := run.Loss{Seq: 10_000, AckedAt: at(9_999*250 + 1), SurvivorAt: at(5_199*250 + 1), Count: 4_800}
		if m := o.Markers; m.Lost != 4_800 || m.LossesCut != 0 || len(m.Losses) != 1 || m.Losses[0] != want {
			t.Errorf("%s: lost %d, cut %d, losses %+v", name, m.Lost, m.LossesCut, m.Losses)
		}
	}
}

// Of more stretches than the list takes, the longest stay, in order.
func TestTheLongestStretchesStay(t *testing.T) {
	y := tally{obs: run.Observations{Markers: &run.Markers{}}}
	var found []int64
	for n := range 2_000 {
		y.add(sample{Began: at(n * 250), Ended: at(n*250 + 1), Fate: ok, Seq: int64(n + 1)})
		if n%2 == 0 && (n < 1_500 || n > 1_600) { // every second was lost, and a hundred in a row
			found = append(found, int64(n+1))
		}
	}
	y.count(found, 2_000, at(600_000))
	for name, c := range map[string]struct {
		o    run.Observations
		most int
	}{"observations": {y.observations(), maxLosses}, "brief": {y.brief(), 50}} {
		m, sum, longest := c.o.Markers, int64(0), time.Duration(0)
		for i, l := range m.Losses {
			sum, longest = sum+max(1, l.Count), max(longest, l.AckedAt.Sub(l.SurvivorAt))
			if i > 0 && l.Seq <= m.Losses[i-1].Seq {
				t.Errorf("%s: loss %d is out of order", name, i)
			}
		}
		if len(m.Losses) != c.most || sum+m.LossesCut != m.Lost || longest != at(1_601*250).Sub(at(1_498*250)) {
			t.Errorf("%s: %d stretches with %d lost, %d cut, %d in all, the longest %v", name, len(m.Losses), sum, m.LossesCut, m.Lost, longest)
		}
	}
}

// What is lost with an outage is known only from markers of before it, so the tally says when they begin: anew
// where a heartbeat is all that is left of what was acknowledged before.
func TestTheFirstAcknowledgedMarkerHasItsTime(t *testing.T) {
	y := tally{obs: run.Observations{Markers: &run.Markers{}}}
	for n, f := range []fate{failed, unknown, ok, ok, failed, ok} {
		s := sample{Began: at(n * 10), Ended: at(n*10 + 1), Fate: f}
		if f != failed {
			s.Seq = int64(n + 1)
		}
		y.add(s)
	}
	if first := y.observations().Markers.FirstAckedAt; first != at(21) {
		t.Errorf("the first was acknowledged at %v, want %v", first, at(21))
	}
	again := tally{obs: run.Observations{Markers: &run.Markers{}}}
	again.resume(y.brief())
	if m := again.obs.Markers; m.Acked != 0 || !m.FirstAckedAt.IsZero() || m.Unknown != 4 {
		t.Errorf("after a restart without a log: %+v, want nothing that can be checked", m)
	}
	again.add(sample{Began: at(500), Ended: at(501), Fate: ok, Seq: 100})
	if first := again.obs.Markers.FirstAckedAt; first != at(501) {
		t.Errorf("the first of those that can be checked was acknowledged at %v, want %v", first, at(501))
	}
}

// Whatever happens, every sample is counted, transitions alternate, and the lost are
// exactly those acknowledged and not found.
func TestTallyHoldsForAnySamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y := tally{obs: run.Observations{Markers: &run.Markers{}}}
		fates := rapid.SliceOfN(rapid.SampledFrom([]fate{ok, failed, unknown}), 1, 200).Draw(t, "fates")
		var found []int64
		var lost int64
		for n, f := range fates {
			s := sample{Began: at(2 * n), Ended: at(2*n + 1), Fate: f}
			if f != failed {
				s.Seq = int64(n + 1)
				if rapid.Bool().Draw(t, "survives") {
					found = append(found, s.Seq)
				} else if f == ok {
					lost++
				}
			}
			y.add(s)
		}
		y.count(found, int64(len(fates)), at(1000))
		o := y.observations()
		listed := o.Markers.LossesCut
		for _, l := range o.Markers.Losses {
			listed += max(1, l.Count)
		}
		if o.Samples != int64(len(fates)) || o.Markers.Lost != lost || listed != lost {
			t.Fatalf("observations = %+v, want %d lost", o, lost)
		}
		for n, tr := range o.Transitions {
			if n > 0 && tr.Up == o.Transitions[n-1].Up {
				t.Fatalf("transitions do not alternate: %+v", o.Transitions)
			}
		}
	})
}
