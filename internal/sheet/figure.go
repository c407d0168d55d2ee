package sheet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Drawing is a chart as shapes, in the units of its view box. How they look (colour,
// dashes, hatching) is the style sheet's, by class; nothing hangs on colour alone.
type Drawing struct {
	ID     string
	System *plan.Text // set above the drawing when there are several systems
	W, H   float64
	Title  plan.Text // what a screen reader says
	Shapes []Shape
}

// Shape is a rectangle, a path or a text, told apart by what is set.
type Shape struct {
	Class      string
	X, Y, W, H float64
	Path       string
	Text       *plan.Text
	Anchor     string // of a text: start, middle or end
}

// Caption is Title for templates.
func (d *Drawing) Caption() *plan.Text { return &d.Title }

func (d *Drawing) Rect(class string, x, y, w, h float64) {
	d.Shapes = append(d.Shapes, Shape{Class: class, X: Cut(x), Y: Cut(y), W: Cut(max(w, 0)), H: Cut(h)})
}

func (d *Drawing) Line(class string, x1, y1, x2, y2 float64) {
	d.Path(class, fmt.Sprintf("M%s %sL%s %s", Num(x1), Num(y1), Num(x2), Num(y2)))
}

func (d *Drawing) Path(class, path string) {
	d.Shapes = append(d.Shapes, Shape{Class: class, Path: path})
}

func (d *Drawing) Text(class, anchor string, x, y float64, t plan.Text) {
	d.Shapes = append(d.Shapes, Shape{Class: class, X: Cut(x), Y: Cut(y), Text: &t, Anchor: anchor})
}

// TextsLast puts what is written above all lines: a flag's line crosses whole lanes, and would strike
// through the words in its way.
func (d *Drawing) TextsLast() {
	slices.SortStableFunc(d.Shapes, func(a, b Shape) int {
		switch {
		case a.Text == nil && b.Text != nil:
			return -1
		case a.Text != nil && b.Text == nil:
			return 1
		}
		return 0
	})
}

// Cut keeps a tenth of a unit: less than a pixel, and the same on every machine.
func Cut(v float64) float64 { return math.Round(v*10) / 10 }

func Num(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

// Wide estimates how wide a text is drawn at the charts' size, in either language.
func Wide(t plan.Text) float64 {
	return 6.8 * float64(max(Cells(t.EN), Cells(t.JA)))
}

// Scale maps seconds to the drawing.
type Scale struct {
	From, To float64 // seconds
	X, W     float64
}

func (s Scale) At(v float64) float64 {
	return s.X + s.W*(min(max(v, s.From), s.To)-s.From)/(s.To-s.From)
}

// steps are the distances that people count time in.
var steps = []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000}

// ticks lists round instants of a scale, six or so.
func (s Scale) Ticks() []float64 {
	step := steps[len(steps)-1]
	for _, c := range steps {
		if (s.To-s.From)/c <= 8 {
			step = c
			break
		}
	}
	var out []float64
	for i := math.Ceil(s.From / step); i*step <= s.To+1e-9 && len(out) < 200; i++ {
		out = append(out, i*step)
	}
	return out
}

// axis draws a scale below and behind what is drawn already, with its ticks.
func (d *Drawing) Axis(s Scale, top, bottom float64, label func(float64) plan.Text) {
	drawn := d.Shapes
	d.Shapes = nil
	d.Line("axis", s.X, bottom, s.X+s.W, bottom)
	for _, t := range s.Ticks() {
		x, text := s.At(t), label(t)
		anchor := "middle"
		if x+Wide(text)/2 > d.W {
			x, anchor = d.W, "end"
		}
		d.Line("grid", s.At(t), top, s.At(t), bottom)
		d.Text("tick", anchor, x, bottom+14, text)
	}
	d.Shapes = append(d.Shapes, drawn...)
}

// After labels a tick as time since the event.
func After(v float64) plan.Text {
	return plan.Text{EN: axisSpan(v, i18n.EN), JA: axisSpan(v, i18n.JA)}
}

// axisSpan is span without needless decimals.
func axisSpan(v float64, l i18n.Lang) string {
	if v > 0 && v < 10 && v != math.Trunc(v) {
		return Num(v) + l.T(" s", "秒")
	}
	return Span(v).Word(l)
}

// Flags are labelled instants above a chart, in rows so that none covers another.
type Flags struct {
	D    *Drawing
	Ends []float64 // where each row's last label ends
	Top  float64
	Edge float64 // right end of the drawing
}

// row height of flags.
const flagRow = 13

// add draws a line from the flag's row to the bottom and its label beside it.
func (f *Flags) Add(class string, x, bottom float64, t plan.Text) {
	w := Wide(t) + 8
	anchor, from, to := "start", x, x+w
	if to > f.Edge {
		anchor, from, to = "end", x-w, x
	}
	row := -1
	for i, e := range f.Ends {
		if from >= e {
			row = i
			break
		}
	}
	if row < 0 {
		row = len(f.Ends) - 1
	}
	f.Ends[row] = max(f.Ends[row], to)
	y := f.Top + float64(row)*flagRow
	f.D.Line("flag "+class, x, y-8, x, bottom)
	dx := 4.0
	if anchor == "end" {
		dx = -4
	}
	f.D.Text("flag-text "+class, anchor, x+dx, y, t)
}
