package watch

import (
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/text/width"

	"github.com/muster-dr/muster/internal/i18n"
)

// Style is how a terminal is written to.
type Style struct {
	Color bool // ANSI colours; symbols and words say the same without them
	Width int  // cells of a line
}

type paint string

const (
	bold     paint = "1"
	dim      paint = "2"
	red      paint = "31"
	green    paint = "32"
	yellow   paint = "33"
	cyan     paint = "36"
	onBlue   paint = "1;97;44"
	onRed    paint = "1;97;41"
	onYellow paint = "1;30;43"
)

func (s Style) paint(p paint, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + string(p) + "m" + text + "\x1b[0m"
}

// Cells is how many columns a text takes: full-width letters take two.
func Cells(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n += cellsOf(r)
		}
	}
	return n
}

func cellsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if r >= 0x1F300 && r <= 0x1FAFF {
		return 2
	}
	return 1
}

// cut shortens a text without escapes to at most n cells, with "…" where it was cut.
func cut(s string, n int) string {
	if Cells(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	out, used := strings.Builder{}, 0
	for _, r := range s {
		if used+cellsOf(r) > n-1 {
			break
		}
		out.WriteRune(r)
		used += cellsOf(r)
	}
	return out.String() + "…"
}

// fold breaks a text into lines of at most n cells, between words where it can.
func fold(s string, n int) []string {
	var lines []string
	for Cells(s) > n && n > 1 {
		end, used, space := 0, 0, -1
		for i, r := range s {
			if used += cellsOf(r); used > n {
				if r == ' ' {
					space = end
				}
				break
			}
			end = i + len(string(r))
			if r == ' ' {
				space = end
			}
		}
		if space > end/2 {
			end = space
		}
		lines, s = append(lines, strings.TrimRight(s[:end], " ")), strings.TrimLeft(s[end:], " ")
	}
	return append(lines, s)
}

// pad fills a text up to n cells.
func pad(s string, n int) string {
	if c := Cells(s); c < n {
		return s + strings.Repeat(" ", n-c)
	}
	return s
}

// column cuts and fills.
func column(s string, n int) string { return pad(cut(s, n), n) }

// clean takes control characters out of what other programs and people wrote.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < 0x20, r == 0x7f, r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

// clock is a span as a clock shows it: 00:03:12, with days in front when there are.
func clock(seconds float64) string {
	sign := ""
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	d := time.Duration(seconds * float64(time.Second)).Truncate(time.Second)
	days := d / (24 * time.Hour)
	d -= days * 24 * time.Hour
	text := fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	if days > 0 {
		text = fmt.Sprintf("%dd %s", days, text)
	}
	return sign + text
}

// short is a span as minutes and seconds, with hours when there are: 0:07, 1:02:07.
func short(seconds float64) string {
	n := int(max(0, seconds))
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

// minutes is short with minutes that keep their place: 00:07.
func minutes(seconds float64) string {
	if seconds >= 3600 {
		return short(seconds)
	}
	return clock(max(0, seconds))[3:]
}

// bar draws a share of a whole. A share above 1 fills it and ends in ">".
func bar(share float64, n int) string {
	full := int(share*float64(n) + 0.5)
	if share > 1 {
		return strings.Repeat("█", n-1) + ">"
	}
	full = max(0, min(n, full))
	return strings.Repeat("█", full) + strings.Repeat("░", n-full)
}

// span is a span that is followed live: to the second, and finer while it is short.
func span(l i18n.Lang, seconds float64) string {
	if seconds < 10 {
		return l.Span(math.Round(seconds*10) / 10)
	}
	return l.Span(math.Round(seconds))
}
