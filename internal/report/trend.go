package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// TrendRuns is how many runs a trend shows, the report's own with them: two years of quarterly drills.
const TrendRuns = 8

// Trend is how the newest runs of the same scenario went, the report's own last. Only runs of one class
// stand in it: same kind and depth, announced apart from blind, real people and steps apart from simulated
// ones (requirement C-BLD-05).
type Trend struct {
	Runs []TrendRun `json:"runs"` // oldest first
	// Other runs of the scenario ended in the same time and are of another class.
	Other int `json:"other"`
}

// TrendRun is one of them.
type TrendRun struct {
	Run      string        `json:"run"`
	EndedAt  time.Time     `json:"ended_at"`
	PlanHash string        `json:"plan_hash"`
	Verdict  run.Verdict   `json:"verdict"`
	Systems  []TrendSystem `json:"systems"`
}

// TrendSystem is the RTO of a system in a run, or in a restore test the time of the restore.
type TrendSystem struct {
	System     string      `json:"system"`
	ObjectiveS *float64    `json:"objective_s"` // null: not set then
	ActualS    *float64    `json:"actual_s"`    // null: not measured
	AtMost     bool        `json:"at_most"`
	Verdict    run.Verdict `json:"verdict"`
}

// Earlier is an ended run of the same scenario, with what decides whether it can stand beside another.
type Earlier struct {
	TrendRun
	Kind      run.Kind
	Depth     run.Depth
	Blind     bool
	Simulated bool // the engine answered for people
	Steps     bool // a system's time rests on steps that only simulated what they do
}

// WithTrend puts a run among the earlier ones of its scenario. The figures of the report stay as they are;
// a run that goes on, and one that stands alone, has no trend.
func WithTrend(p plan.Plan, r Report, earlier []Earlier) Report {
	if r.Run.EndedAt == nil {
		return r
	}
	own := TrendRun{Run: r.Run.ID, EndedAt: *r.Run.EndedAt, PlanHash: r.Run.PlanHash, Verdict: r.Run.Verdict, Systems: []TrendSystem{}}
	for _, s := range r.Systems {
		one := TrendSystem{System: s.ID, ObjectiveS: s.RTO.ObjectiveS, ActualS: s.RTO.ActualS, AtMost: s.RTO.AtMost, Verdict: s.RTO.Verdict}
		if t := s.Restore; t != nil {
			one = TrendSystem{System: s.ID, ObjectiveS: t.ObjectiveS, ActualS: t.ActualS, Verdict: t.Verdict}
		}
		own.Systems = append(own.Systems, one)
	}
	pretended := slices.ContainsFunc(r.Steps, func(s Step) bool {
		return strings.HasPrefix(s.Action, "sim.") && s.System != "" && !slices.Contains([]string{"failback", "inject", "check"}, s.Purpose)
	})
	list := slices.Clone(earlier)
	slices.SortFunc(list, func(a, b Earlier) int { return cmp.Or(b.EndedAt.Compare(a.EndedAt), cmp.Compare(b.Run, a.Run)) })
	t := Trend{Runs: []TrendRun{own}}
	for _, e := range list {
		switch {
		case e.Run == own.Run || e.EndedAt.After(own.EndedAt):
		case len(t.Runs) == TrendRuns:
		case e.Kind == r.Run.Kind && e.Depth == r.Run.Depth && e.Blind == p.Scenario.Blind && e.Simulated == r.People.Simulated && e.Steps == pretended:
			t.Runs = append(t.Runs, e.TrendRun)
		default:
			t.Other++
		}
	}
	if len(t.Runs)+t.Other > 1 {
		slices.Reverse(t.Runs)
		r.Trend = &t
	}
	return r
}

// of is the system's figure in the run.
func (t TrendRun) of(system string) (TrendSystem, bool) {
	i := slices.IndexFunc(t.Systems, func(s TrendSystem) bool { return s.System == system })
	if i < 0 {
		return TrendSystem{}, false
	}
	return t.Systems[i], true
}

// trendSection is the newest runs beside each other, system by system.
func (d *document) trendSection() section {
	t := d.report.Trend
	if t == nil {
		return section{}
	}
	s := section{ID: "trend", Title: say("The newest runs of this scenario", "このシナリオの直近の実施"), Lead: []plan.Text{d.trendWords(t)}}
	if t.Other > 0 {
		s.Lead = append(s.Lead, say("Not shown, since their times can't be compared: %d runs of another kind or depth, blind or announced otherwise, or with simulated people or steps where these are real, or the reverse.",
			"ほかに%d件の実施がありますが、種別・深さ・事前告知の有無・人の応答・ステップ（実際／模擬）が異なり時間を比較できないため、示していません。", t.Other))
	}
	if len(t.Runs) < 2 {
		return s
	}
	table := table{Head: []plan.Text{say("Ended", "終了日"), say("Run", "実施"), say("System", "システム"), say("Objective", "目標"), say("Achieved", "実績"), say("Difference", "目標との差"), say("Plan", "計画"), say("Verdict", "判定")}}
	for _, one := range slices.Backward(t.Runs) {
		for _, x := range one.Systems {
			achieved, gap := spanOr(x.ActualS, dash), dash
			if x.AtMost {
				achieved = say("≤ %s", "≤ %s", span(*x.ActualS))
			}
			if x.ActualS != nil && x.ObjectiveS != nil {
				gap = say("+%s", "+%s", span(round(*x.ActualS-*x.ObjectiveS)))
				if *x.ActualS <= *x.ObjectiveS {
					gap = say("−%s", "−%s", span(round(*x.ObjectiveS-*x.ActualS)))
				}
			}
			table.Rows = append(table.Rows, []cell{timeCell(plain(d.dayOf(one.EndedAt))), name(one.Run), d.system(x.System), figureCell(spanOr(x.ObjectiveS, dash)), figureCell(achieved), figureCell(gap), name(short(one.PlanHash)[:min(8, len(one.PlanHash))]), verdictCell(x.Verdict)})
		}
	}
	s.Tables = []sheet.Table{table}
	return s
}

func (d *document) dayOf(t time.Time) string { return t.In(d.zone).Format(time.DateOnly) }

// trendWords say in one breath how these runs went.
func (d *document) trendWords(t *Trend) plan.Text {
	if len(t.Runs) < 2 {
		return say("There is no earlier run of the same kind.", "同じ種別の過去の実施はありません。")
	}
	met := 0
	for _, one := range t.Runs {
		if one.Verdict == run.Met {
			met++
		}
	}
	out := say("Of the newest %d runs of this kind %d met their objectives.", "同じ種別の直近%d件のうち%d件で目標を達成。", len(t.Runs), met)
	s := d.focus()
	if s == nil {
		return out
	}
	last, before := t.Runs[len(t.Runs)-1], t.Runs[len(t.Runs)-2]
	now, ok := last.of(s.ID)
	then, had := before.of(s.ID)
	if !ok || !had || now.ActualS == nil || then.ActualS == nil {
		return out
	}
	change := say("as long as before", "前回と同じ")
	if by := round(*now.ActualS - *then.ActualS); by >= 1 {
		change = say("%s longer than before", "前回より%s長い", span(by))
	} else if by <= -1 {
		change = say("%s shorter than before", "前回より%s短い", span(-by))
	}
	return say("%s %s took %s, %s (%s).", "%s%sは%s、%s（%s）。", inWords(out), s.ID, span(*now.ActualS), inWords(change), d.dayOf(before.EndedAt))
}

// trendChart draws what the system of the sentence achieved against its objective.
func (d *document) trendChart() *drawing {
	t, s := d.report.Trend, d.focus()
	if t == nil || s == nil {
		return nil
	}
	var points []sheet.Point
	var objective *float64
	for _, one := range t.Runs {
		if x, ok := one.of(s.ID); ok && (x.ActualS != nil || x.ObjectiveS != nil) {
			points, objective = append(points, sheet.Point{Label: d.dayOf(one.EndedAt)[2:], V: x.ActualS, Verdict: x.Verdict}), x.ObjectiveS
		}
	}
	what := plain("RTO")
	if d.restoreTest() {
		what = say("restore", "復元")
	}
	return sheet.Series("trend-"+s.ID, say("%s of %s in the newest %d runs of this kind", "%[2]s：同じ種別の直近%[3]d件の%[1]s", inWords(what), inWords(s.heading()), len(points)), points, objective, sheet.SpanLabel)
}
