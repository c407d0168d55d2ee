package book

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// variables are what a program is given before its command: those whose values are secrets are
// taken from the shell, which stops where one is not there. ask says which to ask for.
func (h *hand) variables(plain, secret any) (line, ask string, ok bool) {
	var out, names []string
	m, _ := plain.(map[string]any)
	for k, v := range m {
		out = append(out, k+"="+quote(textOf(v)))
	}
	s, _ := secret.(map[string]any)
	for k := range s {
		names = append(names, k)
		out = append(out, k+`="${`+k+`:?}"`)
	}
	slices.Sort(out)
	slices.Sort(names)
	for _, a := range out {
		if name, _, _ := strings.Cut(a, "="); !variable.MatchString(name) {
			return "", "", false
		}
	}
	if len(names) > 0 {
		ask = h.say("first, for each of %s (ask for it): stty -echo; read -r NAME; stty echo", "先に %s のそれぞれについて（値は管理者に尋ねる）：stty -echo; read -r 変数名; stty echo", strings.Join(names, ", "))
	}
	if len(out) > 0 {
		line = strings.Join(out, " ") + " "
	}
	return line, ask, true
}

// fed gives a program its standard input, to the byte.
func fed(stdin, command string) string {
	switch {
	case stdin == "":
		return command
	case strings.HasSuffix(stdin, "\n") && !slices.Contains(strings.Split(stdin, "\n"), "END"):
		return command + " <<'END'\n" + stdin + "END"
	}
	return "printf %s " + quote(stdin) + " | " + command
}

// program is exec.* and ssh.run and ssh.check.
func (h *hand) program(uses string) []string {
	argv, remote := h.list("argv"), strings.HasPrefix(uses, "ssh.")
	if len(argv) == 0 || uses == "ssh.copy" {
		return nil
	}
	env, ask, ok := h.variables(h.with["env"], h.with["secret_env"])
	if !ok {
		return h.none("a shell can't set variables of such names: look at env above, and start the program with env(1)", "シェルで設定できない変数名がある。上の env を確認し、env(1) で起動する")
	}
	where, run := h.here(), func(argv []string, stdin string) string {
		line := fed(stdin, env+words(argv))
		if dir := h.text("dir"); dir != "" {
			line = "( cd " + quote(dir) + " && " + strings.TrimSuffix(line, "\n")
			if strings.HasSuffix(line, "\nEND") {
				return line + "\n)"
			}
			return line + " )"
		}
		return line
	}
	if remote {
		t, ok := h.target("host")
		if !ok {
			return nil
		}
		where = h.anywhere(t)
		run = func(argv []string, stdin string) string {
			return fed(stdin, words([]string{"ssh", "-p", or(t.text("port"), "22"), t.text("user") + "@" + t.text("host"), env + words(argv)}))
		}
	}
	var expect string
	if codes := h.list("expect"); len(codes) > 0 && !slices.Equal(codes, []string{"0"}) {
		expect = h.say("exit codes that mean success: %s", "成功とみなす終了コード：%s", strings.Join(codes, ", "))
	}
	act := strings.Split(run(argv, h.text("stdin")), "\n")
	look := h.list("look")
	switch {
	case !strings.HasSuffix(uses, ".run"):
		return block(where, ask, act, expect)
	case len(look) == 0:
		return block(where, ask, h.say("once only: look first whether it was done already", "1回だけ実行する。先に、実行済みでないか確認する"), act, expect)
	}
	return block(where, ask, h.say("look: is it so already?", "確認：すでに目的の状態か"), run(look, "")+"; echo $?",
		h.goOn("it ends with 1 (0: it is so already)", "最後に 1 と表示された（0 なら実行済み）"), act, expect,
		h.say("look: it must end with 0 now", "確認：0 と表示されること"), run(look, "")+"; echo $?")
}

func (h *hand) process(verb string) []string {
	t, ok := h.target("process")
	if !ok {
		return nil
	}
	state := strings.TrimSuffix(or(t.text("state"), "/var/lib/muster/processes"), "/")
	marker := "MUSTER_PROCESS=" + state + "/" + t.name
	pidFile, exe := t.text("pid_file"), t.text("executable")
	// show lists the process, or those that carry muster's mark.
	show := `for f in $(grep -lsazxF -- ` + quote(marker) + ` /proc/[0-9]*/environ); do p=${f#/proc/}; ps -o pid=,args= -p "${p%/environ}"; done`
	if pidFile != "" {
		show = `ps -o pid=,args= -p "$(head -n 1 ` + quote(pidFile) + `)"`
	}
	here := block(h.here(), h.say("as its own user, or as root", "そのプログラムのユーザーか root で"))
	switch verb {
	case "status", "wait":
		return block(here, show)
	case "start":
		return h.processStart(t, state, marker, here, show)
	case "stop", "kill":
	default:
		return nil
	}
	kill := "kill"
	if verb == "kill" {
		kill = "kill -9"
	}
	end := h.say("look again until it is gone", "確認：なくなるまで繰り返す")
	if verb == "stop" {
		end = h.say("look again until it is gone; after %s, the same with kill -9", "確認：なくなるまで繰り返す。%s 経過しても残る場合は同じことを kill -9 で行う", or(h.text("grace"), "10s"))
	}
	if pidFile == "" || exe == "" {
		return block(here, h.say("look: its processes. No command can be given that ends them unseen: a number may be a stranger's by now", "確認：該当するプロセス。番号はすでに別のプロセスのものかもしれないため、確認せずに終了させるコマンドは示せない"), show,
			h.goOn("a line shows %s; then with its number: %s NUMBER", "%s が表示された。その番号で：%s 番号", or(strings.Join(t.list("argv"), " "), t.name), kill))
	}
	guards := []string{"PID=$(head -n 1 " + quote(pidFile) + ")", `ps -o args= -p "$PID"`, `test "$(readlink "/proc/$PID/exe")" = "$(readlink -f ` + quote(exe) + `)"`}
	for _, w := range t.list("words") {
		guards = append(guards, `ps -o args= -p "$PID" | grep -qF -e `+quote(w))
	}
	return block(here, h.say("look: the number in its pid file must be that of %s, and not a stranger's", "確認：PID ファイルの番号が別のプロセスではなく %s のものであること", exe), show,
		h.goOn("that is so (it is made sure of once more)", "上のとおりである（実行時にもう一度確かめる）"), chain(append(guards, kill+` "$PID"`)...), end, show)
}

func (h *hand) processStart(t target, state, marker string, here []string, show string) []string {
	argv := t.list("argv")
	if len(argv) == 0 {
		return h.unnamed("argv (" + t.name + ")")
	}
	env, ask, ok := h.variables(t.with["env"], t.with["secret_env"])
	if !ok {
		return h.none("a shell can't set variables of such names: look at env of %s in the estate, and start it with env(1)", "シェルで設定できない変数名がある。構成台帳の %s の env を確認し、env(1) で起動する", t.name)
	}
	log := quote(state + "/" + t.name + ".log")
	var listens string
	if host, port, err := splitPort(h.text("listen")); err == nil {
		listens = words([]string{"nc", "-z", "-w", "5", host, port})
	}
	name, value, _ := strings.Cut(marker, "=")
	return block(here, ask, h.say("look: does it run already?", "確認：すでに動いていないか"), show,
		h.goOn("nothing is shown", "何も表示されない"),
		fmt.Sprintf("( mkdir -p -m 700 %s && cd %s && { %s%s=%s nohup %s </dev/null >>%s 2>&1 & } )", quote(state), quote(or(t.text("dir"), "/")), env, name, quote(value), words(argv), log),
		h.say("look: does it run, and go on running? What it prints is in %s", "確認：動き続けているか。出力は %s にある", log), show, listens)
}

func (h *hand) systemd(verb string) []string {
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
		return h.none("its systemd is reached at %s: log in there as its user, and look at %s with systemctl --user", "systemd は %s にある。そのユーザーでログインし、systemctl --user で %s を確認する", bus, t.text("unit"))
	}
	unit := t.text("unit")
	ctl := func(rest ...string) string { return words(append(slices.Clone(argv), rest...)) }
	here := block(h.here(), h.say("as root, or with sudo", "root で、または sudo を付けて"))
	if len(argv) > 1 {
		here = block(h.here(), h.say("as the site worker's user", "拠点ワーカーのユーザーで"))
	}
	status := h.say("look:", "確認：")
	after := func(word string) []string {
		return []string{h.say("done when it says %s:", "%s と表示されれば完了：", word), ctl("is-active", unit)}
	}
	var dependants []string
	for _, d := range h.list("dependants") {
		dependants = append(dependants, ctl("start", d))
	}
	down := block(status, ctl("show", "-p", "ActiveState,TriggeredBy", unit), ctl("list-dependencies", "--reverse", unit),
		h.goOn("no socket, timer or path brings it back that shall not, and what needs it may go down with it (%s)", "意図しないソケット・タイマー・パスによって起動されず、依存するユニットも停止してよい（%s）", or(strings.Join(h.list("dependants"), ", "), "-")))
	switch verb {
	case "status", "wait_active":
		return block(h.here(), ctl(map[string]string{"status": "status", "wait_active": "is-active"}[verb], unit))
	case "start":
		return block(here, status, ctl("show", "-p", "LoadState,ActiveState", unit), h.goOn("it is not masked", "masked ではない"),
			chain(append([]string{ctl("start", unit)}, dependants...)...), after("active"))
	case "restart":
		return block(here, status, ctl("show", "-p", "ActiveState,InvocationID", unit), h.goOn("it is still the start of it that is to be replaced (%s)", "置き換える起動（%s）のままである", or(h.text("invocation"), "-")),
			ctl("restart", unit), after("active"))
	case "stop":
		return block(here, down, ctl("stop", unit), after("inactive"))
	case "mask":
		mask := []string{"mask"}
		if h.text("until_reboot") == "true" {
			mask = append(mask, "--runtime")
		}
		return block(here, down, chain(ctl(append(mask, unit)...), ctl("stop", unit)), h.say("done when these say masked and inactive:", "masked と inactive が表示されれば完了："), ctl("is-enabled", unit), ctl("is-active", unit))
	case "unmask":
		return block(here, chain(ctl("unmask", unit), ctl("unmask", "--runtime", unit)), h.say("it is not started by that", "これでは起動しない"))
	}
	return nil
}
