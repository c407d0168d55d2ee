package run

import (
	"encoding/json"
	"time"
)

// Event is one line of a run's journal. The journal is the source of every figure
// in a report, so an event says what happened, never what it means.
//
// Each workflow of a run writes under its own name and numbers its events from 1;
// (Run, Writer, Seq) identifies an event for ever and writing it twice is the same
// as writing it once. Its content is fixed in the workflow's history before it is
// written. At is the engine's clock (UTC); times that a site worker or a probe took
// are in Data, on that worker's clock.
type Event struct {
	Run    string    `json:"run"`
	Writer string    `json:"writer"` // "run", or "system/purpose" for what a system's runbook did
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Kind   EventKind `json:"kind"`
	// Happened is when it was, as whoever entered it says, where that was earlier than At,
	// the time of entry (requirement P-LOG). Zero is At.
	Happened time.Time `json:"happened,omitzero"`

	Phase      Phase   `json:"phase,omitempty"`
	System     string  `json:"system,omitempty"`
	Runbook    string  `json:"runbook,omitempty"`
	Step       string  `json:"step,omitempty"`
	Action     string  `json:"action,omitempty"`
	Site       string  `json:"site,omitempty"`
	Person     string  `json:"person,omitempty"`     // whom the event is about
	Generation int     `json:"generation,omitempty"` // 1 for the first try of a step
	Outcome    Outcome `json:"outcome,omitempty"`
	By         string  `json:"by,omitempty"` // who did it: a person, "simulated:person" or "engine"
	// Via is how that person was known, as in identity.Actor; "" in older records, and for
	// what nobody had to sign in for.
	Via string `json:"via,omitempty"`
	// Reason is why, in the actor's words, or what was found. One line for people.
	Reason string `json:"reason,omitempty"`
	// Data is the kind's own struct, named beside the kind.
	Data json.RawMessage `json:"data,omitempty"`
}

// Decode reads Data into out. An event without Data leaves out as it is.
func (e Event) Decode(out any) error {
	if len(e.Data) == 0 {
		return nil
	}
	return json.Unmarshal(e.Data, out)
}

// When is the moment that the event is about: when it happened, or else when it was entered.
func (e Event) When() time.Time {
	if e.Happened.IsZero() {
		return e.At
	}
	return e.Happened
}

// EventKind names what happened; the struct in Data is given beside each kind.
type EventKind string

const (
	RunStarted        EventKind = "run.started"         // Started
	RunAttached       EventKind = "run.attached"        // By joined a run that already ran
	RunRefused        EventKind = "run.refused"         // Reason names the guard; System and Refusal the holder
	RunPaused         EventKind = "run.paused"          // By, Reason
	RunResumed        EventKind = "run.resumed"         // By
	RunAbortRequested EventKind = "run.abort_requested" // By, Reason
	RunEnded          EventKind = "run.ended"           // Ended
	RunMerged         EventKind = "run.merged"          // By, Reason; Merged: it came back from a break-glass bundle

	PhaseStarted EventKind = "phase.started"
	PhaseEnded   EventKind = "phase.ended" // Outcome; Reason when it did not pass

	InjectReleased EventKind = "inject.released" // Step, Action; Released

	EventOccurred EventKind = "event.occurred" // Occurrence: the RTO clock of System starts
	EventDetected EventKind = "event.detected" // Detection: the first time we could know

	PersonCalled   EventKind = "person.called"   // Person; Call
	PersonReminded EventKind = "person.reminded" // Person
	PersonAnswered EventKind = "person.answered" // Person, By; Answer
	PersonArrived  EventKind = "person.arrived"  // Person, By; Arrival
	QuorumReached  EventKind = "quorum.reached"  // Quorum
	QuorumMissed   EventKind = "quorum.missed"   // Quorum

	PersonAbsent      EventKind = "person.absent"      // Person; Absent
	PersonStandsIn    EventKind = "person.stands_in"   // Person; StandIn
	CallHeld          EventKind = "call.held"          // CallHold
	CallReleased      EventKind = "call.settled"       // By, Reason; CallSettled
	MusterMoved       EventKind = "muster.moved"       // By, Reason; MusterMove
	RoleHandedOver    EventKind = "role.handed_over"   // Person takes it; By, Reason; Handover
	StrengthReported  EventKind = "strength.reported"  // By, Reason; Strength
	StrengthConfirmed EventKind = "strength.confirmed" // By, Reason; Strength

	SiteInspected   EventKind = "site.inspected"   // Site, By, Reason; Inspection
	StatementMade   EventKind = "statement.made"   // System, By, Reason; Stated
	PartyReached    EventKind = "party.reached"    // By, Reason: a means of sharing works
	DamageAssessed  EventKind = "damage.assessed"  // System, By, Reason; Assessment
	ContainmentDone EventKind = "containment.done" // By, Reason
	DecisionAsked   EventKind = "decision.asked"   // System; DecisionAsk
	DecisionMade    EventKind = "decision.made"    // System, By, Reason; Decision
	ApprovalAsked   EventKind = "approval.asked"   // Reason: what is to be approved
	ApprovalGiven   EventKind = "approval.given"   // By, Reason; Approval
	ApprovalRefused EventKind = "approval.refused" // By, Reason; Objection: it is asked anew
	// A real response is confirmed by somebody other than who started it.
	ActivationAsked     EventKind = "activation.asked"     // Reason: who may
	ActivationConfirmed EventKind = "activation.confirmed" // By, Reason; Approval
	ActivationRefused   EventKind = "activation.refused"   // By, Reason; Objection: it is asked anew
	RecoveryOrdered     EventKind = "recovery.ordered"     // System, Runbook, By
	CompletionReport    EventKind = "completion.reported"  // By, Reason; Completed
	RemarkMade          EventKind = "remark.made"          // By, Reason: what was hard
	// ActRefused is written by the server: a validator, which refuses, writes nothing.
	ActRefused EventKind = "act.refused" // By, Reason: what they were told; RefusedAct

	StepIntended EventKind = "step.intended" // Intent: written before anything with an effect is tried
	StepStarted  EventKind = "step.started"  // Generation
	StepWaiting  EventKind = "step.waiting"  // Wait: somebody has to act
	StepActed    EventKind = "step.acted"    // By, Reason; StepAct: a person settled it
	ForceAsked   EventKind = "force.asked"   // By, Reason; StepAct: a second person has to confirm it
	ForceRefused EventKind = "force.refused" // By, Reason; Objection: the step waits as before
	StepEnded    EventKind = "step.ended"    // Outcome, Reason; StepResult
	UndoStarted  EventKind = "undo.started"  // Step; Action is the undo's
	UndoEnded    EventKind = "undo.ended"    // Outcome, Reason; StepResult

	ProbeStarted EventKind = "probe.started" // Step is the probe's name; Probe
	ProbeChanged EventKind = "probe.changed" // Step is the probe's name; ProbeChange
	ProbeEnded   EventKind = "probe.ended"   // Step is the probe's name; Observations

	WorkerAbsent EventKind = "worker.absent" // Site: nobody polled its queue in time
	MessageSent  EventKind = "message.sent"  // Message
	// MessageDelivered and MessageFailed are written by the server's channels: what became
	// of saying an event to a person, or to the run's room when Person is empty. A failure's
	// Outcome is failed, or skipped when it was not needed any more.
	MessageDelivered EventKind = "message.delivered" // Person; Delivery
	MessageFailed    EventKind = "message.failed"    // Person, Outcome, Reason; Delivery
	LockTaken        EventKind = "lock.taken"        // System; Lock
	LockReleased     EventKind = "lock.released"     // System
	LockKept         EventKind = "lock.kept"         // System, Reason: clean-up incomplete blocks the next run
	FindingOpened    EventKind = "finding.opened"    // Finding

	ReadinessChecked EventKind = "readiness.checked" // the whole of a readiness check; Checked

	// AlarmNoted is written by the server: what more a source of alarms said of the event
	// that a run answers, such as that it was withdrawn. It changes nothing by itself.
	AlarmNoted EventKind = "alarm.noted" // By is the source, Reason what it said; AlarmSaid
)

// Started is what a run begins with.
type Started struct {
	Kind      Kind   `json:"kind"`
	Depth     Depth  `json:"depth"`
	Scenario  string `json:"scenario"`
	Hazard    Hazard `json:"hazard"`
	PlanHash  string `json:"plan_hash"`
	Simulated bool   `json:"simulated_people"` // the engine answers for the people
	// Bundle is the break-glass bundle that it was begun from; nil is none.
	Bundle *Bundled `json:"bundle,omitempty"`
	// Rows are the rows of the programme that a drill is of, with what was set for it by then; nil is not known, as in
	// records of before they were kept.
	Rows []RowGoals `json:"rows,omitzero"`
	// Rules are those by which the run's report is made, so that what was sealed is made again as it was.
	Rules int `json:"rules,omitempty"`
}

// RowGoals is a row of the programme with its goals as they were when a drill of it began.
type RowGoals struct {
	Row   string `json:"row"`
	Goals []Goal `json:"goals,omitempty"`
}

// Goal is what a drill must show: Expect judges it from the record, or the role Judge does.
type Goal struct {
	ID     string  `json:"id"`
	Text   Problem `json:"text"`
	Expect string  `json:"expect,omitempty"`
	Judge  string  `json:"judged_by,omitempty"`
}

// ReportRules counts the rules of the report: 1 tells of an isolated copy that is left, leaves the date of a review of
// break-glass to the calendar, takes a failover for undone with the last part of its undo, and a run for cut off at its
// first abort; 2 has of several stores that are restored the one that is furthest behind count and each one's copy be told
// to be gone, doubts a newest row from after its reading, an old point that was asked for and a time over which the
// engine's clock was set back, and lets a loss miss its objective when no marker is left from before it; 3 takes
// for no stay what was undone or takes writes at home, doubts a loss while one of several marker probes has handed in nothing,
// misses no objective of a precaution that was given up while service went on, leaves a response what it had recovered when
// it was aborted on its way home, looks up the ends of verification and of the way home by the probes' clocks, and times each
// system's way home by itself.
const ReportRules = 3

// AlarmSaid is what a source of alarms said later.
type AlarmSaid struct {
	Title     string `json:"title,omitempty"`
	Withdrawn bool   `json:"withdrawn,omitempty"` // what it had said was wrong
	Over      bool   `json:"over,omitempty"`
}

// RefusedAct is an act that somebody may not do.
type RefusedAct struct {
	Act string `json:"act"` // approve or decide
}

// Ended is how a run ended.
type Ended struct {
	State State `json:"state"`
}

// Occurrence starts the RTO clock of a system. At is when it happened as the source
// knows it: the injector's own clock for an inject, the reporter's word, or the first
// failed sample of a probe. A threat starts no clock: nothing has stopped, and if the
// recovery interrupts service, that is when the clock starts.
type Occurrence struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // "inject", "reported", "probe" or SourceThreat
}

// SourceThreat is the source of an Occurrence that is no damage.
const SourceThreat = "threat"

// Detection is the first sign of the event that somebody or something could act on.
type Detection struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // the probe's name, "reported" or SourceThreat
}

// Call is how a person was called.
type Call struct {
	Channel string   `json:"channel"`
	Roles   []string `json:"roles,omitempty"`
	Deputy  string   `json:"deputy_for,omitempty"` // the silent person whom this one stands in for
	Place   string   `json:"place,omitempty"`      // where they muster
}

// Answer is a person's answer to the safety check (B-STP-01).
type Answer struct {
	Safety  Safety `json:"safety"`
	CanCome bool   `json:"can_come"`
	// Note is the remark in records of before it was kept apart.
	Note    string     `json:"note,omitempty"`
	Online  bool       `json:"online,omitempty"`   // can take part online, or only so
	ComesAt *time.Time `json:"comes_at,omitempty"` // when, as they said
	// Private: more was said (family, whereabouts, remark, telephone), which is kept apart
	// from the record and erased when it has served.
	Private bool `json:"private,omitempty"`
}

// Arrival is a person at the muster place, or online.
type Arrival struct {
	Place  string `json:"place"`
	Online bool   `json:"online,omitempty"`
}

// Quorum is the mustered strength by role against what the scenario asks.
type Quorum struct {
	Need    map[string]int `json:"need"`
	Present map[string]int `json:"present"`
	// Decider is who leads on with fewer: the highest who is there; "" is nobody.
	Decider string `json:"decider,omitempty"`
}

// Inspection is the state of a site as people found it (B-STP-03).
type Inspection struct {
	Usable     bool          `json:"usable"` // people may work there
	Overall    Usability     `json:"overall,omitempty"`
	Items      []CheckedItem `json:"items,omitempty"`
	Inspectors []string      `json:"inspectors,omitempty"` // besides By; the building manager by name
	Photos     []string      `json:"photos,omitempty"`
	Began      time.Time     `json:"began,omitzero"` // the inspection; it ended when the event happened
}

// Assessment is one result of the damage assessment. Source is "person" or "probe";
// both are kept side by side when they disagree.
type Assessment struct {
	Component string `json:"component,omitempty"`
	Damage    Damage `json:"damage"`
	Source    string `json:"source"`
	// Photos are what it rests on, each the SHA-256 of the picture in the record store.
	Photos []string `json:"photos,omitempty"`
	// Repair is how long recovery in place is said to take, and Ground why.
	Repair Duration `json:"repair,omitempty"`
	Ground string   `json:"ground,omitempty"`
}

// DecisionAsk is a question put to a role, with what the asked should know.
// The computed aid of requirement B-DEC-02 is in it, as estimates in seconds; nil is
// "no ground for an estimate".
type DecisionAsk struct {
	Question   string   `json:"question"`
	Role       string   `json:"role"`
	Choices    []Choice `json:"choices"`
	Proposed   Choice   `json:"proposed"`
	Ground     string   `json:"ground"`
	UsedS      float64  `json:"used_s"`
	ObjectiveS *float64 `json:"objective_s,omitempty"`
	AlternateS *float64 `json:"alternate_s,omitempty"`
	InPlaceS   *float64 `json:"in_place_s,omitempty"`
	// P95 are the same by the 95th percentiles of past steps; nil without past.
	AlternateP95S *float64 `json:"alternate_p95_s,omitempty"`
	InPlaceP95S   *float64 `json:"in_place_p95_s,omitempty"`
	// Met is how likely the way meets the RTO if it is begun now, drawn from past runs; nil without
	// ground. AtBest: steps without data count nothing, so it is too good.
	AlternateMet    *float64 `json:"alternate_met,omitempty"`
	InPlaceMet      *float64 `json:"in_place_met,omitempty"`
	AlternateAtBest bool     `json:"alternate_at_best,omitempty"`
	InPlaceAtBest   bool     `json:"in_place_at_best,omitempty"`
	// What the estimates rest on; "" when there is none.
	AlternateGround string `json:"alternate_ground,omitempty"`
	InPlaceGround   string `json:"in_place_ground,omitempty"`
	// MissS is by how much the faster way is expected to miss the RTO; nil when a way is
	// expected to meet it, or none has an estimate (requirement B-DEC-03).
	MissS     *float64 `json:"miss_s,omitempty"`
	DeadlineS float64  `json:"deadline_s"`
	// Intact: service is whole as far as anybody knows, so that a switch would be a
	// precaution (requirement B-DEC-05) and no time is used yet.
	Intact bool `json:"intact,omitempty"`
}

// Decision is the answer to a question. Rule is set when nobody decided in time and
// the scenario's rule did (requirement B-DEC-08).
type Decision struct {
	Question string  `json:"question"`
	Answer   Choice  `json:"answer"`
	WaitedS  float64 `json:"waited_s"`
	Rule     string  `json:"rule,omitempty"`
	Deputy   bool    `json:"deputy,omitempty"`
	// Instead is the choice that this one takes the place of, in a revision.
	Instead Choice `json:"instead,omitempty"`
	// Precaution: a switch while service was whole.
	Precaution bool `json:"precaution,omitempty"`
	// Policy is place, level, method and order, as decided or as drafted.
	Policy
	// Drafter proposed it; AsDrafted says that it was taken as proposed.
	Drafter   string `json:"drafter,omitempty"`
	AsDrafted bool   `json:"as_drafted,omitempty"`
}

// Approval is a second person's yes. BreakGlass marks an approval given by the
// requester alone; it needs a reason and stands in the report for review.
type Approval struct {
	// Asked is the number of the ApprovalAsked that it answers, where the person said which.
	Asked int64 `json:"asked,omitempty"`
	// SameConsole: this yes and that of who asked or decided both came by the server's own
	// token, so nothing shows that they are two persons. It is reviewed as break-glass is.
	SameConsole bool `json:"same_console,omitempty"`

	BreakGlass bool `json:"break_glass,omitempty"`
	// WithRecovery: the activation was confirmed by approving the recovery.
	WithRecovery bool `json:"with_recovery,omitempty"`
}

// Objection is a second person's no.
type Objection struct {
	Asked int64    `json:"asked"`         // number of the question that it answers
	Act   Act      `json:"act,omitempty"` // of a step: what was to be forced
	To    []string `json:"to,omitempty"`  // who asked for it, and is told
}

// Intent is written, and on disk, before an effect is tried.
type Intent struct {
	EffectKey string `json:"effect_key"`
	Token     int64  `json:"token"` // fencing token of the system's switch lock
	Effect    Effect `json:"effect"`
}

// WaitKind says what a step waits for.
type WaitKind string

const (
	WaitHuman   WaitKind = "human"   // a human step to be done
	WaitUnknown WaitKind = "unknown" // nobody can tell whether the effect happened
	WaitFailed  WaitKind = "failed"  // retry, skip or abort
	WaitAbsent  WaitKind = "absent"  // no worker at the step's site
	WaitAck     WaitKind = "ack"     // walkthrough: the owner reads the step and acknowledges it
)

// Wait says who is waited for and what they may answer.
type Wait struct {
	Kind WaitKind `json:"kind"`
	Role string   `json:"role"`
	Text string   `json:"text,omitempty"`
	Acts []Act    `json:"acts"`
}

// Act is what a person may do with a step that waits.
type Act string

const (
	ActDone  Act = "done"
	ActRetry Act = "retry"
	ActSkip  Act = "skip"
	// ActRefuse is a second person's no to what somebody asked to force; the step waits on.
	ActRefuse Act = "refuse"
)

// StepAct is a person's act on a waiting step.
type StepAct struct {
	Act Act `json:"act"`
	// AskedBy asked for it to be forced, with that reason; By of the event confirmed it.
	AskedBy    string `json:"asked_by,omitempty"`
	Asked      string `json:"asked,omitempty"`
	BreakGlass bool   `json:"break_glass,omitempty"` // forced by one person alone
	// SameConsole: who asked and who confirmed both came by the server's own token.
	SameConsole bool `json:"same_console,omitempty"`
}

// SettledBy says on what a step's outcome rests.
type SettledBy string

const (
	ByResult      SettledBy = "result"       // the action observed its goal itself
	ByObservation SettledBy = "observation"  // the action's answer was lost; a read-only look settled it
	ByPerson      SettledBy = "person"       // marked by hand: objectives that rest on it are not proven
	ByAcknowledge SettledBy = "acknowledged" // a human step done, or a walkthrough step read
	ByGuard       SettledBy = "guard"        // its if: was false
	ByAbsence     SettledBy = "absence"      // its site was away, and the runbook says that it can do without
)

// StepResult is how a step ended. Times are the worker's clock and zero when no
// worker answered; DurationS is monotonic.
type StepResult struct {
	SettledBy SettledBy       `json:"settled_by"`
	StartedAt time.Time       `json:"started_at,omitzero"`
	EndedAt   time.Time       `json:"ended_at,omitzero"`
	DurationS float64         `json:"duration_s,omitempty"`
	Attempts  int             `json:"attempts"`
	Already   bool            `json:"already,omitempty"` // the goal held before the action acted
	OverS     float64         `json:"over_budget_s,omitempty"`
	NotDone   bool            `json:"not_done,omitempty"` // provably nothing of it was done, or is left
	Output    json.RawMessage `json:"output,omitempty"`
}

// Probe is a probe as it starts.
type Probe struct {
	Function string   `json:"function"`
	Weight   int      `json:"weight"`
	Interval Duration `json:"interval"`
	Vantage  string   `json:"vantage"` // the site it looks from
}

// Stated is a person's word on a function that no probe can see.
type Stated struct {
	Function string `json:"function"`
	Level    int    `json:"level"` // percent of normal service
}

// ProbeChange is a transition seen by a probe, told as it happens.
type ProbeChange struct {
	Up    bool      `json:"up"`
	Level int       `json:"level,omitempty"` // as in Transition
	At    time.Time `json:"at"`              // vantage clock
	Error string    `json:"error,omitempty"`
}

// Ask is what ActivationAsked and ApprovalAsked carry: whose yes is asked for besides what
// roles say (plan.Eyes).
type Ask struct {
	Need    int      `json:"need"`              // how many
	Not     []string `json:"not,omitempty"`     // whose does not count: who asked for the run
	Decided []string `json:"decided,omitempty"` // whose counts only where nobody else's could
}

// Message is something said to people. The engine puts the drill's mark in front.
type Message struct {
	To      []string `json:"to"`
	Channel string   `json:"channel"`
	Text    string   `json:"text"`
	// Ack: each of them is asked to say that they have read it.
	Ack bool `json:"ack,omitempty"`
	// Call: this is what everybody is told as they are called.
	Call bool `json:"call,omitempty"`
	// Private: it speaks of somebody in person, so it goes to those it is for and to no room.
	Private bool `json:"private,omitempty"`
}

// Delivery is what a channel did to say something. Where it was sent to stays out of the
// record (requirement P-PII).
type Delivery struct {
	Channel  string `json:"channel"`          // "": there is none with an address of the person
	Of       string `json:"of"`               // the event that was said, as WRITER/SEQ
	Matter   string `json:"matter,omitempty"` // what was said: call, reminder, decision ...
	Attempts int    `json:"attempts"`
}

// Lock is a system's switch lock as a run took it.
type Lock struct {
	Token int64 `json:"token"`
}

// Refusal names who holds what the run asked for.
type Refusal struct {
	Holder string `json:"holder"`
}

// FindingKind says what a finding is about.
type FindingKind string

const (
	FindingObjective FindingKind = "objective" // missed or not proven
	FindingBudget    FindingKind = "budget"    // a step took longer than its budget
	FindingStep      FindingKind = "step"      // failed, unknown, retried
	FindingHand      FindingKind = "hand"      // skipped, forced or marked by hand
	FindingPeople    FindingKind = "people"    // silent, absent, quorum missed
	FindingCleanUp   FindingKind = "cleanup"   // undo or failback incomplete
	FindingClock     FindingKind = "clock"     // a clock stepped
	FindingRemark    FindingKind = "remark"    // what a person said was hard
	FindingPlace     FindingKind = "place"     // original and copies, or both sites, lie in one region
	FindingRecord    FindingKind = "record"    // the record has holes
)

// Finding is what a run taught. Title is made by the reader (report, board) from
// Kind and the fields, in the reader's language; Detail is what was seen.
type Finding struct {
	ID     string      `json:"id"`
	Kind   FindingKind `json:"kind"`
	System string      `json:"system,omitempty"`
	Step   string      `json:"step,omitempty"`
	Owner  string      `json:"owner,omitempty"`
	Due    string      `json:"due,omitempty"` // date, RFC 3339
	Detail string      `json:"detail,omitempty"`
}

// Encode is Data from a kind's struct. The structs above always marshal.
func Encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Checked is what a readiness check found.
type Checked struct {
	Ready bool   `json:"ready"`
	Items []Item `json:"items"`
}

// Item is one thing that was checked, and what is wrong with it, in both languages.
type Item struct {
	What     string    `json:"what"`  // action or probe, "person", "role", "worker"
	Where    string    `json:"where"` // step, function, person ...
	System   string    `json:"system,omitempty"`
	Site     string    `json:"site,omitempty"`
	Line     string    `json:"line,omitempty"` // file:line
	Problems []Problem `json:"problems,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// Problem is one sentence with the way out.
type Problem struct {
	EN string `json:"en"`
	JA string `json:"ja"`
}
