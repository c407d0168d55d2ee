package run

import "strings"

// OneLine is what somebody wrote as one line of at most so many characters: no line ends, no
// control characters, nothing that turns the reading direction of what follows.
func OneLine(s string, most int) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.TrimSpace(strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}), " "))
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}
