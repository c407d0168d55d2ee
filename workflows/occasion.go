package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// scheduledStart is set by the engine on what one of its schedules has started.
var scheduledStart = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// occasion is one due day of a schedule.
type occasion struct {
	of    plan.Occasion
	id    string
	log   *journal
	due   run.Due
	tries int
	told  []workflow.Future
	why   []run.Problem // of the newest postponement
}

// Occasion sees to one due day of a schedule: it waits for its time, looks what holds it up,
// starts the run, and goes on trying by the schedule's rules. It ends as held or, with the
// reason, as not held; it never ends without a record, but for days on which a schedule of
// every so many weeks is not due.
func Occasion(ctx workflow.Context, of plan.Occasion) error {
	info := workflow.GetInfo(ctx)
	nominal, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledStart)
	if !ok {
		nominal = info.WorkflowStartTime // started by hand in the engine
	}
	o := &occasion{of: of, id: info.WorkflowExecution.ID}
	var due plan.OccasionDue
	if err := workflow.ExecuteActivity(arranging(ctx), plan.ActivityOccasionDue, o.ask(ctx, nominal)).Get(ctx, &due); err != nil || due.Not {
		return err
	}
	o.due = due.Due
	o.log = openJournal(ctx, o.id, "run", true)
	o.log.add(ctx, run.Event{Kind: run.RunStarted, By: run.Schedule(of.Schedule), Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: of.Scenario})})
	o.log.add(ctx, run.Event{Kind: run.OccasionDue, By: run.Schedule(of.Schedule), Data: run.Encode(o.due)})
	state := o.hold(ctx, due)
	o.log.add(ctx, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: state})})
	for _, f := range o.told {
		_ = f.Get(ctx, nil) // whom no channel reaches sees it in the record
	}
	free, _ := workflow.NewDisconnectedContext(ctx) // its end is in the record though it was cancelled
	o.log.close(free)
	return ctx.Err()
}

func (o *occasion) ask(ctx workflow.Context, nominal time.Time) plan.OccasionAsk {
	return plan.OccasionAsk{ID: o.id, Of: o.of, Nominal: nominal, Now: workflow.Now(ctx), Try: o.tries}
}

// hold waits and tries until a run has started or it is over.
func (o *occasion) hold(ctx workflow.Context, due plan.OccasionDue) run.State {
	if len(due.Missed) > 0 {
		return o.missed(ctx, due.Missed)
	}
	at := o.due.At
	if len(due.Late) > 0 {
		o.postponed(ctx, plan.OccasionLook{Blocks: due.Late, Until: due.Until})
		at = due.Until
	}
	if len(o.due.Shifts) > 0 {
		o.tell(ctx, run.Event{Kind: run.OccasionDue, Data: run.Encode(o.due)})
	}
	for first := at; ; {
		drawn := run.Opened{}
		if o.due.Blind {
			var err error
			if drawn, err = o.draw(ctx, at); err != nil {
				return o.missed(ctx, inTheEnd(err))
			}
			if t, err := time.Parse(time.RFC3339Nano, drawn.Time); err == nil {
				at = t
			}
		}
		if err := o.sleep(ctx, at); err != nil {
			return o.missed(ctx, inTheEnd(err))
		}
		o.tries++
		ask := o.ask(ctx, o.due.Nominal)
		ask.First = first
		var look plan.OccasionLook
		err := workflow.ExecuteActivity(asking(ctx), plan.ActivityOccasionLook, ask).Get(ctx, &look)
		if err == nil && len(look.Blocks) == 0 && !look.Over {
			var started plan.OccasionStarted
			if err = workflow.ExecuteActivity(asking(ctx), plan.ActivityOccasionStart, ask).Get(ctx, &started); err == nil && started.Run != "" {
				return o.held(ctx, started.Run, drawn)
			}
			look = started.OccasionLook
		}
		if err != nil {
			// It was asked again and again until somebody ended it in the engine.
			return o.missed(ctx, failure(err))
		}
		if drawn.Drawn() {
			o.log.add(ctx, run.Event{Kind: run.OccasionOpened, By: run.Engine, Data: run.Encode(drawn)})
		}
		if look.Over {
			return o.missed(ctx, look.Blocks)
		}
		o.postponed(ctx, look)
		if at = look.Until; o.laterDay(ctx, look) {
			first = at
		}
	}
}

// takenOut is why it is not waited for any more: its schedule is not in the programme.
type takenOut struct{ why []run.Problem }

func (*takenOut) Error() string { return "its schedule was taken out" }

// inTheEnd is why an occasion that was waited for is over.
func inTheEnd(err error) []run.Problem {
	if out := new(takenOut); errors.As(err, &out) {
		return out.why
	}
	return failure(err)
}

func (o *occasion) sleep(ctx workflow.Context, until time.Time) error {
	return o.through(ctx, func(ctx workflow.Context) workflow.Future {
		return workflow.NewTimer(ctx, until.Sub(workflow.Now(ctx)))
	}, nil)
}

// through waits for what begin begins. Told meanwhile that its schedule was taken out, it looks whether
// that is so, and goes on waiting when it is not.
func (o *occasion) through(ctx workflow.Context, begin func(workflow.Context) workflow.Future, value any) error {
	for {
		within, cancel := workflow.WithCancel(ctx)
		f, told := begin(within), false
		workflow.NewSelector(ctx).AddFuture(f, func(workflow.Future) {}).
			AddReceive(workflow.GetSignalChannel(ctx, plan.SignalOccasionOut), func(c workflow.ReceiveChannel, _ bool) {
				c.Receive(ctx, nil)
				told = true
			}).Select(ctx)
		if !told {
			err := f.Get(ctx, value)
			cancel()
			return err
		}
		cancel()
		ask := o.ask(ctx, o.due.Nominal)
		ask.First = workflow.Now(ctx)
		var look plan.OccasionLook
		if err := workflow.ExecuteActivity(asking(ctx), plan.ActivityOccasionLook, ask).Get(ctx, &look); err != nil {
			return err
		}
		if look.Over {
			return &takenOut{look.Blocks}
		}
	}
}

// laterDay reports whether it is tried again on another day.
func (o *occasion) laterDay(ctx workflow.Context, look plan.OccasionLook) bool {
	return look.Until.Sub(workflow.Now(ctx)) >= 12*time.Hour || o.due.Blind
}

func failure(err error) []run.Problem {
	return []run.Problem{{EN: "it could not be seen to: " + inWords(err), JA: "処理できなかった：" + inWords(err)}}
}

// draw has a start drawn in the windows from a moment on, has its commitment written down,
// and waits for it. The workflow itself does not know the time before it has come: its
// history is on the screens of whoever runs the engine.
func (o *occasion) draw(ctx workflow.Context, from time.Time) (run.Opened, error) {
	ask := o.ask(ctx, o.due.Nominal)
	ask.First, ask.Try = from, o.tries+1
	var drawn run.Commitment
	if err := workflow.ExecuteActivity(arranging(ctx), plan.ActivityOccasionDraw, ask).Get(ctx, &drawn); err != nil {
		return run.Opened{}, err
	}
	seq := o.log.add(ctx, run.Event{Kind: run.OccasionCommitted, By: run.Engine, Data: run.Encode(drawn)})
	if err := o.log.reach(ctx, seq); err != nil {
		return run.Opened{}, err
	}
	if wait := drawn.From.Sub(workflow.Now(ctx)); wait > 0 { // that much everybody may know
		if err := o.sleep(ctx, drawn.From); err != nil {
			return run.Opened{}, err
		}
	}
	var opened run.Opened
	err := o.through(ctx, func(ctx workflow.Context) workflow.Future {
		return workflow.ExecuteActivity(lurking(ctx), plan.ActivityOccasionAwait, ask)
	}, &opened)
	return opened, err
}

func (o *occasion) postponed(ctx workflow.Context, look plan.OccasionLook) {
	p := run.Postponed{Why: look.Blocks, Until: look.Until, Tries: o.tries}
	if o.due.Blind {
		p.Until = time.Time{}
	}
	e := run.Event{Kind: run.OccasionPostponed, By: run.Engine, Reason: inBoth(look.Blocks), Data: run.Encode(p)}
	// What is looked at every half hour is written down when the reason changes, and each day.
	if same(o.why, look.Blocks) && !o.laterDay(ctx, look) {
		return
	}
	o.log.add(ctx, e)
	if !same(o.why, look.Blocks) {
		o.tell(ctx, e)
	}
	o.why = look.Blocks
}

func same(a, b []run.Problem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (o *occasion) missed(ctx workflow.Context, why []run.Problem) run.State {
	free, _ := workflow.NewDisconnectedContext(ctx)
	e := run.Event{Kind: run.OccasionMissed, By: run.Engine, Reason: inBoth(why), Data: run.Encode(run.OccasionMiss{Why: why, Tries: o.tries})}
	o.log.add(free, e)
	o.tell(free, e)
	return run.NotHeld
}

func (o *occasion) held(ctx workflow.Context, id string, drawn run.Opened) run.State {
	if drawn.Drawn() {
		o.log.add(ctx, run.Event{Kind: run.OccasionOpened, By: run.Engine, Data: run.Encode(drawn)})
	}
	o.log.add(ctx, run.Event{Kind: run.OccasionHeld, By: run.Schedule(o.of.Schedule), Data: run.Encode(run.OccasionRun{Run: id})})
	return run.Held
}

// tell has the planner told; the occasion does not wait for it before its end.
func (o *occasion) tell(ctx workflow.Context, e run.Event) {
	e.Run, e.At = o.id, workflow.Now(ctx).UTC()
	o.told = append(o.told, workflow.ExecuteActivity(telling(ctx), plan.ActivityOccasionTell, plan.OccasionTold{OccasionAsk: o.ask(ctx, o.due.Nominal), Event: e}))
}

func inBoth(list []run.Problem) string {
	var all []plan.Text
	for _, p := range list {
		all = append(all, plan.Text{EN: p.EN, JA: p.JA})
	}
	return plan.Joined(all...).Both()
}
