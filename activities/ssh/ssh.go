// Package ssh is the family of actions on other hosts over SSH: what people already have
// there, started as an argument list, and files copied there. The host's key is always held
// against the estate's. The remote user's shell is given each argument quoted.
package ssh

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/execresult"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Host]("ssh", plan.Text{EN: "A host that is reached over SSH.", JA: "SSHで接続するホスト。"})}
}

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("ssh.check", activities.Doc{
			Summary:    "Log in to a host, or run a program there that only looks, and check its exit code.",
			SummaryJA:  "ホストにログインできること、または参照のみのプログラムの終了コードを確かめる。",
			Effect:     run.Observe,
			Repeatable: true,
		}, check, activities.Ready(func(ctx context.Context, p Check) ([]plan.Text, error) { return ready(ctx, p.Host) })),
		activities.Define("ssh.run", activities.Doc{
			Summary:   "Run a program on a host that changes something, once.",
			SummaryJA: "変更を伴うプログラムをホスト上で一度だけ実行する。",
			Effect:    run.Disrupt,
		}, execute, activities.Look(look), activities.Ready(func(ctx context.Context, p Run) ([]plan.Text, error) { return ready(ctx, p.Host) })),
		activities.Define("ssh.copy", activities.Doc{
			Summary:   "Copy a file to a host, whole or not at all, and read it back.",
			SummaryJA: "ファイルをホストに不可分にコピーし、読み戻して確かめる。",
			Effect:    run.Disrupt,
		}, upload, activities.Look(lookCopied), activities.Ready(func(ctx context.Context, p Copy) ([]plan.Text, error) { return ready(ctx, p.Host) })),
	}
}

func ready(ctx context.Context, t Target) ([]plan.Text, error) {
	c, err := dial(ctx, t)
	if err != nil {
		return nil, err
	}
	return nil, c.Close()
}

// Command is what is run on a host.
type Command struct {
	Host    Target            `json:"host" kind:"ssh" example:"app1" help:"Where it runs." ja:"実行する場所"`
	Env     map[string]string `json:"env" help:"Environment variables, besides the user's own and MUSTER_RUN, MUSTER_KIND, MUSTER_DEPTH, MUSTER_STEP and MUSTER_EFFECT_KEY." ja:"環境変数。ほかにユーザー自身のものと MUSTER_RUN、MUSTER_KIND、MUSTER_DEPTH、MUSTER_STEP、MUSTER_EFFECT_KEY を渡す" default:""`
	Stdin   string            `json:"stdin" help:"Text on the program's standard input." ja:"プログラムの標準入力に渡す文字列" default:""`
	Expect  []int             `json:"expect" help:"Exit codes that mean success." ja:"成功とみなす終了コード" default:"[0]"`
	Parse   string            `json:"parse" help:"How standard output is read: json fills the output json, lines the output lines." ja:"標準出力の読み方。json は出力 json に、lines は出力 lines に入れる" default:"none" enum:"none,json,lines"`
	Results map[string]string `json:"results" gives:"json,lines,stdout,stderr,exit_code" help:"Named results, each an expression over json, lines, stdout, stderr and exit_code; int(), double(), string() and bool() give them a type that is checked with the files." ja:"名前を付けた結果。json、lines、stdout、stderr、exit_code を使う式で書く。int()、double()、string()、bool() で付けた型は計画ファイルの検査で確かめる" default:"" example:"{status: exit_code}"`
}

// Outcome is how a program ended.
type Outcome = execresult.Outcome

// Check is the parameters of ssh.check.
type Check struct {
	Argv []string `json:"argv" help:"Program and its arguments, one item each; empty only logs in." ja:"プログラムと引数。1項目ずつ書く。空ならログインだけを確かめる" default:"[]" example:"[systemctl, is-active, orders]"`
	Command
}

func check(ctx context.Context, p Check) (Outcome, error) {
	if len(p.Argv) == 0 {
		_, err := ready(ctx, p.Host)
		return Outcome{}, err
	}
	out, err := p.run(ctx, p.Argv)
	if err != nil {
		return out, err
	}
	return execresult.Judge(p.Argv[0], out, p.Expect, p.Parse, p.Results)
}

// Run is the parameters of ssh.run.
type Run struct {
	Argv []string `json:"argv" help:"Program and its arguments, one item each." ja:"プログラムと引数。1項目ずつ書く" example:"[/opt/orders/bin/traffic, --to, osaka]"`
	Command
	Look []string `json:"look" help:"Program on the host that only looks, with its arguments: exit code 0 when the goal holds, 1 when it does not, any other when it can't tell. Without it a lost answer has to be settled by a person." ja:"ホスト上で確認だけを行うプログラムと引数。目標の状態なら終了コード0、そうでなければ1、判断できなければそれ以外を返す。なければ、応答が失われたときに人が判断する" default:"" example:"[/opt/orders/bin/traffic, --is, osaka]"`
}

func execute(ctx context.Context, p Run) (Outcome, error) {
	if len(p.Argv) == 0 || p.Argv[0] == "" {
		return Outcome{}, activities.RefusedBoth("argv names no program", "argv にプログラムがない")
	}
	out, err := p.run(ctx, p.Argv)
	if err != nil {
		return out, err
	}
	if out, err = execresult.Judge(p.Argv[0], out, p.Expect, p.Parse, p.Results); err != nil || len(p.Look) == 0 {
		return out, err
	}
	seen, err := look(ctx, p)
	if err == nil && seen.Sight != plan.Holds {
		err = activities.FindingBoth("%s ended with exit code %d, but the goal does not hold: %s", "%s は終了コード %d で終了したが、目的の状態になっていない：%s", p.Argv[0], out.ExitCode, plan.Apart(seen.Detail))
	}
	return out, err
}

// look asks the looking program, unless what an attempt started still runs.
func look(ctx context.Context, p Run) (activities.Seen, error) {
	if len(p.Look) == 0 {
		return activities.Seen{}, nil
	}
	call := activities.CallFrom(ctx)
	if at, err := atWork(ctx, p.Host, call.EffectKey); err != nil || at.EN != "" {
		return activities.Seen{Sight: plan.CannotTell, Detail: at.Both()}, err
	}
	call.EffectKey = ""
	out, err := Command{Host: p.Host, Env: p.Env}.run(activities.WithCall(ctx, call), p.Look)
	if err != nil {
		return activities.Seen{}, err
	}
	detail := activities.Lacking("%s ended with exit code %d: %s", "%s は終了コード %d で終了した：%s", p.Look[0], out.ExitCode, out.LastLine())
	switch out.ExitCode {
	case 0:
		return activities.Seen{Sight: plan.Holds, Detail: detail.Both(), Output: Outcome{Stdout: out.Stdout}}, nil
	case 1:
		return activities.Short(ctx, detail), nil
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: detail.Both()}, nil
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// run runs an argument list with the step's variables.
func (c Command) run(ctx context.Context, argv []string) (Outcome, error) {
	call := activities.CallFrom(ctx)
	env := map[string]string{"MUSTER_RUN": call.Run, "MUSTER_KIND": string(call.Kind), "MUSTER_DEPTH": string(call.Depth), "MUSTER_STEP": call.Step}
	if call.EffectKey != "" {
		env[effectVar] = call.EffectKey
	}
	for k, v := range c.Env {
		if !variable.MatchString(k) {
			return Outcome{}, activities.RefusedBoth("env: %q is no name of a variable", "env：%q は環境変数の名前として使えない", k)
		}
		env[k] = v
	}
	var words []string
	for k, v := range env {
		words = append(words, quote(k+"="+v))
	}
	slices.Sort(words)
	for _, a := range argv {
		words = append(words, quote(a))
	}
	return c.gated(ctx, words)
}

// quote makes one word of s for any POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// notBegun marks an error before anything was started as a guard's, which says so.
func notBegun(err error) error {
	var typed interface{ Type() string }
	if errors.As(err, &typed) && typed.Type() != "" {
		return err
	}
	return activities.RefusedBoth("nothing was done: %v", "何も実行していない：%v", err)
}
