// Package redislink is how muster reaches Redis servers and sentinels: what the estate
// says of them, and connections that never hang, whatever state the server is in.
package redislink

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/certpool"
	"github.com/muster-dr/muster/internal/machine"
)

// Login is how muster comes in, and over what.
type Login struct {
	User     string            `json:"user" help:"ACL user that muster connects as; empty is default." ja:"musterが接続するACLユーザー。空なら default" default:""`
	Password activities.Secret `json:"password" help:"The user's password; empty when none is asked for." ja:"ユーザーのパスワード。不要なら空" default:""`
	TLS      bool              `json:"tls" help:"Whether the connection is encrypted, and the server's certificate held against ca and its name." ja:"接続を暗号化し、サーバーの証明書を ca とサーバー名で検証するか" default:"false"`
	CA       string            `json:"ca" reach:"path" help:"File of the authorities that may have signed the server's certificate; empty is the system's." ja:"サーバーの証明書に署名した認証局のファイル。空ならシステムの認証局" default:"" example:"/etc/muster/redis-ca.pem"`
	Name     string            `json:"server_name" help:"Name that the server's certificate must hold; empty is the address's." ja:"サーバーの証明書に含まれるべき名前。空ならアドレスの名前" default:""`
	Cert     string            `json:"cert" reach:"path" help:"File of muster's own certificate, for servers that ask for one." ja:"muster自身の証明書のファイル。サーバーが求める場合に指定する" default:"" example:"/etc/muster/redis-client.pem"`
	Key      activities.Secret `json:"key" help:"Private key of that certificate, as PEM." ja:"その証明書の秘密鍵（PEM）" default:"" example:"secret://file/etc/muster/redis-client.key"`
}

// Server is a target of kind "redis" as the estate describes it.
type Server struct {
	Host string `json:"host" reach:"host" help:"Address of the server, as the site workers and the other servers reach it." ja:"拠点ワーカーとほかのサーバーから見たサーバーのアドレス" example:"10.0.1.10"`
	Port int    `json:"port" reach:"port" help:"Port of the server; its TLS port with tls." ja:"サーバーのポート。tls の場合はTLSのポート" default:"6379"`
	Login
	Machine string `json:"machine" help:"Hostname of the machine of a server with a config, where host is no address of it (behind NAT, in a container); empty goes by host's addresses." ja:"config のあるサーバーのマシンのホスト名。host がそのマシンのアドレスでない場合（NATの内側、コンテナ内）に指定する。空なら host のアドレスで判断する" default:""`
	Config  string `json:"config" reach:"path" help:"The server's configuration file, when it runs on the site worker's own host: it can then be fenced while it is down or frozen. Empty when muster only connects." ja:"サーバーが拠点ワーカー自身のホストで動く場合の設定ファイル。停止中や応答停止中でもフェンスできるようになる。接続だけの場合は空" default:"" example:"/etc/redis/redis.conf"`
}

// Sentinel is a target of kind "sentinel": the sentinels that watch one master.
type Sentinel struct {
	Addresses []string `json:"addresses" reach:"host" help:"All sentinels, host:port." ja:"すべてのSentinel（ホスト:ポート）" example:"[\"10.0.1.20:26379\", \"10.0.2.20:26379\", \"10.0.3.20:26379\"]"`
	Master    string   `json:"master" help:"Name under which they watch the master." ja:"Sentinelがマスターを監視する名前" example:"orders"`
	Login
}

// Target is a server with its name in the estate.
type Target = activities.Target[Server]

// SentinelTarget is a group of sentinels with its name in the estate.
type SentinelTarget = activities.Target[Sentinel]

// Address is host:port.
func Address(s Server) string {
	port := s.Port
	if port == 0 {
		port = 6379
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(port))
}

// Here reports whether the server's configuration file is on this host, and with it
// the server's process. A file of that name on another site's or another server's
// machine is not the server's.
func Here(t Target) bool {
	s := t.Spec
	ok, _ := machine.Place{Server: t.Name, Site: t.Site, Elsewhere: t.Elsewhere(), Host: s.Host, Machine: s.Machine, Paths: []string{s.Config}}.Here()
	return ok
}

// tls is the connection's encryption; nil is none.
func (l Login) tls(address string) (*tls.Config, error) {
	if !l.TLS {
		return nil, nil //nolint:nilnil // plain is not an error
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if l.Name != "" {
		host = l.Name
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if l.CA != "" {
		roots, err := certpool.Read(l.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = roots
	}
	if l.Cert != "" {
		pem, err := os.ReadFile(l.Cert)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(pem, []byte(l.Key.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("certificate %s and its key: %w", l.Cert, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
