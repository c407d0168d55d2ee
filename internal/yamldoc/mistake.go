// Package yamldoc reads the YAML files people write. It keeps the place of every
// value, reports all mistakes of a file instead of the first, and refuses what YAML
// would let pass in silence: a second document, a key twice, an unknown field, 010 for
// 8, characters that show a text as something else than it is.
package yamldoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Place is where something stands. Lines and columns count from 1, columns in
// characters. The zero Place is nowhere.
type Place struct {
	File   string
	Line   int
	Column int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Mistake is one thing wrong in a file: where, what, and the way out, in both languages. As
// an error it is English.
type Mistake struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
	JA     string `json:"text_ja"`
}

// In is the mistake with its place, for people who read lang ("en" or "ja").
func (m Mistake) In(lang string) string {
	return Place{m.File, m.Line, m.Column}.String() + ": " + plan.Text{EN: m.Text, JA: m.JA}.In(lang)
}

func (m Mistake) String() string { return m.In("en") }

// Mistakes is a sorted list of mistakes, one a line as an error.
type Mistakes []Mistake

// Lines are the mistakes, a line each, for people who read lang.
func (m Mistakes) Lines(lang string) []string {
	out := make([]string, len(m))
	for i, one := range m {
		out[i] = one.In(lang)
	}
	return out
}

func (m Mistakes) Error() string { return strings.Join(m.Lines("en"), "\n") }

// Said is the error in both languages.
func (m Mistakes) Said() plan.Text {
	return plan.Text{EN: m.Error(), JA: strings.Join(m.Lines("ja"), "\n")}
}

// Err is m as an error, nil when there is no mistake.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// perFile bounds the mistakes told of one file; a file in the wrong format would
// otherwise drown those of all others.
const perFile = 200

// Log collects mistakes. The zero value is ready.
type Log struct {
	list  []Mistake
	count map[string]int
}

// Add notes a mistake at a place, in English and in Japanese; the arguments are those of
// plan.Say.
func (l *Log) Add(at Place, en, ja string, args ...any) {
	if l.count == nil {
		l.count = map[string]int{}
	}
	switch n := l.count[at.File]; {
	case n > perFile:
		return
	case n == perFile:
		at, en, ja, args = Place{File: at.File, Line: 1 << 30}, "", "", nil
	}
	l.count[at.File]++
	text := plan.Text{EN: en, JA: ja}
	if len(args) > 0 {
		text = plan.Say(en, ja, args...)
	}
	l.list = append(l.list, Mistake{at.File, at.Line, at.Column, text.EN, text.JA})
}

// Len is how many mistakes were noted.
func (l *Log) Len() int { return len(l.list) }

// Mistakes returns what was noted, by file, line and column, each once.
func (l *Log) Mistakes() Mistakes {
	out := slices.Clone(l.list)
	slices.SortStableFunc(out, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	out = slices.Compact(out)
	for i := range out {
		if out[i].Line == 1<<30 {
			more := plan.Say("more than %d mistakes; correct these first", "誤りが %d 件を超えています。まずこれらを修正してください", perFile)
			out[i] = Mistake{File: out[i].File, Text: more.EN, JA: more.JA}
		}
	}
	return out
}

// IsZero reports whether p is nowhere: the value was not in the file.
func (p Place) IsZero() bool { return p == Place{} }
