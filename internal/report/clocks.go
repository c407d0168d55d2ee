package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// clockWord is a probe's word: it has the time of the site that looks, and the engine's of when it
// arrived.
type clockWord struct {
	probe, site string
	took        time.Duration // from the one to the other, by two clocks
	allowed     time.Duration // of that, what the look itself may have taken
}

func (f *facts) clockWord(e run.Event, c run.ProbeChange) {
	if c.At.IsZero() {
		return
	}
	w := clockWord{probe: e.Step, site: e.Site, took: e.At.Sub(c.At)}
	for _, s := range f.systems {
		for _, p := range s.plan.Probes {
			if p.Name == e.Step && (!c.Up || c.Level != 0) { // told when it had ended, of when it had begun
				w.allowed = max(p.Timeout.Std(), time.Second)
			}
		}
	}
	f.words = append(f.words, w)
}

// clockBehind is how far a site's clock is behind the engine's, as its probes' words show: under zero
// it is ahead, and zero says that the two agree or that nobody can tell. Words come late, so the
// promptest counts; one alone may have come late. A probe that takes a baseline tells nothing until it
// has it.
func (f *facts) clockBehind(site string) time.Duration {
	var least, surely time.Duration
	n := 0
	for _, w := range f.words {
		if w.site != site || slices.ContainsFunc(f.probes, func(p Probe) bool { return p.ID == w.probe && p.Baseline != nil }) {
			continue
		}
		if n++; n == 1 {
			least, surely = w.took, w.took-w.allowed
		}
		least, surely = min(least, w.took), min(surely, w.took-w.allowed)
	}
	switch {
	case n > 0 && least <= -clockStep:
		return least
	case n > 1 && surely >= clockStep:
		return surely
	}
	return 0
}

// vantages are the sites that look, each once.
func vantages(probes []plan.Probe) []string {
	var out []string
	for _, p := range probes {
		if !slices.Contains(out, p.Vantage) {
			out = append(out, p.Vantage)
		}
	}
	return out
}

// asProbesTell is an instant of the engine's clock by that of the sites that look at a system: of
// several, the one that is furthest off.
func (f *facts) asProbesTell(s *systemFacts, at time.Time) time.Time {
	var off time.Duration
	for _, site := range vantages(s.plan.Probes) {
		if b := f.clockBehind(site); b.Abs() > off.Abs() {
			off = b
		}
	}
	if at.IsZero() {
		return at
	}
	return at.Add(-off)
}

// byProbes is asProbesTell for what runs of before took as it was.
func (f *facts) byProbes(s *systemFacts, at time.Time) time.Time {
	if f.started.Rules < 3 {
		return at
	}
	return f.asProbesTell(s, at)
}

// mixed is the doubt about a time that began by another clock than that by which it ended, where the
// site that looks is so far behind that the objective may have been missed.
func (f *facts) mixed(s *systemFacts, e objective.Event, r objective.Recovery, within *run.Duration) []Reason {
	actual, ok := r.Actual()
	if !ok || within == nil || e.Seen || r.StartedAt.Equal(r.DownAt) {
		return nil
	}
	for _, site := range vantages(s.plan.Probes) {
		if b := f.clockBehind(site); b > 0 && actual+b > within.Std() {
			return []Reason{{"clock_behind", site}}
		}
	}
	return nil
}

// aboutClocks tells of sites that look by a clock that is not the engine's.
func (f *facts) aboutClocks(l *findingList) {
	var probes []plan.Probe
	for _, s := range f.systems {
		probes = append(probes, s.plan.Probes...)
	}
	for _, site := range vantages(probes) {
		switch b := f.clockBehind(site); {
		case b > 0:
			l.add(run.FindingClock, "", "", say("the clock at %s, by which its probes tell times, is %s behind the engine's", "拠点 %s の時計（プローブの時刻）がエンジンの時計より %s 遅れている", site, span(b.Seconds())), "")
			l.at("clock", "site", site)
		case b < 0:
			l.add(run.FindingClock, "", "", say("the clock at %s, by which its probes tell times, is %s ahead of the engine's", "拠点 %s の時計（プローブの時刻）がエンジンの時計より %s 進んでいる", site, span(-b.Seconds())), "")
			l.at("clock", "site", site)
		}
	}
}
