// Package pdf sets pages in Japanese and English as tagged PDF: what is a heading, a table cell with its
// column or a picture with its description is so for a screen reader too. Lines are broken by kinsoku.
package pdf

import "strings"

// What may not begin a line (行頭禁則) and what may not end one (行末禁則), after JIS X 4051.
const (
	notFirst = "、。，．・：；？！ー…‥）］｝〕〉》」』】〟’”〙〗々〻ゝゞヽヾぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ゛゜％‰℃°㏄″′,.:;!?)]}%"
	notLast  = "（［｛〔〈《「『【〝‘“〘〖￥＄£([{¥$"
)

// Wrap breaks text into lines no wider than width, as far as that can be done: Japanese
// between any two letters that may stand so, words of other scripts at their blanks.
func Wrap(text string, width float64, measure func(string) float64) []string {
	var lines []string
	for _, para := range strings.Split(text, "\n") {
		lines = append(lines, wrapLine(Atoms(para), width, measure)...)
	}
	return lines
}

// Atoms are the pieces between which a line may end, as far as the pieces go: a word with
// the blanks behind it, or one letter of Japanese.
func Atoms(s string) []string {
	var out []string
	word := ""
	flush := func() {
		if word != "" {
			out = append(out, word)
			word = ""
		}
	}
	for _, r := range s {
		switch {
		case r == ' ' || r == '\t':
			word += " "
			flush()
		case wide(r):
			flush()
			out = append(out, string(r))
		default:
			word += string(r)
		}
	}
	flush()
	return out
}

// wide reports whether lines may end on either side of a letter.
func wide(r rune) bool {
	return r >= 0x2E80 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFAFF || r >= 0xFF00 && r <= 0xFFEF || r >= 0x20000 ||
		r >= 0x2460 && r <= 0x24FF || r == '…' || r == '‥'
}

func wrapLine(list []string, width float64, measure func(string) float64) []string {
	if len(list) == 0 {
		return []string{""}
	}
	var lines []string
	for len(list) > 0 {
		n, w := 0, 0.0
		for n < len(list) {
			piece := measure(strings.TrimRight(list[n], " "))
			if n > 0 && w+piece > width {
				break
			}
			w += measure(list[n])
			n++
			if w > width { // one piece that is too wide by itself
				break
			}
		}
		if n == 1 && measure(strings.TrimRight(list[0], " ")) > width {
			head, rest := cut(list[0], width, measure)
			lines = append(lines, head)
			if rest == "" {
				list = list[1:]
			} else {
				list = append([]string{rest}, list[1:]...)
			}
			continue
		}
		if n < len(list) {
			n = turn(list, n)
		}
		lines = append(lines, strings.TrimRight(strings.Join(list[:n], ""), " "))
		list = list[n:]
	}
	return lines
}

// turn moves the end of a line back until what ends and what begins may (追い出し). When
// nothing before it may, it stays: a line too wide is worse than a mark at its beginning.
func turn(list []string, n int) int {
	for at := n; at > 0; at-- {
		if !strings.ContainsAny(first(list[at]), notFirst) && !strings.ContainsAny(last(list[at-1]), notLast) {
			return at
		}
	}
	return n
}

func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func last(s string) string {
	r := []rune(strings.TrimRight(s, " "))
	if len(r) == 0 {
		return ""
	}
	return string(r[len(r)-1])
}

// cut breaks a word that is wider than a line, such as a long address.
func cut(word string, width float64, measure func(string) float64) (head, rest string) {
	w := 0.0
	for i, r := range word {
		w += measure(string(r))
		if w > width && i > 0 {
			return word[:i], word[i:]
		}
	}
	return word, ""
}

// Clean takes out what can't be drawn: control letters, and marks that turn text around.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' && r != '\n', r == 0x7f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r == 0x200b:
			return -1
		}
		return r
	}, s)
}
