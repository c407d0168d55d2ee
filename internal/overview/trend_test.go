package overview

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Times of blind and announced runs are never put together (requirement C-BLD-05).
func TestBlindRunsStandApart(t *testing.T) {
	at := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	ran := func(id string, took float64, blind bool) outcome.Outcome {
		return outcome.Outcome{Run: id, Kind: run.Drill, Depth: run.Live, State: run.Recovered, Verdict: run.Met, EndedAt: at, Blind: blind,
			Systems: []outcome.System{{ID: "orders", Verdict: run.Met, RTO: outcome.Figure{ActualS: &took, Verdict: run.Met}}},
			Steps:   []outcome.Step{{System: "orders", Runbook: "over", Step: "promote", ElapsedS: &took, Outcome: run.Passed}}}
	}
	all := []outcome.Outcome{ran("announced", 100, false), ran("withheld", 900, true), ran("drawn", 900, true)}
	got := MakeTrend(Frame{Zone: time.UTC}, "", "", all)
	for _, r := range got.Runs {
		if r.Blind != (r.Run != "announced") {
			t.Errorf("%s: blind %t", r.Run, r.Blind)
		}
	}
	want := map[bool]float64{true: 900, false: 100}
	if len(got.Quarters) != 2 || len(got.Steps) != 2 {
		t.Fatalf("quarters %+v, steps %+v", got.Quarters, got.Steps)
	}
	for _, q := range got.Quarters {
		if len(q.Systems) != 1 || *q.Systems[0].RTOP50S != want[q.Blind] || *q.Systems[0].RTOP95S != want[q.Blind] {
			t.Errorf("%+v", q)
		}
	}
	for _, s := range got.Steps {
		if s.P50S == nil || *s.P50S != want[s.Blind] {
			t.Errorf("%+v", s)
		}
	}
}

// A run counts once and by its own verdict, however many systems it recovered; times are averaged of one
// system and of runs of one class only.
func TestARunCountsOnce(t *testing.T) {
	quick, slow := 60.0, 6000.0
	of := func(id string, v run.Verdict, took *float64) outcome.System {
		return outcome.System{ID: id, Verdict: v, RTO: outcome.Figure{ActualS: took, ObjectiveS: &quick, Verdict: v}}
	}
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	missed := outcome.Outcome{Run: "r1", Kind: run.Drill, Depth: run.Live, State: run.Recovered, Verdict: run.Missed, EndedAt: at,
		Systems: []outcome.System{of("a", run.Met, &quick), of("b", run.Met, &quick), of("c", run.Missed, &slow)},
		Steps:   []outcome.Step{{System: "a", Runbook: "over", Step: "promote", ElapsedS: &slow, Outcome: run.Passed}}}
	all := MakeTrend(Frame{At: at, Zone: time.UTC}, "", "", []outcome.Outcome{missed})
	if got, want := all.Sheet().Sentence.EN, "0 of 1 runs met their objectives."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if q := all.Quarters[0]; q.Runs != 1 || q.Met != 0 || len(q.Systems) != 3 || *q.Systems[0].RTOP50S != quick || *q.Systems[2].RTOP50S != slow {
		t.Errorf("%+v", q)
	}
	list := []outcome.Outcome{missed}
	for id, change := range map[string]func(o *outcome.Outcome){"simulated": func(o *outcome.Outcome) { o.People.Simulated = true }, "isolated": func(o *outcome.Outcome) { o.Depth = run.IsolatedRun },
		"real": func(o *outcome.Outcome) { o.Kind, o.Depth = run.Response, run.Real }} {
		o := missed
		o.Run, o.Verdict, o.Systems = id, run.Met, []outcome.System{of("a", run.Met, &slow)}
		change(&o)
		list = append(list, o)
	}
	of1 := MakeTrend(Frame{At: at, Zone: time.UTC}, "a", "", list)
	if of1.Count != 4 || of1.Met != 4 || of1.Simulated != 1 || len(of1.Quarters) != 4 {
		t.Fatalf("%+v", of1)
	}
	for _, q := range of1.Quarters {
		if q.Runs != 1 {
			t.Errorf("%+v", q)
		}
	}
	for _, x := range of1.Steps { // what machines do takes as long whoever answers
		if want := map[run.Depth]int{run.Live: 2, run.IsolatedRun: 1, run.Real: 1}[x.Depth]; x.Times != want {
			t.Errorf("%+v", x)
		}
	}
}

// After a tabletop alone there have been runs, but none to compare: the sentence doesn't deny them.
func TestATabletopAloneHasNoTrend(t *testing.T) {
	talk := outcome.Outcome{Run: "talk", Kind: run.Drill, Depth: run.Tabletop, State: run.TalkedThrough, EndedAt: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC),
		Systems: []outcome.System{{ID: "orders"}}}
	got := MakeTrend(Frame{Zone: time.UTC}, "", "", []outcome.Outcome{talk}).Sheet().Sentence
	if !strings.Contains(got.EN, "real work") || !strings.Contains(got.EN, "Tabletops") || !strings.Contains(got.JA, "机上訓練") || !strings.Contains(got.JA, "対象外") {
		t.Errorf("%+v, want that a tabletop does not count", got)
	}
}

// Quarters are those of the fiscal year: where it begins in April, the first is April to June and January belongs to the year before.
func TestQuartersAreOfTheFiscalYear(t *testing.T) {
	for _, c := range []struct {
		begins       time.Month
		day          string
		code, en, ja string
	}{
		{time.April, "2026-04-01", "FY2026-Q1", "Q1 FY2026", "2026年度 第1四半期"},
		{time.April, "2026-12-31", "FY2026-Q3", "Q3 FY2026", "2026年度 第3四半期"},
		{time.April, "2027-03-31", "FY2026-Q4", "Q4 FY2026", "2026年度 第4四半期"},
		{time.October, "2026-09-30", "FY2025-Q4", "Q4 FY2025", "2025年度 第4四半期"},
		{time.January, "2026-12-31", "2026-Q4", "Q4 2026", "2026年 第4四半期"},
		{0, "2026-03-31", "2026-Q1", "Q1 2026", "2026年 第1四半期"},
	} {
		f := frame()
		f.Begins = c.begins
		x := MakeTrend(f, "orders", "", []outcome.Outcome{drill("a", c.day, s(300), run.Met)})
		if got := x.Quarters[0].Quarter; got != c.code {
			t.Errorf("%s of a year that begins in %s is in %s, want %s", c.day, c.begins, got, c.code)
		}
		for lang, want := range map[i18n.Lang]string{i18n.EN: c.en, i18n.JA: c.ja} {
			if shown := x.Sheet().Markdown(lang); !strings.Contains(shown, want) {
				t.Errorf("%s: %q is not in\n%s", lang, want, shown)
			}
		}
	}
}
