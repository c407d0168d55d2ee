package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/muster-dr/muster/internal/ownfiles"
	"github.com/muster-dr/muster/internal/plan"
)

// WorkerMark is what a worker of a site says that it was started with.
type WorkerMark struct {
	Host, Ledger string
	Set          ownfiles.Set
}

// mostMark bounds what a worker may say.
const mostMark = 100

// WorkerMarks are those of the workers that ask for work now, by site: of each ledger the one that
// asked last, since the engine remembers the one before a restart for some minutes. Workers of the
// server's own process sign with none.
func (s *Server) WorkerMarks(ctx context.Context) (map[string][]WorkerMark, error) {
	e, err := s.Estate(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]WorkerMark{}
	for _, site := range e.Sites {
		pollers, err := s.pollers(ctx, plan.SiteQueue(site.Name), enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return nil, err
		}
		asked, newest := map[string]time.Time{}, map[string]WorkerMark{}
		for _, p := range pollers {
			host, ledger, marks := plan.MarksOf(p.GetIdentity())
			at := p.GetLastAccessTime().AsTime()
			if marks["version"] == "" || ledger == "" || len(ledger) > mostMark || !at.After(asked[ledger]) {
				continue
			}
			set := ownfiles.Set{Version: marks["version"], Files: map[string]string{}}
			for _, name := range []string{ownfiles.Program, ownfiles.Settings, ownfiles.Policy} {
				if sum := marks[name]; sum != "" && len(sum) <= mostMark {
					set.Files[name] = sum
				}
			}
			asked[ledger], newest[ledger] = at, WorkerMark{Host: host, Ledger: ledger, Set: set}
		}
		if len(newest) > 0 {
			out[site.Name] = slices.Collect(maps.Values(newest))
		}
	}
	return out, nil
}
