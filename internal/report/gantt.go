package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

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
	c := &drawing{ID: "gantt", W: chartWidth, Title: say("Phases and steps over the time of the run; the tables below have the figures", "実施中の段階とステップの経過。数値は下の表を参照")}
	y := top
	marks := d.ganttMarks(end)
	crossed := func(from, to float64) bool { // by a flag's line
		return slices.ContainsFunc(marks, func(m ganttMark) bool { return since(m.at) > from && since(m.at) < to })
	}
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
			right, before := x1+w+4+wide(took) < c.W, x1-4-wide(took) > left
			if right && before && crossed(x1+w+4, x1+w+4+wide(took)) && !crossed(x1-4-wide(took), x1-4) {
				right = false
			}
			switch {
			case right:
				c.Text("value", "start", x1+w+4, y+12, took)
			case before:
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
	for _, m := range marks {
		f.Add(m.class, since(m.at), bottom, m.text)
	}
	c.Axis(x, top-4, bottom, func(v float64) plan.Text {
		at := begin.Add(time.Duration(v * float64(time.Second)))
		if x.To < 36*3600 {
			return plain(d.clock(at))
		}
		return plain(at.In(d.zone).Format("01-02 15:04"))
	})
	c.TextsLast()
	return c
}

// ganttMark is a moment that crosses all lanes.
type ganttMark struct {
	class string
	at    time.Time
	text  plan.Text
}

// ganttMarks are the event, and of the first two systems when it was restored and when it should have been.
func (d *document) ganttMarks(end time.Time) []ganttMark {
	var out []ganttMark
	systems := d.report.Systems
	for i, s := range systems[:min(2, len(systems))] {
		id := ""
		if len(systems) > 1 {
			id = " " + s.ID
		}
		if s.RTO.EventAt != nil && i == 0 {
			out = append(out, ganttMark{"event", *s.RTO.EventAt, say("▼ event", "▼ 発生")})
		}
		if s.RTO.RestoredAt != nil {
			out = append(out, ganttMark{"restored", *s.RTO.RestoredAt, say("● restored%s", "● 復旧%s", id)})
		}
		if s.RTO.EventAt != nil && s.RTO.ObjectiveS != nil {
			if at := s.RTO.EventAt.Add(time.Duration(*s.RTO.ObjectiveS * float64(time.Second))); at.Before(end) {
				out = append(out, ganttMark{"limit", at, say("▮ RTO%s", "▮ RTO%s", id)})
			}
		}
	}
	return out
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
			sys := r.called("system", s.System, s.System)
			title = plan.Text{EN: sys.EN + ": " + title.EN, JA: sys.JA + "：" + title.JA}
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
