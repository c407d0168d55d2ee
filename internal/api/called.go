package api

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
)

// Called refuses what calls the server by a name that is not its own: a page of a foreign site
// whose name leads here would else be this server's own page to a browser. IP addresses are
// nobody's name. Who gives a token is no such page, nor are the doors whose senders sign what
// they send; health says nothing that needs it, and is asked by all kinds of names.
// noted hears of each that was refused; nil is nobody.
func Called(next http.Handler, names []string, noted func(*http.Request), signed ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.Path == "/api/v1/health" || ownName(r.Host, names) ||
			slices.ContainsFunc(signed, func(door string) bool { return strings.HasPrefix(r.URL.Path, door) }) {
			next.ServeHTTP(w, r)
			return
		}
		if noted != nil {
			noted(r)
		}
		l := i18n.Parse(r.Header.Get("Accept-Language"))
		p := problem(http.StatusMisdirectedRequest, CodeRefused, l.T("This server is not called %q.", "このサーバーの名前は %q ではありません。", r.Host),
			l.T("Open it by its public_url; if this is a name of its own, add it to hosts in muster.yaml", "public_urlのアドレスで開いてください。このサーバーの名前として正しい場合は、muster.yamlのhostsに追加してください"))
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Error(w, p.Error(), p.Status)
			return
		}
		writeProblem(w, p)
	})
}

// ownName reports whether a Host header names the server. HTTP/1.0 has none.
func ownName(host string, names []string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) })
}
