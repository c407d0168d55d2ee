package report

import (
	"strings"
	"testing"
)

func TestEveryReasonHasBothLanguages(t *testing.T) {
	for code, w := range reasons {
		if w.EN == "" || w.JA == "" || strings.Contains(w.EN, "%s") != strings.Contains(w.JA, "%s") {
			t.Errorf("reason %s: %+v", code, w)
		}
	}
}

// A missed objective never reads as a met one.
func TestAFigureReadsApartFromItsObjective(t *testing.T) {
	for _, c := range [][2]float64{{3659, 3600}, {72*3600 + 59*60, 72 * 3600}, {60.4, 60}, {3650, 3630}} {
		w := against(&c[0], &c[1])
		en, ja := strings.TrimPrefix(w.EN, ": "), strings.TrimPrefix(w.JA, "：実績 ")
		a, o, _ := strings.Cut(en, " against ")
		x, y, _ := strings.Cut(ja, "、目標 ")
		if a == o || x == y {
			t.Errorf("%v s against %v s reads %q, %q", c[0], c[1], w.EN, w.JA)
		}
	}
}
