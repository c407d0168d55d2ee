package app

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/etcdtest"
	"github.com/muster-dr/muster/internal/kubetest"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/sshtest"
	"github.com/muster-dr/muster/internal/systemdtest"
)

// victim is a step of one family whose worker is killed, and how often its effect was had.
type victim struct {
	family  string
	targets string // of the estate, a flow mapping a line
	step    string // uses and with of the step, flow style
	times   func() int
}

// family makes a victim on real targets; the moment keeps those of two kills apart.
type family func(t *testing.T, site, moment string) victim

// lines counts a file's lines; 0 when it is not there.
func lines(file string) func() int {
	return func() int {
		b, _ := os.ReadFile(file)
		return strings.Count(string(b), "\n")
	}
}

// killable has an entry for every family with effects, so that a new one is not
// forgotten. Of postgres each action's own worst moments are in internal/demo; those of
// temporal, which no worker behind the gateway may use, in activities/temporal.
var killable = map[string]family{
	"exec": func(t *testing.T, _, _ string) victim {
		file := filepath.Join(t.TempDir(), "done")
		return victim{step: fmt.Sprintf(`uses: exec.run, with: {argv: [sh, -c, "echo done >> %[1]s"], look: [test, -s, %[1]q]}`, file), times: lines(file)}
	},
	"ssh": func(t *testing.T, site, moment string) victim {
		s := sshtest.Start(t)
		file, key := filepath.Join(t.TempDir(), "done"), filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(key, []byte(s.Key), 0o600); err != nil {
			t.Fatal(err)
		}
		return victim{
			targets: fmt.Sprintf("{name: host-%s, kind: ssh, site: %s, host: 127.0.0.1, port: %d, user: %s, host_key: %q, key: secret://file%s, connect_timeout: 1m}", moment, site, s.Port, s.User, s.HostKey, key),
			step:    fmt.Sprintf(`uses: ssh.run, with: {host: host-%s, argv: [sh, -c, "echo done >> %[2]s"], look: [test, -s, %[2]q]}`, moment, file),
			times:   lines(file),
		}
	},
	"http": func(t *testing.T, _, _ string) victim {
		var posts atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"posts": %d}`, posts.Load())
		}))
		t.Cleanup(s.Close)
		return victim{step: fmt.Sprintf(`uses: http.request, with: {url: "%[1]s", look: {url: "%[1]s", expect: json.posts > 0.0}}`, s.URL),
			times: func() int { return int(posts.Load()) }}
	},
	"sql": func(t *testing.T, site, moment string) victim {
		s := pgtest.StartPair(t).Tokyo
		s.Exec(t, "CREATE TABLE done (at timestamptz DEFAULT now())")
		return victim{targets: target(t, s, "db-"+moment, site),
			step:  fmt.Sprintf(`uses: sql.exec, with: {server: db-%s, statement: INSERT INTO done DEFAULT VALUES, look_sql: SELECT count(*) > 0 FROM done}`, moment),
			times: func() int { return pgtest.Value[int](t, s, "SELECT count(*) FROM done") }}
	},
	"pgbackup": func(t *testing.T, site, moment string) victim {
		s, dir := pgtest.StartPair(t).Tokyo, pgtest.Dir(t)
		for _, sub := range []string{"base", "wal", "area"} {
			if out, err := exec.Command("install", "-d", "-m", "0700", "-o", owner(), filepath.Join(dir, sub)).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		return victim{
			targets: target(t, s, "live-"+moment, site) + "\n  - " + fmt.Sprintf("{name: backups-%s, kind: pgbackups, site: %s, backups: %[3]s/base, wal: %[3]s/wal, area: %[3]s/area}", moment, site, dir),
			step:    fmt.Sprintf(`uses: pgbackup.take, with: {server: live-%[1]s, backups: backups-%[1]s}`, moment),
			times: func() int {
				found, _ := filepath.Glob(filepath.Join(dir, "base", "*", "backup_manifest"))
				return len(found)
			},
		}
	},
	"etcd": func(t *testing.T, site, moment string) victim {
		c, dir := etcdtest.Start(t, etcdtest.Options{}), t.TempDir()
		return victim{
			targets: fmt.Sprintf("{name: config-%s, kind: etcd, site: %s, endpoints: [%q]}", moment, site, c.URLs()[0]) + "\n  - " +
				fmt.Sprintf("{name: snapshots-%s, kind: etcd_snapshots, site: %s, folder: %s, area: %s}", moment, site, dir, t.TempDir()),
			step: fmt.Sprintf(`uses: etcd.snapshot, with: {cluster: config-%[1]s, snapshots: snapshots-%[1]s}`, moment),
			times: func() int {
				found, _ := filepath.Glob(filepath.Join(dir, "*.db"))
				return len(found)
			},
		}
	},
	"dns": func(t *testing.T, site, moment string) victim {
		primary, _ := dnstest.Start(t, 1)
		serial := func() uint32 {
			m := new(dns.Msg).SetQuestion(dnstest.Zone+".", dns.TypeSOA)
			in, err := dns.Exchange(m, primary.Address)
			if err != nil || len(in.Answer) == 0 {
				t.Fatalf("ask the name server: %v", err)
			}
			return in.Answer[0].(*dns.SOA).Serial
		}
		before := serial()
		secret := filepath.Join(t.TempDir(), "tsig")
		if err := os.WriteFile(secret, []byte(dnstest.Secret), 0o600); err != nil {
			t.Fatal(err)
		}
		return victim{
			targets: fmt.Sprintf("{name: zone-%s, kind: dns_zone, site: %s, zone: %s, primary: %q, key: %s, secret: secret://file%s}", moment, site, dnstest.Zone, primary.Address, dnstest.Key, secret),
			step:    fmt.Sprintf(`uses: dns.update, with: {zone: zone-%s, name: www, values: [192.0.2.9]}`, moment),
			times:   func() int { return int(serial() - before) },
		}
	},
	"haproxy": func(t *testing.T, site, moment string) victim {
		dir, err := os.MkdirTemp("", "muster-ha-") // short: a socket's path is limited
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "admin.sock")
		config := filepath.Join(dir, "haproxy.cfg")
		if err := os.WriteFile(config, []byte("global\n  stats socket "+socket+" mode 600 level admin\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 9s\n  timeout server 9s\nbackend orders\n  server tokyo 127.0.0.1:9\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/usr/sbin/haproxy", "-db", "-f", config)
		if err := cmd.Start(); err != nil {
			t.Fatalf("start haproxy (package haproxy): %v", err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		pgtest.Eventually(t, time.Minute, func() string {
			c, err := net.Dial("unix", socket)
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(c.Close())[:0]
		})
		return victim{
			targets: fmt.Sprintf("{name: edge-%s, kind: haproxy, site: %s, socket: %s}", moment, site, socket),
			step:    fmt.Sprintf(`uses: haproxy.set_state, with: {balancer: edge-%s, backend: orders, server: tokyo, state: maint}`, moment),
			times: func() int { // a state is had or not
				c, err := net.Dial("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = c.Write([]byte("show servers state orders\n"))
				b := make([]byte, 4096)
				n, _ := c.Read(b)
				fields := strings.Fields(strings.Split(string(b[:n]), "\n")[2])
				if fields[6] != "0" { // srv_admin_state
					return 1
				}
				return 0
			},
		}
	},
	"kubernetes": func(t *testing.T, site, moment string) victim {
		k := kubetest.Start(t)
		k.Deployment("shop", "orders", 3)
		config := filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(config, []byte(k.Kubeconfig(kubetest.Token)), 0o600); err != nil {
			t.Fatal(err)
		}
		return victim{
			targets: fmt.Sprintf("{name: cluster-%s, kind: kubernetes, site: %s, namespace: shop, kubeconfig: secret://file%s}", moment, site, config),
			step:    fmt.Sprintf(`uses: kubernetes.scale, with: {cluster: cluster-%s, name: orders, replicas: 5}`, moment),
			times:   func() int { _, done := k.Patches(); return done },
		}
	},
	"file": func(t *testing.T, _, _ string) victim {
		from, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
		if err := os.WriteFile(filepath.Join(from, "ledger"), []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return victim{step: fmt.Sprintf("uses: file.copy, with: {from: %s, to: %s}", from, to), times: lines(filepath.Join(to, "ledger"))} // it is copied or not
	},
	"process": func(t *testing.T, site, moment string) victim {
		dir := t.TempDir()
		pids := filepath.Join(dir, "pids")
		t.Cleanup(func() { // the programs outlive the worker
			b, _ := os.ReadFile(pids)
			for _, word := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(word); err == nil {
					_ = syscall.Kill(-pid, syscall.SIGKILL)
				}
			}
		})
		return victim{
			targets: fmt.Sprintf("{name: app-%s, kind: process, site: %s, state: %s, argv: [/bin/sh, -c, \"echo $$ >> %s; exec sleep 600\"]}", moment, site, dir, pids),
			step:    fmt.Sprintf("uses: process.start, with: {process: app-%s, steady: 100ms}", moment),
			times:   lines(pids),
		}
	},
	"systemd": func(t *testing.T, site, moment string) victim {
		m := systemdtest.Start(t)
		m.Unit(t, "orders.service", "[Service]\nExecStart=/bin/sleep 1000\n")
		running := m.Run(t, "orders.service")
		return victim{
			targets: fmt.Sprintf("{name: unit-%s, kind: unit, site: %s, unit: orders.service, bus: %q}", moment, site, m.Address),
			step:    fmt.Sprintf(`uses: systemd.restart, with: {unit: unit-%s, invocation: %q, steady: 100ms}`, moment, running),
			times:   func() int { return m.Starts(t, "orders.service") - 1 },
		}
	},
	"mysql": func(t *testing.T, site, moment string) victim {
		p := mysqltest.StartPair(t)
		p.Osaka.Exec(t, "STOP SLAVE")
		password := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(password, []byte(mysqltest.Password), 0o600); err != nil {
			t.Fatal(err)
		}
		entry := func(s *mysqltest.Server, name string) string {
			fields := s.Fields(password)
			fields["name"], fields["kind"], fields["site"] = name, "mysql", site
			return asJSON(fields)
		}
		return victim{
			targets: entry(p.Tokyo, "primary-"+moment) + "\n  - " + entry(p.Osaka, "replica-"+moment),
			step:    fmt.Sprintf(`uses: mysql.rejoin, with: {server: replica-%[1]s, follow: primary-%[1]s}`, moment),
			times: func() int { // a rejoin makes the server forget whom it followed before
				return mysqltest.Value[int](t, p.Osaka, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'com_reset'")
			},
		}
	},
	"redis": func(t *testing.T, site, moment string) victim {
		r := redistest.Start(t, "tokyo")
		return victim{
			targets: fmt.Sprintf("{name: cache-%s, kind: redis, site: %s, host: 127.0.0.1, port: %d, password: secret://file%s}", moment, site, r.Port, redistest.PasswordFile(t)),
			step:    fmt.Sprintf(`uses: redis.fence, with: {server: cache-%s}`, moment),
			times: func() (n int) { // a fence is written to the server's file once
				_, _ = fmt.Sscanf(r.Info(t, "cmdstat_config|rewrite"), "calls=%d", &n)
				return n
			},
		}
	},
	"sim": func(t *testing.T, _, _ string) victim {
		dir := t.TempDir()
		return victim{step: fmt.Sprintf("uses: sim.step, with: {dir: %s}", dir), times: func() int {
			found, _ := filepath.Glob(filepath.Join(dir, "*.done"))
			if len(found) != 1 {
				return len(found)
			}
			return lines(found[0])()
		}}
	},
}

func owner() string {
	if os.Geteuid() == 0 {
		return "postgres"
	}
	return fmt.Sprint(os.Geteuid())
}

// target is a server as an entry of the estate.
func target(t *testing.T, s *pgtest.Server, name, site string) string {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(s.Target.Spec.Password.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("{name: %s, kind: postgres, site: %s, host: 127.0.0.1, port: %d, sslmode: disable, password: secret://file%s}", name, site, s.Target.Spec.Port, password)
}
