// Package workflows is what runs under replay: the response as a story (run.go and a
// file a phase) and the step interpreter (execute.go, attempt.go). It touches no clock, no network
// and no map in order; effects are activities.
package workflows

import (
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Workflow types. The run's ID is the ID of its Run workflow.
const (
	TypeRun     = "Run"     // one execution of a scenario
	TypeExecute = "Execute" // one runbook on one system; ID: ExecuteID
	TypeSwitch  = "Switch"  // a system's switch lock; ID: SwitchID
)

// Purpose says why a runbook is executed; it is part of the writer's name.
type Purpose string

const (
	ForFailover Purpose = "failover"
	ForInPlace  Purpose = "in_place"
	ForFailback Purpose = "failback"
	ForRestore  Purpose = "restore"
)

// ExecuteID is the ID of the workflow that executes a system's runbook. Its part
// after "RUN/" is the writer's name in the journal.
func ExecuteID(runID, system string, p Purpose) string {
	return fmt.Sprintf("%s/%s/%s", runID, system, p)
}

// SwitchID is a system's switch lock: at most one run may move a system.
func SwitchID(system string) string { return "switch/" + system }

// Input starts a Run.
type Input struct {
	RunID     string    `json:"run"`
	Kind      run.Kind  `json:"kind"`
	Plan      plan.Plan `json:"plan"`
	Requester string    `json:"requester"`
	Via       string    `json:"via,omitempty"` // how the requester was known
	Issuers   []string  `json:"issuers,omitempty"`
	RequestID string    `json:"request_id"` // unique per start request; tells who began and who joined
	Reason    string    `json:"reason,omitempty"`
	// Since is when the event happened as the caller reports it, RFC 3339; "" when
	// nobody knows: the first failed probe then starts the clock.
	Since string `json:"since,omitempty"`
	// Beside is true in runs of some days, see besideTasks.
	Beside bool `json:"beside,omitempty"`
	// Bundle is the break-glass bundle that it is begun from; nil is none.
	Bundle *run.Bundled `json:"bundle,omitempty"`
	// Rows are the rows of the programme that it is of, with their goals; nil is not known.
	Rows []run.RowGoals `json:"rows,omitzero"`
}

// Updates of Run, by name. Each is refused by its validator, with the reason, before
// anything is written; it completes when its event is in the journal.
const (
	UpdateBegin   = "begin"   // Begin → Begun: waits until the run holds its locks
	UpdateCheckIn = "checkin" // CheckIn
	UpdateArrive  = "arrive"  // Arrive
	UpdateInspect = "inspect" // Inspect
	UpdateAttest  = "attest"  // Attest
	UpdateAssess  = "assess"  // Assess
	UpdateDecide  = "decide"  // Decide
	UpdateApprove = "approve" // Approve
	UpdateRefuse  = "refuse"  // Refuse
	UpdateConfirm = "confirm" // Confirm
	UpdateAbort   = "abort"   // Control
	UpdatePause   = "pause"   // Control
	// UpdateRelocate, UpdateHandover, UpdateStrength, UpdateCallOut are of the muster.
	UpdateRelocate = "relocate" // Relocate
	UpdateHandover = "handover" // Handover
	UpdateStrength = "strength" // Strength
	UpdateCallOut  = "callout"  // CallOut
	UpdateResume   = "resume"   // Control
	// UpdateStep is an update of Execute, not of Run.
	UpdateStep = "step" // Step
	// UpdateRelease is an update of Switch: free a system whose clean-up a person
	// has finished.
	UpdateRelease = "release" // Control
)

// QueryHolder is a query of Switch that answers Holder.
const QueryHolder = "holder"

// Holder is who holds a system's switch lock.
type Holder struct {
	Run    string `json:"run"`
	Kept   bool   `json:"kept"`   // the run has ended and left the lock: clean-up incomplete
	Reason string `json:"reason"` // why it was kept
}

// Issuers, where an act has them, are who else had the secret that its person came with: the
// server sets them (identity.Actor), and four eyes compare them.
//
// By in what follows is who acts, an ID of the estate, and Via how the server knew them
// (identity.Actor). The server holds By against who asks and sets Via; through the API, a By
// or Person that is left out is whoever asks.

// Begin asks to start or to join.
type Begin struct {
	By        string `json:"by,omitempty"`
	Via       string `json:"via,omitempty"`
	RequestID string `json:"request_id"`
}

// Begun answers Begin. Refused is the reason in words, Why the same in either language; Holder
// the run in the way.
type Begun struct {
	Run       string    `json:"run"`
	Attached  bool      `json:"attached"` // the run was there already
	StartedBy string    `json:"started_by"`
	Refused   string    `json:"refused,omitempty"`
	Why       plan.Text `json:"why,omitzero"`
	Holder    string    `json:"holder,omitempty"`
	// Ended: the holder is the run that was asked, and has ended meanwhile: the next one can begin.
	Ended bool `json:"ended,omitempty"`
}

// Done answers every other update.
type Done struct {
	Seq int64 `json:"seq"` // of the event that recorded it
	// Writer is who numbered it, when that is not the run.
	Writer string `json:"writer,omitempty"`
	ID     string `json:"id,omitempty"` // of what it made: an order, a line of the custody register
	// Unconfirmed: it does not stand before another person has confirmed it.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// CheckIn answers the safety check. By is who entered it, Person whom it is about. What is
// private the server keeps apart: it never reaches the engine, the journal or a log.
type CheckIn struct {
	Person  string     `json:"person,omitempty"`
	By      string     `json:"by,omitempty"`
	Via     string     `json:"via,omitempty"`
	Safety  run.Safety `json:"safety,omitempty" doc:"As run.Questions of the hazard has it; not asked in a security incident."`
	CanCome bool       `json:"can_come"`
	Online  bool       `json:"online,omitempty" doc:"Can take part online, or only so."`
	ComesAt *time.Time `json:"comes_at,omitempty" doc:"When they expect to be there."`

	Family      run.Family `json:"family,omitempty" enum:"safe,hurt,unknown,none" doc:"Private."`
	Whereabouts string     `json:"whereabouts,omitempty" maxLength:"200" doc:"Private: where they are."`
	Phone       string     `json:"phone,omitempty" maxLength:"40" doc:"Private: where they can be reached now."`
	Note        string     `json:"note,omitempty" maxLength:"1000" doc:"Private: a remark."`
}

// Arrive says that a person is at the muster place, or online.
type Arrive struct {
	Person string `json:"person,omitempty"`
	By     string `json:"by,omitempty"`
	Via    string `json:"via,omitempty"`
	Place  string `json:"place,omitempty"`  // "" is where they were called to
	Online bool   `json:"online,omitempty"` // at the first place that is online
}

// Ack says that somebody has read a message that asks for it. The server writes it to the
// record; the run does not wait for it.
type Ack struct {
	Person  string `json:"person,omitempty"`
	By      string `json:"by,omitempty"`
	Via     string `json:"via,omitempty"`
	Message string `json:"message" doc:"Which, as in the run's acks."`
}

// Relocate names another muster place.
type Relocate struct {
	By     string `json:"by,omitempty"`
	Via    string `json:"via,omitempty"`
	Place  string `json:"place"`
	Reason string `json:"reason"`
}

// Handover gives a role from one person to another, as at the change of a shift.
type Handover struct {
	By     string `json:"by,omitempty"`
	Via    string `json:"via,omitempty"`
	Role   string `json:"role"`
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason,omitempty"`
}

// Strength reports, or as a second person confirms, the strength that is there.
type Strength struct {
	By      string   `json:"by,omitempty"`
	Via     string   `json:"via,omitempty"`
	Issuers []string `json:"issuers,omitempty"`
	Note    string   `json:"note,omitempty"`
}

// CallOut sends a call-out that is held at once, or calls it off as a false alarm.
type CallOut struct {
	By     string `json:"by,omitempty"`
	Via    string `json:"via,omitempty"`
	Send   bool   `json:"send"`
	Reason string `json:"reason,omitempty"` // required to call it off
}

// Inspect reports the state of a site's building. Overall, where it is given, says whether
// people may work there; else Usable does.
type Inspect struct {
	Site       string            `json:"site"`
	By         string            `json:"by,omitempty"`
	Via        string            `json:"via,omitempty"`
	Usable     bool              `json:"usable"`
	Note       string            `json:"note,omitempty"`
	Overall    run.Usability     `json:"overall,omitempty"`
	Items      []run.CheckedItem `json:"items,omitempty"`      // of the site's checklist
	Inspectors []string          `json:"inspectors,omitempty"` // who was there besides By
	Photos     []string          `json:"photos,omitempty"`
	Began      string            `json:"began,omitempty"` // RFC 3339
	At         string            `json:"at,omitempty"`    // as in Assess; the end of the inspection
}

// Attest states how much of a function that no probe can see is there.
type Attest struct {
	System   string `json:"system"`
	Function string `json:"function"`
	By       string `json:"by,omitempty"`
	Via      string `json:"via,omitempty"`
	Level    int    `json:"level"`  // percent of normal service
	Reason   string `json:"reason"` // what the word rests on
}

// Assess reports damage to a system, or to one component of it.
type Assess struct {
	System    string     `json:"system"`
	Component string     `json:"component,omitempty"`
	By        string     `json:"by,omitempty"`
	Via       string     `json:"via,omitempty"`
	Damage    run.Damage `json:"damage"`
	Note      string     `json:"note,omitempty"`
	Photos    []string   `json:"photos,omitempty"`
	// Repair is how long recovery in place will take, with its ground: it takes the place of the
	// plan's own estimate in the aid of the decision.
	Repair run.Duration `json:"repair,omitempty"`
	Ground string       `json:"ground,omitempty"`
	// At is when it was seen, RFC 3339, where that was earlier than the entry.
	At string `json:"at,omitempty"`
}

// Decide is the recovery decision for a system ("" is every system that waits).
type Decide struct {
	System  string     `json:"system,omitempty"`
	By      string     `json:"by,omitempty"`
	Via     string     `json:"via,omitempty"`
	Issuers []string   `json:"issuers,omitempty"`
	Choice  run.Choice `json:"choice"`
	Reason  string     `json:"reason"`
	// Policy is what is decided with it; what is left out is as drafted when the choice is.
	run.Policy
	At string `json:"at,omitempty"` // as in Assess
	// Instead is the choice of somebody else that this one takes the place of.
	Instead run.Choice `json:"instead,omitempty"`
}

// ApproveActivation says that an Approve confirms the activation.
const ApproveActivation = "activation"

// Approve approves the recovery, or confirms the activation. BreakGlass lets the requester
// approve alone.
type Approve struct {
	// For is ApproveActivation, or "" for what waits: the recovery before the activation.
	For        string   `json:"for,omitempty" enum:"activation"`
	By         string   `json:"by,omitempty"`
	Via        string   `json:"via,omitempty"`
	Issuers    []string `json:"issuers,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	BreakGlass bool     `json:"break_glass,omitempty"`
	// Asked is the number of the question that is answered, as Asked of what the run waits for:
	// when something else is asked for by now, it is refused. 0 is whatever is.
	Asked int64 `json:"asked,omitempty"`
}

// Confirm ends one of the phases that people carry out: communications, containment,
// completion or closing. In closing, Note is the remark on what was hard.
type Confirm struct {
	Phase run.Phase `json:"phase"`
	By    string    `json:"by,omitempty"`
	Via   string    `json:"via,omitempty"`
	Note  string    `json:"note,omitempty"`
	// Restrictions are, at completion, what still does not work and what has to be entered again.
	Restrictions []string `json:"restrictions,omitempty"`
}

// Control is an abort, a pause, a resume or a release.
type Control struct {
	By     string `json:"by,omitempty"`
	Via    string `json:"via,omitempty"`
	Reason string `json:"reason"`
	// Orphaned is for releases only, and only the server sets it: it has seen that
	// the run that holds the lock is closed in the engine without having let go.
	Orphaned bool `json:"orphaned,omitempty"`
}

// Step is a person's act on a step that waits.
type Step struct {
	Step    string   `json:"step"`
	By      string   `json:"by,omitempty"`
	Via     string   `json:"via,omitempty"`
	Issuers []string `json:"issuers,omitempty"`
	Act     run.Act  `json:"act"`
	Reason  string   `json:"reason,omitempty"` // required for skip, and for done on a machine's step
	// BreakGlass forces a step alone where a second person would have to confirm it.
	BreakGlass bool `json:"break_glass,omitempty"`
	// Asked is the number of the ForceAsked that is confirmed or refused; 0 is whatever is asked.
	Asked int64 `json:"asked,omitempty"`
	// Wait is the number of the StepWaiting that is answered; 0 is whatever it waits for.
	Wait int64 `json:"wait,omitempty"`
}
