package run

import (
	"slices"
	"strings"
	"time"
)

// Answers to the safety check beside those of run.go. After an earthquake or a flood people
// say whether they are hurt, in a pandemic whether they are well (requirement B-STP-01).
const (
	LightlyHurt Safety = "lightly_hurt"
	BadlyHurt   Safety = "badly_hurt"
	Well        Safety = "well"
	InIsolation Safety = "isolated" // well, and not to meet anybody: can work from home
	Unwell      Safety = "unwell"
)

// Hurt reports whether the person is hurt or ill.
func (s Safety) Hurt() bool {
	return s == Injured || s == LightlyHurt || s == BadlyHurt || s == Unwell
}

// Fine reports whether the person has answered and is neither hurt nor ill.
func (s Safety) Fine() bool { return s == Safe || s == Well || s == InIsolation }

// Fit reports whether somebody with this answer can take part: a light wound does not keep
// a person away who came in spite of it.
func (s Safety) Fit() bool { return s != Injured && s != BadlyHurt && s != Unwell }

// Comes reports whether somebody who says no more than this is counted on at the muster:
// whoever is hurt, ill or in isolation only when they say so themselves.
func (s Safety) Comes() bool { return !s.Hurt() && s != InIsolation }

// Leaves reports whether somebody who has come says by this answer that they have to go, safe as they are. Who says no more than that
// they are hurt, ill or in isolation has not said so.
func (a Answer) Leaves() bool { return !a.CanCome && !a.Online && a.Safety.Comes() }

// Family is the state of somebody's family. It is private.
type Family string

const (
	FamilySafe    Family = "safe"
	FamilyHurt    Family = "hurt"
	FamilyUnknown Family = "unknown" // could not be reached yet
	FamilyNone    Family = "none"
)

// Families lists the states of a family.
func Families() []Family { return []Family{FamilySafe, FamilyHurt, FamilyUnknown, FamilyNone} }

// Questions are what the safety check asks.
type Questions struct {
	Safety      []Safety `json:"safety"`           // what may be answered; none where nobody is asked
	Family      []Family `json:"family,omitempty"` // private
	CanCome     bool     `json:"can_come"`         // can come, when, and whether only online
	Whereabouts bool     `json:"whereabouts"`      // private
}

// QuestionsOf are the questions of a hazard. A security incident hurts nobody: people only
// say whether they can come (requirement A-HAZ-03).
func QuestionsOf(h Hazard) Questions {
	switch h {
	case SecurityIncident:
		return Questions{Safety: []Safety{}, CanCome: true}
	case Pandemic:
		return Questions{Safety: []Safety{Well, InIsolation, Unwell}, Family: Families(), CanCome: true}
	case RestoreTest:
		return Questions{Safety: []Safety{}}
	case Disaster:
	}
	return Questions{Safety: []Safety{Safe, LightlyHurt, BadlyHurt}, Family: Families(), CanCome: true, Whereabouts: true}
}

// Takes reports whether an answer is one of the choices. Safe and Injured, of before there
// were others, are taken everywhere but where nobody is asked.
func (q Questions) Takes(s Safety) bool {
	if len(q.Safety) == 0 {
		return s == "" || s == Safe
	}
	return s == Safe || s == Injured || slices.Contains(q.Safety, s)
}

// What people say is written to the record by the server itself, each act under a writer of
// its own, and not by the run's workflow: so it is taken while the engine is away, and
// however many answer at once.
const PeopleWriter = "people/"

// Acted is who did something in the run besides answering and arriving, as the run itself counts
// it; "" is nobody. What the server writes past it, an act that was refused too, is none of it.
func (e Event) Acted() string {
	if e.By == Engine || e.Kind == PersonAnswered || e.Kind == PersonArrived || e.Kind == ActRefused || strings.HasPrefix(e.Writer, PeopleWriter) {
		return ""
	}
	return Person(e.By)
}

// Absent is somebody whom the drill takes out: they count as not there, and what they do is
// refused.
type Absent struct {
	Drawn bool `json:"drawn,omitempty"` // by lot; else the scenario names them
}

// StandIn is somebody who fills another's roles.
type StandIn struct {
	For string `json:"for"`
	Why string `json:"why"` // one of the reasons below
}

// Why somebody's deputies are called.
const (
	WhySilent     = "silent"
	WhyHurt       = "hurt"
	WhyCannotCome = "cannot_come"
	WhyAbsent     = "absent"
)

// CallHold is a call-out that waits before it is sent.
type CallHold struct {
	Until time.Time `json:"until"`
}

// CallSettled is how the waiting ended.
type CallSettled struct {
	Sent bool `json:"sent"` // else it was called off as a false alarm
}

// MusterMove is a change of the muster place.
type MusterMove struct {
	From    string `json:"from,omitempty"`
	To      string `json:"to"`
	Ordered bool   `json:"ordered,omitempty"` // by a person; else the first place can't be used
}

// Handover is a role that goes from one person to another.
type Handover struct {
	Role string `json:"role"`
	From string `json:"from"`
	To   string `json:"to"`
}

// Strength is a count of who is there, by role and by place (requirement B-STP-04).
type Strength struct {
	Present map[string]int `json:"present"` // by role
	Places  map[string]int `json:"places"`  // by muster place
}
