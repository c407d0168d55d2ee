package report_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

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

// restoreStep is a step of a restore that passed, with what it said.
type restoreStep struct {
	uses, store, output string
	from, to            float64
}

// restoring is a restore test of these steps, which may take 60 s and lose 30 s.
func restoring(t *testing.T, steps ...restoreStep) *story {
	p := aPlan()
	p.Scenario.Hazard, p.Systems[0].Restore = run.RestoreTest, "orders-restore"
	p.Systems[0].Objective.Restore = &plan.RestoreObjective{Within: within(60), Point: within(30)}
	book := plan.Runbook{Name: "orders-restore", System: "orders"}
	for _, st := range steps {
		one := plan.Step{ID: st.uses + "-" + st.store, Uses: st.uses, Site: "osaka", Effect: run.Isolated}
		if st.store != "" {
			one.Targets = []string{st.store}
		}
		if strings.HasSuffix(st.uses, ".restore") {
			one.Undo = []plan.Undo{{Uses: "pgbackup.discard", Site: "osaka", Effect: run.Isolated, Targets: one.Targets}}
		}
		book.Steps = append(book.Steps, one)
	}
	p.Runbooks = append(p.Runbooks, book)
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.order(1, "orders", "orders-restore")
	end := 0.0
	for _, st := range steps {
		e := s.step("orders/restore", "orders-restore", st.uses+"-"+st.store, st.from, st.to, run.Passed, run.ByResult)
		if st.output != "" {
			var result run.StepResult
			if err := json.Unmarshal(e.Data, &result); err != nil {
				t.Fatal(err)
			}
			result.Output = json.RawMessage(st.output)
			e.Data = run.Encode(result)
		}
		end = max(end, st.to)
	}
	s.end(end+5, run.Recovered)
	return s
}

// A restore is judged by the store that is furthest behind, and by nothing that hides how far that is. A run of before is
// judged as it was.
func TestTheOldestOfWhatCameBackCounts(t *testing.T) {
	pg := restoreStep{"pgbackup.restore", "a", `{"backup": "base-1", "to": "", "fetch_s": 1, "restore_s": 4}`, 2, 8}
	verify := func(output string) restoreStep { return restoreStep{"pgbackup.verify", "a", output, 8, 10} }
	young, etcd := verify(`{"recovery_point": "2026-11-19T04:59:55Z", "behind_s": 5, "verify_s": 2}`),
		restoreStep{"etcd.restore", "b", `{"backup": "snap-1", "recovery_point": "2026-11-19T04:59:48Z", "behind_s": 12, "fetch_s": 1, "restore_s": 2}`, 10, 14}
	for name, c := range map[string]struct {
		steps         []restoreStep
		before, point run.Verdict // of the recovery point, by the rules of before and now
		why           string
		behind        float64
	}{
		"one store":                     {[]restoreStep{pg, young}, run.Met, run.Met, "", 5},
		"the older one first":           {[]restoreStep{pg, verify(`{"recovery_point": "2026-11-19T00:00:00Z", "behind_s": 18000}`), etcd}, run.Met, run.Missed, "", 18000},
		"the lag of a replica at last":  {[]restoreStep{pg, verify(`{"recovery_point": "2026-11-19T00:00:00Z", "behind_s": 18000}`), {"mysql.status", "c", `{"behind_s": 0}`, 10, 11}}, run.Met, run.Missed, "", 18000},
		"a row of the future":           {[]restoreStep{pg, verify(`{"recovery_point": "2026-11-19T14:00:00Z", "behind_s": 0}`)}, run.Met, run.NotProven, "point_ahead", 0},
		"one of several":                {[]restoreStep{pg, verify(`{"recovery_point": "2026-11-19T14:00:00Z", "behind_s": 0}`), etcd}, run.Met, run.NotProven, "point_ahead", 12},
		"written while it was restored": {[]restoreStep{pg, verify(`{"recovery_point": "2026-11-19T05:00:07Z", "behind_s": 0}`)}, run.Met, run.Met, "", 0},
		"a point of long ago":           {[]restoreStep{{"pgbackup.restore", "a", `{"to": "2026-08-19T13:00:00+09:00", "restore_s": 4}`, 2, 8}, verify(`{"recovery_point": "2026-08-19T03:59:57Z", "behind_s": 3}`)}, run.Met, run.NotProven, "point_asked", 3},
		"a point of just now":           {[]restoreStep{{"pgbackup.restore", "a", `{"to": "2026-11-19T13:59:50+09:00", "restore_s": 4}`, 2, 8}, verify(`{"recovery_point": "2026-11-19T04:59:47Z", "behind_s": 3}`)}, run.Met, run.Met, "", 3},
		"too far behind a point":        {[]restoreStep{{"pgbackup.restore", "a", `{"to": "2026-08-19T13:00:00+09:00", "restore_s": 4}`, 2, 8}, verify(`{"recovery_point": "2026-08-19T03:00:00Z", "behind_s": 3600}`)}, run.Missed, run.Missed, "", 3600},
	} {
		s := restoring(t, c.steps...)
		if got := build(t, s.byRules(1)).Systems[0].Restore; got.PointVerdict != c.before || got.Verdict != run.Met || len(got.PointWhy) > 0 || got.AskedPoint != nil {
			t.Errorf("%s, as before: %+v, want the point %s", name, got, c.before)
		}
		r := build(t, s.byRules(run.ReportRules))
		got := r.Systems[0].Restore
		if got.PointVerdict != c.point || got.Verdict != run.Met || len(got.Why) > 0 || *got.BehindS != c.behind || c.why == "" && len(got.PointWhy) > 0 || c.why != "" && !why(got.PointWhy, c.why) {
			t.Errorf("%s: %+v, want the point %s for %q, %v s behind", name, got, c.point, c.why, c.behind)
		}
		if c.point != run.Met && (len(r.Findings) == 0 || r.Findings[0].Kind != run.FindingObjective || (r.Findings[0].Detail == "") != (c.why == "")) {
			t.Errorf("%s: findings %+v", name, r.Findings)
		}
		if c.why == "" {
			continue
		}
		for lang, want := range map[string]string{"en": "so how old the data is|so nothing shows that newer data", "ja": "データの古さを確定できない|より新しいデータを復元できることは確認されていない"} {
			a, b, _ := strings.Cut(want, "|")
			if said := render(t, r, report.Markdown, lang); !strings.Contains(said, a) && !strings.Contains(said, b) {
				t.Errorf("%s: the report in %s does not say why:\n%s", name, lang, said)
			}
		}
	}
	r := build(t, restoring(t, pg, young, etcd).byRules(run.ReportRules)).Systems[0].Restore
	if r.Backup != "base-1, snap-1" || *r.Parts.FetchS != 2 || *r.Parts.RestoreS != 6 || *r.Parts.VerifyS != 2 || r.RecoveryPoint.Second() != 48 {
		t.Errorf("two stores: %+v, %+v", r, r.Parts)
	}
	asked := restoring(t, restoreStep{"pgbackup.restore", "a", `{"to": "2026-11-19T04:59:50Z", "restore_s": 4}`, 2, 8}, verify(`{"recovery_point": "2026-11-19T04:59:47Z", "behind_s": 3}`)).byRules(run.ReportRules)
	for lang, want := range map[string]string{"en": "its newest row is 3 s behind the point asked for (2026-11-19 13:59:50).", "ja": "最新行は指定された時点（2026-11-19 13:59:50）の3秒前。"} {
		if said := render(t, build(t, asked), report.Markdown, lang); !strings.Contains(said, want) {
			t.Errorf("%s: no %q in\n%s", lang, want, said)
		}
	}
}

// Each store's copy has to be told to be gone.
func TestEachCopyIsToldToBeGone(t *testing.T) {
	restore := func(store string, from float64) restoreStep {
		return restoreStep{"pgbackup.restore", store, `{"restore_s": 2}`, from, from + 2}
	}
	discard := func(store string) restoreStep {
		return restoreStep{"pgbackup.discard", store, `{"isolated_gone": true}`, 10, 12}
	}
	for name, c := range map[string]struct {
		steps        []restoreStep
		before, gone bool
	}{
		"one":                            {[]restoreStep{restore("a", 2), discard("a")}, true, true},
		"both":                           {[]restoreStep{restore("a", 2), restore("b", 4), discard("a"), discard("b")}, true, true},
		"only the last":                  {[]restoreStep{restore("a", 2), restore("b", 4), discard("b")}, true, false},
		"none":                           {[]restoreStep{restore("a", 2), restore("b", 4)}, false, false},
		"by a program for all":           {[]restoreStep{restore("a", 2), restore("b", 4), discard("")}, true, true},
		"with a backup that was taken":   {[]restoreStep{{"pgbackup.take", "db", `{"backup": "base-2"}`, 1, 2}, restore("a", 2), discard("a")}, true, true},
		"with a step that was simulated": {[]restoreStep{{"sim.step", "", "", 1, 2}, restore("a", 2), discard("a")}, true, true},
	} {
		s := restoring(t, c.steps...)
		for rules, want := range map[int]bool{1: c.before, run.ReportRules: c.gone} {
			if got := build(t, s.byRules(rules)).Systems[0].Restore; got.IsolatedGone != want {
				t.Errorf("%s, by rules %d: gone %t, want %t", name, rules, got.IsolatedGone, want)
			}
		}
	}
}

// The engine's clock measures no restore during which it was set back; what a step took by its worker's clock it took.
func TestARestoreIsNotTimedByAClockThatWasSetBack(t *testing.T) {
	story := func(verified float64) *story { // what follows takes longer than all of it, and is no part of its time
		return restoring(t, restoreStep{"pgbackup.restore", "a", `{"restore_s": 4}`, 2, 8},
			restoreStep{"pgbackup.verify", "a", `{"recovery_point": "2026-11-19T04:59:55Z", "behind_s": 5}`, 10, verified},
			restoreStep{"exec.run", "a", `{}`, verified + 1, 2*verified + 10})
	}
	for name, c := range map[string]struct {
		verified, from, back float64 // what is written after a moment is so much back
		before, verdict      run.Verdict
		why                  string
	}{
		"not set":                      {50, 9, 0, run.Met, run.Met, ""},
		"during a step":                {50, 20, 10, run.Met, run.NotProven, "clock_stepped"},
		"between steps":                {50, 9, 7, run.Met, run.NotProven, "clock_stepped"},
		"to before the order":          {50, 9, 60, run.Met, run.NotProven, "clock_stepped"},
		"during a step that is longer": {130, 20, 100, run.Met, run.Missed, ""},
		"and it took too long anyhow":  {130, 20, 10, run.Missed, run.Missed, ""},
	} {
		by := func(rules int) *report.Restore {
			s := story(c.verified).byRules(rules)
			events := slices.Clone(s.journal())
			for i := range events {
				if events[i].At.After(at(c.from)) {
					events[i].At = events[i].At.Add(-time.Duration(c.back * float64(time.Second)))
				}
			}
			r, err := report.Build(s.plan, events)
			if err != nil {
				t.Fatal(err)
			}
			return r.Systems[0].Restore
		}
		if got := by(1).Verdict; got != c.before {
			t.Errorf("%s, as before: %s, want %s", name, got, c.before)
		}
		got := by(run.ReportRules)
		if got.Verdict != c.verdict || got.PointVerdict != run.Met || c.why == "" && len(got.Why) > 0 || c.why != "" && !why(got.Why, c.why) {
			t.Errorf("%s: %+v, want %s for %q", name, got, c.verdict, c.why)
		}
		if got.ActualS == nil || *got.ActualS < 0 || got.Verdict == run.Missed && *got.ActualS <= 60 {
			t.Errorf("%s: it took %v", name, got.ActualS)
		}
	}
}
