package run

// What people do about findings after runs: events of a record of their own, which belongs to no run.
// Each act is a writer with one event.
const (
	FindingAdded     EventKind = "finding.added"     // By, Reason: in their words; FindingAct
	FindingAssigned  EventKind = "finding.assigned"  // By, Reason; FindingAct: Owner, Due
	FindingLinked    EventKind = "finding.linked"    // By, Reason; FindingAct: Link
	FindingWaived    EventKind = "finding.waived"    // By, Reason; FindingAct: Until
	FindingConfirmed EventKind = "finding.confirmed" // By, Reason; FindingAct: Proof or Gone
)

// FindingsRecord is the name under which the journal keeps what people do about findings.
const FindingsRecord = "findings"

// FindingAct is one of these acts.
type FindingAct struct {
	ID string `json:"id"`
	// Place, Kind and Title are of one that is added.
	Place string      `json:"place,omitempty"`
	Kind  FindingKind `json:"kind,omitempty"`
	Title string      `json:"title,omitempty"`
	Depth Depth       `json:"depth,omitempty"` // at which a run has to pass it
	Owner string      `json:"owner,omitempty"`
	Due   string      `json:"due,omitempty"`   // a date
	Link  string      `json:"link,omitempty"`  // to an issue in a tracker
	Until string      `json:"until,omitempty"` // a date: the last day of a waiver
	Proof string      `json:"proof,omitempty"` // the later run in which it was seen to be in order
	Gone  bool        `json:"gone,omitempty"`  // the plan files hold nothing of its place any more
}

// FindingKinds lists what findings may be about.
func FindingKinds() []FindingKind {
	return []FindingKind{FindingObjective, FindingCleanUp, FindingStep, FindingHand, FindingPeople, FindingPlace, FindingBudget, FindingClock, FindingRecord, FindingRemark}
}
