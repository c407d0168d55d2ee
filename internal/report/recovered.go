package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

// recoveryOver is when nothing more of what comes back comes back by the recovery: the way home
// began, or the drill began to put back what it had broken, in whichever system; zero is never. It is by
// the clock of those who look.
func (f *facts) recoveryOver(s *systemFacts) time.Time {
	at := s.homeward
	for _, u := range f.undone {
		if u.Purpose == "inject" && u.StartedAt != nil && (at.IsZero() || u.StartedAt.Before(at)) {
			at = *u.StartedAt
		}
	}
	return f.asProbesTell(s, at)
}

// cutsOffHomeAlone reports whether the run was a response that was aborted when all was recovered and verified, and the way
// home or the question of it had begun: then nothing of the recovery is undone.
func (f *facts) cutsOffHomeAlone() bool {
	return f.started.Rules >= 3 && f.started.Kind == run.Response && f.homeBegan &&
		slices.ContainsFunc(f.phases, func(p Phase) bool { return p.ID == run.Verification && p.Outcome == run.Passed })
}

const notInVerification = "not_in_verification"

// unverified is the doubt about service that was down when verification failed, or had not held
// yet: whatever brought it back after that, nobody in the run saw it recovered.
func (f *facts) unverified(s *systemFacts, r objective.Recovery, hold time.Duration) []Reason {
	for _, p := range f.phases {
		if p.ID != run.Verification || p.Outcome != run.Failed || r.RestoredAt.IsZero() || r.DownAt.IsZero() {
			continue
		}
		if ended := f.byProbes(s, *p.EndedAt); r.DownAt.Before(ended) && r.RestoredAt.Add(hold).After(ended) {
			return []Reason{{Code: notInVerification}}
		}
	}
	return nil
}
