package run

import "testing"

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		" two\r\n\tlines ":        "two lines",
		"a\x1b[2Jb\u0085c\u2028d": "a [2Jb c d",
		"good\u202eevil\u2066x":   "good evil x",
		"half \xe6\x9d a rune":    "half � a rune",
		"東京データセンターの喪失を確認した": "東京データセンタ…",
		"ten letters": "ten lette…",
	} {
		most := 40
		if r := []rune(want); len(r) > 0 && r[len(r)-1] == '…' {
			most = len(r)
		}
		if got := OneLine(in, most); got != want {
			t.Errorf("%q in %d: %q, want %q", in, most, got, want)
		}
	}
}
