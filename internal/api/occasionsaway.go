package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// longestAway is how far back days are looked for that the engine never began.
	longestAway = 400 * 24 * time.Hour
	// awayAfter is how long the engine is given to begin what it makes up for.
	awayAfter = time.Hour
)

// SettleAway enters the due days that the engine never began, each once, as missed: it was away for
// longer than it makes up for, or the schedule was paused in the engine itself. The planner is told of
// each. A day that the engine has a workflow of is that workflow's.
func (o Occasions) SettleAway(ctx context.Context) error {
	s := o.Server
	have, err := s.appliedSchedules(ctx)
	if err != nil {
		return err
	}
	list, err := s.occasions(ctx, false)
	if err != nil {
		return err
	}
	type day struct {
		schedule string
		at       int64
	}
	ids, days := map[string]bool{}, map[day]bool{}
	for _, x := range list {
		ids[x.ID], days[day{x.Due.Schedule, x.Due.Nominal.Unix()}] = true, true
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(have)) {
		a, now := have[name], s.now()
		from := now.Add(-longestAway)
		if a.From.After(from) {
			from = a.From
		}
		for _, t := range a.Spec.Rule.Between(from, now.Add(-missedFor(a.Spec)-awayAfter)) {
			// What the engine would have called it: if it begins it after all, it finds its record closed.
			id := "occasion-" + name + "-" + t.UTC().Format(time.RFC3339)
			if ids[id] || days[day{name, t.Unix()}] {
				continue
			}
			errs = append(errs, o.neverBegun(ctx, id, a, t))
		}
	}
	return errors.Join(errs...)
}

// neverBegun enters a due day that the engine has nothing of.
func (o Occasions) neverBegun(ctx context.Context, id string, a applied, nominal time.Time) error {
	if over, err := o.gone(ctx, id); err != nil || !over {
		return err
	}
	spec := a.Spec
	because := saying("the engine did not begin it: it was away at its time and for longer than the %s after it for which it makes up", "エンジンが開始しなかった：予定の時刻から、遅れて開始できる期間（%s）を過ぎるまで停止していた", inWords(missedFor(spec)))
	if a.Paused {
		because = saying("the engine did not begin it, and its schedule is paused: %s", "エンジンが開始しなかった。予定は一時停止中：%s", a.Note)
	}
	st := spec.Begins(nominal)
	due := run.Due{Schedule: spec.Schedule, Programme: spec.Programme, Scenario: spec.Scenario, Nominal: nominal.UTC(), At: st.At.UTC(), Blind: st.Blind}
	if !st.Until.IsZero() {
		due.Until = st.Until.UTC()
	}
	for _, m := range st.Shifts {
		due.Shifts = append(due.Shifts, run.Shift{From: m.From.UTC(), To: m.To.UTC(), Why: why(m.Why)})
	}
	events := []run.Event{
		{Kind: run.RunStarted, By: run.Schedule(spec.Schedule), Data: run.Encode(run.Started{Kind: run.Occasion, Scenario: spec.Scenario})},
		{Kind: run.OccasionDue, By: run.Schedule(spec.Schedule), Data: run.Encode(due)},
		missedBecause(because)}
	now := o.Server.now().UTC()
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", int64(i)+1, now
	}
	if err := o.Server.Store.Append(ctx, events); errors.Is(err, journal.ErrTaken) {
		return nil // another server did it, or the engine began it this moment
	} else if err != nil {
		return err
	}
	return o.end(ctx, programme.Record{ID: id, Due: due}, true)
}
