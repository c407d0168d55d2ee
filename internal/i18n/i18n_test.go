package i18n

import (
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

func TestLanguageIsThatOfThePersonThenOfTheLocale(t *testing.T) {
	for _, c := range []struct {
		set  string
		env  map[string]string
		want Lang
	}{
		{"", nil, EN},
		{"", map[string]string{"LANG": "ja_JP.UTF-8"}, JA},
		{"", map[string]string{"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, EN},
		{"en", map[string]string{"LANG": "ja_JP.UTF-8"}, EN},
		{"ja", map[string]string{"LANG": "C"}, JA},
	} {
		if got := Of(c.set, func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("Of(%q, %v) = %s, want %s", c.set, c.env, got, c.want)
		}
	}
	if Parse("ja,en;q=0.8") != JA || Parse("de, ja;q=0.5") != EN {
		t.Error("Accept-Language: the first language counts")
	}
}

func TestEveryPhaseHasBothWords(t *testing.T) {
	for _, p := range run.Phases(run.Disaster) {
		if w := phases[p]; w[0] == "" || w[1] == "" {
			t.Errorf("phase %s lacks a word: %q", p, w)
		}
	}
	if got := JA.Phase("later_addition"); got != "later_addition" {
		t.Errorf("an unknown phase shows as %q", got)
	}
}
