// Package exec is the family of actions that start programs on a site worker's
// machine: scripts, Ansible, whatever people already have. Programs get an argument
// list, never a shell's line.
package exec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/execresult"
	"github.com/muster-dr/muster/internal/plan"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{check, execute} }

// inherited are the variables a program gets from the worker. The others stay back:
// secrets may be among them.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "TMPDIR",
	"SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

// effectVar carries the effect key into the program and its children, by which a look
// finds them still at work after the worker died; sudo takes it from them, for which there
// is what the ledger keeps.
const effectVar = "MUSTER_EFFECT_KEY"

// Command is what both actions start.
type Command struct {
	Argv      []string                     `json:"argv" help:"Program and its arguments, one item each; no shell reads them." ja:"プログラムと引数。1項目ずつ書く（シェルは介さない）" example:"[/opt/orders/bin/traffic, --to, osaka]"`
	Env       map[string]string            `json:"env" reach:"env" help:"Environment variables, besides PATH, HOME, LANG and their like and MUSTER_RUN, MUSTER_KIND, MUSTER_DEPTH, MUSTER_STEP and MUSTER_EFFECT_KEY." ja:"環境変数。ほかに PATH、HOME、LANG など、および MUSTER_RUN、MUSTER_KIND、MUSTER_DEPTH、MUSTER_STEP、MUSTER_EFFECT_KEY を渡す" default:""`
	SecretEnv map[string]activities.Secret `json:"secret_env" reach:"env" help:"Environment variables whose values are secrets." ja:"秘密情報を値とする環境変数" default:""`
	Dir       string                       `json:"dir" help:"Working directory; empty is the worker's own." ja:"作業ディレクトリ。空ならワーカーと同じ" default:""`
	Stdin     string                       `json:"stdin" help:"Text on the program's standard input." ja:"プログラムの標準入力に渡す文字列" default:""`
	Expect    []int                        `json:"expect" help:"Exit codes that mean success." ja:"成功とみなす終了コード" default:"[0]"`
	Parse     string                       `json:"parse" help:"How standard output is read: json fills the output json, lines the output lines." ja:"標準出力の読み方。json は出力 json に、lines は出力 lines に入れる" default:"none" enum:"none,json,lines"`
	Results   map[string]string            `json:"results" gives:"json,lines,stdout,stderr,exit_code" help:"Named results, each an expression over json, lines, stdout, stderr and exit_code; int(), double(), string() and bool() give them a type that is checked with the files." ja:"名前を付けた結果。json、lines、stdout、stderr、exit_code を使う式で書く。int()、double()、string()、bool() で付けた型は計画ファイルの検査で確かめる" default:"" example:"{status: exit_code}"`
}

// Outcome is how a program ended.
type Outcome = execresult.Outcome

// Reach is the program and its folder; what the program does is its own affair.
func (c Command) Reach() activities.Reach {
	var out activities.Reach
	if len(c.Argv) > 0 {
		out.Paths = append(out.Paths, activities.ProgramFile(c.Argv[0], c.Dir))
	}
	if c.Dir != "" {
		out.Paths = append(out.Paths, c.Dir)
	}
	return out
}

// errNotStarted: the program could not be started, so it did nothing.
var errNotStarted = errors.New("it could not be started")

// Run starts the program and waits for its end. When ctx ends, the program's whole
// process group is told to end and, after a grace, killed. What a program leaves
// running in the background after a regular end is left alone.
func (c Command) Run(ctx context.Context) (Outcome, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return Outcome{}, fmt.Errorf("%w: argv names no program", errNotStarted)
	}
	if err := ctx.Err(); err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	cmd := osexec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, c.environment(ctx), strings.NewReader(c.Stdin)
	var stdout, stderr execresult.Capture
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = grace
	open, err := behindGate(ctx, cmd)
	if err != nil {
		return Outcome{}, err
	}
	if err := keep(ctx, 0, open != nil); err != nil {
		return Outcome{}, errors.Join(err, open.leave())
	}
	if err := cmd.Start(); err != nil {
		_ = open.leave()
		_ = activities.Keep(ctx, work{})
		return Outcome{}, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	if err := keep(ctx, cmd.Process.Pid, open != nil); err != nil && open != nil {
		err = errors.Join(err, open.leave(), cmd.Wait())
		return Outcome{}, fmt.Errorf("%w: %w", errNotStarted, err)
	} else if err != nil { // a look then says that it can't tell
		activities.Log(ctx).Warn("the ledger could not keep which process was started", "process", cmd.Process.Pid, "err", err)
	}
	if err := open.up(); err != nil {
		activities.Log(ctx).Warn("a program ended before it was let begin", "process", cmd.Process.Pid, "err", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		return Outcome{}, stop(ctx, cmd, ended)
	}
	out := Outcome{ExitCode: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *osexec.ExitError
	switch {
	case errors.As(err, &exit) && !exit.Exited():
		return out, fmt.Errorf("%s ended by %s: %s", c.Argv[0], exit.ProcessState, out.LastLine())
	case err != nil && !errors.As(err, &exit) && !errors.Is(err, osexec.ErrWaitDelay):
		return out, err
	}
	return out, nil
}

// judge reads the output and says what of it falls short.
func (c Command) judge(out Outcome) (Outcome, error) {
	return execresult.Judge(c.Argv[0], out, c.Expect, c.Parse, c.Results)
}

func (c Command) environment(ctx context.Context) []string {
	env := map[string]string{}
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			env[name] = v
		}
	}
	maps.Copy(env, c.Env)
	for name, v := range c.SecretEnv {
		env[name] = v.Reveal()
	}
	call := activities.CallFrom(ctx)
	maps.Copy(env, map[string]string{"MUSTER_RUN": call.Run, "MUSTER_KIND": string(call.Kind), "MUSTER_DEPTH": string(call.Depth),
		"MUSTER_STEP": call.Step, effectVar: call.EffectKey})
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// ready says whether the program could be started, without starting it.
func (c Command) ready() []plan.Text {
	var out []plan.Text
	if len(c.Argv) > 0 {
		if _, err := osexec.LookPath(activities.ProgramFile(c.Argv[0], c.Dir)); err != nil {
			out = append(out, activities.Lacking("the program can't be started here: %v; install it on this site worker's machine, or correct argv", "プログラムを起動できません：%v。この拠点のワーカーのマシンに導入するか、argv を修正してください", err))
		}
	}
	if c.Dir != "" {
		if st, err := os.Stat(c.Dir); err != nil || !st.IsDir() {
			out = append(out, activities.Lacking("the working directory %s is not there: make it, or correct dir", "作業ディレクトリ %s がありません。作成するか、dir を修正してください", c.Dir))
		}
	}
	return out
}
