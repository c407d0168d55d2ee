package api_test

import (
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
)

// faults.md row 34: the same trigger many times at once.
func TestStartsAtOnceAreOneRun(t *testing.T) {
	w := newWorld(t)
	const n = 20
	answers, errs := make([]api.Started, n), make([]error, n)
	together(n, func(i int) { answers[i], errs[i] = w.Start(t.Context(), drill("sato")) })
	begun := 0
	for i := range n {
		if errs[i] != nil {
			t.Fatalf("start %d: %v", i, errs[i])
		}
		if answers[i].Run != "tokyo-loss-1" || answers[i].StartedBy != "sato" {
			t.Errorf("start %d answered %+v, want run tokyo-loss-1 by sato", i, answers[i])
		}
		if !answers[i].Attached {
			begun++
		}
	}
	if begun != 1 {
		t.Errorf("%d callers heard that they began the run, want 1", begun)
	}
	if runs, err := w.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 1 {
		t.Errorf("runs = %v, %v, want one", runs, err)
	}
}

// faults.md S8: whoever asks again with the same request ID gets the first answer,
// even when the run has ended meanwhile.
func TestAskingAgainNeverStartsTwice(t *testing.T) {
	w := newWorld(t)
	first := drill("sato")
	first.RequestID = "the-request"
	began := w.start(first)
	if again := w.start(first); !reflect.DeepEqual(again, began) {
		t.Errorf("asked again: %+v, want %+v", again, began)
	}
	joined := drill("tanaka")
	joined.RequestID = "another-request"
	if j := w.start(joined); j.Run != began.Run || !j.Attached || j.StartedBy != "sato" {
		t.Errorf("a second request answered %+v, want to be attached to %s by sato", j, began.Run)
	}
	w.abort(began.Run)
	for _, request := range []api.StartRequest{first, joined} {
		if again := w.start(request); again.Run != began.Run {
			t.Errorf("request %s, asked again after the end, started %s", request.RequestID, again.Run)
		}
	}
	if next := w.start(drill("sato")); next.Run != "tokyo-loss-2" || next.Attached {
		t.Errorf("a new request answered %+v, want the new run tokyo-loss-2", next)
	}
}

// turning are files in which somebody makes tokyo-loss blind, or takes that back.
type turning struct {
	files
	blind *atomic.Bool
}

func (f turning) Compile(name string, depth run.Depth) (plan.Plan, error) {
	if f.blind.Load() {
		return blindFiles{f.files}.Compile(name, depth)
	}
	return f.files.Compile(name, depth)
}

// What a run is called depends on whether its scenario is blind. An open one is joined all the same when
// that has been changed since it began, and whoever asks again after its end is given its answer.
func TestARunIsJoinedWhateverItsScenarioIsNow(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	files := turning{blind: new(atomic.Bool)}
	w := worldWith(t, c, files)
	for _, blind := range []bool{false, true} {
		files.blind.Store(blind)
		request := drill("sato")
		request.RequestID = "began " + map[bool]string{false: "open", true: "blind"}[blind]
		began := w.start(request)
		if began.Attached || strings.HasPrefix(began.Run, "blind-") != blind {
			t.Fatalf("blind is %t, and it began %+v", blind, began)
		}
		files.blind.Store(!blind)
		if joined := w.start(drill("tanaka")); joined.Run != began.Run || !joined.Attached || joined.StartedBy != "sato" {
			t.Errorf("blind was %t: started again it is %+v, want to be attached to %s", blind, joined, began.Run)
		}
		if open, err := w.Runs(t.Context(), journal.Filter{Open: true}); err != nil || len(open) != 1 {
			t.Errorf("open runs: %+v, %v, want one", open, err)
		}
		w.abort(began.Run)
		if again := w.start(request); again.Run != began.Run {
			t.Errorf("asked again after the end, it started %s", again.Run)
		}
	}
}

func TestSecondScenarioOfASystemIsRefusedByName(t *testing.T) {
	w := newWorld(t)
	held := w.start(response("tokyo-loss", "sato"))
	if held.Run != "tokyo-loss-real-1" {
		t.Errorf("the response is called %s, want tokyo-loss-real-1", held.Run)
	}
	_, err := w.Start(t.Context(), response("tokyo-fire", "tanaka"))
	p := problem(t, err)
	if p.Status != 409 || p.Code != api.CodeHeld || p.Holder != held.Run || !strings.Contains(p.Error(), held.Run) {
		t.Errorf("the second scenario answered %+v, want it held by %s", p, held.Run)
	}
	// The refused run is over: it holds nothing, and the next try is a new run.
	w.abort(held.Run)
	if next := w.start(response("tokyo-fire", "tanaka")); next.Run != "tokyo-fire-real-2" {
		t.Errorf("after the end the scenario started as %+v, want tokyo-fire-real-2", next)
	}
}

func TestStartsThatMustNotBe(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*api.StartRequest)
		status int
		code   api.Code
		says   string
	}{
		"a drill that is real":          {func(s *api.StartRequest) { s.Depth = run.Real }, 422, api.CodeBadRequest, "muster activate"},
		"a response that is no real":    {func(s *api.StartRequest) { s.Kind, s.Reason, s.Depth = run.Response, "x", run.Live }, 422, api.CodeBadRequest, "A response is real"},
		"a response without a reason":   {func(s *api.StartRequest) { s.Kind = run.Response }, 422, api.CodeBadRequest, "--reason"},
		"a scenario that is not there":  {func(s *api.StartRequest) { s.Scenario = "tokio-loss" }, 404, api.CodeUnknownScenario, `"tokyo-loss"`},
		"somebody the estate lacks":     {func(s *api.StartRequest) { s.By = "satou" }, 422, api.CodeBadRequest, `"sato"`},
		"an event of tomorrow":          {func(s *api.StartRequest) { s.Since = time.Now().Add(24 * time.Hour).Format(time.RFC3339) }, 422, api.CodeBadRequest, "future"},
		"a time that is none":           {func(s *api.StartRequest) { s.Since = "yesterday" }, 422, api.CodeBadRequest, "RFC 3339"},
		"a kind that does not exist":    {func(s *api.StartRequest) { s.Kind = "rehearsal" }, 422, api.CodeBadRequest, "body.kind"},
		"nobody, who wants to start it": {func(s *api.StartRequest) { s.By = "" }, 422, api.CodeBadRequest, "Who acts"},
	} {
		t.Run(name, func(t *testing.T) {
			s := drill("sato")
			c.change(&s)
			_, err := w.Start(t.Context(), s)
			p := problem(t, err)
			if p.Status != c.status || p.Code != c.code || !strings.Contains(p.Error(), c.says) {
				t.Errorf("answered %d %s %q, want %d %s saying %q", p.Status, p.Code, p.Error(), c.status, c.code, c.says)
			}
		})
	}
	if runs, err := w.Runs(t.Context(), journal.Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("something was started all the same: %v, %v", runs, err)
	}
}

// What is activated is what was read: a summary names the plan, and a start that names
// another is refused.
func TestAnActivationIsWhatWasRead(t *testing.T) {
	w := newWorld(t)
	a, err := w.Activation(t.Context(), "tokyo-loss")
	if err != nil || len(a.PlanHash) < 32 || len(a.Systems) != 1 || a.Systems[0].Effects["human"] != 1 || a.Systems[0].To != "osaka" || a.Called != 3 ||
		a.DecidedBy != "commander" || a.Approvals != 1 || a.Joins != "" || a.Systems[0].HeldBy != "" || !a.Systems[0].Unproven {
		t.Fatalf("%+v, %v", a, err)
	}
	in := response("tokyo-loss", "sato")
	in.PlanHash = strings.Repeat("0", 64)
	_, err = w.Start(t.Context(), in)
	if p := problem(t, err); p.Status != 409 || p.Code != api.CodeRefused || p.WayOut == "" {
		t.Errorf("started on another plan than was read: %+v", p)
	}
	in.PlanHash = a.PlanHash
	begun := w.start(in)
	again, err := w.Activation(t.Context(), "tokyo-loss")
	if err != nil || again.Joins != begun.Run || again.Systems[0].HeldBy != begun.Run {
		t.Errorf("while it runs: %+v, %v", again, err)
	}
	if _, err := w.Activation(t.Context(), "tokyo-los"); problem(t, err).Status != 404 {
		t.Errorf("of no scenario: %v", err)
	}
	w.abort(begun.Run)
}

// away are files whose system moves, and then returns or stays, as people say.
type away struct{ files }

func (f away) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, err := f.files.Compile(name, depth)
	if err != nil {
		return p, err
	}
	p.Scenario.Phases, p.Scenario.Failback = []run.Phase{run.Activation, run.RecoveryDecision, run.Recovery, run.Verification, run.Completion, run.Failback, run.Closing}, run.PolicyReturn
	home := p.Runbooks[0]
	home.Name = "orders-failback"
	p.Systems[0].Failback, p.Runbooks = home.Name, append(p.Runbooks, home)
	return p, p.Seal()
}

// A response that has recovered what it could (its completion waits to be confirmed; it waits, perhaps for days, for whether
// its systems return or stay; only its records are left) is not joined: that would call nobody. Whoever it is in the way of is told
// what ends it, and then the next one begins.
func TestAResponseThatIsOverIsNotJoined(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	w, ctx := worldWith(t, c, away{}), t.Context()
	act := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(scenario, way string) {
		t.Helper()
		_, err := w.Start(ctx, response(scenario, "tanaka"))
		if p := problem(t, err); p.Code != api.CodeHeld || !strings.Contains(p.WayOut, way) {
			t.Errorf("%s is told %+v, want %q", scenario, p, way)
		}
	}
	in := func(id string, phase run.Phase, kind run.EventKind) {
		t.Helper()
		w.follow(id, string(kind)+" in "+string(phase), func(e run.Event) bool { return e.Kind == kind && e.Phase == phase })
	}
	first := w.start(response("tokyo-loss", "tanaka")).Run
	w.until(first, run.DecisionAsked)
	if sum, err := w.Activation(ctx, "tokyo-fire"); err != nil || sum.Systems[0].HeldAsksHome || sum.Over != "" {
		t.Errorf("it asks for the recovery: %+v, %v", sum, err)
	}
	if again := w.start(response("tokyo-loss", "suzuki")); again.Run != first || !again.Attached {
		t.Errorf("while it asks for the recovery: %+v, want to join it", again)
	}
	act(w.Decide(ctx, first, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo burns"}))
	w.until(first, run.ApprovalAsked)
	act(w.Approve(ctx, first, workflows.Approve{By: "suzuki"}))
	w.untilStep(first, run.StepWaiting, "announce")
	act(w.Step(ctx, first, "announce", api.StepRequest{By: "tanaka", Act: run.ActDone}))

	in(first, run.Completion, run.PhaseStarted)
	refused("tokyo-loss", "muster confirm completion --run "+first)
	if sum, err := w.Activation(ctx, "tokyo-loss"); err != nil || sum.Joins != "" || sum.Over != first || sum.Systems[0].HeldConfirm != run.Completion {
		t.Errorf("before an activation: %+v, %v", sum, err)
	}
	act(w.Confirm(ctx, first, workflows.Confirm{Phase: run.Completion, By: "sato"}))

	in(first, run.Failback, run.DecisionAsked)
	stay := "muster decide stay --run " + first
	refused("tokyo-loss", stay)
	refused("tokyo-fire", stay)
	_, err := w.Release(ctx, "orders", workflows.Control{By: "tanaka", Reason: "it is needed"})
	if p := problem(t, err); p.Code != api.CodeHeld || !strings.Contains(p.WayOut, stay) {
		t.Errorf("whoever would release it is told %+v, want %q", p, stay)
	}
	for _, scenario := range []string{"tokyo-loss", "tokyo-fire"} {
		if sum, err := w.Activation(ctx, scenario); err != nil || !sum.Systems[0].HeldAsksHome || sum.Joins != "" {
			t.Errorf("before an activation of %s: %+v, %v", scenario, sum, err)
		}
	}
	act(w.Decide(ctx, first, workflows.Decide{By: "sato", Choice: run.Stay, Reason: "it is needed again"}))

	in(first, run.Closing, run.PhaseStarted)
	second := w.start(response("tokyo-loss", "tanaka"))
	if second.Run == first || second.Attached {
		t.Fatalf("what ends it was done, and then: %+v, want the next response", second)
	}
	if e := w.follow(first, "the end of closing", func(e run.Event) bool { return e.Kind == run.PhaseEnded && e.Phase == run.Closing }); !strings.Contains(e.Reason, "asked for the next response") {
		t.Errorf("closing ended %q", e.Reason)
	}

	// The records of one that nobody has wanted to follow are waited for, but not by the next response.
	w.until(second.Run, run.DecisionAsked)
	act(w.Decide(ctx, second.Run, workflows.Decide{By: "sato", Choice: run.StandDown, Reason: "it was the lamp"}))
	in(second.Run, run.Completion, run.PhaseStarted)
	act(w.Confirm(ctx, second.Run, workflows.Confirm{Phase: run.Completion, By: "sato"}))
	w.until(second.Run, run.RecordsAsked)
	refused("tokyo-fire", "muster confirm closing --run "+second.Run)
	if sum, err := w.Activation(ctx, "tokyo-loss"); err != nil || sum.Over != second.Run || !sum.Yields(sum.Systems[0]) {
		t.Errorf("before an activation while records are waited for: %+v, %v", sum, err)
	}
	if third := w.start(response("tokyo-loss", "tanaka")); third.Run == second.Run || third.Attached {
		t.Errorf("while records are waited for: %+v, want the next response", third)
	} else {
		w.abort(third.Run)
	}
}
