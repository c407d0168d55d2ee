package book

import (
	"fmt"
	"io"
	"time"
)

const (
	cardText  = 6.6
	cardItem  = 7.4
	cardTitle = 8.6
	cardLead  = 1.36 // of a line, in sizes
	stripTop  = 11 * mm
	stripLeft = (210 - stripsASheet*panelW) / 2 * mm
)

// WritePDF writes the cards as PDF. Letters that the font lacks are set as 〓 and returned;
// what does not fit a panel is an error: a card that leaves a line out is worse than none.
func (c Cards) WritePDF(w io.Writer, f Fonts, at time.Time) (missing []rune, err error) {
	s, err := newSheet(f, c.Title, at)
	if err != nil {
		return nil, err
	}
	for _, sheet := range c.Sheets() {
		s.pdf.AddPage()
		for i, card := range sheet {
			x := stripLeft + float64(i)*panelW*mm
			for j, p := range card.Panels {
				y := stripTop + float64(j)*panelH*mm
				if over := s.panel(c, p, x, y); over > 0 {
					return nil, fmt.Errorf("%s: panel %q of the card has %.0f mm too much text; shorten the names, places or addresses of the estate", card.Person, p.Title, over/mm+0.5)
				}
			}
			s.marks(x)
		}
		s.use(face, 6.5)
		how := "Cut along the marks, fold at the dashed lines."
		if c.Lang == "ja" {
			how = "トンボに沿って切り、破線で折る。"
		}
		s.put(stripLeft, pageH-6*mm, how)
	}
	if s.err != nil {
		return nil, s.err
	}
	for r := range s.missing {
		missing = append(missing, r)
	}
	_, err = s.pdf.WriteTo(w)
	return missing, err
}

// marks draws where a strip is cut and where it is folded.
func (s *sheet) marks(x float64) {
	const gap, long = 1 * mm, 4 * mm
	right, bottom := x+panelW*mm, stripTop+panels*panelH*mm
	s.pdf.SetLineWidth(0.4)
	for _, at := range []float64{x, right} {
		s.pdf.Line(at, stripTop-gap-long, at, stripTop-gap)
		s.pdf.Line(at, bottom+gap, at, bottom+gap+long)
	}
	if x == stripLeft {
		s.pdf.Line(x-gap-long, stripTop, x-gap, stripTop)
		s.pdf.Line(x-gap-long, bottom, x-gap, bottom)
	} else {
		s.pdf.Line(right+gap, stripTop, right+gap+long, stripTop)
		s.pdf.Line(right+gap, bottom, right+gap+long, bottom)
	}
	s.pdf.SetLineType("dashed")
	s.pdf.SetLineWidth(0.3)
	for j := 1; j < panels; j++ {
		y := stripTop + float64(j)*panelH*mm
		s.pdf.Line(x, y, right, y)
	}
	s.pdf.SetLineType("solid")
}

// scales are the sizes that a panel is tried at, the largest that fits is taken.
var scales = []float64{1.3, 1.22, 1.14, 1.07, 1, 0.93, 0.86}

// panel draws a face as large as it fits, and returns by how much it is too full.
func (s *sheet) panel(c Cards, p Panel, x, y float64) (over float64) {
	for _, scale := range scales {
		s.dry = true
		over = s.panelAt(c, p, x, y, scale)
		s.dry = false
		if over <= 0 {
			s.panelAt(c, p, x, y, scale)
			return 0
		}
	}
	return over
}

func (s *sheet) panelAt(c Cards, p Panel, x, y, scale float64) (over float64) {
	const inset = 3.2 * mm
	left, width, bottom := x+inset, panelW*mm-2*inset, y+panelH*mm-1.6*mm
	y += 2.4 * mm
	lines := func(at, w float64, text string) {
		for _, line := range s.lines(text, w) {
			s.put(at, y, line)
			y += s.size * cardLead
		}
	}
	s.use(faceBold, cardTitle)
	lines(left, width, p.Title)
	s.rule(left, y, left+width, y, 0.8)
	y += 1.1 * mm
	if p.Lead != "" {
		s.use(face, cardText*scale)
		lines(left, width, p.Lead)
		y += 0.6 * mm
	}
	s.use(face, cardItem*scale)
	for i, item := range p.Items {
		s.put(left, y, fmt.Sprintf("%d.", i+1))
		lines(left+4.8*mm, width-4.8*mm, item)
		y += 0.25 * mm
	}
	label := 21 * mm * max(scale, 1)
	for _, r := range p.Rows {
		begin := y
		s.use(faceBold, cardText*scale)
		lines(left, label-1*mm, r[0])
		end := y
		y = begin
		s.use(face, cardText*scale)
		lines(left+label, width-label, r[1])
		y = max(y, end) + 0.35*mm
	}
	for _, b := range p.Blanks {
		s.use(face, cardText*min(scale, 1.07))
		s.put(left, y+1*mm, b)
		y += 3.8 * mm * min(scale, 1.07)
		s.rule(left+label, y-0.4*mm, left+width, y-0.4*mm, 0.3)
	}
	s.use(face, 5)
	stamp := c.Stamp + " ／ " + c.Class
	s.put(left+width-s.width(stamp), bottom-5, stamp)
	limit := bottom - 6.5
	if p.Note == "" {
		return y - limit
	}
	s.use(faceBold, cardText*min(scale, 1.14))
	h := float64(len(s.lines(p.Note, width-3*mm)))*s.size*cardLead + 1.6*mm
	top := limit - h
	over = y - top
	if !s.dry {
		s.pdf.SetLineWidth(0.9)
		s.pdf.RectFromUpperLeft(left, top, width, h)
	}
	y = top + 0.9*mm
	lines(left+1.5*mm, width-3*mm, p.Note)
	return over
}
