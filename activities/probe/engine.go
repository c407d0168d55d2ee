package probe

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Engine has no parameters: a site worker has one engine.
type Engine struct{}

// lookEngine asks by gRPC's health protocol. That knows nothing of the engine's database: what stops
// both of them shows in two probes.
func (o Options) lookEngine(w plan.Watch, _ Engine) (looker, error) {
	if o.Engine == nil {
		return looker{}, activities.RefusedBoth("this process has no way to the engine", "このプロセスはエンジンに接続できない")
	}
	return looker{look: func(ctx context.Context, _ int64) (fate, string) {
		ctx, cancel := context.WithTimeout(ctx, within(w))
		defer cancel()
		return plainly(o.Engine(ctx))
	}}, nil
}
