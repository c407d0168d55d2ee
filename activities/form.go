package activities

import (
	"net/mail"
	"strings"
	"unicode"

	"github.com/muster-dr/muster/internal/plan"
)

// Forms are the forms that a text may have to have (tag form), by name: nil is well formed.
var Forms = map[string]func(string) error{
	"mail": func(s string) error { _, err := MailAddress(s); return err },
}

// MailAddress is the address in s as SMTP takes it. A name may stand before it:
// "Ops <ops@example.com>".
func MailAddress(s string) (string, error) {
	a, err := mail.ParseAddress(s)
	if err != nil || strings.ContainsFunc(a.Address, func(r rune) bool {
		return r > unicode.MaxASCII || unicode.IsSpace(r) || strings.ContainsRune(`<>"(),;:\`, r)
	}) {
		return "", plan.Wrong("%.100q is no mail address; write one, such as ops@example.com or Ops <ops@example.com>", "%.100q はメールアドレスではありません。ops@example.com や Ops <ops@example.com> のように書いてください", s)
	}
	return a.Address, nil
}
