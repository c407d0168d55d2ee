package config

import (
	"net"
	"net/url"
	"strings"
)

// Metrics is who reads the figures at /metrics.
type Metrics struct {
	// Open lets anybody who reaches the server read them.
	Open bool `mapstructure:"open"`
}

func doorKeys() []Key {
	return []Key{
		{"insecure_http", "false", "let the server listen beyond this machine without an https public_url: tokens and cookies then cross the network in clear", "https の public_url なしで、このマシンの外からの接続を受け付ける。トークンやCookieが平文でネットワークを流れる"},
		{"hosts", "", "further names by which browsers and proxies call this server, comma-separated; public_url, the address of listen, IP addresses and this machine's name need not be named", "このサーバーがブラウザーやプロキシから呼ばれる、ほかの名前 (カンマ区切り)。public_url、listenのアドレス、IPアドレス、マシン名は指定不要"},
		{"metrics.open", "false", "let anybody who reaches the server read /metrics; else that takes a token, or a request from this machine itself", "/metrics を、サーバーに接続できる全員に公開する。falseならトークン、またはこのマシン自身からの要求に限る"},
	}
}

// Beyond reports whether the server listens beyond this machine.
func (c Config) Beyond() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && !loopback(host)
}

// InClear reports whether what is secret would cross a network in clear: the server listens
// beyond this machine, and people don't come by https.
func (c Config) InClear() bool {
	return c.Beyond() && !strings.HasPrefix(strings.ToLower(c.PublicURL), "https://")
}

// Names are the host names by which this server is called, without its machine's own.
func (c Config) Names() []string {
	out := []string{"localhost"}
	for _, h := range c.Hosts {
		out = append(out, strings.TrimSpace(h))
	}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		out = append(out, host)
	}
	for _, at := range []string{c.PublicURL, c.Server} {
		if u, err := url.Parse(at); err == nil && u.Hostname() != "" {
			out = append(out, u.Hostname())
		}
	}
	return out
}

// checkDoor judges who is let to the door.
func (c Config) checkDoor(say wrong) {
	for _, h := range c.Hosts {
		if h = strings.TrimSpace(h); h == "" || strings.ContainsAny(h, "/:*@ ") {
			say("hosts", "%q is not a host name such as muster.example.jp, without scheme and port", "%q はホスト名ではありません。muster.example.jp のように、スキームとポートを付けずに書いてください", h)
		}
	}
}
