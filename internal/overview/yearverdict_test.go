package overview

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// good is a year of which nothing is left to do.
func good() Facts {
	f := facts()
	f.Outcomes, f.Planned, f.Findings, f.Proven = f.Outcomes[2:], f.Planned[:1], f.Findings[:1], f.Proven[:1]
	f.Proven[0].Properties = f.Proven[0].Properties[:1]
	return f
}

// A year is met when all that was planned was held in time and shown, and nothing is left to do. The page's own verdict is
// that of its worst tile, and the review says yes to nothing that the tiles don't.
func TestAYearThatOnlyLooksHeldIsNotMet(t *testing.T) {
	goals := func(v run.Verdict) []RowGoals {
		return []RowGoals{{Row: "switch", Goals: []report.Pass{{ID: "calm", Verdict: v}, {ID: "quick", Verdict: run.Met}}}}
	}
	finding := func(s finding.State) func(*Facts) {
		return func(f *Facts) { f.Findings = facts().Findings; f.Findings[1].Overdue, f.Findings[1].State = false, s }
	}
	for name, c := range map[string]struct {
		change   func(*Facts)
		verdict  run.Verdict
		tile     string
		answered map[string]run.Verdict // of the review
	}{
		"as it should be":              {func(*Facts) {}, run.Met, "", map[string]run.Verdict{"REV-04": run.Met, "REV-08": run.Met, "REV-09": run.Met}},
		"held late":                    {func(f *Facts) { f.Planned[0].Late = true }, run.NotProven, "Drills", map[string]run.Verdict{"REV-09": run.NotProven}},
		"held by word, or by no one":   {func(f *Facts) { f.Planned[0].Unproven = true }, run.NotProven, "Drills", map[string]run.Verdict{"REV-09": run.NotProven}},
		"overdue":                      {func(f *Facts) { f.Planned[0].Status = programme.Overdue }, run.Missed, "Drills", map[string]run.Verdict{"REV-09": run.Missed}},
		"its goals were met":           {func(f *Facts) { f.Goals = goals(run.Met) }, run.Met, "", nil},
		"a goal was missed":            {func(f *Facts) { f.Goals = goals(run.Missed) }, run.Missed, "Goals", nil},
		"a goal is not proven":         {func(f *Facts) { f.Goals = goals(run.NotProven) }, run.NotProven, "Goals", nil},
		"a goal was met in simulation": {func(f *Facts) { f.Goals = goals(run.Met); f.Goals[0].Goals[0].Simulated = []string{"people"} }, run.NotProven, "Goals", nil},
		"its goals are for others":     {func(f *Facts) { f.GoalsHidden = 1 }, run.NotProven, "Goals", nil},
		"a run is not proven":          {func(f *Facts) { f.Outcomes = append(f.Outcomes, drill("d", "2026-12-01", nil, run.NotProven)) }, run.NotProven, "Systems", nil},
		"a finding is open":            {finding("open"), run.NotProven, "Findings", map[string]run.Verdict{"REV-04": run.Missed, "REV-08": run.Missed}},
		"a finding was waived":         {finding("waived"), run.Met, "", map[string]run.Verdict{"REV-04": run.NotProven, "REV-08": run.NotProven}},
		"a finding was waived, closed": {finding("closed"), run.Met, "", map[string]run.Verdict{"REV-04": run.Met, "REV-08": run.Met}},
	} {
		f := good()
		c.change(&f)
		y := MakeYear(f)
		d := y.Sheet()
		if y.Verdict != c.verdict || d.Verdict != c.verdict {
			t.Errorf("%s: the year is %s and its page %s, want %s", name, y.Verdict, d.Verdict, c.verdict)
		}
		var parts []run.Verdict
		worst := ""
		for _, x := range d.Tiles[0].Tiles {
			if parts = append(parts, x.Verdict); x.Verdict != run.Met {
				worst = x.Name.EN
			}
		}
		if run.Worst(parts...) != y.Verdict || worst != c.tile {
			t.Errorf("%s: the tiles say %v, worst %q, want %q", name, parts, worst, c.tile)
		}
		for _, q := range MakeReview(f, nil).Questions {
			if want, ok := c.answered[q.ID]; ok && q.Answered != want {
				t.Errorf("%s: %s is answered %s, want %s: %v", name, q.ID, q.Answered, want, q.Facts)
			}
		}
	}
	f := good()
	f.Planned[0].Late = true
	f.Goals = goals(run.Missed)
	got := MakeYear(f).Sheet()
	for _, want := range []string{"（うち遅れて実施1件）", "目標は2件中1件を達成"} {
		if !strings.Contains(got.Sentence.JA, want) {
			t.Errorf("the first sentence does not say %q: %s", want, got.Sentence.JA)
		}
	}
	if facts := fmt.Sprint(MakeReview(f, nil).Questions[8].Facts); !strings.Contains(facts, "遅れて実施1件") {
		t.Errorf("the review does not say how many were late: %s", facts)
	}
}

// What is held on somebody's word says so, with whose and of when, and so does a drill in which the engine answered for people.
func TestTheYearMarksWhatNoRunShows(t *testing.T) {
	f := good()
	word := f.Planned[0]
	word.Run, word.By, word.RecordedAt, word.Reason, word.Unproven = "", "sato", f.From.AddDate(0, 11, 29), "電話で確認した", true
	plain := word
	plain.Row, plain.Title, plain.Unproven = "review", plan.Text{EN: "Review", JA: "見直し"}, false
	sim := f.Planned[0]
	sim.Row, sim.Title = "safety", plan.Text{EN: "Safety report", JA: "安否報告訓練"}
	sim.Kind = "safety-report"
	sim.Simulate()
	restore := sim
	restore.Row, restore.Kind, restore.Unproven = "restore", programme.KindRecovery, false
	restore.Simulate()
	f.Planned = []programme.Item{word, plain, sim, restore}
	y := MakeYear(f)
	if c := y.Counts; c.Held != 4 || c.HeldByWord != 2 || c.HeldSimulated != 2 || c.HeldUnproven != 2 {
		t.Errorf("%+v", c)
	}
	rows := y.plannedSection().Tables[0].Rows
	for i, class := range []run.Verdict{run.NotProven, run.Met, run.NotProven, run.Met} {
		if got := rows[i][3]; got.Class != string(class) {
			t.Errorf("row %d is %q, of class %s, want %s", i, got.Text.JA, got.Class, class)
		}
	}
	for l, words := range map[i18n.Lang][]string{
		i18n.EN: {"held (as recorded)", "recorded by sato on 2027-03-30: 電話で確認した", "held (people simulated)", "Of the drills held, 2 are not proven"},
		i18n.JA: {"実施済み（記録による）", "sato が2027-03-30に記録：電話で確認した", "実施済み（人は模擬）", "実施済みの訓練のうち2件は未立証です"},
	} {
		got := y.Sheet().Markdown(l)
		for _, w := range words {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", l, w, got)
			}
		}
	}
}

// The tables of recovery times agree: an upper bound, a time that is not proven and one that rests on simulated steps are in
// no p50, p95 or worst of any, and where such a time is shown it says what it is.
func TestUpperBoundsAreInNoFigure(t *testing.T) {
	f := facts()
	late, bound := drill("b", "2026-05-03", s(9000), run.NotProven), drill("c", "2026-05-05", s(25), run.Met)
	bound.Systems[0].RTO.AtMost = true
	quick := drill("s", "2026-05-02", s(1), run.Met)
	quick.Systems[0].SimulatedSteps = []outcome.Property{outcome.RTO}
	f.Outcomes = []outcome.Outcome{drill("a", "2026-05-01", s(500), run.Met), quick, late, bound}
	y := MakeYear(f)
	times, quarter, target := y.Systems[0].Times[0], y.Quarters[0].Systems[0], y.Targets[0]
	for name, got := range map[string]*float64{"p50 of the year": times.P50S, "worst of the year": times.WorstS, "p50 of the quarter": quarter.RTOP50S, "p95 of the quarter": quarter.RTOP95S, "worst against the target": target.WorstS, "best": target.BestS} {
		if got == nil || *got != 500 {
			t.Errorf("%s: %v, want 500", name, got)
		}
	}
	if times.Times != 1 || *times.LastS != 25 || !times.LastAtMost {
		t.Errorf("%+v", times)
	}
	if got := y.Sheet().Markdown(i18n.JA); !strings.Contains(got, "≤ 25秒") || strings.Contains(got, "いずれも実測値") {
		t.Errorf("the year does not say that the last is an upper bound:\n%s", got)
	}
	if got := MakeTrend(f.Frame, "orders", "", f.Outcomes).Sheet().Markdown(i18n.JA); strings.Count(got, "≤ 25秒") != 2 {
		t.Errorf("the trend does not say so in its sentence and its list:\n%s", got)
	}
	f.Outcomes = f.Outcomes[:3]
	if got := MakeYear(f).Sheet().Markdown(i18n.JA); !strings.Contains(got, "（未立証）") {
		t.Errorf("the last is not proven, and nothing says so:\n%s", got)
	}
	f.Outcomes = f.Outcomes[:2]
	for name, page := range map[string]sheet.Sheet{"year": MakeYear(f).Sheet(), "trend": MakeTrend(f.Frame, "orders", "", f.Outcomes).Sheet()} {
		if got := page.Markdown(i18n.JA); !strings.Contains(got, "1秒（ステップは模擬）") {
			t.Errorf("the last rests on simulated steps, and the %s does not say so:\n%s", name, got)
		}
	}
}
