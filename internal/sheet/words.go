package sheet

import (
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Say makes a sentence in both languages. Both formats take the same arguments; one that
// reads differently in each language is an InLanguage.
func Say(en, ja string, args ...any) plan.Text {
	with := func(l i18n.Lang) []any {
		out := make([]any, len(args))
		for i, a := range args {
			if w, ok := a.(InLanguage); ok {
				a = w.Word(l)
			}
			out[i] = a
		}
		return out
	}
	if len(args) == 0 {
		return plan.Text{EN: en, JA: ja}
	}
	return plan.Text{EN: fill(en, with(i18n.EN)), JA: fill(ja, with(i18n.JA))}
}

// fill is Sprintf for formats that need not use every argument.
func fill(format string, args []any) string {
	s := fmt.Sprintf(format, args...)
	if i := strings.Index(s, "%!(EXTRA"); i >= 0 {
		s = s[:i]
	}
	return s
}

// InLanguage is an argument of Say that reads differently in each language.
type InLanguage interface{ Word(l i18n.Lang) string }

// Span is a duration in seconds as people read it: 0.41 s, 12.4 s, 24 min 12 s,
// 3 h 05 min, 2 d 3 h.
type Span float64

func (s Span) Word(l i18n.Lang) string { return l.Span(float64(s)) }

// Beside is a span that stands beside another, and never reads as that one does unless it is as long.
type Beside struct{ S, Other float64 }

func (b Beside) Word(l i18n.Lang) string { return l.Beside(b.S, b.Other) }

// SpanOr is a span that may be unknown.
func SpanOr(s *float64, otherwise plan.Text) plan.Text {
	if s == nil {
		return otherwise
	}
	return Say("%s", "%s", Span(*s))
}

// Both is what i18n says in each language.
func Both(word func(l i18n.Lang) string) plan.Text {
	return plan.Text{EN: word(i18n.EN), JA: word(i18n.JA)}
}

func VerdictWord(v run.Verdict) plan.Text {
	if v == run.NoObjective {
		return Say("not set", "目標未設定")
	}
	return Both(func(l i18n.Lang) string { return l.Verdict(v) })
}

// Mark is a verdict's sign, so that no meaning hangs on colour.
func Mark(v run.Verdict) string {
	switch v {
	case run.Met:
		return "✓"
	case run.Missed:
		return "✕"
	case run.NotProven:
		return "?"
	case run.NoObjective:
		return "–"
	}
	return ""
}

// Legend explains the marks.
var Legend = plan.Text{EN: "✓ met · ✕ missed · ? not proven · – no objective", JA: "✓ 達成 ・ ✕ 未達 ・ ? 未立証 ・ – 目標なし"}
