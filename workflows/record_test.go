package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// What everybody is told as they are called says that it is the call; what a stand-in is
// told is for them alone and says nothing of anybody's health.
func TestTheCallIsMarkedAndStandInsAreToldPrivately(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.PersonCalled, "", func() {
		w.update(runID, workflows.UpdateCheckIn, workflows.CheckIn{Person: "sato", By: "sato", Safety: run.Injured}, nil)
	})
	w.run(called(t, func(p *plan.Plan) {
		p.Estate.People[1].Deputies = []string{"suzuki"}
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "mori", Roles: []string{"operator"}, Deputies: []string{"suzuki"}})
		p.Scenario.Absent = &plan.Absence{People: []string{"mori"}}
	}))
	var calls []string
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		if e.Decode(&m) == nil && m.Call {
			calls = append(calls, m.Text)
		}
	}
	if len(calls) != 1 || !strings.Contains(calls[0], "the response is activated") {
		t.Errorf("marked as the call: %q", calls)
	}
	for name, n := range map[string]int{"You stand in for sato": 1, "You stand in for mori": 1} {
		got := w.told(name)
		if len(got) != n || !got[0].Private || !slices.Equal(got[0].To, []string{"suzuki"}) || strings.Contains(got[0].Text, "able") || strings.Contains(got[0].Text, "対応できない") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A private note that comes by the engine is in no event.
func TestANoteStaysOutOfTheRecord(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.PersonCalled, "", func() {
		w.update(runID, workflows.UpdateCheckIn, workflows.CheckIn{Person: "sato", By: "sato", Safety: run.Safe, CanCome: true, Note: "my mother is in hospital"}, nil)
	})
	w.run(called(t, nil))
	if len(w.find(run.PersonAnswered)) == 0 {
		t.Fatal("nobody answered")
	}
	for _, e := range w.events {
		if b, _ := json.Marshal(e); strings.Contains(string(b), "hospital") {
			t.Errorf("in the record: %s", b)
		}
	}
}

// Who operated a step is asked for a record, whatever their role; who has no part in leading does
// not end everybody's time for records.
func TestRecordsAreAskedOfOperatorsAndClosedByWhoLeads(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "mori", Roles: []string{"dba"}})
		for i, b := range p.Runbooks {
			if b.Name == "orders-failover" {
				p.Runbooks[i].Steps = append(p.Runbooks[i].Steps, plan.Step{ID: "announce", Uses: "human.task", Effect: run.Observe, Timeout: d(time.Minute), Queue: d(time.Minute), Needs: []string{"promote"},
					Human: &plan.Human{Role: "dba", Text: plan.Text{EN: "Tell them", JA: "連絡する"}}})
			}
		}
	})
	people(w)
	w.atEvent(run.DecisionAsked, "", func() {
		w.refused(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Closing, By: "sato", Note: "done"}, "too early", "recovery decision", "muster remark", "復旧方針の決定")
		w.refused(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Completion, By: "sato"}, "too early", "after verification", "復旧確認の後")
	})
	w.atEvent(run.StepWaiting, "announce", func() {
		w.update(theRunbook, workflows.UpdateStep, workflows.Step{Step: "announce", By: "mori", Act: run.ActDone}, nil)
	})
	w.atEvent(run.RecordsAsked, "", func() {
		w.refused(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Closing, By: "mori", Note: "done"}, "for who leads", "muster remark", "指揮者")
	})
	w.run(in)
	var asked run.Asked
	if e := w.find(run.RecordsAsked); len(e) != 1 || e[0].Decode(&asked) != nil || !slices.Contains(asked.People, "mori") {
		t.Errorf("asked: %+v", asked)
	}
}

// A decision by word of mouth counts from when it was taken, and is not older than its question.
func TestALateDecisionCountsFromWhenItWasTaken(t *testing.T) {
	w := newWorld(t)
	in := real(t, w, nil)
	w.onEvent = nil
	w.atEvent(run.DecisionAsked, "", func() {
		asked := w.env.Now()
		w.env.RegisterDelayedCallback(func() {
			at := func(d time.Duration) string { return asked.Add(d).Format(time.RFC3339) }
			w.refused(workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "x", At: at(-10 * time.Second)}, "is before orders was put to anybody", "より前")
			w.update(theRun, workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo is gone", At: at(time.Minute)}, nil)
		}, 4*time.Minute)
	})
	w.on(run.ApprovalAsked, run.RecoveryDecision, func(run.Event) { w.approve("yamada", nil) })
	w.run(in)
	var made run.Decision
	if e := w.find(run.DecisionMade); len(e) == 0 || e[0].Decode(&made) != nil || made.WaitedS < 58 || made.WaitedS > 61 {
		t.Errorf("waited %v s, want the minute until it was taken", made.WaitedS)
	}
}

// A party has no channel: telling it is a task until somebody enters that they did.
func TestPartiesAreToldByHand(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		withParties(p)
		p.Scenario.Reports = &plan.Reports{Every: d(time.Hour), To: []string{"commander", "carrier", "maintainer"}}
	})
	toTell := func() (out []string) {
		for _, x := range w.overview(in.Plan).Waiting {
			if x.For == progress.AwaitTell && strings.Contains(x.Text, "状況報告") {
				out = append(out, x.Party)
			}
		}
		return out
	}
	var before, after []string
	w.atEvent(run.DecisionAsked, "", func() { w.do(workflows.UpdateSituation, workflows.Control{By: "sato"}) })
	w.atEvent(run.SituationReported, "", func() {
		before = toTell()
		w.do(workflows.UpdateNotice, workflows.Notice{By: "sato", Who: "carrier", Text: "as reported", Channel: "telephone"})
	})
	w.atEvent(run.NoticeKept, "", func() { after = toTell() })
	w.run(in)
	if !slices.Equal(before, []string{"carrier", "maintainer"}) || !slices.Equal(after, []string{"maintainer"}) {
		t.Errorf("to be told: %v, and after one was: %v", before, after)
	}
}
