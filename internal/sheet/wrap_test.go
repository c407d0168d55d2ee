package sheet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWrapLosesNothing: a record with a missing character in a name is worthless.
func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("ab 髙﨑（）。、「」①㈱ーcd.")), 0, 80, -1).Draw(t, "text")
		n := rapid.IntRange(4, 40).Draw(t, "columns")
		lines := Wrap(s, n)
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(s, " ", ""); got != want {
			t.Fatalf("wrapped to %q, want every character of %q", lines, s)
		}
		for _, l := range lines {
			if Cells(l) > n {
				t.Fatalf("line %q takes %d of %d columns", l, Cells(l), n)
			}
		}
	})
}

func TestWrapKeepsKinsoku(t *testing.T) {
	for _, l := range Wrap("目標復旧時間を達成した。（復旧）は「完了」している。", 12) {
		if strings.ContainsAny(string([]rune(l)[0]), "。、）」") || strings.HasSuffix(l, "（") || strings.HasSuffix(l, "「") {
			t.Errorf("line %q begins or ends as no Japanese line may", l)
		}
	}
}

func TestSpansAsPeopleReadThem(t *testing.T) {
	for _, c := range []struct {
		seconds float64
		en, ja  string
	}{
		{0, "0 s", "0秒"}, {0.412, "0.41 s", "0.41秒"}, {5, "5 s", "5秒"}, {12.44, "12.4 s", "12.4秒"}, {59.97, "1 min", "1分"},
		{60, "1 min", "1分"}, {1452, "24 min 12 s", "24分12秒"}, {11100, "3 h 05 min", "3時間05分"}, {183600, "2 d 3 h", "2日3時間"},
	} {
		if en, ja := Span(c.seconds).Word("en"), Span(c.seconds).Word("ja"); en != c.en || ja != c.ja {
			t.Errorf("%v s reads %q and %q, want %q and %q", c.seconds, en, ja, c.en, c.ja)
		}
	}
}
