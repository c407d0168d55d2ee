// Package overview makes the pages that look over many runs: trends, one run beside another, the year,
// what the yearly review asks, and how far each system is from where it should be. They read what ended
// runs came to, never their journals, and are pure functions of what they are given.
package overview

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Frame is what every page says of itself.
type Frame struct {
	Organisation string         `json:"organisation,omitempty"`
	At           time.Time      `json:"at"`
	Zone         *time.Location `json:"-"`
	// Begins is the month with which the fiscal year begins; none is that of the calendar.
	Begins time.Month `json:"-"`
}

func (f Frame) day(t time.Time) string { return t.In(f.zone()).Format(time.DateOnly) }

func (f Frame) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// quarter is the quarter of the fiscal year, as FY2026-Q3, which is named by the calendar year in which it
// begins; where that year is the calendar's, as 2026-Q4.
func (f Frame) quarter(t time.Time) string {
	t = t.In(f.zone())
	begins := max(f.Begins, time.January)
	year, month := t.Year(), int(t.Month()-begins)
	if month < 0 {
		year, month = year-1, month+12
	}
	if begins == time.January {
		return fmt.Sprintf("%d-Q%d", year, month/3+1)
	}
	return fmt.Sprintf("FY%d-Q%d", year, month/3+1)
}

// quarterText is a quarter as people say it.
func quarterText(q string) plan.Text {
	year, n, _ := strings.Cut(q, "-Q")
	if fiscal, ok := strings.CutPrefix(year, "FY"); ok {
		return sheet.Say("Q%[2]s FY%[1]s", "%s年度 第%s四半期", fiscal, n)
	}
	return sheet.Say("Q%[2]s %[1]s", "%s年 第%s四半期", year, n)
}

// quarterTick is that in short, for an axis.
func quarterTick(q string) plan.Text {
	year, n, _ := strings.Cut(q, "-Q")
	if fiscal, ok := strings.CutPrefix(year, "FY"); ok {
		return sheet.Say("Q%[2]s FY%[1]s", "%s年度 %sQ", fiscal, n)
	}
	return sheet.Say("Q%[2]s %[1]s", "%s年 %sQ", year, n)
}

func (f Frame) sheet(name string, title plan.Text) sheet.Sheet {
	d := sheet.Sheet{Name: "muster-" + name, Title: title, At: f.At}
	if f.Organisation != "" {
		d.Facts = append(d.Facts, sheet.Plain(f.Organisation))
	}
	d.Facts = append(d.Facts, sheet.Say("as of %s", "%s 現在", f.At.In(f.zone()).Format("2006-01-02 15:04 MST")))
	d.Foot = sheet.Say("Computed by muster from what ended runs came to. %s", "本ページは muster が終了した実施の結果から算出したもの。%s", both(sheet.Legend))
	return d
}

// both lets a Text be an argument of Say.
type both plan.Text

// Word is the text in one language.
func (b both) Word(l lang) string { return plan.Text(b).In(string(l)) }

// quantile is the nearest rank of sorted figures: one that was really measured.
func quantile(sorted []float64, q float64) *float64 {
	if len(sorted) == 0 {
		return nil
	}
	v := sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
	return &v
}

func p50p95(list []float64) (p50, p95 *float64) {
	slices.Sort(list)
	return quantile(list, 0.5), quantile(list, 0.95)
}

func mean(list []float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	sum /= float64(len(list))
	return &sum
}

// span and share are cells with a figure, or a dash.
func span(s *float64) sheet.Cell { return sheet.Number(sheet.SpanOr(s, sheet.Dash)) }

// boundOr is a time that may be an upper bound, or unknown.
func boundOr(s *float64, atMost bool, otherwise plan.Text) plan.Text {
	if s != nil && atMost {
		return sheet.Say("≤ %s", "≤ %s", sheet.Span(*s))
	}
	return sheet.SpanOr(s, otherwise)
}

func share(s *float64) sheet.Cell {
	if s == nil {
		return sheet.Number(sheet.Dash)
	}
	return sheet.Number(sheet.Plain(fmt.Sprintf("%.0f%%", *s*100)))
}

func count(n int) sheet.Cell { return sheet.Number(sheet.Plain(fmt.Sprint(n))) }

func word(s string) sheet.Cell { return sheet.Tell(sheet.Plain(s)) }

// decided is how long the decision phase took.
func decided(o outcome.Outcome) *float64 {
	for _, p := range o.Phases {
		if p.ID == run.RecoveryDecision {
			return p.DurationS
		}
	}
	return nil
}

func titleOf(t plan.Text, id string) plan.Text {
	if t == (plan.Text{}) {
		return sheet.Plain(id)
	}
	return t
}

func shareLabel(v float64) plan.Text { return sheet.Plain(fmt.Sprintf("%.0f%%", v*100)) }
