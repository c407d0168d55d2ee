package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// gathering is scenarios that end with the muster.
type gathering struct {
	files
	change func(*plan.Plan)
}

func (g gathering) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := g.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Scenario.Phases = []run.Phase{run.Activation, run.SafetyCheck, run.Muster, run.Closing}
	p.Scenario.Quorum = []plan.RoleCount{{Role: "commander", Count: 1}, {Role: "operator", Count: 2}}
	p.Scenario.Place = "hall"
	p.Estate.Places = []plan.Place{{Name: "hall", Site: "osaka"}, {Name: "online", Online: true}}
	for i, section := range []string{"systems", "operations", "operations"} {
		p.Estate.People[i].Section = section
	}
	if g.change != nil {
		g.change(&p)
	}
	return p, p.Seal()
}

func gathered(t *testing.T, change func(*plan.Plan)) (*world, client.Client, string) {
	t.Helper()
	c, _ := temporaltest.Start(t).NewClient(t)
	w := worldWith(t, c, gathering{change: change})
	id := w.start(drill("sato")).Run
	w.until(id, run.PersonCalled)
	return w, c, id
}

func (w *world) answers(in workflows.CheckIn) {
	w.t.Helper()
	if in.By == "" {
		in.By = in.Person
	}
	if _, err := w.CheckIn(w.t.Context(), w.only(), in); err != nil {
		w.t.Fatalf("answer of %s: %v", in.Person, err)
	}
}

func (w *world) arrives(in workflows.Arrive) {
	w.t.Helper()
	if in.By == "" {
		in.By = in.Person
	}
	if _, err := w.Arrive(w.t.Context(), w.only(), in); err != nil {
		w.t.Fatalf("arrival of %s: %v", in.Person, err)
	}
}

// only is the ID of the one run.
func (w *world) only() string { return "tokyo-loss-1" }

func (w *world) people(f api.PeopleFilter) api.People {
	w.t.Helper()
	p, err := w.People(w.t.Context(), w.only(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// The run goes on by what people said, though none of it came by the engine.
func TestAnswersReachTheRun(t *testing.T) {
	w, c, id := gathered(t, nil)
	comes := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.LightlyHurt, CanCome: true, ComesAt: &comes, Online: true})
	w.answers(workflows.CheckIn{Person: "suzuki", By: "tanaka", Safety: run.Safe, CanCome: true})
	w.answers(workflows.CheckIn{Person: "sato", Safety: run.BadlyHurt})
	w.answers(workflows.CheckIn{Person: "sato", Safety: run.Safe, CanCome: true})

	p := w.people(api.PeopleFilter{})
	if want := (api.Totals{People: 3, Answered: 3, Safe: 2, LightlyHurt: 1, Hurt: 1, CanCome: 3}); p.Totals != want {
		t.Errorf("totals %+v, want %+v", p.Totals, want)
	}
	if len(p.Sections) != 2 || p.Sections[0].Section != "operations" || p.Sections[0].People != 2 || p.Sections[0].LightlyHurt != 1 {
		t.Errorf("by department: %+v", p.Sections)
	}
	if p.AllS == nil || len(p.Curve) != 3 || p.Place == nil || p.Place.Name != "hall" || !slices.Contains(p.Asked.Safety, run.LightlyHurt) {
		t.Errorf("%+v", p)
	}
	var sato, suzuki, tanaka api.Person
	for _, m := range p.People {
		switch m.ID {
		case "sato":
			sato = m
		case "suzuki":
			suzuki = m
		case "tanaka":
			tanaka = m
		}
	}
	if sato.First == nil || sato.First.Safety != run.BadlyHurt || sato.Last.Safety != run.Safe || sato.Answers != 2 {
		t.Errorf("the first and the last answer of sato: %+v, %+v", sato.First, sato.Last)
	}
	if suzuki.Last.By != "tanaka" || tanaka.Last.ComesAt == nil || !tanaka.Last.ComesAt.Equal(comes) || !tanaka.Last.Online {
		t.Errorf("suzuki %+v, tanaka %+v", suzuki.Last, tanaka.Last)
	}
	if got := w.people(api.PeopleFilter{State: "hurt"}); len(got.People) != 1 || got.People[0].ID != "tanaka" || got.Totals.People != 3 {
		t.Errorf("who is hurt: %+v", got.People)
	}
	if got := w.people(api.PeopleFilter{Section: "operations", Role: "commander", State: "answered"}); len(got.People) != 1 || got.People[0].ID != "suzuki" {
		t.Errorf("filtered: %+v", got.People)
	}

	// Who has to go again is not there any more, until they are back.
	w.arrives(workflows.Arrive{Person: "tanaka", Online: true})
	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.Safe})
	if p = w.people(api.PeopleFilter{State: "answered"}); p.Totals.Arrived != 0 || len(p.People) != 3 || !p.People[1].Left || p.People[1].ArrivedAt == nil {
		t.Errorf("tanaka has left: %+v", p)
	}
	w.arrives(workflows.Arrive{Person: "sato"})
	w.arrives(workflows.Arrive{Person: "tanaka", Online: true})
	w.arrives(workflows.Arrive{Person: "suzuki", By: "sato", Place: "online"})
	w.until(id, run.QuorumReached)
	p = w.people(api.PeopleFilter{State: "arrived"})
	if len(p.People) != 3 || p.People[0].Place != "hall" || p.People[0].Online || !p.People[1].Online || p.Roles[1].Present != 2 {
		t.Errorf("arrived: %+v; roles %+v", p.People, p.Roles)
	}

	// The engine has it in a handful of events, and without any answer as an update.
	updates := 0
	for events := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if u := e.GetWorkflowExecutionUpdateAcceptedEventAttributes(); u != nil && u.GetAcceptedRequest().GetInput().GetName() != workflows.UpdateBegin {
			updates++
		}
	}
	if updates != 0 {
		t.Errorf("%d answers went through the engine", updates)
	}
}

// With the engine dead an answer is taken, and the run knows it once the engine is back.
func TestAnswersAreTakenWhileTheEngineIsAway(t *testing.T) {
	e, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir(), Discard: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = e.Stop(ctx)
	})
	at := e.Endpoint()
	c, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worldWith(t, c, gathering{})
	id := w.start(drill("sato")).Run
	w.until(id, run.PersonCalled)
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"sato", "tanaka", "suzuki"} {
		w.answers(workflows.CheckIn{Person: p, Safety: run.Safe, CanCome: true})
		w.arrives(workflows.Arrive{Person: p})
	}
	if got := w.people(api.PeopleFilter{}).Totals; got.Safe != 3 || got.Arrived != 3 {
		t.Errorf("with the engine dead: %+v", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }() // starts it again
	defer func() { stop(); <-ended }()
	w.until(id, run.QuorumReached)
}

func TestWhatPeopleMayNotSay(t *testing.T) {
	w, _, id := gathered(t, func(p *plan.Plan) { p.Scenario.Absent = &plan.Absence{People: []string{"suzuki"}} })
	long := strings.Repeat("長", 1001)
	late := time.Now().Add(90 * 24 * time.Hour)
	ok := workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe, CanCome: true}
	for name, c := range map[string]struct {
		change func(*workflows.CheckIn)
		status int
		says   string
	}{
		"a stranger":           {func(c *workflows.CheckIn) { c.Person = "tanakaa" }, 422, `"tanaka"`},
		"by a stranger":        {func(c *workflows.CheckIn) { c.By = "mallory" }, 422, "mallory"},
		"by nobody":            {func(c *workflows.CheckIn) { c.By = "" }, 422, "by"},
		"of who is absent":     {func(c *workflows.CheckIn) { c.Person = "suzuki" }, 409, "absent in this drill"},
		"by who is absent":     {func(c *workflows.CheckIn) { c.By = "suzuki" }, 409, "absent in this drill"},
		"another hazard's":     {func(c *workflows.CheckIn) { c.Safety = run.Unwell }, 422, "badly_hurt"},
		"no answer at all":     {func(c *workflows.CheckIn) { c.Safety = "" }, 422, "badly_hurt"},
		"a remark too long":    {func(c *workflows.CheckIn) { c.Note = long }, 422, "1000"},
		"control characters":   {func(c *workflows.CheckIn) { c.Whereabouts = "a\x1b[31m" }, 422, "whereabouts"},
		"in a quarter":         {func(c *workflows.CheckIn) { c.ComesAt = &late }, 422, "comes_at"},
		"a family that is not": {func(c *workflows.CheckIn) { c.Family = "fine" }, 422, "family"},
	} {
		in := ok
		c.change(&in)
		status, body := w.send("/api/v1/runs/"+id+"/checkin", name, in)
		if status != c.status || !strings.Contains(string(body), strings.ReplaceAll(c.says, `"`, `\"`)) {
			t.Errorf("%s: %d %s; want %d with %q", name, status, body, c.status, c.says)
		}
	}
	for place, want := range map[string]string{"nowhere": "hall, online", "hall": ""} {
		_, err := w.Arrive(t.Context(), id, workflows.Arrive{Person: "tanaka", By: "tanaka", Place: place, Online: place == "hall"})
		if p := problem(t, err); p.Status != 422 || !strings.Contains(p.WayOut, want) {
			t.Errorf("arrived at %s, online: %+v", place, p)
		}
	}
	if got := w.people(api.PeopleFilter{}).Totals; got.Answered+got.Arrived != 0 || got.Absent != 1 {
		t.Errorf("what was refused counts: %+v", got)
	}
	if _, err := w.People(t.Context(), id, api.PeopleFilter{Role: "operater"}); err == nil {
		t.Error("a role that nobody has was listed")
	} else if p := problem(t, err); !strings.Contains(p.WayOut, "operator") {
		t.Errorf("%+v", p)
	}
}

// Who signed in, or came by a link, speaks for nobody else under their name.
func TestWhoSpeaksForWhom(t *testing.T) {
	w, c, id := gathered(t, nil)
	s := &api.Server{Store: w.store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler)}
	h := s.Handler()
	me := api.InProcess(h, "en")
	link := func(of string, purpose identity.Purpose, in string) context.Context {
		return identity.With(t.Context(), identity.Actor{Person: of, Via: "link 22d0", Limit: &identity.Limit{Run: in, Purpose: purpose}})
	}
	signed := identity.With(t.Context(), identity.Actor{Person: "tanaka", Via: "session 9c01"})
	for name, x := range map[string]struct {
		ctx       context.Context
		by, about string
		ok        bool
	}{
		"signed in, for oneself":         {signed, "tanaka", "tanaka", true},
		"signed in, for another":         {signed, "tanaka", "suzuki", true},
		"signed in, as another":          {signed, "suzuki", "suzuki", false},
		"by link, for oneself":           {link("tanaka", identity.ForCheckIn, id), "tanaka", "tanaka", true},
		"by link, for another":           {link("tanaka", identity.ForCheckIn, id), "tanaka", "suzuki", false},
		"by a link for something else":   {link("tanaka", identity.ForArrival, id), "tanaka", "tanaka", false},
		"by a link of another run":       {link("tanaka", identity.ForCheckIn, "tokyo-loss-9"), "tanaka", "tanaka", false},
		"by the console, for who is not": {identity.With(t.Context(), identity.Actor{Console: true, Via: "console"}), "tanaka", "tanaka", true},
	} {
		_, err := me.CheckIn(x.ctx, id, workflows.CheckIn{Person: x.about, By: x.by, Safety: run.Safe, CanCome: true})
		if (err == nil) != x.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && problem(t, err).Status != 403 {
			t.Errorf("%s: %v, want 403", name, err)
		}
	}
	entries, err := w.store.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	vias := map[string]int{}
	for _, e := range entries {
		if e.Event.Kind == run.PersonAnswered {
			vias[e.Event.Via]++
		}
	}
	if vias["session 9c01"] != 2 || vias["link 22d0"] != 1 || vias["console"] != 1 {
		t.Errorf("known by: %v", vias)
	}
}

func TestOnePersonDoesNotFillTheRecord(t *testing.T) {
	w, _, id := gathered(t, nil)
	// A phone on a bad line sends the same answer again and again: it is one.
	again := func() int {
		status, _ := w.send("/api/v1/runs/"+id+"/checkin", "the-one-tap", workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe})
		return status
	}
	for range 30 {
		if status := again(); status != 200 {
			t.Fatalf("the same answer again: %d", status)
		}
	}
	var err error
	taken := 1
	for range 220 {
		if _, err = w.CheckIn(t.Context(), id, workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe, CanCome: true}); err != nil {
			break
		}
		taken++
	}
	if p := problem(t, err); taken != 200 || p.Status != 429 || p.WayOut == "" {
		t.Errorf("%d answers were taken; then %+v", taken, p)
	}
	if status := again(); status != 200 {
		t.Errorf("what is in the record is answered with %d when it is sent again", status)
	}
	w.answers(workflows.CheckIn{Person: "suzuki", Safety: run.Safe, CanCome: true})
	// Who has used theirs up has used up nobody else's.
	if _, err := w.CheckIn(t.Context(), id, workflows.CheckIn{Person: "tanaka", By: "sato", Safety: run.Safe, CanCome: true}); err != nil {
		t.Errorf("entered by somebody else: %v", err)
	}
}

// What can't be written while the record store is away is not counted: whoever goes on trying is taken as soon as it is back.
func TestWhatCouldNotBeWrittenIsNotCounted(t *testing.T) {
	w, _, id := gathered(t, nil)
	bad := &failing{Store: w.store}
	w.server.Store = bad
	bad.full.Store(true)
	answer := workflows.CheckIn{Person: "tanaka", By: "sato", Safety: run.Safe, CanCome: true}
	for range 210 {
		if _, err := w.CheckIn(t.Context(), id, answer); problem(t, err).Status != 503 {
			t.Fatalf("while it can't be written: %v", err)
		}
	}
	bad.full.Store(false)
	if _, err := w.CheckIn(t.Context(), id, answer); err != nil {
		t.Errorf("it can be written, and none of it is: %v", err)
	}
}

// Whom the drill takes out does no step of it either.
func TestWhoIsAbsentDoesNoStep(t *testing.T) {
	w, _, id := gathered(t, func(p *plan.Plan) { p.Scenario.Absent = &plan.Absence{People: []string{"suzuki"}} })
	for lang, want := range map[string]string{"en": "absent in this drill", "ja": "不在の想定"} {
		_, err := api.Connect(w.url, token, lang).Step(t.Context(), id, "announce", api.StepRequest{Act: run.ActDone, By: "suzuki"})
		if p := problem(t, err); p.Status != 409 || !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %+v", lang, p)
		}
	}
}

// A server that died between the record and the signal loses nothing: the next one tells the
// runs that are open.
func TestOpenRunsAreToldAtTheServersStart(t *testing.T) {
	w, c, id := gathered(t, nil)
	var events []run.Event
	for i, p := range []string{"sato", "tanaka", "suzuki"} {
		events = append(events, run.Event{Run: id, Writer: run.PeopleWriter + p, Seq: 1, At: time.Now().UTC().Add(time.Duration(i)), Kind: run.PersonArrived, Phase: run.Muster,
			Person: p, By: p, Data: run.Encode(run.Arrival{Place: "hall"})})
	}
	if err := w.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&api.Server{Store: w.store, Engine: c, Log: slog.New(slog.DiscardHandler)}).Work(ctx, time.Hour)
	}()
	defer func() { stop(); <-ended }()
	w.until(id, run.QuorumReached) // the reminder that would find them is an hour away
}

// failing is a store that can't be written for a while.
type failing struct {
	journal.Store
	full atomic.Bool
}

func (f *failing) Append(ctx context.Context, events []run.Event) error {
	if f.full.Load() {
		return errors.New("no space left on device")
	}
	return f.Store.Append(ctx, events)
}

// While the record can't be written nothing is claimed, and the same request afterwards, to
// whichever server, counts once.
func TestAnAnswerIsTakenOnceWhateverFails(t *testing.T) {
	w, c, id := gathered(t, nil)
	bad := &failing{Store: w.store}
	serve := func(store journal.Store) string {
		srv := httptest.NewServer((&api.Server{Store: store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler)}).Handler())
		t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
		return srv.URL
	}
	first, second := serve(bad), serve(w.store)
	say := func(url string) (int, string) {
		other := *w
		other.url = url
		status, body := other.send("/api/v1/runs/"+id+"/checkin", "the-one-tap", workflows.CheckIn{Person: "tanaka", By: "tanaka", Safety: run.Safe, CanCome: true, Note: "on my way"})
		return status, string(body)
	}
	bad.full.Store(true)
	if status, body := say(first); status != 503 || !strings.Contains(body, "doctor") {
		t.Errorf("with the disk full: %d %s; want 503 with a way out", status, body)
	}
	if got := w.people(api.PeopleFilter{}).Totals; got.Answered != 0 {
		t.Errorf("what was not written counts: %+v", got)
	}
	bad.full.Store(false)
	var answers []string
	for _, url := range []string{first, second, first} {
		status, body := say(url)
		if status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		answers = append(answers, body)
	}
	if answers[0] != answers[1] || answers[0] != answers[2] {
		t.Errorf("the same request was answered %q", answers)
	}
	p := w.people(api.PeopleFilter{As: "tanaka", State: "answered"})
	if len(p.People) != 1 || p.People[0].Answers != 1 || p.People[0].Private == nil || p.People[0].Private.Note != "on my way" {
		t.Errorf("%+v", p.People)
	}
}
