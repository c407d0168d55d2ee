package objective

import (
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

var (
	// ErrNoMarker: no marker was acknowledged, or the survivors were never read back in
	// full after the restoration. The loss is unknown.
	ErrNoMarker = errors.New("no marker was read back after the restoration")
	// ErrNoSurvivor: markers were lost and no older one is there, so that nobody can
	// say how far back the data reaches.
	ErrNoSurvivor = errors.New("no marker survived before the lost ones")
	// ErrLossesCut: more markers were lost than the probe lists.
	ErrLossesCut = errors.New("more markers were lost than were listed")
)

// AchievedRPO returns how much acknowledged work was lost, as a span of time: the time
// the newest lost marker was acknowledged minus that of the newest survivor before it,
// the largest such span when there are several. Both were stamped by the one client that
// wrote them, so drift between the sites' clocks does not enter. Zero means that nothing
// acknowledged was lost; a write that was sent and never answered is unknown, which is
// not lost.
//
// With an error the loss is not proven, and a report never shows it as zero; the span is
// then the least that was lost. A count older than restored proves nothing of what
// survived the recovery.
//
// Rule: recovery point as in the glossary of NIST SP 800-34 Rev. 1.
func AchievedRPO(m run.Markers, restored time.Time) (time.Duration, error) {
	if m.Acked == 0 || m.CountedAt.IsZero() || m.CountedAt.Before(restored) {
		return 0, ErrNoMarker
	}
	var (
		span time.Duration
		err  error
	)
	for _, l := range m.Losses {
		if l.SurvivorAt.IsZero() {
			err = ErrNoSurvivor
			continue
		}
		span = max(span, l.AckedAt.Sub(l.SurvivorAt))
	}
	if err == nil && (m.LossesCut > 0 || m.Lost > int64(len(m.Losses))) {
		err = ErrLossesCut
	}
	return span, err
}

// JudgeRPO holds a loss against an objective; nil is "not set", which is never met. A
// loss that is not fully known still misses an objective that its known part exceeds.
func JudgeRPO(span time.Duration, err error, objective *run.Duration) run.Verdict {
	switch {
	case objective == nil:
		return run.NoObjective
	case span > objective.Std():
		return run.Missed
	case err != nil:
		return run.NotProven
	}
	return run.Met
}
