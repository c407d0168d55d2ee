package board

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/muster-dr/muster/internal/forecast"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outline"
	"github.com/muster-dr/muster/internal/plan"
)

// chancesView is how likely a scenario meets its objectives. All of it is a forecast.
type chancesView struct {
	Ground string // how many runs it rests on
	Ways   []chanceView
	Lever  string // over all systems; "" where there is one way only
}

type chanceView struct {
	Open    bool // the only one is; of several each is opened by who wants it
	Label   string
	Chance  string
	Class   string
	Drawing template.HTML
	Figures []choice
	Rests   string
	Doubts  []string
	Lever   string
}

func chancesOf(l i18n.Lang, p plan.Plan, f forecast.Forecast) chancesView {
	v := chancesView{Ground: l.T("From %d drills and %d real recoveries; a forecast, never a measurement.", "過去の訓練 %d 回・本番 %d 回に基づく試算です。実測ではありません。", f.Drills, f.Real)}
	purposes := map[string]string{"failover": l.T("failover", "フェイルオーバー"), "in_place": l.T("recovery in place", "被災拠点での復旧"), "restore": l.T("restore test", "復元試験")}
	for _, w := range f.Ways {
		one := chanceView{Open: len(f.Ways) == 1, Label: systemTitle(l, p, w.System) + l.T(": ", "：") + purposes[w.Purpose], Chance: outline.Chance(l, w), Class: "idle", Drawing: chanceSVG(l, w), Rests: outline.Ground(l, w)}
		if w.Met != nil {
			one.Class = map[bool]string{true: "ok", false: "warn"}[*w.Met >= 0.8]
			if *w.Met < 0.5 {
				one.Class = "bad"
			}
		}
		if t := w.Total; t != nil {
			one.Figures = []choice{
				{Label: l.T("80 of 100 lie between", "80%が収まる範囲"), Value: span(l, t.P10) + l.T(" and ", " 〜 ") + span(l, t.P90)},
				{Label: l.T("half take at most", "中央値"), Value: span(l, t.P50)},
				{Label: l.T("80 in 100 take at most", "80%値"), Value: span(l, t.P80)},
				{Label: l.T("95 in 100 take at most", "95%値"), Value: span(l, t.P95)},
			}
		}
		one.Doubts = outline.Doubts(l, inTitles(l, p, w))
		if w.Lever != nil {
			one.Lever = outline.Lever(l, stepLabel(l, p, w.Lever.Runbook, w.Lever.Step), *w.Lever, w.Met != nil)
		}
		v.Ways = append(v.Ways, one)
	}
	if f.Lever != nil && len(f.Ways) > 1 {
		v.Lever = outline.Lever(l, systemTitle(l, p, f.Lever.System)+l.T(": ", "：")+stepLabel(l, p, f.Lever.Runbook, f.Lever.Step), *f.Lever, f.AllMet != nil)
	}
	return v
}

// inTitles names the steps without data as people call them.
func inTitles(l i18n.Lang, p plan.Plan, w forecast.Way) forecast.Way {
	names := make([]string, len(w.NoData))
	for i, id := range w.NoData {
		names[i] = stepLabel(l, p, w.Runbook, id)
	}
	w.NoData = names
	return w
}

func stepLabel(l i18n.Lang, p plan.Plan, runbook, id string) string {
	b, _ := p.Runbook(runbook)
	for _, s := range b.Steps {
		if s.ID == id && s.Title.In(string(l)) != "" {
			return s.Title.In(string(l))
		}
	}
	return id
}

// chanceSVG is how long the recovery would take, as often as each time comes, and the objective.
func chanceSVG(l i18n.Lang, w forecast.Way) template.HTML {
	if len(w.Histogram) == 0 {
		return ""
	}
	const width, height, left, right, top, bottom = 520.0, 120.0, 12.0, 12.0, 22.0, 24.0
	from, to := w.Histogram[0].FromS, w.Histogram[len(w.Histogram)-1].ToS
	wide := to - from
	if o := w.ObjectiveS; o != nil && *o > to-2*wide && *o < to+3*wide { // not where it would press the bars into a line
		from, to = min(from, *o-0.08*wide), max(to, *o+0.08*wide)
	}
	most := 0.0
	for _, b := range w.Histogram {
		most = max(most, b.Share)
	}
	x := func(s float64) float64 { return left + (width-left-right)*(s-from)/(to-from) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="curve" viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height,
		template.HTMLEscapeString(l.T("How often which time would be taken; the figures stand below", "所要時間の分布。数値は下にあります")))
	for _, bin := range w.Histogram {
		class := "b-now"
		if w.ObjectiveS != nil {
			class = "b-ok"
			if (bin.FromS+bin.ToS)/2 > *w.ObjectiveS {
				class = "b-bad"
			}
		}
		tall := (height - top - bottom) * bin.Share / most
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x(bin.FromS)+0.5, height-bottom-tall, max(0.5, x(bin.ToS)-x(bin.FromS)-1), tall)
	}
	b.WriteString(`<g>`) // apart from the bars: what is written stands on the card
	step := niceStep(to - from)
	for at := step * float64(int(from/step)+1); at <= to; at += step {
		fmt.Fprintf(&b, `<text class="tick-text" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x(at), height-6, span(l, at))
	}
	if o := w.ObjectiveS; o != nil && *o >= from && *o <= to {
		anchor, shift := "end", -5.0
		if x(*o) < width/2 {
			anchor, shift = "start", 5
		}
		fmt.Fprintf(&b, `<line class="limit" x1="%.1f" x2="%.1f" y1="4" y2="%.1f"/><text class="limit-text" x="%.1f" y="15" text-anchor="%s">%s %s</text>`,
			x(*o), x(*o), height-bottom, x(*o)+shift, anchor, l.T("objective", "目標"), span(l, *o))
	}
	b.WriteString(`</g></svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and our own words
}
