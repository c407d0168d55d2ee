package yamldoc

import (
	"fmt"
	"unicode/utf8"
)

// forbidden says why a character may not stand in a plan file, "" when it may. Text
// that shows as something else than it is would let a reviewer approve another
// failover than the one that runs.
func forbidden(r rune) string {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ""
	case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0:
		return "a control character"
	case r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return "a character that turns the direction of text"
	case r == 0x200b || r == 0x2060 || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f:
		return "an invisible character"
	case r == 0x2028 || r == 0x2029:
		return "a line separator that editors don't show"
	}
	return ""
}

// checkCharacters looks at the file as it is. It stops after a few, since such a file
// is most often not text at all.
func checkCharacters(file string, data []byte, log *Log) bool {
	line, column, found := 1, 1, 0
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		why := forbidden(r)
		switch {
		case r == utf8.RuneError && n == 1:
			why = fmt.Sprintf("byte 0x%02x, which is no UTF-8", data[i])
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			why = "U+000D, a line end that editors count differently"
		case r == 0xfeff && i == 0:
			why = "" // a byte order mark
			column--
		case why != "":
			why = fmt.Sprintf("U+%04X, %s", r, why)
		}
		if why != "" {
			log.Add(Place{file, line, column}, "the file holds %s; remove it", why)
			if found++; found == 5 {
				return false
			}
		}
		if i += n; r == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return found == 0
}
