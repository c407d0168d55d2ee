package book

import "strings"

// foldAt is how many columns of a step's commands the paper holds. What is longer would be
// broken by the printer, and nobody who types it could tell a space from none.
const foldAt = 72

// fold breaks lines that are longer than the paper: notes into more notes, commands where a
// shell goes on after a backslash. What is inside of quotes or a here-document stays as it is.
func fold(lines []string) []string {
	var out []string
	var open []byte // what is not closed yet: ' " ( , and $ for $(
	heredoc := false
	for _, l := range lines {
		switch {
		case heredoc:
			heredoc = l != "END"
			out = append(out, l)
		case len(open) == 0 && strings.HasPrefix(l, "#"):
			out = append(out, foldNote(l)...)
		default:
			var folded []string
			folded, open = foldCommand(l, open)
			out = append(out, folded...)
			heredoc = len(open) == 0 && strings.Contains(l, "<<'END'")
		}
	}
	return out
}

func foldNote(l string) []string {
	var out []string
	for columns(l) > foldAt {
		at, w, space := 0, 0, 0
		for i, r := range l {
			if w += width(r); w > foldAt {
				break
			}
			if at = i; r == ' ' && i > len("# ") {
				space = i
			}
		}
		if space > at/2 { // no word of Latin letters is torn
			at = space
		}
		out = append(out, strings.TrimRight(l[:at], " "))
		l = "#   " + strings.TrimLeft(l[at:], " ")
	}
	return append(out, l)
}

// foldCommand also says what the line leaves open.
func foldCommand(l string, open []byte) ([]string, []byte) {
	var out []string
	begin, space, indent := 0, -1, ""
	for i := 0; i < len(l); i++ {
		top := byte(0)
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		quoted := top == '\'' || top == '"'
		switch c := l[i]; {
		case c == '\'' && top == '\'', c == '"' && top == '"', c == ')' && (top == '(' || top == '$'):
			open = open[:len(open)-1]
		case top == '\'':
		case c == '\\':
			i++
		case c == '$' && strings.HasPrefix(l[i:], "$("):
			open = append(open, '$')
			i++
		case c == '"' && top != '"', (c == '\'' || c == '(') && !quoted:
			open = append(open, c)
		case c == ' ' && !quoted && strings.TrimSpace(l[begin:i]) != "":
			if columns(indent+l[begin:i])+len(" \\") > foldAt && space > begin {
				out = append(out, indent+l[begin:space]+" \\")
				begin, indent = space+1, "  "
			}
			space = i
		}
	}
	if columns(indent+l[begin:]) > foldAt && space > begin {
		out = append(out, indent+l[begin:space]+" \\")
		begin, indent = space+1, "  "
	}
	return append(out, indent+l[begin:]), open
}

func columns(s string) (n int) {
	for _, r := range s {
		n += width(r)
	}
	return n
}

// width is that of a character in a font of fixed width, where Japanese takes two columns.
func width(r rune) int {
	if r >= 0x2e80 {
		return 2
	}
	return 1
}
