package cases_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// balancer starts an HAProxy with these frontends and backends and returns its runtime API.
func balancer(t *testing.T, sections string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-web-") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "admin.sock")
	config := filepath.Join(dir, "haproxy.cfg")
	text := fmt.Sprintf("global\n  stats socket %s mode 600 level admin\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n%s", socket, sections)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("/usr/sbin/haproxy", "-db", "-f", config)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start haproxy (package haproxy): %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	pgtest.Eventually(t, time.Minute, func() string { // it binds all of its addresses in one go
		c, err := net.Dial("unix", socket)
		if err != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Sprintf("haproxy does not answer: %s", said)
		}
		c.Close()
		return ""
	})
	return socket
}

// door is a frontend at an address, with its servers behind it. One whose name begins
// with - is out of service.
func door(name, address string, servers ...[2]string) string {
	text := fmt.Sprintf("frontend %[1]s\n  bind %[2]s\n  default_backend %[1]s\nbackend %[1]s\n", name, address)
	for _, s := range servers {
		server, state := s[0], ""
		if server[0] == '-' {
			server, state = server[1:], " disabled"
		}
		text += fmt.Sprintf("  server %s %s%s\n", server, s[1], state)
	}
	return text
}
