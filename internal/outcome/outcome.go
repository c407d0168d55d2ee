// Package outcome is an ended run as the programme needs it afterwards: what each system achieved,
// what each step took, how people answered, what was found and where. It is made once, when a run
// ends, so that pages over years of runs read no journals; it can be made again from them at any
// time and comes out the same.
package outcome

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Version counts the shapes of Outcome and the rules that its verdicts rest on. What an older one made is made anew from the journal.
const Version = 8

// Outcome is an ended run. Names are stable and are only added to; durations are seconds. It names
// people only as owners of findings.
type Outcome struct {
	Version  int        `json:"version"`
	Run      string     `json:"run"`
	Kind     run.Kind   `json:"kind"`
	Depth    run.Depth  `json:"depth"`
	Scenario string     `json:"scenario"`
	Title    plan.Text  `json:"title,omitzero"`
	Estate   string     `json:"estate,omitempty"`
	Zone     string     `json:"zone,omitempty"`
	Hazard   run.Hazard `json:"hazard"`
	PlanHash string     `json:"plan_hash"`
	// Blind: the scenario was withheld from those who took part, so that their times are never
	// averaged together with those of announced runs (requirement C-BLD-05).
	Blind     bool        `json:"blind,omitempty"`
	StartedAt time.Time   `json:"started_at"`
	EndedAt   time.Time   `json:"ended_at"`
	State     run.State   `json:"state"`
	Verdict   run.Verdict `json:"verdict"`
	// Met and Judged count objectives: of Judged, Met were proven.
	Met    int             `json:"met"`
	Judged int             `json:"judged"`
	Why    []report.Reason `json:"why,omitempty"`

	Systems  []System  `json:"systems"`
	Steps    []Step    `json:"steps"`
	Undone   []Step    `json:"undone,omitempty"`
	Phases   []Phase   `json:"phases"`
	People   People    `json:"people"`
	Channels []Channel `json:"channels,omitempty"`
	Findings []Finding `json:"findings"`
	// Passed are places besides those of systems, steps and roles that were put to the test and
	// found in order; see Shows.
	Passed []string `json:"passed,omitempty"`
	// Journal is the digest of the record that this was made from.
	Journal string `json:"journal"`
}

// System is what was achieved for one system.
type System struct {
	ID       string      `json:"id"`
	Title    plan.Text   `json:"title,omitzero"`
	Priority string      `json:"priority"`
	Verdict  run.Verdict `json:"verdict"`
	Choice   run.Choice  `json:"choice,omitempty"`
	Moved    bool        `json:"moved,omitempty"`
	// SitesLost are those of the scenario: how hard it was.
	SitesLost []string `json:"sites_lost,omitempty"`

	RTO      Figure  `json:"rto"`
	RPO      Figure  `json:"rpo"`
	RLO      []Stage `json:"rlo,omitempty"`
	Failback Figure  `json:"failback"`
	// Restore and RestorePoint are of restore tests only.
	Restore      *Figure              `json:"restore,omitempty"`
	RestorePoint *Figure              `json:"restore_point,omitempty"`
	Parts        *report.Parts        `json:"parts,omitempty"` // where the time of the RTO went
	RestoreParts *report.RestoreParts `json:"restore_parts,omitempty"`
	// SimulatedParts are those in which the engine answered for people.
	SimulatedParts []string `json:"simulated_parts,omitempty"`
	// SimulatedSteps are the properties that rest on steps which only simulated what they do.
	SimulatedSteps []Property `json:"simulated_steps,omitempty"`
	// SimulatedTasks are those that rest on a task of people which the engine ticked off in their place.
	SimulatedTasks []Property   `json:"simulated_tasks,omitempty"`
	MachineS       *float64     `json:"machine_s,omitempty"`
	OutageS        *float64     `json:"failback_outage_s,omitempty"`
	CapacityLostS  *float64     `json:"capacity_lost_s,omitempty"`
	RelapsedS      *float64     `json:"relapsed_s,omitempty"`
	Fingerprints   Fingerprints `json:"fingerprints"`
}

// Figure is one objective and what was reached.
type Figure struct {
	ObjectiveS *float64        `json:"objective_s,omitempty"` // nil: not set
	ActualS    *float64        `json:"actual_s,omitempty"`    // nil: not measured
	AtMost     bool            `json:"at_most,omitempty"`
	Verdict    run.Verdict     `json:"verdict"`
	Why        []report.Reason `json:"why,omitempty"`
}

// Stage is a level to be reached within a time.
type Stage struct {
	Level int `json:"level"`
	Figure
}

// Property is what a system can be proven to have.
type Property string

// The properties whose freshness is kept, in the order in which they are shown.
const (
	RTO      Property = "rto"
	RPO      Property = "rpo"
	RLO      Property = "rlo"
	Restore  Property = "restore"
	Failback Property = "failback"
)

// Properties lists them all.
func Properties() []Property { return []Property{RTO, RPO, RLO, Restore, Failback} }

// Of is the verdict on a property; "" when the run did not judge it.
func (s System) Of(p Property) run.Verdict {
	switch p {
	case RTO:
		return s.RTO.Verdict
	case RPO:
		return s.RPO.Verdict
	case RLO:
		var all []run.Verdict
		for _, st := range s.RLO {
			all = append(all, st.Verdict)
		}
		if len(all) > 0 {
			return run.Worst(all...)
		}
	case Restore:
		if s.Restore != nil {
			return run.Worst(s.Restore.Verdict, s.RestorePoint.Verdict)
		}
	case Failback:
		return s.Failback.Verdict
	}
	return ""
}

// Simulated is what of a run was not the real thing.
type Simulated string

const (
	SimulatedPeople Simulated = "people" // the engine answered for them
	SimulatedSteps  Simulated = "steps"
)

// Simulations lists what a verdict on a property rests on that was simulated.
func (s System) Simulations(p Property) []Simulated {
	var out []Simulated
	if p.withPeople() && len(s.SimulatedParts) > 0 || slices.Contains(s.SimulatedTasks, p) {
		out = append(out, SimulatedPeople)
	}
	if slices.Contains(s.SimulatedSteps, p) {
		out = append(out, SimulatedSteps)
	}
	return out
}

// Step is what one step of a runbook came to.
type Step struct {
	System    string        `json:"system,omitempty"`
	Runbook   string        `json:"runbook,omitempty"`
	Step      string        `json:"step"`
	Action    string        `json:"action"`
	Site      string        `json:"site,omitempty"`
	Purpose   string        `json:"purpose"`
	ElapsedS  *float64      `json:"elapsed_s,omitempty"` // by the worker's clock, or the engine's where it has none
	BudgetS   *float64      `json:"budget_s,omitempty"`
	OverS     *float64      `json:"over_budget_s,omitempty"`
	Outcome   run.Outcome   `json:"outcome,omitempty"`
	Attempts  int           `json:"attempts,omitempty"`
	SettledBy run.SettledBy `json:"settled_by,omitempty"`
	Human     bool          `json:"human,omitempty"`
	Simulated bool          `json:"simulated,omitempty"` // an action of the family sim, or the engine for a person
	Already   bool          `json:"already,omitempty"`   // its goal held before it acted
	Timed     bool          `json:"timed,omitempty"`     // by its worker too, so that clocks could be compared
}

// ByHand reports whether a person skipped it, forced it or marked it done.
func (s Step) ByHand() bool { return s.SettledBy == run.ByPerson }

// Phase is a stage of the response.
type Phase struct {
	ID        run.Phase   `json:"id"`
	DurationS *float64    `json:"duration_s,omitempty"`
	Outcome   run.Outcome `json:"outcome,omitempty"`
}

// People counts answers; times run from the first call.
type People struct {
	Called       int      `json:"called"`
	Answered     int      `json:"answered"`
	Silent       int      `json:"silent"`
	Mustered     int      `json:"mustered"`
	FirstAnswerS *float64 `json:"first_answer_s,omitempty"`
	Answered25S  *float64 `json:"answered_25_s,omitempty"`
	Answered50S  *float64 `json:"answered_50_s,omitempty"`
	Answered75S  *float64 `json:"answered_75_s,omitempty"`
	Answered100S *float64 `json:"answered_100_s,omitempty"`
	QuorumS      *float64 `json:"quorum_s,omitempty"`
	QuorumMissed bool     `json:"quorum_missed,omitempty"`
	// Participation is the share of those called who answered themselves or came, nil when nobody was called.
	Participation *float64 `json:"participation,omitempty"`
	Simulated     bool     `json:"simulated,omitempty"` // the engine answered for them
	Roles         []Role   `json:"roles,omitempty"`
}

// Role is how the holders of a role answered themselves; a person counts in the first of theirs, except for
// Need and Present, which are the quorum's.
type Role struct {
	Role     string `json:"role"`
	Called   int    `json:"called,omitempty"`
	Answered int    `json:"answered,omitempty"`
	Need     int    `json:"need,omitempty"`
	Present  int    `json:"present,omitempty"`
	Absent   int    `json:"absent,omitempty"`   // whom the drill took out
	StoodFor int    `json:"stood_in,omitempty"` // and somebody stood in for
}

// Channel is to how many people a channel delivered, and to how many it did not.
type Channel struct {
	Name      string `json:"name"`
	Delivered int    `json:"delivered"`
	Failed    int    `json:"failed"`
}

// Finding is what the run taught, at one place. Details that
// name people by how they are, are left out.
type Finding struct {
	Place   string          `json:"place"`
	Kind    run.FindingKind `json:"kind"`
	System  string          `json:"system,omitempty"`
	Step    string          `json:"step,omitempty"`
	Title   plan.Text       `json:"title"`
	Detail  plan.Text       `json:"detail,omitzero"`
	Owner   string          `json:"owner,omitempty"`
	Due     string          `json:"due,omitempty"`
	Verdict run.Verdict     `json:"verdict,omitempty"` // of an objective
}
