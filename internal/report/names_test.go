package report_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// People read what they call a role or a step, with the ID that commands take, also from a report
// that was written and read again; a plan that names nothing, as those of before, is told by IDs.
func TestRolesAndStepsAreCalledAsPeopleCallThem(t *testing.T) {
	p := aPlan()
	p.Estate.Roles = []plan.Role{{Name: "commander", Title: plan.Text{EN: "Commander", JA: "統括責任者"}}, {Name: "operator", Title: plan.Text{EN: "Recovery staff", JA: "復旧担当"}}}
	for i := range p.Runbooks {
		for j := range p.Runbooks[i].Steps {
			if s := &p.Runbooks[i].Steps[j]; s.ID == "promote" {
				s.Title = plan.Text{EN: "Make Osaka the primary", JA: "大阪をプライマリに昇格する"}
			}
		}
	}
	s := newStory(t, p)
	s.opening()
	s.order(13.1, "orders", "orders-failover")
	s.step("orders/failover", "orders-failover", "promote", 13.6, 14.2, "passed", "result")
	r := build(t, s)
	var back report.Report
	if err := json.Unmarshal([]byte(render(t, r, report.JSON, "")), &back); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][]string{
		"ja": {"大阪をプライマリに昇格する（promote）", "統括責任者（commander）", "復旧担当（operator）"},
		"en": {"Make Osaka the primary (promote)", "Commander ", "Recovery staff (operator)"},
	} {
		for _, one := range []report.Report{r, back} {
			text := render(t, one, report.Markdown, lang)
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s: no %q in\n%s", lang, w, text)
				}
			}
		}
	}
	old := newStory(t, aPlan())
	old.opening()
	if text := render(t, build(t, old), report.Markdown, "ja"); !strings.Contains(text, "commander") || strings.Contains(text, "（commander）") {
		t.Errorf("of a plan without titles:\n%s", text)
	}
}

// Systems, sites and those who did not answer are called by name; two systems of one title are told apart by their IDs.
func TestTablesCallSystemsSitesAndPeopleByName(t *testing.T) {
	r := build(t, met(t))
	r.Findings = []report.Finding{{ID: "F-001", Kind: run.FindingPeople, Title: "2 of 4 called did not answer", TitleJA: "未回答 2 名", Detail: "suzuki, yamazaki"}, {ID: "F-002", Kind: run.FindingPeople, Title: "a remark", TitleJA: "所見", Detail: "sato, or so they say"}}
	for lang, want := range map[string][]string{
		"en": {"| Order taking | RTO |", "| recovery decision | Order taking (orders) |", "| Suzuki Ichiro (suzuki), Yamazaki Mei (yamazaki) |", "| sato, or so they say |", "Level of service of Order taking"},
		"ja": {"| 受注システム | RTO |", "| 復旧方針の決定 | 受注システム（orders） |", "| 鈴木 一郎（suzuki）、山﨑 芽衣（yamazaki） |", "受注システムのサービスレベルの推移"},
	} {
		text := render(t, r, report.Markdown, lang)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", lang, w, text)
			}
		}
	}
	twin := r.Systems[0]
	twin.ID = "orders-two"
	r.Systems = append(r.Systems, twin)
	if text := render(t, r, report.Markdown, "en"); !strings.Contains(text, "| Order taking (orders) | RTO |") {
		t.Errorf("two systems of one title are not told apart:\n%s", text)
	}
}
