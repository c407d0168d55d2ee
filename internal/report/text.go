package report

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"github.com/muster-dr/muster/internal/i18n"
)

// columns is the width of a terminal's report.
const columns = 100

// writeText sets the parts of a report that fit a terminal: the verdicts first.
func writeText(d *document, l i18n.Lang) string {
	var b strings.Builder
	lang := string(l)
	fmt.Fprintf(&b, "%s  %s\n", d.Mark.In(lang), d.Title.In(lang))
	for _, f := range d.Facts {
		b.WriteString(f.In(lang) + "\n")
	}
	b.WriteString("\n")
	section := func(id string) {
		s := d.section(id)
		head := s.Title.In(lang)
		fmt.Fprintf(&b, "\n%s\n%s\n", head, strings.Repeat("-", min(columns, cells(head))))
		for _, p := range s.Lead {
			b.WriteString(strings.Join(wrap(p.In(lang), columns), "\n") + "\n")
		}
		below := len(s.Lead) > 0 // something stands above
		for _, t := range s.Tables {
			if t.Brief {
				if c := t.Caption.In(lang); c != "" {
					if below {
						b.WriteString("\n")
					}
					b.WriteString(c + "\n")
				}
				b.WriteString(t.text(lang))
				below = true
			}
		}
	}
	section("attainment")
	b.WriteString("\n" + strings.Join(wrap(d.Sentence.In(lang), columns), "\n") + "\n")
	for _, p := range d.Remarks {
		b.WriteString(strings.Join(wrap(p.In(lang), columns), "\n") + "\n")
	}
	for _, id := range []string{"pass", "curve"} {
		if len(d.section(id).Tables) > 0 {
			section(id)
		}
	}
	for _, id := range []string{"time", "timeline", "people", "decisions", "findings"} {
		section(id)
	}
	e := d.report.Evidence
	b.WriteString("\n" + l.T("Plan %s, journal %s (%d events)\n", "計画 %s、記録 %s（%d 件）\n", short(e.PlanHash), short(e.JournalDigest), e.Events))
	return b.String()
}

// text sets a table in columns; the widest give way until it fits.
func (t table) text(lang string) string {
	grid := [][]string{{}}
	for _, h := range t.Head {
		grid[0] = append(grid[0], h.In(lang))
	}
	for _, r := range t.Rows {
		row := make([]string, len(t.Head))
		for i, c := range r {
			if across(r) {
				break // it takes no part in the columns' widths
			}
			row[i] = c.Text.In(lang)
		}
		grid = append(grid, row)
	}
	keep := make([]int, len(t.Head))
	for c := range keep {
		keep[c] = c
	}
	widths := map[int]int{}
	total := 0
	for _, c := range keep {
		for _, row := range grid {
			widths[c] = max(widths[c], cells(row[c]))
		}
		total += widths[c] + 2
	}
	for total-2 > columns {
		// Prose gives way first, down to a width at which it can still be read.
		widest, prose := keep[0], false
		for _, c := range keep {
			soft := t.prose(c) && widths[c] > 16
			if soft && !prose || soft == prose && widths[c] >= widths[widest] {
				widest, prose = c, soft
			}
		}
		widths[widest]--
		total--
	}
	var b strings.Builder
	for n, row := range grid {
		if n > 0 && across(t.Rows[n-1]) {
			b.WriteString("· " + t.Rows[n-1][0].Text.In(lang) + "\n")
			continue
		}
		lines, height := map[int][]string{}, 1
		for _, c := range keep {
			lines[c] = wrap(row[c], widths[c])
			height = max(height, len(lines[c]))
		}
		for y := range height {
			var line strings.Builder
			for _, c := range keep {
				s := ""
				if y < len(lines[c]) {
					s = lines[c][y]
				}
				pad := strings.Repeat(" ", max(0, widths[c]-cells(s)))
				if n > 0 && t.number(n-1, c) {
					line.WriteString(pad + s + "  ")
				} else {
					line.WriteString(s + pad + "  ")
				}
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
	return b.String()
}

// prose reports whether a column holds sentences.
func (t table) prose(column int) bool {
	return slices.ContainsFunc(t.Rows, func(r []cell) bool {
		return !across(r) && column < len(r) && r[column].Class == "" && r[column].Text.EN != ""
	})
}

func (t table) number(row, column int) bool {
	return column < len(t.Rows[row]) && t.Rows[row][column].Class == "number"
}

// cells is how many columns of a terminal a text takes: East Asian wide characters take
// two. Ambiguous ones count as one, as terminals draw them by default.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// noStart may not begin a line and noEnd not end one (kinsoku).
const (
	noStart = "。、，．・：；？！）」』】〕〉》”’)]},.:;!?%％ー々ゃゅょっャュョッ"
	noEnd   = "（「『【〔〈《“‘([{"
)

// wrap breaks a text into lines of at most n columns: at spaces, and between Japanese
// characters where kinsoku allows. A word longer than a line is cut.
func wrap(s string, n int) []string {
	n = max(n, 4)
	var lines []string
	line := []rune{}
	used, canBreak := 0, 0 // canBreak is the length of line up to which it may be cut
	flush := func(at int) {
		lines = append(lines, strings.TrimRight(string(line[:at]), " "))
		rest := []rune(strings.TrimLeft(string(line[at:]), " "))
		line, used, canBreak = rest, cells(string(rest)), 0
	}
	for _, r := range strings.ReplaceAll(s, "\n", " ") {
		for used+cellsOf(r) > n && len(line) > 0 && r != ' ' {
			if canBreak == 0 {
				canBreak = len(line)
			}
			flush(canBreak)
		}
		if len(line) > 0 && !strings.ContainsRune(noStart, r) && !strings.ContainsRune(noEnd, line[len(line)-1]) &&
			(line[len(line)-1] == ' ' || cellsOf(r) == 2 || cellsOf(line[len(line)-1]) == 2) {
			canBreak = len(line)
		}
		if r == ' ' && len(line) == 0 {
			continue
		}
		line = append(line, r)
		used += cellsOf(r)
	}
	return append(lines, strings.TrimRight(string(line), " "))
}
