package exec

import (
	"context"
	"errors"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Run is the parameters of exec.run.
type Run struct {
	Command
	Look []string `json:"look" help:"Program that only looks, with its arguments: exit code 0 when the goal holds, 1 when it does not, any other when it can't tell. Without it a lost answer has to be settled by a person." ja:"確認だけを行うプログラムと引数。目標の状態なら終了コード0、そうでなければ1、判断できなければそれ以外を返す。なければ、応答が失われたときに人が判断する" default:"" example:"[/opt/orders/bin/traffic, --is, osaka]"`
}

// Reach is that of the program and of the one that looks, which runs in the same folder.
func (r Run) Reach() activities.Reach {
	out := r.Command.Reach()
	if len(r.Look) > 0 {
		out.Paths = append(out.Paths, activities.ProgramFile(r.Look[0], r.Dir))
	}
	return out
}

var execute = activities.Define("exec.run", activities.Doc{
	Summary:   "Run a program that changes something, once.",
	SummaryJA: "変更を伴うプログラムを一度だけ実行する。",
	Effect:    run.Disrupt,
}, func(ctx context.Context, p Run) (Outcome, error) {
	out, err := p.Run(ctx)
	switch {
	case errors.Is(err, errNotStarted):
		return out, activities.RefusedBoth("nothing was done: %v", "何も実行していない：%v", err)
	case err != nil:
		return out, err
	}
	if out, err = p.judge(out); err != nil || len(p.Look) == 0 {
		return out, err
	}
	seen, err := look(ctx, p)
	if err == nil && seen.Sight != plan.Holds {
		err = activities.FindingBoth("%s ended with exit code %d, but the goal does not hold: %s", "%s は終了コード %d で終了したが、目的の状態になっていない：%s", p.Argv[0], out.ExitCode, plan.Apart(seen.Detail))
	}
	return out, err
}, activities.Look(func(ctx context.Context, p Run) (activities.Seen, error) {
	if len(p.Look) == 0 {
		return activities.Seen{}, nil
	}
	if at, err := atWork(ctx); err != nil || at.EN != "" {
		return activities.Seen{Sight: plan.CannotTell, Detail: at.Both()}, err
	}
	return look(ctx, p)
}), activities.Ready(func(_ context.Context, p Run) ([]plan.Text, error) {
	out := p.ready()
	if len(p.Look) > 0 {
		out = append(out, Command{Argv: p.Look, Dir: p.Dir}.ready()...)
	}
	return out, nil
}))

// look runs the looking program. It must not count as the effect still at work, so it
// goes without the key.
func look(ctx context.Context, p Run) (activities.Seen, error) {
	call := activities.CallFrom(ctx)
	call.EffectKey = ""
	out, err := Command{Argv: p.Look, Env: p.Env, SecretEnv: p.SecretEnv, Dir: p.Dir}.Run(activities.WithCall(ctx, call))
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
