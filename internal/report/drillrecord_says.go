package report

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// form is the run as standards name exercises: full scale is the loss of a site that people answered.
func form(p plan.Plan, r Report) string {
	switch {
	case r.Run.Kind == run.Response:
		return "real"
	case r.Run.Depth == run.Tabletop:
		return "tabletop"
	case r.Run.Depth == run.Walkthrough:
		return "walkthrough"
	case r.Run.Depth.Allows(run.Disrupt) && len(p.Scenario.SitesLost) > 0 && !r.People.Simulated:
		return "full_scale"
	}
	return "functional"
}

// restored: what the run did to the environment was cleaned up, and every system is where it was. Nil is
// what nobody has proven, and a run that goes on.
func restored(r Report) *bool {
	if r.Run.EndedAt == nil {
		return nil
	}
	ok, proven := !cleanUpLeft(r), true
	for _, s := range r.Systems {
		switch {
		case s.Restore != nil:
			ok = ok && !s.Restore.left
		case s.Moved && (s.Failback.EndedAt == nil || s.Failback.Verdict == run.Missed):
			ok = false
		case s.Moved && s.Failback.Verdict != run.Met:
			proven = false
		}
	}
	if ok && !proven {
		return nil
	}
	return &ok
}

func cleanUpLeft(r Report) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == run.FindingCleanUp })
}

// asBefore makes of a record what the first format said: that all was restored where no clean-up was found to be
// open, that whoever had an answer took part, and that everything live was full scale.
func (out *DrillRecord) asBefore(r Report) {
	if r.Run.Kind != run.Response && r.Run.Depth != run.Tabletop && r.Run.Depth != run.Walkthrough && r.Run.Depth.Allows(run.Disrupt) {
		out.Identity.Form = "full_scale"
	}
	if n := len(r.People.List); n > 0 {
		share := round(float64(r.People.Answered) / float64(n))
		out.People.Share = &share
	}
	if out.After.Restored = nil; r.Run.EndedAt != nil {
		ok := !cleanUpLeft(r)
		out.After.Restored = &ok
	}
}

// Participation is the share of those called who answered themselves or came, nil when nobody was called.
func (p People) Participation() *float64 {
	if len(p.List) == 0 {
		return nil
	}
	took := 0
	for _, m := range p.List {
		if m.TookPart() {
			took++
		}
	}
	share := float64(took) / float64(len(p.List))
	return &share
}

// TookPart reports whether somebody answered themselves or came: what somebody else entered is no part of theirs.
func (m PersonRecord) TookPart() bool {
	self := func(s *Said) bool { return s != nil && s.By == m.ID }
	return m.ArrivedAt != nil || m.AnsweredAt != nil && (m.EnteredBy == "" || self(m.First) || self(m.Last))
}
