package book

const (
	cellSize = 8.5
	padX     = 1.4 * mm
	padY     = 1.1 * mm
	tallRow  = 9 * mm
)

// table draws a table; its head is repeated on every page.
func (s *sheet) table(b Block) {
	columns := len(b.Widths)
	if columns == 0 && len(b.Rows) > 0 {
		columns = len(b.Rows[0])
	}
	widths, sum := make([]float64, columns), 0.0
	for i := range widths {
		widths[i] = 1
		if i < len(b.Widths) {
			widths[i] = b.Widths[i]
		}
		sum += widths[i]
	}
	for i := range widths {
		widths[i] *= usedW / sum
	}
	least := 0.0
	if b.Tall {
		least = tallRow
	}
	head := func() {
		if len(b.Head) > 0 {
			s.row(b.Head, widths, 0, faceBold, true, nil)
		}
	}
	first := 0.0
	if len(b.Rows) > 0 {
		first = s.rowHeight(b.Rows[0], widths, least, face)
	}
	if len(b.Head) > 0 {
		first += s.rowHeight(b.Head, widths, 0, faceBold)
	}
	s.room(min(first, pageH-marginT-marginB))
	head()
	for _, r := range b.Rows {
		s.row(r, widths, least, face, false, head)
	}
	s.y += 2.5 * mm
}

func (s *sheet) rowHeight(cells []string, widths []float64, least float64, font string) float64 {
	s.use(font, cellSize)
	h := least
	for i, c := range cells {
		h = max(h, float64(len(s.lines(c, widths[i]-2*padX)))*cellSize*1.4+2*padY)
	}
	return h
}

// row draws one row; again is called at the head of a new page.
func (s *sheet) row(cells []string, widths []float64, least float64, font string, shaded bool, again func()) {
	h := s.rowHeight(cells, widths, least, font)
	if s.y+h > pageH-marginB && h < pageH-marginT-marginB {
		s.newPage()
		if again != nil {
			again()
		}
		s.use(font, cellSize)
	}
	x := marginL
	s.pdf.SetLineWidth(0.4)
	for i, c := range cells {
		if shaded {
			s.pdf.SetFillColor(230, 230, 230)
			s.pdf.RectFromUpperLeftWithStyle(x, s.y, widths[i], h, "F")
			s.pdf.SetFillColor(0, 0, 0)
		}
		s.pdf.RectFromUpperLeft(x, s.y, widths[i], h)
		for j, line := range s.lines(c, widths[i]-2*padX) {
			s.put(x+padX, s.y+padY+float64(j)*cellSize*1.4, line)
		}
		x += widths[i]
	}
	s.y += h
}

// Columns of a step: a box to tick, its number, what to do, and who signs.
const (
	stepNo   = 8 * mm
	stepText = 17 * mm
	signW    = 36 * mm
	stepW    = usedW - stepText - signW - 3*mm
	codeSize = 8.0
)

func (s *sheet) meta(b Block) string {
	out := b.Who
	for _, m := range b.Meta {
		out += " ・ " + m
	}
	return out
}

func (s *sheet) stepHeight(b Block) float64 {
	s.use(faceBold, bodySize)
	h := s.height(b.Text, stepW)
	s.use(face, smallSize)
	h += s.height(s.meta(b), stepW)
	if len(b.Code) > 0 {
		s.use(faceMono, codeSize)
		for _, c := range b.Code {
			h += float64(len(s.lines(c, stepW-3*mm))) * codeSize * 1.35
		}
		h += 3 * mm
	}
	return max(h+3*mm, 19*mm)
}

// step draws a step that is ticked off. One that is taller than a page is broken.
func (s *sheet) step(b Block) {
	h := s.stepHeight(b)
	if h < pageH-marginT-marginB {
		s.room(h)
	}
	top := s.y
	s.pdf.SetLineWidth(1)
	s.pdf.RectFromUpperLeft(marginL, top+1*mm, 5*mm, 5*mm)
	s.use(faceBold, 13)
	s.put(marginL+stepNo, top+1*mm, b.No)
	begun, done, by := "begun", "done", "by"
	if s.doc.Lang == "ja" {
		begun, done, by = "開始", "完了", "氏名"
	}
	s.pdf.SetLineWidth(0.4)
	s.use(face, smallSize)
	for i, word := range []string{begun, done, by} {
		y := top + 1.2*mm + float64(i)*5.8*mm
		x := pageW - marginR - signW
		s.put(x, y, word)
		s.pdf.Line(x+10*mm, y+4*mm, pageW-marginR, y+4*mm)
	}
	page := s.page
	s.y = top + 1*mm
	x := marginL + stepText
	s.use(faceBold, bodySize)
	s.text(x, stepW, b.Text)
	s.use(face, smallSize)
	s.text(x, stepW, s.meta(b))
	if len(b.Code) > 0 {
		s.use(faceMono, codeSize)
		s.y += 0.8 * mm
		for _, c := range b.Code {
			for _, line := range s.lines(c, stepW-3*mm) {
				s.room(codeSize * 1.35)
				s.pdf.SetFillColor(240, 240, 240)
				s.pdf.RectFromUpperLeftWithStyle(x, s.y-0.6, stepW, codeSize*1.35+0.6, "F")
				s.pdf.SetFillColor(0, 0, 0)
				s.put(x+1.5*mm, s.y+0.6, line)
				s.y += codeSize * 1.35
			}
		}
		s.y += 1.2 * mm
	}
	if s.page == page {
		s.y = max(s.y, top+18.5*mm)
	}
	s.pdf.SetLineWidth(0.3)
	s.pdf.Line(marginL, s.y, marginL+usedW, s.y)
	s.y += 1.2 * mm
}
