package overview

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// YearTarget is the year's attainment against one target of a system, as the plans of the runs had it
// (requirement D-ATT-04). A target that was changed or dropped in between is a line of its own.
type YearTarget struct {
	System     string    `json:"system"`
	Title      plan.Text `json:"title,omitzero"`
	Target     string    `json:"target"`          // rto, rpo, rlo, failback, restore or restore_point
	Level      int       `json:"level,omitempty"` // percent, of rlo
	ObjectiveS *float64  `json:"objective_s"`     // null: failback, which has no time
	Met        int       `json:"met"`
	Missed     int       `json:"missed"`
	NotProven  int       `json:"not_proven"`
	Simulated  int       `json:"simulated"` // of all, those that rest on simulated people or steps
	// Best and worst are of what was measured and proven, without those.
	BestS  *float64 `json:"best_s"`
	WorstS *float64 `json:"worst_s"`
	// Gone: the estate holds no such target any more, as of today. Null is without an estate.
	Gone *bool `json:"gone,omitempty"`
}

// targetsOf counts, of all runs that did something, what was judged against which target.
func targetsOf(f Facts) []YearTarget {
	out := []YearTarget{}
	type key struct {
		system, target string
		level          int
		objective      float64
	}
	at := map[key]int{}
	add := func(o outcome.Outcome, s outcome.System, of outcome.Property, target string, level int, x outcome.Figure) {
		if x.Verdict = told(o, x.Verdict); x.Verdict == run.NoObjective || x.Verdict == "" {
			return
		}
		k := key{s.ID, target, level, or0(x.ObjectiveS)}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, YearTarget{System: s.ID, Title: s.Title, Target: target, Level: level, ObjectiveS: x.ObjectiveS, Gone: goneFrom(f, s.ID, target, level, x.ObjectiveS)})
		}
		t := &out[i]
		switch x.Verdict {
		case run.Met:
			t.Met++
		case run.Missed:
			t.Missed++
		case run.NotProven:
			t.NotProven++
		}
		simulated := len(s.Simulations(of)) > 0
		if simulated {
			t.Simulated++
		}
		if v := x.ActualS; v != nil && !x.AtMost && x.Verdict != run.NotProven && !simulated {
			if t.BestS == nil || *v < *t.BestS {
				t.BestS = v
			}
			if t.WorstS == nil || *v > *t.WorstS {
				t.WorstS = v
			}
		}
	}
	for _, o := range f.Outcomes {
		if !o.Ran() || !counts(o) {
			continue
		}
		for _, s := range o.Systems {
			add(o, s, outcome.RTO, "rto", 0, s.RTO)
			add(o, s, outcome.RPO, "rpo", 0, s.RPO)
			for _, st := range s.RLO {
				add(o, s, outcome.RLO, "rlo", st.Level, st.Figure)
			}
			add(o, s, outcome.Failback, "failback", 0, s.Failback)
			if s.Restore != nil {
				add(o, s, outcome.Restore, "restore", 0, *s.Restore)
			}
			if s.RestorePoint != nil {
				add(o, s, outcome.Restore, "restore_point", 0, *s.RestorePoint)
			}
		}
	}
	rank := func(t YearTarget) int { return slices.Index(targetOrder, t.Target) }
	slices.SortStableFunc(out, func(a, b YearTarget) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Level, b.Level), cmp.Compare(or0(a.ObjectiveS), or0(b.ObjectiveS)))
	})
	return out
}

var targetOrder = []string{"rto", "rpo", "rlo", "failback", "restore", "restore_point"}

// goneFrom reports whether the estate of today holds a target no more.
func goneFrom(f Facts, system, target string, level int, objective *float64) *bool {
	if f.Estate == nil {
		return nil
	}
	same := func(d *run.Duration) bool { return d != nil && objective != nil && d.Seconds() == *objective }
	holds := false
	if s, _, ok := f.Estate.System(system); ok {
		switch target {
		case "rto":
			holds = same(s.Objective.RTO)
		case "rpo":
			holds = same(s.Objective.RPO)
		case "rlo":
			holds = slices.ContainsFunc(s.Objective.RLO, func(st plan.Stage) bool { return st.Level == level && same(&st.Within) })
		case "failback":
			holds = s.Failback != ""
		case "restore":
			holds = s.Objective.Restore != nil && same(s.Objective.Restore.Within)
		case "restore_point":
			holds = s.Objective.Restore != nil && same(s.Objective.Restore.Point)
		}
	}
	gone := !holds
	return &gone
}

// name is what people call it.
func (t YearTarget) name() plan.Text {
	switch t.Target {
	case "rlo":
		return sheet.Plain(fmt.Sprintf("RLO %d%%", t.Level))
	case "failback":
		return sheet.Say("failback", "切戻し")
	case "restore":
		return sheet.Say("restore", "復元")
	case "restore_point":
		return sheet.Say("recovery point", "復旧時点")
	}
	return sheet.Plain(map[string]string{"rto": "RTO", "rpo": "RPO"}[t.Target])
}

func (y Year) targetSection() sheet.Section {
	if len(y.Targets) == 0 {
		return sheet.Section{}
	}
	t := sheet.Table{Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Target", "指標"), sheet.Say("Value", "目標値"), sheet.Say("Met", "達成"), sheet.Say("Missed", "未達"), sheet.Say("Not proven", "未立証"), sheet.Say("Simulated", "うち模擬"),
		sheet.Say("Best", "最短"), sheet.Say("Worst", "最長"), sheet.Say("Today", "現在")}}
	gone := 0
	for _, x := range y.Targets {
		today := plan.Text{}
		if x.Gone != nil && *x.Gone {
			gone++
			today = sheet.Say("not held any more", "現行計画になし")
		}
		t.Rows = append(t.Rows, []sheet.Cell{{Text: titleOf(x.Title, x.System)}, {Text: x.name()}, span(x.ObjectiveS), count(x.Met), count(x.Missed), count(x.NotProven), count(x.Simulated), span(x.BestS), span(x.WorstS), {Text: today}})
	}
	s := sheet.Section{ID: "targets", Title: sheet.Say("Attainment by target", "目標別の達成状況"), Tables: []sheet.Table{t.Compact()},
		Lead: []plan.Text{sheet.Say("Each run is counted against the targets that its own plan had. “Simulated” are those that rest on simulated people or steps. Best and worst are of times that were measured and proven, without those.", "各実施は、その時点の計画の目標に対して数えています。「うち模擬」は、人の応答またはステップが模擬の実施です。最短・最長は、実測され立証された値のみ（模擬を除く）です。")}}
	if gone > 0 {
		s.Lead = append(s.Lead, sheet.Say("%d of these targets are in no plan of today: they were changed or dropped, or their system is gone.", "うち%d件は、変更・廃止またはシステムの廃止により現行の計画にない目標です。", gone))
	}
	return s
}
