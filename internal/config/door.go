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

// HTTPS is the server's certificate and its key, PEM files that are read again for every
// connection: a new certificate needs no restart.
type HTTPS struct {
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
}

func doorKeys() []Key {
	return []Key{
		{"tls.cert_file", "", "certificate of the server, PEM, with those that signed it; the server then speaks HTTPS. Read again for every connection", "サーバー証明書 (PEM、中間証明書を含む)。指定するとHTTPSで待ち受ける。接続のたびに読み直す"},
		{"tls.key_file", "", "key of the server's certificate, PEM", "サーバー証明書の鍵 (PEM)"},
		{"server_ca_file", "", "CA certificates by which the commands know the server, PEM; empty is the system's", "コマンドがサーバーを検証するCA証明書 (PEM)。空ならシステムのもの"},
		{"insecure_http", "false", "let the server listen beyond this machine without an https public_url: tokens and cookies then cross the network in clear", "https の public_url なしで、このマシンの外からの接続を受け付ける。トークンやCookieが平文でネットワークを流れる"},
		{"hosts", "", "further names by which browsers and proxies call this server, comma-separated; public_url, the address of listen, IP addresses and this machine's name need not be named", "このサーバーがブラウザーやプロキシから呼ばれる、ほかの名前 (カンマ区切り)。public_url、listenのアドレス、IPアドレス、マシン名は指定不要"},
		{"metrics.open", "false", "let anybody who reaches the server read /metrics; else that takes a token, or a request from this machine itself", "/metrics を、サーバーに接続できる全員に公開する。falseならトークン、またはこのマシン自身からの要求に限る"},
	}
}

// Here is the address at which a program on the server's own machine reaches it.
func (c Config) Here() string {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return c.Listen
	}
	if at := net.ParseIP(host); host == "" || at != nil && at.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return c.Listen
}

// Beyond reports whether the server listens beyond this machine.
func (c Config) Beyond() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && !loopback(host)
}

// InClear reports whether what is secret would cross a network in clear: the server listens
// beyond this machine, and people don't come by https.
func (c Config) InClear() bool {
	return c.Beyond() && !c.Encrypted() && !strings.HasPrefix(strings.ToLower(c.PublicURL), "https://")
}

// Encrypted reports whether the server itself speaks HTTPS.
func (c Config) Encrypted() bool { return c.TLS.CertFile != "" }

// Scheme is how the server's own address begins.
func (c Config) Scheme() string {
	if c.Encrypted() {
		return "https://"
	}
	return "http://"
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
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		say("tls", "cert_file (%q) and key_file (%q) are given together or not at all", "cert_file（%q）と key_file（%q）は、両方書くか、どちらも書かないでください", c.TLS.CertFile, c.TLS.KeyFile)
	}
	for _, h := range c.Hosts {
		if h = strings.TrimSpace(h); h == "" || strings.ContainsAny(h, "/:*@ ") {
			say("hosts", "%q is not a host name such as muster.example.jp, without scheme and port", "%q はホスト名ではありません。muster.example.jp のように、スキームとポートを付けずに書いてください", h)
		}
	}
}
