package channel

import (
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// picture is what saying something needs to know of a run so far.
type picture struct {
	plan      plan.Plan
	kind      run.Kind
	by        string // who started it
	simulated bool
	held      bool   // the call-out waits
	callText  string // what everybody is told who is called
	called    []string
	isCalled  map[string]bool
	closed    map[string]int64 // position at which a matter was settled
	askEnd    int64            // all that was asked before is over
	ended     bool
	position  int64
	index     map[string]int // of people in the plan
}

func newPicture(p plan.Plan) *picture {
	pic := &picture{plan: p, isCalled: map[string]bool{}, closed: map[string]int64{}, index: make(map[string]int, len(p.Estate.People))}
	for i, who := range p.Estate.People {
		pic.index[who.ID] = i
	}
	return pic
}

// person is one of the plan's; there may be thousands.
func (p *picture) person(id string) (plan.Person, bool) {
	i, ok := p.index[id]
	if !ok {
		return plan.Person{}, false
	}
	return p.plan.Estate.People[i], true
}

// Topic names what an event asks, so that it can be told when it is settled; "" asks
// nothing.
func Topic(e run.Event) string {
	switch e.Kind {
	case run.PersonCalled, run.PersonReminded:
		return "answer " + e.Person
	case run.DecisionAsked:
		return "decision " + e.System
	case run.ApprovalAsked:
		return "approval"
	case run.StepWaiting:
		return "step " + e.Writer + " " + e.Step
	}
	return ""
}

// Settles lists the topics that an event settles.
func Settles(p plan.Plan, e run.Event) []string {
	switch e.Kind {
	case run.PersonAnswered:
		return []string{"answer " + e.Person}
	case run.DecisionMade:
		out := []string{"decision " + e.System}
		if e.System == "" {
			for _, s := range p.Systems {
				out = append(out, "decision "+s.Name)
			}
		}
		return out
	case run.RecoveryOrdered:
		return []string{"approval"}
	case run.ApprovalGiven:
		if a := new(run.Approval); e.Decode(a) == nil && a.BreakGlass {
			return []string{"approval"}
		}
	case run.StepActed, run.StepEnded, run.StepStarted:
		return []string{"step " + e.Writer + " " + e.Step}
	}
	return nil
}

func (p *picture) apply(entries ...journal.Entry) {
	for _, entry := range entries {
		e := entry.Event
		p.position = entry.Position
		settle := func(topics ...string) {
			for _, t := range topics {
				p.closed[t] = entry.Position
			}
		}
		settle(Settles(p.plan, e)...)
		switch e.Kind {
		case run.RunStarted:
			var s run.Started
			_ = e.Decode(&s)
			p.kind, p.simulated, p.by = s.Kind, s.Simulated, e.By
		case run.CallHeld, run.CallReleased:
			p.held = e.Kind == run.CallHeld
		case run.MessageSent:
			if p.carried(e) {
				var m run.Message
				_ = e.Decode(&m)
				p.callText = m.Text
			}
		case run.PersonCalled:
			if !p.isCalled[e.Person] {
				p.isCalled[e.Person] = true
				p.called = append(p.called, e.Person)
			}
		case run.RunAbortRequested:
			p.askEnd = entry.Position
		case run.RunEnded, run.RunRefused:
			p.ended, p.askEnd = true, entry.Position
		}
	}
}

// need says whether an event is still to be said, and else why not.
func (p *picture) need(entry journal.Entry) (still, over bool) {
	t := Topic(entry.Event)
	if t == "" {
		return true, false
	}
	if p.closed[t] > entry.Position {
		return false, false
	}
	return p.askEnd <= entry.Position, p.askEnd > entry.Position
}

// carried: what everybody is told as they are called, the call itself says to each.
func (p *picture) carried(e run.Event) bool { return e.Phase == run.Activation && !p.held }

// receivers are those to whom an event is said; "" is the run's room.
func (p *picture) receivers(e run.Event) []string {
	people := func(ids ...string) []string {
		if p.simulated { // the engine answers for them, so nobody is disturbed
			return nil
		}
		return ids
	}
	holders := func(role string) []string {
		var ids []string
		for _, h := range p.plan.Estate.InRole(role) {
			ids = append(ids, h.ID)
		}
		return people(ids...)
	}
	room := []string{""}
	switch e.Kind {
	case run.PersonCalled, run.PersonReminded:
		return people(e.Person)
	case run.MessageSent:
		var m run.Message
		_ = e.Decode(&m)
		if p.carried(e) {
			return room
		}
		return append(room, people(m.To...)...)
	case run.DecisionAsked:
		var a run.DecisionAsk
		_ = e.Decode(&a)
		return append(room, holders(a.Role)...)
	case run.ApprovalAsked:
		return append(room, people(p.approvers()...)...)
	case run.StepWaiting:
		var w run.Wait
		_ = e.Decode(&w)
		return append(room, holders(w.Role)...)
	case run.QuorumMissed:
		return append(room, holders(p.plan.Scenario.Decision.By)...)
	case run.RoleHandedOver:
		return append(room, people(e.Person)...)
	case run.RunPaused, run.RunResumed, run.RunAbortRequested, run.RunEnded:
		return append(room, people(p.called...)...)
	case run.RunStarted, run.RunRefused, run.QuorumReached, run.DecisionMade, run.ApprovalGiven, run.CompletionReport, run.CallHeld, run.CallReleased, run.MusterMoved:
		return room
	}
	return nil
}

// approvers are those whose approval counts: who decides, and whom the quorum asks for,
// besides the requester.
func (p *picture) approvers() []string {
	roles := []string{p.plan.Scenario.Decision.By}
	for _, q := range p.plan.Scenario.Quorum {
		roles = append(roles, q.Role)
	}
	var out []string
	for _, who := range p.plan.Estate.People {
		if who.ID != p.by && slices.ContainsFunc(who.Roles, func(r string) bool { return slices.Contains(roles, r) }) {
			out = append(out, who.ID)
		}
	}
	return out
}

// of names an event in a receipt.
func of(e run.Event) string { return fmt.Sprintf("%s/%d", e.Writer, e.Seq) }
