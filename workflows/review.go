package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// decides reports whether a person may take the recovery decision: who holds the role, a deputy of
// one who is absent, and after a while the deputy of one who is there and silent.
func (r *response) decides(person string) (ok, deputy bool) {
	if ok, deputy = r.holds(person, r.plan.Scenario.Decision.By); ok {
		return ok, deputy
	}
	deputy = slices.Contains(r.deputies, person)
	return deputy, deputy
}

// askDeputies lets the deputies of those who should have decided do it, and tells them
// (requirement B-FLW-09). The rule decides only when they have not either.
func (r *response) askDeputies(ctx workflow.Context, after time.Duration) {
	role := r.plan.Scenario.Decision.By
	for _, m := range r.people {
		if !slices.Contains(m.plan.Roles, role) {
			continue
		}
		for _, id := range m.plan.Deputies {
			if d := r.member(id); d != nil && !slices.Contains(d.plan.Roles, role) && !slices.Contains(r.deputies, id) {
				r.deputies = append(r.deputies, id)
				if r.phase != run.Failback { // the muster is over, and nobody is to come
					r.call(ctx, []string{id}, m.plan.ID)
				}
			}
		}
	}
	if len(r.deputies) == 0 {
		return
	}
	r.log.add(ctx, run.Event{Kind: run.DeputiesAsked, Phase: r.phase, By: run.Engine, Data: run.Encode(run.Deputies{People: r.deputies, AfterS: after.Seconds()})})
	what := plan.Text{EN: "the recovery", JA: "復旧方針"}
	if r.phase == run.Failback {
		what = plan.Text{EN: "the return", JA: "切戻し"}
	}
	r.tell(ctx, r.deputies, fmt.Sprintf("Nobody with the role %s has decided on %s for %s. You may decide as deputy.", role, what.EN, spoken(after).EN),
		fmt.Sprintf("%sの決定が %s の間行われていません。代行者として決定できます（役割：%s）。", what.JA, spoken(after).JA, role))
}

// signalForecast carries Slipped from Execute to Run.
const signalForecast = "forecast"

// Slipped says that a runbook in progress, which was forecast to end in time, no longer is.
type Slipped struct {
	System     string  `json:"system"`
	RemainingS float64 `json:"remaining_s"`
}

// hearForecasts puts a decision up for review when its recovery slips past the target, once
// (requirement B-DEC-10).
func (r *response) hearForecasts(ctx workflow.Context) {
	free, _ := workflow.NewDisconnectedContext(ctx)
	workflow.GoNamed(free, "forecasts", func(ctx workflow.Context) {
		for {
			var s Slipped
			workflow.GetSignalChannel(ctx, signalForecast).Receive(ctx, &s)
			if sys := r.system(s.System); sys != nil && !r.ended && r.abort == nil {
				r.askReview(ctx, sys, s.RemainingS)
			}
		}
	})
}

func (r *response) askReview(ctx workflow.Context, s *system, remaining float64) {
	if !s.reviewedAt.IsZero() || s.recovery != nil || s.plan.Objective.RTO == nil {
		return
	}
	s.reviewedAt = workflow.Now(ctx)
	v := run.Review{Choice: s.choice, ObjectiveS: s.plan.Objective.RTO.Seconds(), UsedS: r.used(ctx, s), RemainingS: remaining}
	v.MissS = v.UsedS + v.RemainingS - v.ObjectiveS
	s.review = &v
	s.expectedAt = workflow.Now(ctx).Add(time.Duration(remaining * float64(time.Second))).UTC()
	r.log.add(ctx, run.Event{Kind: run.ReviewAsked, Phase: r.phase, System: s.plan.Name, By: run.Engine,
		Reason: both("the recovery is no longer forecast to meet the RTO", "復旧が目標復旧時間に間に合わない見込みとなった"), Data: run.Encode(v)})
	by := spoken(time.Duration(v.MissS * float64(time.Second)))
	r.tell(ctx, r.calledOnes(),
		fmt.Sprintf("The recovery of %s is now forecast to miss its RTO by %s. The decision is up for review; begin your workarounds.", s.plan.Title.In("en"), by.EN),
		fmt.Sprintf("%sの復旧は、目標復旧時間を %s 超過する見込みとなりました。復旧方針の見直しが必要です。各部署は代替手段による業務継続を開始してください。", s.plan.Title.In("ja"), by.JA))
	r.reportSituation(ctx, triggerForecast, "")
}

// calledOnes are those who were called.
func (r *response) calledOnes() []string {
	var out []string
	for _, m := range r.people {
		if m.called {
			out = append(out, m.plan.ID)
		}
	}
	return out
}

// underReview lists the systems whose decision is up for review, or the one named.
func (r *response) underReview(name string) []*system {
	var out []*system
	for _, s := range r.systems {
		if s.review != nil && s.recovery == nil && (name == "" || name == s.plan.Name) {
			out = append(out, s)
		}
	}
	return out
}

// mayReview: a review keeps the decision, with a reason. Another way needs what was done to be
// undone first, which an abort does.
func (r *response) mayReview(s *system, d Decide) error {
	if d.Choice != s.choice {
		return refuse("%[1]s is being recovered as decided, %[2]s: say %[2]s again to keep to it, or `muster drill abort %[3]s --reason ...`, which undoes what was done",
			"%[1]s は決定どおり %[2]s で復旧中です。継続する場合は %[2]s を選び直してください。やめる場合は `muster drill abort %[3]s --reason ...`（実施済みの操作は取り消されます）", s.plan.Name, s.choice, r.in.RunID)
	}
	return nil
}

func (r *response) onReview(ctx workflow.Context, systems []*system, d Decide) (Done, error) {
	var seq int64
	_, deputy := r.decides(d.By)
	for _, s := range systems {
		s.review = nil
		seq = r.log.add(ctx, run.Event{Kind: run.ReviewMade, Phase: r.phase, System: s.plan.Name, By: d.By, Via: d.Via, Reason: d.Reason, Happened: r.happened(ctx, d.At),
			Data: run.Encode(run.Reviewed{Choice: d.Choice, Deputy: deputy, WaitedS: workflow.Now(ctx).Sub(s.reviewedAt).Seconds()})})
	}
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// mostTimings bounds what a runbook in progress is told of past runs: a start of a workflow
// carries 2 MB at most, and the runbook itself is in it.
const mostTimings = 1000

// target is when a system has to be back, and past timings to forecast by; zero when there is
// nothing to be held against.
func (r *response) target(s *system, runbook plan.Runbook, purpose Purpose) (deadline time.Time, past []plan.Timing) {
	if purpose != ForFailover && purpose != ForInPlace || !r.movesThings() || s.plan.Objective.RTO == nil || s.occurred.IsZero() || s.threatened {
		return time.Time{}, nil
	}
	for _, t := range r.past {
		if t.Runbook == runbook.Name && len(past) < mostTimings {
			past = append(past, t)
		}
	}
	return s.occurred.Add(s.plan.Objective.RTO.Std()), past
}
