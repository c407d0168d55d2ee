package api

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// parkedAt is the try of a workflow task at which a run counts as parked: the first two may have
// ended with a worker that was killed.
const parkedAt = 3

// Parked counts open runs that stand still because the program in use can't carry them on: its
// code panics, or is not the code that they were begun with. The engine tries again for ever, and
// a program that can goes on with them.
func (s *Server) Parked(ctx context.Context) (map[run.Kind]int, error) {
	list, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	out := map[run.Kind]int{}
	for _, sum := range list {
		parked, err := s.parked(ctx, sum.Run)
		if err != nil {
			return nil, err
		}
		if parked {
			out[sum.Kind]++
		}
	}
	return out, nil
}

// parked looks at a run's workflow and those that it began.
func (s *Server) parked(ctx context.Context, id string) (bool, error) {
	d, err := s.Engine.DescribeWorkflowExecution(ctx, id, "")
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return false, nil
	}
	if err != nil || d.GetPendingWorkflowTask().GetAttempt() >= parkedAt {
		return err == nil, err
	}
	for _, c := range d.GetPendingChildren() {
		if parked, err := s.parked(ctx, c.GetWorkflowId()); parked || err != nil {
			return parked, err
		}
	}
	return false, nil
}
