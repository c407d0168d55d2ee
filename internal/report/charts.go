package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

const chartWidth = 720

// curveChart draws the level of service over time against the staged objectives.
func (d *document) curveChart(s System) *drawing {
	if len(s.RLO.Curve) == 0 {
		return nil
	}
	const top, bottom, left, right = 62.0, 214.0, 44.0, 706.0
	c := &drawing{ID: "curve-" + s.ID, W: chartWidth, H: 236,
		Title: say("Level of service of %s over the time since the event; the table below has the figures", "%sのサービスレベルの推移。数値は下の表を参照", d.report.title(s))}
	end := s.RLO.Curve[len(s.RLO.Curve)-1].AtS
	x := scale{From: 0, To: d.reach(s, end), X: left, W: right - left}
	y := func(level int) float64 { return bottom - (bottom-top-8)*float64(level)/100 }

	c.Axis(x, top, bottom, after)
	for _, level := range []int{0, 50, 100} {
		c.Line("grid", left, y(level), right, y(level))
		c.Text("tick", "end", left-6, y(level)+4, plain(fmt.Sprintf("%d%%", level)))
	}
	d.drawCurve(c, x, y, s)

	// The level that the stages ask for, as a step line: what lies below it after its
	// time is missed.
	var need strings.Builder
	asked := 0
	for _, st := range s.RLO.Stages {
		if st.WithinS > x.To {
			break
		}
		if need.Len() == 0 {
			fmt.Fprintf(&need, "M%s %s", num(x.At(st.WithinS)), num(y(0)))
		}
		fmt.Fprintf(&need, "H%sV%s", num(x.At(st.WithinS)), num(y(st.Level)))
		asked = st.Level
	}
	if asked > 0 {
		fmt.Fprintf(&need, "H%s", num(right))
		c.Path("need", need.String())
	}
	f := &flags{D: c, Ends: make([]float64, 4), Top: 12, Edge: right + 12}
	mark := func(class string, at *time.Time, t plan.Text) {
		if at == nil || s.RTO.EventAt == nil {
			return
		}
		if v := at.Sub(*s.RTO.EventAt).Seconds(); v >= 0 && v <= x.To {
			f.Add(class, x.At(v), bottom, t)
		}
	}
	mark("event", s.RTO.EventAt, say("▼ event", "▼ 発生"))
	mark("decided", s.RTO.DecidedAt, say("◆ decided", "◆ 決定"))
	if s.RTO.ActualS != nil {
		mark("restored", s.RTO.RestoredAt, say("● restored %s", "● 復旧 %s", span(*s.RTO.ActualS)))
	}
	mark("home", s.Failback.StartedAt, say("↩ failback", "↩ 切戻し"))
	var beyond plan.Text // objectives that lie past the right edge
	past := func(t plan.Text) {
		if beyond != (plan.Text{}) {
			beyond = plan.Text{EN: beyond.EN + " · ", JA: beyond.JA + "・"}
		}
		beyond = plan.Text{EN: beyond.EN + t.EN, JA: beyond.JA + t.JA}
	}
	for _, st := range s.RLO.Stages {
		label := say("RLO %d%%: %s", "RLO %d%%：%s", st.Level, span(st.WithinS))
		at := x.At(st.WithinS) + 4
		switch {
		case st.WithinS > x.To:
			past(label)
		case at+wide(label) < c.W:
			c.Text("need-text", "start", at, y(st.Level)+13, label)
		default:
			c.Text("need-text", "end", at-8, y(st.Level)+13, label)
		}
	}
	if o := s.RTO.ObjectiveS; o != nil {
		if label := say("RTO %s", "RTO %s", span(*o)); *o > x.To {
			past(label)
		} else {
			f.Add("limit", x.At(*o), bottom, plan.Text{EN: "▮ " + label.EN, JA: "▮ " + label.JA})
		}
	}
	if beyond != (plan.Text{}) {
		c.Text("flag-text limit", "end", right, bottom-6, plan.Text{EN: beyond.EN + " →", JA: beyond.JA + " →"})
	}
	c.TextsLast()
	return c
}

// reach is how far a chart looks: past the restoration, to the objective if that is not
// so far that the rest could not be read, and to the end of the way home likewise.
func (d *document) reach(s System, end float64) float64 {
	to := 1.0
	if s.RTO.ActualS != nil {
		to = max(to, *s.RTO.ActualS*1.25)
	} else {
		to = max(to, end)
	}
	if o := s.RTO.ObjectiveS; o != nil && *o*1.12 <= to*8 {
		to = max(to, *o*1.12)
	}
	if h := s.Failback.EndedAt; h != nil && s.RTO.EventAt != nil {
		if v := h.Sub(*s.RTO.EventAt).Seconds() * 1.03; v <= to*4 {
			to = max(to, v)
		}
	}
	return to
}

// drawCurve draws the level as a step line with the area below it, and hatches what
// nobody saw. Where more changes than pixels lie side by side, the lowest is drawn.
func (d *document) drawCurve(c *drawing, x scale, y func(int) float64, s System) {
	type piece struct {
		from, to float64
		level    *int
	}
	var pieces []piece
	for i, p := range s.RLO.Curve[:len(s.RLO.Curve)-1] { // the last point only ends the curve
		to := s.RLO.Curve[i+1].AtS
		if p.AtS > x.To || to <= p.AtS {
			continue
		}
		n := len(pieces)
		narrow := x.At(to)-x.At(p.AtS) < 0.7 && n > 0 && x.At(pieces[n-1].to)-x.At(pieces[n-1].from) < 0.7
		if narrow && pieces[n-1].level != nil && p.level() <= *pieces[n-1].level {
			pieces[n-1].to, pieces[n-1].level = to, p.Level
			continue
		} else if narrow {
			pieces[n-1].to = to
			continue
		}
		pieces = append(pieces, piece{p.AtS, to, p.Level})
	}
	var line, area strings.Builder
	open := false
	for _, p := range pieces {
		x1, x2 := x.At(p.from), x.At(min(p.to, x.To))
		if p.level == nil {
			c.Rect("unseen", x1, y(100), x2-x1, y(0)-y(100))
			if x2-x1 > 60 {
				c.Text("tick", "middle", (x1+x2)/2, (y(0)+y(100))/2, say("not seen", "未観測"))
			}
			open = false
			continue
		}
		v := num(y(*p.level))
		if open {
			fmt.Fprintf(&line, "V%sH%s", v, num(x2))
		} else {
			fmt.Fprintf(&line, "M%s %sH%s", num(x1), v, num(x2))
		}
		open = true
		if *p.level > 0 && *p.level < 100 && x2-x1 > 44 {
			c.Text("tick", "end", x2-4, y(*p.level)-5, plain(fmt.Sprintf("%d%%", *p.level)))
		}
		if *p.level > 0 {
			fmt.Fprintf(&area, "M%s %sV%sH%sV%sZ", num(x1), num(y(0)), v, num(x2), num(y(0)))
		}
	}
	c.Path("area", area.String())
	c.Path("level", line.String())
}

func (p Point) level() int {
	if p.Level == nil {
		return -1
	}
	return *p.Level
}

// waterfall draws where the time of an RTO went. Parts in which people were simulated
// are hatched and say so.
func (d *document) waterfall(s System) *drawing {
	if s.RTO.Parts == nil || *s.RTO.ActualS <= 0 {
		return nil
	}
	const row, left, right, top = 24.0, 132.0, 700.0, 10.0
	parts := s.RTO.Parts.list()
	actual := *s.RTO.ActualS
	to := actual
	limit := s.RTO.ObjectiveS
	if limit != nil && *limit <= actual*3 {
		to = max(to, *limit)
	}
	bottom := top + row*float64(len(parts)+1)
	c := &drawing{ID: "time-" + s.ID, W: chartWidth, H: bottom + 24,
		Title: say("Where the %s between event and restored service of %s went", "%[2]s：発生から復旧までの %[1]s の内訳", span(actual), d.report.title(s))}
	x := scale{From: 0, To: to * 1.06, X: left, W: right - left}
	c.Axis(x, top-4, bottom, after)
	longest := slices.MaxFunc(parts, func(a, b part) int {
		if a.seconds < b.seconds {
			return -1
		}
		if a.seconds > b.seconds {
			return 1
		}
		return 0
	})
	at := 0.0
	for i, p := range parts {
		y := top + row*float64(i)
		class, label := "part", ""
		if p.key == longest.key {
			label = " strong"
		}
		value := say("%s", "%s", span(p.seconds))
		if slices.Contains(s.RTO.SimulatedParts, p.key) {
			class = "part simulated"
			value = say("%s (simulated)", "%s（模擬）", span(p.seconds))
		}
		c.Text("label"+label, "end", left-8, y+15, p.title)
		c.Rect(class, x.At(at), y+3, max(x.At(at+p.seconds)-x.At(at), 1.5), row-8)
		if i+1 < len(parts) {
			c.Line("joint", x.At(at+p.seconds), y+row-5, x.At(at+p.seconds), y+row+3)
		}
		d.value(c, label, x.At(at), x.At(at+p.seconds), y+15, value)
		at += p.seconds
	}
	y := top + row*float64(len(parts))
	c.Text("label strong", "end", left-8, y+15, say("total", "合計"))
	c.Rect("total", x.At(0), y+3, x.At(actual)-x.At(0), row-8)
	d.value(c, " strong", x.At(0), x.At(actual), y+15, say("RTO %s", "RTO 実績 %s", span(actual)))
	if limit != nil {
		if *limit <= x.To {
			c.Line("flag limit", x.At(*limit), top-6, x.At(*limit), bottom)
			c.Text("flag-text limit", "end", x.At(*limit)-4, top+4, say("target %s", "目標 %s", span(*limit)))
		} else {
			c.Text("flag-text limit", "end", right, top+4, say("target %s →", "目標 %s →", span(*limit)))
		}
	}
	return c
}

// value writes a bar's figure beside it, or left of it where the right has no room.
func (d *document) value(c *drawing, class string, from, to, y float64, t plan.Text) {
	w := wide(t)
	if to+6+w <= c.W {
		c.Text("value"+class, "start", to+6, y, t)
	} else if from-6-w > 132 {
		c.Text("value"+class, "end", from-6, y, t)
	} else {
		c.Text("value inside"+class, "end", to-6, y, t)
	}
}
