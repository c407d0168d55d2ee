package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// world is two sites with one writable server, small enough to be right: its actions
// do what their names say, its probes tell the run what changed, and faults are set on
// it by the test.
type world struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment

	mu         sync.Mutex
	tokyo      string // "primary", "down", "standby", "fenced"
	osaka      string
	promotions int
	looked     int                // how often a probe was started
	quiet      bool               // a probe that is started again says nothing
	spoken     int                // but for so many starts
	deaf       string             // after this action the probe's word is lost
	goesOn     bool               // the probe's first start goes on until it is ended
	numbered   bool               // a word says which start of the probe says so
	late       bool               // before a worker takes the probe's second start, the first says something
	taken      bool               // that second start
	speaksAt   string             // the site whose probes tell through the gateway; "" is beside the engine
	away       bool               // after its first word no probe says anything, nor hands anything in
	others     []string           // probes that see what the first one does
	starts     []time.Time        // when each probe was started
	acts       []string           // effects that were really applied, in order
	faults     map[string][]fault // by action: taken one per attempt
	half       map[string]bool    // actions whose look sees them half done
	never      map[string]bool    // actions whose lost orders were never begun
	blind      map[string]bool    // actions whose look can't tell
	lookGone   map[string]bool    // actions whose look no worker takes
	queued     string             // an action that no worker takes, and that waits
	takers     map[string]bool    // effect keys of orders that a worker took
	afterLook  func(plan.Call)    // by somebody else, once a look has seen its fill
	past       []plan.Timing
	chances    []plan.Chance
	said       []plan.Said    // by people, past the engine
	keys       map[string]int // effect keys applied, to be at most one each
	spared     []run.Depth    // of the newest call
	events     []run.Event    // the journal
	until      chan struct{}  // an abort is not taken into it before this is closed
	onEvent    func(run.Event)
	holder     workflows.Holder // of the lock, for a second run
}

// fault is what an attempt does wrong.
type fault struct {
	before error  // returned without acting
	after  error  // returned after acting: the lost answer
	then   func() // by somebody else, with before
}

func newWorld(t *testing.T) *world {
	var suite testsuite.WorkflowTestSuite
	w := &world{t: t, tokyo: "primary", osaka: "standby",
		faults: map[string][]fault{}, blind: map[string]bool{}, half: map[string]bool{}, never: map[string]bool{}, keys: map[string]int{}, takers: map[string]bool{}}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second})
	w.env.SetTestTimeout(30 * time.Second)
	workflows.Register(w.env)
	// The clock of this environment runs ahead while a local activity is at work. Runs on a
	// real engine, and their histories, have the journal beside its tasks.
	w.env.OnGetVersion("journal-beside", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	register := func(name string, f any) { w.env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	for _, verb := range []string{"kill", "start", "fence", "unfence", "promote", "rejoin", "switchover", "single_writer", "check"} {
		register("world."+verb, w.act)
		register("world."+verb+plan.LookSuffix, w.look)
	}
	register("probe.world", func(_ context.Context, p plan.Watch) (run.Observations, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.looked++
		w.starts = append(w.starts, w.env.Now())
		if w.away {
			if p.Look == 0 {
				w.tell()
			}
			return run.Observations{}, activity.ErrResultPending
		}
		if w.late && w.looked == 2 {
			w.tellOf(0)
			w.env.RegisterDelayedCallback(func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.taken = true
				w.tellOf(p.Look)
			}, time.Second)
			return run.Observations{}, activity.ErrResultPending
		}
		if w.looked <= max(1, w.spoken) || !w.quiet {
			w.tellOf(p.Look)
		}
		if w.goesOn && w.looked == 1 {
			return run.Observations{}, activity.ErrResultPending
		}
		if q := w.faults[p.Probe.Uses]; len(q) > 0 {
			w.faults[p.Probe.Uses] = q[1:]
			return run.Observations{}, q[0].after
		}
		return run.Observations{Probe: p.Probe.Name, System: p.Probe.System, Function: p.Probe.Function}, nil
	})
	register(plan.ActivityAppend, func(_ context.Context, events []run.Event) error {
		if w.until != nil && slices.ContainsFunc(events, func(e run.Event) bool { return e.Kind == run.RunAbortRequested }) {
			<-w.until
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range events {
			w.events = append(w.events, e)
			if w.onEvent != nil {
				w.onEvent(e)
			}
		}
		return nil
	})
	register(plan.ActivityToken, func(context.Context, plan.TokenRequest) (int64, error) { return 7, nil })
	register(plan.ActivityTokens, func(_ context.Context, q plan.TokensRequest) ([]int64, error) {
		return slices.Repeat([]int64{7}, len(q.Systems)), nil
	})
	register(plan.ActivityHolder, func(context.Context, string) (workflows.Holder, error) { return w.holder, nil })
	register(plan.ActivityForecast, func(context.Context, plan.ForecastRequest) ([]plan.Timing, error) { return w.past, nil })
	register(plan.ActivityChances, func(context.Context, plan.ChancesRequest) ([]plan.Chance, error) { return w.chances, nil })
	register(plan.ActivityEvaluate, func(_ context.Context, g plan.Guard) (bool, error) {
		if g.Expr == "broken" {
			return false, temporal.NewNonRetryableApplicationError("no such field", plan.ErrRefused, nil)
		}
		return g.Expr == "true", nil
	})
	register(plan.ActivityHeard, func(_ context.Context, q plan.HeardRequest) (plan.Heard, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return plan.Heard{Upto: int64(len(w.said)), Said: slices.Clone(w.said[q.After:])}, nil
	})
	register(plan.ActivityTaker, func(_ context.Context, a plan.Attempt) (string, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.takers[a.EffectKey] {
			return "7@worker", nil
		}
		return "", nil
	})
	return w
}

// up reports whether clients can write: exactly one side takes writes.
func (w *world) up() bool { return w.tokyo == "primary" || w.osaka == "primary" }

// tell is the probe's signal; w.mu is held.
func (w *world) tell() { w.tellOf(0) }

func (w *world) tellOf(look int) {
	o := plan.Observed{Probe: "orders/take-orders", Up: w.up(), At: time.Now()}
	if w.numbered {
		o.Look = look
	}
	signal := plan.SignalObserved
	if w.speaksAt != "" {
		signal = plan.SignalObservedAt(w.speaksAt)
	}
	for _, o.Probe = range append([]string{o.Probe}, w.others...) {
		w.env.SignalWorkflow(signal, o)
	}
}

func (w *world) act(_ context.Context, c plan.Call) (plan.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Uses == w.queued {
		return plan.Result{}, activity.ErrResultPending
	}
	w.spared, w.takers[c.EffectKey] = c.Spared, true
	var f fault
	if q := w.faults[c.Uses]; len(q) > 0 {
		f, w.faults[c.Uses] = q[0], q[1:]
	}
	if f.before != nil {
		if f.then != nil {
			f.then()
		}
		return plan.Result{}, f.before
	}
	if w.goal(c) {
		return plan.Result{Already: true, StartedAt: time.Now(), EndedAt: time.Now()}, nil
	}
	out, err := w.apply(c)
	if err != nil {
		return plan.Result{}, err
	}
	if c.Uses != w.deaf {
		w.tell()
	}
	if f.after != nil {
		return plan.Result{}, f.after
	}
	return plan.Result{Output: out, StartedAt: time.Now(), EndedAt: time.Now(), DurationS: 0.01}, nil
}

func (w *world) apply(c plan.Call) (json.RawMessage, error) {
	if c.EffectKey != "" {
		if w.keys[c.EffectKey]++; w.keys[c.EffectKey] > 1 {
			w.t.Errorf("effect %s was applied twice", c.EffectKey)
		}
		w.acts = append(w.acts, c.Uses)
	}
	switch c.Uses {
	case "world.kill":
		w.tokyo = "down"
	case "world.start", "world.unfence":
		w.tokyo = "primary"
	case "world.fence":
		w.tokyo = "fenced"
	case "world.promote":
		if w.tokyo == "primary" {
			return nil, temporal.NewNonRetryableApplicationError("tokyo still takes writes", plan.ErrRefused, nil)
		}
		w.osaka = "primary"
		w.promotions++
	case "world.rejoin":
		w.tokyo = "standby"
	case "world.switchover":
		if w.tokyo != "standby" {
			return nil, temporal.NewNonRetryableApplicationError("tokyo is no standby", plan.ErrRefused, nil)
		}
		w.tokyo, w.osaka = "primary", "standby"
		w.promotions++
	case "world.single_writer":
		if (w.tokyo == "primary") == (w.osaka == "primary") {
			said := fmt.Sprintf("tokyo is %s, osaka is %s", w.tokyo, w.osaka)
			if w.tokyo == "primary" {
				return nil, temporal.NewNonRetryableApplicationError(said, plan.ErrFinding, nil, plan.TwoWrite)
			}
			return nil, temporal.NewNonRetryableApplicationError(said, plan.ErrFinding, nil)
		}
		return json.RawMessage(`{"single":true}`), nil
	}
	return json.RawMessage(`{}`), nil
}

// goal reports whether the action's goal holds; w.mu is held.
func (w *world) goal(c plan.Call) bool {
	switch c.Uses {
	case "world.kill":
		return w.tokyo == "down"
	case "world.start", "world.unfence":
		return w.tokyo == "primary"
	case "world.fence":
		return w.tokyo == "fenced"
	case "world.promote":
		return w.osaka == "primary"
	case "world.rejoin":
		return w.tokyo == "standby"
	case "world.switchover":
		return w.tokyo == "primary" && w.osaka == "standby"
	}
	return false
}

func (w *world) look(_ context.Context, c plan.Call) (plan.Looked, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.afterLook != nil {
		defer w.afterLook(c)
	}
	switch {
	case w.lookGone[c.Uses]:
		return plan.Looked{}, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	case w.blind[c.Uses]:
		return plan.Looked{Sight: plan.CannotTell, Detail: "the network is gone", At: time.Now()}, nil
	case w.goal(c):
		return plan.Looked{Sight: plan.Holds, Never: w.never[c.Uses], Detail: "it did", At: time.Now()}, nil
	}
	return plan.Looked{Sight: plan.HoldsNot, Partial: w.half[c.Uses], Never: w.never[c.Uses], Detail: "it did not", At: time.Now()}, nil
}

// atEvent runs f, once, after the event of that kind and step is in the journal.
func (w *world) atEvent(kind run.EventKind, step string, f func()) {
	done := false
	previous := w.onEvent
	w.onEvent = func(e run.Event) {
		if previous != nil {
			previous(e)
		}
		if !done && e.Kind == kind && (step == "" || e.Step == step) {
			done = true
			w.env.RegisterDelayedCallback(f, time.Millisecond)
		}
	}
}

// updates numbers them: two in one nanosecond would be one.
var updates atomic.Int64

// update sends an update to a workflow and returns what its validator or handler said.
func (w *world) update(id, name string, arg any, refused *error) {
	err := w.env.UpdateWorkflowByID(id, name, fmt.Sprintf("%s-%d", name, updates.Add(1)), &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) {
			if refused != nil {
				*refused = err
			} else {
				w.t.Errorf("%s refused: %v", name, err)
			}
		},
		OnComplete: func(_ any, err error) {
			if err != nil {
				w.t.Errorf("%s: %v", name, err)
			}
		},
	}, arg)
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
	}
}

// find returns the events of a kind, in order of arrival.
func (w *world) find(kind run.EventKind) []run.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []run.Event
	for _, e := range w.events {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// step returns how a step ended.
func (w *world) step(id string) run.Event {
	for _, e := range w.find(run.StepEnded) {
		if e.Step == id {
			return e
		}
	}
	return run.Event{}
}

// state is the state the run ended in.
func (w *world) state() run.State {
	w.t.Helper()
	if err := w.env.GetWorkflowError(); err != nil {
		w.t.Fatalf("run: %v", err)
	}
	var s workflows.Summary
	if err := w.env.GetWorkflowResult(&s); err != nil {
		w.t.Fatalf("result: %v", err)
	}
	return s.State
}

func (w *world) run(in workflows.Input) {
	w.t.Helper()
	defer func() { // the environment panics when nothing moves any more
		switch p := recover(); {
		case p == nil:
		case strings.HasPrefix(fmt.Sprint(p), "test timeout"):
			w.t.Fatalf("the run stands still; last events: %+v", w.events[max(0, len(w.events)-5):])
		default:
			panic(p)
		}
	}()
	w.env.ExecuteWorkflow(workflows.TypeRun, in)
	if !w.env.IsWorkflowCompleted() {
		w.t.Fatalf("the run did not end; last events: %+v", w.events[max(0, len(w.events)-5):])
	}
}

var errLost = errors.New("connection reset by peer")

func d(v time.Duration) run.Duration { return run.Duration(v) }

func effect(id, uses string, needs ...string) plan.Step {
	return plan.Step{ID: id, Uses: uses, Site: "osaka", Needs: needs, Effect: run.Disrupt, CanLook: true, Timeout: d(time.Minute), Queue: d(10 * time.Second)}
}

func undoBy(s plan.Step, uses ...string) plan.Step {
	for _, u := range uses {
		s.Undo = append(s.Undo, plan.Undo{Uses: u, Site: "osaka", Effect: run.Disrupt, CanLook: true, Timeout: d(time.Minute), Queue: d(10 * time.Second)})
	}
	return s
}

// drill is a plan of one system with failover and failback, everybody simulated.
func drill(t *testing.T, change func(*plan.Plan)) workflows.Input {
	t.Helper()
	check := plan.Step{ID: "single-writer", Uses: "world.single_writer", Site: "osaka", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(10 * time.Second)}
	kill := undoBy(effect("kill", "world.kill"), "world.start")
	kill.Starts = "orders"
	rto := d(10 * time.Minute)
	p := plan.Plan{
		Format: plan.Format,
		Scenario: plan.Scenario{
			Name: "tokyo-loss", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Hazard: run.Disaster, Depth: run.Live,
			SitesLost: []string{"tokyo"}, Phases: run.Phases(run.Disaster), Place: "hall",
			Quorum:   []plan.RoleCount{{Role: "operator", Count: 1}, {Role: "commander", Count: 1}},
			Safety:   plan.SafetyRules{Remind: d(5 * time.Minute), Within: d(time.Hour), Muster: d(30 * time.Minute), Task: d(10 * time.Minute)},
			Decision: plan.DecisionRule{By: "commander", Within: d(10 * time.Minute), Rule: plan.RuleAlternateWhenAtRisk},
			Injects:  []plan.Step{kill}, Failback: run.PolicyReturn,
			Hold: d(5 * time.Second), Baseline: d(time.Second), DetectWait: d(time.Minute), VerifyWait: d(time.Minute), FailWait: d(10 * time.Minute),
			Simulate: &plan.Simulate{After: d(time.Second), Spread: d(time.Second)},
		},
		Estate: plan.Estate{Name: "test", Zone: "Asia/Tokyo", Control: "osaka", Sites: []plan.Site{{Name: "osaka"}, {Name: "tokyo"}},
			People: []plan.Person{
				{ID: "sato", Roles: []string{"commander"}, Deputies: []string{"suzuki"}},
				{ID: "tanaka", Roles: []string{"operator"}},
				{ID: "suzuki", Roles: nil},
			},
			Places: []plan.Place{{Name: "hall", Site: "osaka"}, {Name: "online", Online: true}}},
		Systems: []plan.System{{Name: "orders", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto},
			Drillable: []run.Depth{run.Live}, Failover: "orders-failover", Failback: "orders-failback", SingleWriter: &check,
			Probes: []plan.Probe{{Name: "orders/take-orders", System: "orders", Function: "take-orders", Weight: 100, Uses: "probe.world", Vantage: "osaka"}}}},
		Runbooks: []plan.Runbook{
			{Name: "orders-failback", System: "orders", Steps: []plan.Step{effect("rejoin", "world.rejoin"), effect("switchover", "world.switchover", "rejoin")}},
			{Name: "orders-failover", System: "orders", Steps: []plan.Step{
				undoBy(effect("fence", "world.fence"), "world.unfence"),
				undoBy(effect("promote", "world.promote", "fence"), "world.rejoin", "world.switchover"),
			}},
		},
	}
	if change != nil {
		change(&p)
	}
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return workflows.Input{RunID: "tokyo-loss-1", Kind: run.Drill, Plan: p, Requester: "tanaka", RequestID: "r1"}
}

func step(p *plan.Plan, runbook, id string) *plan.Step {
	i := slices.IndexFunc(p.Runbooks, func(r plan.Runbook) bool { return r.Name == runbook })
	j := slices.IndexFunc(p.Runbooks[i].Steps, func(s plan.Step) bool { return s.ID == id })
	return &p.Runbooks[i].Steps[j]
}
