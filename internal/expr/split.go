package expr

import (
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

const (
	opening = "${{"
	closing = "}}"
)

// Part is a piece of a string: literal text, or an expression without its ${{ and }}.
// Offset counts bytes from the string's start to the piece's.
type Part struct {
	Text       string
	Expression bool
	Offset     int
}

// Has reports whether s holds an expression, or the beginning of one.
func Has(s string) bool { return strings.Contains(s, opening) }

// Split cuts a string at its expressions. Quotes and brackets inside an expression are
// followed, so that "}}" in a string or the end of two maps does not end it. A literal
// "${{" is written ${{ "${{" }}.
func Split(s string) ([]Part, error) {
	var out []Part
	at := 0
	for {
		i := strings.Index(s[at:], opening)
		if i < 0 {
			if at < len(s) || len(out) == 0 {
				out = append(out, Part{Text: s[at:], Offset: at})
			}
			return out, nil
		}
		if i > 0 {
			out = append(out, Part{Text: s[at : at+i], Offset: at})
		}
		start := at + i + len(opening)
		n := expressionEnd(s[start:])
		if n < 0 {
			return nil, &Error{Offset: at + i, Text: plan.Text{EN: `"${{" is never closed; end the expression with "}}"`, JA: `"${{" が閉じられていません。式の終わりに "}}" を書いてください`}}
		}
		if strings.TrimSpace(s[start:start+n]) == "" {
			return nil, &Error{Offset: at + i, Text: plan.Text{EN: "the expression is empty; write it between ${{ and }}", JA: "式が空です。${{ と }} の間に書いてください"}}
		}
		out = append(out, Part{Text: s[start : start+n], Expression: true, Offset: start})
		at = start + n + len(closing)
	}
}

// expressionEnd returns where the "}}" of an expression begins, or -1.
func expressionEnd(s string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{' || c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case c == '}':
			if depth <= 0 && strings.HasPrefix(s[i:], closing) {
				return i
			}
			depth--
		}
	}
	return -1
}
