package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// People is everybody of a run, with totals. Totals count all, whatever the filters leave.
type People struct {
	Run       string          `json:"run"`
	At        time.Time       `json:"at"`
	Asked     run.Questions   `json:"asked" doc:"What the safety check asks in this run."`
	Place     *plan.Place     `json:"place,omitempty" doc:"Where people muster now."`
	Kit       []plan.Text     `json:"kit,omitempty" doc:"What they bring and wear."`
	Daytime   bool            `json:"daytime,omitempty" doc:"They are on site: the muster is a roll-call."`
	HeldUntil *time.Time      `json:"call_held_until,omitempty" doc:"The call-out waits until then."`
	Totals    Totals          `json:"totals"`
	Sections  []SectionTotals `json:"sections"`
	Roles     []RoleTotals    `json:"roles" doc:"Those needed now: of the quorum, leading and deciding."`
	run.Shares
	Curve    []run.AnswerPoint `json:"curve" doc:"How many had answered, over time."`
	Strength *progress.Counted `json:"strength,omitempty"`
	People   []Person          `json:"people"`
	// Own is set when the list holds the reader alone, who has no right to see the others.
	Own bool `json:"own,omitempty" doc:"The list holds the reader alone: it takes the permission people, or proxy, to see the others."`
}

// Totals is one row of the totals.
type Totals struct {
	People      int `json:"people" doc:"Called, or taken out of the drill."`
	Answered    int `json:"answered"`
	Safe        int `json:"safe"`
	LightlyHurt int `json:"lightly_hurt"`
	BadlyHurt   int `json:"badly_hurt"`
	Hurt        int `json:"hurt" doc:"All who are hurt or ill, also those who did not say how badly."`
	Silent      int `json:"silent"`
	CanCome     int `json:"can_come"`
	Arrived     int `json:"arrived" doc:"Are there now: who had to go again is not."`
	Absent      int `json:"absent"`
}

// SectionTotals is the totals of a department.
type SectionTotals struct {
	Section string `json:"section"`
	Totals
}

// RoleTotals is the totals of a role, with what is needed of it.
type RoleTotals struct {
	Role    string `json:"role"`
	Need    int    `json:"need"`
	Present int    `json:"present" doc:"Holders, and those who stand in for them."`
	Totals
}

// Person is somebody in a run. Private is there for those alone who may see it.
type Person struct {
	progress.Person
	Private *PrivateAnswer `json:"private,omitempty"`
}

// PrivateAnswer is the part of an answer that is kept apart, and erased after people.keep.
type PrivateAnswer struct {
	Family      run.Family `json:"family,omitempty"`
	Whereabouts string     `json:"whereabouts,omitempty"`
	Phone       string     `json:"phone,omitempty"`
	Note        string     `json:"note,omitempty"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
}

func (t *Totals) add(p progress.Person) {
	if p.State == progress.NotCalled {
		return
	}
	t.People++
	switch {
	case p.State == progress.OutOfDrill:
		t.Absent++
		return
	case p.Last == nil:
		t.Silent++
	default:
		t.Answered++
		switch {
		case p.Last.Safety.Fine():
			t.Safe++
		case p.Last.Safety.Hurt():
			t.Hurt++
		}
		switch p.Last.Safety {
		case run.LightlyHurt:
			t.LightlyHurt++
		case run.BadlyHurt:
			t.BadlyHurt++
		}
		if p.Last.CanCome {
			t.CanCome++
		}
	}
	if p.ArrivedAt != nil && !p.Left {
		t.Arrived++
	}
}

func (s *Server) getPeople(ctx context.Context, in *struct {
	OfRun
	Section string `query:"section" doc:"Only this department."`
	Role    string `query:"role" doc:"Only holders of this role."`
	State   string `query:"state" enum:"absent,not_called,silent,answered,arrived,hurt,cannot_come" doc:"Only who is so."`
	As      string `query:"as" doc:"Who reads, where the request itself does not say: private parts are shown by right."`
}) (*answer[People], error) {
	sum, p, err := s.known(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	reader, err := s.reader(ctx, sum, p, in.As)
	if err != nil {
		return nil, err
	}
	t, err := s.follow(ctx, in.Run, p)
	if err != nil {
		return nil, err
	}
	p.Estate = t.Estate()
	if in.Role != "" && !slices.ContainsFunc(p.Estate.People, func(m plan.Person) bool { return slices.Contains(m.Roles, in.Role) }) {
		l := lang(ctx)
		var roles []string
		for _, m := range p.Estate.People {
			roles = append(roles, m.Roles...)
		}
		way := ""
		if near := nearest.Word(in.Role, roles); near != "" {
			way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
		}
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Nobody has the role %q.", "役割 %q の人はいません。", in.Role), way)
	}
	o, roll := t.Overview(s.now()).People, t.Roll()
	out := People{Run: in.Run, At: s.now().UTC(), Asked: run.QuestionsOf(p.Scenario.Hazard), Daytime: p.Scenario.Daytime, HeldUntil: o.HeldUntil,
		Shares: o.Shares, Strength: o.Strength, Sections: []SectionTotals{}, Roles: []RoleTotals{}, People: []Person{}}
	if place, ok := p.Estate.Place(o.Place); ok {
		out.Place = &place
	}
	if m := p.Estate.Muster; m != nil && !p.Scenario.Daytime && p.Scenario.Hazard == run.Disaster && (out.Place == nil || !out.Place.Online) {
		out.Kit = m.Kit
	}
	out.totals(p, t, o, roll)
	out.Own = !s.seesList(ctx, t, p, reader)
	for _, m := range roll {
		if out.Own && m.ID != reader {
			continue
		}
		if in.Section != "" && m.Section != in.Section || in.Role != "" && !slices.Contains(m.Roles, in.Role) || !inState(m, in.State) {
			continue
		}
		out.People = append(out.People, Person{Person: m})
	}
	if err := s.addPrivate(ctx, in.Run, t, p, reader, out.People); err != nil {
		return nil, err
	}
	return &answer[People]{out}, nil
}

func inState(m progress.Person, state string) bool {
	switch state {
	case "":
		return true
	case progress.Silent: // also who has come and not said how they are, as the totals count
		return m.Last == nil && m.State != progress.OutOfDrill && m.State != progress.NotCalled
	case "hurt":
		return m.Last != nil && m.Last.Safety.Hurt()
	case "cannot_come":
		return m.Last != nil && !m.Last.CanCome
	}
	return m.State == state
}

// totals adds everybody up: together, by department, by role that is needed now.
func (out *People) totals(p plan.Plan, t seen, o progress.People, roll []progress.Person) {
	var from time.Time
	var answers []time.Time
	sections, roles := map[string]*Totals{}, map[string]*RoleTotals{}
	for _, n := range o.Need {
		roles[n.Role] = &RoleTotals{Role: n.Role, Need: n.Need, Present: n.Present}
	}
	for _, role := range []string{p.Scenario.Lead, p.Scenario.Decision.By} {
		if role != "" && roles[role] == nil {
			roles[role] = &RoleTotals{Role: role, Present: t.Present(role)}
		}
	}
	for _, m := range roll {
		out.Totals.add(m)
		if sections[m.Section] == nil {
			sections[m.Section] = &Totals{}
		}
		sections[m.Section].add(m)
		for _, role := range m.Roles {
			if r := roles[role]; r != nil {
				r.add(m)
			}
		}
		if m.CalledAt != nil && (from.IsZero() || m.CalledAt.Before(from)) {
			from = *m.CalledAt
		}
		if m.First != nil {
			answers = append(answers, m.First.At)
		}
	}
	for name, t := range sections {
		if t.People > 0 {
			out.Sections = append(out.Sections, SectionTotals{name, *t})
		}
	}
	slices.SortFunc(out.Sections, func(a, b SectionTotals) int { return cmp.Compare(a.Section, b.Section) })
	for _, r := range roles {
		out.Roles = append(out.Roles, *r)
	}
	slices.SortFunc(out.Roles, func(a, b RoleTotals) int { return cmp.Compare(a.Role, b.Role) })
	out.Curve = run.AnswerCurve(from, answers)
}

// reader is who asks, as far as private parts go.
func (s *Server) reader(ctx context.Context, sum journal.Summary, p plan.Plan, as string) (string, error) {
	if a, ok := identity.From(ctx); ok && !a.Console {
		if a.Limit != nil && a.Limit.Run != sum.Run {
			return "", problem(http.StatusForbidden, CodeRefused, lang(ctx).T("This link is for another run.", "このリンクは別の実施のものです。"), "")
		}
		return a.Person, nil
	}
	if as == "" {
		return "", nil
	}
	return as, knownPerson(ctx, p, as)
}

// seesList reports whether somebody may see how each of the others is. Where rights are not
// regulated everybody may; totals are for all. p has the estate as it is now; whom the drill
// takes out has no right in it.
func (s *Server) seesList(ctx context.Context, t seen, p plan.Plan, reader string) bool {
	a, ok := identity.From(ctx)
	if !p.Estate.Regulated() || a.Console {
		return true
	}
	if !ok || t.Absent(reader) {
		return false
	}
	who, _ := p.Estate.Person(reader)
	return p.Estate.May(reader, plan.MayPeople, true) || p.Estate.May(reader, plan.MayProxy, true) || slices.Contains(who.Roles, p.Scenario.Decision.By)
}

// seesPrivate reports whether somebody may see the private part of another's answer: their
// own, what they entered, and who decides. Sees of the server adds to it.
func (s *Server) seesPrivate(ctx context.Context, t seen, p plan.Plan, reader string, m progress.Person) bool {
	if reader == "" {
		return false
	}
	if reader == m.ID || m.Last != nil && run.Person(m.Last.By) == reader {
		return true
	}
	if t.Absent(reader) {
		return false
	}
	who, _ := p.Estate.Person(reader)
	return p.Estate.Regulated() && p.Estate.May(reader, plan.MayPeople, true) || slices.Contains(who.Roles, p.Scenario.Decision.By) ||
		s.Sees != nil && s.Sees(ctx, p, reader, m.ID)
}

// addPrivate adds the private parts that the reader may see. That others' were read is noted
// in the access log before they are shown.
func (s *Server) addPrivate(ctx context.Context, runID string, t seen, p plan.Plan, reader string, people []Person) error {
	noted := false
	for i, m := range people {
		if m.Person.Private == "" || !s.seesPrivate(ctx, t, p, reader, m.Person) {
			continue
		}
		d, err := s.Store.Document(ctx, kindAnswer, runID+"/"+m.Person.Private)
		if errors.Is(err, journal.ErrNotFound) {
			continue // it has served, and was erased
		}
		if err != nil {
			return s.storeProblem(ctx, err)
		}
		if m.ID != reader && !noted {
			via := ""
			if a, ok := identity.From(ctx); ok {
				via = a.Via
			}
			if err := s.Store.Note(ctx, journal.Access{At: s.now().UTC(), Person: reader, Via: via, Act: "read private answers", Object: runID, Outcome: "ok", From: identity.FromOf(ctx)}); err != nil {
				return s.storeProblem(ctx, err)
			}
			noted = true
		}
		var kept private
		if err := json.Unmarshal(d.Body, &kept); err != nil {
			return err
		}
		people[i].Private = &PrivateAnswer{Family: kept.Family, Whereabouts: kept.Whereabouts, Phone: kept.Phone, Note: kept.Note, By: kept.By, At: kept.At}
	}
	return nil
}
