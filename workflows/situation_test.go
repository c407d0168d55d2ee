package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func situations(t *testing.T, w *world) []run.Situation {
	t.Helper()
	var out []run.Situation
	for _, e := range w.find(run.SituationReported) {
		var s run.Situation
		if err := e.Decode(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// Situation reports go out on their cadence, numbered, at once when a target is expected to be
// missed and when all is done; each is in the journal as it was sent, with the drill's mark where
// people read it (B-STP-11).
func TestSituationReportsGoOutOnACadence(t *testing.T) {
	w := newWorld(t)
	w.past = []plan.Timing{{Runbook: "orders-failover", Step: "fence", Action: "world.fence", MedianS: 3600, P95S: 7200, Drills: 1}}
	in := drill(t, func(p *plan.Plan) {
		withParties(p)
		p.Scenario.Simulate = nil
		p.Scenario.Reports = &plan.Reports{Every: d(2 * time.Minute), To: []string{"commander", "tanaka", "carrier"}}
	})
	w.atEvent(run.PersonCalled, "", func() {
		for _, p := range []string{"sato", "tanaka"} {
			w.do(workflows.UpdateCheckIn, workflows.CheckIn{Person: p, By: p, Safety: run.Safe, CanCome: true})
			w.do(workflows.UpdateArrive, workflows.Arrive{Person: p, By: p})
		}
		w.do(workflows.UpdateDraft, workflows.Draft{System: "orders", By: "tanaka", Choice: run.Alternate, Reason: "x", Policy: run.Policy{Requests: []string{"tell the branches"}}})
	})
	w.atEvent(run.DecisionAsked, "", func() {
		w.do(workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo is gone"})
	})
	w.atEvent(run.RecoveryOrdered, "", func() {
		w.do(workflows.UpdateSituation, workflows.Control{By: "sato"})
		w.do(workflows.UpdateNotice, workflows.Notice{By: "sato", Who: "headquarters", Text: "keep the branches informed", Received: true})
		w.refused(workflows.UpdateNotice, workflows.Notice{By: "sato", Text: "x"}, "相手と内容")
	})
	w.run(in)
	got := situations(t, w)
	count := map[string]int{}
	for i, s := range got {
		if s.No != i+1 || strings.Join(s.To, ",") != "sato,tanaka" || strings.Join(s.Parties, ",") != "carrier" {
			t.Errorf("report %d is %+v", i+1, s)
		}
		count[s.Trigger]++
	}
	if count["cadence"] < 3 || count["forecast"] != 1 || count["person"] != 1 || count["completion"] != 1 {
		t.Errorf("reports by reason: %v", count)
	}
	for _, s := range got {
		switch s.Trigger {
		case "forecast": // at the question: an hour's work against ten minutes
			if s.Systems[0].TargetAt == nil || !strings.Contains(s.EN, "not decided yet") {
				t.Errorf("forecast: %+v", s)
			}
		case "person": // the recovery is ordered
			if x := s.Systems[0]; !strings.Contains(s.JA, "1時間") || !strings.Contains(s.EN, "1 h") || x.ExpectedAt == nil || x.Choice != run.Alternate || !strings.Contains(s.JA, "超過") || !strings.Contains(s.JA, "要請事項：tell the branches") {
				t.Errorf("ordered: %+v %s", x, s.JA)
			}
		case "completion":
			if !s.Systems[0].Back || !strings.Contains(s.JA, "復旧済み") {
				t.Errorf("completion: %+v", s)
			}
		}
	}
	sent := 0
	for _, e := range w.find(run.MessageSent) {
		var m run.Message
		if e.Decode(&m) == nil && strings.Contains(m.Text, "Situation report") {
			sent++
			if !m.Ack {
				t.Errorf("its readers are not asked to acknowledge it: %+v", m)
			}
			if !strings.HasPrefix(m.Text, "[DRILL]") || !strings.Contains(m.Text, "状況報告 第") {
				t.Errorf("sent without its mark or in one language: %q", m.Text)
			}
		}
	}
	if sent != len(got) {
		t.Errorf("%d reports, %d messages", len(got), sent)
	}
}

func TestNoSituationReportsUnlessAsked(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.RunStarted, "", func() {
		w.refused(workflows.UpdateSituation, workflows.Control{By: "sato"}, "reports:", "送付先")
	})
	w.run(drill(t, nil))
	if got := situations(t, w); len(got) != 0 {
		t.Errorf("sent: %+v", got)
	}
}

// The record is complete when everybody who took part has said what was hard; nobody waits for who
// did not take part, and the completion keeps level and restrictions (B-STP-12, B-STP-13).
func TestEverybodyIsAskedWhatWasHard(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Scenario.Simulate = nil
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "abe", Roles: []string{"guest"}})
	})
	var waiting []progress.Waiting
	w.atEvent(run.RunStarted, "", func() {
		w.refused(workflows.UpdateRemark, workflows.Remark{By: "sato"}, "特になし")
		w.refused(workflows.UpdateRemark, workflows.Remark{By: "sato", Text: "x", Nothing: true}, "nothing was")
		w.refused(workflows.UpdateRemark, workflows.Remark{By: "sato", Text: "x", About: "promot"}, "promot")
		w.do(workflows.UpdateRemark, workflows.Remark{By: "sato", Text: "the phone tree was old", About: "communications"})
		for _, p := range []run.Phase{run.Communications, run.Containment} { // nothing else is waited for in the end
			w.do(workflows.UpdateConfirm, workflows.Confirm{Phase: p, By: "sato"})
		}
		for _, p := range []string{"sato", "tanaka", "suzuki", "abe"} {
			w.do(workflows.UpdateCheckIn, workflows.CheckIn{Person: p, By: p, Safety: run.Safe})
		}
	})
	w.atEvent(run.RecordsAsked, "", func() {
		waiting = w.overview(in.Plan).Waiting
		w.do(workflows.UpdateRemark, workflows.Remark{By: "sato", Nothing: true})
		w.do(workflows.UpdateRemark, workflows.Remark{By: "sato", Person: "tanaka", Text: "promote took long", About: "promote"})
	})
	previous := w.onEvent
	w.onEvent = func(e run.Event) {
		previous(e)
		if e.Kind == run.PhaseStarted && e.Phase == run.Completion {
			w.env.RegisterDelayedCallback(func() {
				w.do(workflows.UpdateConfirm, workflows.Confirm{Phase: run.Completion, By: "sato", Restrictions: []string{"no faxes"}})
			}, time.Second)
		}
	}
	w.atEvent(run.DecisionAsked, "", func() {
		w.do(workflows.UpdateDecide, workflows.Decide{By: "sato", Choice: run.Alternate, Reason: "Tokyo is gone"})
	})
	w.run(in)
	var asked run.Asked
	if e := w.find(run.RecordsAsked); len(e) != 1 || e[0].Decode(&asked) != nil || strings.Join(asked.People, ",") != "sato,tanaka" {
		t.Errorf("asked: %+v; want those with a role that counts, and who acted", e)
	}
	named := false
	for _, x := range waiting {
		named = named || x.For == progress.AwaitRemark && strings.Join(x.People, ",") == "sato,tanaka"
	}
	if !named {
		t.Errorf("who is to sign is not among %+v", waiting)
	}
	var ended, last time.Time
	for _, e := range w.find(run.RecordHandedIn) {
		last = e.At
	}
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.Closing {
			ended = e.At
		}
	}
	if wait := ended.Sub(last); wait > time.Minute {
		t.Errorf("the record was closed %s after the last had signed", wait)
	}
	records := w.overview(in.Plan).Records
	if len(records) != 2 || !records[0].Signed || len(records[0].Remarks) != 2 || !records[1].Signed || records[1].Remarks[0].By != "sato" {
		t.Errorf("records = %+v", records)
	}
	var done run.Completed
	if e := w.find(run.CompletionReport); len(e) != 1 || e[0].Decode(&done) != nil || len(done.Systems) != 1 || !done.Systems[0].Restored || *done.Systems[0].Level != 100 || len(done.Restrictions) != 1 {
		t.Errorf("completion: %+v", done)
	}
}
