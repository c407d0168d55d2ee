package report

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// failback judges the way home. It has its own clock: none of its time is part of RTO.
func (f *facts) failback(s *systemFacts, moved bool, functions []objective.Function, curve objective.Curve, level int) Failback {
	out := Failback{Policy: f.plan.Scenario.Failback, Verdict: run.NoObjective}
	if s.wayHome != "" {
		out.Policy = string(s.wayHome)
	}
	check := f.singleWriter(s, run.Verification, run.Failback, run.Closing)
	if out.Policy != run.PolicyStay && moved {
		// The check must be from after the way home, not from before it.
		check = f.singleWriter(s, run.Failback, run.Closing)
	}
	out.SingleWriter, out.Writer = check.single, check.writer
	if !moved {
		return out
	}
	home := f.runbook(s.plan.Name, "failback")
	for _, p := range f.phases {
		if p.ID == run.Failback && len(home) > 0 {
			out.StartedAt, out.EndedAt = moment(p.StartedAt), p.EndedAt
			if f.started.Rules >= 3 && !s.homeward.IsZero() {
				out.StartedAt, out.EndedAt = moment(s.homeward), f.homeAt(s, p.EndedAt)
			}
		}
	}
	if out.EndedAt != nil && f.steppedBy < clockStep { // else the engine's clock can't measure it
		out.ActualS = seconds(max(0, out.EndedAt.Sub(*out.StartedAt)))
		if longest, proven := objective.Interruption(functions, f.seen, f.byProbes(s, *out.StartedAt), f.byProbes(s, *out.EndedAt)); proven {
			out.OutageS = seconds(longest)
		}
	}
	out.Verdict, out.Why = f.judgeHome(s, home, out, check, curve, level)
	return out
}

// homeAt is when a system was home: its own check passed or failed. Without one it is the end of the phase, in which others
// may have come home after it.
func (f *facts) homeAt(s *systemFacts, phase *time.Time) *time.Time {
	for _, st := range slices.Backward(f.steps) {
		if st.Purpose == "check" && st.System == s.plan.Name && st.Phase == run.Failback && st.ended {
			return st.EndedAt
		}
	}
	return phase
}

// judgeHome says whether the system came home, or stays by decision, with exactly one
// side taking writes.
func (f *facts) judgeHome(s *systemFacts, home []*stepFacts, fb Failback, check writerCheck, curve objective.Curve, level int) (run.Verdict, []Reason) {
	switch {
	case check.refuted():
		return run.Missed, []Reason{check.why()}
	case f.ended.IsZero():
		return run.NotProven, []Reason{{Code: "still_running"}}
	case (fb.Policy != run.PolicyStay || f.started.Rules >= 3) && len(home) == 0 && f.putBack(s):
		return run.NotProven, []Reason{{Code: "undone"}} // what is to stay does not stay either
	case fb.Policy != run.PolicyStay && len(home) == 0:
		return run.Missed, []Reason{{Code: "never_came_home"}}
	}
	if fb.Policy != run.PolicyStay {
		for _, st := range home {
			if st.Outcome == run.Failed {
				return run.Missed, []Reason{{"step_failed", st.ID}}
			}
		}
	}
	at, why := f.siteOf(fb.Writer), doubts(home, true)
	switch {
	case at == "":
	case fb.Policy != run.PolicyStay && at != s.plan.Home:
		return run.Missed, []Reason{{"writer_away", at}}
	case fb.Policy == run.PolicyStay && at == s.plan.Home && at != s.plan.Alternate && f.started.Rules >= 3:
		why = append(why, Reason{"writer_home", at})
	}
	if curve.Down(level, f.lastLook(s.plan)) {
		return run.Missed, append([]Reason{{Code: "down_at_the_end"}}, why...)
	}
	if fb.SingleWriter == nil {
		why = append(why, Reason{Code: "single_writer_unproven"})
	}
	switch {
	case fb.Policy != run.PolicyStay && !f.seenHome(s, fb.EndedAt, curve, level):
		why = append(why, Reason{Code: "home_unseen"})
	case fb.Policy == run.PolicyStay && !seenAt(curve.End(), f.lastLook(s.plan), curve, level):
		why = append(why, Reason{Code: "end_unseen"})
	}
	if len(why) > 0 {
		return run.NotProven, why
	}
	return run.Met, nil
}

// putBack reports whether everything that the failover changed was undone. The undo of a step may
// have several parts, the first a mere look: it is undone with the last; in a run of before with any.
func (f *facts) putBack(s *systemFacts) bool {
	for _, st := range f.runbook(s.plan.Name, "failover") {
		if !st.tried() || len(st.plan.Undo) == 0 {
			continue
		}
		done, parts := 0, len(st.plan.Undo)
		if f.started.Rules == 0 {
			parts = 1
		}
		for _, u := range f.undone {
			if u.writer == st.writer && u.ID == st.ID && u.Outcome == run.Passed {
				done++
			}
		}
		if done < parts {
			return false
		}
	}
	return slices.ContainsFunc(f.undone, func(u *stepFacts) bool { return u.System == s.plan.Name && u.Purpose == "failover" })
}

// writerCheck is what the check that exactly one side takes writes came to. Its zero
// value is a check that was not run.
type writerCheck struct {
	single *bool // nil is not proven: it was not run, or could not tell
	writer string
	said   string // in the words of the check
}

func (c writerCheck) refuted() bool { return c.single != nil && !*c.single }

// why quotes the check: whether two sides write or none is for it to say.
func (c writerCheck) why() Reason { return Reason{Code: "not_one_writer", Detail: c.said} }

// singleWriter is the last word of the check from these phases.
func (f *facts) singleWriter(s *systemFacts, phases ...run.Phase) (last writerCheck) {
	for _, st := range f.steps {
		if st.Purpose != "check" || st.System != s.plan.Name || !st.ended || !slices.Contains(phases, st.Phase) {
			continue
		}
		var out struct {
			Single *bool  `json:"single"`
			Writer string `json:"writer"`
		}
		_ = json.Unmarshal(st.result.Output, &out) // without an output the outcome alone speaks
		yes, no := true, false
		last = writerCheck{writer: out.Writer, said: st.Reason}
		switch {
		case st.SettledBy == run.ByPerson:
		case out.Single != nil && !*out.Single, st.Outcome == run.Failed && st.SettledBy == run.ByResult:
			last.single = &no
		case st.Outcome == run.Passed:
			last.single = &yes
		}
	}
	return last
}

// siteOf is the site of a target; "" when the plan does not say.
func (f *facts) siteOf(target string) string {
	i := slices.IndexFunc(f.plan.Estate.Targets, func(t plan.Target) bool { return t.Name == target })
	if i < 0 {
		return ""
	}
	return f.plan.Estate.Targets[i].Site
}

// seenHome reports whether the last look before the end of the way home saw service. The
// probes may have been stopped right after it, before the next look was due.
func (f *facts) seenHome(s *systemFacts, ended *time.Time, curve objective.Curve, level int) bool {
	if ended == nil {
		return false
	}
	var every time.Duration
	for _, p := range s.plan.Probes {
		every = max(every, p.Interval.Std())
	}
	return seenAt(f.byProbes(s, *ended), every, curve, level)
}

// seenAt reports whether service was seen at an instant, or at the last look at all of it, if
// that was no more than so long before.
func seenAt(at time.Time, before time.Duration, curve objective.Curve, level int) bool {
	if last := curve.SeenUntil(); last.Before(at) && at.Sub(last) <= before {
		at = last
	}
	return curve.Held(at, at, level)
}

// lastLook is how long before the end of the observation a probe's last look may have ended: it
// is cut off in the middle of the next one. What was down less than a hold before the end has not
// held at the end either.
func (f *facts) lastLook(s plan.System) time.Duration {
	longest := f.plan.Scenario.Hold.Std()
	for _, p := range s.Probes {
		longest = max(longest, p.Interval.Std()+p.Timeout.Std())
	}
	return longest
}
