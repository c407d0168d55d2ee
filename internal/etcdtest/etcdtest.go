// Package etcdtest runs real etcd clusters for tests, on loopback, each in folders of its
// own.
package etcdtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/muster-dr/muster/internal/proc"

	"github.com/muster-dr/muster/internal/freeport"
)

// Options of a cluster; the zero value is one member without TLS.
type Options struct {
	Members int // 0 is 1
	// CA, Cert and Key are files, for members that ask for client certificates.
	CA, Cert, Key string
	// Env is added to the members' environment, by the member's name.
	Env func(name string) []string
}

// Cluster is a running cluster.
type Cluster struct {
	Members []*Member
	Client  *clientv3.Client // to all of them; nil with TLS
}

// Member is one member of it.
type Member struct {
	Name string
	URL  string // for clients
	Dir  string
	argv []string
	env  []string
	cmd  *exec.Cmd
	over chan struct{}
}

// Names of members, in their order.
var Names = []string{"tokyo", "osaka", "nagoya"}

// Start starts a cluster and waits until it serves. It ends with the test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	binary, err := exec.LookPath("etcd")
	if err != nil {
		t.Fatalf("%v: install etcd-server", err)
	}
	c := &Cluster{}
	ports, err := freeport.Several(2 * max(o.Members, 1))
	if err != nil {
		t.Fatal(err)
	}
	scheme, own := "http", []string{}
	if o.CA != "" {
		scheme, own = "https", []string{"--trusted-ca-file=" + o.CA, "--cert-file=" + o.Cert, "--key-file=" + o.Key, "--client-cert-auth"}
	}
	var peers []string
	for i := range max(o.Members, 1) {
		m := &Member{Name: Names[i], URL: fmt.Sprintf("%s://127.0.0.1:%d", scheme, ports[2*i]), Dir: filepath.Join(t.TempDir(), Names[i])}
		peers = append(peers, fmt.Sprintf("%s=http://127.0.0.1:%d", m.Name, ports[2*i+1]))
		c.Members = append(c.Members, m)
	}
	for i, m := range c.Members {
		peer := fmt.Sprintf("http://127.0.0.1:%d", ports[2*i+1])
		m.argv = append([]string{binary, "--name=" + m.Name, "--data-dir=" + m.Dir, "--listen-client-urls=" + m.URL, "--advertise-client-urls=" + m.URL,
			"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=" + strings.Join(peers, ","),
			"--initial-cluster-token=" + token(ports), "--heartbeat-interval=200", "--election-timeout=3000", "--logger=zap"}, own...)
		if o.Env != nil {
			m.env = o.Env(m.Name)
		}
		m.Start(t)
	}
	if o.CA != "" {
		return c
	}
	c.Client, err = clientv3.New(clientv3.Config{Endpoints: c.URLs(), Logger: zap.NewNop(), DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Client.Close() })
	c.Put(t, "muster", "started")
	return c
}

// token is one that no other cluster has.
func token(ports []int) string { return fmt.Sprintf("test-%d-%d", os.Getpid(), ports[0]) }

// Start starts a member that does not run.
func (m *Member) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(m.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command(m.argv[0], m.argv[1:]...)
	m.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, m.env...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := m.cmd.Start(); err != nil {
		t.Fatalf("start etcd (package etcd-server): %v", err)
	}
	cmd, over := m.cmd, make(chan struct{})
	m.over = over
	go func() { _ = cmd.Wait(); close(over) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-over
		m.endOthers() // whom the tested actions started in its place
		if b, err := os.ReadFile(m.Dir + ".log"); err == nil && t.Failed() {
			t.Logf("log of %s:\n%s", m.Name, b[max(0, len(b)-2000):])
		}
	})
}

func (m *Member) endOthers() {
	for _, pid := range proc.PIDs() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && slices.Contains(strings.Split(string(line), "\x00"), "--data-dir="+m.Dir) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Kill ends the member as a power loss does.
func (m *Member) Kill() { _ = m.cmd.Process.Kill(); <-m.over }

// Freeze stops the member: its port takes connections and nothing answers. Thaw lets it
// go on.
func (m *Member) Freeze() { _ = m.cmd.Process.Signal(syscall.SIGSTOP) }
func (m *Member) Thaw()   { _ = m.cmd.Process.Signal(syscall.SIGCONT) }

// PID is the number of its process.
func (m *Member) PID() int { return m.cmd.Process.Pid }

// Argv is how it is started.
func (m *Member) Argv() []string { return m.argv }

// URLs are the members' client URLs.
func (c *Cluster) URLs() []string {
	var out []string
	for _, m := range c.Members {
		out = append(out, m.URL)
	}
	return out
}

// Put writes a key, and waits for a leader to take it.
func (c *Cluster) Put(t testing.TB, key, value string) (revision int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		within, done := context.WithTimeout(ctx, 3*time.Second)
		put, err := c.Client.Put(within, key, value)
		done()
		if err == nil {
			return put.Header.Revision
		}
		if ctx.Err() != nil {
			t.Fatalf("put %s within 2m: %v", key, err)
		}
	}
}

// Leader is the member that leads.
func (c *Cluster) Leader(t testing.TB) *Member {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		for _, m := range c.Members {
			within, done := context.WithTimeout(ctx, time.Second)
			s, err := c.Client.Status(within, m.URL)
			done()
			if err == nil && s.Leader == s.Header.MemberId {
				return m
			}
		}
	}
	t.Fatal("no member leads within 2m")
	return nil
}
