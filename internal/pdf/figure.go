package pdf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/carlos7ags/folio/content"
)

// Figure is a chart as shapes in the units of its view box, with what it shows in words.
type Figure struct {
	Title  string // set above it, when not empty
	Alt    string
	W, H   float64
	Shapes []Shape
}

// Shape is a rectangle, a path of M, L, H, V and Z, or a text, told apart by what is set.
type Shape struct {
	Class      string
	X, Y, W, H float64
	Path       string
	Text       string
	Anchor     string // start, middle or end
}

// look is how a class of shapes is drawn: the style sheet of the HTML page, for paper.
type look struct {
	fill, stroke *ink
	width        float64
	dash         []float64
	hatch        bool
	bold         bool
	size         float64
}

func of(v int) *ink { c := hex(v); return &c }

// looks are by class. Of several classes the last one known wins.
var looks = map[string]look{
	"axis": {stroke: of(0x333333), width: 1}, "grid": {stroke: of(0xe3e6ea), width: 1}, "tick": {fill: of(0x595959), size: 10.5},
	"level": {stroke: of(0x0072b2), width: 2.2}, "area": {fill: of(0xdfeef6)}, "need": {stroke: of(0x1a1a1a), width: 1.4, dash: []float64{5, 3}},
	"need-text": {size: 10}, "flag": {stroke: of(0x555555), width: 1}, "flag limit": {stroke: of(0xd55e00), width: 2}, "flag event": {stroke: of(0), width: 1},
	"flag restored": {stroke: of(0x009e73), width: 2}, "flag decided": {stroke: of(0x555555), width: 1, dash: []float64{2, 3}}, "flag home": {stroke: of(0x555555), width: 1, dash: []float64{2, 3}},
	"flag-text": {bold: true, size: 11}, "unseen": {hatch: true, fill: of(0xffffff), stroke: of(0x888888), width: 1, dash: []float64{3, 3}},
	"part": {fill: of(0x0072b2)}, "total": {fill: of(0x444444)}, "part simulated": {hatch: true, fill: of(0xffffff), stroke: of(0x0072b2), width: 1},
	"joint": {stroke: of(0x777777), width: 1}, "label": {size: 12}, "label strong": {size: 12, bold: true}, "value": {size: 12}, "value strong": {size: 12, bold: true},
	"value inside": {size: 12, fill: of(0xffffff)}, "value inside strong": {size: 12, bold: true, fill: of(0xffffff)},
	"lane": {size: 12, bold: true}, "lane-line": {stroke: of(0xc9ced6), width: 1}, "bar": {fill: of(0x0072b2)}, "bar phase": {fill: of(0xb9c3cf)},
	"human": {fill: of(0x56b4e9)}, "undo": {fill: of(0xffffff), stroke: of(0x333333), width: 1, dash: []float64{3, 2}}, "failed": {fill: of(0xffffff), stroke: of(0xd55e00), width: 2},
	"unknown": {hatch: true, fill: of(0xffffff), stroke: of(0x333333), width: 1}, "skipped": {fill: of(0xffffff), stroke: of(0x888888), width: 1},
	"second": {stroke: of(0xe69f00), width: 2, dash: []float64{6, 3}}, "dot": {fill: of(0x0072b2)}, "dot missed": {fill: of(0xffffff), stroke: of(0xd55e00), width: 2},
	"dot not_proven": {fill: of(0xffffff), stroke: of(0xe69f00), width: 2}, "blind": {fill: of(0x1a1a1a)}, "target": {stroke: of(0xd55e00), width: 1.5},
}

// lookOf finds the look of a shape's classes: all together, the first with one of the others, the last
// that is known.
func lookOf(class string) look {
	if l, ok := looks[class]; ok {
		return l
	}
	words := strings.Fields(class)
	out := look{}
	for i, w := range words {
		if l, ok := looks[w]; ok {
			out = l
		}
		if i > 0 {
			if l, ok := looks[words[0]+" "+w]; ok {
				out = l
			}
		}
	}
	return out
}

// scale is how large it is set: at the width of the page, unless it is too tall for one.
func (f Figure) scale() float64 {
	return min(Width/f.W, (pageH-top-bottom-60)/f.H)
}

// Height is how tall it is set.
func (f Figure) Height() float64 { return f.H*f.scale() + 25 }

// Figure sets a chart.
func (d *Doc) Figure(f Figure) {
	scale := f.scale()
	h := f.H * scale
	d.Gap(3)
	d.Room(h + 16)
	if f.Title != "" {
		d.mark(d.parent.child("P"), func() { d.put(left, d.y, Bold, 9, black, f.Title) })
		d.y += 14
	}
	n := d.parent.child("Figure")
	n.alt, n.box = f.Alt, &[4]float64{left, pageH - d.y - h, left + f.W*scale, pageH - d.y}
	d.mark(n, func() {
		for _, s := range f.Shapes {
			d.shape(s, scale)
		}
	})
	d.y += h + 6
}

func (d *Doc) shape(s Shape, scale float64) {
	l := lookOf(s.Class)
	switch {
	case s.Text != "":
		size := l.size
		if size == 0 {
			size = 11
		}
		size *= scale
		face, c := Regular, black
		if l.bold {
			face = Bold
		}
		if l.fill != nil {
			c = *l.fill
		}
		w := d.Measure(face, size, s.Text)
		x := left + s.X*scale
		switch s.Anchor {
		case "end":
			x -= w
		case "middle":
			x -= w / 2
		}
		d.put(x, d.y+s.Y*scale-size*ascentOfLines, face, size, c, s.Text)
	case s.Path != "":
		d.outline(l, scale, func(st *content.Stream) { d.path(st, s.Path, scale) })
	default:
		x, y, w, h := left+s.X*scale, pageH-(d.y+(s.Y+s.H)*scale), s.W*scale, s.H*scale
		d.outline(l, scale, func(st *content.Stream) { st.Rectangle(x, y, w, h) })
		if l.hatch {
			d.hatch(l, x, y, w, h)
		}
	}
}

// outline fills and strokes a path.
func (d *Doc) outline(l look, scale float64, path func(*content.Stream)) {
	s := d.on().s
	if l.fill != nil {
		s.SetFillColorRGB(l.fill[0], l.fill[1], l.fill[2])
		path(s)
		s.Fill()
	}
	if l.stroke != nil {
		dash := make([]float64, len(l.dash))
		for i, v := range l.dash {
			dash[i] = v * scale
		}
		d.stroke(*l.stroke, l.width*scale, dash, func(s *content.Stream) {
			path(s)
			s.Stroke()
		})
	}
}

// hatch draws slanting lines, so that it shows in print without colour.
func (d *Doc) hatch(l look, x, y, w, h float64) {
	c := grey
	if l.stroke != nil {
		c = *l.stroke
	}
	s := d.on().s
	s.SaveState()
	s.Rectangle(x, y, w, h)
	s.ClipNonZero()
	s.EndPath()
	s.SetStrokeColorRGB(c[0], c[1], c[2])
	s.SetLineWidth(1)
	for at := x - h; at < x+w; at += 4 {
		s.MoveTo(at, y)
		s.LineTo(at+h, y+h)
		s.Stroke()
	}
	s.RestoreState()
}

// path draws a path of M, L, H, V and Z, as the charts write them.
func (d *Doc) path(st *content.Stream, path string, scale float64) {
	var x, y float64
	for len(path) > 0 {
		op := path[0]
		end := strings.IndexAny(path[1:], "MLHVZ")
		if end < 0 {
			end = len(path) - 1
		}
		var at []float64
		for _, f := range strings.Fields(path[1 : end+1]) {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				panic(fmt.Sprintf("a chart's path has %q", f)) // ours, never a user's
			}
			at = append(at, v)
		}
		switch op {
		case 'M', 'L':
			x, y = at[0], at[1]
		case 'H':
			x = at[0]
		case 'V':
			y = at[0]
		}
		px, py := left+x*scale, pageH-(d.y+y*scale)
		switch op {
		case 'M':
			st.MoveTo(px, py)
		case 'Z':
			st.ClosePath()
		default:
			st.LineTo(px, py)
		}
		path = path[end+1:]
	}
}
