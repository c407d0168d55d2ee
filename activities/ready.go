package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Lacking is a problem in both languages: what is wrong and the way out. An error among
// the arguments that speaks both is taken apart.
func Lacking(en, ja string, args ...any) plan.Text {
	for i, a := range args {
		if err, ok := a.(error); ok {
			args[i] = said(err)
		}
	}
	return plan.Say(en, ja, i18n.Spoken(args...)...)
}

func (s *Site) registerReady(w worker.ActivityRegistry, a Action) {
	w.RegisterActivityWithOptions(func(ctx context.Context, call plan.Call) (plan.Ready, error) {
		return s.readyFor(ctx, a, call)
	}, activity.RegisterOptions{Name: a.ID + plan.ReadySuffix})
}

// readyFor says what would keep an action from working. It changes nothing. What keeps
// it from answering is itself a problem of the answer, so that one check tells all.
func (s *Site) readyFor(ctx context.Context, a Action, call plan.Call) (plan.Ready, error) {
	ctx = s.enter(ctx, call)
	ctx, stop := beat(ctx)
	defer stop()
	if call.Uses != a.ID {
		return plan.Ready{}, s.fault(ctx, RefusedBoth("this is %s, and the check asks for %q", "ここは %s だが、点検が求めるのは %q", a.ID, call.Uses))
	}
	out := plan.Ready{At: time.Now().UTC()}
	add := func(err error) (plan.Ready, error) {
		if ctx.Err() != nil {
			return out, ctx.Err() // cut off: nothing was seen
		}
		out.Problems = append(out.Problems, plan.Apart(s.short(said(err).Both())))
		return out, nil
	}
	ask := s.asking(a, call.Effect, call.Kind, call.Targets)
	if err := ask.permit(ctx, nil); err != nil {
		return add(err)
	}
	ctx = ask.under(ctx)
	// What depends on the output of an earlier step can't be known now; the rest of
	// the action (its site, its worker) was checked by coming here.
	if dependsOnSteps(call.With) {
		out.Note = plan.Text{EN: "its parameters depend on earlier steps and were not checked", JA: "パラメーターが前のステップの結果に依存するため点検していません"}.Both()
		return out, nil
	}
	p, err := a.decode(s.decoder(ctx, a, call))
	s.otherSecrets(ctx, a, call, err, &out)
	if err != nil {
		return add(err)
	}
	if err := ask.permitAll(ctx, p); err != nil {
		return add(err)
	}
	switch {
	case a.ready != nil:
		problems, err := guarded(func() ([]plan.Text, error) { return a.ready(ctx, p) })
		if err != nil {
			return add(err)
		}
		for _, problem := range problems {
			out.Problems = append(out.Problems, plan.Text{EN: s.short(problem.EN), JA: s.short(problem.JA)})
		}
	case a.look != nil:
		seen, err := glance(ctx, a, p)
		switch {
		case err != nil:
			return add(err)
		case seen.Sight == plan.CannotTell:
			return add(fmt.Errorf("cannot be seen: %s", seen.Detail))
		case seen.Sight == plan.Holds:
			out.Note = s.short(seen.Detail)
		}
	}
	return out, nil
}

// readyItself answers for the worker: that it is there, and what it says of itself.
func (s *Site) readyItself(context.Context) (plan.Ready, error) {
	var out plan.Ready
	if s.Ready != nil {
		out = s.Ready()
	}
	out.At = time.Now().UTC()
	return out, nil
}

// otherSecrets says whether the secrets of the other kind of run resolve as well, where
// this worker may answer for such a run: a drill's check must not leave it to the real
// event to find that its secrets are missing. Nothing is done with them.
func (s *Site) otherSecrets(ctx context.Context, a Action, call plan.Call, known error, out *plan.Ready) {
	other, en, ja := run.Response, "in a real response: ", "本番対応では："
	if call.Kind == run.Response {
		other, en, ja = run.Drill, "in a drill: ", "訓練では："
	}
	ask := s.asking(a, call.Effect, other, call.Targets)
	if ask.permit(ctx, nil) != nil {
		return
	}
	call.Kind, ctx = other, ask.under(ctx)
	_, err := a.decode(s.decoder(ctx, a, call))
	if err == nil || ctx.Err() != nil || known != nil && message(known) == message(err) {
		return
	}
	text := s.short(message(err))
	out.Problems = append(out.Problems, plan.Text{EN: en + text, JA: ja + text})
}

// dependsOnSteps reports whether parameters may refer to the outputs of steps.
func dependsOnSteps(with json.RawMessage) bool {
	return bytes.Contains(with, []byte("${{")) && bytes.Contains(with, []byte("steps"))
}
