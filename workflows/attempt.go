package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// hands carry out single steps on site workers, for a runbook or for the run itself.
// They hold the effect protocol: intent on disk, in the history → one attempt under an effect key and a
// fencing token → if the answer is lost, look → done, not done or unknown.
type hands struct {
	run     string
	kind    run.Kind
	depth   run.Depth
	system  string
	runbook string
	token   int64
	spared  []run.Depth // at which no drill may change the system
	estate  plan.Estate
	log     *journal
	outputs map[string]json.RawMessage // of passed steps, by ID; looked up, never ranged over
}

// ending is what an attempt came to.
type ending int

const (
	passed    ending = iota + 1
	notDone          // the effect provably did not happen
	fellShort        // an observation found the system wanting
	unclear          // nobody can tell
	nobody           // no worker at the site took it
	aborted          // the run was aborted before the attempt could begin
)

// attempted is one attempt at a step, settled as far as can be.
type attempted struct {
	twoWrite bool // the check says that more than one side takes writes
	ending   ending
	settled  run.SettledBy
	reason   string
	result   plan.Result
	partial  bool // not done, but some of it is
	absent   bool // no worker of the site answered
	never    bool // its order was lost on the way: it was not begun and never will be
}

// workedStep is a step that was begun and may have to be undone.
type workedStep struct {
	step   plan.Step
	ending ending
	// did is set once an attempt did something, did it half or can't be told, and
	// stays: a later attempt that did nothing does not take that back.
	did bool
	// found is set once an attempt found the goal reached, by somebody else.
	found bool
	lost  bool // the answer of an attempt that was not seen to have done it
}

// note keeps what an attempt came to. What one finds done may be the late work of one before it
// whose answer was lost.
func (w *workedStep) note(a attempted) {
	w.ending = a.ending
	found := a.ending == passed && a.result.Already && !w.lost
	w.found = w.found || found
	w.did = w.did || a.ending == passed && !found || a.ending == unclear || a.partial
	w.lost = w.lost || a.ending == notDone && a.settled == run.ByObservation && !a.never
}

// undoable reports whether there is something to undo: what a step found done is not this run's to
// take back.
func (w workedStep) undoable(ctx workflow.Context) bool {
	if w.did || !w.found || len(w.step.Undo) == 0 {
		return w.did
	}
	return workflow.GetVersion(ctx, changeFoundDone, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// try makes one attempt at a step. Generation counts from 1.
func (h *hands) try(ctx workflow.Context, phase run.Phase, s plan.Step, generation int) attempted {
	about := run.Event{Phase: phase, System: h.system, Runbook: h.runbook, Step: s.ID, Action: s.Uses, Site: s.Site, By: run.Engine, Generation: generation}
	call := h.call(s, generation)
	if s.Effect.Once() {
		intended := about
		intended.Kind = run.StepIntended
		intended.Data = run.Encode(run.Intent{EffectKey: call.EffectKey, Token: call.Token, Effect: s.Effect})
		h.log.add(ctx, intended)
	}
	started := about
	started.Kind = run.StepStarted
	h.log.add(ctx, started)
	if s.Effect.Once() {
		if err := h.log.keepUp(ctx); err != nil {
			return attempted{ending: aborted, reason: both("aborted before it began", "開始前に中止")}
		}
	}

	options := acting(ctx, s.Site, s.Timeout.Std(), s.Queue.Std())
	if !s.Effect.Once() {
		options = observing(ctx, s.Site, s.Timeout.Std(), s.Queue.Std(), s.Repeatable)
	}
	var result plan.Result
	err := workflow.ExecuteActivity(options, s.Uses, call).Get(ctx, &result)
	if err == nil {
		return attempted{ending: passed, settled: run.ByResult, result: result}
	}
	reason := inWords(err)
	if isAbsent(err) {
		absent := about
		absent.Kind, absent.Reason = run.WorkerAbsent, both("no worker of site %s took the step within %s", "拠点 %s のワーカーが %s以内に応答しなかった", s.Site, s.Queue)
		h.log.add(ctx, absent)
		return attempted{ending: nobody, settled: run.ByObservation, reason: absent.Reason, absent: true}
	}
	if !s.Effect.Once() {
		if isType(err, plan.ErrFinding) || isType(err, plan.ErrRefused) {
			return attempted{ending: fellShort, settled: run.ByResult, reason: reason, twoWrite: saysTwoWrite(err)}
		}
		return attempted{ending: unclear, settled: run.ByResult, reason: reason}
	}
	if isType(err, plan.ErrRefused) {
		return attempted{ending: notDone, settled: run.ByResult, reason: reason}
	}
	return h.settle(ctx, s, call, reason)
}

func saysTwoWrite(err error) bool {
	var typed *temporal.ApplicationError
	var what string
	return errors.As(err, &typed) && typed.HasDetails() && typed.Details(&what) == nil && what == plan.TwoWrite
}

// settle looks what became of an attempt whose answer was lost or was an error. It runs
// also after an abort: what was begun must be known before it can be undone.
func (h *hands) settle(ctx workflow.Context, s plan.Step, call plan.Call, reason string) attempted {
	free, _ := workflow.NewDisconnectedContext(ctx)
	call.Settling = true
	if workflow.GetVersion(ctx, "taken-by", workflow.DefaultVersion, 1) == 1 {
		if err := workflow.ExecuteActivity(tracing(free), plan.ActivityTaker, plan.Attempt{Uses: s.Uses, EffectKey: call.EffectKey}).Get(free, &call.TakenBy); err != nil {
			return attempted{ending: unclear, settled: run.ByObservation, reason: both("%s; and who took it can't be read: %s", "%s。どのワーカーが実行したかも確認できない：%s", plan.Apart(reason), plan.Apart(inWords(err)))}
		}
		// The engine has closed the order and had given it to nobody: it can't begin any more.
		if call.TakenBy == "" && workflow.GetVersion(ctx, changeNobodyTook, workflow.DefaultVersion, 1) == 1 {
			a := attempted{ending: notDone, settled: run.ByObservation, reason: both("%s; no worker had taken it", "%s。どのワーカーも受け取っていない", plan.Apart(reason))}
			if ctx.Err() != nil {
				a.ending = aborted
			}
			return a
		}
	}
	var seen plan.Looked
	err := workflow.ExecuteActivity(settling(free, s.Site, s.Queue.Std()), s.Uses+plan.LookSuffix, call).Get(free, &seen)
	switch {
	case isAbsent(err):
		return attempted{ending: unclear, settled: run.ByObservation, absent: true,
			reason: both("%s; no worker of site %s came back to look within %s", "%s。拠点 %s のワーカーが %s以内に復帰せず、確認できなかった", plan.Apart(reason), s.Site, s.Queue)}
	case err != nil:
		return attempted{ending: unclear, settled: run.ByObservation, reason: both("%s; and looking failed: %s", "%s。確認にも失敗：%s", plan.Apart(reason), plan.Apart(inWords(err)))}
	}
	reason = both("%s; seen: %s", "%s。確認結果：%s", plan.Apart(reason), plan.Apart(seen.Detail))
	switch seen.Sight {
	case plan.Holds:
		return attempted{ending: passed, settled: run.ByObservation, reason: reason,
			result: plan.Result{Already: seen.Never, Output: seen.Output, EndedAt: seen.At}}
	case plan.HoldsNot:
		return attempted{ending: notDone, settled: run.ByObservation, reason: reason, partial: seen.Partial, never: seen.Never}
	case plan.CannotTell:
	}
	return attempted{ending: unclear, settled: run.ByObservation, reason: reason}
}

// undo puts back what a step changed, in the plan's order. It returns "" or what is
// left undone. What provably never happened needs no undo.
func (h *hands) undo(ctx workflow.Context, phase run.Phase, w workedStep) string {
	if !w.undoable(ctx) {
		return ""
	}
	for i, u := range w.step.Undo {
		s := plan.Step{ID: fmt.Sprintf("%s.undo%d", w.step.ID, i+1), Uses: u.Uses, With: u.With, Site: u.Site, Effect: u.Effect,
			CanLook: u.CanLook, Timeout: u.Timeout, Queue: u.Queue, Targets: u.Targets}
		about := run.Event{Phase: phase, System: h.system, Runbook: h.runbook, Step: w.step.ID, Action: u.Uses, Site: u.Site, By: run.Engine}
		begin := about
		begin.Kind = run.UndoStarted
		h.log.add(ctx, begin)
		var a attempted
		attempts := 0
		for attempts < undoTries {
			attempts++
			a = h.tryUndo(ctx, s, attempts)
			if a.ending == passed || a.ending == unclear {
				break
			}
			_ = workflow.Sleep(ctx, undoPause)
		}
		end := about
		end.Kind, end.Outcome, end.Reason = run.UndoEnded, outcomeOf(a.ending), a.reason
		end.Data = run.Encode(resultOf(a, attempts, 0))
		h.log.add(ctx, end)
		if a.ending != passed {
			return both("undo of %s by %s: %s", "%s の取り消し（%s）：%s", w.step.ID, u.Uses, plan.Apart(a.reason))
		}
	}
	return ""
}

// tryUndo is try without the step's own events: an undo is told as one.
func (h *hands) tryUndo(ctx workflow.Context, s plan.Step, generation int) attempted {
	call := h.call(s, generation)
	looks := !s.Effect.Once() && workflow.GetVersion(ctx, changeUndoLooks, workflow.DefaultVersion, 1) != workflow.DefaultVersion
	options := acting(ctx, s.Site, s.Timeout.Std(), s.Queue.Std())
	if looks {
		options = observing(ctx, s.Site, s.Timeout.Std(), s.Queue.Std(), false) // undo tries it again itself
	}
	var result plan.Result
	err := workflow.ExecuteActivity(options, s.Uses, call).Get(ctx, &result)
	if err == nil {
		return attempted{ending: passed, settled: run.ByResult, result: result}
	}
	if isAbsent(err) {
		return attempted{ending: nobody, settled: run.ByObservation, reason: both("no worker of site %s took it within %s", "拠点 %s のワーカーが %s以内に応答しなかった", s.Site, s.Queue)}
	}
	if looks { // it did nothing that could be unclear
		return attempted{ending: fellShort, settled: run.ByResult, reason: inWords(err)}
	}
	if isType(err, plan.ErrRefused) {
		return attempted{ending: notDone, settled: run.ByResult, reason: inWords(err)}
	}
	return h.settle(ctx, s, call, inWords(err))
}

func (h *hands) call(s plan.Step, generation int) plan.Call {
	c := plan.Call{
		Run: h.run, Kind: h.kind, Depth: h.depth, System: h.system, Runbook: h.runbook,
		Step: s.ID, Uses: s.Uses, Effect: s.Effect, Generation: generation,
		With: s.With, Targets: h.estate.TargetsNamed(s.Targets), Vars: h.vars(string(s.With)), Spared: h.spared,
	}
	if s.Effect.Once() {
		c.EffectKey = fmt.Sprintf("%s/%s/%s/%d", h.run, h.log.writer, s.ID, generation)
		c.Token = h.token
	}
	return c
}

// vars picks the outputs that a text refers to, so that a step's input stays small.
func (h *hands) vars(text string) map[string]json.RawMessage {
	if !strings.Contains(text, "steps") {
		return nil
	}
	var picked map[string]json.RawMessage
	for _, id := range workflow.DeterministicKeys(h.outputs) {
		if strings.Contains(text, id) {
			if picked == nil {
				picked = map[string]json.RawMessage{}
			}
			picked[id] = h.outputs[id]
		}
	}
	return picked
}

// guard evaluates a step's if: outside of the workflow; CEL is not replay code.
func (h *hands) guard(ctx workflow.Context, s plan.Step) (bool, error) {
	if s.If == "" {
		return true, nil
	}
	var ok bool
	err := workflow.ExecuteActivity(guarding(ctx), plan.ActivityEvaluate,
		plan.Guard{Expr: s.If, Run: h.run, Kind: h.kind, Depth: h.depth, Vars: h.vars(s.If)}).Get(ctx, &ok)
	return ok, err
}

func outcomeOf(e ending) run.Outcome {
	switch e {
	case passed:
		return run.Passed
	case unclear:
		return run.Unknown
	case aborted:
		return run.Skipped
	case notDone, fellShort, nobody:
		return run.Failed
	}
	return run.Unknown
}

func resultOf(a attempted, attempts int, overS float64) run.StepResult {
	return run.StepResult{SettledBy: a.settled, StartedAt: a.result.StartedAt, EndedAt: a.result.EndedAt,
		DurationS: a.result.DurationS, Attempts: attempts, Already: a.result.Already, OverS: overS,
		NotDone: a.ending == notDone && !a.partial, Output: a.result.Output}
}

// isAbsent reports whether no worker of the site took the order in time.
func isAbsent(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START
}

func isType(err error, kind string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == kind
}

// inWords takes an error out of the engine's wrapping, for people.
func inWords(err error) string {
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var cancelled *temporal.CanceledError
	switch {
	case errors.As(err, &timeout):
		if cause := errors.Unwrap(timeout); cause != nil {
			return inWords(cause)
		}
		if timeout.TimeoutType() == enums.TIMEOUT_TYPE_HEARTBEAT {
			return both("the worker fell silent", "ワーカーの応答が途絶えた")
		}
		return both("no answer in time", "時間内に応答がなかった")
	case errors.As(err, &app):
		return app.Message()
	case errors.As(err, &cancelled):
		return textAborted
	}
	return err.Error()
}
