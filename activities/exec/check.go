package exec

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var check = activities.Define("exec.check", activities.Doc{
	Summary:    "Run a program that only looks, and check its exit code.",
	SummaryJA:  "見るだけのプログラムを実行し、終了コードを確かめる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Command) (Outcome, error) {
	out, err := p.Run(ctx)
	if err != nil {
		return out, err
	}
	return p.judge(out)
}, activities.Ready(func(_ context.Context, p Command) ([]plan.Text, error) { return p.ready(), nil }))
