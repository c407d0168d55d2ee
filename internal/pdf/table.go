package pdf

import (
	"slices"
	"strings"
)

// Table is a table. A row of one cell goes across.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]Cell
}

// Cell is one field.
type Cell struct {
	Text   string
	Bold   bool
	Number bool // set right, never broken
	Word   bool // never broken
	Mono   bool
	Blank  bool // for people to write in
	Tone   Tone
}

const (
	cellSize = 8.0
	cellPad  = 2.6
	blankH   = 34.0
)

func (c Cell) face() Face {
	switch {
	case c.Mono:
		return Mono
	case c.Bold:
		return Bold
	}
	return Regular
}

func (c Cell) size() float64 {
	if c.Mono {
		return 7
	}
	return cellSize
}

// Table sets a table; its head stands again on every page that it goes on to.
func (d *Doc) Table(t Table) {
	if len(t.Head) == 0 {
		return
	}
	g := &grid{d: d, t: t, node: d.parent.child("Table")}
	g.measure()
	d.Gap(3)
	d.Room(cellSize*leading*4 + 30)
	if t.Caption != "" {
		n := g.node.child("Caption")
		for _, line := range d.lines(Bold, 9, Width, t.Caption) {
			d.mark(n, func() { d.put(left, d.y, Bold, 9, black, line) })
			d.y += 9 * leading
		}
		d.y += 1.5
	}
	g.head(false)
	g.body = g.node.child("TBody")
	for _, r := range t.Rows {
		g.row(r)
	}
	d.y += 6
}

// grid is a table that is being set.
type grid struct {
	d          *Doc
	t          Table
	node, body *node
	widths     []float64
}

// measure shares the width out: every column what it needs at least, and of the rest by what it
// would like.
func (g *grid) measure() {
	n := len(g.t.Head)
	least, like := make([]float64, n), make([]float64, n)
	see := func(i int, c Cell, f Face) {
		all := g.d.Measure(f, c.size(), c.Text) + 2*cellPad + 0.5
		like[i] = max(like[i], min(all, Width*0.62))
		if c.Number || c.Word {
			least[i] = max(least[i], min(all, Width*0.35))
			return
		}
		for _, a := range Atoms(Clean(c.Text)) {
			least[i] = max(least[i], min(g.d.Measure(f, c.size(), a)+2*cellPad+0.5, Width*0.22))
		}
	}
	for i, h := range g.t.Head {
		see(i, Cell{Text: h, Bold: true, Word: n < 9}, Bold)
	}
	for _, r := range g.t.Rows {
		if len(r) == 1 && n > 1 {
			continue
		}
		for i, c := range r[:min(len(r), n)] {
			see(i, c, c.face())
			if c.Blank {
				like[i] = max(like[i], Width*0.3)
			}
		}
	}
	sum := func(list []float64) (s float64) {
		for _, v := range list {
			s += v
		}
		return s
	}
	g.widths = make([]float64, n)
	floor, want := sum(least), sum(like)
	for i := range g.widths {
		switch {
		case floor >= Width:
			g.widths[i] = least[i] * Width / floor
		case want <= Width:
			g.widths[i] = like[i] + (Width-want)*like[i]/want
		default:
			g.widths[i] = least[i] + (like[i]-least[i])*(Width-floor)/(want-floor)
		}
	}
}

// head sets the heads of the columns; again is on a further page, where they say nothing new.
func (g *grid) head(again bool) {
	d := g.d
	var lines [][]string
	most := 1
	for i, h := range g.t.Head {
		l := d.lines(Bold, cellSize, g.widths[i]-2*cellPad, h)
		lines, most = append(lines, l), max(most, len(l))
	}
	h := float64(most)*cellSize*leading + 2*cellPad
	d.artifact(func() {
		x := left
		for _, w := range g.widths {
			d.fill(pale, x, d.y, w, h)
			d.frame(grey, 0.5, nil, x, d.y, w, h)
			x += w
		}
	})
	draw := func(i int, x float64) {
		for n, line := range lines[i] {
			d.put(x+cellPad, d.y+cellPad+cellSize*(leading-1)/2+float64(n)*cellSize*leading, Bold, cellSize, black, line)
		}
	}
	x := left
	var row *node
	if !again {
		row = g.node.child("THead").child("TR")
	}
	for i, w := range g.widths {
		if again {
			d.artifact(func() { draw(i, x) })
		} else {
			th := row.child("TH")
			th.scope = "Column"
			d.mark(th, func() { draw(i, x) })
		}
		x += w
	}
	d.y += h
}

// row sets a row, on two pages when it is taller than what one has.
func (g *grid) row(r []Cell) {
	d := g.d
	tr := g.body.child("TR")
	across := len(r) == 1 && len(g.t.Head) > 1
	widths := g.widths
	if across {
		widths, r[0].Bold = []float64{Width}, true
	}
	lines, nodes := make([][]string, len(widths)), make([]*node, len(widths))
	blank, most := false, 1
	for i := range widths {
		if i >= len(r) {
			r = append(slices.Clone(r), Cell{})
		}
		lines[i] = d.lines(r[i].face(), r[i].size(), widths[i]-2*cellPad, r[i].Text)
		most, blank = max(most, len(lines[i])), blank || r[i].Blank
		nodes[i] = tr.child("TD")
		if across {
			nodes[i].tag, nodes[i].scope, nodes[i].span = "TH", "Row", len(g.t.Head)
		}
	}
	for from := 0; from < most; {
		h := float64(most-from)*cellSize*leading + 2*cellPad
		if blank && from == 0 {
			h = max(h, blankH)
		}
		upto := most
		if room := pageH - bottom - d.y; h > room {
			fits := int((room - 2*cellPad) / (cellSize * leading))
			if tall := h > (pageH-top-bottom)/2; !tall || fits < 3 {
				d.newPage()
				g.head(true)
				if h > pageH-bottom-d.y {
					fits = int((pageH - bottom - d.y - 2*cellPad) / (cellSize * leading))
				} else {
					fits = most
				}
			}
			if upto = min(most, from+fits); upto < most {
				h = float64(upto-from)*cellSize*leading + 2*cellPad
			}
		}
		g.part(r, lines, nodes, widths, from, upto, h)
		if from = upto; from < most {
			d.newPage()
			g.head(true)
		}
	}
}

// part sets some lines of a row.
func (g *grid) part(r []Cell, lines [][]string, nodes []*node, widths []float64, from, upto int, h float64) {
	d := g.d
	d.artifact(func() {
		x := left
		for i, w := range widths {
			if r[i].Blank {
				d.frame(soft, 0.7, []float64{2, 2}, x+0.5, d.y+0.5, w-1, h-1)
			} else {
				d.frame(grey, 0.5, nil, x, d.y, w, h)
			}
			if r[i].Tone != Neutral {
				d.fill(r[i].Tone.ink(), x, d.y, 2.4, h)
			}
			x += w
		}
	})
	x := left
	for i, w := range widths {
		if strings.TrimSpace(strings.Join(lines[i], "")) == "" {
			x += w
			continue
		}
		d.mark(nodes[i], func() {
			for n := from; n < min(upto, len(lines[i])); n++ {
				at, size := x+cellPad, r[i].size()
				if r[i].Number {
					at = x + w - cellPad - d.Measure(r[i].face(), size, lines[i][n])
				}
				c := black
				if r[i].Blank {
					c = soft
				}
				d.put(at, d.y+cellPad+cellSize*(leading-1)/2+float64(n-from)*cellSize*leading, r[i].face(), size, c, lines[i][n])
			}
		})
		x += w
	}
	d.y += h
}
