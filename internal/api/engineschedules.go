package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
)

// schedulePrefix begins the IDs of muster's schedules in the engine. Others there are nobody's
// business here.
const schedulePrefix = "muster-schedule-"

// applied is a schedule as the engine has it.
type applied struct {
	Spec   programme.Spec
	Paused bool
	Since  time.Time // of the pause; zero for one of an earlier version, or made in the engine itself
	Note   string
	From   time.Time // since when its rule is in effect
}

// engineSpec says to the engine when a rule is due. What it can't say, the occasion sees to:
// days off, freezes, and the weeks between.
func engineSpec(s programme.Spec) client.ScheduleSpec {
	r := s.Rule
	exactly := func(list ...int) []client.ScheduleRange {
		var out []client.ScheduleRange
		for _, n := range list {
			out = append(out, client.ScheduleRange{Start: n})
		}
		return out
	}
	at := func(months []time.Month, from, to int, years []client.ScheduleRange) client.ScheduleCalendarSpec {
		c := client.ScheduleCalendarSpec{Hour: exactly(r.Hour), Minute: exactly(r.Minute), Second: exactly(0), Year: years,
			DayOfMonth: []client.ScheduleRange{{Start: from, End: to}}, DayOfWeek: []client.ScheduleRange{{Start: 0, End: 6}}}
		for _, m := range months {
			c.Month = append(c.Month, client.ScheduleRange{Start: int(m)})
		}
		if r.Day == 0 {
			c.DayOfWeek = exactly(int(r.Weekday))
		}
		return c
	}
	all := r.Months
	if len(all) == 0 {
		for m := time.January; m <= time.December; m++ {
			all = append(all, m)
		}
	}
	out := client.ScheduleSpec{TimeZoneName: r.Zone, Jitter: s.Jitter.Std()}
	first := r.From
	switch {
	case r.Weeks > 0:
		out.Calendars = append(out.Calendars, at(all, 1, 31, nil))
		if first.Before(r.Anchor) {
			first = r.Anchor
		}
	case r.Day > 0:
		out.Calendars = append(out.Calendars, at(all, r.Day, r.Day, nil))
	case r.Week > 0:
		out.Calendars = append(out.Calendars, at(all, 7*(r.Week-1)+1, 7*r.Week, nil))
	default: // the last week or day: by how long the months are
		leap := []client.ScheduleRange{{Start: 2024, End: 2096, Step: 4}}
		plain := []client.ScheduleRange{{Start: 2025, End: 2099, Step: 4}, {Start: 2026, End: 2099, Step: 4}, {Start: 2027, End: 2099, Step: 4}}
		add := func(length int, years []client.ScheduleRange, months ...time.Month) {
			months = slices.DeleteFunc(months, func(m time.Month) bool { return !slices.Contains(all, m) })
			if len(months) == 0 {
				return
			}
			from := length
			if r.Week == calendar.Last {
				from = length - 6
			}
			out.Calendars = append(out.Calendars, at(months, from, length, years))
		}
		add(31, nil, 1, 3, 5, 7, 8, 10, 12)
		add(30, nil, 4, 6, 9, 11)
		add(29, leap, 2)
		add(28, plain, 2)
	}
	if !first.IsZero() {
		out.StartAt, _ = calendar.At(first, 0, 0, r.Location())
	}
	return out
}

// missedFor is how long the engine makes up for starts that it missed while it was down; what
// then becomes of them is for the occasion, by the schedule's rules.
func missedFor(s programme.Spec) time.Duration { return max(s.GiveUp.Std(), 24*time.Hour) }

func action(s programme.Spec, since time.Time) (*client.ScheduleWorkflowAction, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return &client.ScheduleWorkflowAction{ID: "occasion-" + s.Schedule, Workflow: plan.TypeOccasion, TaskQueue: plan.ControlQueue,
		Args: []any{plan.Occasion{Schedule: s.Schedule, Programme: s.Programme, Scenario: s.Scenario, Blind: s.Blind != nil, Spec: raw, Since: since.UTC()}}}, nil
}

// createSchedule puts a schedule into the engine. Occasions that are open are no reason to
// leave one out: the next one ends by itself and says so in the record.
func (s *Server) createSchedule(ctx context.Context, spec programme.Spec) error {
	a, err := action(spec, s.now())
	if err != nil {
		return err
	}
	_, err = s.Engine.ScheduleClient().Create(ctx, client.ScheduleOptions{ID: schedulePrefix + spec.Schedule, Spec: engineSpec(spec), Action: a,
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL, CatchupWindow: missedFor(spec)})
	return err
}

func (s *Server) updateSchedule(ctx context.Context, was applied, spec programme.Spec) error {
	since := s.now()
	if reflect.DeepEqual(was.Spec.Rule, spec.Rule) {
		since = was.From
	}
	a, err := action(spec, since)
	if err != nil {
		return err
	}
	return s.Engine.ScheduleClient().GetHandle(ctx, schedulePrefix+spec.Schedule).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			to := in.Description.Schedule // what is paused stays so
			when := engineSpec(spec)
			to.Spec, to.Action = &when, a
			to.Policy = &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL, CatchupWindow: missedFor(spec)}
			return &client.ScheduleUpdate{Schedule: &to}, nil
		}})
}

// pausedBy begins the note of a schedule that is paused. Paused in the engine itself it would
// not fire, and what was due meanwhile would have no record; so it goes on firing, and its
// occasions find it paused.
const pausedBy = "paused by "

// noteOn puts a note on a schedule, and ends a pause that was made in the engine itself.
func (s *Server) noteOn(ctx context.Context, was applied, note string) error {
	a, err := action(was.Spec, was.From)
	if err != nil {
		return err
	}
	return s.Engine.ScheduleClient().GetHandle(ctx, schedulePrefix+was.Spec.Schedule).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			to := in.Description.Schedule
			to.Action = a
			if to.State == nil {
				to.State = &client.ScheduleState{}
			}
			to.State.Note, to.State.Paused = note, false
			return &client.ScheduleUpdate{Schedule: &to}, nil
		}})
}

func (s *Server) deleteSchedule(ctx context.Context, name string) error {
	err := s.Engine.ScheduleClient().GetHandle(ctx, schedulePrefix+name).Delete(ctx)
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return nil
	}
	return err
}

// scheduleState is a schedule as the engine has it; NotFound of the engine when it has none.
func (s *Server) scheduleState(ctx context.Context, name string) (applied, error) {
	d, err := s.Engine.ScheduleClient().GetHandle(ctx, schedulePrefix+name).Describe(ctx)
	if err != nil {
		return applied{}, err
	}
	var out applied
	if st := d.Schedule.State; st != nil {
		by, ours := strings.CutPrefix(st.Note, pausedBy)
		out.Paused, out.Note = st.Paused || ours, st.Note
		if ours {
			out.Note = by
			if at, rest, _ := strings.Cut(by, " "); rest != "" {
				if since, err := time.Parse(time.RFC3339, at); err == nil {
					out.Since, out.Note = since, rest
				}
			}
		}
	}
	a, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || len(a.Args) != 1 {
		return out, fmt.Errorf("schedule %s in the engine is none of this version's", name)
	}
	payload, ok := a.Args[0].(*commonpb.Payload)
	if !ok {
		return out, fmt.Errorf("schedule %s in the engine has no input that can be read", name)
	}
	var of plan.Occasion
	if err := s.Data.FromPayload(payload, &of); err != nil {
		return out, fmt.Errorf("schedule %s in the engine: %w", name, err)
	}
	if err := json.Unmarshal(of.Spec, &out.Spec); err != nil {
		return out, fmt.Errorf("schedule %s in the engine: %w", name, err)
	}
	if out.From = of.Since; out.From.IsZero() {
		if out.From = d.Info.CreatedAt; d.Info.LastUpdateAt.After(out.From) {
			out.From = d.Info.LastUpdateAt
		}
	}
	return out, nil
}

// appliedSchedules are muster's schedules in the engine, by name.
func (s *Server) appliedSchedules(ctx context.Context) (map[string]applied, error) {
	it, err := s.Engine.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 200})
	if err != nil {
		return nil, err
	}
	out := map[string]applied{}
	for it.HasNext() {
		e, err := it.Next()
		if err != nil {
			return nil, err
		}
		name, ours := strings.CutPrefix(e.ID, schedulePrefix)
		if !ours {
			continue
		}
		a, err := s.scheduleState(ctx, name)
		if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
			continue // removed this moment
		}
		if err != nil {
			return nil, err
		}
		out[name] = a
	}
	return out, nil
}
