package cases_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/muster-dr/muster/internal/mailtest"
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

// script makes a machine that starts others: who kills it kills those too.
func (m *machines) script(t *testing.T, g *group, name, text string) {
	t.Helper()
	file := filepath.Join(m.dir, name+".sh")
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	g.set(t, "name", name, map[string]any{"argv": []any{"/bin/sh", file}, "state": filepath.Join(m.dir, "state")})
	m.launch(t, name, "/bin/sh", file)
}

const plainHTTP = "defaults\n  mode http\n  timeout connect 500ms\n  timeout client 5s\n  timeout server 5s\n"

// entrance is what users come in by: the first server while it says what it must, else the
// other. It is configured, and its target set.
func (m *machines) entrance(t *testing.T, g *group, name, backend, says, first, other, otherName string) (address string) {
	t.Helper()
	address = loopback(t)
	socket := filepath.Join(m.dir, name+".sock")
	firstName := "tokyo"
	if backend == "web" {
		firstName = "centre"
	}
	m.configured(t, name, fmt.Sprintf("  stats socket %s mode 600 level admin\n%sfrontend in\n  bind %s\n  default_backend %s\nbackend %[4]s\n  option httpchk GET /\n  http-check expect rstring (%s|today)\n  default-server check inter 100ms fall 1 rise 1\n  server %s %s\n  server %s %s backup\n",
		socket, plainHTTP, address, backend, says, firstName, first, otherName, other))
	g.set(t, "name", name, map[string]any{"socket": socket})
	return address
}

// secret writes a secret's file.
func (m *machines) secret(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(m.dir, "secret-"+fmt.Sprint(addresses.Add(1)))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// mail makes a mail server's target, and its process if it is to run.
func (m *machines) mail(t *testing.T, g *group, name string, o mailtest.Options, running bool) {
	t.Helper()
	o.Folder = filepath.Join(m.dir, name)
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(m.dir, name+".json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g.set(t, "name", name, map[string]any{"argv": []any{program}, "env": map[string]any{mailServer: file}, "state": filepath.Join(m.dir, "state")})
	if !running {
		return
	}
	if err := os.Mkdir(o.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	m.env = []string{mailServer + "=" + file}
	m.launch(t, name, program)
	m.env = nil
	listening(t, o.SMTP, o.IMAP)
}
