package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

// skipping starts an engine whose workflows can be told to skip the time that they wait.
func skipping(t *testing.T) (conn engine.Connection) {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-year-")
	if err != nil {
		t.Fatal(err)
	}
	own, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: dir, Discard: true, TimeSkipping: true})
	if err != nil {
		t.Fatalf("%v (`make build` makes an engine that can skip time)", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = own.Stop(ctx)
		os.RemoveAll(dir)
	})
	at := own.Endpoint()
	return engine.Connection{Address: at.Address, Token: at.Token, Namespace: at.Namespace}
}

// skip has an open workflow skip what it waits for, so many times; the engine's own time is as ever.
func (y *year) skip(id string, times int32) {
	y.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		_, err := y.engine.WorkflowService().UpdateWorkflowExecutionOptions(y.t.Context(), &workflowservice.UpdateWorkflowExecutionOptionsRequest{
			Namespace: y.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: id},
			WorkflowExecutionOptions: &workflowpb.WorkflowExecutionOptions{TimeSkippingConfig: &commonpb.TimeSkippingConfig{Enabled: true, MaxSessionSkipCount: times}},
			UpdateMask:               &fieldmaskpb.FieldMask{Paths: []string{"time_skipping_config"}}})
		if gone := new(serviceerror.NotFound); errors.As(err, &gone) && time.Now().Before(deadline) {
			continue // the engine has not started it yet, or it is over
		}
		if err != nil {
			y.t.Fatalf("%s: %v", id, err)
		}
		return
	}
}

// TestAYear goes through a year of the programme on the engine. What skips time is each
// occasion's own workflow: from its due day it sleeps, is held up, tries again and ends in the
// engine's time of that day, months ahead of the machine's. The schedule fires when it is told
// to (a backfill of that very moment), in the order of the year; the drills themselves run now. So the times of the occasions are those of the year, and those of the runs
// are not; coverage goes by the occasions.
func TestAYear(t *testing.T) {
	to := skipping(t)
	y := newYearOn(t, to)
	y.namespace = to.Namespace
	y.plans.simulated = true
	zone, _ := time.LoadLocation("Asia/Tokyo")
	// The year after this one, so that nothing of it is over.
	first := calendar.Date{Year: time.Now().Year() + 1, Month: time.April, Day: 1}
	from, _ := calendar.At(first, 0, 0, zone)
	until, _ := calendar.At(calendar.Date{Year: first.Year + 1, Month: time.April, Day: 1}, 0, 0, zone)
	office := calendar.Calendar{Zone: "Asia/Tokyo", Weekend: []time.Weekday{time.Saturday, time.Sunday}, Holidays: calendar.HolidaysJapan}
	freeze := []calendar.Span{{Name: "year-end", From: calendar.Date{Year: first.Year, Month: 12, Day: 1}, To: calendar.Date{Year: first.Year, Month: 12, Day: 15}}}
	of := func(id, scenario string, r calendar.Rule, change func(*programme.Spec)) programme.Row {
		x := row(id, time.Now())
		r.Zone = "Asia/Tokyo"
		x.Scenario, x.Spec.Scenario, x.Spec.Rule, x.Spec.Calendar, x.Spec.Freezes, x.Spec.Shift = scenario, scenario, r, office, freeze, true
		x.Spec.Every, x.Spec.Ready = d(30*time.Minute), true
		if change != nil {
			change(x.Spec)
		}
		return x
	}
	hand := programme.Row{ID: "review", Title: plan.Text{EN: "review"}, Kind: "review", Planner: "tanaka", ByHand: true, Months: []int{4}}
	never := programme.Row{ID: "staff", Title: plan.Text{EN: "staff"}, Kind: "blind-staff", Planner: "tanaka", ByHand: true, Months: []int{12}}
	y.plans.set(
		of("recovery", "tokyo-loss", calendar.Rule{Months: []time.Month{3, 6, 9, 12}, Week: 2, Weekday: time.Wednesday, Hour: 10}, nil),
		of("safety", "tokyo-fire", calendar.Rule{Months: []time.Month{4, 7, 10, 1}, Week: 3, Weekday: time.Tuesday, Hour: 10}, nil),
		of("new-year", "tokyo-loss", calendar.Rule{Months: []time.Month{1}, Day: 1, Hour: 9}, nil),
		of("surprise", "tokyo-fire", calendar.Rule{Months: []time.Month{11}, Week: 1, Weekday: time.Monday, Hour: 9}, func(s *programme.Spec) {
			s.Blind = &programme.Window{Days: 8, From: "10:00", To: "15:30", By: "sato"}
		}),
		of("hopeless", "tokyo-loss", calendar.Rule{Months: []time.Month{8}, Day: calendar.Last, Hour: 14}, func(s *programme.Spec) { s.GiveUp = d(5 * 24 * time.Hour) }),
		hand, never)
	y.apply()

	specs, err := y.plans.Programme()
	if err != nil {
		t.Fatal(err)
	}
	type due struct {
		spec programme.Spec
		at   time.Time
	}
	var dues []due
	for _, s := range specs.Specs() {
		for _, at := range s.Rule.Between(from, until) {
			dues = append(dues, due{s, at})
		}
	}
	slices.SortFunc(dues, func(a, b due) int { return a.at.Compare(b.at) })
	if len(dues) != 4+4+3 {
		t.Fatalf("%d due days", len(dues))
	}
	var said []string // the log of the year, as it went
	for i, x := range dues {
		y.clock.Store(int64(time.Until(x.at.Add(90 * 24 * time.Hour)))) // for what is drawn
		held := x.spec.Schedule == "hopeless" || i == 5
		var blocker api.Started
		if held {
			if blocker, err = y.Start(t.Context(), response("tokyo-loss", "sato")); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprintf("occasion-%s-%s", x.spec.Schedule, x.at.UTC().Format("2006-01-02T15:04:05Z"))
		y.fire(x.spec.Schedule, x.at)
		mine := func(r programme.Record) bool { return r.ID == id }
		if held && x.spec.Schedule != "hopeless" {
			// One wait at a time, so that it does not give up before the response is over.
			y.record(id+" held up", func(r programme.Record) bool {
				if mine(r) && len(r.Postponed) > 0 {
					return true
				}
				y.skip(id, 1)
				return false
			})
			y.abort(blocker.Run)
			blocker = api.Started{}
		}
		y.skip(id, 5000)
		r := y.record(id+" ended", func(r programme.Record) bool { return mine(r) && r.State.Ended() })
		line := fmt.Sprintf("%s %s %s", x.at.Format(time.DateOnly), x.spec.Schedule, r.State)
		for _, m := range r.Due.Shifts {
			line += " | " + m.Why.EN
		}
		if r.State == run.Held {
			line += " | on " + r.HeldAt.In(zone).Format("2006-01-02 15:04") + " by " + r.Run.Run
			y.ended(r.Run.Run)
		} else {
			line += " | " + reasons(r.Missed)
		}
		said = append(said, line)
		if blocker.Run != "" {
			y.abort(blocker.Run)
		}
		checkYearRecord(t, x.spec, r, zone)
	}
	y.clock.Store(int64(time.Until(from.Add(15 * 24 * time.Hour))))
	if _, err := y.RowHeld(t.Context(), "review", api.HeldRequest{By: "tanaka", Reason: "all fourteen questions answered"}); err != nil {
		t.Fatal(err)
	}

	// The whole year is over: every row is held, or overdue with the reason, as the log says.
	y.clock.Store(int64(time.Until(until.Add(-time.Minute))))
	cov, err := y.Coverage(t.Context(), first.Year)
	if err != nil {
		t.Fatal(err)
	}
	var covered []string
	for _, i := range cov.Items {
		switch i.Status {
		case programme.HeldThen:
			if i.Row != "review" {
				covered = append(covered, fmt.Sprintf("%s %s held", i.From.In(zone).Format(time.DateOnly), i.Row))
			}
		case programme.Overdue:
			if i.Row != "staff" && len(i.Why) == 0 {
				t.Errorf("overdue without a reason: %+v", i)
			}
			covered = append(covered, fmt.Sprintf("%s %s %s", i.From.In(zone).Format(time.DateOnly), i.Row, map[bool]string{true: "overdue", false: "not_held"}[i.Row == "staff"]))
		default:
			t.Errorf("%s of %s is %s when the year is over", i.Row, i.From, i.Status)
		}
	}
	var want []string
	for _, line := range said {
		want = append(want, strings.SplitN(line, " | ", 2)[0])
	}
	want = append(want, calendar.Date{Year: first.Year, Month: 12, Day: 1}.String()+" staff overdue")
	slices.Sort(want)
	slices.Sort(covered)
	if !slices.Equal(covered, want) {
		t.Errorf("coverage says\n%s\nand the log\n%s", strings.Join(covered, "\n"), strings.Join(want, "\n"))
	}
	t.Log("\n" + strings.Join(said, "\n"))
}

// checkYearRecord holds an occasion's record against its schedule.
func checkYearRecord(t *testing.T, s programme.Spec, r programme.Record, zone *time.Location) {
	t.Helper()
	if s.Schedule == "hopeless" {
		if r.State != run.NotHeld || len(r.Missed) == 0 {
			t.Errorf("%s: %+v", r.ID, r)
		}
		return
	}
	if r.State != run.Held {
		t.Errorf("%s was not held: %+v", r.ID, r)
		return
	}
	day := calendar.DateOf(r.HeldAt.In(zone))
	if why, off := s.Calendar.Off(day); off {
		t.Errorf("%s was held on a day off: %s", r.ID, why.EN)
	}
	if f, frozen := s.Calendar.Frozen(r.HeldAt, s.Freezes, s.Systems); frozen {
		t.Errorf("%s was held in the freeze %s", r.ID, f.Name)
	}
	if s.Blind == nil {
		return
	}
	if len(r.Draws) == 0 || r.Draws[0].Opened == nil {
		t.Errorf("%s: the draw was not opened: %+v", r.ID, r.Draws)
		return
	}
	d := r.Draws[len(r.Draws)-1]
	sum := sha256.Sum256([]byte(d.Opened.Time + "|" + d.Opened.Nonce))
	if hex.EncodeToString(sum[:]) != d.Hash {
		t.Errorf("%s: what was opened is not what was committed to", r.ID)
	}
	at, err := time.Parse(time.RFC3339, d.Opened.Time)
	if err != nil || at.Before(d.From) || at.After(d.To) || r.HeldAt.Before(at) || r.HeldAt.Sub(at) > time.Hour {
		t.Errorf("%s: drawn %s in %s to %s, held %s", r.ID, at, d.From, d.To, r.HeldAt)
	}
}

func (y *year) abort(id string) {
	y.t.Helper()
	if _, err := y.Abort(y.t.Context(), id, workflows.Control{By: "sato", Reason: "it was nothing"}); err != nil {
		y.t.Fatal(err)
	}
	y.ended(id)
}

// ended waits for the end of a run.
func (y *year) ended(id string) {
	y.t.Helper()
	waittest.Eventually(y.t, patience, func() string {
		if r, err := y.Run(y.t.Context(), id); err != nil || !r.Summary.State.Ended() {
			return id + " did not end"
		}
		return ""
	})
}
