package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// step reads an event of a step. A step that ended and begins again in the same
// generation is another occurrence of it: the check for a single writer runs twice.
func (f *facts) step(e run.Event) error {
	if _, err := f.of(e); err != nil {
		return err
	}
	key := e.Writer + "\x00" + e.System + "\x00" + e.Step
	s := f.latest[key]
	if s == nil || s.ended && e.Kind != run.StepEnded && e.Generation <= s.generation {
		var err error
		if s, err = f.newStep(e); err != nil {
			return err
		}
		f.steps, f.latest[key] = append(f.steps, s), s
	}
	s.generation = max(s.generation, e.Generation)
	switch e.Kind {
	case run.StepIntended:
		var d run.Intent
		if err := decode(e, &d); err != nil {
			return err
		}
		s.Effect = d.Effect
	case run.StepStarted, run.StepWaiting:
		if s.StartedAt == nil {
			at := e.At
			s.StartedAt = &at
		}
	case run.StepActed:
		s.By = e.By
	case run.StepEnded:
		return s.end(e)
	}
	return nil
}

// end is also for undo, whose last event has the same data.
func (s *stepFacts) end(e run.Event) error {
	if err := decode(e, &s.result); err != nil {
		return err
	}
	at := e.At
	s.ended, s.EndedAt, s.Outcome, s.Reason = true, &at, e.Outcome, e.Reason
	if s.By == "" || e.By != run.Engine {
		s.By = e.By
	}
	s.SettledBy, s.Already, s.Attempts = s.result.SettledBy, s.result.Already, max(s.result.Attempts, s.generation)
	if s.StartedAt == nil {
		s.Attempts = s.result.Attempts
	}
	if s.result.DurationS > 0 {
		v := round(s.result.DurationS)
		s.DurationS = &v
	}
	if s.result.OverS > 0 {
		v := round(s.result.OverS)
		s.OverS = &v
	}
	if !s.result.StartedAt.IsZero() {
		from := s.result.StartedAt.UTC()
		s.WorkerFrom = &from
	}
	if !s.result.EndedAt.IsZero() {
		to := s.result.EndedAt.UTC()
		s.WorkerTo = &to
	}
	return nil
}

func (f *facts) newStep(e run.Event) (*stepFacts, error) {
	s := &stepFacts{writer: e.Writer, Step: Step{ID: e.Step, System: e.System, Runbook: e.Runbook, Action: e.Action, Site: e.Site,
		Phase: e.Phase, Purpose: purpose(e)}}
	planned, err := f.planned(e)
	if err != nil {
		return nil, err
	}
	s.plan, s.Effect, s.Human = planned, planned.Effect, planned.Human != nil
	s.read = !f.started.Depth.Allows(run.Observe)
	if f.started.Depth == run.Walkthrough && e.Runbook != "" {
		s.Owner = cmp.Or(planned.Owner, f.plan.Scenario.Decision.By)
		if s.Human {
			s.Owner = planned.Human.Role
		}
	}
	if planned.Budget > 0 {
		s.BudgetS = seconds(planned.Budget.Std())
	}
	return s, nil
}

// planned finds a step in the plan.
func (f *facts) planned(e run.Event) (plan.Step, error) {
	if e.Runbook == "" {
		if e.Step == singleWriter {
			for _, s := range f.plan.Systems {
				if s.Name == e.System && s.SingleWriter != nil {
					return *s.SingleWriter, nil
				}
			}
		}
		for _, s := range f.plan.Scenario.Injects {
			if s.ID == e.Step {
				return s, nil
			}
		}
		return plan.Step{ID: e.Step, Uses: e.Action}, nil
	}
	rb, ok := f.plan.Runbook(e.Runbook)
	if !ok {
		return plan.Step{}, fmt.Errorf("%s speaks of runbook %q, which the plan does not hold: journal and plan do not belong together; take both from one copy of the record store", place(e), e.Runbook)
	}
	i := slices.IndexFunc(rb.Steps, func(s plan.Step) bool { return s.ID == e.Step })
	if i < 0 {
		return plan.Step{}, fmt.Errorf("%s speaks of step %q, which runbook %s of the plan does not hold: journal and plan do not belong together; take both from one copy of the record store", place(e), e.Step, e.Runbook)
	}
	return rb.Steps[i], nil
}

// undo reads an event of an undo. A step may have several, each by its own action.
func (f *facts) undo(e run.Event) error {
	if _, err := f.of(e); err != nil {
		return err
	}
	if e.Kind == run.UndoEnded {
		for i := len(f.undone) - 1; i >= 0; i-- {
			if u := f.undone[i]; u.writer == e.Writer && u.ID == e.Step && u.Action == e.Action && !u.ended {
				return u.end(e)
			}
		}
	}
	u, err := f.newStep(e)
	if err != nil {
		return err
	}
	u.Human, u.BudgetS, u.Effect = false, nil, ""
	for _, planned := range u.plan.Undo {
		if planned.Uses == e.Action {
			u.Effect = planned.Effect
		}
	}
	f.undone = append(f.undone, u)
	if e.Kind == run.UndoEnded {
		return u.end(e)
	}
	at := e.At
	u.StartedAt = &at
	return nil
}

// runbook lists the steps of one execution: those of a system for a purpose.
func (f *facts) runbook(system, purpose string) []*stepFacts {
	var out []*stepFacts
	for _, s := range f.steps {
		if s.System == system && s.Purpose == purpose {
			out = append(out, s)
		}
	}
	return out
}

// tried reports whether a step may have changed something.
func (s *stepFacts) tried() bool {
	return !s.read && !s.Human && s.Effect.Once() && s.Effect != "" && s.StartedAt != nil && !s.Already &&
		(s.Outcome == run.Passed || s.Outcome == run.Unknown || !s.ended)
}

// worked reports whether a step did its part: a machine's that may have changed something,
// or a person's that was done.
func (s *stepFacts) worked() bool {
	return s.tried() || s.Human && !s.read && s.Outcome == run.Passed
}

// doubts lists why what rests on these steps is not proven: a machine's step that was
// skipped, forced, marked by hand, only read, or whose end is not known. A guard's "no",
// or the runbook's leave to do without a site that is away, is the plan's own word and
// casts no doubt; a person's step is a person's to judge.
func doubts(steps []*stepFacts, runEnded bool) []Reason {
	var out []Reason
	for _, s := range steps {
		switch {
		case s.Human:
			if s.Outcome == run.Failed || s.Outcome == run.Unknown {
				out = append(out, Reason{"step_open", s.ID})
			}
		case !s.ended:
			if runEnded {
				out = append(out, Reason{"step_open", s.ID})
			}
		case s.SettledBy == run.ByGuard, s.SettledBy == run.ByAbsence:
		case s.Outcome == run.Skipped:
			out = append(out, Reason{"step_skipped", s.ID})
		case s.SettledBy == run.ByPerson:
			out = append(out, Reason{"step_by_hand", s.ID})
		case s.SettledBy == run.ByAcknowledge:
			out = append(out, Reason{"step_only_read", s.ID})
		case s.Outcome == run.Unknown:
			out = append(out, Reason{"step_unknown", s.ID})
		case s.Outcome == run.Failed:
			out = append(out, Reason{"step_failed", s.ID})
		}
	}
	return out
}
