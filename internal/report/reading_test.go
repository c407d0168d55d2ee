package report_test

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// walked is a walkthrough in which nobody read the second step.
func walked(t *testing.T) *story {
	p := aPlan()
	p.Scenario.Depth, p.Scenario.Simulate, p.Scenario.Injects = run.Walkthrough, nil, nil
	p.Systems[0].Probes, p.Systems[0].SingleWriter = nil, nil
	p.Runbooks[1].Steps[0].Owner = "operator"
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.phase(run.Activation, 0, 5, run.Passed, "")
	s.decide("orders", run.Alternate)
	s.phase(run.RecoveryDecision, 11, 13, run.Passed, "")
	s.order(13, "orders", "orders-failover")
	s.run(13, run.Event{Kind: run.PhaseStarted, Phase: run.Recovery}, nil)
	e := run.Event{Phase: run.Recovery, System: "orders", Runbook: "orders-failover", Generation: 1}
	for _, id := range []string{"fence", "promote"} {
		e.Step, e.Kind = id, run.StepStarted
		s.on(13, "orders/failover", e, nil)
		e.Kind = run.StepWaiting
		s.on(13, "orders/failover", e, run.Wait{Kind: run.WaitAck, Role: "operator"})
	}
	fence := e
	fence.Step, fence.Kind, fence.Outcome, fence.By = "fence", run.StepEnded, run.Passed, "suzuki"
	s.on(20, "orders/failover", fence, run.StepResult{SettledBy: run.ByAcknowledge, Attempts: 1})
	e.Kind, e.Outcome, e.Reason = run.StepEnded, run.Unknown, "nobody did it within 30m / 30m 以内に実施されなかった"
	s.on(60, "orders/failover", e, run.StepResult{SettledBy: run.ByResult, Attempts: 1})
	s.run(60, run.Event{Kind: run.PhaseEnded, Phase: run.Recovery, Outcome: run.Failed}, nil)
	s.phase(run.Closing, 60, 61, run.Passed, "")
	s.end(61, run.PartlyWalkedThrough)
	return s
}

// The report of a walkthrough lists who acknowledged what and when, and calls nothing
// recovered.
func TestAWalkthroughListsWhoReadWhat(t *testing.T) {
	s := walked(t)
	r, err := report.Build(s.plan, s.journal())
	if err != nil {
		t.Fatal(err)
	}
	if r.Run.Verdict != run.NotProven || r.Run.State != run.PartlyWalkedThrough {
		t.Errorf("verdict %s, state %s; a walkthrough proves nothing", r.Run.Verdict, r.Run.State)
	}
	if got := r.Steps[0]; got.Owner != "operator" || got.By != "suzuki" || got.SettledBy != run.ByAcknowledge || got.EndedAt == nil {
		t.Errorf("fence = %+v, want acknowledged by suzuki, an operator", got)
	}
	if got := r.Steps[1]; got.Owner != "commander" || got.SettledBy == run.ByAcknowledge {
		t.Errorf("promote = %+v, want put before the commander and not acknowledged", got)
	}
	for lang, want := range map[string][]string{
		"en": {"Steps read and acknowledged", "operator", "suzuki", "14:00:20", "nobody", "read, not run", "walked through in part, nothing was run"},
		"ja": {"手順の読み合わせ（確認者と時刻）", "suzuki", "14:00:20", "未確認", "手順の一部のみ読み合わせ（実行なし）"},
	} {
		var out strings.Builder
		if err := report.Render(&out, r, report.Text, lang); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("the report in %s does not say %q:\n%s", lang, w, out.String())
			}
		}
	}
}

func TestATabletopIsNotCalledRecovered(t *testing.T) {
	p := aPlan()
	p.Scenario.Depth = run.Tabletop
	s := newStory(t, p)
	s.begin(0, run.Drill)
	s.end(61, run.TalkedThrough)
	r, err := report.Build(s.plan, s.journal())
	if err != nil {
		t.Fatal(err)
	}
	if r.Run.Verdict != run.NotProven {
		t.Errorf("verdict %s", r.Run.Verdict)
	}
	for lang, want := range map[string]string{"en": "talked through, nothing was run", "ja": "机上で検討（実行なし）"} {
		var out strings.Builder
		if err := report.Render(&out, r, report.Text, lang); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report in %s does not say %q:\n%s", lang, want, out.String())
		}
	}
}
