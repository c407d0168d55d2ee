package board

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// bookView is a runbook as a graph and as a table.
type bookView struct {
	plan.Runbook
	Label   string
	Of      string // the system, as people call it
	Purpose string
	Graph   template.HTML
	Rows    []bookStep
	Longest string // declared time along the critical path; "" is not known
}

type bookStep struct {
	plan.Step
	Label    string
	Critical bool
	Who      string
	Role     string // whose step it is, as people call the role
	After    []string
	Budget   string
	Acts     bool // it changes something
}

func bookOf(l i18n.Lang, p plan.Plan, rb plan.Runbook, roles map[string]plan.Text) bookView {
	v := bookView{Runbook: rb, Label: rb.Title.In(string(l)), Of: systemTitle(l, p, rb.System)}
	if v.Label == "" {
		v.Label = rb.Name
	}
	for _, s := range p.Systems {
		for name, word := range map[string]string{s.Failover: l.T("failover", "フェイルオーバー"), s.InPlace: l.T("recovery in place", "被災拠点での復旧"), s.Failback: l.T("failback", "切戻し"), s.Restore: l.T("restore test", "復元試験")} {
			if name == rb.Name {
				v.Purpose = word
			}
		}
	}
	critical := criticalPath(rb.Steps)
	if d, ok := plan.LongestBudget(rb.Steps); ok {
		v.Longest = span(l, d.Seconds())
	}
	for i, s := range rb.Steps {
		row := bookStep{Step: s, Label: s.Title.In(string(l)), Critical: critical[i], Acts: s.Effect.Once() && s.Human == nil}
		if row.Label == "" {
			row.Label = s.ID
		}
		switch {
		case s.Human != nil:
			row.Role = roleTitle(l, roles, s.Human.Role)
			row.Who = row.Role
			if text := s.Human.Text.In(string(l)); text != "" && row.Label == s.ID {
				row.Label = text
			}
		case s.Site != "":
			row.Who = siteTitle(l, p, s.Site)
		}
		if s.Budget > 0 {
			row.Budget = span(l, s.Budget.Seconds())
		}
		v.Rows = append(v.Rows, row)
	}
	for i, row := range v.Rows {
		for _, n := range row.Needs {
			at := slices.IndexFunc(v.Rows, func(r bookStep) bool { return r.ID == n })
			if at < 0 {
				v.Rows[i].After = append(v.Rows[i].After, n)
				continue
			}
			v.Rows[i].After = append(v.Rows[i].After, v.Rows[at].Label)
		}
	}
	v.Graph = graphSVG(l, v.Rows)
	return v
}

// inOrder are a plan's runbooks system by system, each in the order in which they would be
// run: there, in place, and home again.
func inOrder(p plan.Plan) []plan.Runbook {
	rank := map[string]int{}
	for i, s := range p.Systems {
		for j, name := range []string{s.Failover, s.InPlace, s.Failback, s.Restore} {
			if _, known := rank[name]; name != "" && !known {
				rank[name] = 4*i + j
			}
		}
	}
	out := slices.Clone(p.Runbooks)
	slices.SortStableFunc(out, func(a, b plan.Runbook) int {
		ra, ok := rank[a.Name]
		if !ok {
			ra = 4 * len(p.Systems)
		}
		rb, ok := rank[b.Name]
		if !ok {
			rb = 4 * len(p.Systems)
		}
		return ra - rb
	})
	return out
}

// criticalPath marks the longest chain of needs by declared time; where none is declared,
// by number of steps.
func criticalPath(steps []plan.Step) []bool {
	at := map[string]int{}
	for i, s := range steps {
		at[s.ID] = i
	}
	best, from := make([]float64, len(steps)), make([]int, len(steps))
	for i := range from {
		from[i] = -2
	}
	var reach func(i int) float64
	reach = func(i int) float64 {
		if from[i] != -2 {
			return best[i]
		}
		from[i] = -1
		before := 0.0
		for _, n := range steps[i].Needs {
			if j, ok := at[n]; ok {
				if b := reach(j); b > before {
					before, from[i] = b, j
				}
			}
		}
		best[i] = before + steps[i].Budget.Seconds() + 0.001
		return best[i]
	}
	end := -1
	for i := range steps {
		if reach(i); end < 0 || best[i] > best[end] {
			end = i
		}
	}
	out := make([]bool, len(steps))
	for i := end; i >= 0; i = from[i] {
		out[i] = true
	}
	return out
}

// graphSVG draws the steps in columns, each to the right of what it needs.
func graphSVG(l i18n.Lang, rows []bookStep) template.HTML {
	const boxW, boxH, gapX, gapY, pad = 168.0, 46.0, 44.0, 16.0, 8.0
	if len(rows) == 0 || len(rows) > 200 {
		return "" // the table has them all
	}
	at := map[string]int{}
	for i, r := range rows {
		at[r.ID] = i
	}
	column := make([]int, len(rows))
	for range rows { // a plan has no cycles; a broken one must not hang
		changed := false
		for i, r := range rows {
			for _, n := range r.Needs {
				if j, ok := at[n]; ok && column[i] < column[j]+1 && column[j] < len(rows) {
					column[i], changed = column[j]+1, true
				}
			}
		}
		if !changed {
			break
		}
	}
	place, most := map[int]int{}, 0
	x, y := make([]float64, len(rows)), make([]float64, len(rows))
	for i := range rows {
		c := column[i]
		x[i], y[i] = pad+float64(c)*(boxW+gapX), pad+float64(place[c])*(boxH+gapY)
		place[c]++
		most = max(most, place[c])
	}
	w := pad*2 + float64(slices.Max(column)+1)*(boxW+gapX) - gapX
	h := pad*2 + float64(most)*(boxH+gapY) - gapY
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="graph" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`, w, h, w, h, template.HTMLEscapeString(l.T("Steps and what each waits for; the table below says the same", "ステップと前後関係。下の表と同じ内容です")))
	for i, r := range rows {
		for _, n := range r.Needs {
			j, ok := at[n]
			if !ok {
				continue
			}
			class := "edge"
			if r.Critical && rows[j].Critical {
				class += " critical"
			}
			x1, y1, x2, y2 := x[j]+boxW, y[j]+boxH/2, x[i], y[i]+boxH/2
			mid := (x1 + x2) / 2
			fmt.Fprintf(&b, `<path class="%s" d="M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0f"/>`, class, x1, y1, mid, y1, mid, y2, x2, y2)
			fmt.Fprintf(&b, `<path class="%s tip" d="M%.0f %.0fl-7 -4v8z"/>`, class, x2, y2)
		}
	}
	for i, r := range rows {
		class := "box e-" + string(r.Effect)
		if r.Human != nil {
			class = "box human"
		}
		if r.Critical {
			class += " critical"
		}
		fmt.Fprintf(&b, `<g class="%s"><title>%s</title><rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="4"/>`, class, template.HTMLEscapeString(r.ID+" · "+r.Uses), x[i], y[i], boxW, boxH)
		fmt.Fprintf(&b, `<text class="g-name" x="%.0f" y="%.0f">%s</text>`, x[i]+10, y[i]+20, template.HTMLEscapeString(cells(r.Label, 20)))
		fmt.Fprintf(&b, `<text class="g-more" x="%.0f" y="%.0f">%s</text></g>`, x[i]+10, y[i]+37, template.HTMLEscapeString(cells(effectMark(l, r), 24)))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // escaped above
}

// effectMark says what a step may do, with a sign, and how long it may take.
func effectMark(l i18n.Lang, r bookStep) string {
	word := map[run.Effect]string{run.Observe: "○ ", run.Isolated: "◇ ", run.Disrupt: "▲ ", run.Destroy: "■ "}[r.Effect] + l.Effect(r.Effect)
	if r.Human != nil {
		word = "☺ " + r.Role
	}
	if r.Budget != "" {
		word += " · " + r.Budget
	}
	return word
}

// cells cuts a text to a width, where a Japanese letter takes two.
func cells(s string, most int) string {
	n := 0
	for i, r := range s {
		w := 1
		if r > 0x2e80 {
			w = 2
		}
		if n += w; n > most {
			return s[:i] + "…"
		}
	}
	return s
}
