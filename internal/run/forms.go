package run

import "time"

// What people enter in forms: the kinds of event and what is in them. An act that was done
// earlier than it was entered carries Event.Happened.
const (
	PrioritiesSet EventKind = "priorities.set" // By, Reason; Priorities: in which order damage is looked at

	PartyTried      EventKind = "party.tried"      // By, Reason; Contacted: somebody tried to reach a party
	OrderGiven      EventKind = "order.given"      // By, System, Site; Order
	OrderFollowed   EventKind = "order.followed"   // By, Reason; OrderState: accepted, arrived, done ...
	CustodyMoved    EventKind = "custody.moved"    // By, Reason; Custody: a medium or a thing leaves its place
	CustodyReceived EventKind = "custody.received" // By, Reason; CustodyReceipt

	DraftMade         EventKind = "draft.made"         // System, By, Reason; Draft
	ConsultationBegun EventKind = "consultation.begun" // By; Consultation
	ConsultationEnded EventKind = "consultation.ended" // By, Reason; Consultation
	DeputiesAsked     EventKind = "decision.deputies"  // Deputies: they may decide from now on
	ReviewAsked       EventKind = "decision.review"    // System, Reason; Review: the forecast has passed the target
	ReviewMade        EventKind = "decision.reviewed"  // System, By, Reason; Reviewed

	SituationReported EventKind = "situation.reported" // By; Situation, as it was sent
	NoticeKept        EventKind = "notice.kept"        // By, Reason: the words; Notice: something was told, or an instruction came in
	RecordsAsked      EventKind = "records.asked"      // Asked: each of them is asked what was hard
	RecordHandedIn    EventKind = "record.handed_in"   // Person, By, Reason: what was hard; Record
)

// Usability is how far people may use a building, or a part of it.
type Usability string

const (
	Usable      Usability = "usable"
	Restricted  Usability = "restricted" // with care, or in part
	Unusable    Usability = "unusable"
	NotLookedAt Usability = "not_looked_at"
	ItemOK      Usability = "ok" // of an item of the checklist
)

// CheckedItem is one item of a site's checklist as it was found.
type CheckedItem struct {
	Item  string    `json:"item"`
	State Usability `json:"state"` // ok, restricted, unusable or not_looked_at
	Note  string    `json:"note,omitempty"`
}

// Priorities is the order in which damage is to be looked at: systems by name, components as
// SYSTEM/COMPONENT. What is not named follows in the plan's order.
type Priorities struct {
	Order []string `json:"order"`
}

// DamageAt is what a level of service in percent says of a system.
func DamageAt(level int) Damage {
	switch {
	case level <= 0:
		return DamageStopped
	case level < 100:
		return DamageDegraded
	}
	return DamageNone
}

// Disagree reports whether a person and a probe contradict each other: one says that nothing is
// wrong, the other that something is. Who does not know contradicts nobody.
func Disagree(person, probe Damage) bool {
	if person == "" || probe == "" || person == DamageUnknown || probe == DamageUnknown {
		return false
	}
	return (person == DamageNone) != (probe == DamageNone)
}

// Contact is what came of trying to reach somebody.
type Contact string

const (
	ContactReached Contact = "reached" // spoken with, or answered: a two-way contact
	ContactLeft    Contact = "left_message"
	ContactSilent  Contact = "no_answer"
	ContactDead    Contact = "line_dead" // the means itself does not work
)

// Contacted is one try to reach a party, by one channel (B-STP-05).
type Contacted struct {
	Party   string  `json:"party"`
	Channel string  `json:"channel"` // as people call it: telephone, mail, messenger, on foot
	Outcome Contact `json:"outcome"`
	Person  string  `json:"person,omitempty"` // who was reached there
}

// Purpose is what an order is for.
type Purpose string

const (
	ForContractor  Purpose = "contractor"  // asked of a party
	ForContainment Purpose = "containment" // so that the damage does not spread
	ForRecovery    Purpose = "recovery"
	ForStandby     Purpose = "standby" // stand by, or come as reinforcement
)

// Order is what somebody is to do, and whether it was accepted and done (B-STP-05, 07, 09).
type Order struct {
	ID      string  `json:"id"` // order-1 and so on
	Purpose Purpose `json:"purpose"`
	// Exactly one of Party, Person and Role is set.
	Party  string `json:"party,omitempty"`
	Person string `json:"person,omitempty"`
	Role   string `json:"role,omitempty"`
	What   string `json:"what"`
}

// Progress is how far an order has come.
type Progress string

const (
	OrderAccepted  Progress = "accepted"
	OrderDeclined  Progress = "declined"
	OrderArrived   Progress = "arrived"
	OrderDone      Progress = "done"
	OrderWithdrawn Progress = "withdrawn"
)

// OrderState is a word on an order.
type OrderState struct {
	ID     string   `json:"id"`
	State  Progress `json:"state"`
	Person string   `json:"person,omitempty"` // who accepted or came, where that is not By
}

// Custody is a line of the custody register (requirement P-CUST): a medium, a ledger, a key or
// another thing is taken from a place to another.
type Custody struct {
	ID         string `json:"id"` // custody-1 and so on
	What       string `json:"what"`
	From       string `json:"from"`
	To         string `json:"to"`
	TakenBy    string `json:"taken_by"`
	ReceivedBy string `json:"received_by,omitempty"` // "" while it is on its way
}

// CustodyReceipt ends a line: the thing is where it was to go.
type CustodyReceipt struct {
	ID         string `json:"id"`
	ReceivedBy string `json:"received_by"`
}

// Policy is how a system is to be recovered, besides the choice: what the recovery decision holds
// together (requirements B-STP-08, B-DEC-07).
type Policy struct {
	Place    string     `json:"place,omitempty"`    // a site
	Level    int        `json:"level,omitempty"`    // RLO aimed at, in percent
	Method   string     `json:"method,omitempty"`   // in words
	Order    int        `json:"order,omitempty"`    // 1 is recovered first
	Requests []string   `json:"requests,omitempty"` // to the report recipient and to departments
	Rejected []Rejected `json:"rejected,omitempty"` // alternatives, with why not
}

// Given reports whether anything of it is said.
func (p Policy) Given() bool {
	return p.Place != "" || p.Level != 0 || p.Method != "" || p.Order != 0 || len(p.Requests) > 0 || len(p.Rejected) > 0
}

// Rejected is an alternative that was not taken.
type Rejected struct {
	Choice Choice `json:"choice"`
	Reason string `json:"reason"`
}

// Draft is a proposal for the recovery decision. A newer one on the same system takes its place.
type Draft struct {
	Choice Choice `json:"choice"`
	Policy
}

// Consultation is whom somebody consulted before deciding. NoHeadquarters says that none was set
// up, or none could be reached (requirement B-FLW-07).
type Consultation struct {
	With           string `json:"with,omitempty"`
	NoHeadquarters bool   `json:"no_headquarters,omitempty"`
}

// Deputies are those who may decide since who should has not.
type Deputies struct {
	People []string `json:"people"`
	AfterS float64  `json:"after_s"`
}

// Review puts a decision up again, since the recovery is no longer forecast to be in time
// (requirement B-DEC-10). Figures are forecasts.
type Review struct {
	Choice     Choice  `json:"choice"` // as decided
	ObjectiveS float64 `json:"objective_s"`
	UsedS      float64 `json:"used_s"`
	RemainingS float64 `json:"remaining_s"`
	MissS      float64 `json:"miss_s"`
}

// Reviewed is what came of it.
type Reviewed struct {
	Choice  Choice  `json:"choice"`
	WaitedS float64 `json:"waited_s"`
	Deputy  bool    `json:"deputy,omitempty"`
}

// Situation is a report on where the run stands, as it was sent (requirement B-STP-11). What it
// expects is a forecast.
type Situation struct {
	No int `json:"no"` // 1 is the first
	// Trigger is why it was sent: cadence, forecast (a target is expected to be missed),
	// completion or person.
	Trigger  string              `json:"trigger"`
	To       []string            `json:"to"`                // people
	Parties  []string            `json:"parties,omitempty"` // to be told by hand
	Systems  []SituationOfSystem `json:"systems"`
	Requests []string            `json:"requests,omitempty"`
	EN       string              `json:"en"`
	JA       string              `json:"ja"`
}

// SituationOfSystem is one system of it.
type SituationOfSystem struct {
	System     string     `json:"system"`
	Damage     Damage     `json:"damage"`
	Choice     Choice     `json:"choice,omitempty"`
	Back       bool       `json:"back,omitempty"`        // seen to be in service again
	ExpectedAt *time.Time `json:"expected_at,omitempty"` // when it is expected back; nil without ground
	TargetAt   *time.Time `json:"target_at,omitempty"`   // when its RTO ends
}

// Notice is something that was told to somebody outside the run, or an instruction that came in.
type Notice struct {
	Received bool   `json:"received,omitempty"` // it came in
	Who      string `json:"who"`                // told, or who instructed
	Channel  string `json:"channel,omitempty"`
}

// Completed is how the systems stood when their recovery was reported as complete (B-STP-12).
type Completed struct {
	Systems      []CompletedSystem `json:"systems"`
	Restrictions []string          `json:"restrictions,omitempty"` // what still does not work, data to be entered again
}

// CompletedSystem is one of them.
type CompletedSystem struct {
	System   string `json:"system"`
	Restored bool   `json:"restored"`        // seen from outside, held
	Level    *int   `json:"level,omitempty"` // as the probes saw it; nil where none looks
}

// Asked names those who are asked for their record.
type Asked struct {
	People []string `json:"people"`
}

// Record is what one person hands in when records are put in order (requirement B-STP-13).
type Record struct {
	About   string `json:"about,omitempty"`   // a phase or step
	Nothing bool   `json:"nothing,omitempty"` // nothing was hard
	Final   bool   `json:"final,omitempty"`   // the person has nothing more to add
}
