package book

import "strings"

const (
	readOnlyOn  = "SET GLOBAL read_only = ON /*!80000 , PERSIST super_read_only = ON, PERSIST read_only = ON */"
	readOnlyOff = "SET GLOBAL read_only = OFF /*!80000 , PERSIST super_read_only = OFF, PERSIST read_only = OFF */"
	position    = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('gtid_current_pos', 'gtid_executed')"
	// applied is true when all that a replica has received is applied, whatever the flavour
	// calls its columns.
	applied = `awk '
/^ *(Slave|Replica)_SQL_Running:/ { run = $2 }
/^ *(Master|Source)_Log_File:/ { file = $2 }
/^ *Read_(Master|Source)_Log_Pos:/ { pos = $2 }
/^ *Relay_(Master|Source)_Log_File:/ { done = $2 }
/^ *Exec_(Master|Source)_Log_Pos:/ { at = $2 }
END { exit !(run == "Yes" && file != "" &&
  file == done && pos == at) }'`
)

func (h *hand) mysql(verb string) []string {
	if verb == "single_writer" {
		lines := []string{h.anywhere(h.targets("servers")...), h.say("look: exactly one may answer 0", "確認：0 と答えるサーバーが一つだけであること")}
		for _, t := range h.targets("servers") {
			lines = append(lines, mysqlClient(t, "SELECT @@global.read_only"))
		}
		return lines
	}
	t, ok := h.target(or(h.only("server", "from"), "server"))
	if !ok {
		return nil
	}
	lines := h.mysqlOf(verb, t)
	if tls := t.text("tls"); len(lines) > 0 && (tls == "require" || tls == "verify-full") {
		lines = append([]string{h.say("tls: %s: MySQL's client takes --ssl-mode=%s, MariaDB's %s; add it after mysql", "tls: %s：mysql の直後に、MySQLのクライアントなら --ssl-mode=%s、MariaDBなら %s を付ける", tls,
			map[string]string{"require": "REQUIRED", "verify-full": "VERIFY_IDENTITY"}[tls], map[string]string{"require": "--ssl", "verify-full": "--ssl-verify-server-cert"}[tls])}, lines...)
	}
	return lines
}

func (h *hand) mysqlOf(verb string, t target) []string {
	fence := t.text("config") + ".fence.json"
	switch verb {
	case "promote":
		return h.mysqlPromote(t)
	case "fence":
		return h.mysqlFence(t)
	case "unfence":
		return h.mysqlUnfence(t)
	case "status", "wait_caught_up":
		return block(h.anywhere(t), mysqlClient(t, `SELECT @@global.read_only; SHOW REPLICA STATUS\G`))
	case "keep_role":
		if t.text("config") == "" {
			return h.unnamed("config (" + t.name + ")")
		}
		return block(h.on(t), h.say("look: 1 is read-only", "確認：1 は読み取り専用"), mysqlClient(t, "SELECT @@global.read_only"),
			h.goOn("that is what it shall be after a restart too; of these two only the one that fits does something", "再起動後もその役割でよい（次の二つのうち、該当する方だけが働く）"),
			chain(isReadOnly(t, "1"), t.keepsReadOnly(true)), chain(isReadOnly(t, "0"), t.keepsReadOnly(false)))
	case "rejoin":
		f, there := h.target("follow")
		if !there {
			return nil
		}
		return block(h.anywhere(t, f), h.mysqlRejoin(t, f))
	case "switchover":
		to, there := h.target("to")
		if !there {
			return nil
		}
		return h.mysqlSwitchover(t, to)
	case "start":
		if len(t.list("start")) == 0 {
			return h.unnamed("start (" + t.name + ")")
		}
		guard := ""
		if t.text("config") != "" {
			guard = words([]string{"sudo", "test", "!", "-e", fence})
		}
		return block(h.on(t), h.say("nothing is started where muster's fence is: take the fence off first, or rejoin the server", "musterのフェンスがある場合は起動しない。先にフェンスを外すか、レプリカとして復帰させる"),
			chain(guard, words(t.list("start")), mysqlClient(t, "SELECT @@global.read_only")))
	case "stop":
		if len(t.list("stop")) == 0 {
			return h.unnamed("stop (" + t.name + ")")
		}
		return block(h.on(t), words(t.list("stop")))
	}
	return nil
}

// mysqlPromote never lets a replica forget whom it followed, and with that what it received,
// before all of that is applied.
func (h *hand) mysqlPromote(t target) []string {
	return block(h.anywhere(t),
		h.say("look: whom it follows, and whether it applies without an error", "確認：追従先と、エラーなく適用していること"),
		mysqlClient(t, `SELECT @@global.read_only; SHOW REPLICA STATUS\G`),
		h.goOn("it follows somebody, Last_SQL_Errno is 0, and the old primary is fenced or was seen to be gone", "追従先があり、Last_SQL_Errno が 0 で、旧プライマリをフェンスしたか停止を確認した"),
		mysqlClient(t, "STOP REPLICA IO_THREAD"),
		h.applies(t))
}

// applies promotes a replica whose receiver was stopped.
func (h *hand) applies(t target, guards ...string) []string {
	return block(h.anywhere(t),
		h.say("%s is promoted only when all that it received is applied. When no 0 is shown, it still applies: paste this block again. Never force it: RESET REPLICA ALL throws away what is not applied", "%s は、受信済みの変更をすべて適用した場合に限り昇格される。0 が表示されなければ適用中のため、このブロックを再実行する。強行しない（RESET REPLICA ALL は未適用の変更を破棄する）", t.name),
		chain(append(guards, mysqlClient(t, `SHOW REPLICA STATUS\G`)+" | "+applied,
			mysqlClient(t, "STOP REPLICA; "+readOnlyOff+"; RESET REPLICA ALL; SELECT @@global.read_only"))...),
		h.goOn("it answered 0", "0 と答えた"), h.keeps(t, false))
}

// keeps has the role outlast a restart: MySQL does that by itself (PERSIST), MariaDB by a file.
func (h *hand) keeps(t target, readOnly bool) []string {
	if t.text("config") == "" {
		return []string{h.say("MySQL keeps that over a restart; MariaDB only with read_only in its last option file on %s (%s): look there", "MySQLは再起動後も保持する。MariaDBは %s（%s）で最後に読まれるオプションファイルの read_only に従うため、確認して修正する", t.name, h.place(t.site))}
	}
	lines := []string{t.keepsReadOnly(true)}
	if !readOnly { // never of one that was not promoted: its restart would be one as a second primary
		lines = chain(isReadOnly(t, "0"), t.keepsReadOnly(false))
	}
	return block(h.on(t), h.say("so that it holds after a restart too (MariaDB)", "再起動後も保つため（MariaDB）"), lines)
}

func (h *hand) mysqlFence(t target) []string {
	var stop []string
	if h.text("stop") == "true" {
		stop = block(h.on(t), h.say("and stop it", "さらに停止する"), words(t.list("stop")))
		if len(t.list("stop")) == 0 {
			stop = []string{h.say("and stop it: the estate does not say how", "さらに停止する（方法は構成台帳に記載がない）")}
		}
	}
	return block(h.keeps(t, true), h.anywhere(t),
		chain(mysqlClient(t, readOnlyOn+"; SELECT @@global.read_only"), mysqlClient(t, "SET GLOBAL event_scheduler = OFF")),
		h.say("fenced when it answers 1. On MariaDB accounts with SUPER or READ_ONLY ADMIN write all the same: look at SHOW PROCESSLIST, end their sessions (KILL n) and stop their programs. One that does not answer: kill -9 on its host", "1 と答えればフェンス完了。MariaDBでは SUPER や READ_ONLY ADMIN を持つアカウントは書き込めるため、SHOW PROCESSLIST で確認し、接続を切り（KILL n）、接続元を止める。応答しない場合はそのホストで kill -9 する"),
		stop)
}

func (h *hand) mysqlUnfence(t target) []string {
	var guards, looks []string
	for _, o := range h.targets("others") {
		looks = append(looks, mysqlClient(o, "SELECT @@global.read_only"))
		guards = append(guards, isReadOnly(o, "1"))
	}
	guards = append(guards, `test -z "$(`+mysqlClient(t, `SHOW REPLICA STATUS\G`)+`)"`)
	where, forget, last := h.anywhere(append(h.targets("others"), t)...), "", h.keeps(t, false)
	if c := t.text("config"); c != "" {
		where, forget, last = h.on(t), t.keepsReadOnly(false)+" && "+words([]string{"sudo", "rm", "-f", c + ".fence.json"}), nil
	}
	return block(where,
		h.say("look: each other copy must answer 1 (with none named here, you must know), and %s show no replica's status: a replica stays one", "確認：他のすべてのサーバーが 1 と答え（ここに記載がなければ自分で確かめる）、%s にレプリカの状態が表示されないこと（レプリカはそのままにする）", t.name),
		looks, mysqlClient(t, `SELECT @@global.read_only; SHOW REPLICA STATUS\G`),
		h.goOn("that is so. One that does not answer: only when it was seen to be down; leave its line out below", "上のとおりである。応答しないサーバーは停止を確認できた場合に限り、下のその行を除いて進む"),
		chain(append(guards, mysqlClient(t, readOnlyOff+"; SELECT @@global.read_only"), forget)...), last,
		h.say("done when it answers 0. Scheduled events run again with: SET GLOBAL event_scheduler = ON", "0 と答えれば完了。スケジュールイベントを再開するには：SET GLOBAL event_scheduler = ON"))
}

// mysqlRejoin is no command: it takes a judgement and a password.
func (h *hand) mysqlRejoin(t, follow target) []string {
	return block(h.say("look: both positions", "確認：両サーバーの位置"), chain(mysqlClient(t, position), mysqlClient(follow, position)),
		h.say("no command can be given for the rest: a person has to judge whether %s has transactions that %s lacks (then it is rebuilt from a dump, and they are lost), and CHANGE MASTER / CHANGE REPLICATION SOURCE takes the password of replication. Until then leave %s read-only", "以降のコマンドは示せない。%s にあって %s にないトランザクションの有無を人が判断する必要があり（ある場合はダンプから再構築し、それらは失われる）、CHANGE MASTER / CHANGE REPLICATION SOURCE にはレプリケーション用のパスワードが要る。それまで %s は読み取り専用のままにする", t.name, follow.name, t.name))
}

func (h *hand) mysqlSwitchover(from, to target) []string {
	// Made sure of in each chain that acts: that the one can't write, and the other has it all.
	halted, same := isReadOnly(from, "1"), `test "$(`+mysqlAsks(from, position)+`)" = "$(`+mysqlAsks(to, position)+`)"`
	return block(h.anywhere(from, to),
		h.say("look: %s must answer 0, %s 1 and follow it without an error", "確認：%s が 0、%s が 1 と答え、エラーなく追従していること", from.name, to.name),
		chain(mysqlClient(from, "SELECT @@global.read_only"), mysqlClient(to, `SELECT @@global.read_only; SHOW REPLICA STATUS\G`)),
		h.goOn("that is so; from here on nobody can write", "上のとおりである（ここから書き込みが止まる）"),
		h.mysqlFence(from),
		h.say("look: both positions must be the same. To go back: take the fence off %s", "確認：両サーバーの位置が同じであること。元に戻すには %s のフェンスを外す", from.name),
		h.anywhere(from, to),
		chain(mysqlClient(from, position), mysqlClient(to, position)),
		h.goOn("they are the same", "両方が同じである"),
		chain(halted, same, mysqlClient(to, "STOP REPLICA IO_THREAD")),
		h.applies(to, halted, same),
		h.anywhere(from, to), h.mysqlRejoin(from, to))
}

// isReadOnly is true when the server answers so: 1 or 0.
func isReadOnly(t target, want string) string {
	return `test "$(` + mysqlAsks(t, "SELECT @@global.read_only") + `)" = ` + want
}

func mysqlClient(t target, statement string) string {
	return words(mysqlArgv(t, "-e", statement))
}

// mysqlAsks prints values and no names.
func mysqlAsks(t target, statement string) string {
	return words(mysqlArgv(t, "-N", "-B", "-e", statement))
}

func mysqlArgv(t target, rest ...string) []string {
	argv := []string{"mysql", "-h", t.text("host"), "-P", or(t.text("port"), "3306"), "-u", or(t.text("user"), "root")}
	if t.secret("password") {
		argv = append(argv, "-p")
	}
	return append(argv, rest...)
}

// keepsReadOnly writes the option file that muster keeps a server's role in.
func (t target) keepsReadOnly(on bool) string {
	text := `[mysqld]\nread_only = OFF\nloose_super_read_only = OFF\n`
	if on {
		text = `[mysqld]\nread_only = ON\nloose_super_read_only = ON\nevent_scheduler = OFF\n`
	}
	return "printf " + quote(text) + " | sudo tee " + quote(strings.TrimSpace(t.text("config")))
}
