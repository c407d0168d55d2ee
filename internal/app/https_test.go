package app

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	certs "github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/config"
)

// A server with a certificate speaks HTTPS alone, may be reached from other machines, marks its cookies,
// and takes a new certificate without a restart.
func TestTheServerSpeaksHTTPS(t *testing.T) {
	ca, err := certs.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair, err := ca.Issue(dir, "server", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	o, said := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Listen, o.Config.TLS.CertFile, o.Config.TLS.KeyFile = "0.0.0.0:0", pair.Cert, pair.Key
	up := begin(t, o)
	if !strings.Contains(said.String(), "https://") {
		t.Errorf("the summary names another address:\n%s", said)
	}
	at := "https://127.0.0.1" + up.at[strings.LastIndex(up.at, ":"):]
	o.Config.Server, o.Config.ServerCAFile = at, filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(o.Config.ServerCAFile, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	reached, err := Reach(o.Lang, o.Config, "")
	if err != nil {
		t.Fatal(err)
	}
	if h, err := reached.Health(t.Context()); err != nil || !h.OK {
		t.Errorf("with the authority's certificate: %+v, %v", h, err)
	}
	unknown := o.Config
	unknown.ServerCAFile = ""
	stranger, err := Reach(o.Lang, unknown, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("whoever does not know the authority gets %v", err)
	}
	clear := api.Connect(strings.Replace(at, "https:", "http:", 1), "", "en")
	if h, err := clear.Health(t.Context()); err == nil {
		t.Errorf("in clear it answers %+v", h)
	}
	if c := doorCheck(t, o); c.Result != Good {
		t.Errorf("the doctor says %+v", c)
	}
	beside(t, o, up.at)

	// A board's cookie goes over HTTPS only, though no public_url says so.
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: ca.Roots()}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	served := func() string { // the certificate's number
		t.Helper()
		res, err := browser.Get(at + "/login?lang=ja")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber.String()
	}
	first := served()
	token, err := ReadToken(o.Lang, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	res, err := browser.PostForm(at+"/login", url.Values{"token": {token}, "person": {"sato"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if len(res.Cookies()) == 0 {
		t.Errorf("signing in brings no cookie: %s", res.Status)
	}
	for _, c := range res.Cookies() {
		if !c.Secure {
			t.Errorf("the cookie %s is not marked Secure", c.Name)
		}
	}
	if _, err := ca.Issue(dir, "server", "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	if second := served(); second == first {
		t.Error("the new certificate is not in use")
	}
	if err := os.WriteFile(pair.Cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	served() // what is half written leaves the last one in use

	o.Config.TLS.KeyFile = filepath.Join(dir, "gone.pem")
	if _, err := ownTLS(o.Lang, o.Config); err == nil {
		t.Error("a key that is not there is no mistake")
	} else if trouble := new(Trouble); !errors.As(err, &trouble) || !strings.Contains(trouble.WayOut, "tls.key_file") {
		t.Errorf("a key that is not there: %v", err)
	}
}

// listens finds the addresses at which the shipped installations have their servers listen.
var listens = regexp.MustCompile(`MUSTER_LISTEN(?:: |=|, value: ")([^"\s]*:7700)`)

// Commands beside a server find it by the settings that it has, also where it listens on every address; and nobody
// is told to end it as a stranger.
func beside(t *testing.T, o Options, at string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(at, "https://"))
	o.Config.Server = ""
	server := func(c config.Config) Check { return checked(t, Examine(t.Context(), o.Lang, c), "server") }
	for _, file := range []string{"compose/compose.yaml", "kubernetes/server/server.yaml", "../docs/deployment.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		shipped := listens.FindSubmatch(text)
		if shipped == nil {
			t.Fatalf("%s names no address to listen at", file)
		}
		c := o.Config
		c.Listen = strings.Replace(string(shipped[1]), "7700", port, 1)
		if k := server(c); k.Result != Good || !strings.Contains(k.Found, "muster test answers") {
			t.Errorf("%s, listening at %s: %+v", file, shipped[1], k)
		}
		unknown := c
		unknown.ServerCAFile = ""
		if k := server(unknown); k.Result != Bad || !strings.Contains(k.WayOut, "server_ca_file") {
			t.Errorf("%s, to who does not know the authority: %+v", file, k)
		}
		clear := c
		clear.TLS.CertFile, clear.TLS.KeyFile = "", ""
		if k := server(clear); k.Result != Bad || !strings.Contains(k.Found, "a muster server answers at https://") || strings.Contains(k.WayOut, "end that program") {
			t.Errorf("%s, in clear: %+v", file, k)
		}
		if _, err := listen(t.Context(), o.Lang, c.Listen); err == nil || !strings.Contains(err.Error(), "a muster server already answers at https://127.0.0.1:") {
			t.Errorf("%s, a second one at %s: %v", file, c.Listen, err)
		}
	}
}
