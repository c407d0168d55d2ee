package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// What people say of themselves goes into the record past the engine (docs/decisions.md 43):
// an answer is taken while the engine is away, and 5,000 of them in a minute cost it a
// handful of tasks. A signal tells the run that there is something to read; it reads
// by itself before each reminder and at each deadline, so a signal that is lost delays and
// loses nothing.

// listenToPeople reads whenever the server says that there is something. A run that began
// before the server wrote answers by itself is told so by the first signal.
func (r *response) listenToPeople(ctx workflow.Context) {
	said := workflow.GetSignalChannel(ctx, plan.SignalPeople)
	workflow.GoNamed(ctx, "people", func(ctx workflow.Context) {
		for {
			if workflow.Await(ctx, func() bool { return said.Len() > 0 }) != nil {
				return
			}
			for said.ReceiveAsync(nil) {
			}
			r.hears = true
			r.catchUp(ctx)
		}
	})
}

// catchUp takes in what people have said since it last looked.
func (r *response) catchUp(ctx workflow.Context) {
	if !r.hears || workflow.Await(ctx, func() bool { return !r.hearing }) != nil {
		return
	}
	r.hearing = true
	defer func() { r.hearing = false }()
	for {
		var heard plan.Heard
		q := plan.HeardRequest{Run: r.in.RunID, After: r.heardUpto}
		if workflow.ExecuteActivity(record(ctx), plan.ActivityHeard, q).Get(ctx, &heard) != nil {
			return // the run is being ended
		}
		r.heardUpto = heard.Upto
		for _, s := range heard.Said {
			if m := r.member(s.Person); m != nil {
				r.take(ctx, m, s)
			}
		}
		if !heard.More {
			return
		}
	}
}

// take notes what somebody said. It is in the record already.
func (r *response) take(ctx workflow.Context, m *member, s plan.Said) {
	if s.Arrived {
		if m.arrivedAt.IsZero() {
			m.arrivedAt = s.At
		}
		m.left, m.place = false, s.Place
		return
	}
	r.answers(m, run.Answer{Safety: s.Safety, CanCome: s.CanCome, Online: s.Online})
	if m.answeredAt.IsZero() {
		m.answeredAt = s.At
	}
	r.deputiesByAnswer(ctx, m)
}

// deputiesByAnswer calls the deputies of somebody whose answer says that they won't come.
func (r *response) deputiesByAnswer(ctx workflow.Context, m *member) {
	switch {
	case !r.hears:
	case !m.answer.Safety.Fit():
		r.callDeputies(ctx, m, run.WhyHurt)
	case !m.answer.CanCome && !r.spared(m):
		r.callDeputies(ctx, m, run.WhyCannotCome)
	}
}

// spared reports whether somebody's deputies are left alone, whatever they have not answered, or not well: that one is there.
func (r *response) spared(m *member) bool { return r.sparesDeputies && m.there() }

// callDeputies has the deputies of somebody stand in, once.
func (r *response) callDeputies(ctx workflow.Context, m *member, why string) {
	if m.deputies {
		return
	}
	m.deputies = true
	if !r.hears {
		r.call(ctx, m.plan.Deputies, m.plan.ID)
	}
	var told []string
	for _, id := range m.plan.Deputies {
		d := r.member(id)
		if d == nil || r.absent[id] {
			continue
		}
		if r.hears {
			r.log.add(ctx, run.Event{Kind: run.PersonStandsIn, Phase: r.phase, Person: id, By: run.Engine,
				Data: run.Encode(run.StandIn{For: m.plan.ID, Why: why})})
			r.call(ctx, []string{id}, m.plan.ID)
			told = append(told, id)
		}
		if !slices.Contains(d.standsIn, m.plan.ID) {
			d.standsIn = append(d.standsIn, m.plan.ID)
		}
	}
	if len(told) > 0 && r.isKey(m.plan.Roles) {
		// Why is nobody's business but theirs: it may be their health.
		name := personNamed(m.plan)
		r.say(ctx, run.Message{To: told, Private: true}, "You stand in for "+name.In("en")+".", name.In("ja")+"さんの代行をお願いします。")
	}
}

func personNamed(p plan.Person) plan.Text {
	if p.Name == (plan.Text{}) {
		return plan.Text{EN: p.ID, JA: p.ID}
	}
	return p.Name
}

// isKey reports whether one of the roles is waited for: in the quorum, leading or deciding.
func (r *response) isKey(roles []string) bool {
	s := r.plan.Scenario
	return slices.ContainsFunc(roles, func(role string) bool {
		return role == s.Decision.By || role == s.Lead || slices.ContainsFunc(s.Quorum, func(q plan.RoleCount) bool { return q.Role == role })
	})
}
