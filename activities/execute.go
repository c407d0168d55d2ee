package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/fault"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// errPanic is the type of the error that a panic in an action becomes. Not repeated.
const errPanic = "Panic"

// maxError bounds an error's text, in bytes.
const maxError = 4 << 10

// act runs an action: guards, look, then for an effect the ledger's Begin, the act and
// the ledger's End. Whatever kills or freezes this process between two of these lines,
// the effect key is never begun again.
func (s *Site) act(ctx context.Context, a Action, call plan.Call) (plan.Result, error) {
	began := time.Now()
	ctx = s.enter(ctx, call)
	ctx, stop := beat(ctx)
	defer stop()

	effect := severer(a.EffectOf(call.With), call.Effect)
	if err := guard(a, call, effect); err != nil {
		return plan.Result{}, s.fault(ctx, err)
	}
	ask := s.asking(a, effect, call.Kind, call.Targets)
	if err := ask.permit(ctx, nil); err != nil {
		return plan.Result{}, s.fault(ctx, err)
	}
	ctx = ask.under(ctx)
	p, err := a.decode(s.decoder(ctx, a, call))
	if err != nil {
		return plan.Result{}, s.fault(ctx, err)
	}
	if err := ask.permitAll(ctx, p); err != nil {
		return plan.Result{}, s.fault(ctx, err)
	}
	within, cancel := inTimeToAnswer(ctx)
	defer cancel()
	out, already, err := s.attempt(within, a, call, effect, p)
	if err != nil {
		return plan.Result{}, s.fault(ctx, err)
	}
	return plan.Result{
		Output:    s.capped(ctx, call, out),
		Already:   already,
		StartedAt: began.UTC(),
		EndedAt:   time.Now().UTC(),
		DurationS: time.Since(began).Seconds(),
	}, nil
}

func (s *Site) attempt(ctx context.Context, a Action, call plan.Call, effect run.Effect, p any) (out json.RawMessage, already bool, err error) {
	if a.look != nil {
		seen, err := guarded(func() (Seen, error) { return a.look(ctx, p) })
		switch {
		case ctx.Err() == context.DeadlineExceeded && effect.Once():
			return nil, false, RefusedBoth("the whole time of the step went by with looking whether it is done already: nothing was begun", "実施済みかどうかの確認だけでステップの制限時間を使い切ったため、何も実行していない")
		case ctx.Err() != nil:
			return nil, false, ctx.Err()
		case err == nil && seen.Sight == plan.Holds:
			out, err := s.output(seen.Output)
			return out, true, err
		case !effect.Once():
		case err != nil:
			return nil, false, RefusedBoth("cannot see whether it is done already, nothing was begun: %v", "実施済みかどうかを確認できないため、何も実行していない：%v", err)
		case seen.Sight == plan.CannotTell:
			return nil, false, RefusedBoth("cannot tell whether it is done already, nothing was begun: %s", "実施済みかどうかを判断できないため、何も実行していない：%s", plan.Apart(seen.Detail))
		}
	}
	if !effect.Once() {
		result, err := guarded(func() (any, error) { return a.act(ctx, p) })
		if err != nil {
			return nil, false, err
		}
		out, err := s.output(result)
		return out, false, err
	}

	if err := s.Ledger.Begin(call.EffectKey, fencedAs(call, effect), call.Token, a.ID); err != nil {
		return nil, false, notBegun(err)
	}
	fault.Point("begun", call.Step)
	result, err := guarded(func() (any, error) { return a.act(ctx, p) })
	if err == nil {
		out, err = s.output(result)
	}
	fault.Point("acted", call.Step)
	digest := sha256.Sum256(out)
	if ended := s.Ledger.End(call.EffectKey, ending(ctx, err), hex.EncodeToString(digest[:])); ended != nil {
		// The answer is known and goes on; the ledger's line stays open, and a look
		// settles it should the answer be lost as well.
		Log(ctx).Error("the end of an effect could not be entered", "effect", call.EffectKey, "err", ended)
	}
	return out, false, err
}

// fencedAs is the system whose fencing token an effect is held against. What stays
// isolated and was begun without a switch lock (a restore test) is held against none.
func fencedAs(call plan.Call, effect run.Effect) string {
	if call.Token == 0 && effect == run.Isolated {
		return call.System + " (isolated)"
	}
	return call.System
}

// notBegun turns the ledger's refusal into what the workflow reads.
func notBegun(err error) error {
	if errors.Is(err, ledger.ErrBegun) {
		return temporal.NewNonRetryableApplicationError(err.Error(), plan.ErrBegun, nil)
	}
	return RefusedBoth("nothing was begun: %v", "何も実行していない：%v", err)
}

// endedWell is the ledger's word for an attempt that passed.
const endedWell = "passed"

// ending is an attempt's outcome in the ledger's words.
func ending(ctx context.Context, err error) string {
	app := new(temporal.ApplicationError)
	switch {
	case err == nil:
		return endedWell
	case errors.As(err, &app) && app.Type() != "":
		return app.Type()
	case ctx.Err() != nil:
		return "Cancelled"
	}
	return "Error"
}

// guard refuses what this run may not do, independently of the plan's own checks.
func guard(a Action, call plan.Call, effect run.Effect) error {
	switch {
	case call.Uses != a.ID:
		return RefusedBoth("this is %s, and the step uses %q", "ここは %s だが、ステップが使うのは %q", a.ID, call.Uses)
	case call.Kind != run.Drill && call.Kind != run.Response:
		return RefusedBoth("the call does not say whether this is a drill or a response", "訓練か本番対応かが呼び出しに示されていない")
	case (call.Kind == run.Response) != (call.Depth == run.Real):
		return RefusedBoth("a %s can't run at depth %s: real is for responses, and only for them", "%s は深さ %s では実行できない：real は本番対応専用", call.Kind, call.Depth)
	case !call.Depth.Allows(effect):
		return RefusedBoth("%s has effect %s, which a run at depth %s may not have", "%s の影響は %s であり、深さ %s の実施では許されない", a.ID, effect, call.Depth)
	case effect.Once() && call.EffectKey == "":
		return RefusedBoth("an effect needs a key, and the call has none", "変更を伴うステップには実行キーが必要だが、呼び出しにない")
	case effect.Once() && slices.Contains(call.Spared, call.Depth):
		return RefusedBoth("no drill of depth %s may change system %s (drillable)", "深さ %s の訓練ではシステム %s を変更できない（drillable）", call.Depth, call.System)
	}
	for _, t := range call.Targets {
		if effect.Once() && slices.Contains(t.Spared, call.Depth) {
			return RefusedBoth("no drill of depth %s may change target %s: a system that uses it is not drillable there", "深さ %s の訓練では操作対象 %s を変更できない：これを使うシステムがその深さの訓練を許可していない", call.Depth, t.Name)
		}
	}
	return nil
}

// severer returns the graver of two effects: the plan was compiled from what the
// action declared then, and this binary may know better.
func severer(a, b run.Effect) run.Effect {
	for _, e := range []run.Effect{run.Destroy, run.Disrupt, run.Isolated} {
		if a == e || b == e {
			return e
		}
	}
	return run.Observe
}

func (s *Site) enter(ctx context.Context, call plan.Call) context.Context {
	ctx = WithLedger(WithCall(ctx, call), s.Ledger)
	return context.WithValue(ctx, logKey{}, s.Log.With("run", call.Run, "step", call.Step, "action", call.Uses))
}

func (s *Site) decoder(ctx context.Context, a Action, call plan.Call) decoder {
	return func(into any) error {
		steps := make(map[string]any, len(call.Vars))
		for id, out := range call.Vars {
			steps[id] = out
		}
		vars := map[string]any{
			"steps": steps,
			"run":   expr.RunFacts(call.Run, call.Kind, call.Depth),
		}
		return s.fill(ctx, call.Kind, into, a.Fields, call.With, vars, call.Targets)
	}
}

// output is a result as JSON without secrets.
func (s *Site) output(v any) (json.RawMessage, error) {
	out, err := encode(v)
	if err != nil {
		return nil, fmt.Errorf("its result can't be written as JSON: %w", err)
	}
	return s.Redactor.JSON(out)
}

// guarded runs f and turns a panic into an error that is not repeated.
func guarded[R any](f func() (R, error)) (out R, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = temporal.NewNonRetryableApplicationError(fmt.Sprintf("the action panicked: %v\n%s", p, debug.Stack()), errPanic, nil)
		}
	}()
	return f()
}

// fault is an error as it may leave the site: without secrets, of bounded length, with
// its type and without causes, which could hold either.
func (s *Site) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	app := new(temporal.ApplicationError)
	if !errors.As(err, &app) {
		if ctx.Err() == context.Canceled {
			if cause := context.Cause(ctx); temporal.IsCanceledError(cause) || cause == context.Canceled {
				return context.Canceled // the engine's word for an activity that obeyed
			}
			if errors.Is(err, context.Canceled) {
				err = context.Cause(ctx) // what it was cut off by says more
			}
			err = plan.Caused(err, "cut off, since the worker lost touch with the engine or is stopping", "エンジンとの通信が途絶えたか、ワーカーが停止処理中のため、途中で打ち切った")
		}
		return temporal.NewApplicationError(s.short(said(err).Both()), "Error")
	}
	var known []any // no other detail leaves the site
	if what := ""; app.HasDetails() && app.Details(&what) == nil && what == plan.TwoWrite {
		known = []any{what}
	}
	return temporal.NewApplicationErrorWithOptions(s.short(app.Message()), app.Type(), temporal.ApplicationErrorOptions{
		Details:        known,
		NonRetryable:   app.NonRetryable(),
		NextRetryDelay: app.NextRetryDelay(),
	})
}

func (s *Site) short(text string) string {
	text = s.Redactor.Text(text)
	if len(text) <= maxError {
		return text
	}
	return headOf(text, maxError/2) + " … " + tailOf(text, maxError/2)
}
