package plan

import (
	"slices"

	"github.com/muster-dr/muster/internal/run"
)

// Release says by what an inject is released in place of a time: the beginning of a phase, or
// something that those who take part do. Step.After counts from then.
type Release struct {
	Phase run.Phase `json:"phase,omitempty"`
	Act   string    `json:"act,omitempty"` // see ReleasingActs
}

// ReleasingActs are the acts by which an inject may be released, with what the journal calls
// them.
func ReleasingActs() map[string]run.EventKind {
	return map[string]run.EventKind{
		"quorum": run.QuorumReached, "inspection": run.SiteInspected, "contact": run.PartyReached, "assessment": run.DamageAssessed,
		"containment": run.ContainmentDone, "decision": run.DecisionMade, "approval": run.ApprovalGiven,
	}
}

// On reports whether an event releases it.
func (r Release) On(e run.Event) bool {
	if r.Phase != "" {
		return e.Kind == run.PhaseStarted && e.Phase == r.Phase
	}
	kind, ok := ReleasingActs()[r.Act]
	return ok && e.Kind == kind
}

// MaySee reports whether a person may read what a drill of the scenario will bring: its text,
// its injects, its plan (requirement C-BLD-01). Of a blind one only its facilitators may,
// until it is over. Nobody known is "", who may not. This is the one place that decides it,
// for the API, the board, chat and logs alike.
func (s Scenario) MaySee(person string, over bool) bool {
	return !s.Blind || over || person != "" && slices.Contains(s.Facilitators, person)
}

// WithheldTitle is what a blind drill is called before those who may not see it.
func WithheldTitle() Text {
	return Text{EN: "Blind drill", JA: "非提示型訓練"}
}

// Told is what the scenario is called before everybody: in messages, in chat and on the wall.
// It stays so when the drill is over, since what was sent can't be told from what is.
func (s Scenario) Told() Text {
	if s.Blind {
		return WithheldTitle()
	}
	return s.Title
}

// Public is the plan as it may be told to everybody.
func (p Plan) Public() Plan {
	if p.Scenario.Blind {
		return p.OfBlindRun()
	}
	return p
}

// OfBlindRun is Withheld for those who see a run of it: which scenario it is of is withheld as well,
// and so is the hash: an earlier run of the same plan, long over, shows it beside its scenario.
func (p Plan) OfBlindRun() Plan {
	p = p.Withheld()
	p.Scenario.Name, p.Hash = "", ""
	return p
}

// Injects reports whether an event or a step is an inject's: those have no runbook.
func (p Plan) Injects(runbook, step string) bool {
	return runbook == "" && slices.ContainsFunc(p.Scenario.Injects, func(s Step) bool { return s.ID == step })
}

// Withheld is the plan as those have it who may not see the scenario: with the systems and the
// runbooks that they work with, without what the drill will do and how it is judged. Its hash
// is that of the whole plan.
func (p Plan) Withheld() Plan {
	s := &p.Scenario
	s.Title, s.SitesLost, s.Injects, s.Absent, s.Requirements, s.Pass = WithheldTitle(), nil, nil, nil, nil, nil
	s.Simulate = nil // it tells what has become of whom
	return p
}
