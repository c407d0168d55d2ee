// Package record is the control plane's own activities: the journal, the fencing
// tokens, the holders of switch locks and the conditions of steps. They run beside the
// workflows, in `muster server`.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Deps is what the activities work on.
type Deps struct {
	Store  journal.Store
	Client client.Client
	Data   converter.DataConverter // that of Client; nil is the SDK's default
	Log    *slog.Logger            // nil discards
}

// Register registers the activities on the control plane's worker.
func Register(w worker.ActivityRegistry, d Deps) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Data == nil {
		d.Data = converter.GetDefaultDataConverter()
	}
	k := &keeper{Deps: d}
	name := func(n string) activity.RegisterOptions { return activity.RegisterOptions{Name: n} }
	w.RegisterActivityWithOptions(k.Append, name(plan.ActivityAppend))
	w.RegisterActivityWithOptions(d.Token, name(plan.ActivityToken))
	w.RegisterActivityWithOptions(d.Tokens, name(plan.ActivityTokens))
	w.RegisterActivityWithOptions(d.Holder, name(plan.ActivityHolder))
	w.RegisterActivityWithOptions(d.Forecast, name(plan.ActivityForecast))
	w.RegisterActivityWithOptions(d.Chances, name(plan.ActivityChances))
	w.RegisterActivityWithOptions(d.Evaluate, name(plan.ActivityEvaluate))
	w.RegisterActivityWithOptions(d.Heard, name(plan.ActivityHeard))
	w.RegisterActivityWithOptions(d.Taker, name(plan.ActivityTaker))
}

// keeper journals. A run whose journal can't be written stands still until it can: that
// is said once, and once more when it goes on.
type keeper struct {
	Deps
	held  atomic.Bool
	taken sync.Map // runs whose record says something else, by ID
}

// Append journals a batch. Delivered twice is the same as once.
func (k *keeper) Append(ctx context.Context, events []run.Event) error {
	err := k.Store.Append(ctx, events)
	if errors.Is(err, journal.ErrTaken) { // of this run alone, and for good
		if _, said := k.taken.LoadOrStore(events[0].Run, true); !said {
			k.Log.Error("a run stands still: its record says something else", "err", err)
		}
		return err
	}
	switch {
	case err != nil && !k.held.Swap(true):
		k.Log.Error("the journal can't be written: runs stand still, and go on by themselves once it can", "err", err)
	case err == nil && k.held.Swap(false):
		k.Log.Info("the journal can be written again: runs go on")
	}
	return err
}

// Token is the fencing token of a run for a system.
func (d Deps) Token(ctx context.Context, r plan.TokenRequest) (int64, error) {
	return d.Store.Token(ctx, r.System, r.Run)
}

// Tokens are those of a run for several systems. A run that asks again gets the same.
func (d Deps) Tokens(ctx context.Context, r plan.TokensRequest) ([]int64, error) {
	out := make([]int64, len(r.Systems))
	for i, system := range r.Systems {
		var err error
		if out[i], err = d.Store.Token(ctx, system, r.Run); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// holder mirrors workflows.Holder: activities do not import workflows.
type holder struct {
	Run    string `json:"run"`
	Kept   bool   `json:"kept"`
	Reason string `json:"reason"`
}

// Holder asks a system's switch lock who holds it; an empty run is nobody (any more).
func (d Deps) Holder(ctx context.Context, system string) (holder, error) {
	var h holder
	id := "switch/" + system
	lock, err := d.Client.DescribeWorkflowExecution(ctx, id, "")
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) || err == nil && lock.GetWorkflowExecutionInfo().GetCloseTime() != nil {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("ask who holds %s: %w", system, err)
	}
	answer, err := d.Client.QueryWorkflow(ctx, id, "", "holder")
	if err != nil {
		return h, fmt.Errorf("ask who holds %s: %w", system, err)
	}
	return h, answer.Get(&h)
}

// Evaluate evaluates a step's if: over the outputs of earlier steps. A wrong
// expression is a finding: repeating it would not help.
func (d Deps) Evaluate(_ context.Context, g plan.Guard) (bool, error) {
	steps := map[string]any{}
	for id, raw := range g.Vars {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return false, fmt.Errorf("output of step %s: %w", id, err)
		}
		steps[id] = v
	}
	ok, err := expr.Bool(g.Expr, map[string]any{"steps": steps,
		"run": expr.RunFacts(g.Run, g.Kind, g.Depth)})
	if err != nil {
		return false, temporal.NewNonRetryableApplicationError(err.Error(), plan.ErrFinding, nil)
	}
	return ok, nil
}
