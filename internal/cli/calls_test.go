package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A call that can't be right ends with 2, before anything is opened, and says what to write instead.
func TestCallsThatCannotBeRight(t *testing.T) {
	dir := t.TempDir()
	here := filepath.Join(dir, "journal.db")
	if err := os.WriteFile(here, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		en, ja string
	}{
		"no kind":        {[]string{"store", "copy", here, "sqlite:" + dir + "/b.db"}, "Write sqlite:" + here, "sqlite:" + here},
		"another kind":   {[]string{"store", "copy", "sqlite:" + here, "mysql:x"}, `"mysql" is no kind`, "種類の保存先はありません"},
		"no file":        {[]string{"store", "copy", "sqlite:" + dir + "/absent.db", "sqlite:" + dir + "/b.db"}, "there is no record store in", "journal.db を指定"},
		"the same":       {[]string{"store", "copy", "sqlite:" + here, "sqlite:" + dir + "/./journal.db"}, "the same record store", "同じ保存先"},
		"no token there": {[]string{"drill", "list", "--token-file", dir + "/absent"}, "there is no token file " + dir + "/absent", "トークンファイル"},
	} {
		for lang, want := range map[string]string{"en": c.en, "ja": c.ja} {
			var said strings.Builder
			code := Main(append(c.args, "--lang", lang), Stdio{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &said})
			if code != exitMistake || !strings.Contains(said.String(), want) {
				t.Errorf("%s: code %d, %q; want %d, and %q", name, code, said.String(), exitMistake, want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "b.db")); !os.IsNotExist(err) {
		t.Errorf("a wrong call made a store: %v", err)
	}
}
