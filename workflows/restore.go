package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// restoreTest reports whether this run restores backups in isolation and does nothing
// else: it takes no switch lock, so that it can never keep a real failover waiting, and
// looks at no live system.
func (r *response) restoreTest() bool { return r.plan.Scenario.Hazard == run.RestoreTest }

// restoreBackups runs the restore runbook of each system, one after the other: they
// share the disk and the processors whose speed is measured. What a failed one left is
// taken away by its undo.
func (r *response) restoreBackups(ctx workflow.Context) (run.Outcome, string) {
	var failed []plan.Text
	for _, s := range r.systems {
		book, ok := r.plan.Runbook(s.plan.Restore)
		if !ok || ctx.Err() != nil {
			continue
		}
		r.log.add(ctx, run.Event{Kind: run.RecoveryOrdered, Phase: run.Recovery, System: s.plan.Name, Runbook: book.Name, By: run.Engine})
		done := r.execute(ctx, s, book, ForRestore, run.Recovery, runInFlight)
		s.recovery = &done
		if done.Unclean != "" {
			s.unclean = done.Unclean
		}
		if done.Outcome != run.Passed {
			failed = append(failed, plan.Say("%s: %s", "%s：%s", s.plan.Name, plan.Apart(done.Reason)))
		}
	}
	if len(failed) > 0 {
		return run.Failed, plan.Joined(failed...).Both()
	}
	return run.Passed, ""
}
