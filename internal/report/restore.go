package report

import (
	"encoding/json"
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
	for _, st := range steps {
		if st.Outcome == run.Failed && failed == "" && !f.cutOff(st) {
			failed = st.ID
		}
		if st.StartedAt != nil && st.Effect == run.Isolated {
			began, left = true, left || !st.result.NotDone
		}
		var said told
		if st.Outcome != run.Passed || json.Unmarshal(st.result.Output, &said) != nil {
			continue
		}
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
		if said.RecoveryPoint != nil && st.EndedAt != nil {
			at := said.RecoveryPoint.UTC()
			r.RecoveryPoint, verified = &at, *st.EndedAt
		}
		if said.IsolatedGone != nil {
			left = !*said.IsolatedGone
		}
	}
	for _, st := range f.undone { // a failed restore is taken away by its undo
		var said told
		if st.System == s.plan.Name && st.Outcome == run.Passed && json.Unmarshal(st.result.Output, &said) == nil && said.IsolatedGone != nil {
			left = !*said.IsolatedGone
		}
	}
	r.IsolatedGone, r.left = began && !left, began && left
	if !verified.IsZero() && !s.ordered.IsZero() {
		r.ActualS = seconds(verified.Sub(s.ordered))
	}

	doubt := doubts(steps, !f.ended.IsZero())
	if f.ended.IsZero() {
		doubt = append(doubt, Reason{Code: "still_running"})
	}
	if f.aborted != nil {
		doubt = append([]Reason{{Code: "ended_cancelled"}}, doubt...)
	}
	judge := func(actual, limit *float64) run.Verdict {
		switch {
		case failed != "":
			return run.Missed
		case actual == nil || len(doubt) > 0:
			return run.NotProven
		case limit == nil:
			return run.NoObjective
		case *actual > *limit:
			return run.Missed
		}
		return run.Met
	}
	r.Verdict, r.PointVerdict = judge(r.ActualS, r.ObjectiveS), judge(r.BehindS, r.PointObjectiveS)
	switch {
	case failed != "":
		r.Why = []Reason{{Code: "restore_failed", Detail: failed}}
	case len(doubt) > 0:
		r.Why = doubt
	case r.ActualS == nil || r.BehindS == nil:
		r.Why = []Reason{{Code: "not_verified"}}
	}
	out.Verdict = run.Worst(r.Verdict, r.PointVerdict)
	return out
}

// cutOff reports whether a step ended because the run was aborted, which says nothing of
// what it works on.
func (f *facts) cutOff(s *stepFacts) bool {
	return f.aborted != nil && s.EndedAt != nil && !s.EndedAt.Before(f.aborted.At)
}
