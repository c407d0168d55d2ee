package pdf

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func even(s string) float64 { return float64(len([]rune(s))) }

func TestKinsoku(t *testing.T) {
	for text, want := range map[string]string{
		"あいうえお、かきく":    "あいうえ|お、かきく",
		"あいうえ（かきくけ）":   "あいうえ|（かきく|け）",
		"あいう「えお」。かき":   "あいう「え|お」。かき",
		"キャッシュデータ":     "キャッシュ|データ",
		"ab cdefgh ij": "ab|cdefg|h ij",
		"東京123456大阪":   "東京|12345|6大阪",
		"一行目\n二行目":     "一行目|二行目",
		"":             "",
		"あいうえお":        "あいうえお",
		"、、、、、、":       "、、、、、|、",
		"復旧（10分以内）に行う": "復旧（10|分以内）に|行う",
	} {
		if got := strings.Join(Wrap(text, 5, even), "|"); got != want {
			t.Errorf("%q breaks as %q, want %q", text, got, want)
		}
	}
}

func TestLinesKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("あいう漢字、。（）「」ーッャabc12 .,")), 0, 60, -1).Draw(t, "text")
		width := float64(rapid.IntRange(4, 14).Draw(t, "width"))
		lines := Wrap(text, width, even)
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(text, " ", ""); got != want {
			t.Fatalf("%q became %q", text, got)
		}
		for i, l := range lines {
			if even(l) > width {
				t.Fatalf("%q is wider than %v", l, width)
			}
			if i == 0 || l == "" {
				continue
			}
			// A forbidden beginning is only where no better place was in the line before.
			before := Atoms(lines[i-1])
			if strings.ContainsAny(first(l), notFirst) {
				for at := 1; at < len(before); at++ {
					if !strings.ContainsAny(first(before[at]), notFirst) && !strings.ContainsAny(last(before[at-1]), notLast) {
						t.Fatalf("%q begins with a mark, and %q could have been broken before %q", l, lines[i-1], before[at])
					}
				}
			}
		}
	})
}
