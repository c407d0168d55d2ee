package sheet

import (
	"slices"
	"strings"

	"golang.org/x/text/width"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Columns is the width of a terminal's report.
const Columns = 100

// Terminal sets the sheet for a terminal, without charts: the tables that are brief.
func (d Sheet) Terminal(l i18n.Lang) string {
	var b strings.Builder
	lang := string(l)
	b.WriteString(strings.TrimSpace(d.Mark.In(lang)+"  "+d.Title.In(lang)) + "\n")
	for _, f := range d.Facts {
		b.WriteString(f.In(lang) + "\n")
	}
	para := func(t plan.Text) { b.WriteString(strings.Join(Wrap(t.In(lang), Columns), "\n") + "\n") }
	b.WriteString("\n")
	para(d.Sentence)
	for _, r := range slices.Concat(d.Remarks, d.Brief) {
		para(r)
	}
	for _, s := range d.Sections {
		head := s.Title.In(lang)
		b.WriteString("\n" + head + "\n" + strings.Repeat("-", min(Columns, Cells(head))) + "\n")
		for _, p := range s.Lead {
			para(p)
		}
		for _, t := range s.Tables {
			if !t.Brief {
				continue
			}
			if c := t.Caption.In(lang); c != "" {
				b.WriteString(c + "\n")
			}
			b.WriteString(t.Terminal(lang))
		}
	}
	return b.String()
}

// Terminal sets a table in columns; the widest give way until it fits.
func (t Table) Terminal(lang string) string {
	grid := [][]string{{}}
	for _, h := range t.Head {
		grid[0] = append(grid[0], h.In(lang))
	}
	for _, r := range t.Rows {
		row := make([]string, len(t.Head))
		for i, c := range r {
			if Across(r) {
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
			widths[c] = max(widths[c], Cells(row[c]))
		}
		total += widths[c] + 2
	}
	for total-2 > Columns {
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
		if n > 0 && Across(t.Rows[n-1]) {
			b.WriteString("· " + t.Rows[n-1][0].Text.In(lang) + "\n")
			continue
		}
		lines, height := map[int][]string{}, 1
		for _, c := range keep {
			lines[c] = Wrap(row[c], widths[c])
			height = max(height, len(lines[c]))
		}
		for y := range height {
			var line strings.Builder
			for _, c := range keep {
				s := ""
				if y < len(lines[c]) {
					s = lines[c][y]
				}
				pad := strings.Repeat(" ", max(0, widths[c]-Cells(s)))
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
func (t Table) prose(column int) bool {
	return slices.ContainsFunc(t.Rows, func(r []Cell) bool {
		return !Across(r) && column < len(r) && r[column].Class == "" && r[column].Text.EN != ""
	})
}

func (t Table) number(row, column int) bool {
	return column < len(t.Rows[row]) && t.Rows[row][column].Class == "number"
}

// Cells is how many columns of a terminal a text takes: East Asian wide characters take
// two. Ambiguous ones count as one, as terminals draw them by default.
func Cells(s string) int {
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

// Wrap breaks a text into lines of at most n columns: at spaces, and between Japanese
// characters where kinsoku allows. A word longer than a line is cut.
func Wrap(s string, n int) []string {
	n = max(n, 4)
	var lines []string
	line := []rune{}
	used, canBreak := 0, 0 // canBreak is the length of line up to which it may be cut
	flush := func(at int) {
		lines = append(lines, strings.TrimRight(string(line[:at]), " "))
		rest := []rune(strings.TrimLeft(string(line[at:]), " "))
		line, used, canBreak = rest, Cells(string(rest)), 0
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
