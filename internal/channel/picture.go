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
	callText  string // what everybody is told who is called
	called    []string
	isCalled  map[string]bool
	closed    map[string]int64 // position at which a matter was settled
	askEnd    int64            // all that was asked before is over
	ended     bool
	position  int64
	index     map[string]int       // of people in the plan
	lost      map[string]bool      // matter and person whom no channel reaches, and it was said
	decided   []decided            // as it stands, in the order in which systems were first decided on
	holds     map[string][]decided // what was, by the name of the event that asks for its approval
	roster    roster
}

// decided is what somebody, or the rule, has decided on a system.
type decided struct {
	run.Decision
	system, by, why string
	home            bool // whether it returns
}

// decide takes in a decision, in the place of an earlier one of the same question.
func (p *picture) decide(e run.Event) {
	var d run.Decision
	_ = e.Decode(&d)
	systems := []string{e.System}
	if e.System == "" {
		systems = nil
		for _, s := range p.plan.Systems {
			systems = append(systems, s.Name)
		}
	}
	for _, name := range systems {
		made := decided{Decision: d, system: name, by: e.By, why: e.Reason, home: e.Phase == run.Failback}
		if i := slices.IndexFunc(p.decided, func(of decided) bool { return of.system == name && of.home == made.home }); i >= 0 {
			p.decided[i] = made
		} else {
			p.decided = append(p.decided, made)
		}
	}
}

// decidedBy is what was decided when an approval of it was asked for.
func (p *picture) decidedBy(ask run.Event) []decided {
	made, ok := p.holds[ask.Name()]
	if !ok {
		made = p.decided
	}
	return slices.DeleteFunc(slices.Clone(made), func(d decided) bool { return d.home != (ask.Phase == run.Failback) })
}

func newPicture(p plan.Plan) *picture {
	p = p.Public() // a blind drill is told to nobody, not by its messages either
	pic := &picture{plan: p, isCalled: map[string]bool{}, closed: map[string]int64{}, holds: map[string][]decided{}, lost: map[string]bool{}, index: make(map[string]int, len(p.Estate.People)), roster: newRoster(p)}
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
	case run.ActivationAsked:
		return "activation"
	case run.StepWaiting:
		return "step " + e.Writer + " " + e.Step
	case run.ForceAsked:
		return "force " + e.Writer + " " + e.Step
	}
	return ""
}

// settles lists the topics that an event settles, as the last one that was taken in.
func (p *picture) settles(e run.Event) []string {
	switch e.Kind {
	case run.PersonAnswered:
		return []string{"answer " + e.Person}
	case run.DecisionMade:
		out := []string{"decision " + e.System}
		if e.System == "" {
			for _, s := range p.plan.Systems {
				out = append(out, "decision "+s.Name)
			}
		}
		return out
	case run.RecoveryOrdered:
		return []string{"approval"}
	case run.ApprovalGiven:
		if a := new(run.Approval); e.Decode(a) == nil && a.BreakGlass || p.roster.enough() {
			return []string{"approval"}
		}
	case run.ActivationConfirmed, run.ActivationRefused:
		return []string{"activation"}
	case run.ApprovalRefused:
		return []string{"approval"}
	case run.ForceRefused:
		return []string{"force " + e.Writer + " " + e.Step}
	case run.StepActed, run.StepEnded, run.StepStarted:
		return []string{"step " + e.Writer + " " + e.Step, "force " + e.Writer + " " + e.Step}
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
		p.roster.apply(e)
		settle(p.settles(e)...)
		switch e.Kind {
		case run.RunStarted:
			var s run.Started
			_ = e.Decode(&s)
			p.kind, p.simulated, p.by = s.Kind, s.Simulated, e.By
		case run.MessageSent:
			var m run.Message
			if _ = e.Decode(&m); m.Call {
				p.callText = m.Text
			}
		case run.ApprovalAsked: // what was asked before is not asked any more
			p.closed["approval"] = entry.Position
			if _, known := p.holds[e.Name()]; !known { // an entry may be taken in twice
				p.holds[e.Name()] = slices.Clone(p.decided)
			}
		case run.DecisionMade:
			p.decide(e)
		case run.PersonCalled:
			if !p.isCalled[e.Person] {
				p.isCalled[e.Person] = true
				p.called = append(p.called, e.Person)
			}
		case run.MessageFailed:
			var d run.Delivery
			if _ = e.Decode(&d); d.Channel == "" {
				p.lose(e.Person, d.Matter)
			}
		case run.RunAbortRequested:
			p.askEnd = entry.Position
		case run.RunEnded, run.RunRefused:
			p.ended, p.askEnd = true, entry.Position
		}
	}
}

// lose notes that no channel reaches a person; it reports whether that is new for the matter. The
// run's room is nobody.
func (p *picture) lose(person, matter string) bool {
	key := matter + " " + person
	if person == "" || p.lost[key] {
		return false
	}
	p.lost[key] = true
	return true
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

// receivers are those to whom an event is said; "" is the run's room.
func (p *picture) receivers(e run.Event) []string {
	people := func(ids ...string) []string {
		if p.simulated { // the engine answers for them, so nobody is disturbed
			return nil
		}
		var out []string
		for _, id := range ids { // who is out of a drill is not there for it
			if !p.roster.absent[id] && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
		return out
	}
	holders := func(role string) []string { return people(p.roster.holders(role)...) }
	room := []string{""}
	switch e.Kind {
	case run.PersonCalled, run.PersonReminded:
		return people(e.Person)
	case run.MessageSent:
		var m run.Message
		_ = e.Decode(&m)
		switch {
		case m.Call: // the call itself says it to each
			return room
		case m.Private:
			return people(m.To...)
		}
		return append(room, people(m.To...)...)
	case run.DecisionAsked:
		var a run.DecisionAsk
		_ = e.Decode(&a)
		return append(room, holders(a.Role)...)
	case run.ApprovalAsked, run.ActivationAsked:
		return append(room, people(p.roster.approvers(e, p.by)...)...)
	case run.ForceAsked:
		return append(room, people(p.roster.forcers(e)...)...)
	case run.ApprovalRefused, run.ActivationRefused, run.ForceRefused:
		var o run.Objection
		_ = e.Decode(&o)
		return append(room, people(o.To...)...)
	case run.StepWaiting:
		var w run.Wait
		_ = e.Decode(&w)
		return append(room, people(p.roster.settlers(w.Role)...)...)
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

// of names an event in a receipt.
func of(e run.Event) string { return fmt.Sprintf("%s/%d", e.Writer, e.Seq) }
