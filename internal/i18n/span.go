package i18n

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Span is a duration in seconds as people read it: 0.41 s, 12.4 s, 24 min 12 s, 3 h 05 min, 2 d 3 h;
// 0.41秒、24分12秒、3時間05分. From an hour on it is rounded up: no figure is shown better than it is. Whoever shows
// people a span uses it; Go's own form is for files.
func (l Lang) Span(seconds float64) string {
	v := math.Abs(seconds)
	d := time.Duration(math.Round(v*1000)) * time.Millisecond
	whole := func(u time.Duration) int64 { return int64(d / u) }
	unit := func(n int64, en, ja string) string { return fmt.Sprintf("%d%s", n, l.T(" "+en, ja)) }
	sep := l.T(" ", "")
	switch {
	case d == 0:
		return l.T("0 s", "0秒")
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.2f%s", d.Seconds(), l.T(" s", "秒"))
	case d < 59950*time.Millisecond && d%time.Second != 0:
		return fmt.Sprintf("%.1f%s", d.Seconds(), l.T(" s", "秒"))
	}
	switch d = d.Round(time.Second); {
	case d < time.Minute:
		return unit(whole(time.Second), "s", "秒")
	case d < time.Hour:
		out := unit(whole(time.Minute), "min", "分")
		if r := int64(d/time.Second) % 60; r != 0 {
			out += sep + unit(r, "s", "秒")
		}
		return out
	}
	if d = up(d, time.Minute); d < 48*time.Hour {
		out := unit(whole(time.Hour), "h", "時間")
		if r := int64(d/time.Minute) % 60; r != 0 {
			out += sep + fmt.Sprintf("%02d%s", r, l.T(" min", "分"))
		}
		return out
	}
	d = up(d, time.Hour)
	out := unit(whole(24*time.Hour), "d", "日")
	if r := int64(d/time.Hour) % 24; r != 0 {
		out += sep + unit(r, "h", "時間")
	}
	return out
}

// up rounds a span up to whole units.
func up(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }

// Beside is Span of a figure that stands beside another: where both read alike and are not, it is exact.
func (l Lang) Beside(seconds, other float64) string {
	if seconds == other || l.Span(seconds) != l.Span(other) {
		return l.Span(seconds)
	}
	d := time.Duration(math.Round(math.Abs(seconds)*1000)) * time.Millisecond
	var parts []string
	for _, u := range []struct {
		of     time.Duration
		en, ja string
	}{{time.Hour, " h", "時間"}, {time.Minute, " min", "分"}} {
		if n := d / u.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", n, l.T(u.en, u.ja)))
		}
		d %= u.of
	}
	if d > 0 || len(parts) == 0 {
		parts = append(parts, strconv.FormatFloat(d.Seconds(), 'f', -1, 64)+l.T(" s", "秒"))
	}
	return strings.Join(parts, l.T(" ", ""))
}

// Spoken are arguments of plan.Say with spans of time as each language writes them: for what was. What
// a file should say keeps the form that files have.
func Spoken(args ...any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		switch d := a.(type) {
		case time.Duration:
			out[i] = span(d)
		case run.Duration:
			out[i] = span(d)
		}
	}
	return out
}

type span time.Duration

func (s span) In(lang string) string { return Parse(lang).Span(time.Duration(s).Seconds()) }
