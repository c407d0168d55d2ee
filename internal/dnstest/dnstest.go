// Package dnstest runs real name servers for tests: a primary that takes signed updates,
// and a secondary that follows it, on loopback.
package dnstest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/internal/freeport"
)

// Zone, key and secret of every pair.
const (
	Zone   = "muster.test"
	Key    = "muster"
	Secret = "bXVzdGVyLXRlc3Qtc2VjcmV0LW5vdC1hLXJlYWwtb25l"
)

// Server is one named.
type Server struct {
	Address string
	dir     string
	pid     int
	// resolves is for a server that has no zone of its own.
	resolves bool
}

// Start starts primary and secondary, with www.muster.test at 192.0.2.1 for ttl seconds.
func Start(t testing.TB, ttl int) (primary, secondary *Server) {
	t.Helper()
	first, second := freePort(t), freePort(t)
	primary = &Server{Address: fmt.Sprintf("127.0.0.1:%d", first), dir: t.TempDir()}
	secondary = &Server{Address: fmt.Sprintf("127.0.0.1:%d", second), dir: t.TempDir()}
	write(t, filepath.Join(primary.dir, "zone"), fmt.Sprintf(`$TTL %[1]d
@ IN SOA ns1 root 1 3600 1 86400 1
@ IN NS ns1
ns1 IN A 127.0.0.1
www %[1]d IN A 192.0.2.1
`, ttl))
	key := fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };\n", Key, Secret)
	primary.start(t, first, key+fmt.Sprintf(`zone %q { type primary; file "zone"; allow-update { key %q; }; allow-transfer { any; };
	notify explicit; also-notify { 127.0.0.1 port %d; }; };
`, Zone, Key, second))
	secondary.start(t, second, fmt.Sprintf(`zone %q { type secondary; file "copy"; primaries { 127.0.0.1 port %d; }; allow-notify { 127.0.0.1; }; };
`, Zone, first))
	return primary, secondary
}

func (s *Server) start(t testing.TB, port int, zones string) {
	t.Helper()
	write(t, filepath.Join(s.dir, "named.conf"), fmt.Sprintf(`options { directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	pid-file none; lock-file none; session-keyfile "session.key"; recursion %s; dnssec-validation no; minimal-responses yes; notify-delay 0; serial-query-rate 100; };
controls { };
%s`, s.dir, port, map[bool]string{true: "yes", false: "no"}[s.resolves], zones))
	log, err := os.Create(filepath.Join(s.dir, "named.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("/usr/sbin/named", "-g", "-n", "1", "-c", filepath.Join(s.dir, "named.conf"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start named (package bind9): %v", err)
	}
	s.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = syscall.Kill(s.pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("log of named at %s:\n%s", s.Address, b[max(0, len(b)-1000):])
		}
	})
	deadline := time.Now().Add(2 * time.Minute)
	for {
		q := new(dns.Msg)
		q.SetQuestion("www."+Zone+".", dns.TypeA)
		in, _, err := (&dns.Client{Timeout: time.Second}).Exchange(q, s.Address)
		if err == nil && (in.Authoritative || s.resolves) && len(in.Answer) == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("named at %s does not serve its zone: %v", s.Address, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// StartResolver starts a resolver that asks an authoritative server and keeps what it
// heard for its time to live, as the resolver of a branch does.
func StartResolver(t testing.TB, of *Server) *Server {
	t.Helper()
	port := freePort(t)
	_, from, err := net.SplitHostPort(of.Address)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: fmt.Sprintf("127.0.0.1:%d", port), dir: t.TempDir(), resolves: true}
	s.start(t, port, fmt.Sprintf("zone %q { type forward; forward only; forwarders { 127.0.0.1 port %s; }; };\n", Zone, from))
	return s
}

// Freeze stops the server's process, as a hung host does, and returns when all of it
// stands still; Thaw lets it go on.
func (s *Server) Freeze() {
	_ = syscall.Kill(s.pid, syscall.SIGSTOP)
	var ws syscall.WaitStatus
	_, _ = syscall.Wait4(s.pid, &ws, syscall.WUNTRACED, nil)
}

func (s *Server) Thaw() { _ = syscall.Kill(s.pid, syscall.SIGCONT) }

func freePort(t testing.TB) int {
	t.Helper()
	for range 20 { // free for both protocols
		port, err := freeport.Get()
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no port is free for TCP and UDP")
	return 0
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
