// Package pgtest starts real PostgreSQL servers for tests, on loopback and in a
// directory of the test's own, and ends them with the test.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// Server is one server of a pair, with what a test does to it.
type Server struct {
	*pgcluster.Instance
	Target pglink.Target
}

// Pair is a primary (tokyo) and its streaming standby (osaka).
type Pair struct {
	*pgcluster.Pair
	Tokyo, Osaka *Server
}

// StartPair makes and starts a pair. PostgreSQL that is missing fails the test.
func StartPair(t testing.TB) *Pair {
	t.Helper()
	return StartPairWith(t, nil)
}

// StartPairWith makes a pair with settings besides its own.
func StartPairWith(t testing.TB, settings map[string]string) *Pair {
	t.Helper()
	if _, err := pgcluster.FindBin(); err != nil {
		t.Fatalf("%v", err)
	}
	dir := Dir(t)
	all := map[string]string{"fsync": "off"} // no test pulls the machine's plug
	for k, v := range settings {
		all[k] = v
	}
	made, err := pgcluster.Create(Context(t, 2*time.Minute), pgcluster.Options{Dir: filepath.Join(dir, "pair"), WALSegmentMB: 1, Settings: all})
	if err != nil {
		t.Fatalf("start a pair of PostgreSQL servers: %v", err)
	}
	p := &Pair{Pair: made}
	p.Tokyo, p.Osaka = p.server(made.Primary), p.server(made.Standby)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, s := range []*Server{p.Tokyo, p.Osaka} {
			if t.Failed() {
				if b, err := os.ReadFile(s.LogFile()); err == nil {
					t.Logf("log of %s:\n%s", s.Name, b[max(0, len(b)-2000):])
				}
			}
			if _, err := s.Instance.Kill(ctx); err != nil && !os.IsNotExist(err) {
				t.Errorf("end %s: %v", s.Name, err)
			}
		}
	})
	return p
}

// Plan is the server as a plan's target names it, its password a reference to file.
func (s *Server) Plan(file string) plan.Target {
	spec, err := json.Marshal(map[string]any{
		"host": s.Host, "port": s.Port, "sslmode": "disable", "password": "secret://file/" + strings.TrimPrefix(file, "/"),
		"data": s.Data, "config": s.Config, "bin": s.Bin, "run_as": s.RunAs,
	})
	if err != nil {
		panic(err)
	}
	return plan.Target{Name: s.Name, Kind: "postgres", Site: s.Name, Spec: spec}
}

// Dir is a directory of the test's own that the service user can reach, which
// t.TempDir is not when the test runs as root.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (p *Pair) server(i *pgcluster.Instance) *Server {
	return &Server{Instance: i, Target: pglink.Target{Name: i.Name, Site: i.Name, Spec: pglink.Server{
		Host: i.Host, Port: i.Port, Database: "postgres", User: p.User, Password: activities.NewSecret(p.Password), SSLMode: "disable",
		Data: i.Data, Config: i.Config, Bin: i.Bin, RunAs: i.RunAs, Stop: run.Duration(time.Minute)}}}
}

// Waiting as waittest does it, for those who have this package at hand.
var (
	Context    = waittest.Context
	Eventually = waittest.Eventually
)

// Freeze hangs the server: every process is stopped, its port still takes connections.
func (s *Server) Freeze(t testing.TB) {
	t.Helper()
	if err := s.Instance.Freeze(Context(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// Thaw lets a frozen server go on.
func (s *Server) Thaw(t testing.TB) {
	t.Helper()
	if err := s.Instance.Thaw(); err != nil {
		t.Fatal(err)
	}
}

// Kill9 ends the server as a power loss does and says when.
func (s *Server) Kill9(t testing.TB) time.Time {
	t.Helper()
	at, err := s.Instance.Kill(Context(t, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// StartServer starts the server and waits until it accepts connections.
func (s *Server) StartServer(t testing.TB) {
	t.Helper()
	if err := s.Instance.Start(Context(t, time.Minute)); err != nil {
		t.Fatal(err)
	}
}

// StopServer stops the server cleanly.
func (s *Server) StopServer(t testing.TB) {
	t.Helper()
	if err := s.Instance.Stop(Context(t, time.Minute), pgcluster.Fast); err != nil {
		t.Fatal(err)
	}
}

// StallReceiver stops the standby's receiver, so that it falls behind whatever the
// primary writes, and returns how to let it go on. A promotion waits for that.
func (s *Server) StallReceiver(t testing.TB) (resume func()) {
	t.Helper()
	pid := Value[int](t, s, "SELECT coalesce((SELECT pid FROM pg_stat_wal_receiver), 0)")
	if pid == 0 {
		t.Fatalf("%s has no receiver", s.Name)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume = sync.OnceFunc(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	t.Cleanup(resume)
	return resume
}

// Connect opens a connection that ends with the test.
func (s *Server) Connect(t testing.TB) *pglink.Conn {
	t.Helper()
	c, err := pglink.Connect(Context(t, time.Minute), s.Target, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Exec runs statements.
func (s *Server) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	c := s.Connect(t)
	defer c.Close()
	if _, err := c.Exec(Context(t, 30*time.Second), sql, args...); err != nil {
		t.Fatalf("%s on %s: %v", sql, s.Name, err)
	}
}

// Value reads one value.
func Value[V any](t testing.TB, s *Server, sql string, args ...any) V {
	t.Helper()
	c := s.Connect(t)
	defer c.Close()
	var v V
	if err := c.QueryRow(Context(t, 30*time.Second), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s on %s: %v", sql, s.Name, err)
	}
	return v
}

// TryWrite attempts one committed write and returns the server's refusal, or nil.
func (s *Server) TryWrite(t testing.TB) error {
	t.Helper()
	c, err := pglink.Connect(Context(t, 10*time.Second), s.Target, "", 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Exec(Context(t, 10*time.Second), "CREATE TABLE IF NOT EXISTS written (n int); INSERT INTO written VALUES (1)", pgx.QueryExecModeSimpleProtocol)
	return err
}

// Timeline is the number of the timeline the server writes.
func (s *Server) Timeline(t testing.TB) int {
	t.Helper()
	var tl int
	hex := Value[string](t, s, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
	if _, err := fmt.Sscanf(hex, "%x", &tl); err != nil {
		t.Fatalf("timeline of %s: %q: %v", s.Name, hex, err)
	}
	return tl
}

// AwaitStreaming waits until standby streams from s and has replayed all it wrote. Use
// it when nothing writes.
func (s *Server) AwaitStreaming(t testing.TB, standby *Server) {
	t.Helper()
	s.await(t, standby, "AND r.replay_lsn >= pg_current_wal_lsn()")
}

// AwaitStandby waits until standby streams from s.
func (s *Server) AwaitStandby(t testing.TB, standby *Server) {
	t.Helper()
	s.await(t, standby, "")
}

func (s *Server) await(t testing.TB, standby *Server, and string) {
	t.Helper()
	c := s.Connect(t)
	defer c.Close()
	Eventually(t, time.Minute, func() string {
		var ok bool
		err := c.QueryRow(Context(t, 10*time.Second), `SELECT EXISTS (SELECT FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
			WHERE s.slot_name = $1 AND r.state = 'streaming' `+and+`)`, pglink.Slot(standby.Target)).Scan(&ok)
		if err != nil {
			return err.Error()
		}
		if !ok {
			return standby.Name + " does not stream from " + s.Name
		}
		return ""
	})
}

// NewDatabase makes an empty database and returns the address under which a record store opens it on
// any of the servers, and how its password is found.
func (p *Pair) NewDatabase(t testing.TB) (address string, password func(context.Context) (string, error)) {
	t.Helper()
	name := "db_" + strings.ToLower(rand.Text())
	p.Tokyo.Exec(t, "CREATE DATABASE "+name)
	return fmt.Sprintf("postgres://%s@%s:%d,%s:%d/%s", p.User, p.Tokyo.Host, p.Tokyo.Port, p.Osaka.Host, p.Osaka.Port, name),
		func(context.Context) (string, error) { return p.Password, nil }
}
