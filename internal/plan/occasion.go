package plan

import (
	"encoding/json"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// TypeOccasion is the workflow of one due day of a schedule: Occasion → nothing.
const TypeOccasion = "Occasion"

// Occasion is its input, as the schedule was applied. Spec is the schedule in the
// programme's own words; the workflow only passes it on.
type Occasion struct {
	Schedule  string          `json:"schedule"`
	Programme string          `json:"programme"`
	Scenario  string          `json:"scenario"`
	Blind     bool            `json:"blind,omitempty"`
	Spec      json.RawMessage `json:"spec"`
	// Since is from when its rule is in effect; zero for one that an earlier version applied.
	Since time.Time `json:"since,omitzero"`
}

// SignalOccasionOut is the signal by which the server tells an occasion that its schedule was taken
// out of the programme: it looks at once, and not when its time has come.
const SignalOccasionOut = "out"

// The control plane's activities for it. Each is asked with an OccasionAsk.
const (
	ActivityOccasionDue   = "occasion.due"   // → OccasionDue
	ActivityOccasionDraw  = "occasion.draw"  // → run.Commitment; the drawn time stays with the server
	ActivityOccasionAwait = "occasion.await" // → run.Opened, once its time has come
	ActivityOccasionLook  = "occasion.look"  // → OccasionLook
	ActivityOccasionStart = "occasion.start" // → OccasionStarted
	ActivityOccasionTell  = "occasion.tell"  // OccasionTold → nothing
)

// OccasionAsk is a question about an occasion.
type OccasionAsk struct {
	ID      string    `json:"id"`
	Of      Occasion  `json:"of"`
	Nominal time.Time `json:"nominal"`
	First   time.Time `json:"first,omitzero"` // when it was first tried
	Now     time.Time `json:"now"`            // by the engine
	Try     int       `json:"try,omitempty"`
}

// OccasionDue says when it is to begin.
type OccasionDue struct {
	// Not: the rule is not due then, as between the weeks of one that is every so many.
	Not    bool          `json:"not,omitempty"`
	Due    run.Due       `json:"due"`
	Late   []run.Problem `json:"late,omitempty"`   // nothing ran at its time: it is later than it may begin
	Missed []run.Problem `json:"missed,omitempty"` // and it is not held then
	Until  time.Time     `json:"until,omitzero"`   // when a late one is tried
}

// OccasionLook is what holds an occasion up, if anything.
type OccasionLook struct {
	Blocks []run.Problem `json:"blocks,omitempty"`
	// Until is when it is looked at again; Over: it is too late then, or it is not wanted any
	// more.
	Until time.Time `json:"until,omitzero"`
	Over  bool      `json:"over,omitempty"`
}

// OccasionStarted is the run, or what held it up after all.
type OccasionStarted struct {
	Run string `json:"run,omitempty"`
	OccasionLook
}

// OccasionTold is what the planner is told: the newest event of the occasion.
type OccasionTold struct {
	OccasionAsk
	Event run.Event `json:"event"`
}
