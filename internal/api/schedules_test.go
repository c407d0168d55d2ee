package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities/record"
	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

// planned is a plans directory with a programme.
type planned struct {
	files
	mu sync.Mutex
	p  programme.Programme
	// simulated: drills end by themselves; depth is that of drills, tabletop unless said.
	simulated bool
	depth     run.Depth
}

func (p *planned) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if depth == "" {
		depth = p.depth
	}
	out, err := p.files.Compile(name, depth)
	if err == nil && p.simulated && depth != run.Real {
		out.Scenario.Simulate = &plan.Simulate{}
		err = out.Seal()
	}
	return out, err
}

func (p *planned) Programme() (*programme.Programme, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.p
	out.Rows = slices.Clone(p.p.Rows)
	return &out, nil
}

// deepen sets the depth of drills.
func (p *planned) deepen(to run.Depth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.depth = to
}

func (p *planned) set(rows ...programme.Row) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Rows = rows
}

// year is a server with a programme on a real engine.
type year struct {
	*api.Client
	t         *testing.T
	plans     *planned
	store     journal.Store
	engine    client.Client
	handler   *api.Client // in process
	told      chan plan.OccasionTold
	namespace string
	// stop ends the server's worker, and again starts another one.
	stop, again func()
	server      *api.Server
	people      atomic.Pointer[[]plan.Person] // those of the estate; nil is those of files
	clock       atomic.Int64                  // what the server's clock is ahead
}

func newYear(t *testing.T) *year {
	t.Helper()
	c, _ := temporaltest.Start(t).NewClient(t)
	return newYearWith(t, c)
}

func newYearOn(t *testing.T, to engine.Connection) *year {
	t.Helper()
	c, err := engine.Dial(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return newYearWith(t, c)
}

func newYearWith(t *testing.T, c client.Client) *year {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	y := &year{t: t, store: store, engine: c, told: make(chan plan.OccasionTold, 100),
		plans: &planned{p: programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Chief: "commander", Manager: "commander", Planner: "tanaka"}}}
	s := &api.Server{Now: func() time.Time { return time.Now().Add(time.Duration(y.clock.Load())) }, Store: store, Identity: identity.New(store, identity.Options{Console: token}), Engine: c, Plans: y.plans, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler),
		Estate: func(context.Context) (plan.Estate, error) {
			p, err := files{}.Compile("tokyo-loss", "")
			if now := y.people.Load(); now != nil {
				p.Estate.People = *now
			}
			return p.Estate, err
		},
		Render: func(io.Writer, plan.Plan, []run.Event, []report.Earlier, string, string) error { return nil }}
	h := s.Handler()
	y.handler = api.InProcess(h, "en")
	w := worker.New(c, plan.ControlQueue, worker.Options{WorkerStopTimeout: time.Second})
	workflows.Register(w)
	record.Register(w, record.Deps{Store: store, Client: c})
	api.Occasions{Server: s, Door: y.handler, Pause: 20 * time.Millisecond, Tell: func(_ context.Context, _ programme.Spec, told plan.OccasionTold) error {
		y.told <- told
		return nil
	}}.Register(w)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	y.server, y.stop = s, w.Stop
	y.again = func() {
		next := worker.New(c, plan.ControlQueue, worker.Options{WorkerStopTimeout: time.Second})
		workflows.Register(next)
		record.Register(next, record.Deps{Store: store, Client: c})
		api.Occasions{Server: s, Door: y.handler, Pause: 20 * time.Millisecond}.Register(next)
		if err := next.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(next.Stop)
	}
	srv := httptest.NewServer(h)
	y.Client = api.Connect(srv.URL, token, "en")
	t.Cleanup(func() {
		y.Close()
		srv.CloseClientConnections()
		srv.Close()
		w.Stop()
		store.Close()
	})
	return y
}

// row is a row whose schedule is due at a moment, each week.
func row(id string, nominal time.Time) programme.Row {
	zone, _ := time.LoadLocation("Asia/Tokyo")
	local := nominal.In(zone)
	return programme.Row{ID: id, Title: plan.Text{EN: id, JA: id}, Kind: "other", Scenario: "tokyo-loss", Systems: []string{"orders"}, Planner: "tanaka",
		Spec: &programme.Spec{Schedule: id, Programme: "test", Title: plan.Text{EN: id, JA: id}, Scenario: "tokyo-loss", Systems: []string{"orders"}, Planner: "tanaka",
			Rule:     calendar.Rule{Weeks: 1, Weekday: local.Weekday(), Anchor: calendar.DateOf(local), Hour: local.Hour(), Minute: local.Minute(), Zone: "Asia/Tokyo"},
			Calendar: calendar.Calendar{Zone: "Asia/Tokyo"}, Every: d(100 * time.Millisecond), For: d(2 * time.Hour), GiveUp: d(14 * 24 * time.Hour), Late: d(time.Hour), Ready: true}}
}

// ago is a moment that a schedule can be due at.
func ago(span time.Duration) time.Time { return time.Now().Add(-span).Truncate(time.Minute) }

func (y *year) apply() []api.ScheduleChange {
	y.t.Helper()
	out, err := y.ApplySchedules(y.t.Context(), api.ScheduleRequest{By: "tanaka"})
	if err != nil {
		y.t.Fatal(err)
	}
	for _, c := range out {
		if c.What == "add" {
			y.listed(c.Schedule)
		}
	}
	return out
}

// listed waits until the engine lists a schedule that it has: it does so a moment later.
func (y *year) listed(schedule string) {
	y.t.Helper()
	waittest.Eventually(y.t, patience, func() string {
		it, err := y.engine.ScheduleClient().List(y.t.Context(), client.ScheduleListOptions{})
		for err == nil && it.HasNext() {
			var e *client.ScheduleListEntry
			if e, err = it.Next(); err == nil && e.ID == "muster-schedule-"+schedule {
				return ""
			}
		}
		if err != nil {
			return err.Error()
		}
		return "the engine does not list the schedule " + schedule
	})
}

// fire has the engine start what a schedule was due for at a moment that is over, as it does
// itself when it was away.
func (y *year) fire(schedule string, nominal time.Time) {
	y.t.Helper()
	err := y.engine.ScheduleClient().GetHandle(y.t.Context(), "muster-schedule-"+schedule).Backfill(y.t.Context(), client.ScheduleBackfillOptions{
		Backfill: []client.ScheduleBackfill{{Start: nominal.Add(-time.Second), End: nominal, Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL}}})
	if err != nil {
		y.t.Fatal(err)
	}
}

// record waits until an occasion's record is as it should be.
func (y *year) record(what string, is func(programme.Record) bool) programme.Record {
	y.t.Helper()
	var list []programme.Record
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		var err error
		if list, err = y.Occasions(y.t.Context(), false); err != nil {
			y.t.Fatal(err)
		}
		for _, r := range list {
			if is(r) {
				return r
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-y.t.Context().Done():
		}
	}
	y.t.Fatalf("no occasion is %s within %s; there are %+v", what, patience, list)
	return programme.Record{}
}

func reasons(list []run.Problem) string {
	var out []string
	for _, p := range list {
		out = append(out, p.EN)
	}
	return strings.Join(out, "; ")
}

func TestSchedulesAreWhatTheFileSays(t *testing.T) {
	y := newYear(t)
	ctx := t.Context()
	first, second := row("first", time.Now().Add(48*time.Hour)), row("second", time.Now().Add(24*time.Hour))
	y.plans.set(first, second)
	changes, err := y.ApplySchedules(ctx, api.ScheduleRequest{By: "tanaka", DryRun: true})
	if err != nil || len(changes) != 2 || changes[0].What != "add" {
		t.Fatalf("%+v %v", changes, err)
	}
	if list, err := y.Schedules(ctx); err != nil || list[0].State != "not_applied" {
		t.Fatalf("a dry run did something: %+v %v", list, err)
	}
	y.apply()
	if again := y.apply(); again[0].What != "keep" || again[1].What != "keep" {
		t.Errorf("applied twice: %+v", again)
	}
	if next, err := y.NextStarts(ctx, 3); err != nil || len(next) != 3 || next[0].Schedule != "second" || next[1].Schedule != "first" || next[2].Schedule != "second" {
		t.Errorf("the next three: %+v %v", next, err)
	}
	// Paused with a note, it stays so when it is changed, and is no start any more.
	if _, err := y.PauseSchedule(ctx, "first", true, api.ScheduleRequest{By: "tanaka"}); err == nil || !strings.Contains(err.Error(), "needs a note") {
		t.Errorf("paused without a note: %v", err)
	}
	if v, err := y.PauseSchedule(ctx, "first", true, api.ScheduleRequest{By: "tanaka", Note: "the room is rebuilt"}); err != nil || v.State != "paused" || v.Note != "tanaka: the room is rebuilt" {
		t.Errorf("%+v %v", v, err)
	}
	first.Spec.Rule.Hour = (first.Spec.Rule.Hour + 1) % 24
	first.Spec.Late = d(2 * time.Hour)
	y.plans.set(first, second)
	if n, err := y.server.SchedulesByState(ctx); err != nil || n["differs"] != 1 || n["in_effect"] != 1 || len(n) != 2 {
		t.Errorf("by state: %v %v", n, err)
	}
	if list, err := y.Schedules(ctx); err != nil || list[0].State != "differs" {
		t.Errorf("the file was changed: %+v %v", list, err)
	}
	changes = y.apply()
	if c := changes[0]; c.What != "change" || !c.Paused || len(c.Differs) != 2 || !strings.HasPrefix(c.Differs[0].EN, "when: ") || c.Differs[1].EN != "late at most: 1h → 2h" {
		t.Errorf("changed: %+v", c)
	}
	if list, err := y.Schedules(ctx); err != nil || list[0].State != "paused" || list[0].Note != "tanaka: the room is rebuilt" || list[0].Since.IsZero() {
		t.Errorf("a change let a paused schedule go: %+v %v", list, err)
	}
	// What the file does not name any more goes; what is not muster's stays.
	if _, err := y.engine.ScheduleClient().Create(ctx, client.ScheduleOptions{ID: "somebody-elses", Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "x", Workflow: "X", TaskQueue: "x"}, Paused: true}); err != nil {
		t.Fatal(err)
	}
	y.plans.set(second)
	deadline := time.Now().Add(patience) // the engine's list comes late
	for {
		changes = y.apply()
		if i := slices.IndexFunc(changes, func(c api.ScheduleChange) bool { return c.Schedule == "first" && c.What == "remove" }); i >= 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the schedule was not removed: %+v", changes)
		}
	}
	if _, err := y.engine.ScheduleClient().GetHandle(ctx, "somebody-elses").Describe(ctx); err != nil {
		t.Errorf("somebody else's schedule: %v", err)
	}
	if _, err := y.ApplySchedules(ctx, api.ScheduleRequest{By: "suzuki"}); err != nil { // has the chief's role
		t.Errorf("the chief: %v", err)
	}
	y.plans.mu.Lock()
	y.plans.p.Chief, y.plans.p.Manager = "nobody", "nobody"
	y.plans.mu.Unlock()
	if _, err := y.ApplySchedules(ctx, api.ScheduleRequest{By: "sato"}); err == nil || !strings.Contains(err.Error(), "does not see to the programme") {
		t.Errorf("somebody else: %v", err)
	}
}

// The engine fires when the calendar says, for every way to write a rule.
func TestEngineIsDueWhenTheCalendarSays(t *testing.T) {
	y := newYear(t)
	rules := map[string]calendar.Rule{
		"nth":       {Months: []time.Month{3, 6, 9, 12}, Week: 1, Weekday: time.Saturday, Hour: 2, Zone: "Asia/Tokyo"},
		"fourth":    {Week: 4, Weekday: time.Sunday, Hour: 23, Minute: 59, Zone: "America/New_York"},
		"last":      {Week: calendar.Last, Weekday: time.Friday, Hour: 9, Zone: "Europe/Berlin"},
		"last-feb":  {Months: []time.Month{2}, Week: calendar.Last, Weekday: time.Sunday, Hour: 9, Zone: "Asia/Tokyo"},
		"day":       {Day: 28, Hour: 12, Minute: 30, Zone: "Asia/Kathmandu"},
		"last-day":  {Day: calendar.Last, Hour: 17, Zone: "Asia/Tokyo"},
		"last-day2": {Months: []time.Month{2}, Day: calendar.Last, Hour: 17, Zone: "Asia/Tokyo"},
		"weekly":    {Weeks: 1, Weekday: time.Monday, Anchor: calendar.Date{Year: 2026, Month: 4, Day: 6}, Hour: 9, Zone: "Asia/Tokyo"},
	}
	var rows []programme.Row
	for name, r := range rules {
		x := row(name, time.Now())
		x.Spec.Rule = r
		rows = append(rows, x)
	}
	y.plans.set(rows...)
	y.apply()
	for name, r := range rules {
		info, err := y.engine.ScheduleClient().GetHandle(t.Context(), "muster-schedule-"+name).Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		engine := info.Info.NextActionTimes
		if len(engine) < 5 {
			t.Fatalf("%s: the engine knows only %d", name, len(engine))
		}
		for i, want := range r.Next(engine[0].Add(-time.Second), len(engine)) {
			if !engine[i].Equal(want) {
				t.Errorf("%s: the engine is due on %s, the calendar on %s", name, engine[i], want)
			}
		}
		if first := r.Next(time.Now(), 1)[0]; !engine[0].Equal(first) {
			t.Errorf("%s: the engine is first due on %s, the calendar on %s", name, engine[0], first)
		}
	}
}

func TestDueDrillStartsUnderTheSchedulesName(t *testing.T) {
	y := newYear(t)
	at := ago(10 * time.Minute)
	quarterly := row("quarterly", at)
	quarterly.Goals = []programme.Goal{{ID: "by-schedule", Expect: `run.started_by == "schedule:quarterly"`}, {ID: "manners", Judge: "commander"}}
	y.plans.set(quarterly)
	y.apply()
	y.fire("quarterly", at)
	r := y.record("held", func(r programme.Record) bool { return r.State == run.Held })
	if r.Run.Run != "tokyo-loss-1" || !r.Due.Nominal.Equal(at) || r.By != "schedule:quarterly" {
		t.Errorf("%+v", r)
	}
	started, err := y.Run(t.Context(), r.Run.Run)
	if err != nil || started.Summary.By != "schedule:quarterly" || started.Summary.Kind != run.Drill {
		t.Errorf("%+v %v", started.Summary, err)
	}
	// The list of runs has the drill and not its occasion.
	if list, err := y.Runs(t.Context(), journal.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	// The very same occasion again starts nothing.
	y.fire("quarterly", at)
	cov, err := y.Coverage(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(cov.Items, func(i programme.Item) bool { return i.From.Equal(at) })
	if i < 0 || cov.Items[i].Status != programme.UnderWay || cov.Items[i].Run != "tokyo-loss-1" {
		t.Errorf("coverage: %+v", cov.Items)
	}
	// What the row was to show is judged from the run's record.
	if goals, err := y.Goals(t.Context(), "quarterly", r.Run.Run); err != nil || len(goals) != 2 || goals[0].Verdict != run.NotProven || goals[0].Why.EN != "the run goes on" || goals[1].Why.EN != "the role commander judges it" {
		t.Errorf("%+v %v", goals, err)
	}
	if _, err := y.Goals(t.Context(), "quartery", r.Run.Run); err == nil || !strings.Contains(err.Error(), `Did you mean "quarterly"?`) {
		t.Errorf("goals of no row: %v", err)
	}
	for _, name := range []string{"quarterly", "other"} {
		if _, err := y.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "schedule:" + name}); err == nil || !strings.Contains(err.Error(), "Nobody may act as schedule:"+name) {
			t.Errorf("the console acts as a schedule: %v", err)
		}
	}
	as := identity.With(t.Context(), identity.OfSchedule("quarterly"))
	if _, err := y.handler.Start(as, api.StartRequest{Scenario: "tokyo-loss", Kind: run.Response, By: "schedule:quarterly", Reason: "x"}); err == nil || !strings.Contains(err.Error(), "drills only") {
		t.Errorf("a schedule starts the real thing: %v", err)
	}
	if _, err := y.handler.Scenarios(as); err == nil {
		t.Error("a schedule reads")
	}
}

// A server that was away at the due time starts the drill when it is back, and two servers
// start one.
func TestServersThatWereAwayStartOneRun(t *testing.T) {
	y := newYear(t)
	at := ago(10 * time.Minute)
	y.plans.set(row("quarterly", at))
	y.apply()
	y.stop()
	y.fire("quarterly", at)
	y.again()
	y.again()
	r := y.record("held", func(r programme.Record) bool { return r.State == run.Held })
	if list, err := y.Runs(t.Context(), journal.Filter{}); err != nil || len(list) != 1 || list[0].Run != r.Run.Run {
		t.Errorf("%+v %v", list, err)
	}
}

func TestWhatHoldsADrillUpIsToldAndItIsHeldAfterwards(t *testing.T) {
	y := newYear(t)
	at := ago(10 * time.Minute)
	y.plans.set(row("quarterly", at))
	y.apply()
	other, err := y.Start(t.Context(), response("tokyo-fire", "sato"))
	if err != nil {
		t.Fatal(err)
	}
	y.fire("quarterly", at)
	r := y.record("postponed", func(r programme.Record) bool { return len(r.Postponed) > 0 })
	if got := reasons(r.Postponed[0].Why); got != "a real response is under way: "+other.Run {
		t.Errorf("held up by: %s", got)
	}
	select {
	case told := <-y.told:
		if told.Event.Kind != run.OccasionPostponed || !strings.Contains(told.Event.Reason, other.Run) {
			t.Errorf("the planner is told %+v", told.Event)
		}
	case <-t.Context().Done():
	}
	cov, err := y.Coverage(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(cov.Items, func(i programme.Item) bool { return i.From.Equal(at) }); i < 0 || cov.Items[i].Status != programme.Waiting || len(cov.Items[i].Why) != 1 {
		t.Errorf("coverage: %+v", cov.Items)
	}
	if _, err := y.Abort(t.Context(), other.Run, workflows.Control{By: "sato", Reason: "it was nothing"}); err != nil {
		t.Fatal(err)
	}
	r = y.record("held", func(r programme.Record) bool { return r.State == run.Held })
	if len(r.Postponed) != 1 {
		t.Errorf("the same reason is written down %d times", len(r.Postponed))
	}
	// Another one of the schedule, while the drill of the first runs: the same scenario.
	week := at.Add(-7 * 24 * time.Hour)
	late := row("quarterly", at)
	late.Spec.Rule.Anchor, late.Spec.Late, late.Spec.GiveUp = late.Spec.Rule.Anchor.Plus(-14), d(30*24*time.Hour), d(30*24*time.Hour)
	late.Spec.For = d(30 * 24 * time.Hour)
	y.plans.set(late)
	y.apply()
	y.fire("quarterly", week)
	r = y.record("held up by its own drill", func(r programme.Record) bool { return r.Due.Nominal.Equal(week) && len(r.Postponed) > 0 })
	if got := reasons(r.Postponed[0].Why); got != "run tokyo-loss-1 is at the same systems" {
		t.Errorf("held up by: %s", got)
	}
	// A third one finds the second one open, and is not held, with a record.
	y.fire("quarterly", week.Add(-7*24*time.Hour))
	y.record("not held", func(o programme.Record) bool {
		return o.State == run.NotHeld && strings.HasPrefix(reasons(o.Missed), "the occasion before it, "+r.ID+", is still open")
	})
	// Taken out of the programme, it ends.
	y.plans.set()
	if removed := y.apply(); len(removed) != 1 || removed[0].What != "remove" {
		t.Fatalf("%+v", removed)
	}
	y.record("ended", func(o programme.Record) bool {
		return o.ID == r.ID && o.State == run.NotHeld && reasons(o.Missed) == "the schedule was taken out of the programme"
	})
}

// An alarm that nobody has decided on, a readiness check that finds something, a pause and a
// freeze hold a drill up, each with its reason.
func TestAlarmsReadinessPausesAndFreezesHoldDrillsUp(t *testing.T) {
	y := newYear(t)
	at := ago(10 * time.Minute)
	frozen := row("frozen", at)
	today := calendar.DateOf(time.Now().In(frozen.Spec.Rule.Location()))
	y.plans.deepen(run.IsolatedRun)
	y.plans.simulated = true
	y.plans.set(row("unready", at), row("alarm", at), row("paused", at))
	y.apply()
	held := func(schedule, want string) {
		t.Helper()
		y.fire(schedule, at)
		r := y.record(schedule+" postponed", func(r programme.Record) bool { return r.Due.Schedule == schedule && len(r.Postponed) > 0 })
		if got := reasons(r.Postponed[0].Why); !strings.Contains(got, want) {
			t.Errorf("%s: held up by %q, want %q", schedule, got, want)
		}
	}
	held("unready", "problem(s), the first: person sato: no contact is known")
	if _, err := y.PauseSchedule(t.Context(), "paused", true, api.ScheduleRequest{By: "tanaka", Note: "the room is rebuilt"}); err != nil {
		t.Fatal(err)
	}
	held("paused", "the schedule is paused: tanaka: the room is rebuilt")
	// It goes on firing in the engine: what is due meanwhile has a record.
	if d, err := y.engine.ScheduleClient().GetHandle(t.Context(), "muster-schedule-paused").Describe(t.Context()); err != nil || d.Schedule.State.Paused || len(d.Info.NextActionTimes) == 0 {
		t.Errorf("%+v %v", d.Schedule.State, err)
	}
	y.plans.deepen("")
	if v, err := y.PauseSchedule(t.Context(), "paused", false, api.ScheduleRequest{By: "tanaka"}); err != nil || v.State != "in_effect" {
		t.Errorf("%+v %v", v, err)
	}
	y.record("held", func(r programme.Record) bool { return r.Due.Schedule == "paused" && r.State == run.Held })
	waits, err := json.Marshal(alarm.Proposal{ID: "a1", State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", Source: "jma", Summary: plan.Text{EN: "Intensity 6-lower in Tokyo", JA: "東京で震度6弱"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := y.store.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: "a1", Body: waits}); err != nil {
		t.Fatal(err)
	}
	held("alarm", "an alarm of jma waits for a decision: Intensity 6-lower in Tokyo")
	// A freeze of today moves it from the beginning.
	frozen.Spec.Freezes = []calendar.Span{{Name: "stocktaking", From: today.Plus(-1), To: today.Plus(1)}}
	y.plans.set(frozen)
	y.apply()
	y.fire("frozen", at)
	r := y.record("frozen", func(r programme.Record) bool { return r.Due.Schedule == "frozen" })
	if len(r.Due.Shifts) != 1 || !strings.HasPrefix(r.Due.Shifts[0].Why.EN, "frozen until ") || !r.Due.At.After(time.Now()) {
		t.Errorf("%+v", r.Due)
	}
}

// Who was there from the beginning needs nothing; who comes, or gets a new role, is due until
// somebody records it (requirement C-DRL-7).
func TestEducationIsDueWhenSomebodyComes(t *testing.T) {
	y := newYear(t)
	thirty := d(30 * 24 * time.Hour)
	y.plans.p.Begins = int(time.Now().AddDate(0, 0, -2).Month()) // far from the next year
	y.plans.set(
		programme.Row{ID: "arrivals", Planner: "tanaka", ByHand: true, Arrivals: &programme.Arrival{Within: thirty}},
		programme.Row{ID: "commanders", Planner: "tanaka", ByHand: true, Arrivals: &programme.Arrival{Within: thirty, Roles: []string{"commander"}}})
	e, err := files{}.Compile("tokyo-loss", "")
	if err != nil {
		t.Fatal(err)
	}
	look := func(want ...string) {
		t.Helper()
		for range 2 { // looking twice is as looking once
			if err := y.server.NoteAssigned(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cov, err := y.Coverage(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, i := range cov.Items {
			got = append(got, strings.TrimSpace(i.Row+" "+i.Person+" "+string(i.Status)+" "+i.Role))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("due: %q, want %q", got, want)
		}
	}
	look()
	now := append(slices.Clone(e.Estate.People), plan.Person{ID: "mori", Roles: []string{"operator"}})
	now[1].Roles = []string{"operator", "commander"} // tanaka
	y.people.Store(&now)
	look("arrivals mori due", "arrivals tanaka due commander", "commanders tanaka due commander")
	if _, err := y.RowHeld(t.Context(), "arrivals", api.HeldRequest{By: "tanaka", For: "mroi", Reason: "briefed"}); err == nil || !strings.Contains(err.Error(), `Did you mean "mori"?`) {
		t.Errorf("for nobody: %v", err)
	}
	if _, err := y.RowHeld(t.Context(), "arrivals", api.HeldRequest{By: "tanaka", For: "mori", Reason: "briefed, card handed out"}); err != nil {
		t.Fatal(err)
	}
	if _, err := y.RowHeld(t.Context(), "arrivals", api.HeldRequest{By: "tanaka", For: "mori", Reason: "again"}); err == nil || !strings.Contains(err.Error(), "in the record already") {
		t.Errorf("twice: %v", err)
	}
	if _, err := y.RowHeld(t.Context(), "arrivals", api.HeldRequest{By: "tanaka", On: time.Now().AddDate(0, 0, 2).Format(time.DateOnly), Reason: "x"}); err == nil || !strings.Contains(err.Error(), "future") {
		t.Errorf("in the future: %v", err)
	}
	look("arrivals mori held", "arrivals tanaka due commander", "commanders tanaka due commander")
	// Who is gone for an hour never left: the estate was saved with a mistake.
	y.people.Store(&e.Estate.People)
	y.clock.Store(int64(time.Hour))
	look("arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	back := append(slices.Clone(e.Estate.People), now[len(now)-1])
	y.clock.Store(int64(2 * time.Hour))
	y.people.Store(&back)
	look("arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	// Who leaves in time is owed nothing, and what was held of them can be recorded afterwards.
	day := 24 * time.Hour
	y.clock.Store(int64(3 * day))
	ito := append(slices.Clone(back), plan.Person{ID: "ito"})
	y.people.Store(&ito)
	look("arrivals ito due", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	y.clock.Store(int64(9 * day))
	y.people.Store(&back)
	look("arrivals ito not_owed", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	y.clock.Store(int64(40 * day))
	look("arrivals ito not_owed", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	if _, err := y.RowHeld(t.Context(), "arrivals", api.HeldRequest{By: "tanaka", For: "ito", Reason: "briefed on the fifth", On: time.Now().AddDate(0, 0, 5).Format(time.DateOnly)}); err != nil {
		t.Fatal(err)
	}
	look("arrivals ito held", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	// Back after weeks they are new again, and stay so.
	y.people.Store(&ito)
	look("arrivals ito due", "arrivals ito held", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
	y.clock.Store(int64(71 * day))
	look("arrivals ito held", "arrivals ito overdue", "arrivals mori held", "arrivals tanaka not_owed commander", "commanders tanaka not_owed commander")
}

func TestDrillThatIsTooLateIsMissedOrPostponedByRule(t *testing.T) {
	y := newYear(t)
	at := ago(5 * time.Hour)
	miss, later := row("miss", at), row("later", at)
	miss.Spec.Miss = true
	y.plans.set(miss, later)
	y.apply()
	y.fire("miss", at)
	y.fire("later", at)
	r := y.record("not held", func(r programme.Record) bool { return r.State == run.NotHeld })
	if r.Due.Schedule != "miss" || !strings.HasPrefix(reasons(r.Missed), "nothing ran at its time, so that it is 5 h ") || !strings.Contains(r.Missed[0].JA, "5時間") {
		t.Errorf("%+v", r)
	}
	r = y.record("postponed", func(r programme.Record) bool { return len(r.Postponed) > 0 })
	if r.Due.Schedule != "later" || r.Postponed[0].Until.Before(time.Now()) || r.State.Ended() {
		t.Errorf("%+v", r)
	}
	cov, err := y.Coverage(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]programme.Status{"miss": programme.Overdue, "later": programme.Waiting} {
		i := slices.IndexFunc(cov.Items, func(i programme.Item) bool { return i.From.Equal(at) && i.Row == row })
		if i < 0 || cov.Items[i].Status != want {
			t.Errorf("%s: %+v", row, cov.Items)
		}
	}
}

// The commitment is in the record before the start; the time itself is told to the planner
// alone, who has made sure of who they are.
func TestDrawnStartIsToldToThePlannerAlone(t *testing.T) {
	y := newYear(t)
	y.clock.Store(int64(-48 * time.Hour)) // its time does not come
	at := ago(time.Minute)
	x := row("surprise", at)
	x.Spec.Blind = &programme.Window{Days: 3, From: "00:00", To: "23:59", By: "sato"}
	y.plans.set(x)
	y.apply()
	y.fire("surprise", at)
	r := y.record("drawn", func(r programme.Record) bool { return len(r.Draws) > 0 })
	if c := r.Draws[0]; len(c.Hash) != 64 || c.Opened != nil || c.To.Sub(c.From) < 24*time.Hour {
		t.Errorf("%+v", c)
	}
	drawn := func(ctx context.Context) time.Time {
		list, err := y.handler.Schedules(ctx)
		if err != nil || len(list) != 1 || !list[0].Blind {
			t.Fatalf("%+v %v", list, err)
		}
		return list[0].Drawn
	}
	planner := drawn(identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "token 1"}))
	if planner.Before(r.Draws[0].From) || planner.After(r.Draws[0].To) {
		t.Errorf("the planner is told %s, drawn in %s to %s", planner, r.Draws[0].From, r.Draws[0].To)
	}
	for who, a := range map[string]identity.Actor{"the chief": {Person: "sato", Via: "token 2"}, "the console": {Console: true, Via: "console"}, "a link of the planner's": {Person: "tanaka", Limit: &identity.Limit{Purpose: identity.ForAck}}} {
		list, err := y.handler.Schedules(identity.With(t.Context(), a))
		if err == nil && !list[0].Drawn.IsZero() {
			t.Errorf("%s is told", who)
		}
	}
	// It is nowhere else: not in the engine's history, not in the journal.
	secret := planner.UTC().Format(time.RFC3339)
	entries, err := y.store.Events(t.Context(), r.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(string(e.Event.Data), secret) {
			t.Errorf("the journal tells it: %s", e.Event.Data)
		}
	}
	history := y.engine.GetWorkflowHistory(t.Context(), r.ID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	events := 0
	for history.HasNext() {
		e, err := history.Next()
		if err != nil {
			t.Fatal(err)
		}
		if events++; strings.Contains(e.String(), secret) {
			t.Errorf("the engine's history tells it: %s", e)
		}
	}
	if events < 10 {
		t.Errorf("only %d events were looked through", events)
	}
}

// blindFiles are the scenarios of files, of which tokyo-loss is blind.
type blindFiles struct{ files }

func (b blindFiles) Scenarios() ([]api.Scenario, error) {
	return []api.Scenario{{Name: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo"}, Systems: []string{"orders"}, Blind: true, Facilitators: []string{"tanaka"}}, {Name: "tokyo-fire", Title: plan.Text{EN: "Fire"}}}, nil
}

func (b blindFiles) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := b.files.Compile(name, depth)
	if name == "tokyo-loss" && depth != run.Real {
		p.Scenario.Blind, p.Scenario.Facilitators = true, []string{"tanaka"}
		p.Scenario.SitesLost = []string{"tokyo"}
		err = p.Seal()
	}
	return p, err
}

// Who takes part reads nothing of a blind drill before it is over: not its text, not its plan,
// not its report. Its facilitator does, and so does everybody afterwards.
func TestBlindScenarioIsWithheldUntilItIsOver(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, blindFiles{})
	me := w.inProcess()
	tanaka := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "token 1"})
	others := map[string]context.Context{
		"a participant": identity.With(t.Context(), identity.Actor{Person: "sato", Via: "token 2"}),
		"the console":   identity.With(t.Context(), identity.Actor{Console: true, Via: "console"}),
	}
	started, err := me.Start(tanaka, drill("tanaka"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(started.Run, "tokyo") {
		t.Errorf("the run's ID tells its scenario: %s", started.Run)
	}
	if again, err := me.Start(others["a participant"], drill("sato")); err != nil || again.Run != started.Run || !again.Attached {
		t.Errorf("started again: %+v %v, want to be attached to %s", again, err, started.Run)
	}
	whole, err := me.RunPlan(tanaka, started.Run)
	if err != nil || len(whole.Hash) != 64 {
		t.Fatalf("the facilitator's plan: %q %v", whole.Hash, err)
	}
	hash := whole.Hash // an earlier run of the same plan shows it beside the scenario
	sees := func(ctx context.Context) (seen []string) {
		list, err := me.Scenarios(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Title.EN == "Loss of Tokyo" || len(list[0].Systems) > 0 {
			seen = append(seen, "list")
		}
		if list[1].Title.EN != "Fire" {
			t.Errorf("another scenario is withheld: %+v", list[1])
		}
		if _, err := me.Plan(ctx, "tokyo-loss", ""); err == nil {
			seen = append(seen, "scenario's plan")
		}
		if _, err := me.Readiness(ctx, "tokyo-loss"); err == nil {
			seen = append(seen, "readiness")
		}
		p, err := me.RunPlan(ctx, started.Run)
		if err != nil {
			t.Fatal(err)
		}
		if p.Scenario.Title.EN == "Loss of Tokyo" || len(p.Scenario.SitesLost) > 0 {
			seen = append(seen, "run's plan")
		}
		if len(p.Systems) != 1 || len(p.Runbooks) != 1 {
			t.Errorf("the systems to work with are withheld as well: %+v", p)
		}
		r, err := me.Run(ctx, started.Run)
		if err != nil {
			t.Fatal(err)
		}
		if r.Overview.Title.EN == "Loss of Tokyo" {
			seen = append(seen, "overview")
		}
		if _, err := me.Report(ctx, started.Run, "text", "en"); err == nil {
			seen = append(seen, "report")
		} else if strings.Contains(err.Error(), "tokyo-loss") {
			seen = append(seen, "the name in the report's refusal")
		}
		events, err := me.Events(ctx, started.Run, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		open, err := me.Runs(ctx, journal.Filter{})
		if err != nil || len(open) != 1 {
			t.Fatalf("runs: %+v %v", open, err)
		}
		asked, err := me.Runs(ctx, journal.Filter{Scenario: "tokyo-loss"})
		if err != nil {
			t.Fatal(err)
		}
		for where, x := range map[string]any{"the name in the run": r, "the name in its plan": p, "the name in its events": events, "the name in the list": open, "the name by asking for it": asked} {
			text, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "tokyo-loss") {
				seen = append(seen, where)
			}
			if strings.Contains(string(text), hash) {
				seen = append(seen, "the plan's hash: "+where)
			}
		}
		return seen
	}
	if got := sees(tanaka); len(got) != 16 {
		t.Errorf("the facilitator sees only %v", got)
	}
	for who, ctx := range others {
		if got := sees(ctx); len(got) > 0 {
			t.Errorf("%s sees %v", who, got)
		}
		if p, err := me.Plan(ctx, "tokyo-loss", run.Real); err != nil || p.Scenario.Title.EN == "Loss of Tokyo" {
			t.Errorf("%s: the real thing: %+v %v", who, p.Scenario.Title, err)
		}
	}
	if _, err := me.Abort(tanaka, started.Run, workflows.Control{Reason: "over"}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for ended := false; !ended; {
		r, err := me.Run(tanaka, started.Run)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the run has not ended: %v", err)
		}
		ended = r.Summary.State.Ended()
	}
	for who, ctx := range others {
		got := sees(ctx)
		if !slices.Contains(got, "run's plan") || !slices.Contains(got, "overview") || !slices.Contains(got, "report") || slices.Contains(got, "list") {
			t.Errorf("after it was over %s sees %v", who, got)
		}
	}
}
