package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// timed are the injects that come by the clock, before anybody is called.
func (r *response) timed() []plan.Step {
	return slices.DeleteFunc(slices.Clone(r.plan.Scenario.Injects), func(s plan.Step) bool { return s.Release != nil })
}

// endReleases lets no more injects out and waits for those that go on: what they broke is put
// right on the way home.
func (r *response) endReleases(ctx workflow.Context) {
	r.allReleased = true
	_ = workflow.Await(ctx, func() bool { return r.injecting == 0 })
}

// awaitReleases has the other injects wait for what releases them: a phase, or something that
// those who take part do (requirement C-BLD-03). One that is never released is not done, and
// the record has nothing of it.
func (r *response) awaitReleases(ctx workflow.Context) {
	if r.in.Kind == run.Response || !r.movesThings() {
		return
	}
	for _, s := range r.plan.Scenario.Injects {
		if s.Release == nil {
			continue
		}
		released := run.Event{}
		r.log.listen(func(e run.Event) {
			if released.Kind == "" && s.Release.On(e) {
				released = e
			}
		})
		workflow.GoNamed(ctx, "inject "+s.ID, func(ctx workflow.Context) {
			if workflow.Await(ctx, func() bool { return released.Kind != "" || r.allReleased }) != nil || r.allReleased {
				return
			}
			if workflow.Sleep(ctx, s.After.Std()) != nil || r.allReleased {
				return
			}
			r.injecting++
			defer func() { r.injecting-- }()
			r.log.add(ctx, run.Event{Kind: run.InjectReleased, Phase: r.phase, System: s.Starts, Step: s.ID, Action: s.Uses, By: run.Engine,
				Reason: plan.Say("%s: %s", "%s：%s", s.ID, releasedBy(released, s.After)).Both(), Data: run.Encode(run.Released{Kind: released.Kind, Phase: released.Phase, By: released.By})})
			if why := r.doInject(ctx, s); why != "" {
				r.giveUp(ctx, why)
			}
		})
	}
}

// releasedBy is what an inject waited for, in words.
func releasedBy(e run.Event, after run.Duration) plan.Text {
	was := plan.Say("by %s", "契機：%s", string(e.Kind))
	if e.Kind == run.PhaseStarted {
		was = plan.Text{EN: "the phase " + i18n.EN.Phase(e.Phase) + " had begun", JA: "「" + i18n.JA.Phase(e.Phase) + "」の開始"}
	}
	if after <= 0 {
		return was
	}
	return plan.Text{EN: i18n.EN.Span(after.Seconds()) + " after " + was.EN, JA: was.JA + "から" + i18n.JA.Span(after.Seconds()) + "後"}
}
