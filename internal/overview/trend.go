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

// Trend is how runs of one system or scenario went, over the quarters (requirement D-ATT-05). Only runs
// of one class, and times of one system, are averaged together.
type Trend struct {
	Frame
	System   string      `json:"system,omitempty"`
	Scenario string      `json:"scenario,omitempty"`
	Title    plan.Text   `json:"title,omitzero"`
	Runs     []TrendRun  `json:"runs"` // oldest first
	Quarters []Quarter   `json:"quarters"`
	Steps    []StepTimes `json:"steps"`
	// Met of Count runs met: each counts once, however many systems it recovered. Of a system, by its
	// own verdict; else by that of the run.
	Met       int `json:"met"`
	Count     int `json:"count"`
	Simulated int `json:"simulated"` // of Count, those in which the engine answered for people
	// Cut: there are older ended runs than those that were read. Nil is none.
	Cut *Cut `json:"cut,omitempty"`
}

// Cut is how many ended runs there are, and how many of them, the newest, were read.
type Cut struct {
	Ended int       `json:"ended"`
	Read  int       `json:"read"`
	Since time.Time `json:"since"` // the end of the oldest that was read
}

// Class is what runs have to have in common before their times can be averaged. Those of blind and
// announced drills never are (requirement C-BLD-05).
type Class struct {
	Kind      run.Kind  `json:"kind"`
	Depth     run.Depth `json:"depth"`
	Blind     bool      `json:"blind"`
	Simulated bool      `json:"simulated"` // the engine answered for people
}

func classOf(o outcome.Outcome) Class {
	return Class{Kind: o.Kind, Depth: o.Depth, Blind: o.Blind, Simulated: o.People.Simulated}
}

// text names it.
func (c Class) text() plan.Text {
	t := sheet.Both(func(l lang) string { return l.Kind(c.Kind) })
	if c.Kind == run.Drill { // in Japanese each depth is a kind of drill by its name
		t = sheet.Say("%s drill", "%s", both(sheet.Both(func(l lang) string { return l.Depth(c.Depth) })))
	}
	if c.Blind {
		t = sheet.Say("%s, blind", "%s・非提示型", both(t))
	}
	if c.Simulated {
		t = sheet.Say("%s, people simulated", "%s・人は模擬", both(t))
	}
	return t
}

// id is its name in identifiers of drawings.
func (c Class) id() string {
	id := string(c.Kind) + "-" + string(c.Depth)
	if c.Blind {
		id += "-blind"
	}
	if c.Simulated {
		id += "-simulated"
	}
	return id
}

// TrendRun is one run's figures for one system.
type TrendRun struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
	Class
	PlanHash      string      `json:"plan_hash"`
	System        string      `json:"system"`
	Verdict       run.Verdict `json:"verdict"`     // of the system
	RunVerdict    run.Verdict `json:"run_verdict"` // of the whole run
	RTOS          *float64    `json:"rto_s"`
	RTOAtMost     bool        `json:"rto_at_most,omitempty"` // nobody looked when service came back: rto_s is an upper bound
	RTOObjectiveS *float64    `json:"rto_objective_s"`
	RTOVerdict    run.Verdict `json:"rto_verdict"`
	RPOS          *float64    `json:"rpo_s"`
	RPOVerdict    run.Verdict `json:"rpo_verdict"`
	RLOVerdict    run.Verdict `json:"rlo_verdict,omitempty"`
	RestoreS      *float64    `json:"restore_s,omitempty"`
	// Simulated steps: the time rests on steps that only simulated what they do.
	SimulatedSteps bool     `json:"simulated_steps,omitempty"`
	DecisionS      *float64 `json:"decision_s"`
	Participation  *float64 `json:"participation"`
	Answered50S    *float64 `json:"answered_50_s"`
	QuorumS        *float64 `json:"quorum_s"`
}

// measured is its RTO where that was measured and proven: neither an upper bound nor a time that rests on a step by
// hand, a step that was only simulated or an unsure clock.
func (r TrendRun) measured() *float64 {
	if r.RTOAtMost || r.RTOVerdict == run.NotProven || r.SimulatedSteps {
		return nil
	}
	return r.RTOS
}

// pretended marks a time that rests on simulated steps.
func pretended(time plan.Text, simulated bool) plan.Text {
	if !simulated {
		return time
	}
	return sheet.Say("%s (steps simulated)", "%s（ステップは模擬）", both(time))
}

// StepTimes is how long a step took where it did its work.
type StepTimes struct {
	System  string   `json:"system,omitempty"`
	Runbook string   `json:"runbook,omitempty"`
	Step    string   `json:"step"`
	Class            // Simulated: the step itself was
	Times   int      `json:"times"`
	P50S    *float64 `json:"p50_s"`
	P95S    *float64 `json:"p95_s"`
	LastS   *float64 `json:"last_s"`
	BudgetS *float64 `json:"budget_s"`
	Over    int      `json:"over_budget"` // times
	ByHand  int      `json:"by_hand"`
	Failed  int      `json:"failed"`
}

// MakeTrend makes it of outcomes in any order. Runs that did nothing but talk have no times and stay out.
func MakeTrend(f Frame, system, scenario string, all []outcome.Outcome) Trend {
	t := Trend{Frame: f, System: system, Scenario: scenario, Runs: []TrendRun{}, Quarters: []Quarter{}, Steps: []StepTimes{}}
	list := slices.Clone(all)
	slices.SortFunc(list, func(a, b outcome.Outcome) int { return cmp.Or(a.EndedAt.Compare(b.EndedAt), cmp.Compare(a.Run, b.Run)) })
	type key struct {
		system, runbook, step string
		Class
	}
	steps, took := map[key]*StepTimes{}, map[key][]float64{}
	var order []key
	for _, o := range list {
		if !o.Ran() || !o.Whole() {
			continue
		}
		class := classOf(o)
		for _, s := range o.Systems {
			if system != "" && s.ID != system {
				continue
			}
			if system != "" {
				t.Title = s.Title
			} else if scenario != "" {
				t.Title = o.Title
			}
			one := TrendRun{Run: o.Run, At: o.EndedAt, Class: class, PlanHash: o.PlanHash,
				System: s.ID, Verdict: s.Verdict, RunVerdict: o.Verdict, RTOS: s.RTO.ActualS, RTOAtMost: s.RTO.AtMost, RTOObjectiveS: s.RTO.ObjectiveS, RTOVerdict: s.RTO.Verdict, RPOS: s.RPO.ActualS,
				RPOVerdict: s.RPO.Verdict, RLOVerdict: s.Of(outcome.RLO), DecisionS: decided(o), Participation: o.People.Participation,
				Answered50S: o.People.Answered50S, QuorumS: o.People.QuorumS}
			rests := outcome.RTO
			if s.Restore != nil {
				one.RestoreS, rests = s.Restore.ActualS, outcome.Restore
			}
			one.SimulatedSteps = slices.Contains(s.Simulations(rests), outcome.SimulatedSteps)
			t.Runs = append(t.Runs, one)
		}
		for _, s := range o.Steps {
			if system != "" && s.System != system {
				continue
			}
			k := key{s.System, s.Runbook, s.Step, class}
			k.Simulated = s.Simulated
			at := steps[k]
			if at == nil {
				at = &StepTimes{System: s.System, Runbook: s.Runbook, Step: s.Step, Class: k.Class}
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
	t.Quarters = quarters(t)
	for _, q := range t.Quarters {
		t.Met, t.Count = t.Met+q.Met, t.Count+q.Runs
		if q.Simulated {
			t.Simulated += q.Runs
		}
	}
	return t
}

// verdict is what a run is counted by.
func (t Trend) verdict(r TrendRun) run.Verdict {
	if t.System != "" {
		return r.Verdict
	}
	return r.RunVerdict
}

func or0(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
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
		d.Sentence = sheet.Say("No run has done real work here yet, so there is nothing to compare. Tabletops and walkthroughs do none, and runs that were refused or cancelled are left out.",
			"実際に操作を行った実施がまだないため、推移を示せません（机上訓練・手順書確認訓練、および開始を拒否・中止された実施は対象外です）。")
		return d
	}
	last := t.Runs[len(t.Runs)-1]
	d.Sentence = sheet.Say("%d of %d runs met their objectives.", "実施%[2]d件中%[1]d件で目標を達成。", t.Met, t.Count)
	if t.System != "" {
		d.Sentence = sheet.Say("It met its objectives in %d of %d runs; in the newest, of %s: RTO %s against %s.", "実施%[2]d件中%[1]d件で目標を達成。最新（%[3]s）のRTOは%[4]s、目標%[5]s。",
			t.Met, t.Count, t.day(last.At), both(pretended(boundOr(last.RTOS, last.RTOAtMost, sheet.Say("not measured", "未測定")), last.SimulatedSteps && last.RTOS != nil)), both(sheet.SpanOr(last.RTOObjectiveS, sheet.Say("none", "未設定"))))
	}
	if c := t.Cut; c != nil {
		d.Sentence = sheet.Say("%s This is of the newest %d of %d ended runs only, since %s.", "%s終了した実施%[3]d件のうち、新しい%[2]d件（%[4]s以降）のみの集計です。",
			both(d.Sentence), c.Read, c.Ended, t.day(c.Since))
	}
	if t.Simulated > 0 {
		d.Remarks = append(d.Remarks, sheet.Say("In %d of these %d runs people were simulated: they prove nothing of people.", "%[2]d件のうち%[1]d件は人の応答が模擬であり、要員の対応は立証していません。", t.Simulated, t.Count))
	}
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
		for _, class := range classes(t.Quarters) {
			var points []sheet.Point
			var target *float64
			for _, r := range t.Runs {
				if r.System == s && r.Class == class && (r.RTOS != nil || r.RTOObjectiveS != nil) {
					v := r.RTOVerdict
					if r.SimulatedSteps { // counted in no figure of what was measured
						v = run.NotProven
					}
					points, target = append(points, sheet.Point{Label: t.day(r.At)[2:], V: r.RTOS, Verdict: v}), r.RTOObjectiveS
				}
			}
			title := sheet.Say("RTO of %s: %s", "%s：RTO（%s）", s, both(class.text()))
			if c := sheet.Series("rto-"+s+"-"+class.id(), title, points, target, sheet.SpanLabel); c != nil {
				figures.Figures = append(figures.Figures, c)
			}
		}
	}
	runs := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Ended", "終了日"), sheet.Say("Run", "実施"), sheet.Say("System", "システム"), sheet.Say("Kind", "種別"), plan.Text{EN: "RTO", JA: "RTO"}, sheet.Say("Target", "目標"), sheet.Say("Loss", "損失"),
		sheet.Say("Decision", "決定"), sheet.Say("Took part", "参加"), sheet.Say("Plan", "計画"), sheet.Say("Verdict", "判定")}}
	for _, r := range slices.Backward(t.Runs) {
		took := boundOr(r.RTOS, r.RTOAtMost, sheet.Dash)
		if r.RestoreS != nil {
			took = sheet.SpanOr(r.RestoreS, sheet.Dash)
		}
		time := sheet.Number(pretended(took, r.SimulatedSteps && (r.RTOS != nil || r.RestoreS != nil)))
		runs.Rows = append(runs.Rows, []sheet.Cell{sheet.Time(sheet.Plain(t.day(r.At))), word(r.Run), word(r.System), {Text: r.text()}, time, span(r.RTOObjectiveS), span(r.RPOS),
			span(r.DecisionS), share(r.Participation), word(r.PlanHash[:min(8, len(r.PlanHash))]), sheet.VerdictCell(r.Verdict)})
	}
	figures.Tables = []sheet.Table{runs}
	d.Sections = append(d.Sections, t.quarterSection(), figures, t.stepSection())
	for i, s := range d.Sections {
		d.Sections[i] = s.OrNone(sheet.Say("There is nothing of it yet.", "該当する実績はまだありません。"))
	}
	return d
}

func (t Trend) stepSection() sheet.Section {
	s := sheet.Section{ID: "steps", Title: sheet.Say("Steps, the slowest first", "ステップの所要時間（長い順）")}
	table := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Runbook", "手順書"), sheet.Say("Step", "ステップ"), sheet.Say("Times", "回数"), sheet.Plain("p50"), sheet.Plain("p95"), sheet.Say("Last", "最新"), sheet.Say("Should", "目安"),
		sheet.Say("Over", "超過"), sheet.Say("By hand", "手動"), sheet.Say("Failed", "失敗"), sheet.Say("Kind", "種別")}}
	for _, x := range t.Steps {
		note := sheet.Tell(x.text())
		if x.Simulated { // a step without people can be simulated too
			c := x.Class
			c.Simulated = false
			note = sheet.Tell(sheet.Say("%s, simulated", "%s・模擬", both(c.text())))
		}
		table.Rows = append(table.Rows, []sheet.Cell{word(x.System), word(x.Runbook), word(x.Step), count(x.Times), span(x.P50S), span(x.P95S), span(x.LastS), span(x.BudgetS), count(x.Over), count(x.ByHand), count(x.Failed), note})
	}
	s.Tables = []sheet.Table{table.Compact()}
	return s
}
