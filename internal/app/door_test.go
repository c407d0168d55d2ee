package app

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func doorCheck(t *testing.T, o Options) Check {
	t.Helper()
	for _, c := range Examine(t.Context(), o.Lang, o.Config) {
		if c.ID == "door" {
			return c
		}
	}
	t.Fatal("the doctor does not look at the way to the server")
	return Check{}
}

// Tokens don't cross a network in clear unless somebody has said so.
func TestNothingListensBeyondThisMachineInClear(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate}))
	o.Config.Listen, o.Config.PublicURL = "0.0.0.0:0", "http://muster.example.jp"
	server := o // on an engine of one's own
	server.Config.Temporal.Address = "127.0.0.1:1"
	for name, start := range map[string]func() error{"up": func() error { return Up(t.Context(), o, nil) }, "server": func() error { return Server(t.Context(), server) }} {
		err := start()
		if trouble := new(Trouble); !errors.As(err, &trouble) || !trouble.Mistake || !strings.Contains(trouble.What, "0.0.0.0:0") || !strings.Contains(trouble.WayOut, "insecure_http: true") {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.Lang = i18n.JA
	if err := Up(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "平文") {
		t.Errorf("in Japanese: %v", err)
	}
	if c := doorCheck(t, o); c.Result != Bad || c.WayOut == "" {
		t.Errorf("the doctor says %+v", c)
	}
	o.Config.PublicURL = "https://muster.example.jp"
	if c := doorCheck(t, o); c.Result != Good {
		t.Errorf("behind a proxy the doctor says %+v", c)
	}
}

func TestWhoIsLetToTheDoor(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	o.Config.Listen, o.Config.InsecureHTTP, o.Config.Hosts = "0.0.0.0:0", true, []string{"muster.internal"}
	secret := filepath.Join(t.TempDir(), "slack")
	if err := os.WriteFile(secret, []byte("a-secret-of-the-test-and-of-nobody-else"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Config.Slack.Mode, o.Config.Slack.Token, o.Config.Slack.SigningSecret, o.Config.Slack.API = "http", "secret://file"+secret, "secret://file"+secret, "http://127.0.0.1:1/"
	up := begin(t, o)
	if !strings.Contains(log.String(), "insecure_http") {
		t.Error("the log does not say that secrets cross the network in clear")
	}
	if c := doorCheck(t, o); c.Result != Odd || c.WayOut == "" {
		t.Errorf("the doctor says %+v", c)
	}
	token, err := ReadToken(i18n.EN, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// Of a person who may do whatever anybody may in this estate.
	reader, err := up.IssueToken(t.Context(), api.TokenRequest{Person: "sato", Name: "Prometheus", For: identity.ForMetrics})
	if err != nil {
		t.Fatal(err)
	}
	readers := http.Header{"Authorization": {"Bearer " + reader.Secret}}
	at := "http://127.0.0.1" + up.at[strings.LastIndex(up.at, ":"):]
	none := http.Header{}
	proxied := http.Header{"X-Forwarded-For": {"203.0.113.9"}}
	for name, c := range map[string]struct {
		path, host string
		header     http.Header
		status     int
		says       string
	}{
		"figures, from here":                      {"/metrics", "", none, 200, "muster_"},
		"figures, from here, with a wrong token":  {"/metrics", "", http.Header{"Authorization": {"Bearer x"}}, 401, "token"},
		"figures, through a proxy":                {"/metrics", "", proxied, 401, "metrics.open: true"},
		"figures, through a proxy, with a token":  {"/metrics", "", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Authorization": {"Bearer " + token}}, 200, "muster_"},
		"figures, with a wrong token, by a proxy": {"/metrics", "", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Authorization": {"Bearer x"}}, 401, "token"},
		"figures, with a token for them alone":    {"/metrics", "", readers, 200, "muster_"},
		"the API, with a token for the figures":   {"/api/v1/runs", "", readers, 401, "figures (/metrics) alone"},
		"who am I, with a token for the figures":  {"/api/v1/me", "", readers, 401, "figures (/metrics) alone"},
		"health, with a token for the figures":    {"/api/v1/health", "", readers, 200, `{"ok":true}`},
		"figures, by a page of another name":      {"/metrics", "evil.example:80", none, 421, "hosts"},
		"the board, by another name":              {"/login", "evil.example", http.Header{"Accept": {"text/html"}, "Accept-Language": {"ja"}}, 421, "public_url"},
		"the API, by another name":                {"/api/v1/runs", "evil.example", none, 421, "way_out"},
		"the API, by another name, with a token":  {"/api/v1/runs", "evil.example", http.Header{"Authorization": {"Bearer " + token}}, 200, ""},
		"by a name that the settings give":        {"/login", "MUSTER.internal:7700", none, 200, ""},
		"by the machine's name":                   {"/login", own, none, 200, ""},
		"alive, to a stranger of any name":        {"/healthz", "lb", proxied, 200, "ok\n"},
		"ready, to a stranger of any name":        {"/readyz", "lb", proxied, 200, "ok\n"},
		"ready, with a wrong token":               {"/readyz", "lb", http.Header{"Authorization": {"Bearer x"}}, 200, "ok\n"},
		"health, whatever it is called":           {"/api/v1/health", "lb", none, 200, `{"ok":true}`},
		"health, known":                           {"/api/v1/health", "", http.Header{"Authorization": {"Bearer " + token}}, 200, `"engine":"ok"`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", at+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.Header = c.host, c.header
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %.300s, want %d and %q", name, res.StatusCode, body, c.status, c.says)
		}
	}
	// It starts nothing, signs nobody in and makes no other token.
	if _, err := api.Connect(at, reader.Secret, "en").Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Response, Reason: "smoke"}); err == nil || !strings.Contains(err.Error(), "/metrics") {
		t.Errorf("a token for the figures starts a response: %v", err)
	}
	if _, err := api.Connect(at, reader.Secret, "en").IssueToken(t.Context(), api.TokenRequest{}); err == nil {
		t.Error("a token for the figures makes another token")
	}
	if res, err := http.PostForm(at+"/login", url.Values{"token": {reader.Secret}}); err != nil {
		t.Fatal(err)
	} else if _ = res.Body.Close(); res.StatusCode != http.StatusForbidden || len(res.Cookies()) > 0 {
		t.Errorf("a token for the figures signs in: %s, %v", res.Status, res.Cookies())
	}
	// What comes to Slack's door and is not Slack's is entered.
	for range 20 {
		res, err := http.Post(at+"/slack/command", "application/x-www-form-urlencoded", strings.NewReader("text=x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("unsigned: %s", res.Status)
		}
	}
	entered, err := up.Accesses(t.Context(), 0, 1000)
	n := 0
	for _, a := range entered {
		if a.Act == "slack" && a.From == "127.0.0.1" && strings.HasPrefix(a.Outcome, "forged") {
			n++
		}
	}
	if err != nil || n != 5 {
		t.Errorf("%d of 20 unsigned calls are in the access log, %v; want 5 within a minute", n, err)
	}
}

// A variable that nothing reads is known of, and is in nobody's way.
func TestTheDoctorTellsOfStrayVariables(t *testing.T) {
	e := examination{l: i18n.JA}
	e.c.Strays = []plan.Text{plan.Say("$MUSTER_LISTN is no setting", "環境変数 $MUSTER_LISTN に当たる設定はありません")}
	if e.settings(); len(e.checks) != 1 || e.checks[0].Result != Odd || !strings.Contains(e.checks[0].Found, "$MUSTER_LISTN に当たる") || e.checks[0].WayOut == "" {
		t.Errorf("it says %+v", e.checks)
	}
}
