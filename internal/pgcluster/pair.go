package pgcluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/serviceuser"

	"github.com/muster-dr/muster/internal/freeport"
)

// Options of a pair. The zero value of a field means what its comment says.
type Options struct {
	Dir          string // must be empty or not exist; the pair lives in it
	Bin          string // "" is FindBin
	RunAs        string // "" is this user, or "postgres" when this process is root
	PrimaryPort  int    // 0 is a free one
	StandbyPort  int    // 0 is a free one
	PrimaryName  string // "" is "tokyo"
	StandbyName  string // "" is "osaka"
	PrimarySlot  string // slot the primary will use when it follows the other; "" is SlotName(name)
	StandbySlot  string // slot the standby uses; "" is SlotName(name)
	Password     string // of the superuser "postgres"; "" makes one up
	WALSegmentMB int    // 0 is the server's default, 16
	// Settings are more server settings, or other values for the pair's own.
	Settings map[string]string
	// Rules are the lines of pg_hba.conf; "" lets everybody with a password in, from this host.
	Rules string
}

// Pair is a primary and its streaming standby, on loopback addresses.
type Pair struct {
	Dir      string
	Primary  *Instance
	Standby  *Instance
	User     string // superuser
	Password string
	// PasswordFile holds the password, readable by its owner only.
	PasswordFile string
}

// SlotName is the replication slot that a server of that name uses by default on the
// server it follows.
func SlotName(name string) string {
	var b strings.Builder
	b.WriteString("muster_")
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Create makes a pair and starts both servers: checksums and wal_log_hints on, so
// that pg_rewind works, a physical slot for the standby, and every configuration
// file outside the data directories. On an error nothing keeps running; what lies in
// Dir is left for inspection.
func Create(ctx context.Context, o Options) (*Pair, error) {
	p, err := Locate(o)
	if err != nil {
		return nil, err
	}
	if left, err := os.ReadDir(p.Dir); err == nil && len(left) > 0 { // maybe a running pair: it is not ours to end
		return nil, fmt.Errorf("create PostgreSQL pair in %s: the directory is not empty; name another one or remove it", p.Dir)
	}
	if err := p.create(ctx, o); err != nil {
		_, _ = p.Primary.Kill(context.WithoutCancel(ctx))
		_, _ = p.Standby.Kill(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("create PostgreSQL pair in %s: %w", p.Dir, err)
	}
	return p, nil
}

// Locate describes the pair that Create made with the same options, without starting
// anything. With ports of 0 it describes a pair yet to be made.
func Locate(o Options) (*Pair, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.Bin == "" {
		if o.Bin, err = FindBin(); err != nil {
			return nil, err
		}
	}
	if o.RunAs == "" && os.Geteuid() == 0 {
		o.RunAs = "postgres"
	}
	if _, err := serviceuser.Credential(o.RunAs); err != nil {
		return nil, err
	}
	for _, port := range []*int{&o.PrimaryPort, &o.StandbyPort} {
		if *port == 0 {
			if *port, err = freeport.Get(); err != nil {
				return nil, err
			}
		}
	}
	p := &Pair{Dir: dir, User: "postgres", Password: o.Password, PasswordFile: filepath.Join(dir, "password")}
	if b, err := os.ReadFile(p.PasswordFile); p.Password == "" && err == nil {
		p.Password = strings.TrimSpace(string(b))
	}
	if p.Password == "" {
		p.Password = rand.Text()
	}
	p.Primary = place(dir, or(o.PrimaryName, "tokyo"), o.PrimaryPort, o)
	p.Standby = place(dir, or(o.StandbyName, "osaka"), o.StandbyPort, o)
	return p, nil
}

func place(dir, name string, port int, o Options) *Instance {
	home := filepath.Join(dir, name)
	return &Instance{Name: name, Data: filepath.Join(home, "data"), Config: filepath.Join(home, "postgresql.conf"),
		Log: filepath.Join(home, "server.log"), Bin: o.Bin, RunAs: o.RunAs, Host: "127.0.0.1", Port: port}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (p *Pair) create(ctx context.Context, o Options) error {
	if err := p.initialise(ctx, o, p.Primary, p.Standby); err != nil {
		return err
	}
	env := []string{"PGPASSWORD=" + p.Password}
	slot := or(o.StandbySlot, SlotName(p.Standby.Name))
	if _, err := p.Standby.Run(ctx, env, "pg_basebackup", "-D", p.Standby.Data, "-h", p.Primary.Host, "-p", fmt.Sprint(p.Primary.Port),
		"-U", p.User, "--wal-method=stream", "--checkpoint=fast", "--create-slot", "--slot="+slot, "--no-sync", "--no-password"); err != nil {
		return err
	}
	if err := p.Standby.Follow(Upstream{Host: p.Primary.Host, Port: p.Primary.Port, User: p.User, Password: p.Password, Slot: slot}); err != nil {
		return err
	}
	return p.Standby.Start(ctx)
}

// initialise configures servers and starts the primary.
func (p *Pair) initialise(ctx context.Context, o Options, servers ...*Instance) error {
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return err
	}
	if err := p.Primary.Own(p.Dir); err != nil {
		return err
	}
	if err := p.Primary.reachable(p.Dir); err != nil {
		return err
	}
	for _, i := range servers {
		l, err := net.Listen("tcp", net.JoinHostPort(i.Host, fmt.Sprint(i.Port)))
		if err != nil {
			return fmt.Errorf("port %d, meant for %s, can't be had (%w); name another one", i.Port, i.Name, err)
		}
		l.Close()
	}
	if err := p.Primary.write(p.PasswordFile, p.Password+"\n"); err != nil {
		return err
	}
	for _, i := range servers {
		home := filepath.Dir(i.Config)
		if err := os.Mkdir(home, 0o700); err != nil {
			return err
		}
		if err := i.Own(home); err != nil {
			return err
		}
		if err := i.configure(o.Settings, o.Rules); err != nil {
			return err
		}
	}
	args := []string{"-D", p.Primary.Data, "-U", p.User, "--pwfile", p.PasswordFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-sync", "--no-instructions"}
	if o.WALSegmentMB > 0 {
		args = append(args, fmt.Sprintf("--wal-segsize=%d", o.WALSegmentMB))
	}
	if _, err := p.Primary.Run(ctx, nil, "initdb", args...); err != nil {
		return err
	}
	return p.Primary.Start(ctx)
}

// configure writes the server's configuration files.
func (i *Instance) configure(more map[string]string, rules string) error {
	home := filepath.Dir(i.Config)
	hba := filepath.Join(home, "pg_hba.conf")
	settings := [][2]string{
		{"listen_addresses", i.Host}, {"port", fmt.Sprint(i.Port)}, {"unix_socket_directories", ""},
		{"hba_file", hba}, {"ident_file", filepath.Join(home, "pg_ident.conf")},
		{"wal_level", "replica"}, {"wal_log_hints", "on"}, {"hot_standby", "on"}, {"max_wal_senders", "10"},
		{"max_replication_slots", "10"}, {"max_connections", "50"}, {"shared_buffers", "32MB"},
		{"wal_retrieve_retry_interval", "200ms"}, {"wal_receiver_status_interval", "1s"}, {"tcp_keepalives_idle", "10"},
		{"log_line_prefix", "%m [%p] "}, {"log_timezone", "UTC"}, {"timezone", "UTC"}, {"cluster_name", i.Name},
	}
	var b strings.Builder
	b.WriteString("# Written by muster when this server was made.\n")
	for _, s := range settings {
		if v, ok := more[s[0]]; ok {
			s[1] = v
		}
		fmt.Fprintf(&b, "%s = %s\n", s[0], quote(s[1]))
	}
	for _, k := range slices.Sorted(maps.Keys(more)) {
		if !strings.Contains(b.String(), "\n"+k+" = ") {
			fmt.Fprintf(&b, "%s = %s\n", k, quote(more[k]))
		}
	}
	if err := i.write(i.Config, b.String()); err != nil {
		return err
	}
	if rules == "" {
		rules = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
	}
	if err := i.write(hba, rules); err != nil {
		return err
	}
	return i.write(filepath.Join(home, "pg_ident.conf"), "")
}

// reachable finds the directory on the way to dir that keeps the service user out,
// which the server's own programs only call "Permission denied".
func (i *Instance) reachable(dir string) error {
	c, err := serviceuser.Credential(i.RunAs)
	if err != nil || c == nil {
		return err
	}
	u, err := user.LookupId(fmt.Sprint(c.Uid))
	if err != nil {
		return err
	}
	for d := filepath.Dir(dir); d != "/"; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil {
			return err
		}
		if !mayPass(st, c) {
			return fmt.Errorf("user %s, as whom PostgreSQL runs, may not pass %s (mode %s): choose a directory that it can reach, or chmod o+x %s",
				u.Username, d, st.Mode().Perm(), d)
		}
	}
	return nil
}

// Stop ends both servers cleanly, the primary first so that the standby gets all.
// A server that does not obey before ctx ends is killed.
func (p *Pair) Stop(ctx context.Context) error {
	var errs []error
	for _, i := range []*Instance{p.Primary, p.Standby} {
		if _, err := os.Stat(i.Data); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := i.Stop(ctx, Fast); err != nil {
			_, err = i.Kill(context.WithoutCancel(ctx))
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
