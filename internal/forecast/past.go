package forecast

import (
	"context"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// PastRuns is how many past runs of a scenario are asked for: ten years of quarterly drills, or three
// of monthly ones. Older ones say little about the machines of today.
const PastRuns = 40

// Past is what past runs of a scenario took, newest first.
type Past struct {
	Runs []PastRun `json:"runs"`
}

// PastRun is one of them.
type PastRun struct {
	Run     string       `json:"run"`
	Kind    run.Kind     `json:"kind"`
	Blind   bool         `json:"blind,omitempty"` // those who took part did not know the scenario before
	Steps   []PastStep   `json:"steps"`
	Systems []PastSystem `json:"systems"`
}

// PastStep is how long a step took, all its attempts together.
type PastStep struct {
	System  string  `json:"system"`
	Runbook string  `json:"runbook"`
	Step    string  `json:"step"`
	Action  string  `json:"action"` // as it was then; another action is another step
	TookS   float64 `json:"took_s"`
	Skipped bool    `json:"skipped,omitempty"` // its condition was false
}

// PastSystem is how long the parts of a recovery besides its runbook took. Nil is not measured, or the
// engine answered for people.
type PastSystem struct {
	System  string   `json:"system"`
	DetectS *float64 `json:"detect_s,omitempty"`
	PeopleS *float64 `json:"people_s,omitempty"`
	DecideS *float64 `json:"decide_s,omitempty"`
	VerifyS *float64 `json:"verify_s,omitempty"`
}

// Read reads what past runs of a scenario took, from what is kept of each. Without, "" or a run's ID, is
// the run that asks.
func Read(ctx context.Context, store journal.Outcomes, scenario, without string) (Past, error) {
	list, err := outcome.List(ctx, store, journal.OutcomeFilter{Scenario: scenario, Limit: PastRuns + 1})
	if err != nil {
		return Past{}, err
	}
	list = slices.DeleteFunc(list, func(o outcome.Outcome) bool { return o.Run == without })
	return PastOf(list[:min(len(list), PastRuns)]), nil
}

// Surprised reports whether those who took part knew nothing of it before: in a blind drill, and when it
// was real. People's times in such a run and in an announced one are not of the same kind (requirement
// C-BLD-05).
func (r PastRun) Surprised() bool { return r.Blind || r.Kind == run.Response }

// PastOf takes from what runs came to the times that a forecast may rest on: of steps whose action
// itself saw its goal, and that really acted; not by hand, not of simulated people, and not from
// runs in which nothing ran.
func PastOf(outcomes []outcome.Outcome) Past {
	past := Past{Runs: []PastRun{}}
	for _, o := range outcomes {
		if !o.Ran() || o.Kind != run.Drill && o.Kind != run.Response {
			continue
		}
		r := PastRun{Run: o.Run, Kind: o.Kind, Blind: o.Blind, Steps: []PastStep{}, Systems: []PastSystem{}}
		seen := map[[3]string]bool{} // one that was run twice in a run counts once
		for _, s := range o.Steps {
			key := [3]string{s.System, s.Runbook, s.Step}
			if seen[key] || s.ByHand() || s.Human && s.Simulated {
				continue
			}
			p := PastStep{System: s.System, Runbook: s.Runbook, Step: s.Step, Action: s.Action}
			switch {
			case s.Outcome == run.Skipped:
				p.Skipped = true
			case s.Outcome == run.Passed && !s.Already && s.ElapsedS != nil && *s.ElapsedS > 0 && (s.SettledBy == run.ByResult || s.SettledBy == run.ByAcknowledge):
				// The time is the last attempt's; the ones before are taken to have been as long.
				p.TookS = *s.ElapsedS * float64(max(1, s.Attempts))
			default:
				continue
			}
			seen[key] = true
			r.Steps = append(r.Steps, p)
		}
		for _, s := range o.Systems {
			if s.Parts == nil || s.RTO.AtMost {
				continue
			}
			real := func(name string, v float64) *float64 {
				if slices.Contains(s.SimulatedParts, name) {
					return nil
				}
				return &v
			}
			r.Systems = append(r.Systems, PastSystem{System: s.ID, DetectS: real("detect_s", s.Parts.DetectS), PeopleS: real("people_s", s.Parts.PeopleS),
				DecideS: real("decide_s", s.Parts.DecideS), VerifyS: real("verify_s", s.Parts.VerifyS)})
		}
		if len(r.Steps)+len(r.Systems) > 0 {
			past.Runs = append(past.Runs, r)
		}
	}
	return past
}
