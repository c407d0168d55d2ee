package book

import "strings"

func (h *hand) redis(verb string) []string {
	cli := func(t target, command ...string) string {
		return redisCLI(t, t.text("host"), or(t.text("port"), "6379"), command...)
	}
	if verb == "single_writer" {
		lines := block(h.keyfile(h.targets("servers")...), h.anywhere(h.targets("servers")...), h.say("look: exactly one may answer master", "確認：master と答えるサーバーが一つだけであること"))
		for _, t := range h.targets("servers") {
			lines = append(lines, cli(t, "ROLE"))
		}
		return lines
	}
	if verb == "failover" || verb == "wait_failover" {
		return h.sentinel(verb)
	}
	t, ok := h.target(or(h.only("server", "from", "replica"), "server"))
	if !ok {
		return nil
	}
	kept := h.say("when CONFIG REWRITE is refused, a restart takes all of it back: change its configuration file by hand. A redis-cli older than 7 knows no -e: leave it out, and go on only at OK", "CONFIG REWRITE が拒否された場合、再起動で元に戻るため、設定ファイルを手で直す。7 より古い redis-cli には -e がないため省き、OK と表示された場合だけ進む")
	head := block(h.keyfile(t), h.anywhere(t))
	switch verb {
	case "status", "wait_caught_up":
		return block(head, cli(t, "INFO", "replication"))
	case "promote":
		return block(head, h.say("look: whom it follows, and since when its link is down", "確認：追従先と、接続が切れてからの時間"), cli(t, "INFO", "replication"),
			h.goOn("it says role:slave, and the old master is fenced or was seen to be gone: two masters lose data", "role:slave と答え、かつ旧マスターをフェンスしたか停止を確認した（マスターが2台になるとデータが失われる）"),
			chain(cli(t, "REPLICAOF", "NO", "ONE"), cli(t, "CONFIG", "REWRITE"), cli(t, "ROLE")), kept)
	case "fence":
		return block(head, h.say("look: both numbers", "確認：二つの値"), cli(t, "CONFIG", "GET", "min-replicas-*"),
			h.goOn("min-replicas-to-write is below 1000000000 (else it is fenced), and after typing WAS=NUMBER with it, or WAS=$((NUMBER + 500000000)) when min-replicas-max-lag is 0", "min-replicas-to-write が 1000000000 未満（以上ならフェンス済み）で、その値を WAS=値 と入力した（min-replicas-max-lag が 0 なら WAS=$((値 + 500000000))）"),
			chain(`test "${WAS:?}" -lt 1000000000`, `{ test "$WAS" -lt 500000000 || `+cli(t, "CONFIG", "SET", "min-replicas-max-lag", "10")+"; }",
				cli(t, "CONFIG", "SET", "min-replicas-to-write")+` "$((1000000000 + WAS))"`, cli(t, "CONFIG", "REWRITE"), cli(t, "CONFIG", "GET", "min-replicas-*")),
			kept, h.say("one that does not answer: kill -9 on its host, and write min-replicas-to-write 1000000000 into its configuration file", "応答しない場合はそのホストで kill -9 し、設定ファイルに min-replicas-to-write 1000000000 を書く"))
	case "unfence":
		var looks []string
		for _, o := range h.targets("others") {
			looks = append(looks, cli(o, "ROLE"))
		}
		return block(h.keyfile(append(h.targets("others"), t)...), h.anywhere(append(h.targets("others"), t)...),
			h.say("look: the fence, and that no other copy is a master (with none named here, you must know)", "確認：フェンスの値と、他にマスターがないこと（ここに記載がなければ自分で確かめる）"),
			cli(t, "CONFIG", "GET", "min-replicas-*"), looks, h.lowers(t, cli, kept))
	case "rejoin":
		f, there := h.target("follow")
		if !there {
			return nil
		}
		return block(h.keyfile(t, f), h.anywhere(t, f),
			h.say("look: %s must answer master, and hold data; %s is wiped and filled with them", "確認：%s が master と答え、データを持つこと。%s のデータは消え、その内容に置き換わる", f.name, t.name),
			cli(f, "ROLE"), cli(f, "DBSIZE"), cli(t, "ROLE"), cli(t, "DBSIZE"), cli(t, "CONFIG", "GET", "min-replicas-*"),
			h.goOn("that is so, %s takes no writes (fenced, or a replica), and nobody needs what it has beyond %s", "上のとおりで、%s が書き込みを受け付けず（フェンス済みかレプリカ）、%s にないデータを破棄してよい", t.name, f.name),
			chain(cli(t, "REPLICAOF", f.text("host"), or(f.text("port"), "6379")), cli(t, "CONFIG", "SET", "replica-read-only", "yes"), cli(t, "CONFIG", "REWRITE"), cli(t, "INFO", "replication")), kept,
			h.say("done when it says master_link_status:up. Then take off its fence, if it has one:", "master_link_status:up と表示されれば完了。フェンスがあれば続けて外す："), h.lowers(t, cli, ""))
	case "switchover":
		to, there := h.target("to")
		if !there {
			return nil
		}
		return block(h.keyfile(t, to), h.anywhere(t, to),
			h.say("look: %s is the master, %s its replica with state=online, at the address that the master shows for it", "確認：%s がマスター、%s がそのレプリカで state=online であり、マスターが示すアドレスが下のものと同じであること", t.name, to.name),
			cli(t, "INFO", "replication"), cli(to, "CONFIG", "GET", "min-replicas-*"),
			h.goOn("that is so, and min-replicas-to-write of %s is below 1000000000 (no fence)", "上のとおりで、%s の min-replicas-to-write が 1000000000 未満（フェンスなし）", to.name),
			cli(t, "FAILOVER", "TO", to.text("host"), or(to.text("port"), "6379"), "TIMEOUT", "60000"),
			h.say("look: again until it has handed over", "確認：引き渡しが終わるまで繰り返す"), cli(t, "ROLE"), cli(to, "ROLE"),
			h.goOn("%s answers slave and %s master", "%s が slave、%s が master と答えた", t.name, to.name),
			chain(cli(t, "CONFIG", "REWRITE"), cli(to, "CONFIG", "REWRITE")), kept)
	}
	return nil
}

// lowers takes a fence off. The fence is a number that says what was there before, as muster
// writes it: 1000000000, 500000000 when min-replicas-max-lag was 0, 100000000 when the
// configuration file has it, and what min-replicas-to-write was.
func (h *hand) lowers(t target, cli func(target, ...string) string, kept string) []string {
	return block(
		h.goOn("min-replicas-to-write is 1000000000 or more (the fence), no other copy is a master that this one would be one beside, and after typing N=NUMBER with it", "min-replicas-to-write が 1000000000 以上（フェンス）で、マスターが2台にならず、その値を N=値 と入力した"),
		chain(`test "${N:?}" -ge 1000000000`, cli(t, "CONFIG", "SET", "min-replicas-to-write")+` "$((N % 100000000))"`,
			`{ test "$((N % 1000000000))" -lt 500000000 || `+cli(t, "CONFIG", "SET", "min-replicas-max-lag", "0")+"; }",
			cli(t, "CONFIG", "REWRITE"), cli(t, "CONFIG", "GET", "min-replicas-*")), kept)
}

func (h *hand) sentinel(verb string) []string {
	t, ok := h.target("sentinel")
	if !ok || len(t.list("addresses")) == 0 {
		return nil
	}
	var looks []string
	first := ""
	for _, address := range t.list("addresses") {
		host, port, err := splitPort(address)
		if err != nil {
			return nil
		}
		looks = append(looks, redisCLI(t, host, port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", t.text("master")))
		if first == "" {
			first = redisCLI(t, host, port, "SENTINEL", "FAILOVER", t.text("master"))
		}
	}
	head := block(h.keyfile(t), h.anywhere(t))
	if verb == "wait_failover" {
		return block(head, h.say("look: most of them must name the new master", "確認：過半数が新しいマスターを答えること"), looks)
	}
	from, there := h.target("from")
	to, toThere := h.target("to")
	if !there || !toThere {
		return nil
	}
	cli := func(t target, command ...string) string {
		return redisCLI(t, t.text("host"), or(t.text("port"), "6379"), command...)
	}
	return block(h.keyfile(t, from, to), h.anywhere(t, from, to), h.say("look: %s is the master, and %s follows it with master_link_status:up", "確認：%s がマスターで、%s が master_link_status:up で追従していること", from.name, to.name),
		looks, cli(from, "INFO", "replication"), cli(to, "INFO", "replication"),
		h.goOn("that is so. Writes are held back for 60 seconds, so that none is lost; look that slave_repl_offset of %s reaches master_repl_offset of %s", "上のとおりである。失わないよう書き込みを60秒止める。%s の slave_repl_offset が %s の master_repl_offset に達したことを確認する", to.name, from.name),
		chain(cli(from, "CLIENT", "PAUSE", "60000", "WRITE"), cli(from, "INFO", "replication"), cli(to, "INFO", "replication")),
		h.goOn("both offsets are the same, and the 60 seconds are not over", "両方のオフセットが同じで、60秒以内"), first,
		h.say("look: they must name %s", "確認：%s を答えること", to.name), looks)
}

// redisCLI is one command. With -e an answer that is an error ends the chain.
func redisCLI(t target, host, port string, command ...string) string {
	argv := []string{"redis-cli", "-e", "-h", host, "-p", port}
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
	if t.text("cert") != "" {
		argv = append(argv, "--cert", t.text("cert"), "--key", t.keyfile())
	}
	if t.text("server_name") != "" {
		argv = append(argv, "--sni", t.text("server_name"))
	}
	return words(append(argv, command...))
}

// keyfile stands for the file with a client certificate's key, which the estate has as a secret.
func (t target) keyfile() string { return "KEYFILE-" + t.name }

// keyfile says what to put in for it.
func (h *hand) keyfile(ts ...target) string {
	var names []string
	for _, t := range ts {
		if t.text("cert") != "" {
			names = append(names, t.keyfile())
		}
	}
	if len(names) == 0 {
		return ""
	}
	return h.say("put in for %s the file with the private key of its certificate", "%s は、その証明書の秘密鍵のファイルに書き換える", strings.Join(names, ", "))
}
