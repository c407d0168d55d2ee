package sheet

import "testing"

// What a spreadsheet would take for a formula is quoted, in whatever width and behind whatever space;
// numbers stay numbers.
func TestNoCellIsAFormula(t *testing.T) {
	for _, s := range []string{"=1+1", "+1", "@SUM(A1)", "-", "-1+cmd", "- note", "-3.2.1", "＝HYPERLINK(\"http://x\",\"y\")", "＋1", "－1", "＠A1", " =1+1", "\u00a0=1", "\u3000＝1",
		"\u200b=1", "\ufeff=1", "\x00=1", "\tx", "\r=1", "\nx"} {
		if got := PlainCell(s); got != "'"+s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
	for _, s := range []string{"", " ", "-3.2", "-15", "0", "12", "95%", "-0.5%", "髙﨑", "4 min − 2", "a=b", "–", "'=1"} {
		if got := PlainCell(s); got != s {
			t.Errorf("%q becomes %q", s, got)
		}
	}
}
