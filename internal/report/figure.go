package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// drawing is a chart as shapes, in the units of its view box. How they look (colour,
// dashes, hatching) is the style sheet's, by class; nothing hangs on colour alone.
type drawing struct {
	ID     string
	System *plan.Text // set above the drawing when there are several systems
	W, H   float64
	Title  plan.Text // what a screen reader says
	Shapes []shape
}

// shape is a rectangle, a path or a text, told apart by what is set.
type shape struct {
	Class      string
	X, Y, W, H float64
	Path       string
	Text       *plan.Text
	Anchor     string // of a text: start, middle or end
}

// Caption is Title for templates.
func (d *drawing) Caption() *plan.Text { return &d.Title }

func (d *drawing) rect(class string, x, y, w, h float64) {
	d.Shapes = append(d.Shapes, shape{Class: class, X: cut(x), Y: cut(y), W: cut(max(w, 0)), H: cut(h)})
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.path(class, fmt.Sprintf("M%s %sL%s %s", num(x1), num(y1), num(x2), num(y2)))
}

func (d *drawing) path(class, path string) {
	d.Shapes = append(d.Shapes, shape{Class: class, Path: path})
}

func (d *drawing) text(class, anchor string, x, y float64, t plan.Text) {
	d.Shapes = append(d.Shapes, shape{Class: class, X: cut(x), Y: cut(y), Text: &t, Anchor: anchor})
}

// cut keeps a tenth of a unit: less than a pixel, and the same on every machine.
func cut(v float64) float64 { return math.Round(v*10) / 10 }

func num(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// wide estimates how wide a text is drawn at the charts' size, in either language.
func wide(t plan.Text) float64 {
	return 6.8 * float64(max(cells(t.EN), cells(t.JA)))
}

// scale maps seconds to the drawing.
type scale struct {
	from, to float64 // seconds
	x, w     float64
}

func (s scale) at(v float64) float64 {
	return s.x + s.w*(min(max(v, s.from), s.to)-s.from)/(s.to-s.from)
}

// steps are the distances that people count time in.
var steps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000}

// ticks lists round instants of a scale, six or so.
func (s scale) ticks() []float64 {
	step := steps[len(steps)-1]
	for _, c := range steps {
		if (s.to-s.from)/c <= 8 {
			step = c
			break
		}
	}
	var out []float64
	for i := math.Ceil(s.from / step); i*step <= s.to+1e-9 && len(out) < 200; i++ {
		out = append(out, i*step)
	}
	return out
}

// axis draws a scale below and behind what is drawn already, with its ticks.
func (d *drawing) axis(s scale, top, bottom float64, label func(float64) plan.Text) {
	drawn := d.Shapes
	d.Shapes = nil
	d.line("axis", s.x, bottom, s.x+s.w, bottom)
	for _, t := range s.ticks() {
		x, text := s.at(t), label(t)
		anchor := "middle"
		if x+wide(text)/2 > d.W {
			x, anchor = d.W, "end"
		}
		d.line("grid", s.at(t), top, s.at(t), bottom)
		d.text("tick", anchor, x, bottom+14, text)
	}
	d.Shapes = append(d.Shapes, drawn...)
}

// after labels a tick as time since the event.
func after(v float64) plan.Text {
	return plan.Text{EN: axisSpan(v, i18n.EN), JA: axisSpan(v, i18n.JA)}
}

// axisSpan is span without needless decimals.
func axisSpan(v float64, l i18n.Lang) string {
	if v > 0 && v < 10 && v != math.Trunc(v) {
		return num(v) + l.T(" s", "秒")
	}
	return span(v).in(l)
}

// flags are labelled instants above a chart, in rows so that none covers another.
type flags struct {
	d    *drawing
	ends []float64 // where each row's last label ends
	top  float64
	edge float64 // right end of the drawing
}

// row height of flags.
const flagRow = 13

// add draws a line from the flag's row to the bottom and its label beside it.
func (f *flags) add(class string, x, bottom float64, t plan.Text) {
	w := wide(t) + 8
	anchor, from, to := "start", x, x+w
	if to > f.edge {
		anchor, from, to = "end", x-w, x
	}
	row := -1
	for i, e := range f.ends {
		if from >= e {
			row = i
			break
		}
	}
	if row < 0 {
		row = len(f.ends) - 1
	}
	f.ends[row] = max(f.ends[row], to)
	y := f.top + float64(row)*flagRow
	f.d.line("flag "+class, x, y-8, x, bottom)
	dx := 4.0
	if anchor == "end" {
		dx = -4
	}
	f.d.text("flag-text "+class, anchor, x+dx, y, t)
}
