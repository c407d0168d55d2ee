package overview

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

type lang = i18n.Lang

// Trend is how runs of one system or scenario went, over the quarters (requirement D-ATT-05). Blind and
// announced drills are never averaged together (C-BLD-05).
type Trend struct {
	Frame
	System   string      `json:"system,omitempty"`
	Scenario string      `json:"scenario,omitempty"`
	Title    plan.Text   `json:"title,omitzero"`
	Runs     []TrendRun  `json:"runs"` // oldest first
	Quarters []Quarter   `json:"quarters"`
	Steps    []StepTimes `json:"steps"`
}

// TrendRun is one run's figures for one system.
type TrendRun struct {
	Run           string      `json:"run"`
	At            time.Time   `json:"at"`
	Kind          run.Kind    `json:"kind"`
	Depth         run.Depth   `json:"depth"`
	Blind         bool        `json:"blind"`
	Simulated     bool        `json:"simulated"` // the engine answered for people
	PlanHash      string      `json:"plan_hash"`
	System        string      `json:"system"`
	Verdict       run.Verdict `json:"verdict"`
	RTOS          *float64    `json:"rto_s"`
	RTOObjectiveS *float64    `json:"rto_objective_s"`
	RTOVerdict    run.Verdict `json:"rto_verdict"`
	RPOS          *float64    `json:"rpo_s"`
	RPOVerdict    run.Verdict `json:"rpo_verdict"`
	RLOVerdict    run.Verdict `json:"rlo_verdict,omitempty"`
	RestoreS      *float64    `json:"restore_s,omitempty"`
	DecisionS     *float64    `json:"decision_s"`
	Participation *float64    `json:"participation"`
	Answered50S   *float64    `json:"answered_50_s"`
	QuorumS       *float64    `json:"quorum_s"`
}

// Quarter is the figures of one quarter; of blind drills apart.
type Quarter struct {
	Quarter       string   `json:"quarter"`
	Blind         bool     `json:"blind"`
	Runs          int      `json:"runs"`
	Met           int      `json:"met"`
	RTOP50S       *float64 `json:"rto_p50_s"`
	RTOP95S       *float64 `json:"rto_p95_s"`
	DecisionP50S  *float64 `json:"decision_p50_s"` // people's, not the engine's
	Participation *float64 `json:"participation_mean"`
}

// StepTimes is how long a step took where it did its work.
type StepTimes struct {
	System    string   `json:"system,omitempty"`
	Runbook   string   `json:"runbook,omitempty"`
	Step      string   `json:"step"`
	Blind     bool     `json:"blind"`
	Simulated bool     `json:"simulated"`
	Times     int      `json:"times"`
	P50S      *float64 `json:"p50_s"`
	P95S      *float64 `json:"p95_s"`
	LastS     *float64 `json:"last_s"`
	BudgetS   *float64 `json:"budget_s"`
	Over      int      `json:"over_budget"` // times
	ByHand    int      `json:"by_hand"`
	Failed    int      `json:"failed"`
}

// MakeTrend makes it of outcomes in any order; blind are the runs whose start nobody was told,
// besides those whose outcome says that their scenario was withheld. Runs that did nothing but talk
// have no times and stay out.
func MakeTrend(f Frame, system, scenario string, all []outcome.Outcome, blind map[string]bool) Trend {
	t := Trend{Frame: f, System: system, Scenario: scenario, Runs: []TrendRun{}, Quarters: []Quarter{}, Steps: []StepTimes{}}
	list := slices.Clone(all)
	slices.SortFunc(list, func(a, b outcome.Outcome) int { return cmp.Or(a.EndedAt.Compare(b.EndedAt), cmp.Compare(a.Run, b.Run)) })
	type key struct {
		system, runbook, step string
		blind, simulated      bool
	}
	steps, took := map[key]*StepTimes{}, map[key][]float64{}
	var order []key
	for _, o := range list {
		if !o.Ran() || !o.Whole() {
			continue
		}
		isBlind := o.Blind || blind[o.Run]
		for _, s := range o.Systems {
			if system != "" && s.ID != system {
				continue
			}
			if system != "" {
				t.Title = s.Title
			} else if scenario != "" {
				t.Title = o.Title
			}
			one := TrendRun{Run: o.Run, At: o.EndedAt, Kind: o.Kind, Depth: o.Depth, Blind: isBlind, Simulated: o.People.Simulated, PlanHash: o.PlanHash,
				System: s.ID, Verdict: s.Verdict, RTOS: s.RTO.ActualS, RTOObjectiveS: s.RTO.ObjectiveS, RTOVerdict: s.RTO.Verdict, RPOS: s.RPO.ActualS,
				RPOVerdict: s.RPO.Verdict, RLOVerdict: s.Of(outcome.RLO), DecisionS: decided(o), Participation: o.People.Participation,
				Answered50S: o.People.Answered50S, QuorumS: o.People.QuorumS}
			if s.Restore != nil {
				one.RestoreS = s.Restore.ActualS
			}
			t.Runs = append(t.Runs, one)
		}
		for _, s := range o.Steps {
			if system != "" && s.System != system {
				continue
			}
			k := key{s.System, s.Runbook, s.Step, isBlind, s.Simulated}
			at := steps[k]
			if at == nil {
				at = &StepTimes{System: s.System, Runbook: s.Runbook, Step: s.Step, Blind: k.blind, Simulated: s.Simulated}
				steps[k], order = at, append(order, k)
			}
			at.BudgetS = s.BudgetS
			switch {
			case s.ByHand():
				at.ByHand++
			case s.Outcome == run.Failed || s.Outcome == run.Unknown:
				at.Failed++
			case s.Outcome == run.Passed && !s.Already && s.ElapsedS != nil:
				at.Times++
				at.LastS = s.ElapsedS
				took[k] = append(took[k], *s.ElapsedS)
				if s.OverS != nil && *s.OverS > 0 {
					at.Over++
				}
			}
		}
	}
	for _, k := range order {
		steps[k].P50S, steps[k].P95S = p50p95(took[k])
		t.Steps = append(t.Steps, *steps[k])
	}
	slices.SortStableFunc(t.Steps, func(a, b StepTimes) int { return cmp.Compare(or0(b.P95S), or0(a.P95S)) })
	t.Quarters = quarters(f, t.Runs)
	return t
}

func or0(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

// quarters sums runs up by quarter, blind ones apart.
func quarters(f Frame, runs []TrendRun) []Quarter {
	type key struct {
		q     string
		blind bool
	}
	type figures struct {
		rto, decision, part []float64
		seen                map[string]bool
		at                  Quarter
	}
	by := map[key]*figures{}
	var order []key
	for _, r := range runs {
		k := key{f.quarter(r.At), r.Blind}
		q := by[k]
		if q == nil {
			q = &figures{seen: map[string]bool{}, at: Quarter{Quarter: k.q, Blind: k.blind}}
			by[k], order = q, append(order, k)
		}
		q.at.Runs++
		if r.Verdict == run.Met {
			q.at.Met++
		}
		if r.RTOS != nil {
			q.rto = append(q.rto, *r.RTOS)
		}
		if q.seen[r.Run] || r.Simulated { // people count once a run, and only people
			continue
		}
		q.seen[r.Run] = true
		if r.DecisionS != nil {
			q.decision = append(q.decision, *r.DecisionS)
		}
		if r.Participation != nil {
			q.part = append(q.part, *r.Participation)
		}
	}
	out := []Quarter{}
	for _, k := range order {
		q := by[k]
		q.at.RTOP50S, q.at.RTOP95S = p50p95(q.rto)
		q.at.DecisionP50S, _ = p50p95(q.decision)
		q.at.Participation = mean(q.part)
		out = append(out, q.at)
	}
	return out
}

// chartsOfSystems bounds how many systems a scenario's page draws.
const chartsOfSystems = 6

// Sheet sets it in words.
func (t Trend) Sheet() sheet.Sheet {
	of := titleOf(t.Title, cmp.Or(t.System, t.Scenario))
	d := t.sheet("trend-"+cmp.Or(t.System, t.Scenario, "all"), sheet.Say("Trend: %s", "推移：%s", both(of)))
	if of == (plan.Text{}) {
		d.Title = sheet.Say("Trend of all systems", "全システムの推移")
	}
	if len(t.Runs) == 0 {
		d.Sentence = sheet.Say("No run has done anything here yet, so there is nothing to compare.", "まだ実施がないため、推移を示せません。")
		return d
	}
	met := 0
	for _, r := range t.Runs {
		if r.Verdict == run.Met {
			met++
		}
	}
	last := t.Runs[len(t.Runs)-1]
	d.Sentence = sheet.Say("%d of %d runs met their objectives; the newest, of %s: RTO %s against %s.", "%[2]d件中%[1]d件で目標を達成。最新（%[3]s）のRTOは%[4]s、目標%[5]s。",
		met, len(t.Runs), t.day(last.At), both(sheet.SpanOr(last.RTOS, sheet.Say("not measured", "未測定"))), both(sheet.SpanOr(last.RTOObjectiveS, sheet.Say("none", "未設定"))))
	first, same := t.Runs[0], true
	for _, r := range t.Runs {
		same = same && r.PlanHash == first.PlanHash
	}
	if !same {
		d.Remarks = append(d.Remarks, sheet.Say("The plan changed between these runs; the table shows which plan each used.", "期間中に計画が変更されています。各実施で使用した計画は表に示します。"))
	}
	var systems []string
	for _, r := range t.Runs {
		if !slices.Contains(systems, r.System) {
			systems = append(systems, r.System)
		}
	}
	figures := sheet.Section{ID: "runs", Title: sheet.Say("Runs", "実施ごとの実績")}
	for _, s := range systems[:min(chartsOfSystems, len(systems))] {
		for _, blind := range []bool{false, true} {
			var points []point
			var target *float64
			for _, r := range t.Runs {
				if r.System == s && r.Blind == blind && (r.RTOS != nil || r.RTOObjectiveS != nil) {
					points, target = append(points, point{t.day(r.At)[2:], r.RTOS, r.RTOVerdict}), r.RTOObjectiveS
				}
			}
			title := sheet.Say("RTO of %s, announced drills and real events", "%s：RTO（予告あり・実対応）", s)
			if blind {
				title = sheet.Say("RTO of %s, blind drills", "%s：RTO（非提示型訓練）", s)
			}
			if c := series("rto-"+s+map[bool]string{true: "-blind"}[blind], title, points, target, spanLabel); c != nil {
				figures.Figures = append(figures.Figures, c)
			}
		}
	}
	runs := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Ended", "終了日"), sheet.Say("Run", "実施"), sheet.Say("System", "システム"), sheet.Say("Kind", "種別"), plan.Text{EN: "RTO", JA: "RTO"}, sheet.Say("Target", "目標"), sheet.Say("Loss", "損失"),
		sheet.Say("Decision", "決定"), sheet.Say("Took part", "参加"), sheet.Say("Plan", "計画"), sheet.Say("Verdict", "判定")}}
	for _, r := range slices.Backward(t.Runs) {
		kind := sheet.Both(func(l lang) string { return l.Kind(r.Kind) })
		if r.Blind {
			kind = sheet.Say("%s, blind", "%s・非提示型", both(kind))
		}
		if r.Simulated {
			kind = sheet.Say("%s, people simulated", "%s・人は模擬", both(kind))
		}
		time := r.RTOS
		if r.RestoreS != nil {
			time = r.RestoreS
		}
		runs.Rows = append(runs.Rows, []sheet.Cell{sheet.Time(sheet.Plain(t.day(r.At))), word(r.Run), word(r.System), {Text: kind}, span(time), span(r.RTOObjectiveS), span(r.RPOS),
			span(r.DecisionS), share(r.Participation), word(r.PlanHash[:min(8, len(r.PlanHash))]), sheet.VerdictCell(r.Verdict)})
	}
	figures.Tables = []sheet.Table{runs}
	d.Sections = append(d.Sections, t.quarterSection(), figures, t.stepSection())
	return d
}

func (t Trend) quarterSection() sheet.Section {
	s := sheet.Section{ID: "quarters", Title: sheet.Say("By quarter", "四半期ごとの推移"),
		Lead: []plan.Text{sheet.Say("p50: half were as quick or quicker; p95: 19 of 20 were. Each is a time that was measured. Blind drills stand apart, and where people were simulated theirs are left out.",
			"p50は半数がその値以下、p95は20件中19件がその値以下（いずれも実測値）。非提示型訓練は分けて集計し、人の応答が模擬の実施は人の欄から除いています。")}}
	table := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Quarter", "四半期"), sheet.Say("Drills", "訓練"), sheet.Say("Runs", "件数"), sheet.Say("Met", "達成"), sheet.Plain("RTO p50"), sheet.Plain("RTO p95"), sheet.Say("Decision p50", "決定 p50"), sheet.Say("Took part", "参加率")}}
	var part []point
	for _, q := range t.Quarters {
		kind := sheet.Say("announced, real", "予告あり・実対応")
		if q.Blind {
			kind = sheet.Say("blind", "非提示型")
		} else {
			part = append(part, point{q.Quarter, q.Participation, run.Met})
		}
		table.Rows = append(table.Rows, []sheet.Cell{word(q.Quarter), {Text: kind}, count(q.Runs), count(q.Met), span(q.RTOP50S), span(q.RTOP95S), span(q.DecisionP50S), share(q.Participation)})
	}
	if c := series("participation", sheet.Say("Share of those called who took part", "参加率（呼び出した人のうち応答・参集した割合）"), part, nil, shareLabel); c != nil {
		s.Figures = append(s.Figures, c)
	}
	s.Tables = []sheet.Table{table}
	return s
}

func (t Trend) stepSection() sheet.Section {
	s := sheet.Section{ID: "steps", Title: sheet.Say("Steps, the slowest first", "ステップの所要時間（長い順）")}
	table := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Runbook", "手順書"), sheet.Say("Step", "ステップ"), sheet.Say("Times", "回数"), sheet.Plain("p50"), sheet.Plain("p95"), sheet.Say("Last", "最新"), sheet.Say("Should", "目安"),
		sheet.Say("Over", "超過"), sheet.Say("By hand", "手動"), sheet.Say("Failed", "失敗"), sheet.Say("Note", "備考")}}
	for _, x := range t.Steps {
		note := plan.Text{}
		switch {
		case x.Simulated && x.Blind:
			note = sheet.Say("simulated, blind", "模擬・非提示型")
		case x.Simulated:
			note = sheet.Say("simulated", "模擬")
		case x.Blind:
			note = sheet.Say("blind", "非提示型")
		}
		table.Rows = append(table.Rows, []sheet.Cell{word(x.System), word(x.Runbook), word(x.Step), count(x.Times), span(x.P50S), span(x.P95S), span(x.LastS), span(x.BudgetS), count(x.Over), count(x.ByHand), count(x.Failed), {Text: note}})
	}
	s.Tables = []sheet.Table{table.Compact()}
	return s
}
