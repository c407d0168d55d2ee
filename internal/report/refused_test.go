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
	if asked == 0 || len(r.Refusals) != 1 || r.Refusals[0].By != "suzuki" || r.Refusals[0].Act != "decide" {
		t.Fatalf("%d questions, refusals %+v", asked, r.Refusals)
	}
	for lang, want := range map[string][]string{
		"en": {"met in 83 %", "met in at most &lt; 1 %", "Refused: these had no right to it", "| suzuki | decide | suzuki may not decide: it takes the role commander |"},
		"ja": {"達成見込み 83 %", "達成見込み 高くても &lt; 1 %", "拒否された操作（権限なし）", "| suzuki | 決定 | suzuki は決定できません（役割 commander が必要） |"},
	} {
		got := render(t, r, report.Markdown, lang)
		for _, w := range want {
			if !strings.Contains(strings.ReplaceAll(got, `\`, ""), w) {
				t.Errorf("%s: no %q in\n%s", lang, w, got)
			}
		}
	}
}
