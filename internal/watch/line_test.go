package watch

import (
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A line holds words, and no code of the record.
func TestLinesAreInWords(t *testing.T) {
	of := plan.Plan{Estate: plan.Estate{People: []plan.Person{{ID: "sato", Name: plan.Text{EN: "Sato Misaki", JA: "佐藤 美咲"}}, {ID: "ito", Name: plan.Text{EN: "Ito Sakura", JA: "伊藤 さくら"}}},
		Places: []plan.Place{{Name: "hq", Title: plan.Text{EN: "Headquarters", JA: "対策本部室"}}}}}
	for _, c := range []struct {
		kind   run.EventKind
		data   any
		en, ja string
	}{
		{run.DecisionMade, run.Decision{Answer: run.Alternate}, "decided for orders: switch to the alternate site (Sato Misaki)", "orders の判断: 代替拠点へ切り替え (佐藤 美咲)"},
		{run.DraftMade, run.Draft{Choice: run.InPlace}, "drafted for orders: recover in place (Sato Misaki)", "orders の復旧方針案: 被災拠点で復旧 (佐藤 美咲)"},
		{run.StepActed, run.StepAct{Act: run.ActSkip}, "step orders fence: skipped (Sato Misaki)", "ステップ orders fence: 省略した (佐藤 美咲)"},
		{run.ForceAsked, run.StepAct{Act: run.ActDone}, "step orders fence: mark as done asked (Sato Misaki); another person has to confirm it", "ステップ orders fence: 完了扱い の要請 (佐藤 美咲)。別の人の確認が必要"},
		{run.ActRefused, run.RefusedAct{Act: "decide"}, "NOT ACCEPTED: Sato Misaki's decision", "受け付けず: 佐藤 美咲の決定操作"},
		{run.StepWaiting, run.Wait{Kind: run.WaitUnknown, Role: "dba"}, "step orders fence OUTCOME UNKNOWN, waits for dba", "ステップ orders fence【結果不明】dbaの対応待ち"},
		{run.StepWaiting, run.Wait{Kind: run.WaitFailed, Role: "dba"}, "step orders fence FAILED, waits for dba", "ステップ orders fence【失敗】dbaの対応待ち"},
		{run.StepWaiting, run.Wait{Kind: run.WaitAbsent, Role: "dba"}, "step orders fence NO WORKER, waits for dba", "ステップ orders fence【ワーカー不在】dbaの対応待ち"},
		{run.StepWaiting, run.Wait{Kind: run.WaitHuman, Role: "dba"}, "step orders fence WAITS for dba", "ステップ orders fence dbaの対応待ち"},
		{run.CompletionReport, nil, "completion confirmed (Sato Misaki)", "復旧完了を報告 (佐藤 美咲)"},
		{run.CallHeld, nil, "call-out HELD: `muster drill callout send r-1`; false alarm: `muster drill callout cancel r-1 --reason WHY`", "召集を保留中: `muster drill callout send r-1`。誤報の場合: `muster drill callout cancel r-1 --reason 理由`"},
		{run.DamageAssessed, run.Assessment{Damage: run.DamageStopped, Source: "probe"}, "orders assessed: stopped (probe)", "orders 被害確認: 停止 (プローブ)"},
		{run.PersonStandsIn, run.StandIn{For: "sato", Why: run.WhySilent}, "Ito Sakura stands in for Sato Misaki (no answer)", "伊藤 さくら が 佐藤 美咲 を代行 (未回答)"},
		{run.RoleHandedOver, run.Handover{Role: "commander", From: "sato", To: "ito"}, "role commander: Sato Misaki hands over to Ito Sakura", "役割 commander: 佐藤 美咲 から 伊藤 さくら へ引き継ぎ"},
		{run.MusterMoved, run.MusterMove{To: "hq"}, "MUSTER MOVED to Headquarters (Sato Misaki)", "参集場所を 対策本部室 に変更 (佐藤 美咲)"},
		{run.FindingOpened, run.Finding{Kind: run.FindingHand, Detail: "x"}, "finding: by hand x", "指摘: 手作業 x"},
	} {
		e := run.Event{Run: "r-1", Kind: c.kind, By: "sato", Person: "ito", Phase: run.Completion, System: "orders", Step: "fence", Data: run.Encode(c.data)}
		for lang, want := range map[i18n.Lang]string{i18n.EN: c.en, i18n.JA: c.ja} {
			if got := Line(lang, of, e); got != want {
				t.Errorf("%s %s: %q, want %q", lang, c.kind, got, want)
			}
		}
	}
}

// What muster did not take does not read as somebody's own no.
func TestARefusalOfMusterIsNobodysNo(t *testing.T) {
	e := run.Event{Kind: run.ActRefused, By: "sato", Reason: "no approval is being asked for / 現在、承認は求められていません", Data: run.Encode(run.RefusedAct{Act: "approve"})}
	for lang, want := range map[i18n.Lang]string{i18n.EN: "NOT ACCEPTED: sato's approval: no approval is being asked for", i18n.JA: "受け付けず: satoの承認操作（現在、承認は求められていません）"} {
		if got := Line(lang, plan.Plan{}, e); got != want {
			t.Errorf("%s: %q, want %q", lang, got, want)
		}
	}
}
