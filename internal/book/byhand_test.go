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
		targetOf("cache", "redis", `{"host":"10.0.2.20","password":"secret://env/REDISPW","tls":true,"ca":"/etc/ca.pem","cert":"/etc/client.pem","key":"secret://env/K","server_name":"cache.example"}`),
		targetOf("cache2", "redis", `{"host":"10.0.1.20"}`),
		targetOf("zone", "dns_zone", `{"zone":"example.jp","primary":"10.0.2.53:53","key":"muster","secret":"secret://env/TSIG"}`),
		targetOf("app", "unit", `{"unit":"orders.service"}`),
		targetOf("box", "ssh", `{"host":"10.0.2.30","user":"ops","host_key":"ssh-ed25519 AAAA","key":"secret://file/k"}`),
		targetOf("lb", "haproxy", `{"socket":"/run/haproxy/admin.sock"}`),
		targetOf("k8s", "kubernetes", `{"kubeconfig":"secret://file/kc","context":"osaka"}`),
		targetOf("pod", "kubernetes", `{}`),
		targetOf("kv", "etcd", `{"endpoints":["https://10.0.1.5:2379","https://10.0.2.5:2379"],"cert":"/etc/kv.pem","key":"secret://file/kv.key"}`),
		targetOf("proc", "process", `{"argv":["/opt/app/run","--x"],"env":{"LEVEL":"2"},"secret_env":{"TOKEN":"secret://env/TOKENREF"}}`),
		targetOf("shop", "mysql", `{"host":"10.0.1.30","config":"/etc/mysql/zz-muster.cnf"}`),
		targetOf("shop2", "mysql", `{"host":"10.0.2.30","tls":"verify-full"}`),
	}, Sites: []plan.Site{{Name: "osaka", Title: plan.Text{EN: "Osaka DC", JA: "大阪"}}}}
	for _, c := range []struct {
		uses, with string
		want       []string
	}{
		{"postgres.promote", `{"server":"osaka"}`, []string{"== go on only when it answers t", `psql -v ON_ERROR_STOP=1 'host=10.0.2.10 port=5433 user=admin dbname=orders' -c 'SELECT pg_promote(true, 60)' &&`}},
		{"postgres.fence", `{"server":"tokyo"}`, []string{"# on tokyo (Osaka DC), 10.0.1.10", "sudo -u postgres touch /var/lib/pg/data/standby.signal &&\n{ ", `sudo -u postgres /usr/lib/postgresql/16/bin/pg_ctl -D /var/lib/pg/data -o '-c config_file=/etc/pg/postgresql.conf' -m fast -w stop`}},
		{"postgres.rejoin", `{"server":"tokyo","follow":"osaka"}`, []string{`/usr/lib/postgresql/16/bin/pg_rewind -D /var/lib/pg/data --source-server 'host=10.0.2.10 port=5433 user=admin dbname=orders' --write-recovery-conf`}},
		{"postgres.switchover", `{"from":"tokyo","to":"osaka"}`, []string{"# on tokyo (Osaka DC), 10.0.1.10"}},
		{"postgres.unfence", `{"server":"tokyo","others":["osaka"]}`, []string{`-c 'SELECT pg_is_in_recovery()')" = t &&`, "sudo -u postgres rm -f /var/lib/pg/data/standby.signal &&"}},
		{"postgres.unfence", `{"server":"tokyo","others":["nagoya"]}`, []string{"no command can be given for postgres.unfence"}},
		{"postgres.fence", `{"server":"osaka"}`, []string{"no command can be given for postgres.fence; the estate does not say data (osaka)"}},
		{"redis.promote", `{"server":"cache"}`, []string{"redis-cli -e -h 10.0.2.20 -p 6379 --askpass --tls --cacert /etc/ca.pem --cert /etc/client.pem --key KEYFILE-cache --sni cache.example REPLICAOF NO ONE &&", "put in for KEYFILE-cache the file", "CONFIG REWRITE &&"}},
		{"redis.rejoin", `{"server":"cache2","follow":"cache"}`, []string{"redis-cli -e -h 10.0.1.20 -p 6379 REPLICAOF 10.0.2.20 6379 &&"}},
		{"mysql.rejoin", `{"server":"shop","follow":"shop2"}`, []string{"no command can be given for the rest"}},
		{"mysql.switchover", `{"from":"shop","to":"shop2"}`, []string{"STOP REPLICA IO_THREAD", "no command can be given for the rest"}},
		{"mysql.status", `{"server":"shop2"}`, []string{"MySQL's client takes --ssl-mode=VERIFY_IDENTITY"}},
		{"dns.update", `{"zone":"zone","name":"www","values":["10.0.2.80","10.0.2.81"],"ttl":"1m"}`, []string{"nsupdate -k KEYFILE <<'END' &&\nserver 10.0.2.53 53\nzone example.jp.\nupdate delete www.example.jp. A\nupdate add www.example.jp. 60 A 10.0.2.80\nupdate add www.example.jp. 60 A 10.0.2.81\nsend\nEND\ndig +short @10.0.2.53 -p 53 www.example.jp. A"}},
		{"dns.update", `{"zone":"zone","name":"www.example.jp","type":"CNAME","values":["alt.example.net"]}`, []string{"update add www.example.jp. 60 CNAME alt.example.net.\n", "dig +short @10.0.2.53 -p 53 www.example.jp. CNAME"}},
		{"dns.wait", `{"zone":"zone","name":"www","values":["10.0.2.80"],"resolvers":["8.8.8.8:53"]}`, []string{"dig +short @8.8.8.8 -p 53 www.example.jp. A"}},
		{"systemd.start", `{"unit":"app","dependants":["batch.timer"]}`, []string{"systemctl start orders.service &&\nsystemctl start batch.timer\n", "systemctl is-active orders.service"}},
		{"systemd.mask", `{"unit":"app","until_reboot":true}`, []string{"systemctl mask --runtime orders.service &&\nsystemctl stop orders.service"}},
		{"ssh.run", `{"host":"box","argv":["/opt/move","it's here"]}`, []string{`ssh -p 22 ops@10.0.2.30 '/opt/move '\''it'\''\'\'''\''s here'\'''`}},
		{"exec.run", `{"argv":["/opt/move","a b"],"env":{"SITE":"osaka"}}`, []string{"SITE=osaka /opt/move 'a b'"}},
		{"exec.run", `{"argv":["./move"],"dir":"/opt/x y","stdin":"one\n","secret_env":{"TOKEN":"secret://env/TOKENREF"}}`, []string{"( cd '/opt/x y' && TOKEN=\"${TOKEN:?}\" ./move <<'END'\none\nEND\n)", "(ask for it)"}},
		{"exec.run", `{"argv":["./move"],"secret_env":{"A-B":"secret://env/TOKENREF"}}`, []string{"no command can be given for exec.run"}},
		{"process.start", `{"process":"proc"}`, []string{`LEVEL=2 TOKEN="${TOKEN:?}" MUSTER_PROCESS=/var/lib/muster/processes/proc nohup /opt/app/run --x </dev/null >>/var/lib/muster/processes/proc.log 2>&1 &`}},
		{"haproxy.set_state", `{"balancer":"lb","backend":"web","server":"tokyo1","state":"maint"}`, []string{"echo 'set server web/tokyo1 state maint' | socat stdio UNIX-CONNECT:/run/haproxy/admin.sock"}},
		{"kubernetes.scale", `{"cluster":"k8s","name":"orders","replicas":3}`, []string{"kubectl --kubeconfig KUBECONFIG-k8s --context osaka -n default scale deployment/orders --replicas=3 &&"}},
		{"kubernetes.scale", `{"cluster":"pod","name":"orders","replicas":3}`, []string{"no command can be given for kubernetes.scale; the estate names no kubeconfig of pod"}},
		{"etcd.status", `{"cluster":"kv"}`, []string{"--cert=/etc/kv.pem --key=KEYFILE-kv endpoint status"}},
		{"etcd.move_leader", `{"cluster":"kv","to":"osaka"}`, []string{`move-leader "${ID:?}" &&`}},
		{"etcd.move_leader", `{"cluster":"kv"}`, []string{"no command can be given for etcd.move_leader"}},
		{"http.request", `{"url":"https://cdn.example/switch","method":"PUT","headers":{"Content-Type":"application/json"},"body":"{\"to\":\"osaka\"}"}`, []string{`curl -fsS -X PUT -H 'Content-Type: application/json' --data-raw '{"to":"osaka"}' https://cdn.example/switch`}},
		{"wait.duration", `{"for":"500ms"}`, []string{"sleep 0.5"}},
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
		if strings.Contains(text, "secret://") || strings.Contains(text, "PGPW") || strings.Contains(text, "TOKENREF") {
			t.Errorf("%s tells where a secret lies:\n%s", c.uses, text)
		}
		shell(t, c.uses, text)
		folded := fold(strings.Split(text, "\n"))
		shell(t, c.uses+", folded", strings.Join(folded, "\n"))
		if again := strings.ReplaceAll(strings.ReplaceAll(strings.Join(folded, "\n"), " \\\n  ", " "), "\n#   ", " "); again != text {
			t.Errorf("%s: folded it says something else:\n%s\nand not\n%s", c.uses, again, text)
		}
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
					shell(t, dir+" "+st.ID, strings.Join(fold(lines), "\n"))
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
