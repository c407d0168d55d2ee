package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// person is what is known of somebody so far.
type person struct {
	called    bool
	calledAt  time.Time
	reminded  int
	absent    bool
	standsIn  []string
	first     *Answered // nil: has not answered
	last      Answered
	answers   int
	private   string // writer of the newest answer with a private part
	arrivedAt *time.Time
	left      bool // came, and said since that they have to go
	arrival   run.Arrival
	place     string // where they were called to
	reached   bool   // by a channel, once
	failed    bool   // a channel gave up, or there is none
}

// Answered is an answer to the safety check as everybody may see it.
type Answered struct {
	At      time.Time  `json:"at"`
	By      string     `json:"by"` // who entered it
	Safety  run.Safety `json:"safety,omitempty"`
	CanCome bool       `json:"can_come"`
	Online  bool       `json:"online,omitempty"`
	ComesAt *time.Time `json:"comes_at,omitempty"`
}

func (t *Tracker) person(e run.Event) {
	at := e.At
	switch e.Kind {
	case run.QuorumReached, run.QuorumMissed:
		reached := e.Kind == run.QuorumReached
		t.view.People.Quorum = &reached
		return
	case run.CallHeld:
		var h run.CallHold
		_ = e.Decode(&h)
		t.held, t.heldSince = &h.Until, at
		return
	case run.CallReleased:
		t.held = nil
		return
	case run.MusterMoved:
		var m run.MusterMove
		_ = e.Decode(&m)
		t.place, t.moved = m.To, true
		return
	case run.RoleHandedOver:
		var h run.Handover
		_ = e.Decode(&h)
		t.handOver(h)
		return
	case run.StrengthReported:
		c := Counted{At: at, By: e.By}
		_ = e.Decode(&c.Strength)
		t.view.People.Strength = &c
		return
	case run.StrengthConfirmed:
		if c := t.view.People.Strength; c != nil {
			confirmed := *c
			confirmed.ConfirmedBy, confirmed.ConfirmedAt = e.By, &at
			t.view.People.Strength = &confirmed
		}
		return
	}
	if e.Person == "" { // the run's room
		return
	}
	p := t.people[e.Person]
	if p == nil {
		p = &person{}
		t.people[e.Person] = p
	}
	switch e.Kind {
	case run.PersonCalled:
		if !p.called {
			var c run.Call
			_ = e.Decode(&c)
			p.called, p.calledAt, p.place = true, at, c.Place
		}
	case run.PersonReminded:
		p.reminded++
	case run.MessageDelivered:
		p.reached = true
	case run.MessageFailed:
		p.failed = p.failed || e.Outcome == run.Failed
	case run.PersonAbsent:
		p.absent = true
	case run.PersonStandsIn:
		var s run.StandIn
		_ = e.Decode(&s)
		p.standsIn = append(p.standsIn, s.For)
	case run.PersonAnswered:
		var a run.Answer
		_ = e.Decode(&a)
		said := Answered{At: at, By: e.By, Safety: a.Safety, CanCome: a.CanCome, Online: a.Online, ComesAt: a.ComesAt}
		// The journal's order says which is the newest, as it does for the run and the report:
		// the clocks of two servers may not agree.
		if p.answers++; p.first == nil {
			p.first = &said
		}
		p.last, p.left = said, p.left || p.arrivedAt != nil && a.Leaves() // back once they arrive again
		if a.Private {
			p.private = e.Writer
		}
	case run.PersonArrived:
		_ = e.Decode(&p.arrival)
		p.left = false
		if p.arrivedAt == nil {
			p.arrivedAt = &at
		}
	}
}

// handOver keeps who holds which role. The plan's own list stays as it is.
func (t *Tracker) handOver(h run.Handover) {
	people := slices.Clone(t.plan.Estate.People)
	for i, p := range people {
		roles := slices.DeleteFunc(slices.Clone(p.Roles), func(role string) bool { return role == h.Role })
		switch p.ID {
		case h.From:
			people[i].Roles = roles
		case h.To:
			people[i].Roles = append(roles, h.Role)
		}
	}
	t.plan.Estate.People = people
}

func (t *Tracker) count() People {
	c := People{Quorum: t.view.People.Quorum, Strength: t.view.People.Strength, Place: t.place, HeldUntil: t.held}
	var from time.Time
	var answers []time.Time
	for _, p := range t.people {
		// Who came without having been called counts as called: nobody is left out.
		if p.called || p.first != nil || p.arrivedAt != nil {
			c.Called++
		}
		if p.called && (from.IsZero() || p.calledAt.Before(from)) {
			from = p.calledAt
		}
		if p.absent {
			c.Absent++
		}
		if p.first != nil {
			c.Answered++
			answers = append(answers, p.first.At)
			c.note(p.last)
		} else if p.called || p.arrivedAt != nil {
			c.Silent++
		}
		if p.arrivedAt != nil && !p.left {
			c.Mustered++
		}
	}
	c.Shares = run.SharesOf(c.Called, from, answers)
	for _, q := range t.plan.Scenario.Quorum {
		c.Need = append(c.Need, Needed{Role: q.Role, Need: q.Count, Present: t.Present(q.Role)})
	}
	return c
}

// note counts an answer.
func (c *People) note(a Answered) {
	switch {
	case a.Safety.Fine():
		c.Safe++
	case a.Safety.Hurt():
		c.Injured++
	}
	switch a.Safety {
	case run.LightlyHurt:
		c.LightlyHurt++
	case run.BadlyHurt:
		c.BadlyHurt++
	case run.Unwell:
		c.Unwell++
	}
	if a.CanCome {
		c.CanCome++
	}
}

// Present counts those who arrived, can act and hold the role, or stand in for somebody who
// does and is not there, has left, or is there and hurt.
func (t *Tracker) Present(role string) int {
	holders := map[string]bool{}
	for _, p := range t.plan.Estate.InRole(role) {
		holders[p.ID] = true
	}
	n := 0
	for id, p := range t.people {
		if !p.acts() {
			continue
		}
		stands := slices.ContainsFunc(p.standsIn, func(absent string) bool {
			who := t.people[absent]
			return holders[absent] && !who.acts()
		})
		if holders[id] || stands {
			n++
		}
	}
	return n
}

// acts reports whether somebody is there and can act.
func (p *person) acts() bool { return p != nil && p.arrivedAt != nil && !p.left && p.last.Safety.Fit() }

// States of a person in a run, from the first to the last.
const (
	OutOfDrill = "absent"     // taken out of the drill
	NotCalled  = "not_called" // holds no role, or the call-out is held
	Silent     = "silent"     // called, and has not answered
	HasReplied = "answered"
	Present    = "arrived"
)

// States lists them.
func States() []string { return []string{OutOfDrill, NotCalled, Silent, HasReplied, Present} }

// Person is somebody in a run as everybody in it may see them.
type Person struct {
	ID       string     `json:"id"`
	Name     plan.Text  `json:"name"`
	Section  string     `json:"section,omitempty"`
	Roles    []string   `json:"roles"` // as they are now, after handovers
	State    string     `json:"state"`
	CalledAt *time.Time `json:"called_at,omitempty"`
	Reminded int        `json:"reminded,omitempty"`
	// Unreached: what was said to them came by no channel so far.
	Unreached bool      `json:"unreached,omitempty" doc:"Could not be reached by any channel so far: each failed, or none has an address of theirs."`
	StandsIn  []string  `json:"stands_in_for,omitempty"`
	First     *Answered `json:"first,omitempty"`
	Last      *Answered `json:"last,omitempty"` // the one that counts
	Answers   int       `json:"answers,omitempty"`
	// Private is the writer of the newest answer that has a private part, which is kept
	// apart; "" is none.
	Private   string     `json:"-"`
	ArrivedAt *time.Time `json:"arrived_at,omitempty"`
	Left      bool       `json:"left,omitempty" doc:"Had come, and has said since that they have to go."`
	Place     string     `json:"place,omitempty"`
	Online    bool       `json:"online,omitempty"` // arrived online
}

// Estate is the estate as it is now, after handovers. Those whom a drill takes out keep their
// roles in it, since their deputies act by them; Absent names them.
func (t *Tracker) Estate() plan.Estate { return t.plan.Estate }

// Absent reports whether a drill has taken somebody out.
func (t *Tracker) Absent(person string) bool {
	p := t.people[person]
	return p != nil && p.absent
}

// Roll is everybody of the plan as they are now, in the plan's order.
func (t *Tracker) Roll() []Person {
	out := make([]Person, 0, len(t.plan.Estate.People))
	for _, m := range t.plan.Estate.People {
		x := Person{ID: m.ID, Name: m.Name, Section: m.Section, Roles: append([]string{}, m.Roles...), State: NotCalled}
		if p := t.people[m.ID]; p != nil {
			x.State = p.state()
			x.Reminded, x.StandsIn, x.Answers, x.Private = p.reminded, slices.Clone(p.standsIn), p.answers, p.private
			if p.called {
				at := p.calledAt
				x.CalledAt = &at
			}
			if p.first != nil {
				first, last := *p.first, p.last
				x.First, x.Last = &first, &last
			}
			x.Unreached = p.failed && !p.reached
			x.ArrivedAt, x.Left, x.Place, x.Online = p.arrivedAt, p.left, p.arrival.Place, p.arrival.Online
		}
		out = append(out, x)
	}
	return out
}

func (p *person) state() string {
	switch {
	case p.absent:
		return OutOfDrill
	case p.arrivedAt != nil && !p.left:
		return Present
	case p.first != nil:
		return HasReplied
	case p.called:
		return Silent
	}
	return NotCalled
}

// MusterPlace is where somebody musters now: where they were called to, unless the muster
// has moved since.
func (t *Tracker) MusterPlace(id string) string {
	if p := t.people[id]; p != nil && p.place != "" && !t.moved {
		return p.place
	}
	return t.place
}
