package run

import "strings"

// The marks of a drill: everything that a drill says to people begins with one, and
// nothing that a response says holds one.
const (
	MarkEN = "[DRILL]"
	MarkJA = "【訓練】"
	Mark   = MarkEN + MarkJA // of a text in both languages
)

// Marked is a text as a run of this kind may say it: a drill's (and a check's) begins
// with the mark, whatever its author wrote; from a response's any mark is taken out.
func Marked(k Kind, mark, text string) string {
	switch {
	case text == "":
		return ""
	case k == Response:
		return Unmarked(text)
	case strings.HasPrefix(text, mark):
		return text
	case strings.HasSuffix(mark, "]"): // Latin letters want a space
		return mark + " " + text
	}
	return mark + text
}

var unmark = strings.NewReplacer(MarkEN+" ", "", MarkEN, "", MarkJA, "")

// Unmarked is a text without any mark, also one that taking others out puts together.
func Unmarked(text string) string {
	for strings.Contains(text, MarkEN) || strings.Contains(text, MarkJA) {
		text = unmark.Replace(text)
	}
	return text
}
