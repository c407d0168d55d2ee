package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// activate takes the run from its start to the moment the people are called: the
// steady state is seen, the event happens (an inject of a drill, or it has happened),
// somebody or something notices, and the roster is called (B-STP-00).
func (r *response) activate(ctx workflow.Context) (run.Outcome, string) {
	if r.in.Kind == run.Drill && r.movesThings() {
		if not := r.untilSteady(ctx, r.systems, all, r.plan.Scenario.Baseline.Std(), r.plan.Scenario.Baseline.Std()+baselineWait); len(not) > 0 {
			if ctx.Err() == nil {
				r.giveUp(ctx, both("%v was not in full service before the drill, so nothing was broken", "訓練開始前に %v が完全稼働していなかったため、何も停止させずに中止", not))
			}
			return run.Failed, both("not in full service before the drill: %v", "訓練開始前に完全稼働していない：%v", not)
		}
	}
	for _, w := range r.watches {
		w.downs = nil // what was down before the event is not the event
	}
	if why := r.inject(ctx); why != "" {
		r.giveUp(ctx, why)
		return run.Failed, why
	}
	r.detect(ctx)
	if ctx.Err() != nil {
		return run.Skipped, textAborted
	}

	if !r.holdCall(ctx) {
		return run.Skipped, textAborted
	}
	var all []string
	for _, m := range r.people {
		if len(m.plan.Roles) > 0 && !r.absent[m.plan.ID] {
			all = append(all, m.plan.ID)
		}
	}
	en, ja := r.callText()
	r.say(ctx, run.Message{To: all, Call: true}, en, ja)
	r.call(ctx, all, "")
	r.takeOut(ctx)
	return run.Passed, ""
}

// takeOut records who is absent in this drill. Their deputies stand in from the beginning.
func (r *response) takeOut(ctx workflow.Context) {
	for _, m := range r.people {
		if !r.absent[m.plan.ID] {
			continue
		}
		named := r.plan.Scenario.Absent != nil && slices.Contains(r.plan.Scenario.Absent.People, m.plan.ID)
		r.log.add(ctx, run.Event{Kind: run.PersonAbsent, Phase: r.phase, Person: m.plan.ID, By: run.Engine, Data: run.Encode(run.Absent{Drawn: !named})})
		r.callDeputies(ctx, m, run.WhyAbsent)
	}
}

// giveUp aborts a drill that must not go on.
func (r *response) giveUp(ctx workflow.Context, reason string) {
	if r.abort != nil {
		return // a person was first
	}
	r.log.add(ctx, run.Event{Kind: run.RunAbortRequested, By: run.Engine, Reason: reason})
	r.abort = &Control{By: run.Engine, Reason: reason}
	r.stop()
	// A paused way home would wait for somebody who need not know that there is one.
	if r.paused && workflow.GetVersion(ctx, changeGoesHome, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		r.paused = false
	}
}

// inject lets the scenario happen. It returns why it could not, or "".
func (r *response) inject(ctx workflow.Context) string {
	if r.in.Kind == run.Response || !r.movesThings() {
		return ""
	}
	began := workflow.Now(ctx)
	for _, s := range r.timed() {
		if wait := s.After.Std() - workflow.Now(ctx).Sub(began); wait > 0 {
			if workflow.Sleep(ctx, wait) != nil {
				return ""
			}
		}
		if why := r.doInject(ctx, s); why != "" {
			return why
		}
	}
	return ""
}

// doInject does one inject now. It returns why it could not, or "".
func (r *response) doInject(ctx workflow.Context, s plan.Step) string {
	phase, generation := r.phase, 1
	w := workedStep{step: s}
	a := r.handsFor(s.Starts).try(ctx, phase, s, generation)
	w.note(a)
	if a.never && ctx.Err() == nil && workflow.GetVersion(ctx, changeLostInjects, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		generation++ // what never reached the worker was no try, and nothing to end a drill for
		a = r.handsFor(s.Starts).try(ctx, phase, s, generation)
		w.note(a)
	}
	r.log.add(ctx, run.Event{Kind: run.StepEnded, Phase: phase, System: s.Starts, Step: s.ID, Action: s.Uses, Site: s.Site,
		Generation: generation, By: run.Engine, Outcome: outcomeOf(a.ending), Reason: a.reason, Data: run.Encode(resultOf(a, generation, 0))})
	if s.Effect.Once() {
		r.injected = append(r.injected, w)
	}
	if a.ending != passed {
		return fmt.Sprintf("inject %s: %s", s.ID, a.reason)
	}
	if s.Starts != "" {
		r.occur(ctx, s.Starts, happenedAt(a.result, workflow.Now(ctx)), "inject")
	}
	return ""
}

// happenedAt is when an inject says that it struck, by the injecting worker's clock.
func happenedAt(res plan.Result, otherwise time.Time) time.Time {
	var out struct {
		At time.Time `json:"at"`
	}
	if json.Unmarshal(res.Output, &out) == nil && !out.At.IsZero() {
		return out.At
	}
	if !res.StartedAt.IsZero() {
		return res.StartedAt
	}
	return otherwise
}

// occur starts a system's RTO clock, once.
func (r *response) occur(ctx workflow.Context, name string, at time.Time, source string) {
	for _, s := range r.systems {
		if s.plan.Name == name && s.occurred.IsZero() {
			s.occurred, s.threatened = at.UTC(), source == run.SourceThreat
			r.log.add(ctx, run.Event{Kind: run.EventOccurred, Phase: r.phase, System: name, By: run.Engine,
				Data: run.Encode(run.Occurrence{At: at.UTC(), Source: source})})
		}
	}
}

// detect waits for the first sign that somebody could act on. The clock of a system
// whose stop nobody timed starts at its first failed probe, or at the report,
// whichever is earlier (requirement O-02).
func (r *response) detect(ctx workflow.Context) {
	if r.plan.Scenario.Trigger == plan.TriggerThreat {
		r.threaten(ctx)
		return
	}
	reported := workflow.Now(ctx)
	if since, err := time.Parse(time.RFC3339Nano, r.in.Since); err == nil {
		reported = since
	}
	if r.in.Kind == run.Drill && len(r.watches) > 0 && len(r.timed()) > 0 {
		_, _ = workflow.AwaitWithTimeout(ctx, r.plan.Scenario.DetectWait.Std(), func() bool { return r.firstDown() != nil })
	}
	detection := run.Detection{At: workflow.Now(ctx).UTC(), Source: "reported"}
	if w := r.firstDown(); w != nil {
		detection = run.Detection{At: w.downs[0].heardAt.UTC(), Source: w.probe.Name}
	}
	e := run.Event{Kind: run.EventDetected, Phase: r.phase, By: run.Engine, Data: run.Encode(detection)}
	if detection.Source == "reported" && r.in.Kind == run.Drill && len(r.watches) > 0 {
		e.Reason = both("no probe saw it within %s; going on", "%s以内に監視で検知されなかったため、そのまま続行", r.plan.Scenario.DetectWait)
	}
	r.log.add(ctx, e)
	later := r.struckLater(ctx)
	for _, s := range r.systems {
		if slices.Contains(later, s) {
			continue
		}
		at, source := reported, "reported"
		for _, w := range r.watches {
			if w.probe.System == s.plan.Name && len(w.downs) > 0 && w.downs[0].At.Before(at) && r.in.Since == "" {
				at, source = w.downs[0].At, "probe"
			}
		}
		r.occur(ctx, s.plan.Name, at, source)
	}
}

// struckLater are the systems of a drill to which nothing has happened yet: an inject that something
// still has to release starts their clocks.
func (r *response) struckLater(ctx workflow.Context) []*system {
	if r.in.Kind != run.Drill || !r.movesThings() {
		return nil
	}
	var out []*system
	for _, s := range r.systems {
		comes := slices.ContainsFunc(r.plan.Scenario.Injects, func(i plan.Step) bool { return i.Release != nil && i.Starts == s.plan.Name })
		down := slices.ContainsFunc(r.watches, func(w *watch) bool { return w.probe.System == s.plan.Name && len(w.downs) > 0 })
		if comes && !down && s.occurred.IsZero() {
			out = append(out, s)
		}
	}
	if len(out) == 0 || workflow.GetVersion(ctx, changeStruckLater, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	for _, s := range out {
		s.awaited = true
	}
	return out
}

// threaten records that the run begins with a threat: there is nothing to wait for.
func (r *response) threaten(ctx workflow.Context) {
	now := workflow.Now(ctx)
	r.log.add(ctx, run.Event{Kind: run.EventDetected, Phase: r.phase, By: run.Engine,
		Data: run.Encode(run.Detection{At: now.UTC(), Source: run.SourceThreat})})
	for _, s := range r.systems {
		r.occur(ctx, s.plan.Name, now, run.SourceThreat)
	}
}

// firstDown is the probe that first told of a failure, or nil.
func (r *response) firstDown() *watch {
	var first *watch
	for _, w := range r.watches {
		if len(w.downs) > 0 && (first == nil || w.downs[0].At.Before(first.downs[0].At)) {
			first = w
		}
	}
	return first
}

// handsFor are the run's own hands, for injects and checks.
func (r *response) handsFor(name string) *hands {
	h := &hands{run: r.in.RunID, kind: r.in.Kind, depth: r.plan.Scenario.Depth, system: name, estate: r.plan.Estate, log: r.log}
	for _, s := range r.systems {
		if s.plan.Name == name {
			h.token, h.spared = s.token, s.plan.Spared()
		}
	}
	return h
}
