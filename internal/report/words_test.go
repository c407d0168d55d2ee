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
