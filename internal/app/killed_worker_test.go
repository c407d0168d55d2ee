package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/kubetest"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
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
			targets: fmt.Sprintf("{name: host-%s, kind: ssh, site: %s, host: 127.0.0.1, port: %d, user: %s, host_key: %q, key: secret://file%s}", moment, site, s.Port, s.User, s.HostKey, key),
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
		pgtest.Eventually(t, 10*time.Second, func() string {
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
	"redis": func(t *testing.T, site, moment string) victim {
		r := redistest.Start(t, "tokyo")
		return victim{
			targets: fmt.Sprintf("{name: cache-%s, kind: redis, site: %s, host: 127.0.0.1, port: %d, password: secret://file%s}", moment, site, r.Port, redistest.PasswordFile(t)),
			step:    fmt.Sprintf(`uses: redis.fence, with: {server: cache-%s}`, moment),
			times: func() (n int) { // a fence is written to the server's file once
				_, _ = fmt.Sscanf(r.Info(t, "cmdstat_config|rewrite"), "calls=%d", &n)
				return n
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

// In every family of actions the worker of a site is killed with SIGKILL at its worst
// moments, between what it wrote down and what it did, and comes back: each run ends by
// itself, and each effect was had once.
func TestAKilledSiteWorkerDoesNothingTwice(t *testing.T) {
	for _, a := range all.Registry(all.Options{}).Actions() {
		name, _, _ := strings.Cut(a.ID, ".")
		if _, ok := killable[name]; !ok && a.Doc.Effect.Once() && name != "postgres" && name != "temporal" {
			t.Errorf("family %s has effects and no entry in this table", name)
		}
	}
	binary := filepath.Join(filepath.Dir(temporaltest.Binary(t)), "faults", "muster")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v; make faults", err)
	}
	estate := &strings.Builder{}
	sites, systems, files := "{name: osaka}", &strings.Builder{}, map[string]string{}
	all := map[string]victim{} // by site
	for name, make := range killable {
		for _, moment := range []string{"begun", "acted"} {
			site := name + "-" + moment
			v := make(t, site, moment)
			v.family = name
			all[site] = v
			sites += ", {name: " + site + "}"
			if v.targets != "" {
				fmt.Fprintf(estate, "  - %s\n", v.targets)
			}
			fmt.Fprintf(systems, "  - {name: %[1]s, home: osaka, alternate: %[1]s, drillable: [live], runbooks: {failover: %[1]s}}\n", site)
			files[site+"-runbook.yaml"] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - {id: %[1]s, at: %[1]s, retry: 1, timeout: 1m, %[2]s}\n", site, v.step)
			files[site+"-scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: %[1]s
title: A worker dies
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [%[1]s]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
fail_wait: 5s
`, site)
		}
	}
	files["estate.yaml"] = "kind: Estate\nname: test\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [" + sites + "]\ntargets:\n" + estate.String() + "systems:\n" + systems.String() +
		"people:\n  - {id: sato, name: Sato, roles: [commander]}\nmuster_places: [{name: online, title: Online, online: true}]\n"
	o, _ := options(t, plansDir(t, files))
	o.Config.Sites = []string{"osaka"}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Config.Gateway.Listen = ln.Addr().String()
	ln.Close()
	u := begin(t, o)

	var done sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	killed := &sync.Map{}
	defer done.Wait()
	defer cancel()
	for site := range all {
		_, moment, _ := strings.Cut(site, "-")
		dir := t.TempDir()
		cert, err := CertifySite(o, site, filepath.Join(dir, "certificate"), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		start := func(more ...string) *child.Process {
			p, err := child.Start("worker of "+site, filepath.Join(dir, "log"), binary, append(os.Environ(), more...), "worker", "--site", site, "--data", filepath.Join(dir, "data"),
				"--temporal-address", o.Config.Gateway.Listen, "--temporal-tls-ca-file", cert.CA, "--temporal-tls-cert-file", cert.Cert, "--temporal-tls-key-file", cert.Key)
			if err != nil {
				t.Error(err)
			}
			return p
		}
		p := start("MUSTER_FAULT=" + moment + ":" + site)
		done.Go(func() {
			select {
			case <-p.Done: // as a service manager does
				killed.Store(site, true)
				p = start()
				<-ctx.Done()
			case <-ctx.Done():
			}
			_ = p.End(context.WithoutCancel(ctx))
		})
	}
	runs := map[string]string{}
	for site := range all {
		started, err := u.Start(t.Context(), api.StartRequest{Scenario: site, Kind: run.Drill, By: "sato"})
		if err != nil {
			t.Fatal(err)
		}
		runs[site] = started.Run
	}
	for site, id := range runs {
		untilEnded(t, u, id)
		b, err := u.Report(t.Context(), id, "json", "en")
		if err != nil {
			t.Fatal(err)
		}
		var r report.Report
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		if _, ok := killed.Load(site); !ok {
			t.Errorf("%s: its worker was not killed", site)
		}
		for _, s := range r.Steps {
			want := run.ByObservation
			if strings.HasSuffix(site, "begun") {
				want = run.ByResult // it provably had not happened, and was done by the second order
			}
			if s.ID == site && (s.Outcome != run.Passed || s.SettledBy != want) {
				t.Errorf("%s: %s by %s (%s), want passed by %s", site, s.Outcome, s.SettledBy, s.Reason, want)
			}
		}
		if n := all[site].times(); n != 1 {
			t.Errorf("%s: the effect was had %d times", site, n)
		}
	}
}
