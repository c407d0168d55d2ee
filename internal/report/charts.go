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
		Title: say("Level of service of %s over the time since the event; the table below has the figures", "%s のサービスレベルの推移。数値は下の表を参照", s.ID)}
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
	mark("home", s.Failback.StartedAt, say("↩ failback", "↩ フェイルバック"))
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
		Title: say("Where the %s between event and restored service of %s went", "%[2]s：発生から復旧までの %[1]s の内訳", span(actual), s.ID)}
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

// ganttRows bounds the chart; the table and the JSON report go on.
const ganttRows = 64

// gantt draws phases and steps over the run's time, a lane for each.
func (d *document) gantt(withSteps bool) *drawing {
	r := d.report
	begin, end := r.Run.StartedAt, r.Run.StartedAt
	grow := func(t *time.Time) {
		if t != nil && t.After(end) {
			end = *t
		}
	}
	grow(r.Run.EndedAt)
	for _, p := range r.Phases {
		grow(&p.StartedAt)
		grow(p.EndedAt)
	}
	for _, s := range slices.Concat(r.Steps, r.Undone) {
		grow(s.StartedAt)
		grow(s.EndedAt)
	}
	if !end.After(begin) {
		return nil
	}
	const row, left, right, top = 17.0, 190.0, 706.0, 34.0
	x := scale{From: 0, To: end.Sub(begin).Seconds() * 1.01, X: left, W: right - left}
	since := func(t time.Time) float64 { return x.At(t.Sub(begin).Seconds()) }
	c := &drawing{ID: "gantt", W: chartWidth, Title: say("Phases and steps over the time of the run; the tables below have the figures", "実行中の段階とステップの経過。数値は下の表を参照")}
	y := top
	bar := func(class string, label plan.Text, from, to *time.Time, mark string) {
		if y > top+ganttRows*row {
			return
		}
		c.Text("label", "end", left-8, y+12, label)
		if from == nil {
			c.Text("value", "start", since(begin)+4, y+12, plain(mark))
		} else {
			last := end
			if to != nil {
				last = *to
			}
			x1, x2 := since(*from), since(last)
			w := max(x2-x1, 2.5)
			c.Rect("bar "+class, x1, y+3, w, row-6)
			took := say("%s %s", "%s %s", mark, span(round(last.Sub(*from).Seconds())))
			switch {
			case x1+w+4+wide(took) < c.W:
				c.Text("value", "start", x1+w+4, y+12, took)
			case x1-4-wide(took) > left:
				c.Text("value", "end", x1-4, y+12, took)
			case class == "step passed": // a bar over the whole time; white on blue
				c.Text("value inside", "end", x1+w-4, y+12, took)
			default:
				c.Text("value", "end", x1+w-4, y+12, took)
			}
		}
		y += row
	}
	lane := func(t plan.Text) {
		if y > top+ganttRows*row {
			return
		}
		y += 3
		c.Text("lane", "start", 0, y+12, t)
		c.Line("lane-line", 0, y+16, right, y+16)
		y += row
	}
	lane(say("Phases", "段階"))
	for _, p := range r.Phases {
		bar("phase "+string(p.Outcome), phaseWord(p.ID), &p.StartedAt, p.EndedAt, outcomeMark(p.Outcome))
	}
	for _, g := range lanesOf(r) {
		if !withSteps {
			break
		}
		lane(g.title)
		for _, s := range g.steps {
			label := plain(s.ID)
			if g.undo {
				label = plain("↩ " + s.ID)
			}
			class := "step " + string(s.Outcome)
			if s.Human {
				class += " human"
			}
			if g.undo {
				class += " undo"
			}
			bar(class, label, s.StartedAt, s.EndedAt, outcomeMark(s.Outcome))
		}
	}
	if y > top+ganttRows*row {
		c.Text("tick", "start", 0, y+14, say("The chart shows the first %d lines; the report in JSON has all.", "図は先頭の %d 行のみ。全件は JSON の報告に記載。", ganttRows))
		y += row
	}
	bottom := y + 4
	c.H = bottom + 22
	f := &flags{D: c, Ends: make([]float64, 2), Top: 12, Edge: right + 12}
	for i, s := range r.Systems {
		id := ""
		if len(r.Systems) > 1 {
			id = " " + s.ID
		}
		if i > 1 {
			break
		}
		if s.RTO.EventAt != nil && i == 0 {
			f.Add("event", since(*s.RTO.EventAt), bottom, say("▼ event", "▼ 発生"))
		}
		if s.RTO.RestoredAt != nil {
			f.Add("restored", since(*s.RTO.RestoredAt), bottom, say("● restored%s", "● 復旧%s", id))
		}
		if s.RTO.EventAt != nil && s.RTO.ObjectiveS != nil {
			if at := s.RTO.EventAt.Add(time.Duration(*s.RTO.ObjectiveS * float64(time.Second))); at.Before(end) {
				f.Add("limit", since(at), bottom, say("▮ RTO%s", "▮ RTO%s", id))
			}
		}
	}
	c.Axis(x, top-4, bottom, func(v float64) plan.Text {
		at := begin.Add(time.Duration(v * float64(time.Second)))
		if x.To < 36*3600 {
			return plain(d.clock(at))
		}
		return plain(at.In(d.zone).Format("01-02 15:04"))
	})
	return c
}

// lanes are the steps of one execution, or what undid them.
type lanes struct {
	title plan.Text
	steps []Step
	undo  bool
}

func lanesOf(r Report) []lanes {
	var out []lanes
	add := func(s Step, undo bool) {
		title := word(purposes, s.Purpose)
		if s.System != "" {
			title = plan.Text{EN: s.System + ": " + title.EN, JA: s.System + "：" + title.JA}
		}
		if undo {
			title = plan.Text{EN: title.EN + ", undo", JA: title.JA + "（取り消し）"}
		}
		i := slices.IndexFunc(out, func(l lanes) bool { return l.title == title })
		if i < 0 {
			out = append(out, lanes{title: title, undo: undo})
			i = len(out) - 1
		}
		out[i].steps = append(out[i].steps, s)
	}
	for _, s := range r.Steps {
		add(s, false)
	}
	for _, s := range r.Undone {
		add(s, true)
	}
	return out
}
