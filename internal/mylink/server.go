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
	Port         int               `json:"port" reach:"port" help:"Port of the server." default:"3306"`
	User         string            `json:"user" help:"Account that muster connects as: it may administer the server, and write in spite of read_only." default:"root"`
	Password     activities.Secret `json:"password" help:"The account's password; empty when the server asks for none." default:""`
	Replicate    string            `json:"replication_user" help:"Account that replicas of this server connect as; empty is user." default:""`
	ReplicatePwd activities.Secret `json:"replication_password" help:"That account's password; empty with an empty replication_user." default:""`
	TLS          string            `json:"tls" help:"How connections are encrypted, replication's too; verify-full also holds the certificate against the host's name." default:"prefer" enum:"disable,prefer,require,verify-full"`
	Data         string            `json:"data" reach:"path" help:"Data directory, when the site worker manages the server on its own host; empty when it only connects." default:""`
	Machine      string            `json:"machine" help:"Hostname of the machine of a managed server, where host is no address of it (behind NAT, in a container); empty goes by host's addresses." default:""`
	Config       string            `json:"config" reach:"path" help:"Option file that is muster's own and that a managed server reads last; read_only is kept there over a restart." default:"" example:"/etc/mysql/mariadb.conf.d/zz-muster.cnf"`
	Defaults     string            `json:"defaults" reach:"path" help:"Main option file of a managed server, which includes config; empty is the server's own place for it." default:""`
	Bin          string            `json:"bin" reach:"path" help:"Directory of the server's programs; empty finds them." default:""`
	RunAs        string            `json:"run_as" help:"Service user of a managed server; empty is mysql when the worker is root, else the worker's user." default:""`
	Start        []string          `json:"start" reach:"program" help:"Command that starts a managed server, such as [systemctl, start, mariadb]; empty starts its program." default:"[]"`
	Stop         []string          `json:"stop" reach:"program" help:"Command that stops it; empty asks its process to end." default:"[]"`
	StopTimeout  run.Duration      `json:"stop_timeout" help:"How long a clean stop may take before it counts as hung." default:"30s"`
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
