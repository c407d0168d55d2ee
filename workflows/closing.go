package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// close puts things and records in order (B-STP-13): what an inject broke is restored,
// the probes hand in what they saw, people say what was hard, locks are given back.
func (r *response) close(ctx workflow.Context) (Summary, error) {
	r.log.add(ctx, run.Event{Kind: run.PhaseStarted, Phase: run.Closing, By: run.Engine})
	r.phase = run.Closing
	r.restoreInjected(ctx)
	if r.movesThings() && (len(r.injected) > 0 || r.movedSomething()) {
		if back := r.handedBack(ctx); len(back) > 0 {
			r.afterUndo(ctx, back)
		}
	}
	r.stopWatching(ctx)

	cut := ""
	// After an abort nobody is kept waiting, neither for remarks nor by what still
	// runs beside the story; nor is who wants the next response.
	if r.abort == nil {
		if r.plan.Scenario.Simulate == nil && !r.restoreTest() {
			r.askRecords(ctx)
			cut = r.untilRecorded(ctx)
		}
		_ = workflow.Await(ctx, func() bool { return r.openTasks == 0 || r.abort != nil || r.wantedBy != "" })
	}
	r.stop()
	_ = workflow.Await(ctx, func() bool { return r.openTasks == 0 })

	state := r.state()
	outcome := run.Passed
	if state == run.CleanUpIncomplete {
		outcome = run.Failed
	}
	r.releaseLocks(ctx)
	r.log.add(ctx, run.Event{Kind: run.PhaseEnded, Phase: run.Closing, By: run.Engine, Outcome: outcome, Reason: cut})
	r.log.add(ctx, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: state})})
	r.ended = true
	_ = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	r.log.close(ctx)
	return Summary{Run: r.in.RunID, State: state}, nil
}

// restoreInjected undoes the injects, newest first: each looks first and does nothing
// where recovery or failback has restored what it broke. A system that stays at its
// alternate site, or whose undo is incomplete, keeps its old home as it is: starting it
// could make a second writer.
func (r *response) restoreInjected(ctx workflow.Context) {
	for i := len(r.injected) - 1; i >= 0; i-- {
		w := r.injected[i]
		stays := false
		for _, s := range r.systems {
			away := s.moved() && (s.home == nil || s.home.Outcome != run.Passed)
			if s.plan.Name == w.step.Starts && (away || s.unclean != "") {
				stays = true
			}
		}
		if stays {
			r.leaveInjected(ctx, w)
			continue
		}
		if left := r.handsFor(w.step.Starts).undo(ctx, run.Closing, w); left != "" {
			for _, s := range r.systems {
				if (s.plan.Name == w.step.Starts || w.step.Starts == "") && s.unclean == "" {
					s.unclean = left
				}
			}
		}
	}
}

// leaveInjected says in the record what stays broken on purpose, so that nobody finds
// out by the next drill.
func (r *response) leaveInjected(ctx workflow.Context, w workedStep) {
	if len(w.step.Undo) == 0 || !w.undoable(ctx) {
		return
	}
	r.log.add(ctx, run.Event{Kind: run.FindingOpened, Phase: run.Closing, System: w.step.Starts, Step: w.step.ID, Action: w.step.Uses, Site: w.step.Site,
		By: run.Engine, Data: run.Encode(run.Finding{ID: "inject-" + w.step.ID, Kind: run.FindingCleanUp, System: w.step.Starts, Step: w.step.ID,
			Detail: both("%s on %s was not undone: the system stays away from it, and starting it could make a second writer",
				"%s（%s）は取り消していない：システムが移動したままのため、起動すると書き込み先が二つになるおそれがある", w.step.Uses, w.step.Site)})})
}

func (r *response) movedSomething() bool {
	for _, s := range r.systems {
		if s.recovery != nil {
			return true
		}
	}
	return false
}

// handedBack lists the systems whose state was not proven by failback or verification.
// One that was moved to stay and is not in service is none of them: nothing of it was
// undone, so nothing is half-way. It was not recovered, or only in part. Where two sides may
// take writes, its lock stays until somebody has looked. In a response the same goes for what
// was recovered in place, and of a system that the run put back as it found it only that two sides do not write.
func (r *response) handedBack(ctx workflow.Context) []*system {
	var out []*system
	owed := r.owesService(ctx)
	for _, s := range r.systems {
		home := s.home != nil && s.home.Outcome == run.Passed
		if home || s.restored && r.abort == nil {
			continue
		}
		if !owed && s.asFound(ctx) && s.recovery != nil && s.recovery.Undone && workflow.GetVersion(ctx, changeUndoneChecked, workflow.DefaultVersion, 1) == 1 {
			out = append(out, s) // two sides may write though each undo passed
			continue
		}
		if !owed && (s.asFound(ctx) || r.abort == nil && s.recovery.Outcome == run.Passed && s.home == nil && !s.writersUnproven) {
			continue
		}
		stays := r.abort == nil && s.moved() && s.homeChoice == run.Stay && !s.writersUnproven
		if stays && workflow.GetVersion(ctx, "stays-unrestored", workflow.DefaultVersion, 1) == 1 {
			continue
		}
		out = append(out, s)
	}
	return out
}

// owesService reports whether systems have to be in service when they are handed back: a drill
// began with all of them whole. A response did not, and what the event stopped is no clean-up of the run: were the
// lock kept for it, the next response, by another way, could not begin.
func (r *response) owesService(ctx workflow.Context) bool {
	return r.in.Kind == run.Drill || workflow.GetVersion(ctx, changeAsFound, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// asFound reports whether the run left nothing of its own in the system: its recovery was not
// begun, or all that it did is undone.
func (s *system) asFound(ctx workflow.Context) bool {
	if s.recovery == nil {
		return true
	}
	return s.recovery.Outcome != run.Passed && s.recovery.Unclean == "" && len(s.recovery.Left) == 0 &&
		(s.recovery.Told || !s.recovery.Undone || workflow.GetVersion(ctx, changeUntoldLeft, workflow.DefaultVersion, 1) == workflow.DefaultVersion)
}

// read says how a run ended that ran nothing. A step that its owner skipped was put before
// them and not gone through; nor was anything when no way of recovery was decided for.
func (r *response) read() run.State {
	if r.plan.Scenario.Depth == run.Tabletop {
		return run.TalkedThrough
	}
	for _, s := range r.systems {
		if s.recovery == nil && (s.plan.Failover != "" || s.plan.InPlace != "") {
			return run.PartlyWalkedThrough
		}
		for _, runbook := range []*Executed{s.recovery, s.home} {
			if runbook != nil && (runbook.Outcome != run.Passed || runbook.Skipped > 0) {
				return run.PartlyWalkedThrough
			}
		}
	}
	return run.WalkedThrough
}

// state says in one word how the run ended.
func (r *response) state() run.State {
	restored, away := 0, 0
	for _, s := range r.systems {
		if s.unclean != "" {
			return run.CleanUpIncomplete
		}
		if s.restored {
			restored++
		}
		if s.moved() && s.homeChoice == run.Stay {
			away++
		}
	}
	switch {
	case r.abort != nil:
		return run.Cancelled
	case r.reading:
		return r.read()
	case r.restoreTest() && slices.ContainsFunc(r.systems, func(s *system) bool { return s.recovery == nil || s.recovery.Outcome != run.Passed }):
		return run.NotResumable
	case !r.movesThings():
		return run.Recovered
	case restored == 0:
		return run.NotResumable
	case restored < len(r.systems):
		return run.PartlyRecovered
	case away > 0:
		return run.RecoveredAtAlternate
	}
	return run.Recovered
}
