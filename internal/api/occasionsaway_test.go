package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// Days that the engine never began, since it was away for longer than it makes up for, are entered once
// each, with the reason, and the planner is told, if not at once then later.
func TestDaysTheEngineNeverBeganAreEnteredOnce(t *testing.T) {
	y := newYear(t)
	const week = 7 * 24 * time.Hour
	x := row("weekly", ago(10*time.Minute).Add(-5*week))
	x.Spec.GiveUp = d(2 * 24 * time.Hour)
	y.plans.set(x)
	y.clock.Store(int64(-3*week + 24*time.Hour)) // in effect for 20 days
	y.apply()
	y.clock.Store(0)
	var told []string
	reach := errors.New("no channel works")
	o := api.Occasions{Server: y.server, Tell: func(_ context.Context, s programme.Spec, q plan.OccasionTold) error {
		if reach != nil {
			return reach
		}
		told = append(told, s.Planner+" "+string(q.Event.Kind)+" "+q.Event.Reason)
		return nil
	}}
	settle := func(wrong bool) []programme.Record {
		t.Helper()
		if err := errors.Join(o.SettleGone(t.Context()), o.SettleAway(t.Context())); (err != nil) != wrong {
			t.Errorf("settled: %v", err)
		}
		list, err := y.Occasions(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	// Two weeks ago and one week ago; what was due ten minutes ago the engine may yet begin, and before
	// that the schedule was not in effect.
	list := settle(true)
	if len(list) != 2 || slices.ContainsFunc(list, func(r programme.Record) bool { return len(r.Missed) != 1 || r.State.Ended() }) {
		t.Fatalf("while nobody can be told: %+v", list)
	}
	reach = nil
	for range 2 { // again changes nothing
		if list = settle(false); len(list) != 2 {
			t.Fatalf("%d days: %+v", len(list), list)
		}
	}
	for _, r := range list {
		if r.State != run.NotHeld || !strings.Contains(reasons(r.Missed), "the engine did not begin it: it was away at its time and for longer than the 2 d after it") {
			t.Errorf("%s: %s, because %q", r.ID, r.State, reasons(r.Missed))
		}
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "tanaka "+string(run.OccasionMissed)) || !strings.Contains(told[0], "エンジンが開始しなかった") {
		t.Errorf("told: %q", told)
	}
	cov, err := y.server.Planned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		i := slices.IndexFunc(cov, func(i programme.Item) bool { return i.From.Equal(r.Due.Nominal) })
		if i < 0 || cov[i].Status != programme.Overdue || cov[i].Occasion != r.ID || !strings.HasPrefix(cov[i].Why[0].EN, "the engine did not begin it") {
			t.Errorf("coverage of %s: %+v", r.ID, cov)
		}
	}
	// If the engine begins one after all, its record is closed.
	y.plans.simulated = true
	y.fire("weekly", list[0].Due.Nominal)
	if err := y.engine.GetWorkflow(t.Context(), list[0].ID, "").Get(t.Context(), nil); err != nil {
		// The engine starts it a moment later than it is told to.
		y.finished(list[0].ID)
	}
	if again := settle(false); len(again) != 2 {
		t.Errorf("begun after all: %+v", again)
	}
}

// finished waits until a workflow is over that the engine starts a moment later.
func (y *year) finished(id string) {
	y.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if y.engine.GetWorkflow(y.t.Context(), id, "").Get(y.t.Context(), nil) == nil {
			return
		}
	}
	y.t.Fatalf("%s did not end", id)
}

// Who takes a schedule out of the programme is not told by its open due day a week later: it ends at
// once, whatever it waits for.
func TestTakenOutEndsAtOnce(t *testing.T) {
	y := newYear(t)
	y.plans.simulated = true
	at := ago(10 * time.Minute)
	tries := row("tries", at) // is looked at again next month
	tries.Spec.Every, tries.Spec.For = d(30*24*time.Hour), d(60*24*time.Hour)
	tries.Spec.GiveUp = d(60 * 24 * time.Hour)
	blind := row("blind", at)
	blind.Spec.Blind = &programme.Window{Days: 3, From: "00:00", To: "23:59", By: "sato"}
	stays := row("stays", at)
	stays.Spec.Every, stays.Spec.For, stays.Spec.GiveUp = tries.Spec.Every, tries.Spec.For, tries.Spec.GiveUp
	y.plans.set(tries, blind, stays)
	y.apply()
	y.clock.Store(int64(-time.Hour)) // the drawn time does not come
	other, err := y.Start(t.Context(), response("tokyo-fire", "sato"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tries", "stays", "blind"} {
		y.fire(name, at)
	}
	open := map[string]string{}
	for _, name := range []string{"tries", "stays", "blind"} {
		open[name] = y.record(name+" waits", func(r programme.Record) bool {
			return r.Due.Schedule == name && (len(r.Postponed) > 0 || len(r.Draws) > 0)
		}).ID
	}
	y.plans.set(stays)
	y.apply()
	for _, name := range []string{"tries", "blind"} {
		r := y.record(name+" ended", func(r programme.Record) bool { return r.ID == open[name] && r.State.Ended() })
		if r.State != run.NotHeld || reasons(r.Missed) != "the schedule was taken out of the programme" {
			t.Errorf("%s: %s, because %q", name, r.State, reasons(r.Missed))
		}
	}
	// One that is told so wrongly goes on waiting for its time.
	if err := y.engine.SignalWorkflow(t.Context(), open["stays"], "", plan.SignalOccasionOut, nil); err != nil {
		t.Fatal(err)
	}
	y.abort(other.Run)
	if list, err := y.Occasions(t.Context(), true); err != nil || len(list) != 1 || list[0].ID != open["stays"] || len(list[0].Postponed) != 1 {
		t.Errorf("open: %+v %v", list, err)
	}
}
