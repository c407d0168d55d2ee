package api

import (
	"context"
	"net/http"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// reader is who reads, as far as blind drills are concerned: a person who has made sure of who
// they are. The console is nobody here: whoever holds the machine's token may be anybody, and
// the files themselves are what they can read.
func reader(ctx context.Context) string {
	a, ok := identity.From(ctx)
	if !ok || a.Console || a.Limit != nil {
		return ""
	}
	return a.Person
}

// withheld is the problem of reading what a blind drill will bring; nil for who may.
func (s *Server) withheld(ctx context.Context, p plan.Plan, over bool) error {
	if p.Scenario.MaySee(reader(ctx), over) {
		return nil
	}
	l := lang(ctx)
	return problem(http.StatusForbidden, CodeRefused, l.T("%s is a blind drill: it is withheld until it is over.", "%s は非提示型訓練のため、終了まで内容を閲覧できません。", p.Scenario.Name),
		l.T("Its facilitators may read it, with a personal token", "facilitators に指定された人は、個人トークンで閲覧できます"))
}

// planFor is a run's plan as whoever asks may see it.
func planFor(ctx context.Context, p plan.Plan, state run.State) plan.Plan {
	if p.Scenario.MaySee(reader(ctx), state.Ended()) {
		return p
	}
	return p.Withheld()
}

// hiddenIn tells which events of a run whoever asks may not read: what a blind drill does to make
// things happen, before it is over.
func (s *Server) hiddenIn(ctx context.Context, sum journal.Summary) (func(run.Event) bool, error) {
	if sum.Kind != run.Drill || sum.State.Ended() {
		return func(run.Event) bool { return false }, nil
	}
	_, p, err := s.known(ctx, sum.Run)
	if err != nil {
		return nil, err
	}
	hides := !p.Scenario.MaySee(reader(ctx), false)
	return func(e run.Event) bool { return hides && (e.Kind == run.InjectReleased || p.Injects(e.Runbook, e.Step)) }, nil
}

// listed is a scenario as whoever asks may see it.
func listed(ctx context.Context, sc Scenario) Scenario {
	if !(plan.Scenario{Blind: sc.Blind, Facilitators: sc.Facilitators}).MaySee(reader(ctx), false) {
		sc.Title, sc.Systems, sc.Hazard = plan.WithheldTitle(), []string{}, ""
	}
	return sc
}

// recordsFor are records of occasions as whoever asks may see them. That a blind drill was due
// today and is held up tells that it is near: its planner alone hears of that before it is over.
func (s *Server) recordsFor(ctx context.Context, list []programme.Record) []programme.Record {
	who := reader(ctx)
	for i, r := range list {
		if !r.Due.Blind || r.State.Ended() {
			continue
		}
		if p, err := s.programme(ctx); err == nil && who != "" {
			if row, ok := p.Row(r.Due.Schedule); ok && row.Planner == who {
				continue
			}
		}
		list[i].Postponed = nil
		if n := len(r.Draws); n > 1 { // how often it was drawn tells the same
			list[i].Draws = r.Draws[:1]
		}
	}
	return list
}
