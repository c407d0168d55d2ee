package runbook

import (
	"slices"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// sequence checks that each step comes after what its action asks for.
func (r *reading) sequence(steps []Step) {
	for i, step := range r.out.Steps {
		if a, ok := r.catalog.Action(step.Uses); ok && a.Doc.After != "" {
			r.follows(steps[i], step, a)
		}
	}
}

// follows wants a step with the action that a must come after: one on another target,
// that this step waits for, and that is not skipped when this one is not. Each of them is marked, so that nobody
// skips it at run time either.
func (r *reading) follows(s Step, step plan.Step, a activities.Action) {
	var loose, skipped, gone string // steps that nearly do
	rests := false
	for i, first := range r.out.Steps {
		switch {
		case first.Uses != a.Doc.After || !elsewhere(first, step):
		case !r.waits(step.ID, first.ID):
			loose = first.ID
		case first.If != "" && first.If != step.If:
			skipped = first.ID
		case first.WhenAbsent == plan.AbsentSkip:
			gone = first.ID
		default:
			r.out.Steps[i].Prerequisite, rests = true, true
		}
	}
	if rests {
		return
	}
	at, where := s.Uses.Place, "step "+step.ID
	switch {
	case gone != "":
		r.Log.Add(at, "%s: %s must come after %s, and step %s is left out when its site is away, which is when the other side can't be asked; write when_absent: ask there, so that a person vouches for it", "%s: %s は %s の後に実行する必要がありますが、ステップ %s は拠点が不在だと省略されます。それはまさに相手側に確認できないときです。そのステップに when_absent: ask と書き、人が保証するようにしてください", where, a.ID, a.Doc.After, gone)
	case skipped != "":
		r.Log.Add(at, "%s: %s must come after %s, and step %s is skipped when its if is false; remove that if, or give this step the same one", "%s: %s は %s の後に実行する必要がありますが、ステップ %s は if が偽だと省略されます。その if を削除するか、このステップにも同じ if を付けてください", where, a.ID, a.Doc.After, skipped)
	case loose != "":
		r.Log.Add(at, "%s: %s must come after %s, and this step does not wait for step %s; add %s to needs", "%s: %s は %s の後に実行する必要がありますが、このステップはステップ %s の完了を待っていません。needs に %s を追加してください", where, a.ID, a.Doc.After, loose, loose)
	default:
		r.Log.Add(at, "%s: %s must come after %s of another target, and no step does that; add one, and name it in needs", "%s: %s は、別の操作対象に対する %s の後に実行する必要がありますが、そのステップがありません。追加し、needs に指定してください", where, a.ID, a.Doc.After)
	}
}

// elsewhere reports whether a step acts on a target that the other leaves alone. Of a
// step whose target is itself a mistake nothing more is said.
func elsewhere(first, step plan.Step) bool {
	return len(first.Targets) == 0 || slices.ContainsFunc(first.Targets, func(t string) bool { return !slices.Contains(step.Targets, t) })
}
