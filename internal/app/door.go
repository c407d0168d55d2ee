package app

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/lookout"
)

// inClear refuses to start where tokens and cookies would cross a network in clear.
func inClear(o Options) error {
	c := o.Config
	if !c.InClear() {
		return nil
	}
	what, way := saysInClear(o.Lang, c.Listen, c.PublicURL)
	if c.InsecureHTTP {
		o.Log.Warn("the server listens beyond this machine without https: tokens and cookies cross the network in clear (insecure_http)", "listen", c.Listen, "public_url", c.PublicURL)
		return nil
	}
	return &Trouble{Mistake: true, What: what, WayOut: way}
}

func saysInClear(l i18n.Lang, listen, publicURL string) (what, way string) {
	if publicURL == "" {
		publicURL = l.T("not set", "未設定")
	}
	return l.T("listen is %s, which other machines reach, and public_url (%s) is not https: tokens and cookies would cross the network in clear",
			"listen（%s）は他のマシンから接続できますが、public_url（%s）がhttpsではないため、トークンやCookieが平文でネットワークを流れます", listen, publicURL),
		l.T("Put a proxy with TLS before it and set public_url to its https address; or listen on 127.0.0.1; or, in a network that you trust with it, set insecure_http: true (MUSTER_INSECURE_HTTP=true)",
			"TLSを終端するプロキシを前に置き、public_urlにそのhttpsのURLを設定してください。または127.0.0.1で待ち受けるか、信頼できるネットワークであればinsecure_http: true（MUSTER_INSECURE_HTTP=true）を設定してください")
}

// door looks at whom the server would let to its door, and how.
func (e *examination) door() {
	title := e.t("way to the server", "サーバーへの接続")
	switch {
	case !e.c.Beyond():
		e.add("door", title, Good, e.t("from this machine only (%s)", "このマシンからのみ (%s)", e.c.Listen), "")
	case !e.c.InClear():
		e.add("door", title, Good, e.t("from other machines (%s), people by %s", "他のマシンからも接続可 (%s)、利用者は %s", e.c.Listen, e.c.PublicURL), "")
	default:
		what, way := saysInClear(e.l, e.c.Listen, e.c.PublicURL)
		r := Bad
		if e.c.InsecureHTTP {
			r = Odd
		}
		e.add("door", title, r, what, way)
	}
}

// names are those by which this server is called.
func names(c config.Config) []string {
	out := c.Names()
	if name, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(name, ".")
		out = append(out, name, short)
	}
	return out
}

// figures lets at the metrics whom the settings let: anybody, else whoever is known, or asks from
// this machine itself. What a proxy on this machine passes on is not from this machine.
func (s *server) figures(next http.Handler) http.Handler {
	if s.o.Config.Metrics.Open {
		return next
	}
	known := s.identity.Guard(next, identity.Gate{For: identity.ForMetrics, Refused: func(w http.ResponseWriter, r *http.Request, _ error) {
		l := i18n.Parse(r.Header.Get("Accept-Language"))
		w.Header().Set("WWW-Authenticate", `Bearer realm="muster"`)
		http.Error(w, l.T("The figures take a token from other machines. Give one (in Prometheus: authorization, credentials_file), or set metrics.open: true",
			"他のマシンからメトリクスを読むにはトークンが必要です。トークンを指定する（Prometheusではauthorizationのcredentials_file）か、metrics.open: true を設定してください"), http.StatusUnauthorized)
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fromHere(r) && r.Header.Get("Authorization") == "" { // who says a token has to have one
			next.ServeHTTP(w, r)
			return
		}
		known.ServeHTTP(w, r)
	})
}

// passedOn are the headers by which proxies say that they pass on what somebody else asks.
var passedOn = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// fromHere reports whether a program on this machine asks, for itself.
func fromHere(r *http.Request) bool {
	for _, h := range passedOn {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	at, err := netip.ParseAddr(host)
	return err == nil && at.Unmap().IsLoopback()
}

// turnedAtGateway enters who was turned away at the gateway, and why.
func (s *server) turnedAtGateway(t gateway.Turned) {
	r := &identity.Refusal{Reason: identity.Reason(t.Why)}
	if t.Site != "" {
		r.Via = "site " + t.Site
	}
	s.identity.Turned(context.Background(), t.From, lookout.ActGateway, t.Site, r)
}

// unsigned enters that what came to Slack's door was not Slack's, or was taken before.
func (s *server) unsigned(r *http.Request, replay bool) bool {
	why := identity.Forged
	if replay {
		why = identity.Replayed
	}
	return s.identity.Turned(r.Context(), identity.Origin(r), identity.ActSlack, r.URL.Path, &identity.Refusal{Reason: why})
}
