package report_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// earlier are runs that ended a quarter apart before the report's own, the newest first, each 10 s slower
// than the one after it.
func earlier(r report.Report, n int) []report.Earlier {
	var out []report.Earlier
	for i := 1; i <= n; i++ {
		objective, took := 60.0, *r.Systems[0].RTO.ActualS+float64(10*i)
		v := run.Met
		if took > objective {
			v = run.Missed
		}
		out = append(out, report.Earlier{Kind: r.Run.Kind, Depth: r.Run.Depth, Simulated: r.People.Simulated,
			TrendRun: report.TrendRun{Run: fmt.Sprintf("drl-past-%d", i), EndedAt: t0.AddDate(0, -3*i, 0), PlanHash: "0123456789abcdef", Verdict: v,
				Systems: []report.TrendSystem{{System: "orders", ObjectiveS: &objective, ActualS: &took, Verdict: v}}}})
	}
	return out
}

func runsOf(t *report.Trend) []string {
	var out []string
	for _, r := range t.Runs {
		out = append(out, r.Run)
	}
	return out
}

// A report shows its run among the newest of the same scenario and class. Others are counted, not
// compared: announced runs and blind ones, real people and simulated ones, are not of one kind.
func TestTheTrendIsOfRunsOfOneClass(t *testing.T) {
	s := met(t)
	r := build(t, s)
	past := earlier(r, 12)
	past[0].Blind, past[2].Simulated, past[3].Depth, past[5].Steps = true, !past[2].Simulated, run.IsolatedRun, true
	later := past[1]
	later.Run, later.EndedAt = "drl-later", r.Run.EndedAt.Add(time.Hour)
	own := past[1]
	own.Run = r.Run.ID // as the store has it too
	got := report.WithTrend(s.plan, r, append(past, later, own)).Trend
	if got == nil {
		t.Fatal("no trend")
	}
	want := []string{"drl-past-11", "drl-past-10", "drl-past-9", "drl-past-8", "drl-past-7", "drl-past-5", "drl-past-2", r.Run.ID}
	if !slices.Equal(runsOf(got), want) || got.Other != 4 {
		t.Errorf("runs %v and %d others, want %v and 4", runsOf(got), got.Other, want)
	}
	pretended := r
	pretended.Steps = append(slices.Clone(r.Steps), report.Step{System: "orders", Action: "sim.step", Purpose: "failover"})
	if got := report.WithTrend(s.plan, pretended, past).Trend; !slices.Equal(runsOf(got), []string{"drl-past-6", r.Run.ID}) {
		t.Errorf("a run of simulated steps stands beside %v", runsOf(got))
	}
	blind := s.plan
	blind.Scenario.Blind = true
	if got := report.WithTrend(blind, r, past).Trend; !slices.Equal(runsOf(got), []string{"drl-past-1", r.Run.ID}) {
		t.Errorf("a blind run stands beside %v", runsOf(got))
	}
}

// Without an earlier run there is nothing to compare, and a run that goes on is not compared.
func TestARunThatStandsAloneHasNoTrend(t *testing.T) {
	s := met(t)
	r := build(t, s)
	if got := report.WithTrend(s.plan, r, nil); got.Trend != nil {
		t.Errorf("%+v", got.Trend)
	}
	open := unfinished(t)
	if got := report.WithTrend(open.plan, build(t, open), earlier(r, 3)); got.Trend != nil {
		t.Errorf("%+v", got.Trend)
	}
	other := earlier(r, 1)
	other[0].Blind = true
	said := render(t, report.WithTrend(s.plan, r, other), report.Markdown, "ja")
	if !strings.Contains(said, "同じ種別の過去の実施はありません") || !strings.Contains(said, "ほかに1件の実施") {
		t.Errorf("that the only other run is of another kind is not said:\n%s", said)
	}
}

// Every format says what was achieved against the objective, run by run.
func TestTheTrendIsInEveryFormat(t *testing.T) {
	s := met(t)
	r := report.WithTrend(s.plan, build(t, s), earlier(build(t, s), 7))
	for lang, want := range map[string][]string{
		"en": {"Of the newest 8 runs of this kind", "orders took", "10 s shorter than before (2026-08-19)", "| 2026-08-19 | drl-past-1 | Order taking (orders) | 1 min |"},
		"ja": {"同じ種別の直近8件のうち", "前回より10秒短い（2026-08-19）", "| 2026-08-19 | drl-past-1 | 受注システム（orders） | 1分 |"},
	} {
		got := render(t, r, report.Markdown, lang)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", lang, w, got)
			}
		}
		page := render(t, r, report.HTML, lang)
		first := page[:strings.Index(page, `id="curve"`)]
		for _, w := range []string{want[0], `<svg id="trend-orders"`, "drl-past-7"} {
			if !strings.Contains(first, w) {
				t.Errorf("%s: no %q on the first page", lang, w)
			}
		}
	}
	var back struct {
		Trend struct {
			Runs []struct {
				Run     string
				Systems []struct {
					ActualS    *float64 `json:"actual_s"`
					ObjectiveS *float64 `json:"objective_s"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(render(t, r, report.JSON, "")), &back); err != nil {
		t.Fatal(err)
	}
	if n := len(back.Trend.Runs); n != 8 || back.Trend.Runs[7].Run != r.Run.ID || back.Trend.Runs[0].Systems[0].ActualS == nil || back.Trend.Runs[0].Systems[0].ObjectiveS == nil {
		t.Errorf("%+v", back.Trend)
	}
}

// What the style sheet doesn't know is drawn black, or not at all.
func TestEveryShapeHasALook(t *testing.T) {
	shapes := regexp.MustCompile(`<(?:rect|path|text)[^>]* class="([a-z-]+)`)
	for name, s := range map[string]*story{"met": met(t), "missed": missed(t), "two systems": twoSystems(t), "gap": gap(t), "aborted": aborted(t)} {
		r := build(t, s)
		if r.Systems[0].RTO.ActualS != nil {
			r = report.WithTrend(s.plan, r, earlier(r, 3))
		}
		page := render(t, r, report.HTML, "")
		style := page[strings.Index(page, "<style>"):strings.Index(page, "</style>")]
		for _, m := range shapes.FindAllStringSubmatch(page, -1) {
			if !regexp.MustCompile(`\.` + m[1] + `\b`).MatchString(style) {
				t.Errorf("%s: no look for %s", name, m[1])
			}
		}
	}
}

// The line of a flag goes through every lane, and nothing that is written lies under it.
func TestWordsLieAboveTheLinesOfFlags(t *testing.T) {
	page := render(t, build(t, missed(t)), report.HTML, "ja")
	for _, id := range []string{"gantt", "curve-orders"} {
		chart := page[strings.Index(page, `<svg id="`+id+`"`):]
		chart = chart[:strings.Index(chart, "</svg>")]
		word := strings.Index(chart, "<text")
		if line := strings.LastIndex(chart, `<path class="flag `); line < 0 || word < line {
			t.Errorf("%s: the last flag's line is drawn at %d, the first word at %d", id, line, word)
		}
	}
}
