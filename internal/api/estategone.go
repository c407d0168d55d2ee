package api

import (
	"context"
	"maps"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/report"
)

// estateGone is placeGone of what is found about people, sites, parties, channels and probes: nobody holds the role
// any more, say, so that nobody can answer in it.
func (s *Server) estateGone(ctx context.Context, files proof.Files, part []string) (bool, error) {
	if s.Estate == nil {
		return false, nil
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return false, s.mistakes(ctx, err)
	}
	last := part[len(part)-1]
	is := func(name string) bool { return report.PlaceKey(name) == last }
	noSystem := !slices.ContainsFunc(files.Systems, func(x plan.System) bool { return is(x.Name) })
	noSite := !slices.ContainsFunc(e.Sites, func(x plan.Site) bool { return is(x.Name) })
	switch part[0] {
	case "worker":
		return noSite, nil
	case "party":
		return !slices.ContainsFunc(e.Parties, func(x plan.Party) bool { return is(x.Name) }), nil
	case "channel":
		return s.Channels == nil || !slices.ContainsFunc(slices.Collect(maps.Keys(s.Channels())), is), nil
	}
	if len(part) != 3 {
		return false, nil
	}
	switch part[0] + "/" + part[1] {
	case "clock/site":
		return noSite, nil
	case "clock/event", "people/decision":
		return last != "-" && noSystem, nil
	case "people/answer", "people/deputy": // whoever is called counts for the first of their roles
		return !slices.ContainsFunc(e.People, func(x plan.Person) bool { return is(report.FirstRole(x.Roles)) }), nil
	}
	of := func(p plan.Plan) bool {
		switch part[0] + "/" + part[1] {
		case "people/quorum":
			return slices.ContainsFunc(p.Scenario.Quorum, func(q plan.RoleCount) bool { return is(q.Role) })
		case "record/probe":
			return slices.ContainsFunc(p.Systems, func(x plan.System) bool {
				return slices.ContainsFunc(x.Probes, func(x plan.Probe) bool { return is(x.Name) })
			})
		}
		return true
	}
	plans, err := s.everyPlan(ctx, files)
	return err == nil && !slices.ContainsFunc(plans, of), err
}
