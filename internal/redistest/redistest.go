// Package redistest runs real Redis servers and sentinels for tests, on loopback and in a
// directory of the test's own, and ends them with the test.
package redistest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
	"github.com/muster-dr/muster/internal/waittest"
)

// Password of every server and sentinel.
const Password = "redistest-8f2c-not-a-real-one"

// Server is one redis-server or sentinel.
type Server struct {
	Name   string
	Target redislink.Target
	Port   int
	Config string
	PID    string // file of its process number
	dir    string
	args   []string
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process that cmd began is gone
}

// Start starts a server with settings besides its own, as lines of its configuration.
func Start(t testing.TB, name string, settings ...string) *Server {
	t.Helper()
	s := prepare(t, name)
	lines := append([]string{"save \"\"", "appendonly no", "repl-diskless-sync-delay 0", "masterauth " + Password, "requirepass " + Password}, settings...)
	s.write(t, lines)
	s.StartServer(t)
	return s
}

// StartBare starts a server without a configuration file, as containers do.
func StartBare(t testing.TB, name string) *Server {
	t.Helper()
	s := prepare(t, name)
	s.Config, s.Target.Spec.Config = "", ""
	s.args = []string{"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.dir, "--logfile", s.log(), "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0", "--masterauth", Password, "--requirepass", Password}
	s.StartServer(t)
	return s
}

func prepare(t testing.TB, name string) *Server {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Name: name, Port: port, dir: t.TempDir()}
	s.Config = filepath.Join(s.dir, "redis.conf")
	s.PID = filepath.Join(s.dir, "pid")
	s.Target = redislink.Target{Name: name, Site: name, Spec: redislink.Server{Host: "127.0.0.1", Port: s.Port,
		Login: redislink.Login{Password: activities.NewSecret(Password)}, Config: s.Config}}
	t.Cleanup(func() {
		s.end()
		if b, err := os.ReadFile(s.log()); err == nil && t.Failed() {
			t.Logf("log of %s:\n%s", name, b[max(0, len(b)-2000):])
		}
	})
	return s
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

func (s *Server) write(t testing.TB, lines []string) {
	t.Helper()
	lines = append([]string{fmt.Sprintf("port %d", s.Port), "bind 127.0.0.1", "daemonize no", "pidfile " + s.PID, "dir " + s.dir, "logfile " + s.log()}, lines...)
	if err := os.WriteFile(s.Config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// StartServer starts the server and waits until it answers.
func (s *Server) StartServer(t testing.TB) {
	t.Helper()
	args := s.args
	if s.Config != "" {
		args = append([]string{s.Config}, args...)
	}
	cmd := exec.Command("redis-server", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start redis-server (packages redis-server and redis-sentinel): %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	s.cmd, s.ended = cmd, ended
	Eventually(t, 2*time.Minute, func() string {
		if _, err := s.try(t, "PING"); err != nil {
			return err.Error()
		}
		return ""
	})
}

func (s *Server) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

// Kill9 ends the server as a power loss does and says when.
func (s *Server) Kill9(testing.TB) time.Time {
	s.end()
	return time.Now()
}

// Shutdown ends whatever process serves now, also one that others started.
func (s *Server) Shutdown(t testing.TB) { _, _ = s.try(t, "SHUTDOWN", "NOSAVE") }

// Gone reports whether the server's process has ended.
func (s *Server) Gone() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// Freeze hangs the server: its port still takes connections. Thaw lets it go on.
func (s *Server) Freeze(t testing.TB) { s.signal(t, syscall.SIGSTOP) }
func (s *Server) Thaw(t testing.TB)   { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) try(t testing.TB, args ...any) (any, error) {
	c := redislink.Open(s.Target, 5*time.Second)
	defer c.Close()
	return c.Do(Context(t, 5*time.Second), args...)
}

// Do sends a command and returns the answer.
func (s *Server) Do(t testing.TB, args ...any) any {
	t.Helper()
	v, err := s.try(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TryWrite writes a key as a client does, and returns the server's objection.
func (s *Server) TryWrite(t testing.TB) error {
	_, err := s.try(t, "INCR", "redistest:writes")
	return err
}

// Info is one field of INFO, or "".
func (s *Server) Info(t testing.TB, field string) string {
	t.Helper()
	v, err := s.try(t, "INFO", "everything")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(v.(string)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == field {
			return value
		}
	}
	return ""
}

// AwaitRole waits until the server says that it is a master or a slave, the latter with
// its link up.
func (s *Server) AwaitRole(t testing.TB, role string) {
	t.Helper()
	Eventually(t, time.Minute, func() string {
		if is := s.Info(t, "role"); is != role {
			return fmt.Sprintf("%s is %q, not %s", s.Name, is, role)
		}
		if role == "slave" && s.Info(t, "master_link_status") != "up" {
			return s.Name + " has no link to its master"
		}
		return ""
	})
}

// Plan is the server as a plan's target names it, its password a reference to file.
func (s *Server) Plan(file string) plan.Target {
	return planned(s.Name, "redis", map[string]any{"host": "127.0.0.1", "port": s.Port, "password": "secret://file" + file, "config": s.Config})
}

func planned(name, kind string, spec map[string]any) plan.Target {
	b, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	return plan.Target{Name: name, Kind: kind, Site: name, Spec: b}
}

// Pair is a master (tokyo) and its replica (osaka).
type Pair struct{ Tokyo, Osaka *Server }

// StartPair starts a pair and waits until it replicates, and the master says so too: it hands
// over to nobody before. Both get the settings.
func StartPair(t testing.TB, settings ...string) *Pair {
	t.Helper()
	p := &Pair{Tokyo: Start(t, "tokyo", settings...)}
	p.Osaka = Start(t, "osaka", append([]string{fmt.Sprintf("replicaof 127.0.0.1 %d", p.Tokyo.Port)}, settings...)...)
	p.Osaka.AwaitRole(t, "slave")
	Eventually(t, time.Minute, func() string {
		if at := p.Tokyo.Info(t, "slave0"); !strings.Contains(at, "state=online") {
			return "the master says of its replica: " + at
		}
		return ""
	})
	return p
}

// Watched is a pair with three sentinels.
type Watched struct {
	*Pair
	Sentinels []*Server
	Target    redislink.SentinelTarget
}

// StartWatched starts a pair and three sentinels, which take it for down after downAfter.
func StartWatched(t testing.TB, downAfter time.Duration, settings ...string) *Watched {
	t.Helper()
	w := &Watched{Pair: StartPair(t, settings...)}
	w.Target = redislink.SentinelTarget{Name: "sentinels", Spec: redislink.Sentinel{Master: "orders", Login: redislink.Login{Password: activities.NewSecret(Password)}}}
	for n := range 3 {
		s := prepare(t, fmt.Sprintf("sentinel-%d", n+1))
		s.args = []string{"--sentinel"}
		s.write(t, []string{
			"requirepass " + Password, "sentinel sentinel-pass " + Password,
			fmt.Sprintf("sentinel monitor orders 127.0.0.1 %d 2", w.Tokyo.Port), "sentinel auth-pass orders " + Password,
			fmt.Sprintf("sentinel down-after-milliseconds orders %d", downAfter.Milliseconds()), "sentinel failover-timeout orders 20000",
		})
		s.StartServer(t)
		w.Sentinels = append(w.Sentinels, s)
		w.Target.Spec.Addresses = append(w.Target.Spec.Addresses, redislink.Address(s.Target.Spec))
	}
	for _, s := range w.Sentinels {
		Eventually(t, time.Minute, func() string {
			if v, err := s.try(t, "SENTINEL", "CKQUORUM", "orders"); err != nil || !strings.Contains(fmt.Sprint(v), "OK 3 usable") {
				return fmt.Sprintf("%s does not know the others: %v %v", s.Name, v, err)
			}
			if v, err := s.try(t, "SENTINEL", "REPLICAS", "orders"); err != nil || !strings.Contains(fmt.Sprint(v), "master-link-status ok") {
				return s.Name + " does not know the replica"
			}
			return ""
		})
	}
	return w
}

// Plan is the group of sentinels as a plan's target names it.
func (w *Watched) Plan(file string) plan.Target {
	return planned(w.Target.Name, "sentinel", map[string]any{"addresses": w.Target.Spec.Addresses, "master": w.Target.Spec.Master, "password": "secret://file" + file})
}

// PasswordFile holds the password, for secret references.
func PasswordFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(Password), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Silent is an address that takes connections and says nothing.
func Silent(t testing.TB) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// Waiting as waittest does it, for those who have this package at hand.
var (
	Context    = waittest.Context
	Eventually = waittest.Eventually
)

// Unwritable keeps the server from rewriting its configuration file, whoever it runs as:
// its folder is moved away.
func (s *Server) Unwritable(t testing.TB) {
	t.Helper()
	if err := os.Remove(s.Config); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.Config, 0o700); err != nil {
		t.Fatal(err)
	}
}
