package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/sheet"
)

// Gaps is how far every component is from the level that it should have, and what is planned about it
// (requirements D.5 and D.6).
type Gaps struct {
	Frame
	Gaps     []Gap     `json:"gaps"` // the most pressing first
	Measures []Measure `json:"measures"`
}

// Gap is one component.
type Gap struct {
	System    string    `json:"system"`
	Title     plan.Text `json:"title,omitzero"`
	Priority  string    `json:"priority"`
	Owner     string    `json:"owner,omitempty"`
	Component string    `json:"component"`
	Named     plan.Text `json:"component_title,omitzero"`
	Kind      string    `json:"kind"`
	Current   *int      `json:"current_level"` // nil: nobody has said
	Target    *int      `json:"target_level"`
	Derived   bool      `json:"target_from_band"` // the table's for the system's band, where the file says none
	Risk      plan.Text `json:"risk,omitzero"`
	Tested    *Tested   `json:"last_tested"` // nil: nothing that runs prove speaks of it
	property  outcome.Property
	Measures  []string `json:"measures,omitempty"`
}

// Tested is the newest run that proved what the component is for.
type Tested struct {
	Property outcome.Property `json:"property"`
	State    proof.State      `json:"state"`
	Run      string           `json:"run,omitempty"`
	Day      string           `json:"day,omitempty"`
	// Simulated is what was simulated in that run; MissedIn a newer one that missed it.
	Simulated []outcome.Simulated `json:"simulated,omitempty"`
	MissedIn  string              `json:"missed_in,omitempty"`
}

// Measure is a line of the step plan.
type Measure struct {
	System     string    `json:"system"`
	Name       string    `json:"name"`
	Title      plan.Text `json:"title"`
	Components []string  `json:"components,omitempty"`
	Level      int       `json:"level,omitempty"`
	Step       int       `json:"step,omitempty"`
	From       int       `json:"from,omitempty"` // fiscal years
	To         int       `json:"to,omitempty"`
	BudgetK    *int      `json:"budget_thousand_yen"`
	Owner      string    `json:"owner,omitempty"`
	Effect     plan.Text `json:"effect,omitzero"`
	Residual   plan.Text `json:"residual_risk,omitzero"`
	Decided    string    `json:"decided,omitempty"`
	Finding    string    `json:"finding,omitempty"`
	Done       string    `json:"done,omitempty"`
}

// targets are the levels by band of requirement A.9: hardware, system area and data area, and what a
// contractor should have agreed to.
var targets = map[string]map[string]int{
	"hardware": {"S": 4, "A": 3, "B": 3, "C": 2, "D": 2, "E": 1}, "system_area": {"S": 4, "A": 3, "B": 3, "C": 2, "D": 2, "E": 1},
	"data_area": {"S": 4, "A": 3, "B": 3, "C": 2, "D": 2, "E": 1}, "contractor": {"S": 3, "A": 3, "B": 3, "C": 2, "D": 2, "E": 1},
}

// proves is the property whose proof speaks of a kind of component.
var proves = map[string]outcome.Property{"structure": outcome.RTO, "facility": outcome.RTO, "hardware": outcome.RTO, "system_area": outcome.RTO, "network": outcome.RTO, "data_area": outcome.RPO}

// MakeGaps makes it of the estate and what is proven.
func MakeGaps(f Frame, e *estate.Estate, proven []proof.System) Gaps {
	g := Gaps{Frame: f, Gaps: []Gap{}, Measures: measuresOf(e)}
	for i, s := range e.Declared {
		sys := e.Systems[i]
		for _, c := range s.Components {
			one := Gap{System: sys.Name, Title: sys.Title, Priority: sys.Priority, Owner: s.Owner.V, Component: c.Name.V, Named: c.Title.Text, Kind: c.Kind.V, Risk: c.Risk.Text, property: proves[c.Kind.V]}
			if c.Current.Set {
				v := c.Current.V
				one.Current = &v
			}
			if v, ok := targets[c.Kind.V][sys.Priority]; ok {
				one.Target, one.Derived = &v, true
			}
			if c.Target.Set {
				v := c.Target.V
				one.Target, one.Derived = &v, false
			}
			one.Tested = g.tested(proven, sys.Name, one.property)
			for _, m := range g.Measures {
				if m.System == sys.Name && slices.Contains(m.Components, c.Name.V) {
					one.Measures = append(one.Measures, m.Name)
				}
			}
			g.Gaps = append(g.Gaps, one)
		}
	}
	slices.SortStableFunc(g.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(band(a.Priority), band(b.Priority)), cmp.Compare(b.size(), a.size()), cmp.Compare(a.System, b.System))
	})
	return g
}

func band(p string) int { return strings.Index("SABCDE", p) }

// size is how many levels are missing; what nobody has said comes after what is known to be missing.
func (g Gap) size() float64 {
	switch {
	case g.Target == nil:
		return -1
	case g.Current == nil:
		return 0.5
	}
	return float64(*g.Target - *g.Current)
}

func (g Gaps) tested(proven []proof.System, system string, p outcome.Property) *Tested {
	for _, s := range proven {
		for _, x := range s.Properties {
			if s.System == system && x.Property == p {
				t := &Tested{Property: p, State: x.State, Run: x.Run, Simulated: x.Simulated, MissedIn: x.MissedIn}
				if x.At != nil {
					t.Day = g.day(*x.At)
				}
				return t
			}
		}
	}
	return nil
}

func measuresOf(e *estate.Estate) []Measure {
	out := []Measure{}
	for i, s := range e.Declared {
		for _, m := range s.Measures {
			one := Measure{System: e.Systems[i].Name, Name: m.Name.V, Title: m.Title.Text, Level: m.Level.V, Step: m.Step.V, From: m.From.V, To: m.To.V, Owner: m.Owner.V,
				Effect: m.Effect.Text, Residual: m.Residual.Text, Decided: m.Decided.V, Finding: m.Finding.V, Done: m.Done.V}
			for _, c := range m.Components {
				one.Components = append(one.Components, c.V)
			}
			if m.Budget.Set {
				v := m.Budget.V
				one.BudgetK = &v
			}
			out = append(out, one)
		}
	}
	slices.SortStableFunc(out, func(a, b Measure) int { return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Step, b.Step)) })
	return out
}

// kinds of component, as people call them.
var kinds = map[string]plan.Text{
	"structure": sheet.Say("operating structure", "運用体制"), "facility": sheet.Say("facility", "施設・設備"), "hardware": sheet.Say("hardware", "ハードウェア"),
	"system_area": sheet.Say("system area", "システム領域"), "data_area": sheet.Say("data area", "データ領域"), "network": sheet.Say("network", "ネットワーク"), "contractor": sheet.Say("contractor", "外部委託先"),
}

var states = map[proof.State]plan.Text{
	proof.Fresh: sheet.Say("proven", "立証済み"), proof.Expired: sheet.Say("overdue", "期限超過"), proof.Changed: sheet.Say("changed since", "その後に変更"), proof.Missed: sheet.Say("missed since", "その後に未達"), proof.Never: sheet.Say("never proven", "未立証"), proof.NotSet: sheet.Say("no objective", "目標なし"),
}

// fiscal names years.
func fiscal(from, to int) plan.Text {
	switch {
	case from == 0 && to == 0:
		return sheet.Say("no date", "時期未定")
	case to == 0 || to == from:
		return sheet.Say("FY%d", "%d年度", cmp.Or(from, to))
	}
	return sheet.Say("FY%d–%d", "%d–%d年度", from, to)
}

// Sheet sets it in words.
func (g Gaps) Sheet() sheet.Sheet {
	d := g.sheet("gaps", sheet.Say("Gap between the measures of now and the target", "現状対策レベルと目標対策レベルの差"))
	short, unsaid := 0, 0
	for _, x := range g.Gaps {
		switch {
		case x.Current == nil:
			unsaid++
		case x.Target != nil && *x.Current < *x.Target:
			short++
		}
	}
	d.Sentence = sheet.Say("%d of %d components are below their target; of %d nobody has said the level.", "構成要素%[2]d件のうち%[1]d件が目標未満、%[3]d件は現状レベルが未記入。", short, len(g.Gaps), unsaid)
	if len(g.Gaps) == 0 {
		d.Sentence = sheet.Say("The estate names no components, so no gap can be told: add components: with current_level: to its systems.", "構成台帳に構成要素がないため、差を示せません。情報システムに components: と current_level: を記入してください。")
	}
	d.Remarks = []plan.Text{sheet.Say("Levels of hardware, system area, data area and contractors follow the government's guideline; those of structure, facility and network are on our own scale in the same spirit.", "ハードウェア・システム領域・データ領域・外部委託先は政府ガイドラインの対策レベル、運用体制・施設・ネットワークは同じ考え方による独自の尺度です。")}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Band", "優先度"), sheet.Say("Answers for it", "主管"), sheet.Say("Component", "構成要素"), sheet.Say("Kind", "種類"), sheet.Say("Now", "現状"), sheet.Say("Target", "目標"),
		sheet.Say("Risk", "リスク"), sheet.Say("Last proven", "直近の立証"), sheet.Say("Measures", "対策")}}
	for _, x := range g.Gaps {
		level := func(v *int, note plan.Text) sheet.Cell {
			if v == nil {
				return sheet.Number(sheet.Plain("?"))
			}
			return sheet.Number(sheet.Say("%d%s", "%d%s", *v, both(note)))
		}
		from := plan.Text{}
		if x.Derived {
			from = sheet.Say(" (by band)", "（優先度から）")
		}
		tested := sheet.Dash
		if x.Tested != nil {
			tested = states[x.Tested.State]
			if x.Tested.Run != "" {
				tested = sheet.Say("%s: %s, %s", "%s：%s・%s", both(tested), x.Tested.Day, x.Tested.Run)
			}
			if x.Tested.MissedIn != "" {
				tested = sheet.Say("%s; missed in %s", "%s（未達：%s）", both(tested), x.Tested.MissedIn)
			}
			if len(x.Tested.Simulated) > 0 {
				tested = sheet.Say("%s (%s)", "%s（%s）", both(tested), both(proof.SimulatedText(x.Tested.Simulated)))
			}
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(x.System), word(x.Priority), word(x.Owner), {Text: titleOf(x.Named, x.Component)}, {Text: kinds[x.Kind]}, level(x.Current, plan.Text{}), level(x.Target, from),
			{Text: x.Risk}, {Text: tested}, {Text: sheet.Plain(strings.Join(x.Measures, ", "))}})
	}
	d.Sections = []sheet.Section{{ID: "gaps", Title: sheet.Say("Gaps by band and size", "優先度・差の大きい順"), Tables: []sheet.Table{t.Compact()}}, measureSection(g.Measures)}
	return d
}

func measureSection(list []Measure) sheet.Section {
	s := sheet.Section{ID: "measures", Title: sheet.Say("Pre-measures and their steps", "事前対策計画とステップ")}
	if len(list) == 0 {
		s.Lead = []plan.Text{sheet.Say("No measures are in the estate (measures: of a system).", "構成台帳に対策（情報システムの measures:）がありません。")}
		return s
	}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Step", "ステップ"), sheet.Say("Years", "年度"), sheet.Say("Measure", "対策"), sheet.Say("Components", "対象"), sheet.Say("Level", "到達"), sheet.Say("Budget (¥1,000)", "予算（千円）"), sheet.Say("Who", "実施者"),
		sheet.Say("Effect", "効果"), sheet.Say("Residual risk", "残存リスク"), sheet.Say("Decided", "提案・決定"), sheet.Say("Done", "完了")}}
	total := 0
	for _, m := range list {
		budget, done := sheet.Number(sheet.Say("none yet", "未定")), sheet.Say("open", "未了")
		if m.BudgetK != nil {
			budget = sheet.Number(sheet.Plain(fmt.Sprint(*m.BudgetK)))
			if m.Done == "" {
				total += *m.BudgetK
			}
		}
		if m.Done != "" {
			done = sheet.Plain(m.Done)
		}
		step, level := plan.Text{}, plan.Text{}
		if m.Step > 0 {
			step = sheet.Plain(fmt.Sprint(m.Step))
		}
		if m.Level > 0 {
			level = sheet.Plain(fmt.Sprint(m.Level))
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(m.System), sheet.Number(step), sheet.Tell(fiscal(m.From, m.To)), {Text: m.Title}, {Text: sheet.Plain(strings.Join(m.Components, ", "))}, sheet.Number(level), budget, word(m.Owner), {Text: m.Effect}, {Text: m.Residual}, {Text: sheet.Plain(m.Decided)}, sheet.Tell(done)})
	}
	s.Lead = []plan.Text{sheet.Say("Budget of what is open: %d thousand yen.", "未了の対策の予算：%d千円。", total)}
	s.Tables = []sheet.Table{t.Compact()}
	return s
}
