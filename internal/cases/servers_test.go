package cases_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-vm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		notes, _ := filepath.Glob(filepath.Join(dir, "state", "*.json"))
		for _, f := range notes { // what the drills have started
			var n struct {
				PID int `json:"pid"`
			}
			if b, err := os.ReadFile(f); err == nil && json.Unmarshal(b, &n) == nil && n.PID > 1 {
				if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", n.PID)); err == nil && strings.Contains(exe, "haproxy") {
					_ = syscall.Kill(n.PID, syscall.SIGKILL)
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
	log, err := os.Create(filepath.Join(m.dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(haproxyBin, "-db", "-f", filepath.Join(m.dir, name+".cfg"))
	cmd.Env = append(os.Environ(), "MUSTER_PROCESS="+filepath.Join(m.dir, "state", name))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (package haproxy): %v", name, err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // reaps it when a drill has killed it
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
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

// loopback is an address nobody listens on now.
func loopback(t *testing.T) string { return fmt.Sprintf("127.0.0.1:%d", freePort(t)) }

// postgres writes a pair's addresses into two targets of the estate.
func (g *group) postgres(t *testing.T, pair *pgtest.Pair, primary, standby string) {
	t.Helper()
	for name, s := range map[string]*pgtest.Server{primary: pair.Tokyo, standby: pair.Osaka} {
		g.set(t, "name", name, map[string]any{"host": s.Host, "port": s.Port, "sslmode": "disable", "password": "secret://file" + pair.PasswordFile,
			"data": s.Data, "config": s.Config, "bin": s.Bin, "run_as": s.RunAs, "slot": "muster_" + s.Name})
	}
}
