package sheet

import (
	"math"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Point is one measurement of a chart; nil is none.
type Point struct {
	Label   string
	Said    plan.Text // in the place of a label that is not the same in every language
	V       *float64
	Verdict run.Verdict
}

// Series draws measurements in their order as dots by verdict, with the target as a line; the shape of
// a dot says what its colour does.
func Series(id string, title plan.Text, points []Point, target *float64, label func(float64) plan.Text) *Drawing {
	top := 0.0
	for _, p := range points {
		if p.V != nil {
			top = max(top, *p.V)
		}
	}
	if len(points) < 2 || top == 0 {
		return nil
	}
	beyond := target != nil && *target > top*6
	if target != nil && !beyond {
		top = max(top, *target)
	}
	const left, right, upper, bottom = 70.0, 700.0, 18.0, 150.0
	d := &Drawing{ID: id, W: 720, H: 176, Title: title}
	d.System = &title
	y := func(v float64) float64 { return bottom - (bottom-upper)*v/(top*1.1) }
	x := func(i int) float64 { return left + 16 + (right-left-32)*float64(i)/float64(len(points)-1) }
	for _, part := range []float64{0, 0.5, 1} {
		d.Line("grid", left, y(top*part), right, y(top*part))
		d.Text("tick", "end", left-6, y(top*part)+4, label(top*part))
	}
	d.Line("axis", left, bottom, right, bottom)
	every := (len(points) + 7) / 8
	line, open := "", false
	for i, p := range points {
		if i%every == 0 {
			d.Text("tick", "middle", x(i), bottom+16, said(p))
		}
		if p.V == nil {
			open = false
			continue
		}
		op := "M"
		if open {
			op = "L"
		}
		line += op + Num(x(i)) + " " + Num(y(*p.V))
		open = true
	}
	d.Path("level", line)
	if target != nil && !beyond {
		d.Line("target", left, y(*target), right, y(*target))
		d.Text("flag-text limit", "end", right, y(*target)-4, Say("target %s", "目標 %s", both(label(*target))))
	} else if beyond {
		d.Text("flag-text limit", "end", right, upper-4, Say("target %s ↑", "目標 %s ↑", both(label(*target))))
	}
	for i, p := range points {
		if p.V == nil {
			d.Text("tick", "middle", x(i), bottom-4, Plain("?"))
			continue
		}
		d.Rect("dot "+string(p.Verdict), x(i)-3.5, y(*p.V)-3.5, 7, 7)
		if len(points) <= 12 {
			d.Text("tick", "middle", x(i), y(*p.V)-8, label(*p.V))
		}
	}
	return d
}

// SpanLabel says seconds on a chart.
func SpanLabel(v float64) plan.Text { return Say("%s", "%s", Span(math.Round(v))) }

// both lets a Text be an argument of Say.
type both plan.Text

// Word is the text in one language.
func (b both) Word(l i18n.Lang) string { return plan.Text(b).In(string(l)) }

func said(p Point) plan.Text {
	if p.Said != (plan.Text{}) {
		return p.Said
	}
	return Plain(p.Label)
}
