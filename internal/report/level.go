package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/run"
)

// levels is a system's service over time. It is told with everything that people stated.
// Verdicts rest only on what probes saw and what the plan accepts: of the other functions
// best leaves open how much was there, and worst takes it that nothing was.
type levels struct {
	told, best, worst objective.Curve
	byWord            []Reason // why what rests on the other functions is not proven
	unstated          bool     // of one of them nobody said anything
}

// levels also returns the functions that no probe sees, with what people said of them
// (requirement O-07).
func (f *facts) levels(s *systemFacts, probed []objective.Function) (levels, []objective.Function) {
	var out levels
	var event time.Time
	if s.occurred != nil {
		event = s.occurred.At
	}
	told, best, worst := slices.Clone(probed), slices.Clone(probed), slices.Clone(probed)
	for _, st := range s.plan.Statements {
		fn := objective.Function{Weight: st.Weight, Stated: true}
		for _, w := range s.statements {
			if w.Function == st.Function {
				fn.Words = append(fn.Words, objective.Word{At: w.At, Level: w.Level})
			}
		}
		told = append(told, fn)
		switch {
		case len(fn.Words) == 0:
			out.byWord, out.unstated = append(out.byWord, Reason{"not_stated", st.Function}), true
		case !st.Accepted:
			out.byWord = append(out.byWord, Reason{"by_statement", st.Function})
			fn.Words = nil
		}
		best = append(best, fn)
		if len(fn.Words) == 0 {
			fn.Words = []objective.Word{{At: event, Level: 0}}
		}
		worst = append(worst, fn)
	}
	out.told = f.curve(s, told)
	out.best, out.worst = out.told, out.told
	if len(out.byWord) > 0 {
		out.best, out.worst = f.curve(s, best), f.curve(s, worst)
	}
	return out, told[len(probed):]
}

// curve is the level of a system's service over time.
func (f *facts) curve(s *systemFacts, functions []objective.Function) objective.Curve {
	var event time.Time
	if s.occurred != nil {
		event = s.occurred.At
	}
	var end time.Time // with no probe at all, as far as the record goes
	for _, o := range f.seen {
		if o.System == s.plan.Name {
			end = later(end, o.EndedAt)
		}
	}
	if end.IsZero() { // what is written after the run's end, as by a merge, has seen nothing of it
		if n := len(f.events); !f.ended.IsZero() {
			end = f.ended
		} else if n > 0 {
			end = f.events[n-1].At
		}
	}
	return objective.NewStatedCurve(functions, f.seen, event, end)
}

// judge holds a level against its objective: met if it is met at worst, missed if it is
// missed at best.
func (l levels) judge(e objective.Event, level int, hold time.Duration, until time.Time, within *run.Duration) (run.Verdict, objective.Why) {
	v, why := l.best.Recover(e, level, hold, until).Judge(within)
	if v != run.Met && v != run.NotProven || len(l.byWord) == 0 {
		return v, why
	}
	if w, _ := l.worst.Recover(e, level, hold, until).Judge(within); w == run.Met {
		return run.Met, ""
	}
	return run.NotProven, why
}

// because says why a verdict is not proven. Where all that is missing is somebody's word
// that counts, it is that.
func (l levels) because(v run.Verdict, why objective.Why, told objective.Recovery) []Reason {
	back := !told.RestoredAt.IsZero() || l.unstated && told.BelowUntil.Before(l.told.SeenUntil())
	if v == run.NotProven && len(l.byWord) > 0 && back && (why == "" || why == objective.NotRestored || why == objective.StartUnseen) {
		return slices.Clone(l.byWord)
	}
	return reason(why)
}
