package overview

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Comparison is one run beside another.
type Comparison struct {
	Frame
	Before   Compared      `json:"before"`
	After    Compared      `json:"after"`
	SamePlan bool          `json:"same_plan"`
	Systems  []SystemPair  `json:"systems"`
	Steps    []StepPair    `json:"steps"` // the largest difference first
	People   []FigurePair  `json:"people"`
	Gone     []FindingText `json:"findings_gone"`                 // found before, and now seen to be in order
	Untested []FindingText `json:"findings_not_tested,omitempty"` // found before, and not put to the test now
	New      []FindingText `json:"findings_new"`
	Again    []FindingText `json:"findings_again"`
}

// Compared is one of the two.
type Compared struct {
	Run      string    `json:"run"`
	Scenario string    `json:"scenario"`
	Title    plan.Text `json:"title,omitzero"`
	Day      string    `json:"day"`
	Class
	PlanHash string      `json:"plan_hash"`
	Verdict  run.Verdict `json:"verdict"`
	Met      int         `json:"met"`
	Judged   int         `json:"judged"`
}

// SystemPair is a system's figures in both.
type SystemPair struct {
	System  string       `json:"system"`
	Figures []FigurePair `json:"figures"`
}

// FigurePair is a figure in both; nil is not measured.
type FigurePair struct {
	Name   plan.Text   `json:"name"`
	Before *float64    `json:"before"`
	After  *float64    `json:"after"`
	Was    run.Verdict `json:"verdict_before,omitempty"`
	Is     run.Verdict `json:"verdict_after,omitempty"`
	share  bool
}

// StepPair is a step in both.
type StepPair struct {
	System  string      `json:"system,omitempty"`
	Runbook string      `json:"runbook,omitempty"`
	Step    string      `json:"step"`
	BeforeS *float64    `json:"before_s"`
	AfterS  *float64    `json:"after_s"`
	Was     run.Outcome `json:"outcome_before,omitempty"`
	Is      run.Outcome `json:"outcome_after,omitempty"`
}

// FindingText is a finding by its place.
type FindingText struct {
	Place string    `json:"place"`
	Title plan.Text `json:"title"`
}

// Compare holds a run against an earlier one.
func Compare(f Frame, a, b outcome.Outcome) Comparison {
	one := func(o outcome.Outcome) Compared {
		return Compared{Run: o.Run, Scenario: o.Scenario, Title: o.Title, Day: f.day(o.EndedAt), Class: classOf(o), PlanHash: o.PlanHash, Verdict: o.Verdict, Met: o.Met, Judged: o.Judged}
	}
	c := Comparison{Frame: f, Before: one(a), After: one(b), SamePlan: a.PlanHash == b.PlanHash}
	for _, s := range b.Systems {
		i := slices.IndexFunc(a.Systems, func(x outcome.System) bool { return x.ID == s.ID })
		if i < 0 {
			c.Systems = append(c.Systems, systemPair(outcome.System{ID: s.ID}, s))
			continue
		}
		c.Systems = append(c.Systems, systemPair(a.Systems[i], s))
	}
	for _, s := range a.Systems {
		if !slices.ContainsFunc(b.Systems, func(x outcome.System) bool { return x.ID == s.ID }) {
			c.Systems = append(c.Systems, systemPair(s, outcome.System{ID: s.ID}))
		}
	}
	type key struct{ system, runbook, step, purpose string }
	steps, order := map[key]*StepPair{}, []key{}
	at := func(s outcome.Step) *StepPair {
		k := key{s.System, s.Runbook, s.Step, s.Purpose}
		if steps[k] == nil {
			steps[k], order = &StepPair{System: s.System, Runbook: s.Runbook, Step: s.Step}, append(order, k)
		}
		return steps[k]
	}
	for _, s := range a.Steps {
		at(s).BeforeS, at(s).Was = s.ElapsedS, s.Outcome
	}
	for _, s := range b.Steps {
		at(s).AfterS, at(s).Is = s.ElapsedS, s.Outcome
	}
	for _, k := range order {
		c.Steps = append(c.Steps, *steps[k])
	}
	slices.SortStableFunc(c.Steps, func(x, y StepPair) int { return cmp.Compare(y.apart(), x.apart()) })
	p, q := a.People, b.People
	c.People = []FigurePair{
		{Name: sheet.Say("took part", "参加率"), Before: p.Participation, After: q.Participation, share: true},
		{Name: sheet.Say("first answer", "最初の回答まで"), Before: p.FirstAnswerS, After: q.FirstAnswerS},
		{Name: sheet.Say("half had answered", "半数の回答まで"), Before: p.Answered50S, After: q.Answered50S},
		{Name: sheet.Say("strength reached", "必要人数の充足まで"), Before: p.QuorumS, After: q.QuorumS},
		{Name: sheet.Say("decision", "決定まで"), Before: decided(a), After: decided(b)},
	}
	was, is := map[string]plan.Text{}, map[string]plan.Text{}
	for _, x := range a.Findings {
		was[x.Place] = x.Title
	}
	for _, x := range b.Findings {
		if _, twice := is[x.Place]; twice {
			continue
		}
		is[x.Place] = x.Title
		if _, again := was[x.Place]; again {
			c.Again = append(c.Again, FindingText{x.Place, x.Title})
		} else {
			c.New = append(c.New, FindingText{x.Place, x.Title})
		}
	}
	for _, x := range a.Findings {
		if _, still := is[x.Place]; still {
			continue
		}
		if one := (FindingText{x.Place, x.Title}); passed(a, b, x) {
			c.Gone = append(c.Gone, one)
		} else {
			c.Untested = append(c.Untested, one)
		}
	}
	return c
}

// passed reports whether the later run shows that what the earlier one found is in order.
func passed(a, b outcome.Outcome, x outcome.Finding) bool {
	shown := b.Shows(x.Place)
	if about, rest, _ := strings.Cut(x.Place, "/"); about == "objective" {
		system, _, _ := strings.Cut(rest, "/")
		if !b.Against(system).AsHardAs(a.Against(system)) {
			return false
		}
	}
	return shown.Shown == outcome.Passed && (!shown.Simulated || a.Shows(x.Place).Simulated)
}

func (s StepPair) apart() float64 {
	if s.BeforeS == nil || s.AfterS == nil {
		return 0
	}
	return math.Abs(*s.AfterS - *s.BeforeS)
}

func systemPair(a, b outcome.System) SystemPair {
	p := SystemPair{System: b.ID}
	add := func(name plan.Text, x, y outcome.Figure) {
		if x.Verdict == "" && y.Verdict == "" && x.ActualS == nil && y.ActualS == nil {
			return
		}
		p.Figures = append(p.Figures, FigurePair{Name: name, Before: x.ActualS, After: y.ActualS, Was: x.Verdict, Is: y.Verdict})
	}
	add(sheet.Plain("RTO"), a.RTO, b.RTO)
	if a.Parts != nil || b.Parts != nil {
		for _, part := range []struct {
			name plan.Text
			of   func(s outcome.System) *float64
		}{
			{sheet.Say("– detect", "– 検知"), func(s outcome.System) *float64 { return part(s, func() float64 { return s.Parts.DetectS }) }},
			{sheet.Say("– gather and assess", "– 参集・状況確認"), func(s outcome.System) *float64 { return part(s, func() float64 { return s.Parts.PeopleS }) }},
			{sheet.Say("– decide", "– 決定"), func(s outcome.System) *float64 { return part(s, func() float64 { return s.Parts.DecideS }) }},
			{sheet.Say("– recover", "– 復旧作業"), func(s outcome.System) *float64 { return part(s, func() float64 { return s.Parts.RecoverS }) }},
			{sheet.Say("– verify", "– 復旧確認"), func(s outcome.System) *float64 { return part(s, func() float64 { return s.Parts.VerifyS }) }},
		} {
			p.Figures = append(p.Figures, FigurePair{Name: part.name, Before: part.of(a), After: part.of(b)})
		}
	}
	add(sheet.Plain("RPO"), a.RPO, b.RPO)
	for _, st := range b.RLO {
		x := outcome.Figure{}
		if i := slices.IndexFunc(a.RLO, func(o outcome.Stage) bool { return o.Level == st.Level }); i >= 0 {
			x = a.RLO[i].Figure
		}
		add(sheet.Say("RLO %d%%", "RLO %d%%", st.Level), x, st.Figure)
	}
	add(sheet.Say("failback", "切戻し"), a.Failback, b.Failback)
	if a.Restore != nil || b.Restore != nil {
		x, y := outcome.Figure{}, outcome.Figure{}
		if a.Restore != nil {
			x = *a.Restore
		}
		if b.Restore != nil {
			y = *b.Restore
		}
		add(sheet.Say("restore", "復元"), x, y)
	}
	return p
}

func part(s outcome.System, of func() float64) *float64 {
	if s.Parts == nil {
		return nil
	}
	v := of()
	return &v
}

// change says how a figure changed.
func change(a, b *float64) sheet.Cell {
	switch {
	case a == nil || b == nil:
		return sheet.Number(sheet.Dash)
	case *b == *a:
		return sheet.Number(sheet.Say("same", "同じ"))
	case *b < *a:
		return sheet.Number(sheet.Say("%s faster", "%s短縮", sheet.Span(*a-*b)))
	}
	return sheet.Number(sheet.Say("%s slower", "%s増加", sheet.Span(*b-*a)))
}

// Sheet sets it in words.
func (c Comparison) Sheet() sheet.Sheet {
	d := c.sheet("compare-"+c.Before.Run+"-"+c.After.Run, sheet.Say("%s beside %s", "%[2]s と %[1]s の比較", c.After.Run, c.Before.Run))
	d.Sentence = sheet.Say("%d of %d objectives met, before %d of %d; findings: %d gone, %d not put to the test, %d new, %d again.", "目標達成 %d/%d（前回 %d/%d）。指摘事項：解消 %d件、今回は未検証 %d件、新規 %d件、継続 %d件。",
		c.After.Met, c.After.Judged, c.Before.Met, c.Before.Judged, len(c.Gone), len(c.Untested), len(c.New), len(c.Again))
	d.Verdict = c.After.Verdict
	if !c.SamePlan {
		d.Remarks = append(d.Remarks, sheet.Say("The two ran different plans: differences may come from that.", "計画が異なるため、差は計画の変更による可能性があります。"))
	}
	if c.Before.Class != c.After.Class {
		d.Remarks = append(d.Remarks, sheet.Say("They are not of one kind: before %s, now %s.", "種別が異なります。前回：%s、今回：%s。", both(c.Before.text()), both(c.After.text())))
	} else {
		d.Facts = append(d.Facts, sheet.Say("both: %s", "両方とも%s", both(c.After.text())))
	}
	if c.Before.Blind != c.After.Blind {
		d.Remarks = append(d.Remarks, sheet.Say("Only one of the two was blind: times of people are not comparable.", "一方のみが非提示型訓練のため、要員に関する時間は比較できません。"))
	}
	if c.Before.Simulated != c.After.Simulated {
		d.Remarks = append(d.Remarks, sheet.Say("In only one of the two people were simulated: its times of people are the engine's.", "一方のみ人の応答が模擬のため、要員に関する時間は比較できません。"))
	} else if c.Before.Simulated {
		d.Remarks = append(d.Remarks, sheet.Say("People were simulated in both: the times of people are the engine's.", "両方とも人の応答が模擬のため、要員に関する時間は実際の人のものではありません。"))
	}
	if c.Before.Scenario != c.After.Scenario || c.Before.Kind != c.After.Kind || c.Before.Depth != c.After.Depth {
		d.Remarks = append(d.Remarks, sheet.Say("Scenario, kind or depth differ: the times can be set side by side, but not everything that they contain.", "シナリオ・種別・深さのいずれかが異なるため、所要時間は単純には比較できません。"))
	}
	head := []plan.Text{sheet.Say("System", "システム"), sheet.Say("What", "項目"), sheet.Plain(c.Before.Run), sheet.Plain(c.After.Run), sheet.Say("Change", "増減"), sheet.Say("Before", "前回"), sheet.Say("Now", "今回")}
	t := sheet.Table{Brief: true, Head: head}
	for _, s := range c.Systems {
		for _, f := range s.Figures {
			row := []sheet.Cell{word(s.System), {Text: f.Name}, span(f.Before), span(f.After), change(f.Before, f.After)}
			for _, v := range []run.Verdict{f.Was, f.Is} {
				if v == "" {
					row = append(row, sheet.Cell{})
				} else {
					row = append(row, sheet.VerdictCell(v))
				}
			}
			t.Rows = append(t.Rows, row)
		}
	}
	people := sheet.Table{Brief: true, Head: head[1:5]}
	comparable := c.Before.Blind == c.After.Blind && !c.Before.Simulated && !c.After.Simulated
	for _, f := range c.People {
		if f.share {
			people.Rows = append(people.Rows, []sheet.Cell{{Text: f.Name}, share(f.Before), share(f.After), {}})
			continue
		}
		changed := sheet.Number(sheet.Dash)
		if comparable {
			changed = change(f.Before, f.After)
		}
		people.Rows = append(people.Rows, []sheet.Cell{{Text: f.Name}, span(f.Before), span(f.After), changed})
	}
	steps := sheet.Table{Brief: true, Head: []plan.Text{head[0], sheet.Say("Runbook", "手順書"), sheet.Say("Step", "ステップ"), head[2], head[3], head[4], sheet.Say("Before", "前回"), sheet.Say("Now", "今回")}}
	for _, s := range c.Steps {
		steps.Rows = append(steps.Rows, []sheet.Cell{word(s.System), word(s.Runbook), word(s.Step), span(s.BeforeS), span(s.AfterS), change(s.BeforeS, s.AfterS), outcomeCell(s.Was), outcomeCell(s.Is)})
	}
	findings := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("State", "状態"), sheet.Say("Finding", "指摘事項")}}
	for _, part := range []struct {
		word plan.Text
		list []FindingText
	}{{sheet.Say("new", "新規"), c.New}, {sheet.Say("again", "継続"), c.Again}, {sheet.Say("not put to the test", "今回は未検証"), c.Untested}, {sheet.Say("gone", "解消"), c.Gone}} {
		for _, x := range part.list {
			findings.Rows = append(findings.Rows, []sheet.Cell{sheet.Tell(part.word), {Text: x.Title}})
		}
	}
	d.Sections = []sheet.Section{
		{ID: "systems", Title: sheet.Say("Objectives and where the time went", "目標の達成と所要時間の内訳"), Tables: []sheet.Table{t.Compact()}},
		{ID: "people", Title: sheet.Say("People", "要員"), Tables: []sheet.Table{people}},
		{ID: "steps", Title: sheet.Say("Steps, the largest difference first", "ステップ（差の大きい順）"), Tables: []sheet.Table{steps.Compact()}},
		{ID: "findings", Title: sheet.Say("Findings", "指摘事項"), Tables: []sheet.Table{findings}},
	}
	return d
}

func outcomeCell(o run.Outcome) sheet.Cell {
	if o == "" {
		return sheet.Cell{}
	}
	return sheet.Cell{Text: sheet.Both(func(l lang) string { return l.Outcome(o) }), Class: "outcome-" + string(o)}
}
