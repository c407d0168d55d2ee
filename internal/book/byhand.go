package book

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// hand makes the commands that do by hand what a step's action does: for when muster is gone.
// They are whole, so that they can be pasted, and hold no secret: programs ask for those.
type hand struct {
	e    plan.Estate
	l    i18n.Lang
	with map[string]any
}

// byHand is what an operator types in place of a step, or says that nothing can be given.
func byHand(st plan.Step, e plan.Estate, l i18n.Lang) []string {
	if st.Human != nil {
		return nil
	}
	h := hand{e: e, l: l}
	_ = json.Unmarshal([]byte(plan.WithoutSecrets(st.With)), &h.with)
	lines := slices.DeleteFunc(h.commands(st.Uses), func(s string) bool { return s == "" })
	if len(lines) == 0 {
		return []string{l.T("# by hand: no command can be given for %s; do what is said above with the product's own means", "# 手作業：%s に当たるコマンドは示せない。上の内容を製品の手順で行う", st.Uses)}
	}
	head := l.T("# by hand, without muster; passwords are asked for:", "# 手作業（musterなし）。パスワードは入力を求められる：")
	if strings.Contains(strings.Join(lines, "\n"), "${{") {
		head += l.T(" (put in first what ${{ ... }} stands for)", "（${{ ... }} の箇所は値に書き換えてから）")
	}
	return append([]string{head}, lines...)
}

func (h hand) commands(uses string) []string {
	family, verb, _ := strings.Cut(uses, ".")
	switch family {
	case "postgres", "sql":
		return h.postgres(uses)
	case "redis":
		return h.redis(verb)
	case "mysql":
		return h.mysql(verb)
	case "dns":
		return h.dns(verb)
	case "systemd":
		return h.systemd(verb)
	case "kubernetes":
		return h.kubernetes(verb)
	case "etcd":
		return h.etcd(verb)
	}
	switch uses {
	case "exec.run", "exec.check":
		return []string{h.env() + words(h.list("argv"))}
	case "ssh.run", "ssh.check":
		t, ok := h.target("host")
		if !ok || len(h.list("argv")) == 0 || h.text("stdin") != "" {
			return nil
		}
		return []string{words([]string{"ssh", "-p", or(t.text("port"), "22"), t.text("user") + "@" + t.text("host"), h.env() + words(h.list("argv"))})}
	case "http.check", "wait.for_http", "http.request":
		return h.curl(uses)
	case "tcp.check", "wait.for_tcp":
		host, port, err := splitPort(h.text("address"))
		if err != nil {
			return nil
		}
		return []string{words([]string{"nc", "-z", "-w", "5", host, port})}
	case "haproxy.set_state":
		t, ok := h.target("balancer")
		if !ok {
			return nil
		}
		to := "UNIX-CONNECT:" + t.text("socket")
		if !strings.HasPrefix(t.text("socket"), "/") {
			to = "TCP:" + t.text("socket")
		}
		return []string{words([]string{"echo", "set server " + h.text("backend") + "/" + h.text("server") + " state " + h.text("state")}) + " | socat stdio " + quote(to)}
	case "process.start":
		if t, ok := h.target("process"); ok && len(t.list("argv")) > 0 {
			return []string{"cd " + quote(or(t.text("dir"), "/")) + " && nohup " + words(t.list("argv")) + " >/dev/null 2>&1 &"}
		}
	case "process.stop", "process.kill":
		if t, ok := h.target("process"); ok && t.text("pid_file") != "" {
			return []string{`kill "$(cat ` + quote(t.text("pid_file")) + `)"`}
		}
	case "wait.duration":
		if d, err := time.ParseDuration(or(h.text("for"), h.text("duration"))); err == nil {
			return []string{fmt.Sprintf("sleep %.0f", d.Seconds())}
		}
	}
	return nil
}

func (h hand) postgres(uses string) []string {
	sql := func(param string, statements ...string) []string {
		t, ok := h.target(param)
		if !ok {
			return nil
		}
		if db := h.text("database"); db != "" {
			t.with["database"] = db
		}
		return []string{psql(t, statements...)}
	}
	switch uses {
	case "postgres.promote":
		return sql("server", "SELECT pg_promote(true, 60)", "SELECT pg_is_in_recovery()")
	case "postgres.status":
		return sql("server", "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()")
	case "postgres.caught_up":
		return sql(or(h.only("standby", "server", "to"), "server"), "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), now() - pg_last_xact_replay_timestamp()")
	case "postgres.single_writer":
		lines := []string{h.l.T("# exactly one may answer f", "# f と答えるサーバーが一つだけであること")}
		for _, name := range h.list("servers") {
			if t, ok := h.named(name); ok {
				lines = append(lines, psql(t, "SELECT pg_is_in_recovery()"))
			}
		}
		return lines
	case "sql.query", "sql.exec":
		if len(h.list("args")) == 0 {
			return sql("server", or(h.text("statement"), or(h.text("query"), h.text("sql"))))
		}
	case "postgres.fence", "postgres.stop":
		if t, ok := h.target("server"); ok && t.text("data") != "" {
			return []string{t.pgCtl("-m", "fast", "-w", "stop"), h.l.T("# and keep it from starting again until it follows the new primary", "# 新しいプライマリに追従させるまで、再び起動しないようにする")}
		}
	case "postgres.start", "postgres.unfence":
		if t, ok := h.target("server"); ok && t.text("data") != "" {
			return []string{t.pgCtl("-w", "start")}
		}
	case "postgres.rejoin":
		t, ok := h.target("server")
		f, there := h.target("follow")
		if ok && there {
			return rejoin(t, f)
		}
	case "postgres.switchover":
		from, ok := h.target("from")
		to, there := h.target("to")
		if ok && there && from.text("data") != "" {
			return append([]string{from.pgCtl("-m", "fast", "-w", "stop"), psql(to, "SELECT pg_promote(true, 60)")}, rejoin(from, to)[1:]...)
		}
	}
	return nil
}

// rejoin makes a server on this host a standby of another.
func rejoin(t, follow target) []string {
	if t.text("data") == "" {
		return nil
	}
	source := "host=" + follow.text("host") + " port=" + or(follow.text("port"), "5432") + " user=" + or(follow.text("user"), "postgres") + " dbname=" + or(follow.text("database"), "postgres")
	rewind := []string{"pg_rewind", "-D", t.text("data"), "--source-server", source, "--write-recovery-conf"}
	if c := t.text("config"); c != "" {
		rewind = append(rewind, "--config-file", c)
	}
	return []string{t.pgCtl("-m", "fast", "-w", "stop"), t.as(rewind...), t.pgCtl("-w", "start")}
}

func psql(t target, statements ...string) string {
	argv := []string{"psql", "host=" + t.text("host") + " port=" + or(t.text("port"), "5432") + " user=" + or(t.text("user"), "postgres") + " dbname=" + or(t.text("database"), "postgres")}
	for _, s := range statements {
		if s == "" {
			return ""
		}
		argv = append(argv, "-c", s)
	}
	return words(argv)
}

func (h hand) redis(verb string) []string {
	cli := func(param string, command ...string) []string {
		if t, ok := h.target(param); ok {
			return []string{redisCLI(t, t.text("host"), or(t.text("port"), "6379"), command...)}
		}
		return nil
	}
	switch verb {
	case "promote":
		return append(cli("server", "REPLICAOF", "NO", "ONE"), cli("server", "ROLE")...)
	case "fence":
		// With a lag of 0 the other would count for nothing.
		return append(cli("server", "CONFIG", "SET", "min-replicas-max-lag", "10"), cli("server", "CONFIG", "SET", "min-replicas-to-write", "1000000")...)
	case "unfence":
		return cli("server", "CONFIG", "SET", "min-replicas-to-write", "0")
	case "status", "wait_caught_up":
		return cli(or(h.only("server", "replica", "to"), "server"), "INFO", "replication")
	case "rejoin":
		if f, ok := h.target("follow"); ok {
			return cli("server", "REPLICAOF", f.text("host"), or(f.text("port"), "6379"))
		}
	case "switchover":
		if to, ok := h.target("to"); ok {
			return cli("from", "FAILOVER", "TO", to.text("host"), or(to.text("port"), "6379"), "TIMEOUT", "60000")
		}
	case "single_writer":
		lines := []string{h.l.T("# exactly one may answer master", "# master と答えるサーバーが一つだけであること")}
		for _, name := range h.list("servers") {
			if t, ok := h.named(name); ok {
				lines = append(lines, redisCLI(t, t.text("host"), or(t.text("port"), "6379"), "ROLE"))
			}
		}
		return lines
	case "failover", "wait_failover":
		t, ok := h.target("sentinel")
		if !ok || len(t.list("addresses")) == 0 {
			return nil
		}
		host, port, err := splitPort(t.list("addresses")[0])
		if err != nil {
			return nil
		}
		if verb == "failover" {
			return []string{redisCLI(t, host, port, "SENTINEL", "FAILOVER", t.text("master"))}
		}
		return []string{redisCLI(t, host, port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", t.text("master"))}
	}
	return nil
}

func redisCLI(t target, host, port string, command ...string) string {
	argv := []string{"redis-cli", "-h", host, "-p", port}
	if t.text("user") != "" {
		argv = append(argv, "--user", t.text("user"))
	}
	if t.secret("password") {
		argv = append(argv, "--askpass")
	}
	if t.text("tls") == "true" {
		argv = append(argv, "--tls")
	}
	if t.text("ca") != "" {
		argv = append(argv, "--cacert", t.text("ca"))
	}
	return words(append(argv, command...))
}

func (h hand) mysql(verb string) []string {
	sql := func(statement string) []string {
		if t, ok := h.target("server"); ok {
			return []string{mysqlClient(t, statement)}
		}
		return nil
	}
	switch verb {
	case "promote":
		return sql("STOP REPLICA; RESET REPLICA ALL; SET GLOBAL read_only = OFF; SELECT @@read_only")
	case "fence":
		return append([]string{h.l.T("# accounts with SUPER write all the same: on MySQL set super_read_only too, on MariaDB stop their programs", "# SUPER権限のアカウントは書き込める：MySQLでは super_read_only も設定し、MariaDBではその接続元を止める")},
			sql("SET GLOBAL read_only = ON; SELECT @@read_only")...)
	case "unfence":
		return sql("SET GLOBAL read_only = OFF; SELECT @@read_only")
	case "status", "wait_caught_up":
		return sql(`SELECT @@read_only; SHOW REPLICA STATUS\G`)
	case "single_writer":
		lines := []string{h.l.T("# exactly one may answer 0", "# 0 と答えるサーバーが一つだけであること")}
		for _, name := range h.list("servers") {
			if t, ok := h.named(name); ok {
				lines = append(lines, mysqlClient(t, "SELECT @@read_only"))
			}
		}
		return lines
	case "start", "stop":
		if t, ok := h.target("server"); ok && len(t.list(verb)) > 0 {
			return []string{words(t.list(verb))}
		}
	}
	return nil
}

func mysqlClient(t target, statement string) string {
	return words([]string{"mysql", "-h", t.text("host"), "-P", or(t.text("port"), "3306"), "-u", or(t.text("user"), "root"), "-p", "-e", statement})
}

func (h hand) dns(verb string) []string {
	t, ok := h.target("zone")
	if !ok {
		return nil
	}
	zone := strings.TrimSuffix(t.text("zone"), ".") + "."
	name := zone
	if n := h.text("name"); n != "@" {
		name = strings.TrimSuffix(n, "."+zone) + "." + zone
	}
	kind := or(h.text("type"), "A")
	host, port, err := splitPort(t.text("primary"))
	if err != nil {
		return nil
	}
	look := words([]string{"dig", "+short", "@" + host, "-p", port, name, kind})
	if verb != "update" {
		return []string{look}
	}
	ttl := 60
	if d, err := time.ParseDuration(h.text("ttl")); err == nil {
		ttl = int(d.Seconds())
	}
	update := "nsupdate"
	var lines []string
	if key := t.text("key"); key != "" {
		lines = append(lines, h.l.T("# KEYFILE is the file with the TSIG key %s", "# KEYFILE は TSIG鍵 %s のファイル", key))
		update += " -k KEYFILE"
	}
	lines = append(lines, update+" <<'END'", "server "+host+" "+port, "zone "+zone, "update delete "+name+" "+kind)
	for _, v := range h.list("values") {
		if kind == "TXT" {
			v = `"` + v + `"`
		}
		lines = append(lines, fmt.Sprintf("update add %s %d %s %s", name, ttl, kind, v))
	}
	return append(lines, "send", "END", look)
}

func (h hand) systemd(verb string) []string {
	t, ok := h.target("unit")
	if !ok {
		return nil
	}
	argv := []string{"systemctl"}
	switch bus := t.text("bus"); bus {
	case "", "system":
	case "user":
		argv = append(argv, "--user")
	default:
		return nil
	}
	acts := map[string][]string{"start": {"start"}, "stop": {"stop"}, "restart": {"restart"}, "mask": {"mask", "--now"}, "unmask": {"unmask"}, "status": {"status"}, "wait_active": {"is-active"}}
	act, known := acts[verb]
	if !known {
		return nil
	}
	lines := []string{words(append(append(slices.Clone(argv), act...), t.text("unit")))}
	if verb == "start" || verb == "restart" {
		for _, d := range h.list("dependants") {
			lines = append(lines, words(append(slices.Clone(argv), "start", d)))
		}
		lines = append(lines, words(append(slices.Clone(argv), "is-active", t.text("unit"))))
	}
	return lines
}

func (h hand) kubernetes(verb string) []string {
	t, ok := h.target("cluster")
	if !ok {
		return nil
	}
	argv := []string{"kubectl"}
	if c := t.text("context"); c != "" {
		argv = append(argv, "--context", c)
	}
	in := append(slices.Clone(argv), "-n", or(h.text("namespace"), or(t.text("namespace"), "default")))
	what := or(h.text("kind"), "deployment") + "/" + h.text("name")
	switch verb {
	case "scale":
		return []string{words(append(in, "scale", what, "--replicas="+h.text("replicas")))}
	case "rollout_wait":
		return []string{words(append(in, "rollout", "status", what))}
	case "cordon", "uncordon":
		if node := or(h.text("node"), h.text("name")); node != "" {
			return []string{words(append(argv, verb, node))}
		}
	}
	return nil
}

func (h hand) etcd(verb string) []string {
	t, ok := h.target("cluster")
	if !ok || len(t.list("endpoints")) == 0 {
		return nil
	}
	argv := []string{"etcdctl", "--endpoints=" + strings.Join(t.list("endpoints"), ",")}
	for _, f := range []string{"ca", "cert"} {
		if t.text(f) != "" {
			argv = append(argv, "--"+map[string]string{"ca": "cacert", "cert": "cert"}[f]+"="+t.text(f))
		}
	}
	if t.text("user") != "" {
		argv = append(argv, "--user="+t.text("user"))
	}
	switch verb {
	case "status":
		return []string{words(append(argv, "endpoint", "status", "-w", "table"))}
	case "wait_healthy":
		return []string{words(append(argv, "endpoint", "health"))}
	}
	return nil
}

func (h hand) curl(uses string) []string {
	if h.text("url") == "" || h.with["secret_headers"] != nil {
		return nil // a secret belongs in no command line
	}
	argv := []string{"curl", "-fsS"}
	if uses == "http.request" {
		argv = append(argv, "-X", or(h.text("method"), "POST"))
	}
	if ca := h.text("ca_file"); ca != "" {
		argv = append(argv, "--cacert", ca)
	}
	for _, k := range sorted(h.with["headers"]) {
		argv = append(argv, "-H", k)
	}
	if b := h.text("body"); b != "" {
		argv = append(argv, "--data", b)
	}
	return []string{words(append(argv, h.text("url")))}
}

// env are the variables that a program is given, before its command.
func (h hand) env() string {
	m, _ := h.with["env"].(map[string]any)
	var out []string
	for k, v := range m {
		out = append(out, k+"="+quote(fmt.Sprint(v))+" ")
	}
	slices.Sort(out)
	return strings.Join(out, "")
}
