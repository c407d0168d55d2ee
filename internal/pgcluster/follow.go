package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/wholefile"
)

// Upstream is the server that a standby follows.
type Upstream struct {
	Host     string
	Port     int
	User     string
	Password string
	Slot     string
	// Encryption is what the connection string says of it; "" is libpq's default.
	Encryption string
}

// settingsFile is the file of settings that muster keeps for a server, beside its
// configuration file and read by it last.
func (i *Instance) settingsFile() string { return filepath.Join(filepath.Dir(i.Config), "muster.conf") }

// Follow makes the server a standby of up at its next start: the connection goes
// into muster's own settings file outside the data directory, settings of the same
// name are taken out of postgresql.auto.conf, which would win over it, and last
// standby.signal is written. The server must be down, or be a primary that is about
// to be stopped. Doing it twice is doing it once.
func (i *Instance) Follow(up Upstream) error {
	if err := i.ConfigOutside(); err != nil {
		return err
	}
	home := filepath.Dir(i.Config)
	info := fmt.Sprintf("host=%s port=%d user=%s application_name=%s connect_timeout=5 keepalives_idle=5 keepalives_interval=2 keepalives_count=3",
		libpq(up.Host), up.Port, libpq(up.User), libpq(i.Name))
	if up.Encryption != "" {
		info += " " + up.Encryption
	}
	if up.Password != "" {
		pass := filepath.Join(home, "muster.pgpass")
		if err := i.write(pass, fmt.Sprintf("*:*:*:*:%s\n", strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(up.Password))); err != nil {
			return err
		}
		info += " passfile=" + libpq(pass)
	}
	text := "# Kept by muster: whom this server follows when it is a standby.\n" +
		"primary_conninfo = " + quote(info) + "\nprimary_slot_name = " + quote(up.Slot) + "\nrecovery_target_timeline = 'latest'\n"
	if err := i.write(i.settingsFile(), text); err != nil {
		return err
	}
	if err := i.include(); err != nil {
		return err
	}
	if err := i.cleanAutoConf(); err != nil {
		return err
	}
	return i.SignalStandby()
}

// SignalStandby makes every later start of the server a read-only one.
func (i *Instance) SignalStandby() error {
	return i.write(filepath.Join(i.Data, "standby.signal"), "")
}

// StandbySignalled reports whether a start of the server would be a read-only one.
func (i *Instance) StandbySignalled() (bool, error) {
	_, err := os.Stat(filepath.Join(i.Data, "standby.signal"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ClearStandby lets the server start as a primary again.
func (i *Instance) ClearStandby() error {
	if err := os.Remove(filepath.Join(i.Data, "standby.signal")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return wholefile.SyncDir(i.Data)
}

// ConfigOutside returns an error when the configuration file lies where pg_rewind
// and pg_basebackup overwrite it.
func (i *Instance) ConfigOutside() error {
	if i.Config == "" {
		return fmt.Errorf("server %s: config is not set; name its postgresql.conf, kept outside the data directory %s", i.Name, i.Data)
	}
	data, err := i.RealData()
	if err != nil {
		return err
	}
	config, err := filepath.EvalSymlinks(i.Config)
	if err != nil {
		return fmt.Errorf("server %s: config: %w", i.Name, err)
	}
	if rel, err := filepath.Rel(data, config); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
		return fmt.Errorf("server %s: config %s lies in the data directory, where a rewind or a rebuild overwrites it; move it out and start the server with -c config_file", i.Name, i.Config)
	}
	return nil
}

// include makes the main configuration file read muster's settings, last.
func (i *Instance) include() error {
	line := "include_if_exists = " + quote(i.settingsFile())
	b, err := os.ReadFile(i.Config)
	if err != nil {
		return err
	}
	if strings.Contains(string(b), line+"\n") {
		return nil
	}
	text := string(b)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return i.write(i.Config, text+line+"\n")
}

// cleanAutoConf takes whom to follow out of postgresql.auto.conf. A rewind and a
// rebuild bring the source's copy of that file, which may name this very server.
func (i *Instance) cleanAutoConf() error {
	file := filepath.Join(i.Data, "postgresql.auto.conf")
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(b)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "primary_conninfo", "primary_slot_name", "recovery_target_timeline":
		default:
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(b) {
		return nil
	}
	return i.write(file, kept.String())
}

// write replaces a file of the server's, whole and on disk before it returns, owned
// by the service user (or by whom it belonged to before) and readable by it alone
// unless it was more open.
func (i *Instance) write(path, text string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0o600)
	old, err := os.Stat(path)
	if err == nil {
		mode = old.Mode().Perm()
	}
	tmp := path + ".muster-new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		if st, ok := sysStat(old); ok && os.Geteuid() == 0 {
			err = os.Chown(tmp, int(st.Uid), int(st.Gid))
		} else {
			err = i.Own(tmp)
		}
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return wholefile.SyncDir(filepath.Dir(path))
}

// Keep writes a small file of muster's own beside the server's configuration, where
// neither a rewind nor a rebuild of the data directory reaches it; on disk before it
// returns.
func (i *Instance) Keep(name string, text []byte) error {
	return i.write(filepath.Join(filepath.Dir(i.Config), name), string(text))
}

// Kept reads such a file; nil when there is none.
func (i *Instance) Kept(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(i.Config), name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Drop removes such a file.
func (i *Instance) Drop(name string) error {
	if err := os.Remove(filepath.Join(filepath.Dir(i.Config), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return wholefile.SyncDir(filepath.Dir(i.Config))
}

func sysStat(st os.FileInfo) (*syscall.Stat_t, bool) {
	if st == nil {
		return nil, false
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	return s, ok
}

// mayPass reports whether c may pass a directory.
func mayPass(st os.FileInfo, c *syscall.Credential) bool {
	s, ok := sysStat(st)
	if !ok {
		return true
	}
	perm := st.Mode().Perm()
	if s.Uid == c.Uid {
		return perm&0o100 != 0
	}
	if s.Gid == c.Gid {
		return perm&0o010 != 0
	}
	for _, g := range c.Groups {
		if s.Gid == g {
			return perm&0o010 != 0
		}
	}
	return perm&0o001 != 0
}

// quote is a value as PostgreSQL's configuration files hold it.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

// libpq is a value as a connection string holds it.
func libpq(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// OwnDir makes a directory of the service user's, closed to others.
func (i *Instance) OwnDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return i.Own(path)
}
