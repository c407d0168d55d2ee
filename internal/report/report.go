// Package report makes the report of a run from its journal and its frozen plan: the
// same bytes on any copy of the record, so that an auditor can compute every figure
// again. Nothing in it is estimated; what nobody saw is null and not proven.
package report

import (
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Report is a run as its record tells it. Names are stable; durations are seconds,
// rounded to milliseconds; times are UTC, RFC 3339. A null figure is one that was not
// measured or does not apply; lists are never null.
type Report struct {
	Run       Run        `json:"run"`
	Systems   []System   `json:"systems"` // in the plan's order of priority
	People    People     `json:"people"`
	Phases    []Phase    `json:"phases"`
	Steps     []Step     `json:"steps"` // in the order they were begun
	Decisions []Decision `json:"decisions"`
	Findings  []Finding  `json:"findings"` // worst first
	// Case is absent when the scenario names no pass criteria.
	Case *Case `json:"case,omitempty"`

	Approvals   []Approval   `json:"approvals"`
	BreakGlass  []BreakGlass `json:"break_glass"`
	Refusals    []Refusal    `json:"refusals,omitempty"` // notes tell them too
	Undone      []Step       `json:"undone"`             // what put back a step: its ID, the undo's action
	Assessments []Assessment `json:"assessments"`
	Inspections []Inspection `json:"inspections"`
	Forms
	Notes  []Note  `json:"notes"` // what people reported and remarked
	Probes []Probe `json:"probes"`
	Basis  Basis   `json:"basis"`
	// Trend is how the newest runs of the scenario went; a report that was sealed has none.
	Trend *Trend `json:"trend,omitempty"`
	// Written is what people wrote into it afterwards; a report that was sealed has none.
	Written  []Entry  `json:"written,omitempty"`
	Evidence Evidence `json:"evidence"`

	// Names are what people call things of the plan, by kind and name, such as "role commander".
	Names map[string]plan.Text `json:"names,omitempty"`
}

// Run says what was run, and what came of it.
type Run struct {
	ID        string      `json:"id"`
	Kind      run.Kind    `json:"kind"`
	Depth     run.Depth   `json:"depth"`
	Scenario  string      `json:"scenario"`
	Hazard    run.Hazard  `json:"hazard"`
	PlanHash  string      `json:"plan_hash"`
	StartedAt time.Time   `json:"started_at"`
	EndedAt   *time.Time  `json:"ended_at"` // null while it runs
	State     run.State   `json:"state"`
	Verdict   run.Verdict `json:"verdict"`

	Estate    string    `json:"estate"`
	Title     plan.Text `json:"title"`
	Zone      string    `json:"zone"` // IANA name in which people's reports give times
	StartedBy string    `json:"started_by"`
	Reason    string    `json:"reason,omitempty"`
	Why       []Reason  `json:"why,omitempty"` // why the verdict is not better than the systems' own
}

// Reason says why a verdict is what it is. Code is one of a closed set (words.go);
// Detail names the step, person or count, and is "" where the code says all.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
}

// System is what was achieved for one system.
type System struct {
	ID       string      `json:"id"`
	Priority string      `json:"priority"`
	Verdict  run.Verdict `json:"verdict"`
	RTO      RTO         `json:"rto"`
	RPO      RPO         `json:"rpo"`
	RLO      RLO         `json:"rlo"`
	Failback Failback    `json:"failback"`
	// Restore is what a restore test achieved; absent in every other run.
	Restore *Restore `json:"restore,omitempty"`
	// Statements are people's words on functions that no probe sees.
	Statements []Statement `json:"statements,omitempty"`

	Title  plan.Text  `json:"title"`
	Home   string     `json:"home"`
	Choice run.Choice `json:"choice,omitempty"` // the recovery decision
	Moved  bool       `json:"moved"`            // a step of the failover changed something
}

// Restore is a backup that was restored in isolation. Its figures are the outputs of
// the runbook's steps, whatever family they are of: fetch_s, restore_s, replay_s, verify_s,
// recovery_point, behind_s and isolated_gone.
type Restore struct {
	ObjectiveS *float64    `json:"objective_s"` // null: not set
	ActualS    *float64    `json:"actual_s"`    // from the order to the end of the verification
	Verdict    run.Verdict `json:"verdict"`
	Why        []Reason    `json:"why,omitempty"`

	PointObjectiveS *float64    `json:"point_objective_s"`
	BehindS         *float64    `json:"behind_s"`       // from the recovery point to the point asked for
	RecoveryPoint   *time.Time  `json:"recovery_point"` // time of the data's own newest row; of several stores, of the one furthest behind
	PointVerdict    run.Verdict `json:"point_verdict"`
	PointWhy        []Reason    `json:"point_why,omitempty"`   // what is in doubt of it alone
	AskedPoint      *time.Time  `json:"asked_point,omitempty"` // the point in time asked for; null: none was, or not known

	Backup       string       `json:"backup,omitempty"`
	Parts        RestoreParts `json:"parts"`
	IsolatedGone bool         `json:"isolated_gone"` // nothing of the isolated copy is left
	left         bool         // and it was begun
}

// RestoreParts is where the time of a restore went; null is not told by any step.
type RestoreParts struct {
	FetchS   *float64 `json:"fetch_s"`
	RestoreS *float64 `json:"restore_s"`
	ReplayS  *float64 `json:"replay_s"`
	VerifyS  *float64 `json:"verify_s"`
}

// RTO is the time from the event to restored service.
type RTO struct {
	ObjectiveS *float64    `json:"objective_s"` // null: not set
	ActualS    *float64    `json:"actual_s"`    // null: not seen to come back
	Verdict    run.Verdict `json:"verdict"`
	EventAt    *time.Time  `json:"event_at"`    // the clock's start
	RestoredAt *time.Time  `json:"restored_at"` // the first success of the service that held
	Parts      *Parts      `json:"parts"`       // they add up to actual_s; null without it

	// AtMost is set when nobody looked at the moment service came back: actual_s then
	// ends at the first success seen after, and is an upper bound.
	AtMost      bool       `json:"at_most"`
	Level       int        `json:"level"`               // percent that must hold
	HoldS       float64    `json:"hold_s"`              // for how long
	EventSource string     `json:"event_source"`        // inject, reported, probe or threat: then the clock starts with the interruption
	ReportedAt  *time.Time `json:"event_reported_at"`   // what the source said; differs when a failure was seen before
	DownAt      *time.Time `json:"down_at"`             // first failed sample
	DetectedAt  *time.Time `json:"detected_at"`         //
	AskedAt     *time.Time `json:"decision_asked_at"`   //
	DecidedAt   *time.Time `json:"decided_at"`          // and approved, where that was asked
	OrderedAt   *time.Time `json:"recovery_ordered_at"` //
	MachineS    *float64   `json:"machine_s"`           // from the recovery order to restored
	// SwitchS is of a threat only: from the decision to service where the system was moved
	// to, or to the end of the last step when service was not interrupted.
	SwitchS   *float64 `json:"switch_s,omitempty"`
	RelapsedS *float64 `json:"relapsed_s,omitempty"` // down again after restored_at, before the way home
	// SimulatedParts names the parts in which the engine answered for people: they are
	// not measured (requirement B-CLK-08).
	SimulatedParts []string `json:"simulated_parts"`
	Why            []Reason `json:"why,omitempty"`
	detectedBy     string   // the probe's name, "reported" or run.SourceThreat
}

// Parts is where the time went.
type Parts struct {
	DetectS  float64 `json:"detect_s"`
	PeopleS  float64 `json:"people_s"`
	DecideS  float64 `json:"decide_s"`
	RecoverS float64 `json:"recover_s"`
	VerifyS  float64 `json:"verify_s"`
}

// RPO is how much acknowledged work was lost.
type RPO struct {
	ObjectiveS  *float64    `json:"objective_s"`
	ActualS     *float64    `json:"actual_s"`
	LostMarkers *int64      `json:"lost_markers"` // null: never read back, or none was there to be lost when service stopped
	Verdict     run.Verdict `json:"verdict"`

	AckedMarkers   *int64     `json:"acked_markers"`
	UnknownMarkers *int64     `json:"unknown_markers"` // sent, never answered: neither lost nor kept
	CountedAt      *time.Time `json:"counted_at"`
	Why            []Reason   `json:"why,omitempty"`
}

// RLO is the level of service over time.
type RLO struct {
	Stages []Stage `json:"stages"`
	Curve  []Point `json:"curve"`
	// CapacityLostS is the area above the curve from the event to the restoration, as
	// seconds of full service; where service did not come back, to the last time it was
	// seen before the way home. Null when part of that was not seen.
	CapacityLostS *float64 `json:"capacity_lost_s"`
	Floor         *int     `json:"floor"` // the lowest level in the same time
	Level         *int     `json:"level"` // the level at the end of that time
}

// Statement is a person's word on a function that no probe sees.
type Statement struct {
	At       time.Time `json:"at"`
	Function string    `json:"function"`
	Level    int       `json:"level"`
	By       string    `json:"by"`
	Reason   string    `json:"reason"`
}

// Stage is a level to be reached within a time.
type Stage struct {
	WithinS   float64     `json:"within_s"`
	Level     int         `json:"level"`
	ReachedAt *time.Time  `json:"reached_at"`
	ActualS   *float64    `json:"actual_s"`
	Verdict   run.Verdict `json:"verdict"`
	Why       []Reason    `json:"why,omitempty"`
}

// Point is the level from at_s after the event on; a null level is time that nobody saw.
// The last point of a curve repeats its level where the observation ended.
type Point struct {
	AtS   float64 `json:"at_s"`
	Level *int    `json:"level"`
}

// Failback is the way home, on its own clock (requirement B-CLK-07).
type Failback struct {
	Policy       string      `json:"policy"`
	ActualS      *float64    `json:"actual_s"`
	OutageS      *float64    `json:"outage_s"`      // longest time without a success; null: not proven
	SingleWriter *bool       `json:"single_writer"` // null: not proven
	Verdict      run.Verdict `json:"verdict"`       // no_objective when nothing moved

	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Writer    string     `json:"writer,omitempty"` // the side that takes writes at the end
	Why       []Reason   `json:"why,omitempty"`
}

// People counts who was called and who came. Times run from the first call.
type People struct {
	Called       int      `json:"called"`
	Safe         int      `json:"safe"`
	Injured      int      `json:"injured"`
	Silent       int      `json:"silent"`            // called, and their time to answer passed without an answer
	NotDue       int      `json:"not_due,omitempty"` // called, and the run ended before their time to answer was over
	Mustered     int      `json:"mustered"`
	FirstAnswerS *float64 `json:"first_answer_s"`
	QuorumS      *float64 `json:"quorum_s"` // null: no quorum asked, or not reached

	Simulated    bool           `json:"simulated"`     // the engine answered for them
	QuorumMissed bool           `json:"quorum_missed"` //
	Need         []Strength     `json:"strength"`      // asked and present, by role
	List         []PersonRecord `json:"list"`          // in the order they were called

	Answered     int             `json:"answered"`
	LightlyHurt  int             `json:"lightly_hurt,omitempty"` // these three are among the injured
	BadlyHurt    int             `json:"badly_hurt,omitempty"`
	Unwell       int             `json:"unwell,omitempty"`
	CanCome      int             `json:"can_come"`
	Answered25S  *float64        `json:"answered_25_s"` // until a quarter of those called had answered
	Answered50S  *float64        `json:"answered_50_s"`
	Answered75S  *float64        `json:"answered_75_s"`
	Answered100S *float64        `json:"answered_100_s"`
	Curve        []AnswerPoint   `json:"curve,omitempty"`
	Sections     []SectionCount  `json:"sections,omitempty"`
	Decider      string          `json:"decider,omitempty"` // who led on when the quorum was missed
	Reduced      string          `json:"reduced,omitempty"` // which roles were short then
	Absent       []AbsentPerson  `json:"absent,omitempty"`  // whom the drill took out
	StandIns     []StandIn       `json:"stand_ins,omitempty"`
	Moves        []MusterMove    `json:"moves,omitempty"`
	Handovers    []Handover      `json:"handovers,omitempty"`
	Strengths    []StrengthCount `json:"strengths,omitempty"`
	CallOut      *CallOut        `json:"call_out,omitempty"`
	// Withheld: what individuals said is left out for this reader, who has no right to see it.
	Withheld bool `json:"withheld,omitempty"`
}

// Strength is the mustered strength of a role when the muster ended.
type Strength struct {
	Role    string `json:"role"`
	Need    int    `json:"need"`
	Present int    `json:"present"`
}

// PersonRecord is what one person did (requirement B-CLK-09).
type PersonRecord struct {
	ID         string     `json:"id"`
	Name       plan.Text  `json:"name"`
	Roles      []string   `json:"roles"`
	CalledAt   time.Time  `json:"called_at"`
	Channel    string     `json:"channel"`
	DeputyFor  string     `json:"deputy_for,omitempty"`
	Reminded   int        `json:"reminded"`
	AnsweredAt *time.Time `json:"answered_at"`
	AnswerS    *float64   `json:"answer_s"`
	Safety     run.Safety `json:"safety"` // silent without an answer
	CanCome    bool       `json:"can_come"`
	ArrivedAt  *time.Time `json:"arrived_at"`
	Place      string     `json:"place,omitempty"`
	EnteredBy  string     `json:"entered_by,omitempty"` // somebody else who entered the answer
	Section    string     `json:"section,omitempty"`
	ComesAt    *time.Time `json:"comes_at,omitempty"` // as they said
	Online     bool       `json:"online,omitempty"`   // arrived online
	Answers    int        `json:"answers,omitempty"`
	First      *Said      `json:"first,omitempty"` // the first answer
	Last       *Said      `json:"last,omitempty"`  // and the last, when there was more than one
	Simulated  bool       `json:"simulated"`
	// Reached are the channels that delivered something, and Unreached those that failed to.
	Reached   []string `json:"reached,omitempty"`
	Unreached []string `json:"unreached,omitempty"`
	// NoAddress: once there was no channel with an address of theirs.
	NoAddress bool `json:"no_address,omitempty"`
}

// Phase is a stage of the response.
type Phase struct {
	ID        run.Phase   `json:"id"`
	StartedAt time.Time   `json:"started_at"`
	EndedAt   *time.Time  `json:"ended_at"`
	Outcome   run.Outcome `json:"outcome"` // "" while it runs
	Reason    string      `json:"reason,omitempty"`
}

// Step is a step of a runbook, an inject, or a check of the run itself. Times are the
// engine's; the worker's stand beside them, since its clock may differ.
type Step struct {
	ID        string      `json:"id"`
	System    string      `json:"system"`
	Runbook   string      `json:"runbook"`
	Action    string      `json:"action"`
	Site      string      `json:"site"`
	StartedAt *time.Time  `json:"started_at"` // null: it never started
	EndedAt   *time.Time  `json:"ended_at"`
	Attempts  int         `json:"attempts"`
	Outcome   run.Outcome `json:"outcome"` // "" while it runs
	By        string      `json:"by"`

	Purpose    string        `json:"purpose"` // failover, in_place, failback, inject or check
	Phase      run.Phase     `json:"phase"`
	Effect     run.Effect    `json:"effect,omitempty"`
	Human      bool          `json:"human"`
	SettledBy  run.SettledBy `json:"settled_by,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Already    bool          `json:"already"` // the goal held before it acted
	DurationS  *float64      `json:"duration_s"`
	BudgetS    *float64      `json:"budget_s"`
	OverS      *float64      `json:"over_budget_s,omitempty"`
	WorkerFrom *time.Time    `json:"worker_started_at,omitempty"`
	WorkerTo   *time.Time    `json:"worker_ended_at,omitempty"`
	// Owner is the role that a walkthrough put the step before.
	Owner string `json:"owner,omitempty"`
}

// Decision is a decision with its reason and what was known when it was asked.
type Decision struct {
	// Instead is the choice that this one, a revision, took the place of.
	Instead  run.Choice `json:"instead,omitempty"`
	Question string     `json:"question"`
	Answer   run.Choice `json:"answer"`
	By       string     `json:"by"`
	At       time.Time  `json:"at"`
	Reason   string     `json:"reason"`
	WaitedS  float64    `json:"waited_s"`

	System string `json:"system"`
	Rule   string `json:"rule,omitempty"` // decided by the plan, not by a person
	Deputy bool   `json:"deputy"`
	// Precaution: a switch while service was whole.
	Precaution bool             `json:"precaution,omitempty"`
	Simulated  bool             `json:"simulated"`
	AskedAt    *time.Time       `json:"asked_at"`
	Known      *run.DecisionAsk `json:"known"`

	run.Policy            // place, level, method and order, as far as they were decided
	Drafter    string     `json:"drafter,omitempty"` // who proposed it
	AsDrafted  bool       `json:"as_drafted,omitempty"`
	EnteredAt  *time.Time `json:"entered_at,omitempty"`      // where that was later than at
	UsedShare  *float64   `json:"rto_used,omitempty"`        // share of the RTO used up when it was taken
	OldestS    *float64   `json:"oldest_report_s,omitempty"` // age of the oldest damage report it rests on
}

// Approval is a second person's yes.
type Approval struct {
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Reason     string    `json:"reason,omitempty"`
	WaitedS    *float64  `json:"waited_s"`
	BreakGlass bool      `json:"break_glass"`
	Simulated  bool      `json:"simulated"`
}

// Finding is what the run taught.
type Finding struct {
	ID     string          `json:"id"` // F-001, in the order of this list
	Title  string          `json:"title"`
	Kind   run.FindingKind `json:"kind"`
	System string          `json:"system"`
	Step   string          `json:"step"`
	Owner  string          `json:"owner"` // a person's ID; "": to be named
	// Due is a date in the estate's zone: as the record says, else thirty days after
	// the run's end. "" while the run goes on.
	Due string `json:"due"`

	TitleJA  string `json:"title_ja"`
	Detail   string `json:"detail,omitempty"` // as it was seen or said, in the words of the record
	DetailJA string `json:"detail_ja,omitempty"`

	// names: the detail names people by how they are; without is the title that names nobody,
	// where the title does.
	names   bool
	without plan.Text
	places  []Place // see Places
}

// Assessment is one result of the damage assessment; a person's word and a probe's are
// kept side by side.
type Assessment struct {
	At        time.Time  `json:"at"`
	System    string     `json:"system"`
	Component string     `json:"component,omitempty"`
	Damage    run.Damage `json:"damage"`
	Source    string     `json:"source"`
	By        string     `json:"by"`
	Reason    string     `json:"reason,omitempty"`
	// EnteredAt is when it was entered, where that was later than at.
	EnteredAt *time.Time `json:"entered_at,omitempty"`
	Photos    []string   `json:"photos,omitempty"` // SHA-256 of each, in the record store
	RepairS   *float64   `json:"repair_s,omitempty"`
	Ground    string     `json:"ground,omitempty"`
}

// Inspection is the state of a site's building as people found it.
type Inspection struct {
	At     time.Time `json:"at"`
	Site   string    `json:"site"`
	Usable bool      `json:"usable"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`

	Overall    run.Usability     `json:"overall,omitempty"`
	Items      []run.CheckedItem `json:"items,omitempty"`
	Inspectors []string          `json:"inspectors,omitempty"` // besides by
	Photos     []string          `json:"photos,omitempty"`     // SHA-256 of each, in the record store
	BeganAt    *time.Time        `json:"began_at,omitempty"`
	EnteredAt  *time.Time        `json:"entered_at,omitempty"` // where that was later than at
}

// Note is what a person reported or remarked, or who stopped the run and why.
type Note struct {
	At   time.Time     `json:"at"`
	Kind run.EventKind `json:"kind"`
	By   string        `json:"by"`
	Text string        `json:"text"`
}

// Probe is what a probe did: how often it looked, and when it could not.
type Probe struct {
	ID        string     `json:"id"`
	System    string     `json:"system"`
	Function  string     `json:"function"`
	Weight    int        `json:"weight"`
	Vantage   string     `json:"vantage"`
	IntervalS float64    `json:"interval_s"`
	Samples   int64      `json:"samples"`
	OK        int64      `json:"ok"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Gaps      int        `json:"gaps"`     // times at which nobody looked
	UnseenS   float64    `json:"unseen_s"` // how long they were
	Lost      string     `json:"lost,omitempty"`
	// Baseline is the capacity against which its levels were measured; null for a probe
	// that sees all or nothing.
	Baseline *run.Baseline `json:"baseline,omitempty"`
}

// Basis says what was real, what was simulated and what was assumed (requirement
// D-REP-53).
type Basis struct {
	SitesLost       []string `json:"sites_lost"`      // assumed by the scenario
	Injects         []string `json:"injects"`         // what made the event happen: action and target site
	Effects         int      `json:"effects"`         // steps that really changed something
	SimulatedSteps  int      `json:"simulated_steps"` // steps of the family sim
	SimulatedPeople bool     `json:"simulated_people"`
	AnswerAfterS    float64  `json:"answer_after_s"` // how long a simulated person takes
	AnswerSpreadS   float64  `json:"answer_spread_s"`
	Silent          []string `json:"silent"` // people whom the scenario keeps silent
	// StatedPeople is true when the record names people who acted. Callers share a token
	// and state who they are; nothing in a record proves it.
	StatedPeople bool `json:"stated_people"`
}

// Evidence is what the report rests on.
type Evidence struct {
	PlanHash   string `json:"plan_hash"`
	PlanIntact bool   `json:"plan_intact"` // the plan at hand still has the content its hash names
	Events     int    `json:"events"`
	// JournalDigest is SHA-256 over the events in the order of the report, each as JSON
	// with sorted keys and a line feed after it.
	JournalDigest string   `json:"journal_digest"`
	Writers       []Writer `json:"writers"`
}

// Writer is one of the workflows that wrote the journal; "people" is what the server wrote for
// people, each of whose acts is complete in itself.
type Writer struct {
	Name    string `json:"name"`
	Events  int    `json:"events"`
	Missing int64  `json:"missing"` // numbers that are not in the record
}
