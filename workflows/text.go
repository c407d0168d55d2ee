package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// both is a sentence of the engine's own in both languages: the journal is read by
// people of either.
func both(en, ja string, args ...any) string { return plan.Say(en, ja, i18n.Spoken(args...)...).Both() }

// Sentences that several phases say.
const (
	textAborted = "aborted / 中止"
	textPolicy  = "the scenario's failback policy / シナリオの切戻し方針"
)

// refuse is why somebody's act is refused, in both languages: what is wrong and the way out.
// It is the only error of this package that people read, so nothing else makes one.
func refuse(en, ja string, args ...any) error { return plan.Wrong(en, ja, i18n.Spoken(args...)...) }

// hears installs an update with its validator, which may need the clock or not. Whatever it
// refuses leaves the workflow as crossing says. What it takes counts, and is answered so, also where the run was
// cancelled in the engine.
func hears[T any, F func(T) error | func(workflow.Context, T) error](ctx workflow.Context, name string, on func(workflow.Context, T) (Done, error), may F) error {
	heard := func(ctx workflow.Context, act T) (Done, error) {
		if workflow.GetVersion(ctx, changeAnswersStand, workflow.DefaultVersion, 1) == 1 {
			ctx, _ = workflow.NewDisconnectedContext(ctx)
		}
		return on(ctx, act)
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, heard, workflow.UpdateHandlerOptions{Validator: func(ctx workflow.Context, act T) error {
		switch may := any(may).(type) {
		case func(T) error:
			return crossing(may(act))
		case func(workflow.Context, T) error:
			return crossing(may(ctx, act))
		}
		return nil
	}})
}

// crossing makes an error one that leaves the workflow whole: the engine keeps the text of any
// error, and of this type the details too. They hold the sentence in both languages (Refused
// reads it), so that whoever asked gets it in their own.
func crossing(err error) error {
	if err == nil {
		return nil
	}
	text := plan.SaidBy(err)
	return temporal.NewNonRetryableApplicationError(text.Both(), plan.ErrRefused, nil, text)
}

// Refused is why a workflow refused an act, from the error of its update; ok is false when the
// error is no refusal.
func Refused(err error) (why plan.Text, ok bool) {
	app := new(temporal.ApplicationError)
	if !errors.As(err, &app) {
		return plan.Text{}, false
	}
	if app.Details(&why) == nil && why != (plan.Text{}) {
		return why, true
	}
	return plan.Apart(app.Message()), true // of a run whose worker is older
}
