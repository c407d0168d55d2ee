package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// Start is the parameters of process.start.
type Start struct {
	Process Target       `json:"process" kind:"process" example:"orders-app" help:"Program to start. Under the packages' units it ends when the worker's unit is stopped or started anew, unless a drop-in of that says KillMode=process." ja:"起動するプログラム。パッケージのユニットでは、ワーカーのユニットを停止または再起動すると、ともに終了する。動かし続けるには、ユニットのドロップインに KillMode=process を書く"`
	Listen  string       `json:"listen" reach:"host" help:"TCP address on which it must then accept connections; empty asks only that it lives." ja:"起動後に接続を受け付けるべきTCPアドレス。空なら、動いていることだけを確かめる" default:"" example:"127.0.0.1:8080"`
	Steady  run.Duration `json:"steady" help:"How long it must live without a break before it counts as started." ja:"起動したとみなすまでに、途切れず動き続けるべき時間" default:"1s"`
	Within  run.Duration `json:"within" help:"How long that may take together." ja:"全体で待つ時間" default:"30s"`
}

// Started is its result.
type Started struct {
	PID        int       `json:"pid" help:"Process number." ja:"プロセス番号"`
	StartedAt  time.Time `json:"started_at" help:"When it was started, by the kernel's count." ja:"起動時刻（カーネルの記録による）"`
	Executable string    `json:"executable" help:"File that it runs." ja:"実行しているファイル"`
	Log        string    `json:"log" help:"File on the site worker's machine with what it prints; empty for a program that was not started by muster." ja:"出力を書いた、拠点ワーカーのマシン上のファイル。musterが起動していないプログラムでは空"`
}

func started(t Target, p *found) Started {
	out := Started{PID: p.pid, StartedAt: p.started.UTC(), Executable: p.executable}
	if _, err := os.Stat(logPath(t)); err == nil {
		out.Log = logPath(t)
	}
	return out
}

var start = activities.Define("process.start", activities.Doc{
	Summary:   "Start a program that goes on running, also when the site worker ends.",
	SummaryJA: "拠点のワーカーが終了しても動き続けるプログラムを起動する。",
	Effect:    run.Disrupt,
	Undo:      "process.stop",
}, begin, activities.Look(func(ctx context.Context, p Start) (activities.Seen, error) {
	at, why, err := find(p.Process)
	switch {
	case err != nil:
		return activities.Seen{}, err
	case at == nil:
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s does not run: %s", "%s は動いていない：%s", p.Process.Name, why).Both()}, nil
	case at.stat.Frozen():
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("process %d is %s, and a signal has stopped it: continue it (kill -CONT), or end it with process.kill", "プロセス %d（%s）はシグナルで停止中：再開する（kill -CONT）か、process.kill で終了する", at.pid, p.Process.Name).Both()}, nil
	case p.Listen != "" && accepts(ctx, p.Listen) != nil:
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s runs as process %d, and does not accept connections on %s", "%s はプロセス %d として動いているが、%s で接続を受け付けない", p.Process.Name, at.pid, p.Listen).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s runs as process %d since %s", "%s はプロセス %d として動いている（%s から）", p.Process.Name, at.pid, at.started.UTC().Format(time.RFC3339)).Both(), Output: started(p.Process, at)}, nil
}), activities.Ready(func(_ context.Context, p Start) ([]plan.Text, error) {
	spec := p.Process.Spec
	var out []plan.Text
	if len(spec.Argv) == 0 {
		out = append(out, activities.Lacking("target %s has no argv to start it by", "操作対象 %s に起動用の argv がありません", p.Process.Name))
	} else if _, err := osexec.LookPath(spec.Argv[0]); err != nil {
		out = append(out, activities.Lacking("the program can't be started here: %v; install it on this site worker's machine, or correct argv", "プログラムを起動できません：%v。この拠点のワーカーのマシンに導入するか、argv を修正してください", err))
	}
	if dir, err := writable(spec.State); err != nil {
		out = append(out, activities.Lacking("the notes and the output of %s can't be written to %s: %s: %v; give this site worker's user the right to it, or name with state a folder that the worker's unit may write, e.g. /var/lib/muster/SITE/processes", "%s の記録と出力を %s に書き込めません（%s：%v）。この拠点のワーカーのユーザーに書き込み権限を与えるか、ワーカーのユニットが書き込めるフォルダー（例：/var/lib/muster/SITE/processes）を state に指定してください", p.Process.Name, spec.State, dir, err))
	}
	_, _, err := find(p.Process)
	return out, err
}))

// writable looks whether a folder can be written, or made in the nearest one above it that is there. dir is the one
// that was looked at.
func writable(path string) (dir string, err error) {
	for dir = filepath.Clean(path); ; dir = filepath.Dir(dir) {
		if _, err = os.Stat(dir); err == nil {
			return dir, unix.Access(dir, unix.W_OK|unix.X_OK)
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dir, err
		}
	}
}

func begin(ctx context.Context, p Start) (Started, error) {
	t, spec := p.Process, p.Process.Spec
	switch {
	case len(spec.Argv) == 0:
		return Started{}, activities.RefusedBoth("target %s has no argv to start it by", "操作対象 %s に起動用の argv がない", t.Name)
	case !filepath.IsAbs(spec.Argv[0]):
		return Started{}, activities.RefusedBoth("target %s: argv begins with %q; write the program's absolute path", "操作対象 %s：argv の先頭が %q になっている。プログラムの絶対パスを書く", t.Name, spec.Argv[0])
	case p.Listen != "" && accepts(ctx, p.Listen) == nil:
		return Started{}, activities.RefusedBoth("something else accepts connections on %s already: end it first", "%s では既に別のものが接続を受け付けている：先にそれを終了する", p.Listen)
	}
	cmd, err := launch(t)
	if err != nil {
		return Started{}, activities.RefusedBoth("nothing was started: %v", "何も起動していない：%v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // also reaps it, however long it lives
	if spec.PIDFile == "" {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
		if err := keep(t, note{PID: cmd.Process.Pid, Process: proc.Identity(cmd.Process.Pid), Executable: strings.TrimSuffix(exe, " (deleted)"), Machine: proc.Machine()}); err != nil {
			activities.Log(ctx).Error("the note of a process could not be written; it is found by its environment", "process", t.Name, "err", err)
		}
	}
	return observe(ctx, p, ended)
}

// observe waits until the program was seen to live long enough, and to listen.
func observe(ctx context.Context, p Start, ended <-chan error) (Started, error) {
	t := p.Process
	ctx, cancel := context.WithTimeout(ctx, p.Within.Std())
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var at *found
	var since time.Time
	why := plan.Text{EN: "it was not seen yet", JA: "まだ確認できていない"}
	for {
		q, not, err := find(t)
		switch {
		case err != nil:
			why, at = plan.Apart(err.Error()), nil
		case q == nil:
			why, at = not, nil
		case at == nil || at.process != q.process:
			at, since = q, time.Now()
		}
		if at != nil && time.Since(since) >= p.Steady.Std() {
			if p.Listen == "" {
				return started(t, at), nil
			}
			err := accepts(ctx, p.Listen)
			if err == nil {
				return started(t, at), nil
			}
			why = activities.Lacking("it runs as process %d, and does not accept connections: %v", "プロセス %d として動いているが、接続を受け付けない：%v", at.pid, err)
		}
		select {
		case err := <-ended:
			if t.Spec.PIDFile != "" && err == nil {
				ended = nil // it put itself into the background; its pid file says as what
				continue
			}
			how := plan.Text{EN: "with exit code 0", JA: "終了コード 0"}
			if err != nil {
				how = plan.Text{EN: "with " + err.Error(), JA: err.Error()}
			}
			return Started{}, activities.FindingBoth("%s ended right after its start, %s: %s", "%s は起動直後に終了した（%s）：%s", t.Name, how, lastLine(logPath(t)))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return Started{}, activities.FindingBoth("%s was started and is not up within %s: %s; its last words: %s", "%s は起動したが、%s以内に稼働状態にならなかった：%s。最後の出力：%s", t.Name, p.Within.Std(), why, lastLine(logPath(t)))
			}
			return Started{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// launch starts the program in a session of its own, which nothing of the worker's
// reaches: no terminal, no signal to its group, none of its open files.
func launch(t Target) (*osexec.Cmd, error) {
	spec := t.Spec
	if err := os.MkdirAll(spec.State, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logPath(t), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := osexec.Command(spec.Argv[0], spec.Argv[1:]...)
	cmd.Dir = "/"
	if spec.Dir != "" {
		cmd.Dir = spec.Dir
	}
	for _, name := range []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for k, v := range spec.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	for k, v := range spec.SecretEnv {
		cmd.Env = append(cmd.Env, k+"="+v.Reveal())
	}
	slices.Sort(cmd.Env)
	cmd.Env = append(cmd.Env, mark(t))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// keep writes the note whole or not at all.
func keep(t Target, n note) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	part := notePath(t) + ".part"
	if err := os.WriteFile(part, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(part, notePath(t))
}

func accepts(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// lastLine is the last thing in a log, where the reason usually is.
func lastLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "it printed nothing"
	}
	defer f.Close()
	const kept = 4 << 10
	if st, err := f.Stat(); err == nil && st.Size() > kept {
		_, _ = f.Seek(-kept, 2)
	}
	b := make([]byte, kept)
	n, _ := f.Read(b)
	text := strings.TrimSpace(strings.ToValidUTF8(string(b[:n]), "\uFFFD"))
	if text == "" {
		return "it printed nothing"
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}
