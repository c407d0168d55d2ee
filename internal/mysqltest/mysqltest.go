// Package mysqltest starts real MariaDB servers for tests, on loopback and in a directory
// of the test's own, and ends them with the test.
package mysqltest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// User and Password are the account that muster and the servers use; it is a canary too, to
// be found in no error.
const (
	User     = "muster"
	Password = "c4nary-pa55word"
)

// Server is one server of a pair, with what a test does to it.
type Server struct {
	*mycluster.Instance
	Target mylink.Target
}

// Pair is a primary (tokyo) and its replica (osaka).
type Pair struct {
	Tokyo, Osaka *Server
}

// StartPair makes and starts a pair. MariaDB that is missing fails the test.
func StartPair(t testing.TB) *Pair {
	t.Helper()
	dir := Dir(t)
	empty := install(t, dir)
	p := &Pair{}
	var both sync.WaitGroup
	for n, into := range []**Server{&p.Tokyo, &p.Osaka} {
		both.Go(func() { *into = start(t, dir, empty, []string{"tokyo", "osaka"}[n], n+1) })
	}
	both.Wait()
	if p.Tokyo == nil || p.Osaka == nil {
		t.Fatal("a pair of MariaDB servers could not be started")
	}
	p.Osaka.Exec(t, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
		p.Tokyo.Target.Spec.Port, User, Password))
	p.Osaka.Exec(t, "START SLAVE")
	p.Osaka.Exec(t, "SET GLOBAL read_only = 1")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	return p
}

// StartOne starts a server that replicates nothing.
func StartOne(t testing.TB) *Server {
	t.Helper()
	dir := Dir(t)
	s := start(t, dir, install(t, dir), "tokyo", 1)
	if s == nil {
		t.Fatal("a MariaDB server could not be started")
	}
	return s
}

// small is what keeps a server small and quick: no test pulls the machine's plug.
const small = `innodb_buffer_pool_size = 16M
innodb_log_file_size = 8M
innodb_temp_data_file_path = ibtmp1:2M:autoextend
innodb_flush_log_at_trx_commit = 2
sync_binlog = 0
performance_schema = OFF
`

// install returns the data directory of an empty server, which each server gets a copy of. It takes some
// seconds to make, so it is kept in the repository's .cache for every test of this version and these settings.
func install(t testing.TB, parent string) string {
	t.Helper()
	program, err := (&mycluster.Instance{}).Find(mycluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	of := sha256.Sum256(append(version, small...))
	kept := filepath.Join(repository(t), ".cache", fmt.Sprintf("mariadb-%x-%d", of[:6], os.Geteuid())) // whoever made it may read it
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	i := &mycluster.Instance{Name: "empty", Data: filepath.Join(parent, "empty"), RunAs: mylink.ServiceUser("")}
	if err := i.OwnDir(i.Data); err != nil {
		t.Fatal(err)
	}
	options := filepath.Join(parent, "install.cnf")
	if err := os.WriteFile(options, []byte("[mysqld]\n"+small), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Run(Context(t, 2*time.Minute), mycluster.Install, "--defaults-file="+options, "--datadir="+i.Data, "--tmpdir="+i.Data, "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		t.Fatalf("make a MariaDB server (package mariadb-server): %v", err)
	}
	// Under its name only when it is whole; another test may have been quicker.
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		t.Fatal(err)
	}
	making, err := os.MkdirTemp(filepath.Dir(kept), "mariadb-making-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(making)
	if out, err := exec.Command("cp", "-a", i.Data, making).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Rename(filepath.Join(making, "empty"), kept); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		t.Fatal(err)
	}
	return i.Data
}

// repository is the folder of this module.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no go.mod above the test")
		}
	}
	t.Fatal(err)
	return ""
}

// start makes a server and starts it; nil when that failed, which it has told.
func start(t testing.TB, parent, empty, name string, id int) *Server {
	dir := filepath.Join(parent, name)
	port, err := freeport.Get()
	if err != nil {
		t.Error(err)
		return nil
	}
	i := &mycluster.Instance{Name: name, Data: filepath.Join(dir, "data"), Config: filepath.Join(dir, "conf.d", "zz-muster.cnf"),
		Defaults: filepath.Join(dir, "my.cnf"), RunAs: mylink.ServiceUser("")}
	for _, d := range []string{dir, filepath.Dir(i.Config)} {
		if err := i.OwnDir(d); err != nil {
			t.Error(err)
			return nil
		}
	}
	options := fmt.Sprintf(`[mysqld]
datadir = %[1]s/data
socket = %[1]s/sock
tmpdir = %[1]s
pid_file = %[1]s/pid
port = %[2]d
bind_address = 127.0.0.1
server_id = %[3]d
log_bin = bin
log_slave_updates = ON
gtid_strict_mode = ON
skip_name_resolve = ON
slave_net_timeout = 10
%[4]s!includedir %[1]s/conf.d
`, dir, port, id, small)
	if err := os.WriteFile(i.Defaults, []byte(options), 0o644); err != nil {
		t.Error(err)
		return nil
	}
	ctx := Context(t, time.Minute)
	if out, err := exec.Command("cp", "-a", empty, i.Data).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
		return nil
	}
	t.Cleanup(func() {
		if t.Failed() {
			if b, err := os.ReadFile(i.LogFile()); err == nil {
				t.Logf("log of %s:\n%s", name, b[max(0, len(b)-2000):])
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := i.Kill(ctx); err != nil && !os.IsNotExist(err) {
			t.Errorf("end %s: %v", name, err)
		}
	})
	local := mylink.Target{Name: name, Spec: mylink.Server{Host: dir + "/sock"}}
	if err := i.Start(ctx, func(ctx context.Context) error { return ping(ctx, local) }); err != nil {
		t.Errorf("start a MariaDB server: %v", err)
		return nil
	}
	s := &Server{Instance: i, Target: mylink.Target{Name: name, Site: name, Spec: mylink.Server{Host: "127.0.0.1", Port: port, User: User,
		Password: activities.NewSecret(Password), TLS: "disable", Data: i.Data, Config: i.Config, Defaults: i.Defaults, RunAs: i.RunAs, StopTimeout: run.Duration(time.Minute)}}}
	c, err := mylink.Connect(ctx, local, "", 0)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close()
	for _, statement := range []string{ // each server's own: none of it is replicated
		"SET SESSION sql_log_bin = 0",
		fmt.Sprintf("CREATE USER '%s'@'%%' IDENTIFIED BY '%s'", User, Password),
		fmt.Sprintf("GRANT ALL ON *.* TO '%s'@'%%' WITH GRANT OPTION", User),
		fmt.Sprintf("CREATE USER 'clerk'@'%%' IDENTIFIED BY '%s'", Password), // may write, and read_only binds it
		"GRANT ALL ON shop.* TO 'clerk'@'%'",
		"CREATE DATABASE shop",
	} {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			t.Error(err)
			return nil
		}
	}
	return s
}

func ping(ctx context.Context, t mylink.Target) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := mylink.Connect(ctx, t, "", 0)
	c.Close()
	return err
}

// Plan is the server as a plan's target names it, its password a reference to file.
func (s *Server) Plan(file string) plan.Target {
	spec, err := json.Marshal(s.Fields(file))
	if err != nil {
		panic(err)
	}
	return plan.Target{Name: s.Name, Kind: "mysql", Site: s.Name, Spec: spec}
}

// Fields are the server's entry in an estate, its password a reference to file.
func (s *Server) Fields(file string) map[string]any {
	return map[string]any{"host": "127.0.0.1", "port": s.Target.Spec.Port, "user": User, "password": "secret://file/" + strings.TrimPrefix(file, "/"), "tls": "disable",
		"data": s.Data, "config": s.Config, "defaults": s.Defaults, "run_as": s.RunAs}
}

// Dir is a short directory of the test's own that the service user can reach, which
// t.TempDir is not when the test runs as root; a socket's path is limited.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-my-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Waiting as waittest does it, for those who have this package at hand.
var (
	Context    = waittest.Context
	Eventually = waittest.Eventually
)
