package book

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/dnsname"
)

// net are the families that are reached over the network, and waiting.
func (h *hand) net(uses string) []string {
	switch uses {
	case "http.check", "wait.for_http", "http.request":
		return h.curl(uses)
	case "tcp.check", "wait.for_tcp":
		host, port, err := splitPort(h.text("address"))
		if err != nil {
			return nil
		}
		nc := words([]string{"nc", "-z", "-v", "-w", "5", host, port})
		if h.text("expect") == "closed" {
			return []string{h.say("it must say refused; an answer that does not come proves nothing", "refused と表示されること（応答がないだけでは証明にならない）"), nc}
		}
		return []string{nc}
	case "haproxy.set_state":
		return h.haproxy()
	case "wait.duration":
		if d, err := time.ParseDuration(h.text("for")); err == nil {
			return []string{"sleep " + strconv.FormatFloat(d.Seconds(), 'f', -1, 64)}
		}
	}
	return nil
}

func (h *hand) haproxy() []string {
	t, ok := h.target("balancer")
	if !ok || t.text("socket") == "" {
		return nil
	}
	to, where := "TCP:"+t.text("socket"), h.anywhere(t)
	if strings.HasPrefix(t.text("socket"), "/") {
		to, where = "UNIX-CONNECT:"+t.text("socket"), h.say("on the machine of %s (%s)", "%s（%s）のマシンで実行", t.name, h.place(t.site))
	}
	tell := func(command string) string {
		return words([]string{"echo", command}) + " | socat stdio " + quote(to)
	}
	show := tell("show servers state " + h.text("backend"))
	return block(where, h.say("look, and write down srv_admin_state (6th column) of %s: that is the way back (0 ready, 1 maint, 8 drain)", "確認：%s の srv_admin_state（6列目）を控える。元に戻すときの値になる（0 ready、1 maint、8 drain）", h.text("server")), show,
		h.goOn("another server of the backend serves, or this one is to", "バックエンドの別のサーバーが受け付けている、またはこのサーバーに受け付けさせる"),
		tell("set server "+h.text("backend")+"/"+h.text("server")+" state "+h.text("state")),
		h.say("it prints nothing when it is done; look:", "成功すると何も表示しない。確認："), show)
}

// nameServer asks one server for a record.
func nameServer(server, name, kind string) string {
	host, port, err := splitPort(server)
	if err != nil {
		host, port = server, "53"
	}
	return words([]string{"dig", "+short", "@" + host, "-p", port, name, kind})
}

func (h *hand) dns(verb string) []string {
	t, ok := h.target("zone")
	if !ok {
		return nil
	}
	zone, name := dnsname.Fqdn(t.text("zone")), dnsname.Full(t.text("zone"), h.text("name"))
	kind := or(h.text("type"), "A")
	host, port, err := splitPort(t.text("primary"))
	if err != nil {
		return nil
	}
	own := append([]string{t.text("primary")}, t.list("servers")...)
	ask := func(servers []string) (out []string) {
		for _, s := range servers {
			out = append(out, nameServer(s, name, kind))
		}
		return out
	}
	values := h.list("values")
	if verb == "wait" {
		if r := h.list("resolvers"); len(r) > 0 {
			own = r
		}
		return block(h.say("look: each must answer %s, and nothing else", "確認：すべてが %s だけを答えること", strings.Join(values, ", ")), ask(own))
	}
	if verb != "update" {
		return block(h.say("look:", "確認："), ask(own))
	}
	if len(values) == 0 {
		return h.none("its values are not known before its run: look what %s was, and set that with nsupdate", "値は実施時に決まる。%s の元の値を確認し、nsupdate で設定する", name)
	}
	ttl := 60
	if d, err := time.ParseDuration(h.text("ttl")); err == nil {
		ttl = int(d.Seconds())
	}
	update := "nsupdate"
	var key string
	if k := t.text("key"); k != "" {
		key = h.say("put in for KEYFILE the file with the TSIG key %s", "KEYFILE は TSIG鍵 %s のファイルに書き換える", k)
		update += " -k KEYFILE"
	}
	script := []string{update + " <<'END' &&", "server " + host + " " + port, "zone " + zone, "update delete " + name + " " + kind}
	for _, v := range values {
		if strings.ContainsAny(v, "\r\n") {
			return h.none("a value has more than one line: look at values above, and set them with nsupdate", "複数行の値がある。上の values を確認し、nsupdate で設定する")
		}
		switch kind {
		case "TXT":
			v = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
		case "CNAME":
			v = dnsname.Fqdn(v)
		case "MX":
			if preference, server, ok := strings.Cut(v, " "); ok {
				v = preference + " " + dnsname.Fqdn(server)
			}
		}
		script = append(script, fmt.Sprintf("update add %s %d %s %s", name, ttl, kind, v))
	}
	return block(h.anywhere(t), key, h.say("look, and write down what it answers now: that is the way back", "確認：今の応答を控える。元に戻すときの値になる"), ask(own[:1]),
		h.goOn("the new place serves already", "新しい側がすでに稼働している"),
		script, "send", "END", ask(own), h.say("done when each answers the new values only (a secondary may take a while)", "すべてが新しい値だけを答えれば完了（セカンダリは遅れることがある）"))
}

func (h *hand) curl(uses string) []string {
	get := func(with map[string]any, more ...string) []string {
		argv := append([]string{"curl", "-fsS"}, more...)
		if codes := listOf(with["status"]); slices.ContainsFunc(codes, func(c string) bool { return c >= "400" }) {
			argv[1] = "-sSi" // -f takes those for failures
		}
		if url := textOf(with["url"]); strings.ContainsAny(url, "[]{}") {
			argv = append(argv, "--globoff")
		}
		if ca := textOf(with["ca_file"]); ca != "" {
			argv = append(argv, "--cacert", ca)
		}
		for _, header := range sorted(with["headers"]) {
			argv = append(argv, "-H", header)
		}
		return argv
	}
	must := func(with map[string]any) []string {
		var out []string
		if codes := listOf(with["status"]); len(codes) > 0 {
			out = append(out, h.say("it must answer status %s", "応答の状態：%s", strings.Join(codes, ", ")))
		}
		if e := textOf(with["expect"]); e != "" {
			out = append(out, h.say("it must hold: %s", "満たすべき条件：%s", e))
		}
		return out
	}
	if h.text("url") == "" {
		return nil
	}
	look, _ := h.with["look"].(map[string]any)
	if h.with["secret_headers"] != nil || look["secret_headers"] != nil {
		return h.none("a secret belongs in no command line: look at the parameters above, ask for its headers, and put them into a file for curl -K", "秘密の値はコマンドラインに書けない。上のパラメーターを確認し、ヘッダーの値を管理者に尋ねてファイルに書き、curl -K で渡す")
	}
	if uses != "http.request" {
		return block(words(append(get(h.with), h.text("url"))), must(h.with))
	}
	argv := get(h.with, "-X", or(h.text("method"), "POST"))
	if b := h.text("body"); b != "" {
		// --data-raw reads no file for a body that begins with @; and curl says of any body that
		// it is a form's, which muster does not.
		if !slices.ContainsFunc(sorted(h.with["headers"]), func(s string) bool { return strings.HasPrefix(strings.ToLower(s), "content-type:") }) {
			argv = append(argv, "-H", "Content-Type:")
		}
		argv = append(argv, "--data-raw", b)
	}
	act := words(append(argv, h.text("url")))
	if textOf(look["url"]) == "" {
		return block(h.say("once only: look first whether it was done already", "1回だけ実行する。先に、実行済みでないか確認する"), act, must(h.with))
	}
	shown := words(append(get(look), textOf(look["url"])))
	return block(h.say("look: is it so already?", "確認：すでに目的の状態か"), shown, must(look), h.goOn("it is not so yet", "まだそうなっていない"), act, must(h.with), h.say("look:", "確認："), shown)
}

func (h *hand) kubernetes(verb string) []string {
	t, ok := h.target("cluster")
	if !ok {
		return nil
	}
	if t.with["kubeconfig"] == nil || textOf(t.with["kubeconfig"]) == "" && !t.secret("kubeconfig") {
		return h.none("the estate names no kubeconfig of %s, and kubectl would act on whatever cluster is current: look which one it is, and write --kubeconfig and --context out", "構成台帳に %s の kubeconfig がなく、kubectl はその時点のクラスターを操作してしまう。対象のクラスターを確認し、--kubeconfig と --context を明示する", t.name)
	}
	file := "KUBECONFIG-" + t.name
	argv := []string{"kubectl", "--kubeconfig", file}
	put := h.say("put in for %s the file with the kubeconfig of that cluster (ask for it)", "%s は、そのクラスターの kubeconfig のファイルに書き換える（管理者に尋ねる）", file)
	current := ""
	if c := t.text("context"); c != "" {
		argv = append(argv, "--context", c)
	} else {
		current = words(append(slices.Clone(argv), "config", "view", "--minify"))
	}
	ctl := func(rest ...string) string { return words(append(slices.Clone(argv), rest...)) }
	space := []string{"-n", or(h.text("namespace"), or(t.text("namespace"), "default"))}
	in := func(rest ...string) string { return ctl(append(slices.Clone(space), rest...)...) }
	what := or(h.text("kind"), "deployment") + "/" + h.text("name")
	wait := "--timeout=" + or(h.text("wait"), "5m")
	head := block(h.anywhere(t), put)
	look := h.say("look, and write down what it says: that is the way back", "確認：今の値を控える。元に戻すときの値になる")
	sure := h.goOn("that is the cluster and the object meant", "意図したクラスターとオブジェクトである")
	switch verb {
	case "scale":
		return block(head, look, current, in("get", what), sure, chain(in("scale", what, "--replicas="+h.text("replicas")), in("rollout", "status", what, wait)))
	case "rollout_wait":
		return block(head, current, in("rollout", "status", what, wait))
	case "cordon", "uncordon":
		if node := h.text("node"); node != "" {
			return block(head, look, current, ctl("get", "node", node), sure, chain(ctl(verb, node), ctl("get", "node", node)))
		}
	}
	return h.none("look at the object with kubectl --kubeconfig %s, and at the parameters above", "kubectl --kubeconfig %s でオブジェクトを確認し、上のパラメーターに従って行う", file)
}

func (h *hand) etcd(verb string) []string {
	t, ok := h.target("cluster")
	if !ok || len(t.list("endpoints")) == 0 {
		return nil
	}
	argv := []string{"etcdctl", "--endpoints=" + strings.Join(t.list("endpoints"), ",")}
	if t.text("ca") != "" {
		argv = append(argv, "--cacert="+t.text("ca"))
	}
	if t.text("cert") != "" {
		argv = append(argv, "--cert="+t.text("cert"), "--key="+t.keyfile())
	}
	if t.text("user") != "" {
		argv = append(argv, "--user="+t.text("user"))
	}
	ctl := func(rest ...string) string { return words(append(slices.Clone(argv), rest...)) }
	head := block(h.keyfile(t), h.anywhere(t))
	switch verb {
	case "status":
		return block(head, ctl("endpoint", "status", "-w", "table"))
	case "wait_healthy":
		return block(head, ctl("endpoint", "health"))
	case "move_leader":
		to := h.text("to")
		if to == "" {
			return h.none("which member led before is known to its run only: look with endpoint status who leads", "元のリーダーは実施の記録にしかない。endpoint status で現在のリーダーを確認する")
		}
		return block(head, h.say("look: the ID of %s, and that every member answers and is no learner", "確認：%s の ID と、全メンバーが応答し learner でないこと", to), ctl("endpoint", "status", "-w", "table"), ctl("member", "list", "-w", "table"),
			h.goOn("every member answers without an error, RAFT APPLIED INDEX is the same or nearly so, and after typing ID=... with the ID of %s", "全メンバーがエラーなく応答し、RAFT APPLIED INDEX がほぼ同じで、%s の ID を ID=... と入力した", to),
			chain(ctl("move-leader")+` "${ID:?}"`, ctl("endpoint", "status", "-w", "table")))
	}
	return nil
}

// sorted are the entries of a map of headers as curl takes them; one without a value ends with ;.
func sorted(v any) []string {
	m, _ := v.(map[string]any)
	var out []string
	for k, x := range m {
		if text := textOf(x); text != "" {
			out = append(out, k+": "+text)
		} else {
			out = append(out, k+";")
		}
	}
	slices.Sort(out)
	return out
}
