package api

import (
	"context"
	"slices"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// beside names the open runs of the other kind that are about systems of p: a drill beside
// what is real, or the reverse. People must not have to guess which of the two a message is of.
func (s *Server) beside(ctx context.Context, p plan.Plan, kind run.Kind) ([]string, error) {
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range open {
		if (r.Kind != run.Drill && r.Kind != run.Response) || r.Kind == kind {
			continue
		}
		other, ok := s.recent.get(r.PlanHash)
		if !ok {
			if other, err = s.Store.Plan(ctx, r.PlanHash); err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(other.Systems, func(x plan.System) bool { _, same := p.System(x.Name); return same }) {
			out = append(out, r.Run)
		}
	}
	return out, nil
}
