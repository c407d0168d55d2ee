package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every wrong setting of the ways to people is told with its name, and no secret is repeated.
func TestWrongChannels(t *testing.T) {
	for _, x := range []struct{ file, says string }{
		{"mail: {host: smtp.example.jp}", "mail.from"},
		{"mail: {host: smtp.example.jp, from: muster@example.jp, user: muster}", "mail.password"},
		{"mail: {host: smtp.example.jp, from: muster@example.jp, tls: ssl}", "starttls, tls, none"},
		{"mail: {host: smtp.example.jp, from: muster@example.jp, user: m, password: hunter2}", "secret://"},
		{"mail: {from: muster@example.jp}", "mail.host"},
		{"slack: {token: xoxb-hunter2}", "secret://"},
		{"slack: {token: secret://env/T}", "slack.app_token"},
		{"slack: {token: secret://env/T, mode: http}", "slack.signing_secret"},
		{"slack: {channel: C1}", "slack.token"},
		{"webhook: {url: https://gateway.example.jp}", "webhook.secret"},
		{"webhook: {url: https://u:hunter2@gateway.example.jp, secret: secret://env/S}", "webhook.url"},
		{"webhook: {url: https://gateway.example.jp, secret: secret://env/S, allow: everywhere}", "webhook.allow"},
		{"webhook: {url: http://gateway.example.jp, secret: secret://env/S, contacts: true}", "write https"},
		{"alarms: [{name: quakes, kind: jma, feed: http://www.data.jma.go.jp/developer/xml/feed/eqvol.xml}]", "write https"},
		{"public_url: muster.example.jp", "public_url"},
	} {
		file := filepath.Join(t.TempDir(), "muster.yaml")
		if err := os.WriteFile(file, []byte(x.file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Source{File: file})
		if m := (Mistakes{}); !errors.As(err, &m) || !strings.Contains(err.Error(), x.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want it to name %s", x.file, err, x.says)
		}
	}
	file := filepath.Join(t.TempDir(), "muster.yaml")
	good := "public_url: https://muster.example.jp\nmail: {host: smtp.example.jp, from: muster@example.jp}\nslack: {token: secret://env/T, app_token: secret://env/A, per_run_channel: true}\n" +
		"webhook: {url: https://gateway.example.jp, secret: secret://env/S, allow: \"10.1.2.0/24,10.9.9.9\"}\n"
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Source{File: file})
	for _, url := range []string{"http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"} {
		local := filepath.Join(t.TempDir(), "muster.yaml")
		text := "webhook: {url: \"" + url + "\", secret: secret://env/S, contacts: true}\nalarms: [{name: quakes, kind: jma, feed: \"" + url + "\"}]\n"
		if err := os.WriteFile(local, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(Source{File: local}); err != nil {
			t.Errorf("%s is this machine: %v", url, err)
		}
	}
	if err != nil || !c.Slack.PerRunChannel || c.Slack.Mode != "socket" || len(c.Webhook.Allow) != 2 || c.Mail.TLS != "starttls" {
		t.Errorf("%+v, %v", c, err)
	}
}
