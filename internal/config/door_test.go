package config

import (
	"slices"
	"strings"
	"testing"
)

func TestWhatCrossesTheNetworkInClear(t *testing.T) {
	for listen, beyond := range map[string]bool{"127.0.0.1:7700": false, "localhost:7700": false, "[::1]:7700": false, "127.0.3.4:1": false,
		":7700": true, "0.0.0.0:7700": true, "[::]:7700": true, "10.1.2.3:7700": true, "muster.example.jp:7700": true} {
		for url, https := range map[string]bool{"": false, "http://muster.example.jp": false, "https://muster.example.jp": true, "HTTPS://muster.example.jp": true} {
			c := Config{Listen: listen, PublicURL: url}
			if got, want := c.InClear(), beyond && !https; got != want {
				t.Errorf("listen %s, public_url %q: in clear %v, want %v", listen, url, got, want)
			}
		}
	}
}

// A server that listens on every address is asked at one for which its certificate is.
func TestWhereCommandsFindAServerThatListensEverywhere(t *testing.T) {
	for listen, at := range map[string]string{"0.0.0.0:7700": "127.0.0.1:7700", ":7700": "127.0.0.1:7700", "[::]:7700": "127.0.0.1:7700",
		"127.0.0.1:7700": "127.0.0.1:7700", "[::1]:7700": "[::1]:7700", "10.1.2.3:7700": "10.1.2.3:7700", "muster.example.jp:7700": "muster.example.jp:7700"} {
		c := Config{Listen: listen}
		if got := c.ServerURL(); got != "http://"+at {
			t.Errorf("listen %s: %s", listen, got)
		}
		c.TLS.CertFile = "server.pem"
		if got := c.ServerURL(); got != "https://"+at {
			t.Errorf("listen %s, with a certificate: %s", listen, got)
		}
		if c.Server = "https://muster.example.jp"; c.ServerURL() != c.Server {
			t.Errorf("listen %s: %s in place of the server that is named", listen, c.ServerURL())
		}
	}
}

func TestHostsAreNames(t *testing.T) {
	c, err := Load(Source{File: write(t, "hosts: 'muster, muster.internal'\ninsecure_http: true\nmetrics: {open: true}\n")})
	if err != nil || len(c.Hosts) != 2 || !slices.Contains(c.Names(), "muster.internal") || !c.InsecureHTTP || !c.Metrics.Open {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Load(Source{File: write(t, "hosts: https://muster.example.jp\n")}); err == nil || !strings.Contains(err.Error(), "is not a host name") {
		t.Errorf("got %v", err)
	}
}
