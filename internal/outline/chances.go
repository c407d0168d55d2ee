package outline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/i18n"
)

// chances is how likely the objectives are met, with what that rests on.
func (t *text) chances(o Outline) {
	f := o.Chances
	if f == nil || len(f.Ways) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.l.T("CHANCES: a forecast from %d drills and %d real recoveries, %d draws; never a measurement",
		"達成見込み: 過去の訓練 %d 回・本番 %d 回に基づく試算（%d 通り）。実測ではありません", f.Drills, f.Real, f.Draws))
	if o.NoPast != nil {
		t.line("  %s", o.NoPast.In(t.lang))
	}
	for _, w := range f.Ways {
		t.chance(w)
	}
	if f.Lever != nil && len(f.Ways) > 1 {
		t.line("  %s", t.l.T("over all systems: %s", "全システムを通じて: %s", Lever(t.l, t.stepName(f.Lever.Runbook, f.Lever.Step), *f.Lever, true)))
	}
}

func (t *text) chance(w forecast.Way) {
	purpose := map[string]string{"failover": t.l.T("failover", "フェイルオーバー"), "in_place": t.l.T("recovery in place", "被災拠点での復旧"), "restore": t.l.T("restore test", "復元試験")}[w.Purpose]
	t.line("  %s  %s", w.System, purpose)
	t.line("    %s", Chance(t.l, w))
	if w.Total != nil {
		t.line("    %s", t.l.T("80 in 100 take %s to %s; half take at most %s, 80 %% %s, 95 %% %s", "80%%は %s から %s の間。中央値 %s、80%%値 %s、95%%値 %s",
			whole(t.l, w.Total.P10), whole(t.l, w.Total.P90), whole(t.l, w.Total.P50), whole(t.l, w.Total.P80), whole(t.l, w.Total.P95)))
		t.line("    %s", bars(t.l, w))
	}
	t.line("    %s", Ground(t.l, w))
	doubted := w
	doubted.NoData = t.stepNames(w.Runbook, w.NoData)
	for _, s := range Doubts(t.l, doubted) {
		t.line("    %s", s)
	}
	if w.Lever != nil {
		t.line("    %s", Lever(t.l, t.stepName(w.Lever.Runbook, w.Lever.Step), *w.Lever, w.Met != nil))
	}
}

// Chance is how likely a way meets its objective, in one sentence.
func Chance(l i18n.Lang, w forecast.Way) string {
	switch {
	case !w.Grounded:
		return l.T("NO DATA: no step has a past or a budget, so there is no forecast", "データなし: 実績も目安時間もあるステップがなく、試算できません")
	case w.Met == nil:
		return l.T("no objective to compare with", "比較する目標が未設定です")
	case w.AtBest && w.AtLimits:
		return l.T("met in %s within the objective of %s, if people take all the time they may and what has no data takes none", "目標 %[2]s に収まる見込み %[1]s（要員は上限まで、データのないものは 0 として計算した場合）", i18n.Percent(*w.Met), whole(l, *w.ObjectiveS))
	case w.AtLimits:
		return l.T("met in at least %s within the objective of %s: people count with all the time they may take", "目標 %[2]s に収まる見込みは低くても %[1]s（要員は上限までかかるものとして計算）", i18n.Percent(*w.Met), whole(l, *w.ObjectiveS))
	case w.AtBest:
		return l.T("met in at most %s within the objective of %s: what has no data counts nothing", "目標 %[2]s に収まる見込みは高くても %[1]s（データのないものは 0 として計算）", i18n.Percent(*w.Met), whole(l, *w.ObjectiveS))
	}
	return l.T("met in %s within the objective of %s", "目標 %[2]s に収まる見込み %[1]s", i18n.Percent(*w.Met), whole(l, *w.ObjectiveS))
}

// Ground is what a way's forecast rests on.
func Ground(l i18n.Lang, w forecast.Way) string {
	past, budgets, most := 0, 0, 0
	for _, s := range w.Steps {
		switch s.Basis {
		case forecast.BasisPast:
			past, most = past+1, max(most, s.Past)
		case forecast.BasisBudget:
			budgets++
		}
	}
	var out []string
	if past > 0 {
		out = append(out, l.T("past times of %d steps (up to %d runs)", "実績 %d ステップ（最大 %d 回）", past, most))
	}
	if budgets > 0 {
		out = append(out, l.T("budgets of %d, assumed to hold within half and twice", "目安時間 %d ステップ（半分から2倍の範囲と仮定）", budgets))
	}
	if len(out) == 0 {
		return l.T("rests on nothing", "根拠なし")
	}
	return l.T("rests on ", "根拠: ") + strings.Join(out, l.T("; ", "、"))
}

// Doubts are what a way's forecast does not know.
func Doubts(l i18n.Lang, w forecast.Way) []string {
	var out []string
	if len(w.NoData) > 0 {
		const most = 8
		names := strings.Join(w.NoData[:min(most, len(w.NoData))], l.T(", ", "、"))
		if more := len(w.NoData) - most; more > 0 {
			names += l.T(" and %d more", " ほか %d 件", more)
		}
		out = append(out, l.T("no data: %s", "データなし: %s", names))
	}
	words := Parts(l)
	var limits, none []string
	for _, p := range w.Parts {
		switch {
		case p.Basis == forecast.BasisLimit:
			limits = append(limits, words[p.Part]+" "+whole(l, p.MedianS))
		case p.Basis == forecast.BasisNone && (p.Part == forecast.PartDetect || p.Part == forecast.PartVerify):
			none = append(none, words[p.Part])
		}
	}
	if len(limits) > 0 {
		out = append(out, l.T("never measured with real people, so their limits count in full: %s", "実在の要員による実績がなく、上限をそのまま算入: %s", strings.Join(limits, l.T(", ", "、"))))
	}
	if other := otherKind(w, words); len(other) > 0 {
		out = append(out, l.T("too few past runs of which people knew as much before as of this one, so announced drills count together with blind and real ones: %s",
			"事前告知の条件が同じ実績が少ないため、告知ありの訓練と非提示型・本番の実績を合わせて算入: %s", strings.Join(other, l.T(", ", "、"))))
	}
	if len(none) > 0 {
		out = append(out, l.T("no data: %s", "データなし: %s", strings.Join(none, l.T(", ", "、"))))
	}
	return out
}

// otherKind are the parts and steps of people that rest on runs of the other kind too.
func otherKind(w forecast.Way, words map[string]string) []string {
	var out []string
	for _, p := range w.Parts {
		if p.Other > 0 {
			out = append(out, fmt.Sprintf("%s (%d/%d)", words[p.Part], p.Other, p.Past))
		}
	}
	for _, s := range w.Steps {
		if s.Other > 0 {
			out = append(out, fmt.Sprintf("%s (%d/%d)", s.Step, s.Other, s.Past))
		}
	}
	return out
}

// Parts are the words for the parts of a recovery.
func Parts(l i18n.Lang) map[string]string {
	return map[string]string{forecast.PartDetect: l.T("detection", "検知"), forecast.PartPeople: l.T("people", "要員"), forecast.PartDecide: l.T("decision", "判断"), forecast.PartVerify: l.T("verification", "復旧確認")}
}

// Lever says what a faster step would buy.
func Lever(l i18n.Lang, step string, v forecast.Lever, judged bool) string {
	out := l.T("speeding up %s buys most: a fifth faster", "短縮効果が最大のステップ: %s。2割短縮すると", step)
	if judged && v.MetGain >= 0.005 {
		out += l.T(", the objective is met %.0f points more often", "達成見込みが %.0f ポイント上がり", 100*v.MetGain)
	}
	return out + l.T(", the 80 %% figure falls by %s; it decides the time in %s of the draws", "、80%%値が %s 短くなる（所要時間を左右する割合 %s）", short(l, v.P80GainS), i18n.Percent(v.Critical))
}

// bars is the distribution in one line, with the objective where it falls.
func bars(l i18n.Lang, w forecast.Way) string {
	signs := []rune("▁▂▃▄▅▆▇█")
	most := slices.MaxFunc(w.Histogram, func(a, b forecast.Bin) int {
		switch {
		case a.Share < b.Share:
			return -1
		case a.Share > b.Share:
			return 1
		}
		return 0
	}).Share
	var b strings.Builder
	marked := w.ObjectiveS == nil
	for _, x := range w.Histogram {
		if !marked && *w.ObjectiveS < x.FromS+(x.ToS-x.FromS)/2 {
			b.WriteString("|")
			marked = true
		}
		if x.Share == 0 {
			b.WriteString(" ")
			continue
		}
		b.WriteRune(signs[min(len(signs)-1, int(x.Share/most*float64(len(signs))))])
	}
	out := whole(l, w.Histogram[0].FromS) + " " + b.String() + " " + whole(l, w.Histogram[len(w.Histogram)-1].ToS)
	if w.ObjectiveS != nil && !strings.Contains(b.String(), "|") {
		return out + "  | " + whole(l, *w.ObjectiveS)
	}
	return out
}

// whole is a time to the second, or finer when it is short.
func whole(l i18n.Lang, s float64) string {
	if s >= 10 {
		return l.Span(float64(int(s + 0.5)))
	}
	return short(l, s)
}

func short(l i18n.Lang, s float64) string { return l.Span(float64(int(s*10+0.5)) / 10) }
