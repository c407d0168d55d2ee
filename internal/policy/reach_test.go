package policy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
)

// names is a resolver of a few names.
func names(_ context.Context, name string) ([]netip.Addr, error) {
	switch name {
	case "db.example.com":
		return []netip.Addr{netip.MustParseAddr("10.1.0.5")}, nil
	case "both.example.com":
		return []netip.Addr{netip.MustParseAddr("10.1.0.5"), netip.MustParseAddr("192.0.2.9")}, nil
	}
	return nil, errors.New("no such host")
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		rule, host string
		allowed    bool   // by an allow rule with it
		denied     string // "denied", "can't be told" or "" by a deny rule with it
	}{
		{"db.example.com", "db.example.com:5432", true, "denied"},
		{"db.example.com", "DB.Example.com.:5432", true, "denied"},
		{"db.example.com", "db.example.com.evil.org:5432", false, ""},
		{"db.example.com:5432", "db.example.com:5432", true, "denied"},
		{"db.example.com:5432", "db.example.com:22", false, ""},
		{"db.example.com:5432", "db.example.com", false, "denied"}, // no port is known: neither let through nor let by
		{"*.example.com", "db.example.com:22", true, "denied"},
		{"*.example.com:5432", "db.example.com:22", false, ""},
		{"10.1.0.0/16", "10.1.0.5:5432", true, "denied"},
		{"10.1.0.0/16", "10.2.0.5:5432", false, ""},
		{"10.1.0.0/16:5432", "10.1.0.5:22", false, ""},
		{"10.1.0.5", "10.1.0.5:22", true, "denied"},
		{"10.1.0.5", "[::ffff:10.1.0.5]:22", true, "denied"},
		{"10.1.0.0/16", "db.example.com:5432", true, "denied"},    // by its address
		{"10.1.0.0/16", "both.example.com:5432", false, "denied"}, // one of them is outside, one inside
		{"10.1.0.0/16", "gone.example.com:5432", false, "can't be told"},
		{"10.1.0.0/16", "", false, "can't be told"},
		{"2001:db8::/32", "[2001:db8::7]:443", true, "denied"},
		{"[2001:db8::/32]:443", "[2001:db8::7]:443", true, "denied"},
		{"[2001:db8::/32]:443", "[2001:db8::7]:80", false, ""},
		{"[2001:db8::7]:443", "[2001:db8::7%eth0]:443", true, "denied"},
		{"0.0.0.0/0", "[2001:db8::7]:443", false, ""},
	} {
		reach := &activities.Reach{Hosts: []string{c.host}}
		allow, err := load(t, fmt.Sprintf("kind: Policy\nallow: [{actions: [ssh.run], hosts: [%q]}]\n", c.rule))
		if err != nil {
			t.Fatal(err)
		}
		allow.lookup = names
		if err := allow.Permit(t.Context(), activities.Ask{Action: "ssh.run", Reach: reach}); (err == nil) != c.allowed {
			t.Errorf("%s to %q: %v, want allowed %v", c.rule, c.host, err, c.allowed)
		}
		deny, err := load(t, fmt.Sprintf("kind: Policy\ndeny: [{actions: [ssh.run], hosts: [%q]}]\n", c.rule))
		if err != nil {
			t.Fatal(err)
		}
		deny.lookup = names
		err = deny.Permit(t.Context(), activities.Ask{Action: "ssh.run", Reach: reach})
		if want := map[string]string{"denied": "denies ssh.run on", "can't be told": "it can't be told"}[c.denied]; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s against %q: %v, want %q", c.rule, c.host, err, c.denied)
		}
		// Before the parameters are read neither rule decides.
		for _, p := range []*Policy{allow, deny} {
			if err := p.Permit(t.Context(), activities.Ask{Action: "ssh.run"}); err != nil {
				t.Errorf("%s: %v before anything is known", c.rule, err)
			}
		}
	}
}

// All that a call reaches must be allowed by one rule, and other actions by their own.
func TestReachIsCoveredByOneRule(t *testing.T) {
	p, err := load(t, "kind: Policy\nallow:\n  - {actions: [ssh.run], hosts: [10.0.0.0/8], paths: [/srv]}\n  - {actions: [ssh.run], hosts: [192.0.2.1]}\n  - {actions: [exec.run], paths: [/opt/bin]}\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action string
		reach  activities.Reach
		want   string
	}{
		{"ssh.run", activities.Reach{Hosts: []string{"10.0.0.1:22"}, Paths: []string{"/srv/x"}}, ""},
		{"ssh.run", activities.Reach{Hosts: []string{"10.0.0.1:22"}, Paths: []string{"/etc/x"}}, "to reach"},
		{"ssh.run", activities.Reach{Hosts: []string{"192.0.2.1:22"}, Paths: []string{"/etc/x"}}, ""}, // names no paths: any
		{"ssh.run", activities.Reach{Hosts: []string{"10.0.0.1:22", "192.0.2.1:22"}}, "to reach"},
		{"ssh.run", activities.Reach{}, ""},
		{"exec.run", activities.Reach{Paths: []string{"/opt/bin/x"}}, ""},
		{"exec.run", activities.Reach{Paths: []string{"/opt/binary"}}, "to reach /opt/binary"},
		{"exec.run", activities.Reach{Paths: []string{"/opt/bin/../../bin/sh"}}, "to reach"},
	} {
		err := p.Permit(t.Context(), activities.Ask{Action: c.action, Reach: &c.reach})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want %q", c.action, c.reach, err, c.want)
		}
	}
}

// Links don't lead out of what is allowed, nor around what is denied.
func TestPathsAreWhereTheirLinksLead(t *testing.T) {
	root := t.TempDir()
	inside, outside := filepath.Join(root, "inside"), filepath.Join(root, "outside")
	for _, dir := range []string{inside, outside} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) string {
		name = filepath.Join(inside, name)
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
		return name
	}
	dir, dangling, loop := link(outside, "dir"), link(filepath.Join(outside, "not-there-yet"), "dangling"), link("loop", "loop")
	back := filepath.Join(outside, "back")
	if err := os.Symlink(inside, back); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		inside: true, filepath.Join(inside, "new/file"): true, filepath.Join(back, "file"): true, // inside after all
		dir: false, filepath.Join(dir, "file"): false, dangling: false, loop: false, filepath.Join(loop, "x"): false,
		filepath.Join(inside, "../outside/x"): false, inside + "side": false, "relative": false, "": false,
	} {
		reach := &activities.Reach{Paths: []string{path}}
		allow, err := load(t, "kind: Policy\nallow: [{actions: [exec.run], paths: ["+inside+"]}]\n")
		if err != nil {
			t.Fatal(err)
		}
		if err := allow.Permit(t.Context(), activities.Ask{Action: "exec.run", Reach: reach}); (err == nil) != want {
			t.Errorf("%s: %v, want allowed %v", path, err, want)
		}
	}
	deny, err := load(t, "kind: Policy\ndeny: [{actions: [exec.run], paths: ["+outside+"]}]\n")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{dir: false, filepath.Join(dir, "file"): false, dangling: false, filepath.Join(outside, "x"): false, filepath.Join(inside, "x"): true, filepath.Join(back, "x"): false} {
		if err := deny.Permit(t.Context(), activities.Ask{Action: "exec.run", Reach: &activities.Reach{Paths: []string{path}}}); (err == nil) != want {
			t.Errorf("%s: %v, want permitted %v", path, err, want)
		}
	}
}

// A variable can make a program load what no path names, so paths let through those only
// that env names.
func TestVariablesDoNotGoRoundPaths(t *testing.T) {
	variables := func(names ...string) *activities.Reach {
		return &activities.Reach{Paths: []string{"/opt/bin/x"}, Env: names}
	}
	for _, c := range []struct {
		rule, rules string
		reach       *activities.Reach
		want        string
	}{
		{"allow", "paths: [/opt/bin]", variables(), ""},
		{"allow", "paths: [/opt/bin]", variables("LD_PRELOAD"), "variable LD_PRELOAD"},
		{"allow", "paths: [/opt/bin]", variables("SIDE"), "variable SIDE"},
		{"allow", "paths: [/opt/bin], env: [SIDE, ORDERS_*]", variables("SIDE", "ORDERS_PORT"), ""},
		{"allow", "paths: [/opt/bin], env: [SIDE, ORDERS_*]", variables("SIDE", "BASH_ENV"), "variable BASH_ENV"},
		{"allow", "env: [SIDE]", variables("PATH"), "variable PATH"},
		{"allow", "hosts: [db]", variables("PATH"), ""},
		{"deny", "env: [LD_*, PATH]", variables("SIDE"), ""},
		{"deny", "env: [LD_*, PATH]", variables("SIDE", "LD_AUDIT"), "denies exec.run on the environment variable LD_AUDIT"},
		{"allow", "queues: [orders-*]", &activities.Reach{Queues: []string{"orders-tools"}}, ""},
		{"allow", "queues: [orders-*]", &activities.Reach{Queues: []string{"payroll"}}, "to reach task queue payroll"},
		{"deny", "queues: [payroll]", &activities.Reach{Queues: []string{"payroll"}}, "denies exec.run on task queue payroll"},
	} {
		p, err := load(t, "kind: Policy\n"+c.rule+": [{actions: [exec.run], "+c.rules+"}]\n")
		if err != nil {
			t.Fatal(err)
		}
		err = p.Permit(t.Context(), activities.Ask{Action: "exec.run", Reach: c.reach})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s, %+v: %v, want %q", c.rule, c.rules, *c.reach, err, c.want)
		}
	}
}

// A secret file is a path like others, or has folders of its own that no program may be
// run from.
func TestSecretsAreBoundedToo(t *testing.T) {
	for _, c := range []struct{ policy, file, want string }{
		{"allow: [{actions: [exec.run], paths: [/opt]}]", "/opt/key", ""},
		{"allow: [{actions: [exec.run], paths: [/opt]}]", "/etc/shadow", "to reach /etc/shadow"},
		{"allow: [{actions: [exec.run]}]", "/etc/shadow", ""},
		{"deny: [{actions: [exec.run], paths: [/etc]}]", "/etc/shadow", "denies exec.run on /etc/shadow"},
		{"secrets: [/run/keys]\nallow: [{actions: [exec.run], paths: [/opt]}]", "/run/keys/db", ""},
		{"secrets: [/run/keys]\nallow: [{actions: [exec.run], paths: [/opt]}]", "/opt/key", "lets no secret come from /opt/key"},
		{"secrets: [/run/keys]", "/run/keys/../../etc/shadow", "lets no secret come from"},
		{"secrets: [/run/keys]\ndeny: [{actions: [\"*\"], paths: [/run/keys/hq]}]", "/run/keys/hq/db", "denies"},
	} {
		p, err := load(t, "kind: Policy\n"+c.policy+"\n")
		if err != nil {
			t.Fatal(err)
		}
		err = p.Permit(t.Context(), activities.Ask{Action: "exec.run", Reach: &activities.Reach{Secrets: []string{c.file}}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v, want %q", c.policy, c.file, err, c.want)
		}
	}
}

func TestWrongHostsAndPaths(t *testing.T) {
	_, err := load(t, `kind: Policy
allow:
  - {actions: [ssh.run], hosts: ["db:0", "db:ssh", "http://db/", "a b", "", "[x"], paths: [srv], env: ["[A"], queues: [""]}
secrets: [keys]
`)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{`"db:0": the port`, `"db:ssh": the port`, `"http://db/"`, `"a b"`, `"" is no name`, `"[x" is no name`, `paths: "srv" is not absolute`, `secrets: "keys" is not absolute`, `env: "[A" is no name`, `queues: "" is no name`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\n%v", want, err)
		}
	}
}
