package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/run"
)

// checkSafety waits for everybody's answer, reminds the silent, calls their deputies,
// and ends in any case: silence is a result (B-STP-01). It runs beside the other
// phases.
func (r *response) checkSafety(ctx workflow.Context) (run.Outcome, string) {
	rules := r.plan.Scenario.Safety
	begun := workflow.Now(ctx)
	deadline := begun.Add(rules.Within.Std())
	answered := func() bool { return len(r.silent()) == 0 }
	for n := 0; ; n++ {
		left := deadline.Sub(workflow.Now(ctx))
		if left <= 0 || ctx.Err() != nil {
			break
		}
		wait := left
		switch {
		case n < len(rules.Reminders):
			wait = min(wait, begun.Add(rules.Reminders[n].Std()).Sub(workflow.Now(ctx)))
		case len(rules.Reminders) == 0 && rules.Remind > 0:
			wait = min(wait, rules.Remind.Std())
		}
		if ok, err := workflow.AwaitWithTimeout(ctx, wait, answered); ok || err != nil {
			break
		}
		r.catchUp(ctx)
		if r.hears && (answered() || !workflow.Now(ctx).Before(deadline)) {
			break
		}
		for _, m := range r.silent() {
			r.log.add(ctx, run.Event{Kind: run.PersonReminded, Phase: run.SafetyCheck, Person: m.plan.ID, By: run.Engine})
			if !r.spared(m) {
				r.callDeputies(ctx, m, run.WhySilent)
			}
		}
	}
	if silent := r.silent(); len(silent) > 0 {
		return run.Failed, both("%d of those called did not answer", "%d 名から回答がない", len(silent))
	}
	return run.Passed, ""
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
