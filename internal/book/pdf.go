package book

import (
	"fmt"
	"io"
	"time"

	"github.com/signintech/gopdf"

	"github.com/muster-dr/muster/internal/pdf"
)

// mm is a millimetre in points.
const mm = 72 / 25.4

// A4, and what of it is used. The left margin has room for holes.
const (
	pageW, pageH  = 210 * mm, 297 * mm
	marginL       = 20 * mm
	marginR       = 15 * mm
	marginT       = 22 * mm
	marginB       = 20 * mm
	usedW         = pageW - marginL - marginR
	leading       = 1.5 // of a line, in sizes
	bodySize      = 9.5
	smallSize     = 8.0
	face          = "text"
	faceBold      = "bold"
	faceMono      = "mono"
	missingLetter = '〓' // what Japanese printers set where a letter is missing
)

// sheet draws on pages.
type sheet struct {
	pdf     *gopdf.GoPdf
	doc     Document
	y       float64
	page    int
	total   int
	font    string
	size    float64
	widths  map[string]map[rune]float64 // by font, for a size of 1
	missing map[rune]bool
	dry     bool // measures only
	err     error
}

func newSheet(f Fonts, title string, at time.Time) (*sheet, error) {
	s := &sheet{pdf: &gopdf.GoPdf{}, widths: map[string]map[rune]float64{}, missing: map[rune]bool{}}
	s.pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4, Unit: gopdf.UnitPT})
	s.pdf.SetInfo(gopdf.PdfInfo{Title: title, Creator: "muster", Producer: "muster", CreationDate: at})
	for _, x := range []struct {
		name string
		data []byte
	}{{face, f.Regular}, {faceBold, f.Bold}, {faceMono, f.Mono}} {
		opt := gopdf.TtfOption{OnGlyphNotFoundSubstitute: func(r rune) rune {
			s.missing[r] = true
			return missingLetter
		}}
		if err := s.pdf.AddTTFFontDataWithOption(x.name, x.data, opt); err != nil {
			return nil, fmt.Errorf("font: %w", err)
		}
		s.widths[x.name] = map[rune]float64{}
	}
	return s, nil
}

func (s *sheet) use(font string, size float64) {
	s.font, s.size = font, size
	if err := s.pdf.SetFont(font, "", size); err != nil && s.err == nil {
		s.err = err
	}
}

// width measures in the font that is in use.
func (s *sheet) width(text string) float64 {
	w := 0.0
	for _, r := range text {
		one, ok := s.widths[s.font][r]
		if !ok {
			v, err := s.pdf.MeasureTextWidth(string(r))
			if err != nil && s.err == nil {
				s.err = err
			}
			one = v / s.size
			s.widths[s.font][r] = one
		}
		w += one * s.size
	}
	return w
}

// put draws a line of text with its top left corner at a place.
func (s *sheet) put(x, y float64, text string) {
	if text == "" || s.dry {
		return
	}
	s.pdf.SetXY(x, y)
	if err := s.pdf.Cell(nil, text); err != nil && s.err == nil {
		s.err = err
	}
}

// rule draws a line.
func (s *sheet) rule(x1, y1, x2, y2, width float64) {
	if s.dry {
		return
	}
	s.pdf.SetLineWidth(width)
	s.pdf.Line(x1, y1, x2, y2)
}

// lines breaks text in the font that is in use.
func (s *sheet) lines(text string, width float64) []string {
	return pdf.Wrap(pdf.Clean(text), width, s.width)
}

// text draws text and moves down.
func (s *sheet) text(x, width float64, text string) {
	for _, line := range s.lines(text, width) {
		s.room(s.size * leading)
		s.put(x, s.y, line)
		s.y += s.size * leading
	}
}

// height is what text takes.
func (s *sheet) height(text string, width float64) float64 {
	return float64(len(s.lines(text, width))) * s.size * leading
}

// room begins a page when a height is not left.
func (s *sheet) room(h float64) {
	if s.page == 0 || s.y+h > pageH-marginB {
		s.newPage()
	}
}

func (s *sheet) newPage() {
	font, size := s.font, s.size
	s.pdf.AddPage()
	s.page++
	s.use(face, smallSize)
	s.put(marginL, 10*mm, s.doc.Title)
	s.use(face, 7)
	for i, line := range s.lines(s.doc.Class, 100*mm) {
		s.put(pageW-marginR-s.width(line), 9*mm+float64(i)*9, line)
	}
	s.pdf.SetLineWidth(0.4)
	s.pdf.Line(marginL, 16*mm, pageW-marginR, 16*mm)
	s.use(face, smallSize)
	s.put(marginL, pageH-13*mm, s.doc.Stamp)
	no := fmt.Sprintf("%d / %d", s.page, s.total)
	s.put(pageW-marginR-s.width(no), pageH-13*mm, no)
	s.y = marginT
	if font != "" {
		s.use(font, size)
	}
}

// WritePDF writes the document as PDF. Letters that the font lacks are set as 〓 and returned.
func (d Document) WritePDF(w io.Writer, f Fonts, at time.Time) (missing []rune, err error) {
	total := 0
	for range 2 { // once to count the pages
		s, err := newSheet(f, d.Title, at)
		if err != nil {
			return nil, err
		}
		s.doc, s.total = d, total
		s.draw()
		if s.err != nil {
			return nil, s.err
		}
		if total = s.page; s.total == total {
			for r := range s.missing {
				missing = append(missing, r)
			}
			_, err = s.pdf.WriteTo(w)
			return missing, err
		}
	}
	return nil, fmt.Errorf("the pages can't be counted")
}

func (s *sheet) draw() {
	s.newPage()
	s.use(faceBold, 22)
	s.text(marginL, usedW, s.doc.Title)
	s.y += 2 * mm
	s.use(face, 12)
	s.text(marginL, usedW, s.doc.Under)
	s.use(face, bodySize)
	s.text(marginL, usedW, s.doc.Stamp)
	s.y += 3 * mm
	s.boxed(s.doc.Class, face)
	s.y += 3 * mm
	s.use(face, 11)
	for i, p := range s.doc.Parts {
		s.text(marginL, usedW, fmt.Sprintf("%d. %s", i+1, p.Title))
	}
	for i, p := range s.doc.Parts {
		s.newPage()
		s.use(faceBold, 15)
		title := fmt.Sprintf("%d. %s", i+1, p.Title)
		h := s.height(title, usedW-8*mm) + 3*mm
		s.pdf.SetLineWidth(1)
		s.pdf.RectFromUpperLeft(marginL, s.y, usedW, h)
		s.pdf.SetFillColor(0, 0, 0)
		s.pdf.RectFromUpperLeftWithStyle(marginL, s.y, 3*mm, h, "F")
		s.pdf.SetFillColor(0, 0, 0)
		s.pdf.AddOutline(p.Title)
		s.y += 2.4 * mm
		s.text(marginL+6*mm, usedW-8*mm, title)
		s.y += 4 * mm
		for j, b := range p.Blocks {
			s.block(b, p.Blocks[j+1:])
		}
	}
}

func (s *sheet) block(b Block, next []Block) {
	switch b.Kind {
	case Heading:
		s.use(faceBold, 11)
		s.y += 2.5 * mm
		keep := s.height(b.Text, usedW) + 3*mm + 12*mm
		if len(next) > 0 && next[0].Kind == Step { // a heading goes with its first step
			keep += s.stepHeight(next[0])
			s.use(faceBold, 11)
		}
		s.room(min(keep, pageH-marginT-marginB))
		s.text(marginL, usedW, b.Text)
		s.pdf.SetLineWidth(0.6)
		s.pdf.Line(marginL, s.y, marginL+usedW, s.y)
		s.y += 1.8 * mm
	case Para:
		s.use(face, bodySize)
		s.text(marginL, usedW, b.Text)
		s.y += 1 * mm
	case Note:
		s.boxed(b.Text, faceBold)
		s.y += 2 * mm
	case List:
		for i, item := range b.Items {
			s.use(face, bodySize)
			s.room(min(s.height(item, usedW-7*mm), 40*mm))
			s.put(marginL+1*mm, s.y, fmt.Sprintf("%d.", i+1))
			s.text(marginL+7*mm, usedW-7*mm, item)
			s.y += 0.8 * mm
		}
		s.y += 1 * mm
	case Table:
		s.table(b)
	case Step:
		s.step(b)
	}
}

func (s *sheet) boxed(text, font string) {
	s.use(font, bodySize)
	h := s.height(text, usedW-8*mm) + 3.4*mm
	s.room(h)
	s.pdf.SetLineWidth(1.2)
	s.pdf.RectFromUpperLeft(marginL, s.y, usedW, h)
	s.y += 2.2 * mm
	s.text(marginL+4*mm, usedW-8*mm, text)
	s.y += 1.4 * mm
}
