package pdf

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/carlos7ags/folio/content"
	"github.com/carlos7ags/folio/core"
	"github.com/carlos7ags/folio/font"
)

// MM is a millimetre in points.
const MM = 72 / 25.4

// A4, and what of it is used. The left margin has room for holes.
const (
	pageW, pageH  = 210 * MM, 297 * MM
	left, right   = 18 * MM, 14 * MM
	top, bottom   = 17 * MM, 17 * MM
	Width         = pageW - left - right
	leading       = 1.45 // of the size, from line to line
	substitute    = '〓'  // for a letter that the font lacks
	ascentOfLines = 0.88
)

// Fonts are the TrueType files that a PDF is set in. Bold and Mono fall back on Regular.
type Fonts struct{ Regular, Bold, Mono []byte }

// Options are what a document says about itself.
type Options struct {
	Title string
	Lang  string // "ja" or "en"
	Head  string // on top of every page, as a drill's mark
	At    time.Time
	Fonts Fonts
}

// Face is one of the three fonts.
type Face int

// The faces.
const (
	Regular Face = iota
	Bold
	Mono
)

// Doc is a document that is being set, from top to bottom.
type Doc struct {
	o       Options
	faces   [3]*font.EmbeddedFont
	widths  [3]map[rune]float64
	missing map[rune]bool
	pages   []*page
	y       float64 // below what is set, from the top of the page
	root    *node
	parent  *node // where the next block goes
	marks   []bookmark
}

// page is one page: what is drawn, and whose each of its marked pieces is.
type page struct {
	s      *content.Stream
	owners []*node
}

// bookmark is a heading in the outline.
type bookmark struct {
	title string
	level int
	page  int
	y     float64
}

// New begins a document.
func New(o Options) (*Doc, error) {
	d := &Doc{o: o, missing: map[rune]bool{}, root: &node{tag: "Document", lang: o.Lang}}
	d.parent = d.root
	for i, b := range [][]byte{o.Fonts.Regular, o.Fonts.Bold, o.Fonts.Mono} {
		if len(b) == 0 {
			b = o.Fonts.Regular
		}
		face, err := font.ParseTTF(b)
		if err != nil {
			return nil, fmt.Errorf("font: %w", err)
		}
		d.faces[i], d.widths[i] = font.NewEmbeddedFont(face), map[rune]float64{}
	}
	d.newPage()
	return d, nil
}

func (d *Doc) newPage() {
	d.pages = append(d.pages, &page{s: content.NewStream()})
	d.y = top
}

func (d *Doc) on() *page { return d.pages[len(d.pages)-1] }

// Room goes to a new page unless this much fits below.
func (d *Doc) Room(h float64) {
	if d.y+h > pageH-bottom && d.y > top {
		d.newPage()
	}
}

// Break goes to a new page, unless at the top of one.
func (d *Doc) Break() {
	if d.y > top {
		d.newPage()
	}
}

// Gap leaves space, but not at the top of a page.
func (d *Doc) Gap(h float64) {
	if d.y > top {
		d.y += h
	}
}

// signs are ours that Japanese fonts lack, and what is drawn instead: a sign of the same meaning.
var signs = map[rune]rune{'✕': '×', '✗': '×', '✓': '○', '▮': '■', '↩': '←', '✎': '□', '⚠': '！', '\u2011': '-', '\u00a0': ' ', '⏸': '■', '☐': '□', '☑': '■'}

// letter is what stands for a letter: itself, a sign of the same meaning, or a mark that it is missing.
func (d *Doc) letter(f Face, r rune) rune {
	face := d.faces[f].Face()
	if r == '\u00a0' {
		return ' '
	}
	if face.GlyphIndex(r) != 0 {
		return r
	}
	if other, ok := signs[r]; ok && face.GlyphIndex(other) != 0 {
		return other
	}
	d.missing[r] = true
	return substitute
}

// Measure is how wide a text is.
func (d *Doc) Measure(f Face, size float64, text string) float64 {
	w := 0.0
	for _, r := range text {
		one, ok := d.widths[f][r]
		if !ok {
			face := d.faces[f].Face()
			one = float64(face.GlyphAdvance(face.GlyphIndex(d.letter(f, r)))) / float64(face.UnitsPerEm())
			d.widths[f][r] = one
		}
		w += one * size
	}
	return w
}

func (d *Doc) lines(f Face, size, width float64, text string) []string {
	return Wrap(Clean(text), width, func(s string) float64 { return d.Measure(f, size, s) })
}

// ink is a colour, each part from 0 to 1.
type ink [3]float64

func hex(v int) ink {
	return ink{float64(v>>16) / 255, float64(v>>8&255) / 255, float64(v&255) / 255}
}

var (
	black = hex(0x1a1a1a)
	soft  = hex(0x595959)
	grey  = hex(0xc9ced6)
	pale  = hex(0xf4f6f8)
)

// put draws a line of text with its top left corner at a place.
func (d *Doc) put(x, y float64, f Face, size float64, c ink, text string) {
	if text == "" {
		return
	}
	letters := make([]rune, 0, len(text))
	for _, r := range text {
		letters = append(letters, d.letter(f, r))
	}
	s := d.on().s
	s.SetFillColorRGB(c[0], c[1], c[2])
	s.BeginText()
	s.SetFont(fmt.Sprintf("F%d", f+1), size)
	s.MoveText(x, pageH-y-size*ascentOfLines)
	s.ShowTextHex(d.faces[f].EncodeString(string(letters)))
	s.EndText()
}

func (d *Doc) fill(c ink, x, y, w, h float64) {
	s := d.on().s
	s.SetFillColorRGB(c[0], c[1], c[2])
	s.Rectangle(x, pageH-y-h, w, h)
	s.Fill()
}

func (d *Doc) stroke(c ink, width float64, dash []float64, path func(s *content.Stream)) {
	s := d.on().s
	s.SaveState()
	s.SetStrokeColorRGB(c[0], c[1], c[2])
	s.SetLineWidth(width)
	if len(dash) > 0 {
		s.SetDashPattern(dash, 0)
	}
	path(s)
	s.RestoreState()
}

func (d *Doc) rule(c ink, width, x1, y1, x2, y2 float64) {
	d.stroke(c, width, nil, func(s *content.Stream) {
		s.MoveTo(x1, pageH-y1)
		s.LineTo(x2, pageH-y2)
		s.Stroke()
	})
}

func (d *Doc) frame(c ink, width float64, dash []float64, x, y, w, h float64) {
	d.stroke(c, width, dash, func(s *content.Stream) {
		s.Rectangle(x, pageH-y-h, w, h)
		s.Stroke()
	})
}

// Write ends the document and writes it. It names the letters that the fonts lack, which stand as 〓.
func (d *Doc) Write(w io.Writer) (missing []rune, err error) {
	total := len(d.pages)
	for i, p := range d.pages {
		d.furniture(p, i+1, total)
	}
	f := &file{}
	f.document(d)
	if err := f.write(w, d.o); err != nil {
		return nil, err
	}
	return d.Missing(), nil
}

// Missing are the letters so far that the fonts lack.
func (d *Doc) Missing() []rune {
	return slices.Sorted(maps.Keys(d.missing))
}

// furniture is what stands on every page and belongs to none of the text.
func (d *Doc) furniture(p *page, n, total int) {
	all := d.pages
	d.pages = []*page{p}
	d.artifact(func() {
		of := fmt.Sprintf("%d / %d", n, total)
		d.put(pageW-right-d.Measure(Regular, 7.5, of), pageH-11*MM, Regular, 7.5, soft, of)
		d.put(left, pageH-11*MM, Regular, 7.5, soft, clip(d, d.o.Title, Width-40*MM))
		if d.o.Head != "" {
			d.put(left, 8*MM, Bold, 8.5, black, d.o.Head)
			d.rule(black, 0.6, left, 13*MM, pageW-right, 13*MM)
		}
	})
	d.pages = all
}

// clip is as much of a text as fits a line of the foot.
func clip(d *Doc, s string, width float64) string {
	lines := d.lines(Regular, 7.5, width, s)
	if len(lines) > 1 {
		return lines[0] + "…"
	}
	return lines[0]
}

// file is the objects of a PDF file, numbered from 1.
type file struct{ objects []core.PdfObject }

func (f *file) add(o core.PdfObject) *core.PdfIndirectReference {
	f.objects = append(f.objects, o)
	return core.NewPdfIndirectReference(len(f.objects), 0)
}
