package report

import (
	"fmt"
	"strings"
)

// leastForChart is how many people a curve of answers is worth drawing for: of fewer the
// table says it all.
const leastForChart = 8

// answersChart draws which share of those called had answered over time.
func (d *document) answersChart() *drawing {
	p := d.report.People
	if p.Called < leastForChart || len(p.Curve) < 2 {
		return nil
	}
	const top, bottom, left, right = 16.0, 150.0, 44.0, 706.0
	c := &drawing{ID: "answers", W: chartWidth, H: 172,
		Title: say("Share of those called who had answered, over the time since the call; the figures stand below", "安否回答率の推移（召集からの経過時間）。数値は下に記載")}
	end := p.Curve[len(p.Curve)-1].AtS
	x := scale{From: 0, To: max(end*1.04, 1), X: left, W: right - left}
	y := func(share float64) float64 { return bottom - (bottom-top)*share }
	c.Axis(x, top, bottom, after)
	for _, percent := range []int{0, 25, 50, 75, 100} {
		c.Line("grid", left, y(float64(percent)/100), right, y(float64(percent)/100))
		c.Text("tick", "end", left-6, y(float64(percent)/100)+4, plain(fmt.Sprintf("%d%%", percent)))
	}
	var line strings.Builder
	fmt.Fprintf(&line, "M%s %s", num(left), num(bottom))
	for _, at := range p.Curve {
		fmt.Fprintf(&line, "H%sV%s", num(x.At(at.AtS)), num(y(float64(at.Answered)/float64(p.Called))))
	}
	fmt.Fprintf(&line, "H%s", num(right))
	c.Path("level", line.String())
	return c
}
