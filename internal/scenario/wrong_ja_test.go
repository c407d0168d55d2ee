package scenario

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Every mistake reads in Japanese, whole: none holds an English sentence, or nothing but one.
// What stands in the files (names, keys, values) stays as it is.
func TestWrongFilesInJapanese(t *testing.T) {
	paths, _ := filepath.Glob("testdata/wrong/*.yaml")
	if len(paths) < 45 {
		t.Fatalf("only %d wrong files", len(paths))
	}
	var told strings.Builder
	for _, path := range paths {
		files := base(t)
		wrong(t, files, path)
		_, mistakes := LoadSources(catalog(), files)
		for _, m := range mistakes {
			if !strings.ContainsFunc(m.JA, japanese) {
				t.Errorf("no Japanese: %s", m.In("ja"))
			}
			if left := english.FindString(literal.ReplaceAllString(m.JA, "…")); left != "" {
				t.Errorf("English left, %q: %s", left, m.In("ja"))
			}
			told.WriteString(m.In("ja") + "\n")
		}
	}
	golden(t, "testdata/wrong/ja.golden", told.String())
}

var (
	// literal is what people copy into a file or a terminal.
	literal = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|\\{[^}]*\\}")
	// english is a run of words that only a sentence has; names in a list have commas.
	english = regexp.MustCompile(`[A-Za-z][a-z']*( [a-z][a-z']*){3,}`)
)

func japanese(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }
