package api

import (
	"html"
	"net/http"
	"regexp"
	"strings"
)

// Shielded gives every answer of a server the headers that keep a browser from doing anything
// with it but show it to whoever asked. What is a page says more exactly what it needs.
func Shielded(next http.Handler, publicURL string) http.Handler {
	https := strings.HasPrefix(publicURL, "https://")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

var ownPolicy = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`)

// policyOf is the policy that a report in HTML carries, which names its own style sheet.
func policyOf(page []byte) string {
	policy := "default-src 'none'"
	if m := ownPolicy.FindSubmatch(page[:min(len(page), 4096)]); m != nil {
		policy = html.UnescapeString(string(m[1]))
	}
	return policy + "; frame-ancestors 'none'"
}
