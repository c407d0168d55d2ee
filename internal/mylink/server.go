// Package mylink is how muster reaches a MariaDB or MySQL server: what the estate says of
// it, connections that never hang, whatever state the server is in, and its positions.
package mylink

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/machine"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/run"
)

// Server is a target of kind "mysql" as the estate describes it.
type Server struct {
	Host         string            `json:"host" reach:"host" help:"Address of the server, as the site workers and its replicas reach it." ja:"拠点ワーカーとレプリカから見たサーバーのアドレス"`
	Port         int               `json:"port" reach:"port" help:"Port of the server." ja:"サーバーのポート" default:"3306"`
	User         string            `json:"user" help:"Account that muster connects as: it may administer the server, and write in spite of read_only." ja:"musterが接続するアカウント。サーバーを管理でき、read_only の間も書き込める必要がある" default:"root"`
	Password     activities.Secret `json:"password" help:"The account's password; empty when the server asks for none." ja:"アカウントのパスワード。不要なら空" default:""`
	Replicate    string            `json:"replication_user" help:"Account that replicas of this server connect as; empty is user." ja:"このサーバーのレプリカが接続するアカウント。空なら user" default:""`
	ReplicatePwd activities.Secret `json:"replication_password" help:"That account's password; empty with an empty replication_user." ja:"そのアカウントのパスワード。replication_user が空なら空" default:""`
	TLS          string            `json:"tls" help:"How connections are encrypted, replication's too; verify-full also holds the certificate against the host's name." ja:"レプリケーションを含む接続の暗号化。verify-full は証明書をホスト名とも照合する" default:"prefer" enum:"disable,prefer,require,verify-full"`
	Data         string            `json:"data" reach:"path" help:"Data directory, when the site worker manages the server on its own host; empty when it only connects." ja:"拠点ワーカーが自ホストのサーバーを管理する場合のデータディレクトリ。接続だけの場合は空" default:""`
	Machine      string            `json:"machine" help:"Hostname of the machine of a managed server, where host is no address of it (behind NAT, in a container); empty goes by host's addresses." ja:"管理対象サーバーのマシンのホスト名。host がそのマシンのアドレスでない場合（NATの内側、コンテナ内）に指定する。空なら host のアドレスで判断する" default:""`
	Config       string            `json:"config" reach:"path" help:"Option file that is muster's own and that a managed server reads last; read_only is kept there over a restart." ja:"muster専用のオプションファイル。管理対象サーバーが最後に読み込む。read_only を再起動後も保つために使う" default:"" example:"/etc/mysql/mariadb.conf.d/zz-muster.cnf"`
	Defaults     string            `json:"defaults" reach:"path" help:"Main option file of a managed server, which includes config; empty is the server's own place for it." ja:"config を読み込む、管理対象サーバーの主オプションファイル。空ならサーバーの既定の場所" default:""`
	Bin          string            `json:"bin" reach:"path" help:"Directory of the server's programs; empty finds them." ja:"サーバーのプログラムのディレクトリ。空なら探す" default:""`
	RunAs        string            `json:"run_as" help:"Service user of a managed server; empty is mysql when the worker is root, else the worker's user." ja:"管理対象サーバーの実行ユーザー。空の場合、ワーカーがrootなら mysql、それ以外はワーカーのユーザー" default:""`
	Start        []string          `json:"start" reach:"program" help:"Command that starts a managed server, such as [systemctl, start, mariadb]; empty starts its program." ja:"管理対象サーバーを起動するコマンド。[systemctl, start, mariadb] など。空ならプログラムを直接起動する" default:"[]"`
	Stop         []string          `json:"stop" reach:"program" help:"Command that stops it; empty asks its process to end." ja:"停止するコマンド。空ならプロセスに終了を求める" default:"[]"`
	StopTimeout  run.Duration      `json:"stop_timeout" help:"How long a clean stop may take before it counts as hung." ja:"正常な停止を待つ時間。過ぎるとハングとみなす" default:"30s"`
}

// Reach is the folder of the option file, in which muster keeps files of its own.
func (s Server) Reach() activities.Reach {
	if s.Config == "" {
		return activities.Reach{}
	}
	return activities.Reach{Paths: []string{filepath.Dir(s.Config)}}
}

// Target is a server with its name in the estate.
type Target = activities.Target[Server]

// Address is host:port, or the path of a socket.
func Address(s Server) string {
	if strings.HasPrefix(s.Host, "/") {
		return s.Host
	}
	return net.JoinHostPort(s.Host, strconv.Itoa(Port(s)))
}

// Port is the server's, or 3306.
func Port(s Server) int {
	if s.Port == 0 {
		return 3306
	}
	return s.Port
}

// Replication is the account that replicas of the server use.
func Replication(s Server) (user, password string) {
	if s.Replicate != "" {
		return s.Replicate, s.ReplicatePwd.Reveal()
	}
	return orElse(s.User, "root"), s.Password.Reveal()
}

// StopTimeout is the server's, or 30 s.
func StopTimeout(s Server) time.Duration {
	if s.StopTimeout <= 0 {
		return 30 * time.Second
	}
	return s.StopTimeout.Std()
}

// Place is where the managed server is.
func Place(t Target) machine.Place {
	s := t.Spec
	return machine.Place{Server: t.Name, Site: t.Site, Elsewhere: t.Elsewhere(), Host: s.Host, Machine: s.Machine, Paths: []string{s.Data, s.Config}}
}

// Instance is the managed server's side on this host. ok is false when the server is not
// managed here: no data directory is named, neither it nor the folder of its option file
// is on this host, or it is another machine's.
func Instance(t Target) (i *mycluster.Instance, ok bool) {
	s := t.Spec
	if ok, _ := Place(t).Here(); !ok || s.Data == "" {
		return nil, false
	}
	return &mycluster.Instance{Name: t.Name, Data: s.Data, Config: s.Config, Defaults: s.Defaults, Bin: s.Bin,
		RunAs: ServiceUser(s.RunAs), StartBy: s.Start, StopBy: s.Stop}, true
}

// ServiceUser is the named user; without a name, mysql for a worker that is root.
func ServiceUser(name string) string {
	if name == "" && os.Geteuid() == 0 {
		return "mysql"
	}
	return name
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
