// Package systemdtest runs a real systemd for tests: a user manager in namespaces, with a
// bus and a journal of its own, which ends with the test and everything it started.
package systemdtest

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

//go:embed manager.sh
var script []byte

// Manager is a running systemd.
type Manager struct {
	Address string // of its bus
	Journal string // folder
	dir     string
	pid     int // of what started it
	bus     *dbus.Conn
}

// units are what the manager itself needs; it knows no others.
var units = map[string]string{
	"test.target":  "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket dbus.service\n",
	"dbus.socket":  "[Socket]\nListenStream=%t/bus\n",
	"dbus.service": "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\nExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation\n",
	"basic.target": "", "sockets.target": "", "timers.target": "", "paths.target": "", "shutdown.target": "",
}

// Start starts systemd and waits until it answers.
func Start(t testing.TB) *Manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-sd-") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &Manager{dir: dir, Address: "unix:path=" + filepath.Join(dir, "run", "bus"), Journal: filepath.Join(dir, "journal")}
	for _, sub := range []string{"run", "units", "config", "journal"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range units {
		if text == "" {
			text = "[Unit]\nDefaultDependencies=no\n"
		}
		m.write(t, name, text)
	}
	path := filepath.Join(dir, "manager.sh")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		t.Fatal(err)
	}
	argv := []string{"sh", path, dir, strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())}
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	life, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a systemd of the test's own (packages systemd, dbus, util-linux; as root or with sudo): %v", err)
	}
	m.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = life.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the end of the test's systemd: %v\n%s", err, said.Bytes())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		m.bus, err = dbus.NewConnection(m.dial)
		if err == nil {
			if _, err = m.bus.SystemStateContext(t.Context()); err == nil {
				t.Cleanup(m.bus.Close)
				return m
			}
			m.bus.Close()
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("the test's systemd (packages systemd and dbus) does not answer within 30 s: %v\n%s\n%s", err, said.Bytes(), log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *Manager) dial() (*godbus.Conn, error) {
	c, err := godbus.Dial(m.Address)
	if err != nil {
		return nil, err
	}
	if err = c.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Getuid()))}); err == nil {
		err = c.Hello()
	}
	if err != nil {
		_ = c.Close()
	}
	return c, err
}

func (m *Manager) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, "units", name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Unit gives systemd a unit, which it loads.
func (m *Manager) Unit(t testing.TB, name, text string) {
	t.Helper()
	m.write(t, name, text)
	m.reload(t)
}

// Etc gives systemd a unit whose file lies where an administrator puts it, and where masks lie.
func (m *Manager) Etc(t testing.TB, name, text string) {
	t.Helper()
	dir := filepath.Join(m.dir, "config", "systemd", "user")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.reload(t)
}

func (m *Manager) reload(t testing.TB) {
	t.Helper()
	if err := m.bus.ReloadContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Alias gives a unit another name.
func (m *Manager) Alias(t testing.TB, unit, name string) {
	t.Helper()
	if err := os.Symlink(unit, filepath.Join(m.dir, "units", name)); err != nil {
		t.Fatal(err)
	}
	m.reload(t)
}

// Run starts a unit, as somebody else than muster would, and returns its invocation.
func (m *Manager) Run(t testing.TB, unit string) string {
	t.Helper()
	done := make(chan string, 1)
	if _, err := m.bus.StartUnitContext(t.Context(), unit, "replace", done); err != nil {
		t.Fatal(err)
	}
	if how := <-done; how != "done" {
		t.Fatalf("the start of %s: %s", unit, how)
	}
	p, err := m.bus.GetUnitPropertyContext(t.Context(), unit, "InvocationID")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", p.Value.Value())
}

// Bus is a connection of the test's own, to be somebody else with.
func (m *Manager) Bus() *dbus.Conn { return m.bus }

// Starts is how often a service was started in all: by hand and by Restart=.
func (m *Manager) Starts(t testing.TB, unit string) int {
	t.Helper()
	out, err := exec.Command("journalctl", "--directory", m.Journal, "--quiet", "--output", "cat", "USER_UNIT="+unit, "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf").Output()
	if err != nil {
		t.Fatalf("the journal of the test's systemd: %v", err)
	}
	return strings.Count(string(out), "\n")
}

// Freeze stops systemd itself: its bus takes messages, and nobody answers them.
func (m *Manager) Freeze(t testing.TB) { t.Helper(); m.signal(t, syscall.SIGSTOP) }

// Thaw lets it go on.
func (m *Manager) Thaw(t testing.TB) { t.Helper(); m.signal(t, syscall.SIGCONT) }

func (m *Manager) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids := []int{m.pid}
	for n := 0; n < len(pids); n++ {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pids[n])); err == nil && bytes.HasPrefix(b, []byte("/lib/systemd/systemd\x00")) {
			if err := syscall.Kill(pids[n], sig); err != nil {
				t.Fatal(err)
			}
			return
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pids[n]))
		for _, f := range strings.Fields(string(b)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	t.Fatal("the test's systemd is not among the processes")
}
