package run

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// SaysNothing reports whether a remark says only that there is nothing to say, as people are asked to
// write where nothing was hard.
func SaysNothing(text string) bool {
	bare := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsPunct(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, width.Fold.String(text))
	switch bare {
	case "特になし", "特に無し", "特になしです", "特に無しです", "特にありません", "特にない", "なし", "無し", "なしです", "無しです", "ありません",
		"nothing", "none", "nothingwashard", "nothingtosay", "nothingtoadd":
		return true
	}
	return false
}
