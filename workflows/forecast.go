package workflows

import (
	"math"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// askForecast has past runs read while people are still on their way.
func (r *response) askForecast(ctx workflow.Context) {
	if !slices.Contains(r.plan.Scenario.Phases, run.RecoveryDecision) {
		return
	}
	in := plan.ForecastRequest{Run: r.in.RunID, Scenario: r.plan.Scenario.Name}
	for _, b := range r.plan.Runbooks {
		in.Runbooks = append(in.Runbooks, b.Name)
	}
	r.forecast = workflow.ExecuteActivity(forecasting(ctx), plan.ActivityForecast, in)
	if workflow.GetVersion(ctx, changeChances, workflow.DefaultVersion, 1) == 1 {
		r.chances = workflow.ExecuteActivity(forecasting(ctx), plan.ActivityChances, plan.ChancesRequest{Run: r.in.RunID, Plan: r.plan.Hash})
	}
}

// changeChances: runs begun before it ask for no chances.
const changeChances = "chances"

// chanceOf is how likely a way meets what is left of the RTO if it is begun now. A question doesn't
// wait for it: without it, the estimates stand alone.
func (r *response) chanceOf(ctx workflow.Context, s *system, runbook string, left float64) (met *float64, atBest bool) {
	if r.chances == nil || !r.chances.IsReady() {
		return nil, false
	}
	var all []plan.Chance
	if r.chances.Get(ctx, &all) != nil {
		return nil, false
	}
	for _, c := range all {
		if c.System == s.plan.Name && c.Runbook == runbook && len(c.PercentS) > 0 {
			within := plan.Within(c.PercentS, left)
			return &within, c.AtBest
		}
	}
	return nil, false
}

// pastTimings are those of past runs; none when they could not be read in time.
func (r *response) pastTimings(ctx workflow.Context) []plan.Timing {
	if r.forecast == nil {
		return nil
	}
	if ok, _ := workflow.AwaitWithTimeout(ctx, forecastWait, r.forecast.IsReady); !ok {
		return nil
	}
	var past []plan.Timing
	if r.forecast.Get(ctx, &past) != nil {
		return nil
	}
	return past
}

// estimate is how long a way to recover is expected to take, its 95th percentile, and
// what that rests on.
type estimate struct {
	expected, p95 *float64
	ground        string
}

// estimateOf forecasts a runbook. Instead is the plan's own estimate with its ground, for
// a way that has never been gone.
func (r *response) estimateOf(past []plan.Timing, runbook string, instead run.Duration, ground string) estimate {
	b, ok := r.plan.Runbook(runbook)
	if !ok {
		return estimate{}
	}
	f := plan.ForecastOf(b, past)
	switch {
	case f.Measured > 0 && f.Declared+f.Unknown == 0:
		return estimate{f.ExpectedS, f.P95S, both("medians of up to %d drills and %d real recoveries", "過去の訓練 最大 %d 回・本番 最大 %d 回の中央値", f.Drills, f.Real)}
	case f.Measured > 0:
		return estimate{f.ExpectedS, f.P95S, both("medians of up to %d drills and %d real recoveries for %d steps, budgets for %d, nothing for %d",
			"過去の訓練 最大 %d 回・本番 最大 %d 回の中央値（%d ステップ）、目安時間（%d ステップ）、根拠なし（%d ステップ）", f.Drills, f.Real, f.Measured, f.Declared, f.Unknown)}
	case instead > 0:
		s := instead.Seconds()
		return estimate{expected: &s, ground: both("the plan: %s", "計画の見積もり：%s", plan.Apart(ground))}
	case f.ExpectedS != nil:
		return estimate{expected: f.ExpectedS, ground: both("the steps' budgets; it has not been run before", "各ステップの目安時間（実施実績なし）")}
	}
	return estimate{ground: both("none: it has not been run before, and its steps have no budgets", "なし（実施実績も目安時間もない）")}
}

// warnOfMiss reports a miss that is expected whatever is chosen, at once, so that
// departments can begin their workarounds (requirement B-DEC-03).
func (r *response) warnOfMiss(ctx workflow.Context, s *system, ask run.DecisionAsk) {
	if ask.MissS == nil {
		return
	}
	var called []string
	for _, m := range r.people {
		if m.called {
			called = append(called, m.plan.ID)
		}
	}
	by := math.Round(*ask.MissS)
	r.tell(ctx, called,
		"No way of recovering "+s.plan.Title.In("en")+" is forecast to meet its RTO; it is expected to be missed by "+i18n.EN.Span(by)+". Begin your workarounds.",
		s.plan.Title.In("ja")+"は、どの復旧方法でも目標復旧時間に間に合わない見込みです（超過見込み "+i18n.JA.Span(by)+"）。各部署は代替手段による業務継続を開始してください。")
}
