// Package progress says where a run stands, as a pure function of its plan and the
// events in its journal so far. The API, `drill watch` and the board show the same
// Overview. What it says is provisional: only the report judges.
package progress

import (
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Overview is a run at one moment. Names, never sentences: who shows it has the words.
type Overview struct {
	Run       string     `json:"run"`
	Kind      run.Kind   `json:"kind"`
	Depth     run.Depth  `json:"depth"`
	Scenario  string     `json:"scenario"`
	Title     plan.Text  `json:"title"`
	Hazard    run.Hazard `json:"hazard"`
	PlanHash  string     `json:"plan_hash"`
	By        string     `json:"by"`
	Reason    string     `json:"reason,omitempty"`
	Simulated bool       `json:"simulated_people"`

	State     run.State  `json:"state"`
	StateWhy  string     `json:"state_why,omitempty"` // why it was refused, paused or is being aborted
	StateBy   string     `json:"state_by,omitempty"`
	Aborting  bool       `json:"aborting,omitempty"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// At is the moment for which clocks were computed: now, or when the run ended.
	At time.Time `json:"at"`

	Phases  []Phase   `json:"phases"`
	Waiting []Waiting `json:"waiting"`
	Systems []System  `json:"systems"`
	Damage  []Damage  `json:"damage"` // in the order of looking
	// Priorities is that order as whoever leads has set it: systems by name, parts as
	// SYSTEM/COMPONENT.
	Priorities []string `json:"priorities,omitempty"`
	// Inspections are the latest of each site that was inspected.
	Inspections   []Inspection   `json:"inspections,omitempty"`
	Parties       []Party        `json:"parties,omitempty"`
	Orders        []Order        `json:"orders,omitempty"`  // in the order of asking
	Custody       []Custody      `json:"custody,omitempty"` // the register
	Drafts        []Draft        `json:"drafts,omitempty"`  // the newest of each system
	Consultations []Consultation `json:"consultations,omitempty"`
	People        People         `json:"people"`
	Steps         []Step         `json:"steps"`
	Messages      []Message      `json:"messages"` // what was said to people, oldest first
	// Acks are the messages that ask to be acknowledged, and who has.
	Acks []Ack `json:"acks,omitempty"`
	// Situations are the situation reports as they were sent; Records is who was asked what was
	// hard, and what they handed in.
	Situations []Situation `json:"situations,omitempty"`
	Records    []Record    `json:"records,omitempty"`
	// Absent lists sites whose workers did not take a step in time.
	Absent []string `json:"absent_sites,omitempty"`
	// Position is the journal's position of the last event that is in here.
	Position int64 `json:"position"`
}

// Progress of a phase.
const (
	Ahead   = "ahead"
	Now     = "now"
	Done    = "done"
	LeftOut = "left_out" // the run ended before it
)

// Phase is a stage of the run.
type Phase struct {
	ID        run.Phase   `json:"id"`
	Progress  string      `json:"progress"`
	Outcome   run.Outcome `json:"outcome,omitempty"`
	Reason    string      `json:"reason,omitempty"`
	StartedAt *time.Time  `json:"started_at,omitempty"`
	EndedAt   *time.Time  `json:"ended_at,omitempty"`
}

// Awaited is what somebody is waited for to do.
type Awaited string

const (
	AwaitSafety  Awaited = "safety"  // answer the safety check: `muster checkin`
	AwaitCallOut Awaited = "callout" // send a held call-out, or call it off: `muster drill callout`
	AwaitArrival Awaited = "arrival" // come to the muster: `muster arrive`
	AwaitInspect Awaited = "inspect" // `muster inspect`
	// AwaitStatement waits for `muster attest`; Step is the function.
	AwaitStatement Awaited = "statement"
	AwaitAssess    Awaited = "assess"   // `muster assess`
	AwaitDecision  Awaited = "decision" // `muster decide`
	AwaitApproval  Awaited = "approval" // `muster approve`
	AwaitConfirm   Awaited = "confirm"  // `muster confirm`
	AwaitStep      Awaited = "step"     // `muster step`
	AwaitReach     Awaited = "reach"    // `muster reach`; Party, Text is its contact
	AwaitOrder     Awaited = "order"    // `muster follow-up`; Order, Text is what is to be done
	AwaitReview    Awaited = "review"   // `muster decide`; Review has the forecast
	AwaitRemark    Awaited = "remark"   // `muster remark`: say what was hard
	AwaitAck       Awaited = "ack"      // `muster ack`: Message has been read
	AwaitReceipt   Awaited = "receipt"  // `muster custody receive`; Order is the register's line
	AwaitTell      Awaited = "tell"     // `muster notice PARTY TEXT`: a party has no channel; Text is the situation report
	// AwaitActivation is a second person's word that the response is real: `muster approve --activation`.
	AwaitActivation Awaited = "activation"
)

// AllAwaited lists what people can be waited for to do.
func AllAwaited() []Awaited {
	return []Awaited{AwaitSafety, AwaitCallOut, AwaitArrival, AwaitInspect, AwaitStatement, AwaitAssess, AwaitDecision, AwaitApproval,
		AwaitConfirm, AwaitStep, AwaitReach, AwaitOrder, AwaitReview, AwaitRemark, AwaitAck, AwaitReceipt, AwaitTell, AwaitActivation}
}

// Waiting is one thing the run waits for people to do.
type Waiting struct {
	For    Awaited   `json:"for"`
	Phase  run.Phase `json:"phase,omitempty"`
	People []string  `json:"people,omitempty"` // IDs; those who may act, or who have not answered
	Role   string    `json:"role,omitempty"`
	System string    `json:"system,omitempty"`
	Site   string    `json:"site,omitempty"`
	Party  string    `json:"party,omitempty"`
	Order  string    `json:"order,omitempty"`
	// Message is what is to be acknowledged, as in Ack.Of.
	Message string `json:"message,omitempty"`
	// Component is the part of the system that is to be looked at.
	Component string       `json:"component,omitempty"`
	Step      string       `json:"step,omitempty"`
	Kind      run.WaitKind `json:"kind,omitempty"` // of a step
	Text      string       `json:"text,omitempty"` // the question or the task
	Acts      []string     `json:"acts,omitempty"` // what may be answered
	// Forced is what one person has asked to force; a second one confirms it.
	Forced *Forced          `json:"forced,omitempty"`
	Need   int              `json:"need,omitempty"`  // approvals or people still needed
	Given  []string         `json:"given,omitempty"` // who has approved it already, of several that it takes
	Since  time.Time        `json:"since"`
	Aid    *run.DecisionAsk `json:"aid,omitempty"` // of a decision: what the asked should know
	Review *run.Review      `json:"review,omitempty"`
	// Asked is the number of the event that asks for an approval: who answers with it approves
	// what they saw, and is refused when something else is asked for by now.
	Asked int64 `json:"asked,omitempty"`
	// Wait is the number of the event by which a step waits: who answers with it settles what they
	// saw, and is refused when the step waits for something else by now.
	Wait int64 `json:"wait,omitempty"`
	// RefusedBy refused it, and it is asked anew: a yes has to say Asked.
	RefusedBy string     `json:"refused_by,omitempty"`
	Due       *time.Time `json:"due,omitempty"` // when the scenario's rule acts instead; of a decision under rule: wait, by when people should
}

// Forced is the first of the two words that it takes to skip a step, or to take a machine's as
// done, in a real response.
type Forced struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Act    run.Act   `json:"act"`
	Reason string    `json:"reason,omitempty"`
	// Asked is the number of the event that asked, for whoever confirms or refuses it.
	Asked int64 `json:"asked,omitempty"`
	// Asks is what the step asked before: Text says both.
	Asks string `json:"-"`
}

// System is one system's clock and level. ObjectiveS and Level are nil when there is
// no objective, or when no probe has said anything yet.
type System struct {
	Name       string     `json:"name"`
	Title      plan.Text  `json:"title"`
	Priority   string     `json:"priority"`
	EventAt    *time.Time `json:"event_at,omitempty"`
	DetectedAt *time.Time `json:"detected_at,omitempty"`
	// RestoredAt is when the level came back to 100 %. It is taken back when
	// service is lost again.
	RestoredAt *time.Time `json:"restored_at,omitempty"`
	UsedS      float64    `json:"used_s"` // of the RTO: from the event to RestoredAt, or to At
	ObjectiveS *float64   `json:"objective_s,omitempty"`
	Ticking    bool       `json:"ticking"` // the RTO clock runs
	Level      *int       `json:"level,omitempty"`
	// Curve, Floor and LostS tell of the level since the event, until RestoredAt or At.
	Curve     []Point    `json:"curve,omitempty"`
	Floor     *int       `json:"floor,omitempty"`           // the lowest
	LostS     *float64   `json:"capacity_lost_s,omitempty"` // the area above, as seconds of full service
	Functions []Function `json:"functions"`
	Decision  run.Choice `json:"decision,omitempty"`
	DecidedBy string     `json:"decided_by,omitempty"`
	Locked    bool       `json:"locked"`
	LockKept  string     `json:"lock_kept,omitempty"` // why clean-up is incomplete
}

// Point is a level of service from at_s after the event on.
type Point struct {
	AtS   float64 `json:"at_s"`
	Level int     `json:"level"`
}

// Function is what a probe sees. Up is nil as long as it has not said anything.
type Function struct {
	Name  string     `json:"name"`
	Title plan.Text  `json:"title"`
	Up    *bool      `json:"up,omitempty"`
	Level int        `json:"level,omitempty"` // as in run.Transition
	Since *time.Time `json:"since,omitempty"` // vantage clock
	Error string     `json:"error,omitempty"`
}

// People counts by person, never by message.
type People struct {
	Called   int      `json:"called"`
	Safe     int      `json:"safe"`
	Injured  int      `json:"injured"` // hurt or ill, lightly or badly
	Silent   int      `json:"silent"`
	Mustered int      `json:"mustered"` // are there now: who had to go again is not
	Need     []Needed `json:"need,omitempty"`
	Quorum   *bool    `json:"quorum,omitempty"` // nil: not settled yet

	Answered    int `json:"answered"`
	LightlyHurt int `json:"lightly_hurt,omitempty"`
	BadlyHurt   int `json:"badly_hurt,omitempty"`
	Unwell      int `json:"unwell,omitempty"`
	CanCome     int `json:"can_come"`
	Absent      int `json:"absent,omitempty"` // taken out of the drill
	run.Shares
	Place     string     `json:"place,omitempty"`           // where people muster now
	HeldUntil *time.Time `json:"call_held_until,omitempty"` // the call-out waits
	// Strength is the last count that was reported; its confirmation by a second person.
	Strength *Counted `json:"strength,omitempty"`
}

// Counted is a count of who is there.
type Counted struct {
	run.Strength
	At          time.Time  `json:"at"`
	By          string     `json:"by"`
	ConfirmedBy string     `json:"confirmed_by,omitempty"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty"`
}

// Needed is the strength asked of a role and what is there of it.
type Needed struct {
	Role    string `json:"role"`
	Need    int    `json:"need"`
	Present int    `json:"present"`
}

// Progress of a step, besides its outcome.
const (
	StepRuns   = "runs"
	StepWaits  = "waits"
	StepEnded  = "ended"
	StepUndoes = "undoes"
	StepUndone = "undone"
)

// Step is a step of a system's runbook that has begun, in the order of beginning.
type Step struct {
	ID        string        `json:"id"`
	System    string        `json:"system,omitempty"`
	Runbook   string        `json:"runbook,omitempty"`
	Writer    string        `json:"writer"`
	Action    string        `json:"action,omitempty"`
	Site      string        `json:"site,omitempty"`
	Progress  string        `json:"progress"`
	Outcome   run.Outcome   `json:"outcome,omitempty"`
	Undo      run.Outcome   `json:"undo,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	By        string        `json:"by,omitempty"`
	SettledBy run.SettledBy `json:"settled_by,omitempty"`
	// AskedBy asked for what By confirmed; BreakGlass: By did alone what takes two.
	AskedBy    string     `json:"asked_by,omitempty"`
	BreakGlass bool       `json:"break_glass,omitempty"`
	Attempts   int        `json:"attempts"`
	BudgetS    *float64   `json:"budget_s,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	UsedS      float64    `json:"used_s"`
}

// Message is something said to people, or a turn of the run worth telling.
type Message struct {
	At   time.Time `json:"at"`
	To   []string  `json:"to,omitempty"`
	Text string    `json:"text"`
}
