package book

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

func targetOf(name, kind, spec string) plan.Target {
	return plan.Target{Name: name, Kind: kind, Site: "osaka", Spec: json.RawMessage(spec)}
}

// What muster would do is there as a command that can be pasted, with the plan's own servers
// in it and without a secret.
func TestCommandsByHandAreWhole(t *testing.T) {
	e := plan.Estate{Targets: []plan.Target{
		targetOf("osaka", "postgres", `{"host":"10.0.2.10","port":5433,"user":"admin","database":"orders","password":"secret://env/PGPW"}`),
		targetOf("tokyo", "postgres", `{"host":"10.0.1.10","data":"/var/lib/pg/data","config":"/etc/pg/postgresql.conf","bin":"/usr/lib/postgresql/16/bin","password":{"drill":"secret://env/A","real":"secret://env/B"}}`),
		targetOf("cache", "redis", `{"host":"10.0.2.20","password":"secret://env/REDISPW","tls":true,"ca":"/etc/ca.pem"}`),
		targetOf("cache2", "redis", `{"host":"10.0.1.20"}`),
		targetOf("zone", "dns_zone", `{"zone":"example.jp","primary":"10.0.2.53:53","key":"muster","secret":"secret://env/TSIG"}`),
		targetOf("app", "unit", `{"unit":"orders.service"}`),
		targetOf("box", "ssh", `{"host":"10.0.2.30","user":"ops","host_key":"ssh-ed25519 AAAA","key":"secret://file/k"}`),
		targetOf("lb", "haproxy", `{"socket":"/run/haproxy/admin.sock"}`),
		targetOf("k8s", "kubernetes", `{"kubeconfig":"secret://file/kc","context":"osaka"}`),
	}}
	for _, c := range []struct {
		uses, with string
		want       []string
	}{
		{"postgres.promote", `{"server":"osaka"}`, []string{`psql 'host=10.0.2.10 port=5433 user=admin dbname=orders' -c 'SELECT pg_promote(true, 60)' -c 'SELECT pg_is_in_recovery()'`}},
		{"postgres.fence", `{"server":"tokyo"}`, []string{`sudo -u postgres /usr/lib/postgresql/16/bin/pg_ctl -D /var/lib/pg/data -o '-c config_file=/etc/pg/postgresql.conf' -m fast -w stop`}},
		{"postgres.rejoin", `{"server":"tokyo","follow":"osaka"}`, []string{`/usr/lib/postgresql/16/bin/pg_rewind -D /var/lib/pg/data --source-server 'host=10.0.2.10 port=5433 user=admin dbname=orders' --write-recovery-conf`}},
		{"redis.promote", `{"server":"cache"}`, []string{"redis-cli -h 10.0.2.20 -p 6379 --askpass --tls --cacert /etc/ca.pem REPLICAOF NO ONE"}},
		{"redis.rejoin", `{"server":"cache2","follow":"cache"}`, []string{"redis-cli -h 10.0.1.20 -p 6379 REPLICAOF 10.0.2.20 6379"}},
		{"dns.update", `{"zone":"zone","name":"www","values":["10.0.2.80","10.0.2.81"],"ttl":"1m"}`, []string{"nsupdate -k KEYFILE <<'END'\nserver 10.0.2.53 53\nzone example.jp.\nupdate delete www.example.jp. A\nupdate add www.example.jp. 60 A 10.0.2.80\nupdate add www.example.jp. 60 A 10.0.2.81\nsend\nEND\ndig +short @10.0.2.53 -p 53 www.example.jp. A"}},
		{"systemd.start", `{"unit":"app","dependants":["batch.timer"]}`, []string{"systemctl start orders.service\nsystemctl start batch.timer\nsystemctl is-active orders.service"}},
		{"ssh.run", `{"host":"box","argv":["/opt/move","it's here"]}`, []string{`ssh -p 22 ops@10.0.2.30 '/opt/move '\''it'\''\'\'''\''s here'\'''`}},
		{"exec.run", `{"argv":["/opt/move","a b"],"env":{"SITE":"osaka"}}`, []string{"SITE=osaka /opt/move 'a b'"}},
		{"haproxy.set_state", `{"balancer":"lb","backend":"web","server":"tokyo1","state":"maint"}`, []string{"echo 'set server web/tokyo1 state maint' | socat stdio UNIX-CONNECT:/run/haproxy/admin.sock"}},
		{"kubernetes.scale", `{"cluster":"k8s","name":"orders","replicas":3}`, []string{"kubectl --context osaka -n default scale deployment/orders --replicas=3"}},
		{"http.request", `{"url":"https://cdn.example/switch","method":"PUT","headers":{"Content-Type":"application/json"},"body":"{\"to\":\"osaka\"}"}`, []string{`curl -fsS -X PUT -H 'Content-Type: application/json' --data '{"to":"osaka"}' https://cdn.example/switch`}},
		{"sql.exec", `{"server":"osaka","statement":"UPDATE site SET name = '${{ steps.x.y }}'"}`, []string{"(put in first what ${{ ... }} stands for)"}},
		// Where none can be given, it says so: a secret belongs in no command line.
		{"http.request", `{"url":"https://cdn.example/x","secret_headers":{"Authorization":"secret://env/T"}}`, []string{"no command can be given for http.request"}},
		{"file.copy", `{"from":"/a","to":"/b"}`, []string{"no command can be given for file.copy"}},
		{"postgres.promote", `{"server":"elsewhere"}`, []string{"no command can be given"}},
	} {
		text := strings.Join(byHand(plan.Step{Uses: c.uses, With: json.RawMessage(c.with)}, e, i18n.EN), "\n")
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s %s: no\n%s\nin\n%s", c.uses, c.with, want, text)
			}
		}
		if strings.Contains(text, "secret://") || strings.Contains(text, "PGPW") {
			t.Errorf("%s tells where a secret lies:\n%s", c.uses, text)
		}
		shell(t, c.uses, text)
	}
}

// shell makes sure that a shell takes it as it stands.
func shell(t *testing.T, what, text string) {
	t.Helper()
	check := exec.CommandContext(t.Context(), "sh", "-n")
	check.Stdin = strings.NewReader(text + "\n")
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%s: a shell does not take it: %v %s\n%s", what, err, out, text)
	}
}

// Every step of the shipped plans has its commands, or says that there are none.
func TestEveryStepOfTheBookIsDoneByHand(t *testing.T) {
	for _, dir := range []string{"../../scenarios/redis", "../../scenarios/mysql", "../../scenarios/systemd", "../../scenarios/etcd", "../../scenarios/kubernetes"} {
		s := sample(t, dir)
		steps, given := 0, 0
		for _, p := range slices.Concat(s.Plans, s.Restores) {
			for _, b := range p.Runbooks {
				for _, st := range b.Steps {
					if st.Human != nil {
						continue
					}
					steps++
					lines := byHand(st, s.Estate, i18n.JA)
					if len(lines) == 0 || !strings.HasPrefix(lines[0], "# 手作業") {
						t.Errorf("%s: step %s says nothing: %q", dir, st.ID, lines)
					}
					if len(lines) > 1 {
						given++
					}
					shell(t, dir+" "+st.ID, strings.Join(lines, "\n"))
				}
			}
		}
		if steps == 0 || given == 0 {
			t.Errorf("%s: %d of %d steps have commands", dir, given, steps)
		}
	}
}

func TestBackticksAreCode(t *testing.T) {
	d := Document{Lang: "en", Parts: []Part{{ID: "x", Blocks: []Block{para("run `muster up <x>` & go"), para("one ` alone"), list("`a`, then `b`")}}}}
	var b bytes.Buffer
	if err := d.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	has(t, "the book", b.String(), "run <code>muster up &lt;x&gt;</code> &amp; go", "one ` alone", "<code>a</code>, then <code>b</code>")
}
