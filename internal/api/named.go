package api

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/muster-dr/muster/internal/i18n"
)

// wellNamed refuses addresses that nothing can be kept under: a NUL, or bytes that are no UTF-8. What
// one record store would not find is an error of another's.
func wellNamed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bad := func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) }
		wrong := bad(r.URL.Path)
		for key, values := range r.URL.Query() {
			wrong = wrong || bad(key) || bad(strings.Join(values, " "))
		}
		if wrong {
			l := i18n.Parse(r.Header.Get("Accept-Language"))
			writeProblem(w, problem(http.StatusBadRequest, CodeBadRequest, l.T("The address holds a NUL or bytes that are not UTF-8.", "アドレスにNUL文字またはUTF-8でないバイトが含まれています。"),
				l.T("Nothing is kept under such a name; write it anew", "そのような名前の記録はありません。入力し直してください")))
			return
		}
		next.ServeHTTP(w, r)
	})
}
