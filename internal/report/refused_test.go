package report_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A report says who reached for a decision that was not theirs, and how likely each way was thought to meet
// the RTO when the question was asked.
func TestRefusalsAndChancesAreInTheReport(t *testing.T) {
	s := met(t)
	s.on(12.5, "refused/1", run.Event{Kind: run.ActRefused, By: "suzuki", Reason: plan.Text{EN: "suzuki may not decide: it takes the role commander", JA: "suzuki は決定できません（役割 commander が必要）"}.Both()}, run.RefusedAct{Act: "decide"})
	s.on(40, "refused/2", run.Event{Kind: run.ActRefused, By: "sato", Reason: plan.Text{EN: "no approval is being asked for", JA: "現在、承認は求められていません"}.Both()}, run.RefusedAct{Act: "approve"}) // too late
	asked := 0
	for i, e := range s.events {
		if e.Kind != run.DecisionAsked {
			continue
		}
		var ask run.DecisionAsk
		if err := e.Decode(&ask); err != nil {
			t.Fatal(err)
		}
		alternate, inPlace := 0.83, 0.001
		ask.AlternateMet, ask.InPlaceMet, ask.InPlaceAtBest = &alternate, &inPlace, true
		s.events[i].Data = run.Encode(ask)
		asked++
	}
	r := build(t, s)
	if asked == 0 || len(r.Refusals) != 2 || r.Refusals[0].By != "suzuki" || r.Refusals[0].Act != "decide" {
		t.Fatalf("%d questions, refusals %+v", asked, r.Refusals)
	}
	for lang, want := range map[string][]string{
		"en": {"met in 83 %", "met in at most &lt; 1 %", "Refused decisions and approvals: not theirs to make, or not asked for then", "no approval is being asked for |", "| suzuki | decide | suzuki may not decide: it takes the role commander |"},
		"ja": {"達成見込み 83 %", "達成見込み 高くても &lt; 1 %", "拒否された決定・承認（権限がない、またはその時点で求められていない操作）", "現在、承認は求められていません |", "| suzuki | 決定 | suzuki は決定できません（役割 commander が必要） |"},
	} {
		got := render(t, r, report.Markdown, lang)
		for _, w := range want {
			if !strings.Contains(strings.ReplaceAll(got, `\`, ""), w) {
				t.Errorf("%s: no %q in\n%s", lang, w, got)
			}
		}
	}
}
