// Package ownsystemd runs a real systemd beside the machine's own, or where it has none: a user manager in namespaces, with a
// bus and a journal of its own. It ends with whoever began it, and everything that it started with it.
package ownsystemd

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"

	"github.com/muster-dr/muster/internal/plan"
)

//go:embed manager.sh
var script []byte

// Manager is a running systemd.
type Manager struct {
	Address string // of its bus
	Journal string // folder
	Dir     string // of its units, its log and whatever else it has
	PID     int    // of what started it

	bus  *dbus.Conn
	cmd  *exec.Cmd
	life io.Closer
	said *bytes.Buffer
}

// units are what the manager itself needs; it knows no others.
var units = map[string]string{
	"muster.target": "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket dbus.service\n",
	"dbus.socket":   "[Socket]\nListenStream=%t/bus\n",
	"dbus.service":  "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\nExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation\n",
	"basic.target":  "", "sockets.target": "", "timers.target": "", "paths.target": "", "shutdown.target": "",
}

// answersWithin is how long it is given to answer.
const answersWithin = 30 * time.Second

// Start starts systemd and waits until it answers.
func Start(ctx context.Context) (_ *Manager, err error) {
	dir, err := os.MkdirTemp("", "muster-sd-") // short: a socket's path is limited
	if err != nil {
		return nil, err
	}
	m := &Manager{Dir: dir, Address: "unix:path=" + filepath.Join(dir, "run", "bus"), Journal: filepath.Join(dir, "journal"), said: &bytes.Buffer{}}
	defer func() {
		if err != nil {
			_ = m.Close()
		}
	}()
	for _, sub := range []string{"run", "units", "config", "journal"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	for name, text := range units {
		if text == "" {
			text = "[Unit]\nDefaultDependencies=no\n"
		}
		if err := m.write(name, text); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(dir, "manager.sh")
	if err := os.WriteFile(path, script, 0o700); err != nil {
		return nil, err
	}
	argv := []string{"sh", path, dir, strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid())}
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	m.cmd = exec.Command(argv[0], argv[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = m.said, m.said
	if m.life, err = m.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		m.cmd = nil
		return nil, lacking(err.Error())
	}
	m.PID = m.cmd.Process.Pid
	for deadline := time.Now().Add(answersWithin); ; {
		m.bus, err = dbus.NewConnection(m.dial)
		if err == nil {
			if _, err = m.bus.SystemStateContext(ctx); err == nil {
				return m, nil
			}
			m.bus.Close()
			m.bus = nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return nil, lacking(fmt.Sprintf("%v\n%s\n%s", err, m.end(), log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func lacking(why string) error {
	return plan.Wrong("a systemd of its own can't be had here (packages systemd, dbus and util-linux; as root, or with sudo that asks for no password): %s",
		"専用のsystemdを起動できません（パッケージ systemd・dbus・util-linux と、root 権限またはパスワード不要の sudo が必要）：%s", strings.TrimSpace(why))
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

func (m *Manager) write(name, text string) error {
	return os.WriteFile(filepath.Join(m.Dir, "units", name), []byte(text), 0o600)
}

// Unit gives systemd a unit, which it loads.
func (m *Manager) Unit(ctx context.Context, name, text string) error {
	if err := m.write(name, text); err != nil {
		return err
	}
	return m.bus.ReloadContext(ctx)
}

// Run starts a unit, as somebody else than muster would, and returns its invocation.
func (m *Manager) Run(ctx context.Context, unit string) (string, error) {
	done := make(chan string, 1)
	if _, err := m.bus.StartUnitContext(ctx, unit, "replace", done); err != nil {
		return "", err
	}
	select {
	case how := <-done:
		if how != "done" {
			return "", fmt.Errorf("the start of %s: %s", unit, how)
		}
	case <-ctx.Done():
		return "", fmt.Errorf("the start of %s: %w", unit, ctx.Err())
	}
	p, err := m.bus.GetUnitPropertyContext(ctx, unit, "InvocationID")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", p.Value.Value()), nil
}

// Bus is a connection of the owner's, to be somebody else with.
func (m *Manager) Bus() *dbus.Conn { return m.bus }

// Starts is how often a service was started in all: by hand and by Restart=.
func (m *Manager) Starts(unit string) (int, error) {
	out, err := exec.Command("journalctl", "--directory", m.Journal, "--quiet", "--output", "cat", "USER_UNIT="+unit, "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf").Output()
	if err != nil {
		return 0, fmt.Errorf("systemd's journal: %w", err)
	}
	return strings.Count(string(out), "\n"), nil
}

// end ends systemd and everything that it started, and returns what was said meanwhile.
func (m *Manager) end() string {
	if m.cmd == nil {
		return ""
	}
	_ = m.life.Close()
	err := m.cmd.Wait()
	m.cmd = nil
	if err != nil {
		return fmt.Sprintf("%v: %s", err, m.said.Bytes())
	}
	return ""
}

// Close ends it.
func (m *Manager) Close() error {
	if m.bus != nil {
		m.bus.Close()
		m.bus = nil
	}
	why := m.end()
	if err := os.RemoveAll(m.Dir); err != nil {
		return err
	}
	if why != "" {
		return fmt.Errorf("the end of the systemd of its own: %s", why)
	}
	return nil
}
