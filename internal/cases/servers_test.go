package cases_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

const haproxyBin = "/usr/sbin/haproxy"

// machines are programs that a drill starts, stops and kills by the family process: each an
// HAProxy of its own that answers with its name. What still runs at the end is ended.
type machines struct {
	dir string
	env []string // of the next one that launch starts
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-vm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ours := []byte("MUSTER_PROCESS=" + filepath.Join(dir, "state") + "/") // every child has it too
		all, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, f := range all {
			if env, err := os.ReadFile(f); err == nil && bytes.Contains(env, ours) {
				if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
		_ = os.RemoveAll(dir)
	})
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &machines{dir: dir}
}

// make writes a machine's configuration and returns what its target in the estate says.
func (m *machines) make(t *testing.T, name, address, says string) map[string]any {
	t.Helper()
	return m.configured(t, name, fmt.Sprintf("defaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\nfrontend in\n  bind %s\n  http-request return status 200 content-type text/plain string \"%s\"\n", address, says))
}

// configured is make with the whole configuration but its global part.
func (m *machines) configured(t *testing.T, name, config string) map[string]any {
	t.Helper()
	file := filepath.Join(m.dir, name+".cfg")
	if err := os.WriteFile(file, []byte("global\n  nbthread 1\n  maxconn 100\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]any{"argv": []any{haproxyBin, "-db", "-f", file}, "state": filepath.Join(m.dir, "state")}
}

// run starts a machine as process.start would have, with the mark by which it is found.
func (m *machines) run(t *testing.T, name string) {
	t.Helper()
	m.launch(t, name, haproxyBin, "-db", "-f", filepath.Join(m.dir, name+".cfg"))
}

func (m *machines) launch(t *testing.T, name, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(m.dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(os.Environ(), m.env...), "MUSTER_PROCESS="+filepath.Join(m.dir, "state", name))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s by %s (package haproxy): %v", name, program, err)
	}
	go func() { _ = cmd.Wait() }() // reaps it when a drill has killed it; newMachines ends what is left
}

// listening waits until something takes connections.
func listening(t *testing.T, addresses ...string) {
	t.Helper()
	for _, a := range addresses {
		pgtest.Eventually(t, 10*time.Second, func() string {
			c, err := net.DialTimeout("tcp", a, time.Second)
			if err != nil {
				return err.Error()
			}
			c.Close()
			return ""
		})
	}
}

// loopback is an address for a machine that may start much later: one of its own, since a port
// of 127.0.0.1 could meanwhile be given to somebody's outgoing connection.
func loopback(t *testing.T) string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.%d:%d", 10+os.Getpid()%200, n/200, 1+n%200, freePort(t))
}

var addresses atomic.Uint32

// postgres writes a pair's addresses into two targets of the estate.
func (g *group) postgres(t *testing.T, pair *pgtest.Pair, primary, standby string) {
	t.Helper()
	for name, s := range map[string]*pgtest.Server{primary: pair.Tokyo, standby: pair.Osaka} {
		g.set(t, "name", name, map[string]any{"host": s.Host, "port": s.Port, "sslmode": "disable", "password": "secret://file" + pair.PasswordFile,
			"data": s.Data, "config": s.Config, "bin": s.Bin, "run_as": s.RunAs, "slot": "muster_" + s.Name})
	}
}
