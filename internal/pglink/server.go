// Package pglink is how muster reaches a PostgreSQL server: what the estate says of
// it, and connections that never hang, whatever state the server is in.
package pglink

import (
	"net"
	"os"
	"strconv"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/machine"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/run"
)

// Server is a target of kind "postgres" as the estate describes it.
type Server struct {
	Host     string            `json:"host" reach:"host" help:"Address of the server, as the site workers reach it." ja:"拠点ワーカーから見たサーバーのアドレス"`
	Port     int               `json:"port" reach:"port" help:"Port of the server." ja:"サーバーのポート" default:"5432"`
	Database string            `json:"database" help:"Database that muster connects to." ja:"musterが接続するデータベース" default:"postgres"`
	User     string            `json:"user" help:"Superuser that muster connects as; it may also replicate." ja:"musterが接続するスーパーユーザー。レプリケーションも行えるもの" default:"postgres"`
	Password activities.Secret `json:"password" help:"The user's password; empty when the server asks for none." ja:"ユーザーのパスワード。不要なら空" default:""`
	SSLMode  string            `json:"sslmode" help:"How the connection is encrypted." ja:"接続の暗号化" default:"prefer" enum:"disable,prefer,require,verify-ca,verify-full"`
	CA       string            `json:"ca_file" reach:"path" help:"File on the site workers' hosts with the authorities that may have signed the server's certificate; empty is the system's. Servers that follow this one need it for verify-ca and verify-full, unless their user has a root.crt in ~/.postgresql: PostgreSQL does not use the system's." ja:"サーバーの証明書に署名した認証局のファイル（拠点ワーカーのホスト上）。空ならシステムの認証局。PostgreSQL自身はシステムの認証局を使わないため、verify-ca・verify-full のサーバーに追随させる場合は、サービスユーザーの ~/.postgresql に root.crt がない限り必須" default:"" example:"/etc/muster/postgres-ca.pem"`
	Cert     string            `json:"cert_file" reach:"path" help:"File of the user's own certificate, where the server asks for one." ja:"ユーザー自身の証明書のファイル。サーバーが求める場合に指定する" default:"" example:"/etc/muster/postgres.pem"`
	Key      string            `json:"key_file" reach:"path" help:"File of that certificate's private key, of the service user and closed to others." ja:"その証明書の秘密鍵のファイル。実行ユーザーが所有し、他者は読めないようにする" default:"" example:"/etc/muster/postgres.key"`
	Data     string            `json:"data" reach:"path" help:"Data directory, when the site worker manages the server on its own host; empty when it only connects." ja:"拠点ワーカーが自ホストのサーバーを管理する場合のデータディレクトリ。接続だけの場合は空" default:""`
	Machine  string            `json:"machine" help:"Hostname of the machine of a managed server, where host is no address of it (behind NAT, in a container); empty goes by host's addresses." ja:"管理対象サーバーのマシンのホスト名。host がそのマシンのアドレスでない場合（NATの内側、コンテナ内）に指定する。空なら host のアドレスで判断する" default:""`
	Config   string            `json:"config" reach:"path" help:"Main configuration file of a managed server, outside the data directory; muster.conf is kept beside it." ja:"管理対象サーバーの主設定ファイル。データディレクトリの外に置く。同じ場所に muster.conf を作る" default:""`
	Bin      string            `json:"bin" reach:"path" help:"Directory of the server's programs; empty finds those of its data's version." ja:"サーバーのプログラムのディレクトリ。空なら、導入済みのうちデータと同じバージョンのもの" default:""`
	RunAs    string            `json:"run_as" help:"Service user of a managed server; empty is postgres when the worker is root, else the worker's user." ja:"管理対象サーバーの実行ユーザー。空の場合、ワーカーがrootなら postgres、それ以外はワーカーのユーザー" default:""`
	Slot     string            `json:"slot" help:"Replication slot that this server uses on the server it follows; empty is muster_ and the target's name." ja:"追随先のサーバーで使うレプリケーションスロット。空なら muster_ と操作対象の名前" default:""`
	Stop     run.Duration      `json:"stop_timeout" help:"How long a clean stop may take before it counts as hung." ja:"正常な停止を待つ時間。過ぎるとハングとみなす" default:"10s"`
}

// Target is a server with its name in the estate.
type Target = activities.Target[Server]

// Address is host:port.
func Address(s Server) string {
	return net.JoinHostPort(s.Host, strconv.Itoa(portOf(s)))
}

func portOf(s Server) int {
	if s.Port == 0 {
		return 5432
	}
	return s.Port
}

// Encryption is how a connection string says what the estate does of encryption; pgx and PostgreSQL's own
// library read it alike.
func Encryption(s Server) string {
	out := "sslmode=" + quote(orElse(s.SSLMode, "prefer"))
	for _, f := range [][2]string{{"sslrootcert", s.CA}, {"sslcert", s.Cert}, {"sslkey", s.Key}} {
		if f[1] != "" {
			out += " " + f[0] + "=" + quote(f[1])
		}
	}
	return out
}

// Verified reports whether the server has to prove who it is.
func Verified(s Server) bool { return s.SSLMode == "verify-ca" || s.SSLMode == "verify-full" }

// StopTimeout is the server's, or 10 s.
func StopTimeout(s Server) time.Duration {
	if s.Stop <= 0 {
		return 10 * time.Second
	}
	return s.Stop.Std()
}

// Slot is the slot that the target uses on the server it follows.
func Slot(t Target) string {
	if t.Spec.Slot != "" {
		return t.Spec.Slot
	}
	return pgcluster.SlotName(t.Name)
}

// Place is where the managed server is.
func Place(t Target) machine.Place {
	s := t.Spec
	return machine.Place{Server: t.Name, Site: t.Site, Elsewhere: t.Elsewhere(), Host: s.Host, Machine: s.Machine, Paths: []string{s.Data, s.Config}}
}

// Instance is the managed server's side on this host. ok is false when the server is
// not managed here: no data directory is named, neither it nor the configuration file is
// on this host, or it is another machine's.
func Instance(t Target) (i *pgcluster.Instance, ok bool, err error) {
	s := t.Spec
	if ok, _ := Place(t).Here(); !ok || s.Data == "" {
		return nil, false, nil
	}
	bin := s.Bin
	if bin == "" {
		if bin, err = pgcluster.FindBinFor(s.Data); err != nil {
			return nil, false, err
		}
	}
	as := s.RunAs
	if as == "" && os.Geteuid() == 0 {
		as = "postgres"
	}
	return &pgcluster.Instance{Name: t.Name, Data: s.Data, Config: s.Config, Bin: bin, RunAs: as, Host: s.Host, Port: portOf(s)}, true, nil
}
