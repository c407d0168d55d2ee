package report_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// An isolated copy is said to be gone when it provably is: a restore that failed either left
// nothing, or was taken away by its undo. Else it is there.
func TestAFailedRestoreSaysWhatIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		outcome run.Outcome
		notDone bool
		undone  string // isolated_gone of the undo
		gone    bool
	}{
		"it left nothing":          {run.Failed, true, "", true},
		"it left something":        {run.Failed, false, "", false},
		"its undo took that away":  {run.Failed, false, "true", true},
		"its undo could not":       {run.Failed, false, "false", false},
		"nobody can tell":          {run.Unknown, false, "", false},
		"it passed, and no more":   {run.Passed, false, "", false},
		"it passed and was undone": {run.Passed, false, "true", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := aPlan()
			p.Scenario.Hazard, p.Systems[0].Restore = run.RestoreTest, "orders-restore"
			p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-restore", System: "orders",
				Steps: []plan.Step{{ID: "restore", Uses: "pgbackup.restore", Site: "osaka", Effect: run.Isolated, Undo: []plan.Undo{{Uses: "pgbackup.discard", Site: "osaka", Effect: run.Isolated}}}}})
			s := newStory(t, p)
			s.begin(0, run.Drill)
			s.order(1, "orders", "orders-restore")
			e := s.step("orders/restore", "orders-restore", "restore", 2, 10, c.outcome, run.ByObservation)
			var result run.StepResult
			if err := json.Unmarshal(e.Data, &result); err != nil {
				t.Fatal(err)
			}
			result.NotDone = c.notDone
			e.Data = run.Encode(result)
			if c.undone != "" {
				undo := run.Event{Kind: run.UndoStarted, System: "orders", Runbook: "orders-restore", Step: "restore", Action: "pgbackup.discard", Site: "osaka"}
				s.on(11, "orders/restore", undo, nil)
				undo.Kind, undo.Outcome = run.UndoEnded, run.Passed
				s.on(12, "orders/restore", undo, run.StepResult{Output: json.RawMessage(`{"isolated_gone": ` + c.undone + `}`)})
			}
			s.end(20, run.NotResumable)
			if r := build(t, s).Systems[0].Restore; r == nil || r.IsolatedGone != c.gone {
				t.Errorf("restore = %+v, want isolated_gone %v", r, c.gone)
			}
			left := func(r report.Report) bool {
				return slices.ContainsFunc(r.Findings, func(f report.Finding) bool {
					return f.Kind == run.FindingCleanUp && f.Places()[0].Key == "copy/orders"
				})
			}
			if left(build(t, s)) {
				t.Error("a run of before has a finding of the copy, so that what was sealed of it does not follow")
			}
			if got := left(build(t, s.byRules(run.ReportRules))); got == c.gone {
				t.Errorf("a finding of the copy: %t, though it is gone: %t", got, c.gone)
			}
		})
	}
}

// An abort on the way home, after another, cuts off no more than that: a step that failed between them did so because of
// the first. A run of before was read by its last.
func TestTheFirstAbortIsTheOneThatCutsOff(t *testing.T) {
	for rules, want := range map[int]run.Verdict{0: run.Missed, run.ReportRules: run.NotProven} {
		p := aPlan()
		p.Scenario.Hazard, p.Systems[0].Restore = run.RestoreTest, "orders-restore"
		p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-restore", System: "orders",
			Steps: []plan.Step{{ID: "restore", Uses: "pgbackup.restore", Site: "osaka", Effect: run.Isolated}}})
		s := newStory(t, p)
		s.begin(0, run.Drill)
		s.order(1, "orders", "orders-restore")
		s.run(5, run.Event{Kind: run.RunAbortRequested, By: "sato", Reason: "a test"}, nil)
		s.step("orders/restore", "orders-restore", "restore", 2, 10, run.Failed, run.ByObservation)
		s.run(15, run.Event{Kind: run.RunAbortRequested, By: "sato", Reason: "a test"}, nil)
		s.end(20, run.Cancelled)
		if got := build(t, s.byRules(rules)).Systems[0].Restore.Verdict; got != want {
			t.Errorf("by rules %d: %s, want %s", rules, got, want)
		}
	}
}

// restored is a restore test whose data is verified at a second; it may take 60 s.
func restored(t *testing.T, verified float64) *story {
	p := aPlan()
	p.Scenario.Hazard, p.Systems[0].Restore = run.RestoreTest, "orders-restore"
	p.Systems[0].Objective.Restore = &plan.RestoreObjective{Within: within(60)}
	p.Runbooks = append(p.Runbooks, plan.Runbook{Name: "orders-restore", System: "orders",
		Steps: []plan.Step{{ID: "restore", Uses: "pgbackup.restore", Site: "osaka", Effect: run.Isolated}}})
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.order(1, "orders", "orders-restore")
	e := s.step("orders/restore", "orders-restore", "restore", 2, verified, run.Passed, run.ByResult)
	var result run.StepResult
	if err := json.Unmarshal(e.Data, &result); err != nil {
		t.Fatal(err)
	}
	result.Output = json.RawMessage(`{"recovery_point": "2026-11-19T04:59:00Z", "behind_s": 3, "isolated_gone": true}`)
	e.Data = run.Encode(result)
	s.end(verified+5, run.Recovered)
	return s
}
