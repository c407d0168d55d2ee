package report

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// told is what steps of a restore say in their outputs.
type told struct {
	Backup        string     `json:"backup"`
	FetchS        *float64   `json:"fetch_s"`
	RestoreS      *float64   `json:"restore_s"`
	ReplayS       *float64   `json:"replay_s"`
	VerifyS       *float64   `json:"verify_s"`
	RecoveryPoint *time.Time `json:"recovery_point"`
	BehindS       *float64   `json:"behind_s"`
	IsolatedGone  *bool      `json:"isolated_gone"`

	To json.RawMessage `json:"to"` // of pgbackup.restore; other actions may mean something else by it
}

// restoreTest judges a system of a restore test. Objectives of a failover are not put to
// the test by it. A restore that failed has missed: a backup that does not come back is no
// backup. What was marked by hand is not proven, nor is what an abort cut off.
func (f *facts) restoreTest(s *systemFacts) System {
	out := System{ID: s.plan.Name, Priority: s.plan.Priority, Title: s.plan.Title, Home: s.plan.Home,
		RTO: RTO{Verdict: run.NoObjective, SimulatedParts: []string{}}, RPO: RPO{Verdict: run.NoObjective},
		RLO: RLO{Stages: []Stage{}, Curve: []Point{}}, Failback: Failback{Verdict: run.NoObjective}}
	r := &Restore{Verdict: run.NotProven, PointVerdict: run.NotProven}
	out.Restore = r
	if o := s.plan.Objective.Restore; o != nil {
		if o.Within != nil {
			r.ObjectiveS = seconds(o.Within.Std())
		}
		if o.Point != nil {
			r.PointObjectiveS = seconds(o.Point.Std())
		}
	}

	steps := f.runbook(s.plan.Name, "restore")
	failed, verified := "", time.Time{}
	began, left := false, false // an isolated copy
	stores := copies{}
	var pointDoubt []Reason
	for _, st := range steps {
		if st.Outcome == run.Failed && failed == "" && !f.cutOff(st) {
			failed = st.ID
		}
		if st.StartedAt != nil && st.Effect == run.Isolated {
			began, left = true, left || !st.result.NotDone
		}
		var said told
		if st.Outcome != run.Passed || json.Unmarshal(st.result.Output, &said) != nil {
			stores.made(st, told{})
			continue
		}
		stores.made(st, said)
		if f.started.Rules < 2 {
			r.takeLast(said)
		} else {
			r.take(said)
			pointDoubt = append(pointDoubt, r.doubtPoint(st, said)...)
		}
		if said.RecoveryPoint != nil && st.EndedAt != nil {
			verified = *st.EndedAt
		}
		if said.IsolatedGone != nil {
			left = !*said.IsolatedGone
			stores.said(st.plan.Targets, *said.IsolatedGone)
		}
	}
	for _, st := range f.undone { // a failed restore is taken away by its undo
		var said told
		if st.System == s.plan.Name && st.Outcome == run.Passed && json.Unmarshal(st.result.Output, &said) == nil && said.IsolatedGone != nil {
			left = !*said.IsolatedGone
			for _, u := range st.plan.Undo {
				if u.Uses == st.Action {
					stores.said(u.Targets, *said.IsolatedGone)
				}
			}
		}
	}
	left = left || f.started.Rules >= 2 && stores.left()
	r.IsolatedGone, r.left = began && !left, began && left
	if !verified.IsZero() && !s.ordered.IsZero() {
		r.ActualS = seconds(verified.Sub(s.ordered))
	}
	stepped := f.started.Rules >= 2 && f.steppedIn(steps, r, verified)

	doubt := doubts(steps, !f.ended.IsZero())
	if f.ended.IsZero() {
		doubt = append(doubt, Reason{Code: "still_running"})
	}
	if f.aborted != nil {
		doubt = append([]Reason{{Code: "ended_cancelled"}}, doubt...)
	}
	judge := func(actual, limit *float64, unsure bool) run.Verdict {
		switch {
		case failed != "":
			return run.Missed
		case actual == nil || len(doubt) > 0:
			return run.NotProven
		case limit == nil:
			return run.NoObjective
		case *actual > *limit:
			return run.Missed
		case unsure:
			return run.NotProven
		}
		return run.Met
	}
	r.Verdict, r.PointVerdict = judge(r.ActualS, r.ObjectiveS, stepped), judge(r.BehindS, r.PointObjectiveS, len(pointDoubt) > 0)
	switch {
	case failed != "":
		r.Why = []Reason{{Code: "restore_failed", Detail: failed}}
	case len(doubt) > 0:
		r.Why = doubt
	case r.ActualS == nil || r.BehindS == nil:
		r.Why = []Reason{{Code: "not_verified"}}
	default:
		if stepped && r.Verdict == run.NotProven {
			r.Why = []Reason{{Code: clockStepped}}
		}
		if r.PointVerdict == run.NotProven {
			r.PointWhy = pointDoubt
		}
	}
	out.Verdict = run.Worst(r.Verdict, r.PointVerdict)
	return out
}

// takeLast has the last word of each figure count, as runs of before were judged.
func (r *Restore) takeLast(said told) {
	if said.Backup != "" {
		r.Backup = said.Backup
	}
	for _, figure := range []struct{ to, from **float64 }{{&r.Parts.FetchS, &said.FetchS}, {&r.Parts.RestoreS, &said.RestoreS},
		{&r.Parts.ReplayS, &said.ReplayS}, {&r.Parts.VerifyS, &said.VerifyS}, {&r.BehindS, &said.BehindS}} {
		if *figure.from != nil {
			v := round(**figure.from)
			*figure.to = &v
		}
	}
	if said.RecoveryPoint != nil {
		at := said.RecoveryPoint.UTC()
		r.RecoveryPoint = &at
	}
}

// take adds what a step says. Of several stores the recovery point that is furthest behind counts, and their times
// add up. What is behind and has no recovery point is something else, such as a replica.
func (r *Restore) take(said told) {
	if said.Backup != "" && !slices.Contains(strings.Split(r.Backup, ", "), said.Backup) {
		r.Backup = strings.TrimPrefix(r.Backup+", "+said.Backup, ", ")
	}
	for _, part := range []struct{ to, from **float64 }{{&r.Parts.FetchS, &said.FetchS}, {&r.Parts.RestoreS, &said.RestoreS},
		{&r.Parts.ReplayS, &said.ReplayS}, {&r.Parts.VerifyS, &said.VerifyS}} {
		if *part.from != nil {
			v := round(**part.from)
			if *part.to != nil {
				v = round(**part.to + v)
			}
			*part.to = &v
		}
	}
	if said.RecoveryPoint == nil {
		return
	}
	if said.BehindS == nil {
		if at := said.RecoveryPoint.UTC(); r.RecoveryPoint == nil {
			r.RecoveryPoint = &at
		}
		return
	}
	if v := round(*said.BehindS); r.BehindS == nil || v > *r.BehindS {
		at := said.RecoveryPoint.UTC()
		r.RecoveryPoint, r.BehindS = &at, &v
	}
}

// whyPoint is why its recovery point is not proven, or was missed. The engine's clock has no part in it.
func (r *Restore) whyPoint() []Reason {
	if len(r.PointWhy) > 0 {
		return r.PointWhy
	}
	return slices.DeleteFunc(slices.Clone(r.Why), func(w Reason) bool { return w.Code == clockStepped })
}

// aheadBy is how much newer than the moment at which it was read a row may be: two clocks tell of it.
const aheadBy = time.Minute

// doubtPoint is why what a step says of a recovery point proves nothing of how old the data is: a row that is newer
// than the moment at which it was read, as by a column of local time, hides how far it is behind; and from a point
// that was asked for and is older than the objective, nothing is seen of what came after it.
func (r *Restore) doubtPoint(st *stepFacts, said told) []Reason {
	if p := said.RecoveryPoint; p != nil && st.EndedAt != nil && p.Sub(*st.EndedAt) > aheadBy {
		return []Reason{{"point_ahead", p.UTC().Format(time.RFC3339)}}
	}
	if said.RestoreS == nil || st.StartedAt == nil {
		return nil
	}
	var asked time.Time
	if json.Unmarshal(said.To, &asked) != nil || asked.IsZero() {
		return nil
	}
	if asked = asked.UTC(); r.AskedPoint == nil || asked.Before(*r.AskedPoint) {
		r.AskedPoint = &asked
	}
	if r.PointObjectiveS != nil && st.StartedAt.Sub(asked).Seconds() > *r.PointObjectiveS {
		return []Reason{{"point_asked", asked.Format(time.RFC3339)}}
	}
	return nil
}

// clockStepped is the doubt about a time that the engine's clock measured while it was set back.
const clockStepped = "clock_stepped"

// steppedIn reports whether the engine's clock was set back so that the time of a restore, up to its last verification, can't
// be told by it. It took no less than its longest step by the clock of the worker, which is never set back.
func (f *facts) steppedIn(steps []*stepFacts, r *Restore, verified time.Time) bool {
	back, longest := f.steppedBy >= clockStep, 0.0
	for _, st := range steps {
		if st.Human || st.DurationS == nil || st.StartedAt == nil || st.EndedAt == nil || st.EndedAt.After(verified) {
			continue // what follows the verification, or goes on beside it, is no part of that time
		}
		longest = max(longest, *st.DurationS)
		back = back || *st.DurationS-st.EndedAt.Sub(*st.StartedAt).Seconds() >= clockStep.Seconds()
	}
	if r.ActualS == nil {
		return back
	}
	back = back || longest-*r.ActualS >= clockStep.Seconds()
	if back && longest > *r.ActualS {
		r.ActualS = &longest
	}
	return back
}

// copies are the targets in which a restore made an isolated copy, and whether that is left.
type copies map[string]bool

// made notes what a step restored, or may have left when it failed. One without a target is told by the last word alone.
func (c copies) made(st *stepFacts, said told) {
	switch {
	case st.StartedAt == nil || st.Effect != run.Isolated || st.result.NotDone || said.IsolatedGone != nil:
	case said.RestoreS != nil:
		for _, t := range st.plan.Targets {
			c[t] = true
		}
	default:
		for _, u := range st.plan.Undo {
			for _, t := range u.Targets {
				c[t] = true
			}
		}
	}
}

// said is what a step says of the copies in its targets: of all, when it names none.
func (c copies) said(targets []string, gone bool) {
	if len(targets) == 0 && gone {
		clear(c)
	}
	for _, t := range targets {
		c[t] = !gone
	}
}

func (c copies) left() bool {
	for _, left := range c {
		if left {
			return true
		}
	}
	return false
}

// cutOff reports whether a step ended because the run was aborted, which says nothing of
// what it works on.
func (f *facts) cutOff(s *stepFacts) bool {
	return f.aborted != nil && s.EndedAt != nil && !s.EndedAt.Before(f.aborted.At)
}
