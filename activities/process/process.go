// Package process is the family of actions on programs that go on running on a site
// worker's machine. A process is never known by its number alone: its start time and its
// program file have to be the ones that were noted, else it is somebody else's.
package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
)

// Actions lists the family.
func Actions() []activities.Action {
	return []activities.Action{start, stop, kill, status, await}
}

// TargetKinds lists the kinds of target that the family acts on.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Program]("process", plan.Text{EN: "A program that runs on the machine of its site's worker.", JA: "拠点ワーカーのマシンで動くプログラム。"}).OnTheMachine()}
}

// Program is a target of kind "process".
type Program struct {
	Argv       []string                     `json:"argv" reach:"program" help:"The program's absolute path and its arguments, as it is started; no shell reads them. Empty for a program that is only watched or ended." ja:"起動するプログラムの絶対パスと引数（シェルは介さない）。監視または終了だけを行う場合は空" default:"" example:"[/opt/orders/bin/orders, --listen, \"127.0.0.1:8080\"]"`
	Dir        string                       `json:"dir" reach:"path" help:"Its working directory; empty is /." ja:"作業ディレクトリ。空なら /" default:""`
	Env        map[string]string            `json:"env" reach:"env" help:"Its environment variables, besides PATH, HOME and LANG." ja:"環境変数。ほかに PATH、HOME、LANG を渡す" default:""`
	SecretEnv  map[string]activities.Secret `json:"secret_env" reach:"env" help:"Environment variables whose values are secrets." ja:"秘密情報を値とする環境変数" default:""`
	PIDFile    string                       `json:"pid_file" reach:"path" help:"Pid file that the program writes itself; without one, muster notes in state which process it started." ja:"プログラム自身が書くPIDファイル。なければ、起動したプロセスをmusterが state に記録する" default:"" example:"/run/orders.pid"`
	Executable string                       `json:"executable" reach:"path" help:"File that the process must be running, of a script the interpreter's; needed with a pid_file, else what was seen at its start counts." ja:"プロセスが実行しているべきファイル。スクリプトの場合はインタープリター。pid_file を使う場合は必須。それ以外は、起動時に確認したものとする" default:"" example:"/opt/orders/bin/orders"`
	Words      []string                     `json:"words" help:"What its command line must hold besides, to tell scripts of one interpreter apart." ja:"さらにコマンドラインに含まれるべき語。同じインタープリターのスクリプトを見分ける" default:"" example:"[orders.py]"`
	State      string                       `json:"state" reach:"path" help:"Folder, of the worker's user alone, for what muster notes of the process and for what it prints. The worker's unit has to be allowed to write it; the packages' units allow /var/lib/muster/SITE, so /var/lib/muster/SITE/processes serves there." ja:"musterによるプロセスの記録と、プログラムの出力を置くフォルダー。ワーカーのユーザー専用とする。ワーカーのユニットが書き込める場所とする。パッケージのユニットが書き込めるのは /var/lib/muster/SITE なので、/var/lib/muster/SITE/processes などを指定する" default:"/var/lib/muster/processes"`
}

// Mistake is a pid file alone, which proves nothing: its number may be anybody's by now.
func (p Program) Mistake() plan.Text {
	if p.PIDFile != "" && p.Executable == "" {
		return plan.Text{EN: "pid_file proves nothing by itself; say with executable which program the process must be running", JA: "pid_file だけではそのプロセスだと確かめられません。プロセスが実行しているはずのプログラムを executable に書いてください"}
	}
	return plan.Text{}
}

// Target is a parameter that names one.
type Target = activities.Target[Program]

// marker names the variable by which a process is found whose note was never written:
// its worker died right after the start.
const marker = "MUSTER_PROCESS"

func notePath(t Target) string { return filepath.Join(t.Spec.State, t.Name+".json") }
func logPath(t Target) string  { return filepath.Join(t.Spec.State, t.Name+".log") }

// note is what is kept of a process that was started.
type note struct {
	PID        int    `json:"pid"`
	Process    string `json:"process"` // proc.Identity
	Executable string `json:"executable"`
	Machine    string `json:"machine,omitempty"` // proc.Machine; none in notes of an older muster
}

// found is a living process that was told from all others.
type found struct {
	pid        int
	process    string // proc.Identity
	executable string
	started    time.Time
	stat       proc.Stat
}

// find looks for the target's process. Where it does not run, why says what was seen.
func find(t Target) (p *found, why plan.Text, err error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil, plan.Text{}, activities.RefusedBoth("processes can't be told apart here: there is no /proc (Linux only)", "ここではプロセスを識別できない：/proc がない（Linux 専用）")
	}
	if t.Spec.PIDFile != "" {
		return byPIDFile(t)
	}
	b, err := os.ReadFile(notePath(t))
	if errors.Is(err, fs.ErrNotExist) {
		return byMarker(t)
	}
	if err != nil {
		return nil, plan.Text{}, fmt.Errorf("the note of %s: %w", t.Name, err)
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, plan.Text{}, fmt.Errorf("the note of %s, %s, is damaged (%w): see by hand whether it runs, then remove the file", t.Name, notePath(t), err)
	}
	boot, space, _ := proc.CutIdentity(n.Process)
	myBoot, mySpace, _ := proc.CutIdentity(proc.Identity(os.Getpid()))
	switch {
	case boot != myBoot && n.Machine != "" && n.Machine != proc.Machine():
		return nil, plan.Text{}, fmt.Errorf("%s was started on another machine (%s), whose processes can't be seen from here: give each machine a state folder on its own disk", t.Name, n.Machine)
	case boot != myBoot:
		return nil, plan.Text{EN: "the machine was started anew since", JA: "その後マシンが再起動された"}, nil
	case space != mySpace:
		return nil, plan.Text{}, fmt.Errorf("%s was started in another container, whose processes can't be seen from here", t.Name)
	}
	switch p, err := look(n.PID); {
	case err != nil:
		return nil, plan.Text{}, err
	case p == nil:
		return byMarker(t) // it may have been started again by an attempt that died
	case p.process != n.Process:
		if other, _, err := byMarker(t); other != nil || err != nil {
			return other, plan.Text{}, err
		}
		return nil, activities.Lacking("process %d is a later one with the same number", "プロセス %d は同じ番号の後発のプロセス", n.PID), nil
	default:
		want := t.Spec.Executable
		if want == "" && !proc.Carries(p.pid, mark(t)) { // scripts that end in exec become another program, and keep the mark
			want = n.Executable
		}
		if other := mismatch(t, p, want); other != "" {
			return nil, plan.Text{}, fmt.Errorf("%s: process %d was started by muster and now is another program: %s", t.Name, p.pid, other)
		}
		return p, plan.Text{}, nil
	}
}

// slack is how much later than its pid file a process may seem to have begun: the kernel
// counts starts in hundredths of a second, and its clock may have been set since.
const slack = 2 * time.Second

func byPIDFile(t Target) (*found, plan.Text, error) {
	file := t.Spec.PIDFile
	if t.Spec.Executable == "" {
		return nil, plan.Text{}, activities.RefusedBoth("target %s: a pid file proves nothing by itself; say with executable which program the process must be running", "操作対象 %s：PID ファイルだけでは本人と確認できない。実行しているはずのプログラムを executable で指定する", t.Name)
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, activities.Lacking("%s is not there", "%s がない", file), nil
	}
	if err != nil {
		return nil, plan.Text{}, fmt.Errorf("pid file of %s: %w", t.Name, err)
	}
	st, err := os.Stat(file)
	if err != nil {
		return nil, plan.Text{}, fmt.Errorf("pid file of %s: %w", t.Name, err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n") // PostgreSQL's has more lines
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return nil, plan.Text{}, fmt.Errorf("pid file of %s, %s: %.40q is no process number", t.Name, file, first)
	}
	p, err := look(pid)
	switch {
	case err != nil:
		return nil, plan.Text{}, err
	case p == nil:
		return nil, activities.Lacking("process %d of %s is gone", "プロセス %d（%s）は終了している", pid, file), nil
	case p.started.After(st.ModTime().Add(slack)):
		return nil, activities.Lacking("%s is stale: process %d began %s after it was written", "%s は古い：プロセス %d は書き込みの %s 後に開始した", file, pid, p.started.Sub(st.ModTime()).Round(time.Second)), nil
	}
	if other := mismatch(t, p, t.Spec.Executable); other != "" {
		return nil, activities.Lacking("%s is stale: process %d is another program: %s", "%s は古い：プロセス %d は別のプログラム：%s", file, pid, other), nil
	}
	return p, plan.Text{}, nil
}

// byMarker finds the process by the variable that it was started with. What it started
// carries that too: the one whose parent does not is the program itself.
func byMarker(t Target) (*found, plan.Text, error) {
	all := map[int]bool{}
	for _, pid := range proc.Carrying(mark(t)) {
		all[pid] = true
	}
	var heads []*found
	for pid := range all {
		stat, ok := proc.Read(pid)
		if !ok || all[stat.Parent] || stat.Session != pid {
			continue
		}
		p, err := look(pid)
		if err != nil {
			return nil, plan.Text{}, err
		}
		if p != nil && (t.Spec.Executable == "" || mismatch(t, p, t.Spec.Executable) == "") {
			heads = append(heads, p)
		}
	}
	switch len(heads) {
	case 0:
		return nil, plan.Text{EN: "no such process runs", JA: "該当するプロセスは動いていない"}, nil
	case 1:
		return heads[0], plan.Text{}, nil
	}
	return nil, plan.Text{}, fmt.Errorf("%s runs %d times: processes %d and %d; end one by hand", t.Name, len(heads), heads[0].pid, heads[1].pid)
}

func mark(t Target) string { return marker + "=" + filepath.Join(t.Spec.State, t.Name) }

// look reads a process; nil when it has ended.
func look(pid int) (*found, error) {
	stat, ok := proc.Read(pid)
	if !ok && proc.Hidden(pid) {
		return nil, hidden(pid)
	}
	if !ok || stat.Ended() {
		return nil, nil
	}
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	id := proc.Identity(pid)
	again, ok := proc.Read(pid)
	if !ok || again.Ended() || again.Start != stat.Start { // it ended between the two
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot see which program process %d runs (%w): run this site worker as its user", pid, err)
	}
	began, err := bootTime()
	if err != nil {
		return nil, err
	}
	const ticks = 100 // USER_HZ, the same on every Linux
	return &found{pid: pid, process: id, executable: strings.TrimSuffix(exe, " (deleted)"), stat: again,
		started: began.Add(time.Duration(stat.Start) * time.Second / ticks)}, nil
}

func hidden(pid int) error {
	return activities.RefusedBoth("process %d is there, and this site worker may not see what it is (/proc shows it only its own user's): run the worker as its user", "プロセス %d は存在するが、この拠点のワーカーの権限では何のプロセスか確認できない（/proc に自分のユーザーのプロセスしか見えない）：ワーカーをそのプロセスのユーザーで動かす", pid)
}

func bootTime() (time.Time, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			s, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return time.Unix(s, 0), err
		}
	}
	return time.Time{}, errors.New("/proc/stat does not say when the machine was started")
}

// mismatch says how the process differs from what the estate says it is; "" if it doesn't.
func mismatch(t Target, p *found, executable string) string {
	if real, err := filepath.EvalSymlinks(executable); err == nil && executable != "" {
		executable = real
	}
	if executable != "" && p.executable != executable {
		return fmt.Sprintf("it runs %s, not %s", p.executable, executable)
	}
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	for _, w := range t.Spec.Words {
		if !bytes.Contains(line, []byte(w)) {
			return fmt.Sprintf("its command line does not hold %q", w)
		}
	}
	return ""
}

// signal sends a signal to exactly this process. gone: it has ended before.
func (p *found) signal(sig syscall.Signal) (gone bool, err error) {
	// The descriptor holds the process it was opened for; only then is compared.
	fd, err := unix.PidfdOpen(p.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("process %d: %w", p.pid, err)
	}
	defer unix.Close(fd)
	if proc.Identity(p.pid) != p.process {
		if proc.Hidden(p.pid) {
			return false, hidden(p.pid)
		}
		return true, nil
	}
	err = unix.PidfdSendSignal(fd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return true, nil
	}
	if errors.Is(err, unix.EPERM) {
		return false, activities.RefusedBoth("process %d may not be ended by this site worker: run the worker as its user", "プロセス %d は、この拠点のワーカーの権限では終了できない：ワーカーをそのプロセスのユーザーで動かす", p.pid)
	}
	return false, err
}

// lives reports whether the process is still there and not only waiting to be reaped. One that can't be seen any more,
// as it has become another user's, is.
func (p *found) lives() bool {
	stat, ok := proc.Read(p.pid)
	return !ok && proc.Hidden(p.pid) || ok && !stat.Ended() && proc.Identity(p.pid) == p.process
}

// group is what runs of a program: itself, its descendants and, when it leads a session,
// all of that. Processes seen before are kept, since orphans no longer show whose they are.
func (p *found) group(before []*found) []*found {
	all := slices.DeleteFunc(slices.Clone(before), func(o *found) bool { return !o.lives() })
	in := map[int]bool{p.pid: true}
	for _, o := range all {
		in[o.pid] = true
	}
	leads := p.stat.Session == p.pid
	stats := map[int]proc.Stat{}
	for _, pid := range proc.PIDs() {
		if s, ok := proc.Read(pid); ok {
			stats[pid] = s
		}
	}
	for grew := true; grew; {
		grew = false
		for pid, s := range stats {
			if !in[pid] && pid != os.Getpid() && (in[s.Parent] || leads && s.Session == p.pid && s.Start >= p.stat.Start) {
				in[pid], grew = true, true
				if o, err := look(pid); err == nil && o != nil {
					all = append(all, o)
				}
			}
		}
	}
	if p.lives() && !slices.ContainsFunc(all, func(o *found) bool { return o.pid == p.pid }) {
		all = append([]*found{p}, all...)
	}
	return all
}

// ghost stands for the noted process when that has ended, so that what it started and
// left behind in its session can be found: the kernel gives nobody else the number as
// long as that lives.
func ghost(t Target) *found {
	var n note
	b, err := os.ReadFile(notePath(t))
	if t.Spec.PIDFile != "" || err != nil || json.Unmarshal(b, &n) != nil {
		return nil
	}
	boot, space, start := proc.CutIdentity(n.Process)
	myBoot, mySpace, _ := proc.CutIdentity(proc.Identity(os.Getpid()))
	if boot != myBoot || space != mySpace {
		return nil
	}
	if s, ok := proc.Read(n.PID); ok && !s.Ended() {
		return nil // it lives, or the number is somebody else's by now
	}
	p := &found{pid: n.PID, process: n.Process, executable: n.Executable, stat: proc.Stat{Session: n.PID}}
	if p.stat.Start, err = strconv.ParseUint(start, 10, 64); err != nil {
		return nil
	}
	return p
}

// ours reports whether ending the process would end this worker.
func (p *found) ours() bool {
	for pid := os.Getpid(); pid > 1; {
		if pid == p.pid {
			return true
		}
		s, ok := proc.Read(pid)
		if !ok {
			break
		}
		pid = s.Parent
	}
	return p.pid <= 1
}
