package board

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
)

// Drawings are inline SVG with classes and attributes only: the pages' policy lets no
// style stand in them. Each has its figures in a table beside it.

// curveSVG is the level of service since the event, with the RTO and what the stages ask.
func curveSVG(l i18n.Lang, s systemView) template.HTML {
	if len(s.Curve) == 0 {
		return ""
	}
	const w, h, left, right, top, bottom = 520.0, 170.0, 52.0, 12.0, 26.0, 26.0
	end := max(s.UsedS, 1)
	to := end * 1.05
	if s.ObjectiveS != nil && *s.ObjectiveS < 6*end {
		to = max(to, *s.ObjectiveS*1.08)
	}
	x := func(at float64) float64 { return left + (w-left-right)*min(at, to)/to }
	y := func(level int) float64 { return top + (h-top-bottom)*float64(100-level)/100 }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="curve" viewBox="0 0 %g %g" role="img" aria-label="%s">`, w, h,
		template.HTMLEscapeString(l.T("Level of service since the event; the table below has the figures", "発生からのサービスレベルの推移。数値は下の表にあります")))
	for _, level := range []int{0, 50, 100} {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="tick-text" x="%.1f" y="%.1f" text-anchor="end">%d%%</text>`,
			left, w-right, y(level), y(level), left-6, y(level)+4, level)
	}
	step := niceStep(to)
	for at := 0.0; at <= to; at += step {
		fmt.Fprintf(&b, `<text class="tick-text" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x(at), h-6, "T+"+span(l, at))
	}
	var line strings.Builder
	for i, p := range s.Curve {
		until := end
		if i+1 < len(s.Curve) {
			until = s.Curve[i+1].AtS
		}
		if i == 0 {
			fmt.Fprintf(&line, "M%.1f %.1f", x(p.AtS), y(p.Level))
		} else {
			fmt.Fprintf(&line, "V%.1f", y(p.Level))
		}
		fmt.Fprintf(&line, "H%.1f", x(until))
	}
	fmt.Fprintf(&b, `<path class="area" d="%sV%.1fH%.1fZ"/>`, line.String(), y(0), x(s.Curve[0].AtS))
	fmt.Fprintf(&b, `<path class="level" d="%s"/>`, line.String())
	for _, st := range s.Stages {
		if at := st.Within.Seconds(); at <= to {
			fmt.Fprintf(&b, `<path class="need" d="M%.1f %.1fV%.1f"/><text class="need-text" x="%.1f" y="%.1f" text-anchor="end">RLO %d%%</text>`, x(at), y(0), y(st.Level), x(at)-4, y(st.Level)+12, st.Level)
		}
	}
	if s.ObjectiveS != nil && *s.ObjectiveS <= to {
		fmt.Fprintf(&b, `<line class="limit" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><text class="limit-text" x="%.1f" y="%.1f" text-anchor="end">RTO %s</text>`,
			x(*s.ObjectiveS), x(*s.ObjectiveS), top-6, y(0), x(*s.ObjectiveS)-4, top-8, span(l, *s.ObjectiveS))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and our own words
}

// niceStep is the distance of an axis' marks: about four of them, at round times.
func niceStep(to float64) float64 {
	for _, s := range []float64{1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400} {
		if to/s <= 4.2 {
			return s
		}
	}
	return to / 4
}

// barSVG is a step on the run's time line, with the RTO as a line across.
func barSVG(from, to, now time.Time, s progress.Step, lead *systemView, class string) template.HTML {
	whole := to.Sub(from).Seconds()
	x := func(t time.Time) float64 { return 1000 * min(1, max(0, t.Sub(from).Seconds()/whole)) }
	end := now
	if s.EndedAt != nil {
		end = *s.EndedAt
	}
	x1, x2 := x(s.StartedAt), x(end)
	var b strings.Builder
	b.WriteString(`<svg class="bar" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">`)
	fmt.Fprintf(&b, `<rect class="b-%s" x="%.1f" y="3" width="%.1f" height="14"/>`, class, min(x1, 994), max(6, x2-x1))
	if s.BudgetS != nil {
		fmt.Fprintf(&b, `<rect class="budget" x="%.1f" y="0" width="3" height="20"/>`, x(s.StartedAt.Add(time.Duration(*s.BudgetS*float64(time.Second)))))
	}
	if lead != nil && lead.Until != nil && lead.Until.Before(to) {
		fmt.Fprintf(&b, `<rect class="limit" x="%.1f" y="0" width="4" height="20"/>`, x(*lead.Until))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and our own words
}

// meterSVG is a share of a whole as a bar.
func meterSVG(part, whole int, class string) template.HTML {
	share := 0.0
	if whole > 0 {
		share = 100 * float64(part) / float64(whole)
	}
	return template.HTML(fmt.Sprintf(`<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="m-back" width="100" height="8"/><rect class="m-%s" width="%.1f" height="8"/></svg>`, template.HTMLEscapeString(class), share)) //nolint:gosec // numbers
}
