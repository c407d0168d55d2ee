package nearest

import "testing"

func TestWord(t *testing.T) {
	known := []string{"temporal", "listen", "data", "demo-tokyo-loss-1"}
	for typed, want := range map[string]string{
		"temproal":         "temporal",
		"Listen":           "listen",
		"date":             "data",
		"demo-tokio-los-1": "demo-tokyo-loss-1",
		"zebra":            "",
		"":                 "",
	} {
		if got := Word(typed, known); got != want {
			t.Errorf("Word(%q) = %q, want %q", typed, got, want)
		}
	}
}
