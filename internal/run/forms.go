package run

// What people enter in forms: the kinds of event and what is in them. An act that was done
// earlier than it was entered carries Event.Happened.
const (
	PrioritiesSet EventKind = "priorities.set" // By, Reason; Priorities: in which order damage is looked at
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
