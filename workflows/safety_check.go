package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// checkSafety waits for everybody's answer, reminds the silent, calls their deputies,
// and ends in any case: silence is a result (B-STP-01). It runs beside the other
// phases.
func (r *response) checkSafety(ctx workflow.Context) (run.Outcome, string) {
	r.remind(ctx, run.SafetyCheck, r.plan.Scenario.Safety.Within.Std(), r.silent, func() bool { return false })
	if silent := r.silent(); len(silent) > 0 {
		return run.Failed, both("%d of those called did not answer", "%d 名から回答がない", len(silent))
	}
	return run.Passed, ""
}

// remind reminds the silent and calls their deputies at the scenario's times, until nobody is silent, the time is up or it is over.
func (r *response) remind(ctx workflow.Context, p run.Phase, within time.Duration, silent func() []*member, over func() bool) {
	rules := r.plan.Scenario.Safety
	begun := workflow.Now(ctx)
	deadline := begun.Add(within)
	done := func() bool { return over() || len(silent()) == 0 }
	for n := 0; ; n++ {
		left := deadline.Sub(workflow.Now(ctx))
		if left <= 0 || ctx.Err() != nil {
			return
		}
		wait := left
		switch {
		case n < len(rules.Reminders):
			wait = min(wait, begun.Add(rules.Reminders[n].Std()).Sub(workflow.Now(ctx)))
		case len(rules.Reminders) == 0 && rules.Remind > 0:
			wait = min(wait, rules.Remind.Std())
		}
		if ok, err := workflow.AwaitWithTimeout(ctx, wait, done); ok || err != nil {
			return
		}
		r.catchUp(ctx)
		if r.hears && (done() || !workflow.Now(ctx).Before(deadline)) {
			return
		}
		for _, m := range silent() {
			r.log.add(ctx, run.Event{Kind: run.PersonReminded, Phase: p, Person: m.plan.ID, By: run.Engine})
			if !r.spared(m) {
				r.callDeputies(ctx, m, run.WhySilent)
			}
		}
	}
}

// remindBeside does for a muster what the safety check does, in a run that has none: who is neither heard of nor there is reminded,
// and their deputies are called, until the muster is over.
func (r *response) remindBeside(ctx workflow.Context, over func() bool) {
	if slices.Contains(r.plan.Scenario.Phases, run.SafetyCheck) || workflow.GetVersion(ctx, changeMusterReminds, workflow.DefaultVersion, 1) != 1 {
		return
	}
	missing := func() []*member {
		return slices.DeleteFunc(r.silent(), func(m *member) bool { return !m.arrivedAt.IsZero() })
	}
	workflow.GoNamed(ctx, "reminders", func(ctx workflow.Context) {
		r.remind(ctx, run.Muster, r.plan.Scenario.Safety.Muster.Std(), missing, over)
	})
}

// silent lists those who were called and have not answered.
func (r *response) silent() []*member {
	var out []*member
	for _, m := range r.people {
		if m.called && m.answeredAt.IsZero() {
			out = append(out, m)
		}
	}
	return out
}
