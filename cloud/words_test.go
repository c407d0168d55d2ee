package cloud

import (
	"strings"
	"testing"
)

// Whoever checks by hand reads a sentence with a way out, in their language, and no code word.
func TestPeopleAreToldInSentences(t *testing.T) {
	none := Read(t.Context(), "secret://aws/")
	for lang, want := range map[string]string{"en": "secret://aws/: this reference names no secret. Write secret://aws/NAME-OR-ARN#FIELD", "ja": "secret://aws/：参照として正しくありません。secret://aws/名前またはARN#項目"} {
		if got := none.In(lang, "secret://aws/"); !strings.HasPrefix(got, want) {
			t.Errorf("%q does not begin with %q", got, want)
		}
	}
	a := Answer{Why: Settings, Said: "no region is known", SaidJA: "リージョンが不明です"}
	if en, ja := a.In("en", "x"), a.In("ja", "x"); en != "x: the settings for this store do not suffice (no region is known)" || ja != "x：このストアの設定が不足しています（リージョンが不明です）" {
		t.Errorf("%q %q", en, ja)
	}
	for _, why := range []string{Form, Settings, Credentials, Denied, Missing, Busy, Away, Unreadable, Field, Binary} {
		for _, lang := range []string{"en", "ja"} {
			if got := (Answer{Why: why}).In(lang, "x"); strings.Contains(got, "%!") || strings.HasPrefix(got, "x: "+why+":") || len(words[why][0]) == 0 {
				t.Errorf("%s: %q", why, got)
			}
		}
	}
	if a := (Answer{Value: kept}).In("en", "x"); a != "x can be read" {
		t.Error(a)
	}
	for env, want := range map[string]string{"ja_JP.UTF-8": "ja", "C": "en", "": "en"} {
		if got := Lang(func(name string) string { return map[string]string{"LANG": env}[name] }); got != want {
			t.Errorf("LANG=%s: %s", env, got)
		}
	}
}
