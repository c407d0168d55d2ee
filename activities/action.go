// Package activities says what an action is. One Go struct a kind gives its
// parameters, their check, the JSON Schema, `muster actions` and docs/actions.md.
// Everything that touches the world lives in the families below this folder, one
// folder a family; activities/all is the one list of what is compiled in.
package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Doc describes an action to people and to the engine.
type Doc struct {
	Summary   string     // one English sentence, with its full stop
	SummaryJA string     // the same in Japanese
	Effect    run.Effect // what it may do to the world
	// Declares names the parameter by which the author of a step says what effect it has,
	// where the action can't know: Effect then is what counts when they say nothing.
	Declares string
	// Repeatable lets the engine repeat an attempt by itself after an error that is
	// no finding. Only for actions with effect observe.
	Repeatable bool
	// Undo names the action that usually puts back what this one changed; "" when
	// there is none. It is advice for authors: a plan's step says its own undo.
	Undo string
	// After names the action that must have been done to another target before this
	// one is: whoever promotes a server has fenced the other first. A runbook whose step
	// does not wait for such a step is a mistake; nothing but a runbook may use it.
	After string
	// Settle is how long a look must see "not yet" after an attempt whose answer was
	// lost, before that proves that nothing happened. 0 means 5 seconds.
	Settle time.Duration
	// Human marks a step that a person does; the engine asks and waits, no worker
	// runs anything.
	Human bool
	// Probe marks a long-running observation (family probe); it is used in a
	// system's functions, not in steps.
	Probe bool
	// Load marks a probe that puts load on what it watches, with parameters rate,
	// duration and baseline; the estate has to allow that with a load_limit.
	Load bool
}

// Action is a step type, made by Define.
type Action struct {
	ID     string // family.verb
	Doc    Doc
	Fields []Field // parameters, in the struct's order
	Output []Field // what ${{ steps.ID.field }} can read

	reaches bool
	paths   func(json.RawMessage, []Field) []string

	decode func(decoder) (any, error) // gives the P that the three below take
	act    func(context.Context, any) (any, error)
	look   func(context.Context, any) (Seen, error)
	ready  func(context.Context, any) ([]plan.Text, error)
	watch  func(context.Context, plan.Watch, any) (run.Observations, error)
}

// CanLook reports whether the action can say if its goal holds.
func (a Action) CanLook() bool { return a.look != nil }

// Reaches reports whether the action declares what it reaches, see Reacher.
func (a Action) Reaches() bool { return a.reaches }

// EffectOf is the effect of a step with these parameters: the action's, or where its
// authors declare it, what they wrote. What is no effect, or an expression, counts as the
// action's own.
func (a Action) EffectOf(with json.RawMessage) run.Effect {
	if a.Doc.Declares == "" {
		return a.Doc.Effect
	}
	var given map[string]any
	if json.Unmarshal(with, &given) == nil {
		for _, e := range []run.Effect{run.Observe, run.Isolated, run.Disrupt, run.Destroy} {
			if given[a.Doc.Declares] == string(e) {
				return e
			}
		}
	}
	return a.Doc.Effect
}

// decoder fills a parameter struct from the call at hand: defaults, expressions,
// targets and secrets resolved.
type decoder func(into any) error

// Seen is what an action's look reports. Output is what the action itself would have
// returned, when the goal holds; Detail is one line for people. The zero Seen says that
// these parameters give nothing to look at: the action is then tried without a look,
// and of an attempt whose answer was lost nothing can be told; a Detail says why.
type Seen struct {
	Sight plan.Sight
	// Partial goes with HoldsNot: some of it is done, or may be. Without it HoldsNot means
	// that nothing is, and that nothing needs to be undone.
	Partial bool
	// Never is of an attempt that was not begun, and whose ledger no longer lets it begin: what holds is somebody else's doing.
	Never  bool
	Detail string
	Output any
}

// Option adds a capability to an action.
type Option[P any] func(*Action)

// Look gives an action its look-before-act check: a read-only function that says
// whether the action's goal already holds. It runs before every attempt and settles
// attempts whose answer was lost, so it must not answer HoldsNot while the effect may
// still be under way in the target. An error means the target could not be asked.
func Look[P any](f func(context.Context, P) (Seen, error)) Option[P] {
	return func(a *Action) {
		a.look = func(ctx context.Context, p any) (Seen, error) { return f(ctx, p.(P)) }
	}
}

// Ready gives an action its readiness check: a function that changes nothing and says
// what would keep the action from working if it were needed now: rights, room, lag,
// programs, age. It is asked while all is well, so it must not complain that the goal does
// not hold. An error means that it can't be told, which is a problem too. An action
// without one is looked at with its Look instead.
func Ready[P any](f func(context.Context, P) ([]plan.Text, error)) Option[P] {
	return func(a *Action) {
		a.ready = func(ctx context.Context, p any) ([]plan.Text, error) { return f(ctx, p.(P)) }
	}
}

var actionID = regexp.MustCompile(`^[a-z][a-z0-9]*\.[a-z][a-z0-9_]*$`)

// Define makes an action from its parameter struct P, its result struct R and the
// function that acts. Tags of P's fields: json (name), help (English, required),
// default (makes it optional; "" is a valid default; lists and maps as JSON), enum
// ("a,b,c"), kind (for Target fields: the target kind), example (as it stands in YAML,
// for the docs). R's fields carry json and help.
//
// The function must gate on what it observes in the target afterwards, never on a
// call's answer or a sleep, and must obey ctx. It returns Finding(...) when the system
// fell short, Refused(...) when a guard refused before anything was done, and a plain
// error when it could not reach or tell.
//
// Define panics on a malformed declaration, so that the first test run finds it.
func Define[P, R any](id string, doc Doc, act func(context.Context, P) (R, error), opts ...Option[P]) Action {
	if !actionID.MatchString(id) {
		panic(fmt.Sprintf("action ID %q is not family.verb", id))
	}
	if doc.Summary == "" || doc.SummaryJA == "" {
		panic(fmt.Sprintf("action %s needs a summary in both languages", id))
	}
	if doc.Effect == "" {
		panic(fmt.Sprintf("action %s declares no effect", id))
	}
	if doc.Repeatable && doc.Effect != run.Observe {
		panic(fmt.Sprintf("action %s may not be repeated by the engine: its effect is %s", id, doc.Effect))
	}
	a := Action{ID: id, Doc: doc, Fields: fieldsOf[P](id, true), Output: fieldsOf[R](id, false), reaches: reaches(reflect.TypeFor[P]()), paths: namedPaths[P]}
	a.decode = func(fill decoder) (any, error) {
		var p P
		err := fill(&p)
		return p, err
	}
	if act != nil {
		a.act = func(ctx context.Context, p any) (any, error) { return act(ctx, p.(P)) }
	}
	for _, o := range opts {
		o(&a)
	}
	if doc.Effect.Once() && a.look == nil && !doc.Human {
		// An effect without a look can never be settled by observation: a lost
		// answer then always asks a person. Allowed (exec.run), never by accident.
		a.Doc.Settle = -1
	}
	return a
}

// DefineProbe makes a probe kind: sample is called every interval with a context that
// ends with the sample's timeout, by the loop in activities/probe.
func DefineProbe[P any](id string, doc Doc, watch func(context.Context, plan.Watch, P) (run.Observations, error), opts ...Option[P]) Action {
	if !strings.HasPrefix(id, plan.ProbePrefix) {
		panic("probe " + id + " needs an ID that begins with " + plan.ProbePrefix + ": the gateway goes by it")
	}
	doc.Effect, doc.Probe = run.Observe, true
	a := Define[P, struct{}](id, doc, nil, opts...)
	a.watch = func(ctx context.Context, w plan.Watch, p any) (run.Observations, error) { return watch(ctx, w, p.(P)) }
	return a
}

type callKey struct{}

// CallFrom returns the call an action is answering: whose run, which step and
// generation, whether it is a drill.
func CallFrom(ctx context.Context) plan.Call {
	c, _ := ctx.Value(callKey{}).(plan.Call)
	return c
}

// WithCall is for tests that run an action's function directly.
func WithCall(ctx context.Context, c plan.Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// encode turns an action's result into its output.
func encode(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}
