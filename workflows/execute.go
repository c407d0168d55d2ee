package workflows

import (
	"encoding/json"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scheduler"
)

// Execution is the input of Execute: one runbook on one system.
type Execution struct {
	Run     string       `json:"run"`
	Kind    run.Kind     `json:"kind"`
	Depth   run.Depth    `json:"depth"`
	Phase   run.Phase    `json:"phase"`
	System  string       `json:"system"`
	Purpose Purpose      `json:"purpose"`
	Token   int64        `json:"token"`
	Runbook plan.Runbook `json:"runbook"`
	// Estate is what of it the runbook needs, in runs begun since plan.Estate.For.
	Estate   plan.Estate  `json:"estate"`
	Role     string       `json:"role"`      // who is asked when a step failed or is unknown
	FailWait run.Duration `json:"fail_wait"` // how long they are waited for, in a drill
	// WhenAbsent is the scenario's word for steps that have none of their own.
	WhenAbsent string         `json:"when_absent,omitempty"`
	Simulate   *plan.Simulate `json:"simulate,omitempty"`
	Paused     bool           `json:"paused,omitempty"`
	Spared     []run.Depth    `json:"spared,omitempty"` // depths at which no drill may change the system
	// AtOnce bounds the steps that are ordered from site workers at once: its share of what
	// the run may; 0 is no bound of its own.
	AtOnce int `json:"at_once,omitempty"`
	// Beside is true in runs of some days, see besideTasks.
	Beside bool `json:"beside,omitempty"`
	// Deadline is when the system has to be back, and Past what its steps took before: the run
	// is told when the forecast passes the one for the first time. Zero tells nobody.
	Deadline time.Time     `json:"deadline,omitzero"`
	Past     []plan.Timing `json:"past,omitempty"`
	// FourEyes has what is forced confirmed by a second person.
	FourEyes bool `json:"four_eyes,omitempty"`
}

// Executed is how it ended.
type Executed struct {
	Outcome run.Outcome `json:"outcome"` // passed, or failed
	Reason  string      `json:"reason,omitempty"`
	Undone  bool        `json:"undone,omitempty"`  // undo ran
	Unclean string      `json:"unclean,omitempty"` // what undo could not put back
	Left    []string    `json:"left,omitempty"`    // steps that did something and have no undo, where undo ran
	Open    []string    `json:"open,omitempty"`    // those of them of which nobody can tell whether they did
	Told    bool        `json:"told,omitempty"`    // Left and Open are; those of before they were say nothing
	Moved   bool        `json:"moved,omitempty"`   // a step with an effect was done and not undone
	Skipped int         `json:"skipped,omitempty"` // steps that a person skipped
	Acted   []string    `json:"acted,omitempty"`   // who did something in it
}

// signalPause carries true to hold a runbook and false to let it go on.
const signalPause = "pause"

// inFlight bounds the steps of one runbook that run at once; the engine refuses more
// than 2,000 pending activities of a workflow without a word (temporal.md 5). runInFlight
// bounds those of a run's runbooks together, which share it: what a site's worker has no
// slot for waits in the run and not in the engine, where waiting for one's own steps
// counts as a worker that is away.
const (
	inFlight    = 500
	runInFlight = 1_000
)

// execution is a runbook in progress.
type execution struct {
	hands
	in      Execution
	graph   *scheduler.Graph
	begun   []*workedStep // in the order they were begun: undo walks it backwards
	waiting map[string]*asked
	running int
	share   int // of what the run may order from site workers at once; 0 is no bound of its own
	ended   int
	skipped int    // by people
	failed  string // the first failure that stopped the runbook
	paused  bool
	stop    workflow.CancelFunc
	pace    pace
}

// Execute runs a runbook's steps as their needs allow. When a step fails and nobody
// helps it, or the run is aborted, what was done is undone in reverse.
func Execute(ctx workflow.Context, in Execution) (Executed, error) {
	graph, err := scheduler.New(in.Runbook.Steps)
	if err != nil {
		return Executed{Outcome: run.Failed, Reason: err.Error()}, nil
	}
	x := &execution{
		in: in, graph: graph, paused: in.Paused, waiting: map[string]*asked{},
		pace: pace{began: map[string]time.Time{}, ended: map[string]bool{}},
		hands: hands{run: in.Run, kind: in.Kind, depth: in.Depth, system: in.System, runbook: in.Runbook.Name, token: in.Token, spared: in.Spared,
			estate: in.Estate, log: openJournal(ctx, in.Run, in.System+"/"+string(in.Purpose), besideTasks(ctx, in.Beside)), outputs: map[string]json.RawMessage{}},
	}
	if in.AtOnce > 0 && workflow.GetVersion(ctx, "at-once", workflow.DefaultVersion, 1) == 1 {
		x.share = in.AtOnce
	}
	if err := x.listen(ctx); err != nil {
		return Executed{}, err
	}
	work, stop := workflow.WithCancel(ctx)
	x.stop = stop
	minded := x.mind(ctx)
	x.steps(work)
	minded()

	tidy, _ := workflow.NewDisconnectedContext(ctx)
	out := Executed{Outcome: run.Passed, Skipped: x.skipped, Told: true}
	if x.failed != "" || ctx.Err() != nil {
		out.Outcome, out.Reason = run.Failed, x.failed
		if out.Reason == "" {
			out.Reason = textAborted
		}
		out.Undone = true
		out.Unclean = x.undoAll(tidy)
	}
	for _, w := range x.begun {
		if w.step.Effect.Once() && w.ending == passed && !out.Undone {
			out.Moved = true
		}
		if out.Undone && w.step.Effect.Once() && w.did && len(w.step.Undo) == 0 {
			out.Left = append(out.Left, w.step.ID)
			if w.ending == unclear {
				out.Open = append(out.Open, w.step.ID)
			}
		}
	}
	_ = workflow.Await(tidy, func() bool { return workflow.AllHandlersFinished(tidy) })
	out.Acted = workflow.DeterministicKeys(x.log.acted)
	x.log.close(tidy)
	return out, nil
}

// steps starts what may start until nothing more can.
func (x *execution) steps(ctx workflow.Context) {
	var queue []int
	for {
		queue = append(queue, x.graph.Ready()...)
		for x.running < inFlight && !x.paused && x.failed == "" && ctx.Err() == nil {
			at := slices.IndexFunc(queue, x.hasRoom)
			if at < 0 {
				break
			}
			i := queue[at]
			queue = slices.Delete(queue, at, at+1)
			x.running++
			workflow.GoNamed(ctx, x.in.Runbook.Steps[i].ID, func(ctx workflow.Context) {
				x.pace.began[x.in.Runbook.Steps[i].ID] = workflow.Now(ctx)
				outcome := x.step(ctx, x.in.Runbook.Steps[i])
				x.graph.End(i, outcome == run.Passed || outcome == run.Skipped)
				x.running--
				x.ended++
				x.stepEnded(ctx, x.in.Runbook.Steps[i].ID)
			})
		}
		if x.running == 0 && (len(queue) == 0 || x.failed != "" || ctx.Err() != nil) {
			break
		}
		seen, paused, ordered := x.ended, x.paused, x.ordered()
		// Await on the root's terms: a step in flight is always waited for.
		free, _ := workflow.NewDisconnectedContext(ctx)
		_ = workflow.Await(free, func() bool {
			return x.ended > seen || x.paused != paused || x.share > 0 && x.ordered() < ordered || x.running == 0 && (ctx.Err() != nil || x.failed != "")
		})
	}
	for _, i := range x.graph.CutOff() {
		s := x.in.Runbook.Steps[i]
		x.log.add(ctx, run.Event{Kind: run.StepEnded, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: s.ID, Action: s.Uses,
			Site: s.Site, By: run.Engine, Outcome: run.Skipped, Reason: both("a step that it needs failed", "前提となるステップが失敗した"),
			Data: run.Encode(run.StepResult{SettledBy: run.ByResult})})
	}
}

// ordered is how many steps are a site worker's at the moment, and not a person's.
func (x *execution) ordered() int { return x.running - len(x.waiting) }

// hasRoom reports whether the runbook's share has room for a step. What people do takes none.
func (x *execution) hasRoom(i int) bool {
	return x.share == 0 || x.ordered() < x.share || x.in.Runbook.Steps[i].Human != nil
}

// step takes one step to its end: guard, depth, then a person or a site worker.
func (x *execution) step(ctx workflow.Context, s plan.Step) run.Outcome {
	ok, err := x.guard(ctx, s)
	switch {
	case ctx.Err() != nil:
		return x.end(ctx, s, attempted{ending: aborted, reason: textAborted}, 0, run.Engine)
	case err != nil:
		return x.ask(ctx, s, attempted{ending: unclear, settled: run.ByResult, reason: "if: " + inWords(err)}, 0)
	case !ok:
		return x.skip(ctx, s, run.ByGuard, run.Engine, "if: is false")
	case x.depth == run.Tabletop:
		return x.skip(ctx, s, run.ByGuard, run.Engine, both("tabletop: nothing runs", "机上訓練のため実行しない"))
	case x.depth == run.Walkthrough:
		return x.human(ctx, s, x.toRead(s))
	case s.Human != nil:
		return x.human(ctx, s, run.Wait{Kind: run.WaitHuman, Role: s.Human.Role, Text: run.Marked(x.kind, run.Mark, s.Human.Text.Both()),
			Acts: []run.Act{run.ActDone, run.ActSkip}})
	}
	w := &workedStep{step: s}
	x.begun = append(x.begun, w) // registered before it starts
	generation, more := 1, s.Retry
	a := x.try(ctx, x.in.Phase, s, generation)
	for {
		w.note(a)
		if a.ending == passed || ctx.Err() != nil || x.stopped(ctx) {
			return x.end(ctx, s, a, generation, run.Engine)
		}
		if a.never && more == s.Retry && workflow.GetVersion(ctx, changeLostOrders, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
			more++ // what never reached the worker was no try; nobody is asked whether to order it again
		}
		if a.ending != unclear && !a.absent && generation <= more {
			generation++
			a = x.try(ctx, x.in.Phase, s, generation)
			continue
		}
		if a.absent {
			switch absence := x.whenAbsent(s); {
			case absence == plan.AbsentAsk:
			case absence == plan.AbsentFail:
				x.fail(s, a)
				return x.end(ctx, s, a, generation, run.Engine)
			case absence == plan.AbsentSkip:
				if x.doesWithout(ctx, w) {
					return x.skip(ctx, s, run.ByAbsence, run.Engine, a.reason)
				}
			case a.ending == nobody && absence != s.Site:
				// Nobody had begun it, and its order is withdrawn: another site may.
				s.Site = absence
				w.step.Site = absence
				generation++
				a = x.try(ctx, x.in.Phase, s, generation)
				continue
			}
		}
		// Retries are used up, or nobody can tell: a person decides.
		act := x.waitFor(ctx, s, waitAfter(s, a, x.in.Role))
		if act == nil {
			x.fail(s, a)
			return x.end(ctx, s, a, generation, run.Engine)
		}
		switch act.act.Act {
		case run.ActDone:
			// A fence for which people vouch, since no worker could put it up, is not muster's to take off.
			w.ending = passed
			w.did = w.did || !s.Prerequisite || workflow.GetVersion(ctx, changeVouched, workflow.DefaultVersion, 1) == workflow.DefaultVersion
			return x.end(ctx, s, attempted{ending: passed, settled: run.ByPerson, reason: act.act.Reason}, generation, act.by)
		case run.ActSkip:
			return x.skip(ctx, s, run.ByPerson, act.by, act.act.Reason)
		case run.ActRetry:
			if a.ending == unclear && s.Effect.Once() {
				// An unknown is never retried: it is looked at again, and only a
				// proven "not done" opens the next generation.
				if a = x.settle(ctx, s, x.call(s, generation), a.reason); a.ending != notDone {
					continue
				}
			}
			generation++
			a = x.try(ctx, x.in.Phase, s, generation)
		}
	}
}

// stopped reports whether the runbook has failed elsewhere, so that nothing more of it is begun: what was is undone.
func (x *execution) stopped(ctx workflow.Context) bool {
	return x.failed != "" && workflow.GetVersion(ctx, changeFailedAsksNobody, workflow.DefaultVersion, 1) == 1
}

// whenAbsent is what happens when no worker of the step's site takes it.
func (x *execution) whenAbsent(s plan.Step) string {
	switch {
	case s.WhenAbsent != "":
		return s.WhenAbsent
	case s.Local && x.in.WhenAbsent != plan.AbsentFail && x.in.WhenAbsent != plan.AbsentSkip:
		return plan.AbsentAsk // the scenario's other site could not act on it
	case x.in.WhenAbsent != "":
		return x.in.WhenAbsent
	}
	return plan.AbsentAsk
}

// doesWithout reports whether a runbook may go on without a step whose site is away: only
// where the step did nothing. One that a worker took, and perhaps carries out still, is no step left out.
func (x *execution) doesWithout(ctx workflow.Context, w *workedStep) bool {
	return !w.did || workflow.GetVersion(ctx, changeSkipAsks, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

func (x *execution) fail(s plan.Step, a attempted) {
	if x.failed == "" {
		x.failed = both("step %s: %s", "ステップ %s：%s", s.ID, plan.Apart(a.reason))
	}
}

func (x *execution) skip(ctx workflow.Context, s plan.Step, settled run.SettledBy, by, reason string) run.Outcome {
	if settled == run.ByPerson {
		x.skipped++
	}
	x.log.add(ctx, run.Event{Kind: run.StepEnded, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: s.ID, Action: s.Uses,
		Site: s.Site, By: by, Outcome: run.Skipped, Reason: reason, Data: run.Encode(run.StepResult{SettledBy: settled})})
	return run.Skipped
}

// end records how a step ended.
func (x *execution) end(ctx workflow.Context, s plan.Step, a attempted, attempts int, by string) run.Outcome {
	outcome := outcomeOf(a.ending)
	over := 0.0
	if s.Budget > 0 && outcome == run.Passed {
		if took := time.Duration(a.result.DurationS * float64(time.Second)); took > s.Budget.Std() {
			over = (took - s.Budget.Std()).Seconds()
		}
	}
	x.log.add(ctx, run.Event{Kind: run.StepEnded, Phase: x.in.Phase, System: x.system, Runbook: x.runbook, Step: s.ID, Action: s.Uses,
		Site: s.Site, Generation: attempts, By: by, Outcome: outcome, Reason: a.reason, Data: run.Encode(resultOf(a, attempts, over))})
	if outcome == run.Passed && len(a.result.Output) > 0 {
		x.outputs[s.ID] = a.result.Output
	}
	return outcome
}

// undoAll undoes what was begun, newest first. It returns what is left half-way.
func (x *execution) undoAll(ctx workflow.Context) string {
	var left []plan.Text
	for i := len(x.begun) - 1; i >= 0; i-- {
		if unclean := x.undo(ctx, x.in.Phase, *x.begun[i]); unclean != "" {
			left = append(left, plan.Apart(unclean))
			// What follows undoes earlier steps, on which this one rests; it may
			// still bring service back, and each looks before it acts.
		}
	}
	return plan.Joined(left...).Both()
}
