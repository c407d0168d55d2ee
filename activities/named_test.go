package activities_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/muster-dr/muster/activities/all"
)

// What a step or a target names by a path is known without a run; what an expression gives, and what is found by its name, is not.
func TestPathsThatFilesName(t *testing.T) {
	r := all.Registry(all.Options{})
	for _, c := range []struct {
		action, with string
		want         []string
	}{
		{"exec.run", `{"argv":["/opt/orders/bin/stop","--now"],"dir":"/srv/orders","timeout":"${{ steps.a.b }}"}`, []string{"/opt/orders/bin/stop", "/srv/orders"}},
		{"exec.run", `{"argv":["sh","-c","true"]}`, nil},
		{"exec.run", `{"argv":["sh","/opt/orders/traffic.sh","${{ steps.a.b }}","/etc/orders.conf"]}`, []string{"/etc/orders.conf", "/opt/orders/traffic.sh"}},
		{"ssh.run", `{"argv":["/opt/orders/bin/traffic"],"host":"web"}`, nil},
		{"file.copy", `{"from":"/srv/a","to":"/srv/${{ run.id }}"}`, []string{"/srv/a"}},
		{"ssh.copy", `{"from":"/etc/muster/notice.txt","path":"/var/www/notice.txt","host":"web"}`, []string{"/etc/muster/notice.txt"}},
		{"human.task", `{"text":"look at /etc/motd"}`, nil},
	} {
		a, ok := r.Action(c.action)
		if !ok {
			t.Fatalf("no action %s", c.action)
		}
		if got := a.Paths(json.RawMessage(c.with)); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %q, want %q", c.action, c.with, got, c.want)
		}
	}
	k, ok := r.TargetKind("process")
	if got := k.Paths(json.RawMessage(`{"argv":["/opt/shop","127.0.0.1:8088"],"state":"/var/lib/shop"}`)); !ok || !slices.Equal(got, []string{"/opt/shop", "/var/lib/shop"}) {
		t.Errorf("a process: %q", got)
	}
}
