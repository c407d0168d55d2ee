package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

func (f *facts) person(e run.Event) error {
	if e.Kind == run.QuorumReached || e.Kind == run.QuorumMissed {
		f.quorum = &e
		return decode(e, &f.strength)
	}
	var (
		call    run.Call
		answer  run.Answer
		arrival run.Arrival
		out     any
	)
	switch e.Kind {
	case run.PersonCalled:
		out = &call
	case run.PersonAnswered:
		out = &answer
	case run.PersonArrived:
		out = &arrival
	default:
		out = &struct{}{}
	}
	if err := decode(e, out); err != nil {
		return err
	}
	i := slices.IndexFunc(f.people, func(p *PersonRecord) bool { return p.ID == e.Person })
	if i < 0 {
		p := &PersonRecord{ID: e.Person, Safety: run.Silent, Roles: []string{}}
		if known, ok := f.plan.Estate.Person(e.Person); ok {
			p.Name, p.Roles = known.Name, append(p.Roles, known.Roles...)
		}
		i = len(f.people)
		f.people = append(f.people, p)
	}
	p, at := f.people[i], e.At
	switch e.Kind {
	case run.PersonCalled:
		if p.CalledAt.IsZero() {
			p.CalledAt, p.Channel, p.DeputyFor = at, call.Channel, call.Deputy
		}
	case run.PersonReminded:
		p.Reminded++
	case run.PersonAnswered: // the newest answer counts, the first one's time
		p.Safety, p.CanCome = answer.Safety, answer.CanCome
		if p.AnsweredAt == nil {
			p.AnsweredAt = &at
		}
		p.Simulated = p.Simulated || run.IsSimulated(e.By)
		if who := run.Person(e.By); who != e.Person {
			p.EnteredBy = who
		}
	case run.PersonArrived:
		if p.ArrivedAt == nil {
			p.ArrivedAt = &at
		}
		p.Place = arrival.Place
		p.Simulated = p.Simulated || run.IsSimulated(e.By)
	}
	return nil
}

// people counts who was called and who came. One who came without having been called
// counts as called then: nobody is left out of the list.
func (f *facts) peopleReport() People {
	out := People{Simulated: f.started.Simulated, Need: []Strength{}, List: []PersonRecord{}}
	var firstCall, firstAnswer time.Time
	for _, p := range f.people {
		if p.CalledAt.IsZero() {
			if p.AnsweredAt != nil {
				p.CalledAt = *p.AnsweredAt
			} else if p.ArrivedAt != nil {
				p.CalledAt = *p.ArrivedAt
			} else {
				continue
			}
		}
		if firstCall.IsZero() || p.CalledAt.Before(firstCall) {
			firstCall = p.CalledAt
		}
		out.Called++
		switch p.Safety {
		case run.Safe:
			out.Safe++
		case run.Injured:
			out.Injured++
		case run.Silent:
			out.Silent++
		}
		if p.ArrivedAt != nil {
			out.Mustered++
		}
		if p.AnsweredAt != nil {
			p.AnswerS = seconds(max(0, p.AnsweredAt.Sub(p.CalledAt)))
			if firstAnswer.IsZero() || p.AnsweredAt.Before(firstAnswer) {
				firstAnswer = *p.AnsweredAt
			}
		}
		p.Reached, p.Unreached = f.said.reached[p.ID], f.said.failed[p.ID]
		out.List = append(out.List, *p)
	}
	if !firstAnswer.IsZero() {
		out.FirstAnswerS = seconds(max(0, firstAnswer.Sub(firstCall)))
	}
	if f.quorum != nil {
		out.QuorumMissed = f.quorum.Kind == run.QuorumMissed
		if !out.QuorumMissed && !firstCall.IsZero() {
			out.QuorumS = seconds(max(0, f.quorum.At.Sub(firstCall)))
		}
		for _, q := range f.plan.Scenario.Quorum {
			out.Need = append(out.Need, Strength{Role: q.Role, Need: f.strength.Need[q.Role], Present: f.strength.Present[q.Role]})
		}
		slices.SortStableFunc(out.Need, func(a, b Strength) int { return cmp.Compare(a.Role, b.Role) })
	}
	return out
}
