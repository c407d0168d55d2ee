package all_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/policy"
	"github.com/muster-dr/muster/internal/run"
)

// withoutReach are the actions that reach nothing beyond the worker itself.
var withoutReach = []string{"notify.send", "probe.engine", "wait.duration"} // probe.engine asks the engine that the worker is connected to anyway

// A worker's policy can hold only what is declared: an action that reaches hosts or files
// says so by tags (see activities.Reacher), and has a row in the table below.
func TestEveryActionDeclaresItsReach(t *testing.T) {
	for _, a := range all.Registry(all.Options{}).Actions() {
		if !a.Doc.Human && !a.Reaches() && !slices.Contains(withoutReach, a.ID) {
			t.Errorf("%s declares no hosts and paths that it reaches: give the fields of its parameters and its target the tag reach, or name it in withoutReach", a.ID)
		}
		family, _, _ := strings.Cut(a.ID, ".")
		if !a.Doc.Human && !slices.Contains(withoutReach, a.ID) && !slices.ContainsFunc(outside("h:1", "/p"), func(c reaching) bool { return strings.HasPrefix(c.uses, family+".") }) {
			t.Errorf("family %s has no row in the table of TestWhatAPolicyLeavesOutIsNotReached", family)
		}
	}
}

// reaching is a call that reaches one thing outside of what the policy allows.
type reaching struct{ uses, with, kind, spec string }

// outside is such a call of each family; a target in it is called t, and r is a Redis
// server that is allowed.
func outside(address, path string) []reaching {
	host, port, _ := net.SplitHostPort(address)
	postgres := fmt.Sprintf(`{"host": %q, "port": %s}`, host, port)
	server := postgres // MySQL's and Redis' are told alike
	mail := func(server, mailbox, resolver, file string) string {
		return fmt.Sprintf(`{"to": "p@example.com", "server": %q, "mailbox": %q, "user": "u", "password": "secret://env/MUSTER_TEST_KUBECONFIG", "resolver": %q, "ca_file": %q}`, server, mailbox, resolver, file)
	}
	kubeconfig := `{"kubeconfig": "secret://env/MUSTER_TEST_KUBECONFIG"}`
	return []reaching{
		{"dns.update", `{"zone": "t", "name": "www", "values": ["192.0.2.1"]}`, "dns_zone", fmt.Sprintf(`{"zone": "example.com", "primary": %q}`, address)},
		{"dns.update", `{"zone": "t", "name": "www", "values": ["192.0.2.1"]}`, "dns_zone", fmt.Sprintf(`{"zone": "example.com", "primary": "192.0.2.1:53", "servers": [%q]}`, address)},
		{"dns.wait", fmt.Sprintf(`{"zone": "t", "name": "www", "values": ["192.0.2.1"], "resolvers": [%q]}`, address), "dns_zone", `{"zone": "example.com", "primary": "192.0.2.1:53"}`},
		{"etcd.status", `{"cluster": "t"}`, "etcd", fmt.Sprintf(`{"endpoints": ["http://192.0.2.1:2379", "http://%s"]}`, address)},
		{"etcd.status", `{"cluster": "t"}`, "etcd", fmt.Sprintf(`{"endpoints": [%q]}`, address)},
		{"etcd.status", `{"cluster": "t"}`, "etcd", fmt.Sprintf(`{"endpoints": ["unix://%s"]}`, path)},
		{"etcd.status", `{"cluster": "t"}`, "etcd", `{"endpoints": ["no address"]}`},
		{"etcd.move_leader", `{"cluster": "t", "to": "m"}`, "etcd", fmt.Sprintf(`{"endpoints": ["https://192.0.2.1:2379"], "ca": %q}`, path)},
		{"etcd.restore", `{"snapshots": "t"}`, "etcd_snapshots", fmt.Sprintf(`{"folder": %q, "area": "ALLOWED"}`, path)},
		{"etcd.discard", `{"snapshots": "t"}`, "etcd_snapshots", fmt.Sprintf(`{"folder": "ALLOWED", "area": %q}`, path)},
		{"exec.run", fmt.Sprintf(`{"argv": [%q]}`, path), "", ""},
		{"exec.run", fmt.Sprintf(`{"argv": ["./run"], "dir": %q}`, filepath.Dir(path)), "", ""},
		{"exec.run", fmt.Sprintf(`{"argv": ["${{ run.id == 'r' ? '%s' : '' }}"]}`, path), "", ""},
		{"exec.check", `{"argv": ["sh", "-c", "true"]}`, "", ""},
		{"file.copy", fmt.Sprintf(`{"from": %q, "to": "ALLOWED/copy"}`, path), "", ""},
		{"file.copy", fmt.Sprintf(`{"from": "ALLOWED/x", "to": "ALLOWED/../..%s"}`, path), "", ""},
		{"file.discard", fmt.Sprintf(`{"into": %q}`, path), "", ""},
		{"file.manifest", fmt.Sprintf(`{"tree": "ALLOWED", "to": %q}`, path), "", ""},
		{"file.restore", fmt.Sprintf(`{"archive": %q, "into": "ALLOWED/x"}`, path), "", ""},
		{"file.verify", fmt.Sprintf(`{"tree": "ALLOWED", "manifest": %q}`, path), "", ""},
		{"haproxy.set_state", `{"balancer": "t", "backend": "b", "server": "s", "state": "maint"}`, "haproxy", fmt.Sprintf(`{"socket": %q}`, address)},
		{"haproxy.set_state", `{"balancer": "t", "backend": "b", "server": "s", "state": "maint"}`, "haproxy", fmt.Sprintf(`{"socket": %q}`, path)},
		{"http.request", fmt.Sprintf(`{"url": "http://%s/x"}`, address), "", ""},
		{"http.request", fmt.Sprintf(`{"url": "http://192.0.2.1/x", "look": {"url": "http://%s/x"}}`, address), "", ""},
		{"http.check", fmt.Sprintf(`{"url": "https://192.0.2.1/x", "ca_file": %q}`, path), "", ""},
		{"http.check", `{"url": "/no/address"}`, "", ""},
		{"kubernetes.scale", `{"cluster": "t", "kind": "deployment", "name": "x", "replicas": 0}`, "kubernetes", kubeconfig},
		{"mysql.promote", `{"server": "t"}`, "mysql", server},
		{"mysql.status", `{"server": "t"}`, "mysql", fmt.Sprintf(`{"host": %q}`, path)},
		{"mysql.fence", `{"server": "t"}`, "mysql", fmt.Sprintf(`{"host": "192.0.2.1", "data": "ALLOWED", "config": "%s/x.cnf"}`, path)},
		{"mysql.stop", `{"server": "t"}`, "mysql", fmt.Sprintf(`{"host": "192.0.2.1", "stop": [%q, "stop"]}`, path)},
		{"mysql.find_dump", `{"dumps": "t"}`, "mysqldumps", fmt.Sprintf(`{"dumps": %q, "area": "ALLOWED"}`, path)},
		{"mysql.restore_dump", `{"dumps": "t"}`, "mysqldumps", fmt.Sprintf(`{"dumps": "ALLOWED", "area": %q}`, path)},
		{"pgbackup.find", `{"backups": "t"}`, "pgbackups", fmt.Sprintf(`{"backups": %q, "area": "ALLOWED"}`, path)},
		{"pgbackup.restore", `{"backups": "t"}`, "pgbackups", fmt.Sprintf(`{"backups": "ALLOWED", "area": %q}`, path)},
		{"postgres.promote", `{"server": "t"}`, "postgres", postgres},
		{"postgres.stop", `{"server": "t"}`, "postgres", fmt.Sprintf(`{"host": "192.0.2.1", "data": %q}`, path)},
		{"probe.http", fmt.Sprintf(`{"url": "http://%s/"}`, address), "", ""},
		{"probe.tcp", fmt.Sprintf(`{"address": %q}`, address), "", ""},
		{"probe.mail", mail(address, "192.0.2.1:993", "", ""), "", ""},
		{"probe.mail", mail("192.0.2.1:25", address, "", ""), "", ""},
		{"probe.mail", mail("", "192.0.2.1:993", address, ""), "", ""},
		{"probe.mail", mail("192.0.2.1:25", "192.0.2.1:993", "", path), "", ""},
		{"probe.mysql_markers", `{"servers": ["t"]}`, "mysql", server},
		{"probe.redis_markers", `{"servers": ["t"]}`, "redis", server},
		{"probe.sql", `{"servers": ["t"]}`, "postgres", postgres},
		{"process.start", `{"process": "t"}`, "process", fmt.Sprintf(`{"argv": [%q], "state": "ALLOWED"}`, path)},
		{"process.stop", `{"process": "t"}`, "process", fmt.Sprintf(`{"pid_file": %q, "executable": "ALLOWED/x", "state": "ALLOWED"}`, path)},
		{"prometheus.query", fmt.Sprintf(`{"url": "http://%s", "query": "up"}`, address), "", ""},
		{"redis.promote", `{"server": "t"}`, "redis", server},
		{"redis.status", `{"server": "t"}`, "redis", fmt.Sprintf(`{"host": "192.0.2.1", "tls": true, "ca": %q}`, path)},
		{"redis.fence", `{"server": "t"}`, "redis", fmt.Sprintf(`{"host": "192.0.2.1", "config": %q}`, path)},
		{"redis.wait_failover", `{"sentinel": "t", "from": "r", "servers": ["r"]}`, "sentinel", fmt.Sprintf(`{"addresses": ["192.0.2.1:26379", %q], "master": "m"}`, address)},
		{"probe.redis_markers", `{"servers": ["r"], "sentinel": "t"}`, "sentinel", fmt.Sprintf(`{"addresses": [%q], "master": "m"}`, address)},
		{"sim.step", fmt.Sprintf(`{"dir": %q}`, path), "", ""},
		{"sim.break", `{"service": "t"}`, "sim", fmt.Sprintf(`{"dir": %q}`, path)},
		{"sql.exec", `{"server": "t", "statement": "SELECT 1"}`, "postgres", postgres},
		{"ssh.run", `{"host": "t", "argv": ["true"]}`, "ssh", fmt.Sprintf(`{"host": %q, "port": %s, "user": "u", "host_key": "k"}`, host, port)},
		{"ssh.copy", fmt.Sprintf(`{"host": "t", "from": %q, "to": "/x"}`, path), "ssh", `{"host": "192.0.2.1", "user": "u", "host_key": "k"}`},
		{"systemd.stop", `{"unit": "t"}`, "unit", fmt.Sprintf(`{"unit": "x.service", "bus": "unix:path=%s"}`, path)},
		{"systemd.status", `{"unit": "t"}`, "unit", `{"unit": "x.service", "bus": "unixexec:path=/bin/sh"}`},
		{"systemd.status", `{"unit": "t"}`, "unit", fmt.Sprintf(`{"unit": "x.service", "bus": "unix:path=ALLOWED/bus", "journal": %q}`, path)},
		{"exec.check", `{"argv": ["ALLOWED/x"], "env": {"LD_PRELOAD": "/lib/x.so"}}`, "", ""},
		{"exec.check", `{"argv": ["ALLOWED/x"], "secret_env": {"BASH_ENV": "secret://env/MUSTER_TEST_KUBECONFIG"}}`, "", ""},
		{"exec.check", fmt.Sprintf(`{"argv": ["ALLOWED/x"], "secret_env": {"ORDERS": "secret://file%s"}}`, path), "", ""},
		{"exec.run", fmt.Sprintf(`{"argv": ["ALLOWED/x"], "dir": "ALLOWED", "look": ["../%s"]}`, filepath.Base(filepath.Dir(path))), "", ""},
		{"process.start", `{"process": "t"}`, "process", `{"argv": ["ALLOWED/x"], "env": {"PATH": "/x"}, "state": "ALLOWED"}`},
		{"temporal.activity", `{"task_queue": "payroll", "activity": "pay", "effect": "observe"}`, "", ""},
		{"tcp.check", fmt.Sprintf(`{"address": %q}`, address), "", ""},
		{"wait.for_http", fmt.Sprintf(`{"url": "http://%s/x", "within": "1s"}`, address), "", ""},
		{"wait.for_tcp", fmt.Sprintf(`{"address": %q, "within": "1s"}`, address), "", ""},
	}
}

// An address or a file that the worker's policy leaves out is refused by act, look and
// readiness check, whatever the plan says: nothing connects and no file appears.
func TestWhatAPolicyLeavesOutIsNotReached(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var reached atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			_ = c.Close()
		}
	}()
	allowed, forbidden := t.TempDir(), filepath.Join(t.TempDir(), "x")
	t.Setenv("MUSTER_TEST_KUBECONFIG", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
		"clusters": [{"name": "c", "cluster": {"server": "http://%s"}}], "users": [{"name": "u", "user": {}}]}`, listener.Addr()))

	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "kind: Policy\nallow: [{actions: [\"*\"], hosts: [192.0.2.0/24], paths: [%s], env: [ORDERS], queues: [orders]}]\n", allowed), 0o600); err != nil {
		t.Fatal(err)
	}
	registry := all.Registry(all.Options{})
	var ids []string
	for _, a := range registry.Actions() {
		ids = append(ids, a.ID)
	}
	rules, err := policy.Load(file, ids)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	registry.Register(env, activities.Site{Name: "osaka", Ledger: l, Policy: rules})

	for i, c := range outside(listener.Addr().String(), forbidden) {
		fill := func(s string) json.RawMessage { return json.RawMessage(strings.ReplaceAll(s, "ALLOWED", allowed)) }
		var targets []plan.Target
		if c.kind != "" {
			targets = []plan.Target{{Name: "t", Kind: c.kind, Site: "osaka", Spec: fill(c.spec)}, {Name: "r", Kind: "redis", Site: "osaka", Spec: fill(`{"host": "192.0.2.1"}`)}}
		}
		call := plan.Call{Run: "r", Kind: run.Drill, Depth: run.Live, Step: "s", Uses: c.uses, Generation: 1, EffectKey: fmt.Sprint("k/", i), With: fill(c.with), Targets: targets}
		refused := func(what string, err error) {
			if err == nil || !strings.Contains(err.Error(), "no rule of this worker's policy allows "+c.uses+" to reach") {
				t.Errorf("%s %s %s: %s: %v, want refused by the policy", c.uses, call.With, c.spec, what, err)
			}
		}
		a, _ := registry.Action(c.uses)
		if a.Doc.Probe {
			_, err := env.ExecuteActivity(c.uses, plan.Watch{Run: "r", Kind: run.Drill, Probe: plan.Probe{Name: "p", Uses: c.uses, With: call.With}, Targets: targets})
			refused("watch", err)
		} else {
			_, err := env.ExecuteActivity(c.uses, call)
			refused("act", err)
			_, err = env.ExecuteActivity(c.uses+plan.LookSuffix, call)
			refused("look", err)
		}
		var ready plan.Ready
		if value, err := env.ExecuteActivity(c.uses+plan.ReadySuffix, call); err != nil || value.Get(&ready) != nil || len(ready.Problems) == 0 {
			t.Errorf("%s: the readiness check finds nothing wrong (%v)", c.uses, err)
		} else {
			refused("check", fmt.Errorf("%s", ready.Problems[0].EN))
		}
		if entry, err := l.Status(call.EffectKey); err != nil || entry.State != ledger.None {
			t.Errorf("%s: the refused call stands in the ledger: %+v %v", c.uses, entry, err)
		}
	}
	if n := reached.Load(); n > 0 {
		t.Errorf("%d connections were made to an address that the policy leaves out", n)
	}
	if _, err := os.Lstat(forbidden); err == nil {
		t.Errorf("%s appeared", forbidden)
	}
}
