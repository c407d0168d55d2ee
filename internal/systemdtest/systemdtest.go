// Package systemdtest runs a real systemd for tests (internal/ownsystemd), which ends with the test.
package systemdtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/muster-dr/muster/internal/ownsystemd"
)

// Manager is a running systemd.
type Manager struct{ *ownsystemd.Manager }

// Start starts systemd and waits until it answers.
func Start(t testing.TB) *Manager {
	t.Helper()
	m, err := ownsystemd.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Manager{m}
}

// Unit gives systemd a unit, which it loads.
func (m *Manager) Unit(t testing.TB, name, text string) {
	t.Helper()
	if err := m.Manager.Unit(t.Context(), name, text); err != nil {
		t.Fatal(err)
	}
}

// Etc gives systemd a unit whose file lies where an administrator puts it, and where masks lie.
func (m *Manager) Etc(t testing.TB, name, text string) {
	t.Helper()
	dir := filepath.Join(m.Dir, "config", "systemd", "user")
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
	if err := m.Bus().ReloadContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Alias gives a unit another name.
func (m *Manager) Alias(t testing.TB, unit, name string) {
	t.Helper()
	if err := os.Symlink(unit, filepath.Join(m.Dir, "units", name)); err != nil {
		t.Fatal(err)
	}
	m.reload(t)
}

// Run starts a unit, as somebody else than muster would, and returns its invocation.
func (m *Manager) Run(t testing.TB, unit string) string {
	t.Helper()
	invocation, err := m.Manager.Run(t.Context(), unit)
	if err != nil {
		t.Fatal(err)
	}
	return invocation
}

// Starts is how often a service was started in all: by hand and by Restart=.
func (m *Manager) Starts(t testing.TB, unit string) int {
	t.Helper()
	n, err := m.Manager.Starts(unit)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Freeze stops systemd itself: its bus takes messages, and nobody answers them.
func (m *Manager) Freeze(t testing.TB) { t.Helper(); m.signal(t, syscall.SIGSTOP) }

// Thaw lets it go on.
func (m *Manager) Thaw(t testing.TB) { t.Helper(); m.signal(t, syscall.SIGCONT) }

func (m *Manager) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	pids := []int{m.PID}
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
