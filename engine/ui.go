package engine

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// uiKeyParameter carries the key in the address that opens the UI in a browser.
const uiKeyParameter = "key"

// ui is Temporal's web UI behind a gate. The UI itself asks for nothing, and its API
// is let in by the token alone: the gate adds it for browsers that came once by the
// address with the key.
type ui struct {
	behind *uiserver.Server
	gate   *http.Server
}

func startUI(e Endpoint, p ports) (*ui, error) {
	cfg := &uiconfig.Config{
		TemporalGRPCAddress: e.Address,
		Host:                loopback,
		Port:                p.uiBehind,
		EnableUI:            true,
		DefaultNamespace:    e.Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain http on loopback
		Distribution:        "server",
	}
	l, err := net.Listen("tcp", address(p.ui))
	if err != nil {
		return nil, fmt.Errorf("port %d of the engine's web UI: %w", p.ui, err)
	}
	u := &ui{
		behind: uiserver.NewServer(uioptions.WithConfigProvider(cfg)),
		gate: &http.Server{
			Handler:           newGate(address(p.uiBehind), p.ui, e),
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          log.New(io.Discard, "", 0),
		},
	}
	go u.behind.Start() // its only error ends the process: a port that was free a moment ago
	go u.gate.Serve(l)
	return u, nil
}

func (u *ui) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if u.gate.Shutdown(ctx) != nil {
		u.gate.Close() // a page that still loads
	}
	u.behind.Stop()
}

// newGate lets a browser through that shows the key: first in the address, then in a
// cookie that no script and no other site can use.
func newGate(behind string, port int, e Endpoint) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: behind})
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Authorization", "Bearer "+e.Token)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	cookie := fmt.Sprintf("muster_engine_%d", port) // cookies know no ports
	is := func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(e.UIKey)) == 1 }
	gate := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); is(q.Get(uiKeyParameter)) {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: e.UIKey, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			q.Del(uiKeyParameter)
			r.URL.RawQuery = q.Encode()
			w.Header().Set("Referrer-Policy", "no-referrer")
			w.Header().Set("Cache-Control", "no-store")
			// A relative target: the path came from outside.
			http.Redirect(w, r, (&url.URL{Path: "/", RawQuery: r.URL.RawQuery}).String(), http.StatusSeeOther)
			return
		}
		if c, err := r.Cookie(cookie); err != nil || !is(c.Value) {
			http.Error(w, "This page opens by the address that muster prints (muster up).\n"+
				"この画面は muster up が表示するアドレスから開いてください。", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	// The token in front makes the UI skip its own check against other sites' forms.
	return http.NewCrossOriginProtection().Handler(gate)
}
