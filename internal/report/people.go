package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// peopleFacts is what the journal says of people and of the muster as a whole.
type peopleFacts struct {
	byID     map[string]*PersonRecord // for looking up; the order is facts.people's
	absent   []AbsentPerson
	standIns []StandIn
	moves    []MusterMove
	handed   []Handover
	counts   []StrengthCount
	held     *time.Time
	call     *CallOut
	missed   string // why the quorum was missed
}

func (f *facts) person(e run.Event) error {
	if e.Kind == run.QuorumReached || e.Kind == run.QuorumMissed {
		f.quorum, f.crowd.missed = &e, e.Reason
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
	p, at := f.recordOf(e.Person), e.At
	switch e.Kind {
	case run.PersonCalled:
		if p.CalledAt.IsZero() {
			p.CalledAt, p.Channel, p.DeputyFor = at, call.Channel, call.Deputy
		}
	case run.PersonReminded:
		p.Reminded++
	case run.PersonAnswered: // the newest answer counts, the first one's time
		p.answered(e, answer)
	case run.PersonArrived:
		if p.ArrivedAt == nil {
			p.ArrivedAt = &at
		}
		p.Place, p.Online = arrival.Place, arrival.Online
		p.Simulated = p.Simulated || run.IsSimulated(e.By)
	}
	return nil
}

// recordOf is the record of a person, begun when they are first heard of.
func (f *facts) recordOf(id string) *PersonRecord {
	if f.crowd.byID == nil {
		f.crowd.byID = map[string]*PersonRecord{}
	}
	p := f.crowd.byID[id]
	if p == nil {
		p = &PersonRecord{ID: id, Safety: run.Silent, Roles: []string{}}
		if known, ok := f.plan.Estate.Person(id); ok {
			p.Name, p.Section, p.Roles = known.Name, known.Section, append(p.Roles, known.Roles...)
		}
		f.people = append(f.people, p)
		f.crowd.byID[id] = p
	}
	return p
}

func (p *PersonRecord) answered(e run.Event, a run.Answer) {
	said := Said{At: e.At, By: run.Person(e.By), Safety: a.Safety, CanCome: a.CanCome}
	if p.Answers++; p.AnsweredAt == nil {
		p.AnsweredAt, p.First = &said.At, &said
	} else {
		p.Last = &said
	}
	p.Safety, p.CanCome, p.ComesAt = a.Safety, a.CanCome, a.ComesAt
	p.Simulated = p.Simulated || run.IsSimulated(e.By)
	p.EnteredBy = ""
	if said.By != e.Person {
		p.EnteredBy = said.By
	}
}

// people counts who was called and who came. One who came without having been called
// counts as called then: nobody is left out of the list.
func (f *facts) peopleReport() People {
	out := People{Simulated: f.started.Simulated, Need: []Strength{}, List: []PersonRecord{}}
	var firstCall time.Time
	var answers []time.Time
	sections := map[string]*SectionCount{}
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
		late := f.timeToAnswerPassed()
		out.count(*p, late)
		if p.Section != "" {
			if sections[p.Section] == nil {
				sections[p.Section] = &SectionCount{Section: p.Section}
			}
			sections[p.Section].count(*p, late)
		}
		if p.AnsweredAt != nil {
			p.AnswerS = seconds(max(0, p.AnsweredAt.Sub(p.CalledAt)))
			answers = append(answers, *p.AnsweredAt)
		}
		p.Reached, p.Unreached = f.said.reached[p.ID], f.said.failed[p.ID]
		_, p.NoAddress = f.said.nowhere[p.ID]
		out.List = append(out.List, *p)
	}
	shares := run.SharesOf(out.Called, firstCall, answers)
	out.FirstAnswerS, out.Answered25S, out.Answered50S = rounded(shares.FirstS), rounded(shares.QuarterS), rounded(shares.HalfS)
	out.Answered75S, out.Answered100S = rounded(shares.ThreeQuartersS), rounded(shares.AllS)
	for _, x := range run.AnswerCurve(firstCall, answers) {
		out.Curve = append(out.Curve, AnswerPoint{AtS: round(x.AtS), Answered: x.Answered})
	}
	for _, s := range sections {
		out.Sections = append(out.Sections, *s)
	}
	slices.SortFunc(out.Sections, func(a, b SectionCount) int { return cmp.Compare(a.Section, b.Section) })
	if f.quorum != nil {
		out.QuorumMissed = f.quorum.Kind == run.QuorumMissed
		if !out.QuorumMissed && !firstCall.IsZero() {
			out.QuorumS = seconds(max(0, f.quorum.At.Sub(firstCall)))
		}
		for _, q := range f.plan.Scenario.Quorum {
			out.Need = append(out.Need, Strength{Role: q.Role, Need: f.strength.Need[q.Role], Present: f.strength.Present[q.Role]})
		}
		slices.SortStableFunc(out.Need, func(a, b Strength) int { return cmp.Compare(a.Role, b.Role) })
		if out.QuorumMissed {
			out.Decider, out.Reduced = f.strength.Decider, f.crowd.missed
		}
	}
	out.Absent, out.StandIns, out.Moves = f.crowd.absent, f.crowd.standIns, f.crowd.moves
	out.Handovers, out.Strengths, out.CallOut = f.crowd.handed, f.crowd.counts, f.crowd.call
	return out
}

func rounded(s *float64) *float64 {
	if s == nil {
		return nil
	}
	r := round(*s)
	return &r
}

// timeToAnswerPassed reports whether who has not answered is silent: the safety check ended by its
// own deadline, or that deadline had passed when the run was aborted, ended, or was last heard of.
func (f *facts) timeToAnswerPassed() bool {
	until := f.lastAt
	switch {
	case f.aborted != nil:
		until = f.aborted.At
	case !f.ended.IsZero():
		until = f.ended
	}
	for _, p := range f.phases {
		if p.ID == run.SafetyCheck {
			return p.EndedAt != nil && (p.EndedAt.Before(until) || f.aborted == nil) || !until.Before(p.StartedAt.Add(f.plan.Scenario.Safety.Within.Std()))
		}
	}
	return f.aborted == nil && !f.ended.IsZero() // a record of before the check was a phase
}

// count adds a person; late says that the time to answer was over.
func (out *People) count(p PersonRecord, late bool) {
	out.Called++
	switch {
	case p.AnsweredAt == nil && !late:
		out.NotDue++
	case p.AnsweredAt == nil:
		out.Silent++
	case p.Safety.Fine():
		out.Safe++
	case p.Safety.Hurt():
		out.Injured++
	}
	switch p.Safety {
	case run.LightlyHurt:
		out.LightlyHurt++
	case run.BadlyHurt:
		out.BadlyHurt++
	case run.Unwell:
		out.Unwell++
	}
	if p.AnsweredAt != nil {
		out.Answered++
		if p.CanCome {
			out.CanCome++
		}
	}
	if p.ArrivedAt != nil {
		out.Mustered++
	}
}

func (s *SectionCount) count(p PersonRecord, late bool) {
	s.Called++
	switch {
	case p.AnsweredAt == nil && !late:
	case p.AnsweredAt == nil:
		s.Silent++
	case p.Safety.Fine():
		s.Safe++
	case p.Safety.Hurt():
		s.Injured++
	}
	if p.ArrivedAt != nil {
		s.Mustered++
	}
}
