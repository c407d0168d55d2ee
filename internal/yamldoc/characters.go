package yamldoc

import (
	"unicode/utf8"

	"github.com/muster-dr/muster/internal/plan"
)

// forbidden says why a character may not stand in a plan file, nothing when it may. Text
// that shows as something else than it is would let a reviewer approve another
// failover than the one that runs.
func forbidden(r rune) plan.Text {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return plan.Text{}
	case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0:
		return plan.Text{EN: "a control character", JA: "制御文字"}
	case r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return plan.Text{EN: "a character that turns the direction of text", JA: "文字の表示方向を変える文字"}
	case r == 0x200b || r == 0x2060 || r == 0xfeff || r >= 0xe0000 && r <= 0xe007f:
		return plan.Text{EN: "an invisible character", JA: "目に見えない文字"}
	case r == 0x2028 || r == 0x2029:
		return plan.Text{EN: "a line separator that editors don't show", JA: "エディターに表示されない行区切り文字"}
	}
	return plan.Text{}
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
			why = plan.Say("byte 0x%02x, which is no UTF-8", "UTF-8として正しくないバイト 0x%02x", data[i])
		case r == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			why = plan.Text{EN: "U+000D, a line end that editors count differently", JA: "U+000D（エディターによって行の数え方が変わる改行文字）"}
		case r == 0xfeff && i == 0:
			why = plan.Text{} // a byte order mark
			column--
		case why != (plan.Text{}):
			why = plan.Say("U+%04X, %s", "U+%04X（%s）", r, why)
		}
		if why != (plan.Text{}) {
			log.Add(Place{file, line, column}, "the file holds %s; remove it", "ファイルに %s が含まれています。削除してください", why)
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
