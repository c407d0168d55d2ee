package activities

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
)

// Registry is a set of actions and target kinds. Two may live in one process.
type Registry struct {
	actions map[string]Action
	kinds   map[string]TargetKind
}

// NewRegistry returns a registry without actions.
func NewRegistry() *Registry {
	return &Registry{actions: map[string]Action{}, kinds: map[string]TargetKind{}}
}

// Add adds actions. The same ID twice panics: it is a mistake in the code.
func (r *Registry) Add(actions ...Action) {
	for _, a := range actions {
		if _, ok := r.actions[a.ID]; ok {
			panic("action " + a.ID + " is declared twice")
		}
		r.actions[a.ID] = a
	}
}

// AddTargets adds target kinds.
func (r *Registry) AddTargets(kinds ...TargetKind) {
	for _, k := range kinds {
		if _, ok := r.kinds[k.Kind]; ok {
			panic("target kind " + k.Kind + " is declared twice")
		}
		r.kinds[k.Kind] = k
	}
}

// Action returns the action with that ID.
func (r *Registry) Action(id string) (Action, bool) { a, ok := r.actions[id]; return a, ok }

// TargetKind returns the target kind of that name.
func (r *Registry) TargetKind(kind string) (TargetKind, bool) { k, ok := r.kinds[kind]; return k, ok }

// Actions lists all actions by ID.
func (r *Registry) Actions() []Action {
	out := make([]Action, 0, len(r.actions))
	for _, a := range r.actions {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// TargetKinds lists all target kinds by name.
func (r *Registry) TargetKinds() []TargetKind {
	out := make([]TargetKind, 0, len(r.kinds))
	for _, k := range r.kinds {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}

// Family is the part of an action's ID before the dot.
func Family(id string) string { f, _, _ := strings.Cut(id, "."); return f }

// Finding says that the system fell short of what the step expects. It is not
// repeated by the engine.
func Finding(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), plan.ErrFinding, nil)
}

// Refused says that a guard refused and that nothing was begun.
func Refused(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), plan.ErrRefused, nil)
}

// FindingBoth and RefusedBoth are Finding and Refused in both languages.
func FindingBoth(en, ja string, args ...any) error {
	return Finding("%s", Lacking(en, ja, args...).Both())
}

func RefusedBoth(en, ja string, args ...any) error {
	return Refused("%s", Lacking(en, ja, args...).Both())
}

// TwoWrite is FindingBoth of more than one side that takes writes.
func TwoWrite(en, ja string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(Lacking(en, ja, args...).Both(), plan.ErrFinding, nil, plan.TwoWrite)
}

// UnclearWriter is that nobody can tell whether exactly one side takes writes, with what kept each from telling.
func UnclearWriter(why []error) error {
	var all []plan.Text
	for _, err := range why {
		all = append(all, said(err))
	}
	return plan.Wrong("cannot tell whether exactly one server takes writes: %s", "書き込みを受け付けるサーバーが1台だけかどうか判断できない：%s", plan.Joined(all...))
}

// said is an error's text in both languages, as far as it speaks both.
func said(err error) plan.Text {
	if _, both := err.(interface{ Said() plan.Text }); !both && errors.As(err, new(*temporal.ApplicationError)) {
		return plan.Apart(message(err))
	}
	return plan.SaidBy(err)
}

// message is an error's text without the type that the SDK puts behind it.
func message(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// NotCleared is an attempt that failed, and whose traces could not be taken away either.
// Whatever the two errors say of themselves, it is no refusal and no finding: something is
// left, and a look has to tell what.
func NotCleared(err, clearing error) error {
	return errors.New(Lacking("%v; and what was written could not be removed: %v", "%v。書き込んだものも削除できなかった：%v", err, clearing).Both())
}

// saying is an error that says in both languages what was being done.
type saying struct {
	text  plan.Text
	cause error
}

func (e saying) Error() string   { return e.text.EN }
func (e saying) Unwrap() error   { return e.cause }
func (e saying) Said() plan.Text { return e.text }

// Saying is err with what was being done, in both languages. The texts name err too, by %v.
func Saying(err error, en, ja string, args ...any) error {
	return saying{text: Lacking(en, ja, args...), cause: err}
}
