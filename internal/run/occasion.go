package run

import "time"

// Occasion is the record of one due day of a schedule: when it was due, what moved it, what
// held it up, and the run that came of it. It is no drill itself.
const Occasion Kind = "occasion"

// How an occasion ends.
const (
	Held    State = "held"     // a run was started
	NotHeld State = "not_held" // none was, and the record says why
)

// What an occasion's record holds.
const (
	OccasionDue       EventKind = "occasion.due"       // Due
	OccasionCommitted EventKind = "occasion.committed" // Commitment: a start was drawn, and this holds it to it
	OccasionPostponed EventKind = "occasion.postponed" // Postponed
	OccasionOpened    EventKind = "occasion.opened"    // Opened: what was drawn
	OccasionHeld      EventKind = "occasion.held"      // OccasionRun; By holds it by hand
	OccasionMissed    EventKind = "occasion.missed"    // OccasionMiss
	OccasionWithdrawn EventKind = "occasion.withdrawn" // By takes back that it was held by hand
)

// Due is what an occasion is of.
type Due struct {
	Schedule  string    `json:"schedule"` // the row of the programme has the same name
	Programme string    `json:"programme"`
	Scenario  string    `json:"scenario,omitempty"`
	Nominal   time.Time `json:"nominal"` // by the rule
	At        time.Time `json:"at"`      // after days off and freezes; of a blind one, when its window opens
	Until     time.Time `json:"until,omitzero"`
	Blind     bool      `json:"blind,omitempty"`
	Shifts    []Shift   `json:"shifts,omitempty"`
	// Person is whom it is for, where it is due because somebody came.
	Person string `json:"person,omitempty"`
}

// Shift is one move, and why.
type Shift struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  Problem   `json:"why"`
}

// Commitment is the digest of a drawn time and a nonce: Hash is SHA-256 of "TIME|NONCE" in
// hex. It is in the record before the time comes, so that nobody can move the start without
// being found out.
type Commitment struct {
	Draw int       `json:"draw"` // 1 for the first
	Hash string    `json:"hash"`
	From time.Time `json:"from"` // the windows that it was drawn in, from the first
	To   time.Time `json:"to"`   // to the end of the last
}

// Opened is what a commitment was made for: Time as it was hashed.
type Opened struct {
	Draw  int    `json:"draw"`
	Time  string `json:"time"`
	Nonce string `json:"nonce"`
}

// Postponed says what held it up, and when it is tried again.
type Postponed struct {
	Why   []Problem `json:"why"`
	Until time.Time `json:"until,omitzero"` // zero where the time is drawn again
	Tries int       `json:"tries"`          // so far
}

// OccasionRun is the run that came of it; "" where people held it without one.
type OccasionRun struct {
	Run string `json:"run,omitempty"`
	On  string `json:"on,omitempty"` // day, of what was held by hand
}

// OccasionMiss says why it was not held.
type OccasionMiss struct {
	Why   []Problem `json:"why"`
	Tries int       `json:"tries"`
}

// schedulePrefix begins the actor of what a schedule did. No ID of an estate has a colon.
const schedulePrefix = "schedule:"

// Schedule is the actor of what a schedule of the programme did.
func Schedule(name string) string { return schedulePrefix + name }

// IsSchedule reports whether the actor is a schedule.
func IsSchedule(actor string) bool {
	return len(actor) > len(schedulePrefix) && actor[:len(schedulePrefix)] == schedulePrefix
}

// NoPerson reports whether no person asked for what the actor did, but a rule of the files.
func NoPerson(actor string) bool { return IsAlarm(actor) || IsSchedule(actor) }

// Drawn reports whether anything was drawn.
func (o Opened) Drawn() bool { return o.Nonce != "" }

// Released is by what an inject was released.
type Released struct {
	Kind  EventKind `json:"kind"`
	Phase Phase     `json:"phase,omitempty"`
	By    string    `json:"by,omitempty"`
}
