package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Said is one answer to the safety check. What was private is not in the record.
type Said struct {
	At      time.Time  `json:"at"`
	By      string     `json:"by"` // who entered it
	Safety  run.Safety `json:"safety"`
	CanCome bool       `json:"can_come"`
}

// AnswerPoint is how many had answered at_s after the first call.
type AnswerPoint struct {
	AtS      float64 `json:"at_s"`
	Answered int     `json:"answered"`
}

// SectionCount is the totals of a department.
type SectionCount struct {
	Section  string `json:"section"`
	Called   int    `json:"called"`
	Safe     int    `json:"safe"`
	Injured  int    `json:"injured"`
	Silent   int    `json:"silent"`
	Mustered int    `json:"mustered"`
}

// AbsentPerson is somebody whom the drill took out.
type AbsentPerson struct {
	ID       string   `json:"id"`
	Drawn    bool     `json:"drawn"`     // by lot
	StandIns []string `json:"stand_ins"` // who filled their roles
}

// StandIn is somebody who filled another's roles.
type StandIn struct {
	At  time.Time `json:"at"`
	ID  string    `json:"id"`
	For string    `json:"for"`
	Why string    `json:"why"` // silent, hurt, cannot_come or absent
}

// MusterMove is a change of the muster place.
type MusterMove struct {
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Ordered bool      `json:"ordered"` // else the place was found unsafe
	By      string    `json:"by"`
	Reason  string    `json:"reason,omitempty"`
}

// Handover is a role that changed hands.
type Handover struct {
	At     time.Time `json:"at"`
	Role   string    `json:"role"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// StrengthCount is a count of who was there, and who confirmed it (requirement B-STP-04).
type StrengthCount struct {
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Confirmed bool      `json:"confirmed"` // by a second person: this is their count
	Present   []Present `json:"present"`
	Places    []Present `json:"places"`
	Note      string    `json:"note,omitempty"`
}

// Present is how many of a role, or at a place.
type Present struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// CallOut is how a held call-out ended.
type CallOut struct {
	HeldS  float64 `json:"held_s"`
	Sent   bool    `json:"sent"` // else it was called off as a false alarm
	By     string  `json:"by"`
	Reason string  `json:"reason,omitempty"`
}

// muster takes in what is about the muster as a whole.
func (f *facts) muster(e run.Event) error {
	c := &f.crowd
	switch e.Kind {
	case run.PersonAbsent:
		var d run.Absent
		if err := decode(e, &d); err != nil {
			return err
		}
		c.absent = append(c.absent, AbsentPerson{ID: e.Person, Drawn: d.Drawn, StandIns: []string{}})
	case run.PersonStandsIn:
		var d run.StandIn
		if err := decode(e, &d); err != nil {
			return err
		}
		c.standIns = append(c.standIns, StandIn{At: e.At, ID: e.Person, For: d.For, Why: d.Why})
		if i := slices.IndexFunc(c.absent, func(a AbsentPerson) bool { return a.ID == d.For }); i >= 0 {
			c.absent[i].StandIns = append(c.absent[i].StandIns, e.Person)
		}
	case run.MusterMoved:
		var d run.MusterMove
		if err := decode(e, &d); err != nil {
			return err
		}
		c.moves = append(c.moves, MusterMove{At: e.At, From: d.From, To: d.To, Ordered: d.Ordered, By: e.By, Reason: e.Reason})
	case run.RoleHandedOver:
		var d run.Handover
		if err := decode(e, &d); err != nil {
			return err
		}
		c.handed = append(c.handed, Handover{At: e.At, Role: d.Role, From: d.From, To: d.To, By: e.By, Reason: e.Reason})
	case run.StrengthReported, run.StrengthConfirmed:
		var d run.Strength
		if err := decode(e, &d); err != nil {
			return err
		}
		c.counts = append(c.counts, StrengthCount{At: e.At, By: e.By, Confirmed: e.Kind == run.StrengthConfirmed, Present: presentOf(d.Present), Places: presentOf(d.Places), Note: e.Reason})
	case run.CallHeld:
		at := e.At
		c.held = &at
	case run.CallReleased:
		var d run.CallSettled
		if err := decode(e, &d); err != nil {
			return err
		}
		c.call = &CallOut{Sent: d.Sent, By: e.By, Reason: e.Reason}
		if c.held != nil {
			c.call.HeldS = *seconds(max(0, e.At.Sub(*c.held)))
		}
	}
	return nil
}

func presentOf(counts map[string]int) []Present {
	out := []Present{}
	for name, n := range counts {
		out = append(out, Present{name, n})
	}
	slices.SortFunc(out, func(a, b Present) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}
