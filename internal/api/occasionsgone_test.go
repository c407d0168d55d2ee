package api_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// Somebody at the engine may end an occasion there. Its record ends as not held, so that the next due
// day of its schedule is held and not told for ever that the one before it is still open.
func TestOccasionEndedInTheEngineKeepsNothingFromBeingHeld(t *testing.T) {
	held := func(y *year) programme.Record { // the first of two due days, while the schedule is paused
		y.plans.simulated = true
		at := ago(time.Minute)
		x := row("weekly", at)
		x.Spec.Rule.Anchor = x.Spec.Rule.Anchor.Plus(-14)
		x.Spec.Late = d(30 * 24 * time.Hour)
		x.Spec.Every, x.Spec.For, x.Spec.GiveUp = d(time.Hour), d(30*24*time.Hour), d(60*24*time.Hour)
		y.plans.set(x)
		y.apply()
		if _, err := y.PauseSchedule(t.Context(), "weekly", true, api.ScheduleRequest{By: "tanaka", Note: "x"}); err != nil {
			t.Fatal(err)
		}
		y.fire("weekly", at.Add(-7*24*time.Hour))
		r := y.record("postponed", func(r programme.Record) bool { return len(r.Postponed) > 0 })
		if _, err := y.PauseSchedule(t.Context(), "weekly", false, api.ScheduleRequest{By: "tanaka", Note: "x"}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	missed := func(y *year, id string) {
		r := y.record("ended as not held", func(r programme.Record) bool { return r.ID == id && r.State.Ended() })
		if r.State != run.NotHeld || len(r.Missed) != 1 {
			t.Errorf("the one that was ended in the engine: %s, because %q", r.State, reasons(r.Missed))
		}
	}
	end := func(y *year, how func(ctx context.Context, id string) error, id string) {
		if err := how(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	next := func(y *year, was programme.Record) { // a week after it, whatever the clock says by now
		id := was.ID
		y.fire("weekly", was.Due.Nominal.Add(7*24*time.Hour))
		n := y.record("the next", func(r programme.Record) bool { return r.ID != id && r.State.Ended() })
		if n.State != run.Held {
			t.Errorf("the next due day: %s, because %q", n.State, reasons(n.Missed))
		}
	}
	t.Run("cancelled", func(t *testing.T) {
		y := newYear(t)
		r := held(y)
		end(y, func(ctx context.Context, id string) error { return y.engine.CancelWorkflow(ctx, id, "") }, r.ID)
		missed(y, r.ID) // by its own workflow, before anybody looks
		next(y, r)
	})
	terminated := func(ctx context.Context, y *year, id string) error {
		return y.engine.TerminateWorkflow(ctx, id, "", "by an operator")
	}
	t.Run("terminated", func(t *testing.T) {
		y := newYear(t)
		r := held(y)
		end(y, func(ctx context.Context, id string) error { return terminated(ctx, y, id) }, r.ID)
		next(y, r)
		missed(y, r.ID)
	})
	t.Run("terminated while no server ran", func(t *testing.T) {
		y := newYear(t)
		r := held(y)
		end(y, func(ctx context.Context, id string) error { return terminated(ctx, y, id) }, r.ID)
		var told []string
		o := api.Occasions{Server: y.server, Tell: func(_ context.Context, s programme.Spec, x plan.OccasionTold) error {
			told = append(told, s.Planner+" "+string(x.Event.Kind)+" "+x.Event.Reason)
			return nil
		}}
		for range 2 { // again changes nothing
			if err := o.SettleGone(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		missed(y, r.ID)
		if len(told) != 1 || !strings.HasPrefix(told[0], "tanaka "+string(run.OccasionMissed)) || !strings.Contains(told[0], "エンジン") {
			t.Errorf("told: %q", told)
		}
	})
	t.Run("one that goes on is left alone", func(t *testing.T) {
		y := newYear(t)
		r := held(y)
		if err := (api.Occasions{Server: y.server}).SettleGone(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, err := y.Occasions(t.Context(), true); err != nil || len(list) != 1 || list[0].ID != r.ID {
			t.Errorf("open: %+v %v", list, err)
		}
	})
}

// The planner is told once that a due day was not held, whoever finds out: two servers at the same moment,
// one that dies before it has closed the record, and the workflow before them.
func TestThePlannerIsToldOnceOfADayNotHeld(t *testing.T) {
	y := newYear(t)
	at := ago(time.Minute)
	x := row("weekly", at)
	y.plans.set(x)
	y.apply()
	missed := run.Event{Kind: run.OccasionMissed, By: run.Engine, Data: run.Encode(run.OccasionMiss{Why: []run.Problem{{EN: "x", JA: "x"}}})}
	events := []run.Event{
		{Kind: run.RunStarted, By: run.Schedule("weekly"), Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: "tokyo-loss"})},
		{Kind: run.OccasionDue, By: run.Schedule("weekly"), Data: run.Encode(run.Due{Schedule: "weekly", Programme: "test", Scenario: "tokyo-loss", Nominal: at, At: at})},
		missed} // its workflow was ended right after this
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = "occasion-weekly-gone", "run", int64(i)+1, at
	}
	if err := y.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	told, other := 0, api.Occasions{Server: y.server, Tell: func(context.Context, programme.Spec, plan.OccasionTold) error {
		t.Error("a second server told it too")
		return nil
	}}
	dies, die := context.WithCancel(t.Context())
	o := api.Occasions{Server: y.server, Tell: func(context.Context, programme.Spec, plan.OccasionTold) error {
		told++
		if err := other.SettleGone(t.Context()); err == nil {
			t.Error("the other server takes it for done while the first is at it")
		}
		die() // told, and gone before it is written down
		return nil
	}}
	if err := o.SettleGone(dies); err == nil {
		t.Error("the server that died has closed the record")
	}
	if err := other.SettleGone(t.Context()); err != nil {
		t.Error(err)
	}
	r := y.record("closed", func(r programme.Record) bool { return r.ID == "occasion-weekly-gone" && r.State.Ended() })
	if told != 1 || r.State != run.NotHeld {
		t.Errorf("told %d times, %s", told, r.State)
	}
}
