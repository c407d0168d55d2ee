// Package i18n holds the two languages that muster speaks to people. A sentence stands
// where it is said, with both its languages side by side, so that neither can be
// forgotten; the words of a run stand in words.go.
package i18n

import (
	"fmt"
	"strings"
)

// Lang is a language: "en" or "ja". Any other value reads as English.
type Lang string

const (
	EN Lang = "en"
	JA Lang = "ja"
)

// Of picks the language from what a person set ("" is nothing, and so is a language that is not
// spoken here: whoever is told so is told it in their locale's) and then from the locale variables
// in their POSIX order: LC_ALL, LC_MESSAGES, LANG.
func Of(set string, getenv func(string) string) Lang {
	if l := strings.ToLower(set); !strings.HasPrefix(l, string(EN)) && !strings.HasPrefix(l, string(JA)) {
		set = ""
	}
	for _, v := range []string{set, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")} {
		if v != "" {
			return Parse(v)
		}
	}
	return EN
}

// Parse reads a language tag, a locale or an Accept-Language header: what begins with
// "ja" is Japanese, all else English.
func Parse(s string) Lang {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(s)), "ja") {
		return JA
	}
	return EN
}

// T formats the sentence in l. Both formats take the same arguments; where the word
// order differs, the Japanese one uses indexes (%[2]s).
func (l Lang) T(en, ja string, args ...any) string {
	f := en
	if l == JA {
		f = ja
	}
	if len(args) == 0 {
		return f
	}
	return fmt.Sprintf(f, args...)
}
