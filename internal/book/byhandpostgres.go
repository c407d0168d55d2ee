package book

import (
	"path"
	"strings"

	"github.com/muster-dr/muster/internal/pgcluster"
)

const inRecovery = "SELECT pg_is_in_recovery()"

func (h *hand) postgres(verb string) []string {
	t, ok := h.target(or(h.only("server", "standby", "from", "to"), "server"))
	if verb == "single_writer" {
		lines := []string{h.anywhere(h.targets("servers")...), h.say("look: exactly one may answer f", "確認：f と答えるサーバーが一つだけであること")}
		for _, t := range h.targets("servers") {
			lines = append(lines, psql(t, inRecovery))
		}
		return lines
	}
	if !ok {
		return nil
	}
	switch verb {
	case "status":
		return block(h.anywhere(t), psql(t, "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()"))
	case "caught_up":
		return block(h.anywhere(t), psql(t, "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), now() - pg_last_xact_replay_timestamp()"))
	case "promote":
		return block(h.anywhere(t),
			h.say("look: whom it follows, and how far it is", "確認：追従先と進み具合"),
			psql(t, "SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()", "SELECT status, sender_host, sender_port, latest_end_lsn FROM pg_stat_wal_receiver"),
			h.goOn("it answers t, and the old primary is fenced or was seen to be gone: two primaries lose data", "t と答え、かつ旧プライマリをフェンスしたか停止を確認した（プライマリが2台になるとデータが失われる）"),
			chain(psql(t, "SELECT pg_promote(true, 60)"), psql(t, inRecovery)),
			h.say("done when the last answer is f", "最後の応答が f なら完了"))
	}
	if t.text("data") == "" {
		return h.unnamed("data (" + t.name + ")")
	}
	switch verb {
	case "fence":
		return block(h.on(t), t.programs(h),
			h.say("first what makes every later start a read-only one, then the stop", "先に、以後の起動を読み取り専用にし、それから停止する"),
			chain(t.as("touch", t.signal()), t.stopsIfRunning()),
			h.say("look: it is fenced when it says that no server is running. One that does not stop: -m immediate instead of -m fast; one that is frozen: kill -9 of its processes", "確認：no server running と表示されればフェンス完了。停止しない場合は -m fast を -m immediate に変える。凍結している場合はプロセスを kill -9 する"),
			t.pgCtl("status"))
	case "stop":
		return block(h.on(t), t.programs(h), t.pgCtl("-m", or(h.text("mode"), "fast"), "-w", "stop"), t.pgCtl("status"))
	case "start":
		return block(h.on(t), t.programs(h),
			chain(t.unfenced(), t.starts(), psql(t, inRecovery)),
			h.say("f is a primary, t a standby. Nothing is started where muster's fence is: rejoin the server instead, or take the fence off", "f はプライマリ、t はスタンバイ。musterのフェンスがある場合は起動しない。スタンバイとして復帰させるか、フェンスを外す"))
	case "unfence":
		return h.postgresUnfence(t)
	case "rejoin":
		if f, there := h.target("follow"); there {
			return h.postgresRejoin(t, f)
		}
	case "switchover":
		if to, there := h.target("to"); there {
			return h.postgresSwitchover(t, to)
		}
	}
	return nil
}

func (h *hand) postgresUnfence(t target) []string {
	var guards []string
	others := h.targets("others")
	for _, o := range others {
		guards = append(guards, answers(o, inRecovery, "t"))
	}
	look := []string{h.say("look: no other copy of the database may take writes; the plan names none here, so you must know", "確認：同じデータベースの他のサーバーが書き込みを受け付けていないこと。計画に記載がないため、自分で確かめる")}
	if len(others) > 0 {
		look = []string{h.say("look: each of these must answer t; two primaries lose data", "確認：次のすべてが t と答えること（プライマリが2台になるとデータが失われる）")}
		for _, o := range others {
			look = append(look, psql(o, inRecovery))
		}
	}
	return block(h.on(t), t.programs(h), look,
		h.goOn("that is so. One that does not answer: only when it was seen to be down; leave its line out below", "上のとおりである。応答しないサーバーは停止を確認できた場合に限り、下のその行を除いて進む"),
		chain(append(guards, t.stopsIfRunning(), t.as("rm", "-f", t.signal()), t.starts(), answers(t, inRecovery, "f"), t.as("rm", "-f", t.marker()))...))
}

// postgresRejoin makes a server on its own host a standby of another.
func (h *hand) postgresRejoin(t, follow target) []string {
	if h.text("method") == "basebackup" {
		return h.none("building %s anew replaces its data: look whether anybody still needs %s, move it aside, and copy %s there with pg_basebackup -R into an empty directory", "%s の再構築はデータの置き換えになる。%s が不要か確認して退避し、%s から空のディレクトリへ pg_basebackup -R で複製する", t.name, t.text("data"), follow.name)
	}
	return block(h.on(t), t.programs(h),
		h.say("look: %s must answer f", "確認：%s が f と答えること", follow.name), psql(follow, inRecovery),
		h.goOn("it answers f, and nobody needs what %s wrote that %s does not have: it is thrown away (copy %s first if in doubt)", "f と答え、かつ %s にあって %s にない書き込みを破棄してよい（迷う場合は先に %s を複製する）", t.name, follow.name, t.text("data")),
		h.follows(t, follow))
}

// follows is the part of a rejoin that acts. standby.signal is there before anything else and
// after whatever becomes of pg_rewind, which may take it away: nobody's start may be one as a
// second primary, and least of all one of data that were rewound by half.
func (h *hand) follows(t, follow target) []string {
	source := follow.conninfo()
	rewind := []string{"pg_rewind", "-D", t.text("data"), "--source-server", source, "--write-recovery-conf", "--no-ensure-shutdown"}
	single := []string{"postgres", "--single", "-D", t.text("data")}
	if c := t.text("config"); c != "" {
		single = append(single, "-c", "config_file="+c)
	}
	slot := or(t.text("slot"), pgcluster.SlotName(t.name))
	touch := t.as("touch", t.signal())
	control := t.as("env", "LC_ALL=C", t.program("pg_controldata"), t.text("data"))
	return block(
		h.say("pg_rewind asks for no password: put that of %s into ~/.pgpass of %s first (HOST:PORT:*:USER:PASSWORD, mode 600)", "pg_rewind はパスワードを尋ねない。先に %s のパスワードを %s の ~/.pgpass に書く（HOST:PORT:*:USER:PASSWORD、モード 600）", follow.name, or(t.text("run_as"), "postgres")),
		chain(
			answers(follow, inRecovery, "f"),
			touch,
			t.stopsIfRunning(),
			psql(follow, "CHECKPOINT", "SELECT pg_create_physical_replication_slot('"+slot+"') WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '"+slot+"')"),
			"{ "+control+" | grep 'cluster state:.*shut down' || { "+control+" | grep 'cluster state:.*in production' && "+t.as("rm", "-f", t.signal())+" && "+t.as(append(single, "template1")...)+" </dev/null; "+touch+"; }; }",
			"{ "+t.as(rewind...)+"; R=$?; "+touch+"; test $R = 0; }",
			"echo "+quote("primary_slot_name = '"+slot+"'")+" | "+t.as("tee", "-a", t.text("data")+"/postgresql.auto.conf"),
			t.starts(),
			answers(t, inRecovery, "t"),
			t.as("rm", "-f", t.marker()),
			psql(follow, "SELECT application_name, state, replay_lsn FROM pg_stat_replication")),
		h.say("done when %s is listed as streaming. When pg_rewind fails, do not start %s: its data are no use, and have to be copied anew from %s", "%s が streaming と表示されれば完了。pg_rewind が失敗した場合は %s を起動しない。データは使えないため %s から複製し直す", t.name, t.name, follow.name))
}

func (h *hand) postgresSwitchover(from, to target) []string {
	control := from.as("env", "LC_ALL=C", from.program("pg_controldata"), from.text("data"))
	return block(h.on(from), from.programs(h),
		h.say("look: %s must answer f, %s t and streaming", "確認：%s が f、%s が t と streaming を返すこと", from.name, to.name),
		chain(psql(from, inRecovery), psql(to, "SELECT pg_is_in_recovery(), status FROM pg_stat_wal_receiver")),
		h.goOn("that is so; from here on nobody can write", "上のとおりである（ここから書き込みが止まる）"),
		h.on(from),
		chain(answers(from, inRecovery, "f"), answers(to, inRecovery, "t"), psql(from, "CHECKPOINT"), from.as("touch", from.signal()), from.pgCtl("-m", "fast", "-w", "stop"), control+" | grep 'cluster state:  *shut down$'"),
		h.goOn("it ended with \"shut down\". To go back: %s && %s", "shut down と表示された。元に戻すには：%s && %s", from.as("rm", "-f", from.signal()), from.starts()),
		h.say("%s is promoted only when it has all that %s wrote. When no t is shown, it lacks the rest: paste this block again, or go back", "%s は、%s の書き込みをすべて受け取っている場合に限り昇格される。t が表示されなければ不足しているため、このブロックを再実行するか元に戻す", to.name, from.name),
		chain(control+" | grep 'cluster state:  *shut down$'",
			"END=$("+control+" | sed -n 's/^Latest checkpoint location: *//p')",
			`test -n "$END"`,
			`test "$(`+psqlAsks(to, `"SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() > '$END'::pg_lsn"`)+`)" = t`,
			psql(to, "SELECT pg_promote(true, 60)"), answers(to, inRecovery, "f")),
		h.goOn("%s answers f to: %s", "%s が次に f と答えた：%s", to.name, psql(to, inRecovery)),
		h.on(from), h.follows(from, to))
}

func (h *hand) sql(verb string) []string {
	t, ok := h.target("server")
	statement := or(h.text("statement"), h.text("query"))
	if !ok || statement == "" {
		return nil
	}
	if len(h.list("args")) > 0 {
		return h.none("its values ($1, $2) go in apart from it: look at args above, and run it with psql's \\bind (16 or later) or PREPARE", "値（$1、$2）は文と別に渡される。上の args を確認し、psql の \\bind（16以降）か PREPARE で実行する")
	}
	if db := h.text("database"); db != "" {
		t.with["database"] = db
	}
	if verb == "query" {
		lines := block(h.anywhere(t), "PGOPTIONS='-c default_transaction_read_only=on' "+psql(t, statement))
		if e := h.text("expect"); e != "" {
			lines = append(lines, h.say("it must hold: %s", "満たすべき条件：%s", e))
		}
		return lines
	}
	if look := h.text("look_sql"); look != "" {
		return block(h.anywhere(t), h.say("look: is it done already?", "確認：すでに実行済みか"), psql(t, look),
			h.goOn("it does not answer t yet", "まだ t と答えない"), chain(psql(t, statement), psql(t, look)))
	}
	return block(h.anywhere(t), h.say("once only: look first whether it was done already", "1回だけ実行する。先に、実行済みでないか確認する"), psql(t, statement))
}

func (t target) conninfo() string {
	out := "host=" + libpq(t.text("host")) + " port=" + or(t.text("port"), "5432") + " user=" + libpq(or(t.text("user"), "postgres")) + " dbname=" + libpq(or(t.text("database"), "postgres"))
	if m := t.text("sslmode"); m != "" && m != "prefer" {
		out += " sslmode=" + m
	}
	for _, f := range [][2]string{{"sslrootcert", "ca_file"}, {"sslcert", "cert_file"}, {"sslkey", "key_file"}} {
		if file := t.text(f[1]); file != "" {
			out += " " + f[0] + "=" + libpq(file)
		}
	}
	return out
}

// libpq writes a value as a connection string takes it.
func libpq(v string) string {
	if v != "" && !strings.ContainsAny(v, ` '\`) {
		return v
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v) + "'"
}

// psql runs statements, each by itself, and ends at the first that fails.
func psql(t target, statements ...string) string {
	argv := []string{"psql", "-v", "ON_ERROR_STOP=1", t.conninfo()}
	for _, s := range statements {
		argv = append(argv, "-c", s)
	}
	return words(argv)
}

// psqlAsks prints one value. The statement is given as the shell has to read it.
func psqlAsks(t target, statement string) string {
	return words([]string{"psql", "-XAt", t.conninfo(), "-c"}) + " " + statement
}

// answers is true when the server answers so.
func answers(t target, statement, want string) string {
	return `test "$(` + psqlAsks(t, quote(statement)) + `)" = ` + want
}

// as runs a program of the server, or of the system, as the user whom the server runs as.
func (t target) as(argv ...string) string {
	argv[0] = t.program(argv[0])
	return words(append([]string{"sudo", "-u", or(t.text("run_as"), "postgres")}, argv...))
}

// program is where a server's own program lies.
func (t target) program(name string) string {
	switch name {
	case "pg_ctl", "pg_rewind", "pg_controldata", "postgres":
		if bin := t.text("bin"); bin != "" {
			return strings.TrimSuffix(bin, "/") + "/" + name
		}
	}
	return name
}

// programs says where they lie when the estate does not.
func (t target) programs(h *hand) string {
	if t.text("bin") != "" {
		return ""
	}
	return h.say("where pg_ctl is not found, write it with its directory (Debian, Ubuntu: /usr/lib/postgresql/VERSION/bin)", "pg_ctl が見つからない場合はディレクトリを付ける（Debian・Ubuntu：/usr/lib/postgresql/VERSION/bin）")
}

func (t target) pgCtl(rest ...string) string {
	argv := []string{"pg_ctl", "-D", t.text("data")}
	if c := t.text("config"); c != "" {
		argv = append(argv, "-o", "-c config_file="+c)
	}
	return t.as(append(argv, rest...)...)
}

func (t target) signal() string { return strings.TrimSuffix(t.text("data"), "/") + "/standby.signal" }

// home is the folder of the configuration, where muster keeps its notes.
func (t target) home() string {
	if c := t.text("config"); c != "" {
		return path.Dir(c)
	}
	return strings.TrimSuffix(t.text("data"), "/")
}

// marker is muster's note of its fence: it keeps muster from starting the server.
func (t target) marker() string { return t.home() + "/muster-fence.json" }

func (t target) unfenced() string { return t.as("test", "!", "-e", t.marker()) }

func (t target) starts() string { return t.pgCtl("-l", t.home()+"/server.log", "-w", "start") }

// stopsIfRunning is true when nothing runs afterwards; pg_ctl status says 3 when nothing does.
func (t target) stopsIfRunning() string {
	return "{ " + t.pgCtl("status") + "; case $? in 0) " + t.pgCtl("-m", "fast", "-w", "stop") + ";; 3) true;; *) false;; esac; }"
}
