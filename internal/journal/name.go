package journal

import (
	"strings"
	"unicode/utf8"

	"github.com/muster-dr/muster/internal/plan"
)

// Names are what the store finds things by. PostgreSQL takes no NUL and no bytes that are not UTF-8;
// SQLite takes both, and would keep what could then not be copied. Neither store takes them: nothing
// is kept under such a name, and so nothing is found.

// named refuses names that no store keeps; what says in both languages whose they are.
func named(what plan.Text, names ...string) error {
	for _, n := range names {
		if odd(n) {
			return plan.Wrong("%s: %q holds a NUL or bytes that are not UTF-8, under which no record is kept", "%s: %q にNUL文字またはUTF-8でないバイトが含まれるため、記録できません", what, n)
		}
	}
	return nil
}

// odd reports whether nothing is kept under a name.
func odd(names ...string) bool {
	for _, n := range names {
		if !utf8.ValidString(n) || strings.ContainsRune(n, 0) {
			return true
		}
	}
	return false
}
