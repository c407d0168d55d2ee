package cli

import (
	"strings"
	"testing"
)

// A word that commands take stands beside what it means, for those who read another language.
func TestWordsOfCommandsAreExplained(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, c := range []struct{ args, ja, en string }{
		{"decide elsewhere --reason x", "alternate（代替拠点へ切り替え）, in_place（被災拠点で復旧）", "alternate, in_place"},
		{"assess orders --damage gone", "stopped（停止）", "stopped, destroyed"},
		{"confirm it", "containment（被害拡大の防止措置）", "communications, containment"},
	} {
		for lang, want := range map[string]string{"ja": c.ja, "en": c.en} {
			if code, _, talk := muster(t, append(strings.Fields(c.args), "--as", "sato", "--lang", lang)...); code != exitMistake || !strings.Contains(talk, want) {
				t.Errorf("%s in %s: exit %d, %s", c.args, lang, code, talk)
			}
		}
	}
}
